"""Logical types and the codec: plain forms, exact casts, JSON there and back."""

from __future__ import annotations

import datetime as dt
import math
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyroute import PolyrouteError
from polyroute.sql.codec import decoder, encoder
from polyroute.sql.types import JSON, conform, logical_schema, logical_type, pack_schema, unpack_schema

SCALARS: list[tuple[pa.DataType, st.SearchStrategy[object]]] = [
    (pa.bool_(), st.booleans()),
    (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
    (pa.float64(), st.floats()),
    (pa.string(), st.text()),
    (pa.binary(), st.binary()),
    (pa.date32(), st.dates()),
    (pa.time64("us"), st.times()),
    (pa.timestamp("us"), st.datetimes()),
    (pa.timestamp("us", "UTC"), st.datetimes(timezones=st.just(dt.UTC))),
    (pa.duration("us"), st.timedeltas(dt.timedelta(days=-10_000), dt.timedelta(days=10_000))),
    (pa.decimal128(20, 4), st.decimals(-(10**15), 10**15, places=4)),
]


def same(one: object, other: object) -> bool:
    if isinstance(one, float) and isinstance(other, float) and math.isnan(one):
        return math.isnan(other)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[k], other[k]) for k in one)
    return one == other and type(one) is type(other)


@given(st.data())
def test_what_is_encoded_is_decoded_and_is_json(data: st.DataObject) -> None:
    import json

    kind, values = data.draw(st.sampled_from(SCALARS))
    shape = data.draw(st.sampled_from(["plain", "list", "struct"]))
    value: object = data.draw(values)
    if shape == "list":
        kind, value = pa.list_(kind), [value, None]
    elif shape == "struct":
        kind, value = pa.struct([("a", kind), ("b", kind)]), {"a": value, "b": None}
    encode, decode = encoder(kind), decoder(kind)
    stored = value if encode is None else encode(value)
    through = json.loads(json.dumps(stored, allow_nan=False))
    assert same(value if decode is None and encode is None else decode(through) if decode else through, value)


@pytest.mark.parametrize(
    ("given_type", "plain"),
    [
        (pa.large_string(), pa.string()),
        (pa.string_view(), pa.string()),
        (pa.dictionary(pa.int8(), pa.large_string()), pa.string()),
        (pa.large_list(pa.large_string()), pa.list_(pa.string())),
        (pa.date64(), pa.date32()),
        (pa.struct([("a", pa.large_binary())]), pa.struct([("a", pa.binary())])),
        (pa.list_(pa.field("element", pa.float32()), 3), pa.list_(pa.field("item", pa.float32()), 3)),
        (JSON, JSON),
    ],
)
def test_physical_forms_have_one_logical_type(given_type: pa.DataType, plain: pa.DataType) -> None:
    assert logical_type(given_type) == plain
    assert logical_type(plain) == plain


def test_names_that_sql_cannot_tell_apart_are_refused() -> None:
    with pytest.raises(PolyrouteError, match="same name in SQL"):
        logical_schema(pa.schema([("a", pa.int8()), ("A", pa.int8())]))


def test_schemas_survive_packing() -> None:
    schema = pa.schema([("j", JSON), ("d", pa.decimal128(38, 3)), ("t", pa.timestamp("ns", "Asia/Tokyo"))])
    assert unpack_schema(pack_schema(schema)) == schema


def test_conform_fills_what_is_missing_and_refuses_what_would_be_lost() -> None:
    nested = pa.struct([("x", pa.int64()), ("y", pa.string())])
    schema = pa.schema([("a", pa.int8()), ("s", nested), ("d", pa.date32())])
    table = pa.table({"s": [{"x": 1}, None], "a": pa.array([1, 2], pa.int64())})
    assert conform(table, schema).to_pylist() == [
        {"a": 1, "s": {"x": 1, "y": None}, "d": None},
        {"a": 2, "s": None, "d": None},
    ]
    for wrong in ({"a": [300]}, {"a": [1.5]}, {"b": [1]}, {"s": [{"z": 1}]}):
        with pytest.raises(PolyrouteError) as caught:
            conform(pa.table(wrong), schema)
        assert caught.value.code == "QUERY_INVALID"


def test_decimals_keep_their_digits() -> None:
    encode, decode = encoder(pa.decimal128(10, 2)), decoder(pa.decimal128(10, 2))
    assert encode is not None
    assert decode is not None
    assert str(decode(encode(Decimal("1.10")))) == "1.10"

"""How datasets lie in Lance tables: names, types and values come back; what cannot is refused before."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polyroute.engines.call import UNBOUNDED
from polyroute.engines.contract import Dataset, LoadSpec
from polyroute.engines.registry import open_engine
from polyroute.engines.vector.lance.layout import (
    dataset_name,
    lay_out,
    read_layout,
    refusal,
    stored_type,
    table_name,
)
from polyroute.sql.filters import Unsupported, parse_filter
from polyroute.sql.types import JSON

VECTOR = pa.list_(pa.float32(), 2)
LEAVES: list[tuple[pa.DataType, st.SearchStrategy[Any]]] = [
    (pa.bool_(), st.booleans()),
    (pa.int8(), st.integers(-128, 127)),
    (pa.uint64(), st.integers(0, 2**64 - 1)),
    (pa.float32(), st.floats(width=32)),
    (pa.float64(), st.floats()),
    (pa.string(), st.text(max_size=8)),
    (pa.binary(), st.binary(max_size=4)),
    (pa.binary(3), st.binary(min_size=3, max_size=3)),
    (pa.date32(), st.dates()),
    (pa.timestamp("us"), st.datetimes()),
    (
        pa.timestamp("ns", "UTC"),
        st.datetimes(dt.datetime(1700, 1, 1), dt.datetime(2200, 1, 1), timezones=st.just(dt.UTC)),
    ),
    (pa.time64("us"), st.times()),
    (pa.duration("us"), st.timedeltas(dt.timedelta(-9999), dt.timedelta(9999))),
    (pa.decimal128(12, 3), st.integers(-(10**11), 10**11).map(lambda n: Decimal(n) / 1000)),
    (pa.decimal256(50, 2), st.integers(-(10**40), 10**40).map(lambda n: Decimal(n) / 100)),
    (JSON, st.sampled_from(['{"b" :1, "a": 1.0}', "123456789012345678901234567890", "null", '"x"'])),
]


def nested(child: tuple[pa.DataType, st.SearchStrategy[Any]]) -> st.SearchStrategy[Any]:
    kind, values = child
    some = values | st.none()
    key = pa.string()
    return st.sampled_from(
        [
            (pa.list_(kind), st.lists(some, max_size=3)),
            (pa.list_(kind, 2), st.lists(some, min_size=2, max_size=2)),
            (
                pa.struct([("a", kind), ("odd name.", pa.int32())]),
                st.fixed_dictionaries({"a": some, "odd name.": st.none() | st.just(7)}),
            ),
            (pa.map_(key, kind), st.dictionaries(st.text(max_size=3), some, max_size=3).map(lambda d: list(d.items()))),
        ]
    )


@st.composite
def columns(draw: st.DrawFn) -> tuple[pa.DataType, list[Any]]:
    kind, values = draw(st.sampled_from(LEAVES))
    for _ in range(draw(st.integers(0, 3))):
        kind, values = draw(nested((kind, values)))
    rows = st.none() | values if draw(st.booleans()) else values if draw(st.booleans()) else st.none()
    return kind, draw(st.lists(rows, min_size=1, max_size=6))


def same(one: pa.Table, other: pa.Table) -> bool:
    return one.schema == other.schema and repr(one.to_pylist()) == repr(other.to_pylist())


def _arrow(kind: pa.DataType, values: list[Any]) -> pa.Array | None:
    """Build an array by way of the plain type, because Arrow builds no nested extension values."""
    plain = stored_type(kind, vector=True)
    try:
        return pa.array(values, plain).cast(kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return None


@settings(max_examples=60, deadline=None)
@given(columns())
def test_every_type_that_is_not_refused_comes_back(tmp_path_factory: pytest.TempPathFactory, case: Any) -> None:
    kind, values = case
    made = _arrow(kind, values)
    if made is None or _refused(kind):
        return
    count = len(values)
    vectors = pa.array([[float(n), 0.0] for n in range(count)], VECTOR)
    table = pa.table({"k": pa.array(range(count), pa.int64()), "v": vectors, "embedding": made})
    engine = open_engine(f"lancedb:///{tmp_path_factory.mktemp('t')}/v")
    try:
        dataset = Dataset("t", "vector", table.schema, ("k",), {"vector": "v"})
        for mode in ("create", "replace", "upsert"):
            # in slices, because slices of nested values have crashed Lance
            batches = [b for b in (table.slice(0, 1), table.slice(1)) for b in b.to_batches()]
            engine.load(LoadSpec(dataset, mode, lambda batches=batches: iter(batches)), UNBOUNDED)  # type: ignore[misc]
            store = engine.resource.handle
            found = store.snapshot("t").gather(tuple(table.column_names), None).sort_by("k")  # type: ignore[attr-defined]
            assert same(found, table), (kind, mode)
    finally:
        engine.close()


def _refused(kind: pa.DataType) -> bool:
    if refusal(kind):
        return True
    if isinstance(kind, pa.BaseExtensionType) or not pa.types.is_nested(kind):
        return False
    inner = [kind.key_type, kind.item_type] if pa.types.is_map(kind) else [f.type for f in _fields(kind)]
    return any(_refused(k) for k in inner)


def _fields(kind: pa.DataType) -> list[pa.Field]:
    return [kind.field(i) for i in range(kind.num_fields)]


@pytest.mark.parametrize(
    "kind",
    [
        pa.month_day_nano_interval(),
        pa.struct([]),
        pa.struct([("n", pa.null())]),
        pa.struct([("a\0b", pa.int64())]),
        pa.list_(pa.string(), 2),
        pa.list_(pa.list_(pa.int64()), 2),
        pa.list_(pa.struct([("a", pa.int64())]), 2),
        pa.list_(pa.null(), 2),
        pa.list_(pa.int64(), 0),
        pa.string_view(),
    ],
)
def test_what_lance_cannot_give_back_is_refused(kind: pa.DataType) -> None:
    assert refusal(kind)


@pytest.mark.parametrize("kind", [pa.null(), JSON, pa.list_(pa.list_(pa.float32(), 2), 3), pa.map_(pa.string(), JSON)])
def test_what_it_can_is_not(kind: pa.DataType) -> None:
    assert refusal(kind) is None


def dataset(names: list[str], kind: pa.DataType = pa.int64(), vector: str = "v") -> Dataset:
    schema = pa.schema([(n, VECTOR if n == vector else kind) for n in names])
    return Dataset("t", "vector", schema, (), MappingProxyType({"vector": vector}))


def test_plain_names_stay_and_odd_ones_get_stand_ins() -> None:
    layout = lay_out(dataset(["plain", "with space", "a.b", "a`b", "", "_rowid", "ünï", "column_3", "v"]))
    kept = {n for n, s in layout.stored.items() if n == s}
    assert kept == {"plain", "with space", "ünï", "column_3", "v"}
    assert len({s.lower() for s in layout.stored.values()}) == 9
    assert all(not s.startswith("_") and "." not in s for s in layout.stored.values())


def test_lists_do_not_bear_a_vectors_name() -> None:
    floats = pa.list_(pa.float64())
    assert lay_out(dataset(["Vector", "embedding", "v"], floats)).stored["Vector"] == "column_1"
    assert lay_out(dataset(["vector", "v"], pa.int64())).stored["vector"] == "vector"
    assert lay_out(dataset(["a.b", "x"], pa.int64(), vector="a.b")).stored["a.b"] == "vector"


def test_a_layout_is_read_back() -> None:
    made = Dataset("t", "vector", pa.schema([("a.b", JSON), ("v", VECTOR)]), ("a.b",), {"vector": "v", "metric": "l2"})
    layout = lay_out(made)
    read = read_layout("t", layout.schema)
    assert read.dataset == made
    assert read.owned
    assert dict(read.stored) == dict(layout.stored)


def test_columns_added_or_removed_by_another_program_are_seen() -> None:
    made = lay_out(dataset(["a.b", "c", "v"]))
    other = pa.schema(
        [*[f for f in made.schema if f.name != "c"], ("new", pa.large_string())], metadata=made.schema.metadata
    )
    read = read_layout("t", other)
    assert read.dataset.schema == pa.schema([("a.b", pa.int64()), ("v", VECTOR), ("new", pa.string())])
    assert read.stored["a.b"] == "column_1"


def test_a_key_whose_column_is_gone_is_none() -> None:
    made = lay_out(Dataset("t", "vector", pa.schema([("k", pa.int64()), ("v", VECTOR)]), ("k",), {"vector": "v"}))
    read = read_layout("t", pa.schema([made.schema.field("v")], metadata=made.schema.metadata))
    assert read.dataset.key == ()
    read = read_layout("t", pa.schema([made.schema.field("k")], metadata=made.schema.metadata))
    assert dict(read.dataset.roles) == {}


def test_a_foreign_table_has_its_only_vector_as_vector() -> None:
    one = read_layout("t", pa.schema([("id", pa.int64()), ("emb", VECTOR), ("codes", pa.list_(pa.uint8(), 4))]))
    assert dict(one.dataset.roles) == {"vector": "emb"}
    assert not one.owned
    two = read_layout("t", pa.schema([("a", VECTOR), ("b", VECTOR)]))
    assert dict(two.dataset.roles) == {}


@pytest.mark.parametrize("name", ["passages", "A.b-c_1", "x" * 200])
def test_a_name_that_lance_can_hold_is_the_tables(name: str) -> None:
    assert table_name(name) == name
    assert dataset_name(name, pa.schema([])) == name


@pytest.mark.parametrize("name", ["a b", "ä", ".hidden", "-x", "a/b", "x" * 300, "../up", "CON:"])
def test_any_other_name_gets_a_digest_and_is_remembered(name: str) -> None:
    table = table_name(name)
    assert table_name(table) == table
    layout = lay_out(Dataset(name, "vector", pa.schema([("v", VECTOR)]), (), {"vector": "v"}))
    assert dataset_name(table, layout.schema) == name
    assert dataset_name("copied", layout.schema) == "copied"


def test_filters_reach_lance_over_the_stored_names_and_types_alone() -> None:
    made = Dataset("t", "vector", pa.schema([("a.b", pa.int64()), ("j", JSON), ("v", VECTOR)]), (), {"vector": "v"})
    layout = lay_out(made)
    where = parse_filter('"a.b" > 3 AND "a.b" < 9', made.schema)
    assert layout.to_lance(where) == "((`column_1` > 3) AND (`column_1` < 9))"
    assert parse_filter('"a.b" > 3 AND "a.b" < 9', made.schema) == where
    with pytest.raises(Unsupported):
        layout.to_lance(parse_filter("j = 'x'", made.schema))

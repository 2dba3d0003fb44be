"""Stored forms: every logical type goes in and comes out the same, as a column and as single values."""

from __future__ import annotations

import datetime as dt
import math
from decimal import Decimal

import pyarrow as pa
import pytest

from polyroute.engines.relational.sqlite_form import OutOfRange
from polyroute.engines.relational.sqlite_forms import form_of, refusal
from polyroute.sql.types import JSON
from polyroute.values import array_from_values, column_values

ZURICH = "Europe/Zurich"
MOMENTS = [dt.datetime(2013, 1, 1, 5, 15), None, dt.datetime(1, 1, 1), dt.datetime(9999, 12, 31, 23, 59, 59)]
TIMES = [dt.time(5, 15), None, dt.time(0), dt.time(23, 59, 59)]
SAMPLES: list[tuple[pa.DataType, list[object]]] = [
    (pa.bool_(), [True, False, None]),
    *[(t, [0, -1, 127, -128, None]) for t in (pa.int8(), pa.int16(), pa.int32(), pa.int64())],
    *[(t, [0, 255, None]) for t in (pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64())],
    (pa.int64(), [2**63 - 1, -(2**63)]),
    (pa.uint64(), [2**63 - 1]),
    (pa.float64(), [0.1 + 0.2, -0.0, math.inf, -math.inf, 5e-324, 1.7976931348623157e308, None]),
    (pa.float32(), [0.10000000149011612, math.inf, None]),
    (pa.float16(), [1.5, None]),
    (pa.decimal128(38, 10), [Decimal("0"), Decimal("-0.0000000001"), Decimal("1.5"), None]),
    (pa.decimal128(5, 0), [Decimal("99999")]),
    (pa.decimal256(70, 10), [Decimal("9" * 60), None]),
    (pa.string(), ["", "a\0b", "Zürich 🚂", "'; DROP TABLE t; --", None]),
    (JSON, ['{"a": [1, "x"]}', None]),
    (pa.binary(), [b"", b"\x00\xff", None]),
    (pa.binary(2), [b"\x00\xff", None]),
    (pa.null(), [None, None]),
    (pa.date32(), [dt.date(1, 1, 1), dt.date(9999, 12, 31), dt.date(2024, 2, 29), None]),
    *[(pa.timestamp(unit), MOMENTS) for unit in ("s", "ms", "us")],
    (pa.timestamp("ns"), [dt.datetime(1800, 1, 1), None, dt.datetime(2013, 1, 1, 5, 15, 0, 1)]),
    (pa.timestamp("us", "UTC"), [dt.datetime(2013, 7, 1, 5, 15, tzinfo=dt.UTC), None]),
    (pa.timestamp("ms", ZURICH), [dt.datetime(2013, 7, 1, 5, 15, tzinfo=dt.UTC), None]),
    (pa.timestamp("us", "+05:30"), [dt.datetime(2013, 7, 1, 5, 15, tzinfo=dt.UTC)]),
    (pa.time32("s"), TIMES),
    (pa.time32("ms"), TIMES),
    (pa.time64("us"), [*TIMES, dt.time(23, 59, 59, 999_999)]),
    (pa.time64("ns"), TIMES),
    *[(pa.duration(u), [dt.timedelta(0), dt.timedelta(days=-3, seconds=5), None]) for u in ("s", "ms", "us", "ns")],
    (pa.list_(pa.int64()), [[], [1, None, 2**60], None]),
    (pa.list_(pa.float32(), 2), [[0.10000000149011612, math.inf], None]),
    (pa.list_(pa.list_(pa.string())), [[["a"], [], None], None]),
    (
        pa.struct(
            [("d", pa.date32()), ("x", pa.decimal128(9, 2)), ("b", pa.binary()), ("t", pa.timestamp("us", ZURICH))]
        ),
        [
            {
                "d": dt.date(2024, 2, 29),
                "x": Decimal("1.50"),
                "b": b"\x00",
                "t": dt.datetime(2020, 1, 1, tzinfo=dt.UTC),
            },
            {"d": None, "x": None, "b": None, "t": None},
            None,
        ],
    ),
    (pa.struct([]), [{}, None]),
    (pa.map_(pa.string(), pa.list_(pa.float64())), [[("k", [1.5, None])], [], None]),
    (pa.struct([("j", JSON), ("n", pa.null())]), [{"j": '{"a":1}', "n": None}, None]),
    (pa.list_(JSON), [['{"a":1}', None], None]),
]
IDS = [str(t) for t, _ in SAMPLES]


def made(values: list[object], arrow_type: pa.DataType) -> pa.Array:
    return array_from_values(values, arrow_type)


@pytest.mark.parametrize(("arrow_type", "values"), SAMPLES, ids=IDS)
def test_a_column_comes_back(arrow_type: pa.DataType, values: list[object]) -> None:
    form = form_of(arrow_type)
    array = made(values, arrow_type)
    stored = form.encode(array)
    assert {type(v) for v in stored} <= {type(None), int, bool, float, str, bytes}
    stored = [int(v) if isinstance(v, bool) else v for v in stored]  # as SQLite does
    back = form.decode(stored)
    assert back.type == arrow_type
    assert back.equals(array)


@pytest.mark.parametrize(("arrow_type", "values"), SAMPLES, ids=IDS)
def test_single_values_are_stored_and_read_as_the_column_is(arrow_type: pa.DataType, values: list[object]) -> None:
    form = form_of(arrow_type)
    array = made(values, arrow_type)
    logical = [v for v in column_values(array) if v is not None]
    stored = [v for v in form.encode(array) if v is not None]
    assert [v if form.encode_value is None else form.encode_value(v) for v in logical] == stored
    assert [v if form.decode_value is None else form.decode_value(v) for v in stored] == logical


@pytest.mark.parametrize(("arrow_type", "values"), SAMPLES, ids=IDS)
def test_what_has_no_rows_or_no_values_keeps_its_type(arrow_type: pa.DataType, values: list[object]) -> None:
    form = form_of(arrow_type)
    assert form.decode([]).type == arrow_type
    assert form.decode([None, None]).null_count == 2


def test_nan_is_a_text_that_sorts_last() -> None:
    for arrow_type in (pa.float64(), pa.float32(), pa.float16()):
        form = form_of(arrow_type)
        stored = form.encode(pa.array([1.0, math.nan, None], arrow_type))
        assert stored == [1.0, "NaN", None]
        assert math.isnan(form.decode(stored)[1].as_py())
        assert form.decode_value is not None
        assert math.isnan(form.decode_value("NaN"))


def test_text_order_is_time_order() -> None:
    moments = [dt.datetime(999, 1, 1), dt.datetime(2013, 1, 1, 5), dt.datetime(2013, 1, 1, 5, 0, 0, 1)]
    for unit in ("us", "ns"):
        values = moments if unit == "us" else moments[1:]
        assert (stored := form_of(pa.timestamp(unit)).encode(pa.array(values, pa.timestamp(unit)))) == sorted(stored)


@pytest.mark.parametrize(
    "array",
    [
        pa.array([2**63], pa.uint64()),
        pa.array([2_932_897], pa.int32()).cast(pa.date32()),
        pa.array([-719_163], pa.int32()).cast(pa.date32()),
        pa.array([253_402_300_800], pa.timestamp("s")),
        pa.array([-62_135_596_801_000], pa.timestamp("ms")),
        pa.array([86_400_000_000], pa.int64()).cast(pa.time64("us")),
    ],
    ids=str,
)
def test_values_that_sqlite_cannot_hold_are_refused(array: pa.Array) -> None:
    with pytest.raises(OutOfRange):
        form_of(array.type).encode(array)


@pytest.mark.parametrize(
    "arrow_type",
    [
        pa.month_day_nano_interval(),
        pa.list_(pa.timestamp("ns")),
        pa.struct([("a", pa.list_(pa.duration("ns")))]),
        pa.map_(pa.string(), pa.time64("ns")),
        pa.struct([("a", pa.int8()), ("a", pa.int8())]),
        pa.dense_union([pa.field("a", pa.int8())]),
        pa.timestamp("us", "Nowhere/Here"),
    ],
    ids=str,
)
def test_types_that_cannot_be_given_back_are_refused(arrow_type: pa.DataType) -> None:
    assert refusal(arrow_type)


@pytest.mark.parametrize(("arrow_type", "values"), SAMPLES, ids=IDS)
def test_the_others_are_not(arrow_type: pa.DataType, values: list[object]) -> None:
    assert refusal(arrow_type) is None

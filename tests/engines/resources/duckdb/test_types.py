"""DuckDB's types and the logical ones: every one comes back as it was, what cannot is refused."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from polyroute.engines import open_engine
from polyroute.engines.resources.duckdb.types import logical_of, refusal, storage_type, wire_type
from polyroute.engines.testing.store import Store
from polyroute.errors import PolyrouteError
from polyroute.operations import RelationalExecute, RelationalGet, RelationalQuery, RelationalUpsert, Scan
from polyroute.sql.types import JSON

I64 = 2**63 - 1
NEW_YORK = "America/New_York"


def duration(values: list[int | None], unit: str) -> pa.Array:
    return pa.array(values, pa.int64()).cast(pa.duration(unit))


def moments(values: list[int | None], unit: str, tz: str | None = None) -> pa.Array:
    return pa.array(values, pa.int64()).cast(pa.timestamp(unit, tz))


SCALARS: dict[str, pa.Array] = {
    "bool": pa.array([True, False, None]),
    "int8": pa.array([-128, 127, None], pa.int8()),
    "int16": pa.array([-(2**15), 2**15 - 1, None], pa.int16()),
    "int32": pa.array([-(2**31), 2**31 - 1, None], pa.int32()),
    "int64": pa.array([-(2**63), I64, None], pa.int64()),
    "uint8": pa.array([0, 255, None], pa.uint8()),
    "uint16": pa.array([0, 2**16 - 1, None], pa.uint16()),
    "uint32": pa.array([0, 2**32 - 1, None], pa.uint32()),
    "uint64": pa.array([0, 2**64 - 1, None], pa.uint64()),
    "float16": pa.array(np.array([1.5, np.inf, -0.0, 6e-8, np.nan], np.float16)),
    "float32": pa.array([1.1, float("nan"), None, -0.0, 1e-45], pa.float32()),
    "float64": pa.array([5e-324, float("nan"), float("-inf"), -0.0, 1.7976931348623157e308]),
    "decimal": pa.array([Decimal("9" * 36 + ".99"), Decimal("-0.01"), None], pa.decimal128(38, 2)),
    "decimal256": pa.array([Decimal("1.50"), None], pa.decimal256(20, 2)),
    "string": pa.array(["", "a\x00b", "\U0001f600 é", None]),
    "binary": pa.array([b"", b"\x00\xff", None]),
    "fixed binary": pa.array([b"abc", b"\x00\x00\x00", None], pa.binary(3)),
    "date": pa.array([dt.date.min, dt.date(1969, 12, 31), dt.date(2013, 3, 10), None]),
    "far dates": pa.array([2**31 - 1, -(2**31)], pa.int32()).cast(pa.date32()),
    "time32 s": pa.array([0, 86_399, None], pa.int32()).cast(pa.time32("s")),
    "time32 ms": pa.array([0, 86_399_999, None], pa.int32()).cast(pa.time32("ms")),
    "time64 us": pa.array([0, 86_399_999_999, None], pa.int64()).cast(pa.time64("us")),
    "time64 ns": pa.array([1, 86_399_999_999_999, None], pa.int64()).cast(pa.time64("ns")),
    "timestamp s": moments([-I64, 0, I64, None], "s"),
    "timestamp ms": moments([-1, 1_234_567_891, None], "ms"),
    "timestamp us": moments([-I64, -1, 1, I64, None], "us"),
    "timestamp ns": moments([-I64, -1, 1, I64, None], "ns"),
    "zoned s": moments([-1, 0, 10**11, None], "s", NEW_YORK),
    "zoned ms": moments([-1, 1_234_567_891, None], "ms", "+02:30"),
    "zoned us": moments([-1, 1, None], "us", NEW_YORK),
    "zoned ns": moments([-1, 1, None], "ns", "UTC"),
    "duration s": duration([-1, 0, 9 * 10**9, None], "s"),
    "duration ms": duration([-1, 1_234_567_891, None], "ms"),
    "duration us": duration([-1, 9 * 10**15, None], "us"),
    "duration ns": duration([-5_000, 1_000, None], "ns"),
    "interval": pa.array([pa.MonthDayNano([1, -2, 3_000]), None]),
    "null": pa.nulls(3),
    "json": pa.ExtensionArray.from_storage(JSON, pa.array(['{"a": [1, 1.0]}', "null", '"x"', None])),
}
NESTED: dict[str, pa.Array] = {
    "list": pa.array([[1, None], [], None], pa.list_(pa.int32())),
    "fixed list": pa.array([[1.0, 2.0], None, [None, 3.0]], pa.list_(pa.float32(), 2)),
    "half floats": pa.array([[np.float16(1.5)], None], pa.list_(pa.float16())),
    "struct": pa.array(
        [{"a": 1, "B c": "x"}, None, {"a": None, "B c": None}], pa.struct([("a", pa.int8()), ("B c", "string")])
    ),
    "map": pa.array([[("a", 1), ("b", None)], [], None], pa.map_(pa.string(), pa.int64())),
    "json items": pa.array([['{"a": 1}', None], None], pa.list_(pa.string())).cast(pa.list_(JSON)),
    "fixed binaries": pa.array([[b"abc"], None], pa.list_(pa.binary(3))),
    "nulls": pa.array([[None], []], pa.list_(pa.null())),
    "durations": pa.array([[dt.timedelta(1), None], None, []], pa.list_(pa.duration("s"))),
    "fixed durations": pa.array([[dt.timedelta(1), None], None], pa.list_(pa.duration("ms"), 2)),
    "deep": pa.array(
        [[{"m": [("k", [dt.timedelta(2), None])]}, None], None],
        pa.list_(pa.struct([("m", pa.map_(pa.string(), pa.list_(pa.duration("ns"))))])),
    ),
    "zoned items": pa.array([[dt.datetime(2013, 3, 10, tzinfo=dt.UTC)]], pa.list_(pa.timestamp("s", NEW_YORK))),
}


@pytest.fixture
def store() -> Iterator[Store]:
    store = Store(lambda: open_engine("duckdb://"))
    yield store
    store.close()


def same(found: pa.Table, expected: pa.Table) -> None:
    assert found.schema.equals(expected.schema, check_metadata=True)
    for column, other in zip(found.columns, expected.columns, strict=True):
        assert text(column) == text(other)


def text(column: pa.ChunkedArray) -> str:
    """Return the values as text, in which a NaN equals itself; those beyond Python's types as Arrow shows them."""
    try:
        return repr(column.to_pylist())
    except OverflowError:
        return str(column.combine_chunks())


@pytest.mark.parametrize("name", [*SCALARS, *NESTED])
def test_every_type_comes_back_by_every_way_of_reading(store: Store, name: str) -> None:
    column = {**SCALARS, **NESTED}[name]
    table = pa.table({"i": pa.array(range(len(column)), pa.int64()), "v": column})
    table = table.cast(pa.schema([f if f.name == "i" else pa.field("v", column.type) for f in table.schema]))
    store.load("t", table, key="i")
    held = store.engine.dataset("t").schema
    expected = table.set_column(1, held.field("v"), table["v"].cast(held.field("v").type))
    same(store.ask(Scan("t", order="i")).to_arrow(), expected)
    same(store.ask(RelationalGet("t", 0)).to_arrow(), expected.slice(0, 1))
    assert store.ask(RelationalUpsert("t", expected.slice(0, 1))).rows_affected == 1
    same(store.ask(Scan("t", order="i")).to_arrow(), expected)


def test_empty_answers_keep_their_types(store: Store) -> None:
    columns = {n: a for n, a in {**SCALARS, **NESTED}.items() if n != "decimal256"}
    table = pa.table({n: a.slice(0, 0) for n, a in columns.items()})
    store.load("t", table)
    assert store.ask(Scan("t")).to_arrow().schema.equals(table.schema, check_metadata=True)


@pytest.mark.parametrize(
    ("refused", "why"),
    [
        (pa.decimal256(39, 0), "38 digits"),
        (pa.decimal128(5, -2), "scale"),
        (pa.decimal128(2, 3), "scale"),
        (pa.list_(pa.int8(), 0), "1 to 100000"),
        (pa.struct([]), "at least one field"),
        (pa.struct([("a", pa.int8()), ("A", pa.int8())]), "case"),
        (pa.list_(pa.struct([("", pa.int8())])), "named"),
        (pa.sparse_union([pa.field("a", pa.int8())]), "no type for"),
        (pa.map_(pa.string(), pa.decimal256(50, 2)), "38 digits"),
    ],
)
def test_types_that_cannot_come_back_are_refused(refused: pa.DataType, why: str) -> None:
    assert why in str(refusal(refused))


@pytest.mark.parametrize(
    "column",
    [
        duration([1], "ns"),
        duration([10**10], "s"),
        duration([I64], "us"),
        moments([10**13], "s", "UTC"),
        pa.array([pa.MonthDayNano([0, 0, 1])]),
        pa.array([[dt.timedelta(400 * 365)]], pa.list_(pa.duration("s"))),
        pa.array([[("a", 1), ("a", 2)]], pa.map_(pa.string(), pa.int64())),
    ],
    ids=str,
)
def test_values_that_cannot_come_back_are_refused_by_column(store: Store, column: pa.Array) -> None:
    with store.refused(told="'v'"):
        store.load("t", pa.table({"fine": [1], "v": column}))
    assert not store.engine.datasets()


@pytest.mark.parametrize(
    ("column", "value"),
    [
        (SCALARS["time32 s"], "TIME '12:00:00.5'"),
        (SCALARS["zoned ms"], "TIMESTAMPTZ '2013-01-01 00:00:00.0005+00'"),
        (SCALARS["duration s"], "INTERVAL 500 MILLISECONDS"),
        (SCALARS["fixed binary"], "'abcd'::BLOB"),
    ],
    ids=["time", "timestamp", "duration", "binary"],
)
def test_sql_writes_nothing_that_could_not_be_read(store: Store, column: pa.Array, value: str) -> None:
    store.load("t", pa.table({"v": column}))
    with store.refused("CONSISTENCY_VIOLATION"):
        store.ask(RelationalExecute(None, f"UPDATE t SET v = {value}"))


MILLIARD = 170141183460469231731687303715884105
QUIET_AND_COUNT = pa.struct([("e", pa.string()), ("z", pa.int32())])
WKB = bytes.fromhex("0101000000000000000000f03f0000000000000040")
ONE = dt.datetime(2012, 12, 31, 23, tzinfo=dt.UTC)

FOREIGN = [
    ("HUGEINT", f"{MILLIARD}::HUGEINT", pa.decimal128(38, 0), Decimal(MILLIARD)),
    ("UHUGEINT", "5::UHUGEINT", pa.decimal128(38, 0), Decimal(5)),
    ("ENUM('b', 'a')", "'a'", pa.string(), "a"),
    ("ENUM('b', 'a')[]", "['a', NULL]", pa.list_(pa.string()), ["a", None]),
    ("STRUCT(e ENUM('q'), z INTEGER)", "{'e': 'q', 'z': 2}", QUIET_AND_COUNT, {"e": "q", "z": 2}),
    ("MAP(VARCHAR, ENUM('x'))", "MAP {'k': 'x'}", pa.map_(pa.string(), pa.string()), [("k", "x")]),
    ("UUID", "'6b4e7c1e-52a6-4e1f-9d5e-6a0f1c0e2f3a'", pa.string(), "6b4e7c1e-52a6-4e1f-9d5e-6a0f1c0e2f3a"),
    ("BIT", "'0101'", pa.string(), "0101"),
    ("TIMETZ", "'12:00:00+02'", pa.string(), "12:00:00+02"),
    ("BIGNUM", f"'{10**50}'::BIGNUM", pa.string(), str(10**50)),
    ("UNION(n INTEGER, s VARCHAR)", "union_value(s := 'q')", JSON, '{"s":"q"}'),
    ("UNION(n INTEGER, s VARCHAR)[]", "[union_value(n := 1)]", pa.list_(JSON), ['{"n":1}']),
    ("VARIANT", "{'a': [1, 2]}::VARIANT", JSON, '{"a":[1,2]}'),
    ("TUPLE(INTEGER, VARCHAR)", "row(1, 'a')", JSON, '[1,"a"]'),
    ("GEOMETRY", "'POINT(1 2)'::GEOMETRY", pa.binary(), WKB),
    ("INTERVAL", "INTERVAL '1 month 2 days'", pa.month_day_nano_interval(), pa.MonthDayNano([1, 2, 0])),
    ("TIMESTAMPTZ", "'2013-01-01 00:00:00+01'", pa.timestamp("us", "UTC"), ONE),
    ("JSON", "'[1]'", JSON, "[1]"),
    ("DECIMAL(5, 2)", "1.5", pa.decimal128(5, 2), Decimal("1.50")),
    ("SMALLINT[2]", "[1, NULL]", pa.list_(pa.int16(), 2), [1, None]),
    ("TIME_NS", "'00:00:01'", pa.time64("ns"), dt.time(0, 0, 1)),
]


@pytest.mark.parametrize(("kind", "value", "arrow_type", "expected"), FOREIGN, ids=[f[0] for f in FOREIGN])
def test_types_of_other_programs_are_read(
    store: Store, kind: str, value: str, arrow_type: pa.DataType, expected: object
) -> None:
    engine = store.engine
    native(store, f"CREATE TABLE t (i INTEGER PRIMARY KEY, v {kind})")
    native(store, f"INSERT INTO t VALUES (1, {value}), (2, NULL)")
    assert engine.dataset("t").schema.field("v").type.equals(arrow_type, check_metadata=True)
    for found in (
        store.ask(Scan("t", ("v",), order="i")),
        store.ask(RelationalQuery(None, "SELECT v FROM t ORDER BY i")),
    ):
        assert found.fetchall() == [(expected,), (None,)]
    assert store.rows(RelationalGet("t", 1)) == [(1, expected)]


def native(store: Store, sql: str) -> None:
    store.ask(RelationalExecute(None, sql, dialect="native"))


def test_foreign_columns_are_filtered_and_ordered_as_their_logical_values(store: Store) -> None:
    native(store, "CREATE TABLE t (e ENUM('small', 'big'), u UUID PRIMARY KEY)")
    native(store, "INSERT INTO t SELECT unnest(['small', 'big']), md5(unnest(['1', '2']))::UUID")
    assert store.rows(Scan("t", ("e",), order="e")) == [("big",), ("small",)]
    assert store.rows(Scan("t", ("e",), where="e < 'c'")) == [("big",)]
    assert store.rows(Scan("t", ("e",), where="u = 'not a uuid'")) == []
    assert store.rows(RelationalQuery(None, "SELECT e FROM t ORDER BY e")) == [("big",), ("small",)]
    assert store.rows(RelationalQuery(None, "SELECT x.e FROM t AS x JOIN t USING (u) ORDER BY x.e DESC")) == [
        ("small",),
        ("big",),
    ]
    key = store.rows(Scan("t", ("u",), where="e = 'big'"))[0][0]
    assert store.rows(RelationalGet("t", key)) == [("big", key)]
    assert store.rows(RelationalGet("t", "no uuid")) == []


def test_a_hugeint_beyond_the_decimal_is_an_error_and_no_other_number(store: Store) -> None:
    native(store, "CREATE TABLE t AS SELECT 340282366920938463463374607431768211455::UHUGEINT AS v")
    with pytest.raises(PolyrouteError) as caught:
        store.ask(Scan("t"))
    assert caught.value.code == "QUERY_INVALID"


def test_whole_number_sums_are_integers_where_they_fit(store: Store) -> None:
    found = store.ask(RelationalQuery(None, "SELECT sum(x) AS s FROM (VALUES (1), (2)) AS t (x)")).to_arrow()
    assert found.schema == pa.schema([("s", pa.int64())])
    large = store.ask(
        RelationalQuery(None, "SELECT sum(x) AS s FROM range(9223372036854775000, 9223372036854775002) AS t (x)")
    )
    assert large.scalar() == Decimal(2 * 9223372036854775000 + 1)


def test_a_column_altered_elsewhere_shows_as_it_is(store: Store) -> None:
    store.load("t", pa.table({"a": pa.array([1.5], pa.float16()), "b": pa.array([b"abc"], pa.binary(3))}))
    native(store, "ALTER TABLE t ALTER a TYPE VARCHAR")
    native(store, "ALTER TABLE t ADD COLUMN c HUGEINT")
    schema = store.engine.dataset("t").schema
    assert schema == pa.schema([("a", pa.string()), ("b", pa.binary(3)), ("c", pa.decimal128(38, 0))])
    assert store.rows(Scan("t")) == [("1.5", b"abc", None)]


def test_storage_types_are_what_duckdb_reads_back() -> None:
    for column in {**SCALARS, **NESTED}.values():
        if pa.types.is_null(column.type):
            continue
        storage = storage_type(column.type)
        back, cast = logical_of(duckdb.sqltype(storage))
        assert not cast
        assert storage_type(back) == storage
        assert wire_type(wire_type(column.type)) == wire_type(column.type)

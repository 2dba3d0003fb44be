"""Every Arrow type: it comes back as it was loaded, value and type, or the load refuses it by name."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from decimal import Decimal

import pyarrow as pa

from polyroute.engines.testing.sample import key_of, roles_of, same_rows, sample_table
from polyroute.engines.testing.store import Store
from polyroute.errors import PolyrouteError
from polyroute.operations import DocumentGet, Operation, RelationalGet, Scan, VectorGet
from polyroute.sql.types import JSON, logical_type
from polyroute.values import rows_from_table

_DAY = dt.date(2013, 1, 31)
_TIME = dt.datetime(2013, 1, 31, 23, 59, 59, 123456)
_UTC = _TIME.replace(tzinfo=dt.UTC)


def type_cases() -> Iterator[tuple[pa.DataType, list[object]]]:
    """Give every type with values at its edges."""
    yield pa.bool_(), [True, False]
    for bits, kind in ((8, pa.int8()), (16, pa.int16()), (32, pa.int32()), (64, pa.int64())):
        yield kind, [-(2 ** (bits - 1)), 0, 9, 10, -9, 2 ** (bits - 1) - 1]
    for bits, kind in ((8, pa.uint8()), (16, pa.uint16()), (32, pa.uint32())):
        yield kind, [0, 2**bits - 1]
    yield pa.uint64(), [0, 2**63 - 1]
    yield pa.uint64(), [2**64 - 1]
    yield pa.float16(), [1.5, -0.0, float("nan"), float("inf")]
    yield pa.float32(), [0.1, 3.4e38, float("nan"), float("-inf")]
    yield pa.float64(), [0.1, -0.0, 1e308, 5e-324, 9.0, 10.0, float("nan"), float("inf"), float("-inf")]
    yield pa.string(), ["", "a'b", 'q"t', "ünï 🦆", "line\nbreak", "NaN", "2013-01-31", "x" * 5000]
    yield pa.string(), ["a\0b", " x ", "\\", "null", "1e5", "%_"]
    yield pa.large_string(), ["", "large"]
    yield pa.binary(), [b"", b"\x00\xff'\"", b"x" * 300]
    yield pa.binary(3), [b"abc", b"\x00\x01\x02"]
    yield pa.date32(), [_DAY, dt.date(1, 1, 1), dt.date(9999, 12, 31)]
    yield pa.date64(), [_DAY]
    yield pa.timestamp("s"), [_TIME.replace(microsecond=0)]
    yield pa.timestamp("ms"), [_TIME.replace(microsecond=123000)]
    yield pa.timestamp("us"), [_TIME, dt.datetime(1, 1, 1), dt.datetime(9999, 12, 31, 23, 59, 59, 999999)]
    yield pa.timestamp("ns"), [_TIME, dt.datetime(1970, 1, 1)]
    yield pa.timestamp("us", "UTC"), [_UTC, dt.datetime(1970, 1, 1, tzinfo=dt.UTC)]
    yield pa.timestamp("us", "America/New_York"), [_UTC]
    yield pa.time32("s"), [dt.time(23, 59, 59), dt.time(0)]
    yield pa.time64("us"), [dt.time(23, 59, 59, 999999), dt.time(0)]
    yield pa.duration("us"), [dt.timedelta(days=400, microseconds=1), dt.timedelta(seconds=-1), dt.timedelta(seconds=9)]
    yield pa.decimal128(10, 2), [Decimal(d) for d in ("1.10", "-99999999.99", "-2.50", "0.00", "9.99", "10.00")]
    yield pa.decimal128(38, 0), [Decimal(10) ** 37, Decimal(-1)]
    yield pa.decimal128(38, 10), [Decimal("1234567890123456789012345678.0123456789")]
    yield pa.decimal256(50, 5), [Decimal("1.00001")]
    yield pa.list_(pa.int64()), [[], [1, None, 3]]
    yield pa.list_(pa.string()), [["a", None], []]
    yield pa.list_(pa.float32(), 3), [[1.0, 2.0, 3.0]]
    yield pa.list_(pa.list_(pa.date32())), [[[_DAY], [], None]]
    yield pa.struct([("a", pa.int64()), ("b", pa.timestamp("us"))]), [{"a": 1, "b": _TIME}, {"a": None, "b": None}]
    yield pa.struct([("s", pa.struct([("t", pa.decimal128(5, 1))]))]), [{"s": {"t": Decimal("1.5")}}]
    yield pa.struct([("a.b", pa.int64()), ('q"', pa.string())]), [{"a.b": 1, 'q"': "x"}]
    yield (
        pa.list_(pa.struct([("a", pa.int64()), ("b", pa.list_(pa.string()))])),
        [[{"a": 1, "b": ["x", None]}, None], []],
    )
    yield pa.map_(pa.string(), pa.int64()), [[("k", 1), ("l", None)], []]
    yield pa.map_(pa.int64(), pa.struct([("x", pa.float64())])), [[(1, {"x": 1.5}), (2, None)]]
    yield pa.dictionary(pa.int8(), pa.string()), ["x", "y", "x"]
    yield JSON, ['{"a": [1, "x", null]}', "17", '"text"', "null"]
    yield pa.null(), []
    yield pa.month_day_nano_interval(), [pa.MonthDayNano([1, 15, 3_600_000_000_000])]


_FINE: list[tuple[pa.DataType, list[int]]] = [
    (pa.timestamp("ns"), [1_359_676_799_123_456_789, -1]),
    (pa.timestamp("ns", "UTC"), [1_359_676_799_123_456_789, -1]),
    (pa.time64("ns"), [86_399_999_999_999, 1]),
    (pa.duration("ns"), [1, -86_400_000_000_001]),
]

_KEYS: list[tuple[pa.DataType, list[object]]] = [
    (pa.string(), ["a'b", "", "ü"]),
    (pa.int64(), [2**53 + 1, -1, 0]),
    (pa.int8(), [-128, 0, 127]),
    (pa.float64(), [0.1, -1.5, 1e300]),
    (pa.date32(), [_DAY, dt.date(1, 1, 1), dt.date(9999, 12, 31)]),
    (pa.timestamp("us"), [_TIME, dt.datetime(1970, 1, 1), dt.datetime(1969, 12, 31, 23, 59, 59, 1)]),
    (pa.timestamp("us", "UTC"), [_UTC, dt.datetime(1970, 1, 1, tzinfo=dt.UTC), _UTC.replace(year=1960)]),
    (pa.decimal128(10, 2), [Decimal("1.10"), Decimal("-1.00"), Decimal("99999999.99")]),
]

_GETS: dict[str, Callable[[str, object], Operation]] = {
    "relational": RelationalGet,
    "vector": VectorGet,
    "document": DocumentGet,
}


class TypeTests:
    """Round trips of every Arrow type."""

    def test_every_type_comes_back_or_is_refused_by_name(self, store: Store) -> None:
        for number, (kind, values) in enumerate(type_cases()):
            samples: list[list[object]] = [[*values, None], [None], []]
            for place, rows in enumerate(samples):
                _round_trip(store, f"t{number}_{place}", kind, rows)

    def test_types_survive_a_restart(self, store: Store) -> None:
        if not store.engine.traits.durable:
            return
        kept = {}
        for number, (kind, values) in enumerate(type_cases()):
            name = f"t{number}"
            if _round_trip(store, name, kind, [*values, None]):
                kept[name] = (kind, store.ask(Scan(name)).to_arrow())
        store.reopen()
        for name, (kind, before) in kept.items():
            after = store.ask(Scan(name)).to_arrow()
            assert after.schema == before.schema, kind
            assert same_rows(rows_from_table(after), rows_from_table(before), ordered=False), kind

    def test_times_finer_than_microseconds_are_kept_or_refused(self, store: Store) -> None:
        """Tuples show them to the microsecond; Arrow must not lose the rest, however few rows there are."""
        for number, (kind, ticks) in enumerate(_FINE):
            column = pa.array([*ticks, None], pa.int64()).cast(kind)
            table = sample_table().slice(0, len(column)).append_column("value", column)
            name = f"t{number}"
            try:
                store.load(name, table, key=key_of(store.engine), **roles_of(store.engine))
            except PolyrouteError as exc:
                assert exc.code == "QUERY_INVALID", f"{kind}: {exc.code} {exc}"
                assert "value" in str(exc), f"{kind} is refused without naming the column: {exc}"
                assert name not in store.engine.datasets(), f"{kind} was refused, and something is left"
                continue
            reads: list[Operation] = [Scan(name, ("value", "k"), where, order="k") for where in (None, "k = 0")]
            if store.engine.kind in _GETS:
                reads.append(_GETS[store.engine.kind](name, 0))
            for op in reads:
                found = store.ask(op).to_arrow()
                assert found.schema.field("value").type == kind, op
                assert found["value"].cast(pa.int64()).to_pylist() in ([*ticks, None], ticks[:1]), (kind, op)

    def test_keys_of_every_type_find_their_rows(self, store: Store) -> None:
        get = _GETS.get(store.engine.kind)
        if get is None:
            return
        for number, (kind, values) in enumerate(_KEYS):
            name = f"t{number}"
            table = with_column(kind, values)
            try:
                store.load(name, table, key="value", **roles_of(store.engine))
            except PolyrouteError as exc:
                assert exc.code == "QUERY_INVALID", f"{kind}: {exc}"
                assert "value" in str(exc), f"{kind} is refused as a key without naming the column: {exc}"
                continue
            for row, value in zip(rows_from_table(table), values, strict=True):
                found = rows_from_table(store.ask(get(name, value)).to_arrow())
                assert same_rows(found, [row]), f"{kind}: {value} gives {found}"
            with store.refused("CONSISTENCY_VIOLATION"):
                store.load(name, table.slice(1, 1), mode="append")
            store.load(name, table.slice(1, 1), mode="upsert")
            assert same_rows(store.rows(Scan(name)), rows_from_table(table), ordered=False), kind

    def test_tuples_and_arrow_agree(self, store: Store) -> None:
        table = with_column(pa.timestamp("us"), [_TIME, None])
        store.load("things", table, key=key_of(store.engine), **roles_of(store.engine))
        result = store.ask(Scan("things", ("k", "value"), order="k"))
        assert result.fetchall() == [(0, _TIME), (1, None)]
        assert rows_from_table(result.to_arrow()) == [(0, _TIME), (1, None)]
        assert all(type(row) is tuple for row in result)


def with_column(kind: pa.DataType, values: list[object]) -> pa.Table:
    """Return as many sample rows as there are values, with a column `value` of the type."""
    rows = sample_table().slice(0, len(values))
    if isinstance(kind, pa.BaseExtensionType):
        column = pa.ExtensionArray.from_storage(kind, pa.array(values, kind.storage_type))
    elif pa.types.is_float16(kind):
        import numpy as np

        column = pa.array([None if v is None else np.float16(str(v)) for v in values], kind)
    elif pa.types.is_dictionary(kind):
        column = pa.array(values, kind.value_type).dictionary_encode()
    else:
        column = pa.array(values, kind)
    return rows.append_column("value", column)


def _round_trip(store: Store, name: str, kind: pa.DataType, values: list[object]) -> bool:
    """Load a type and compare; tell whether the engine keeps it."""
    table = with_column(kind, values)
    try:
        store.load(name, table, key=key_of(store.engine), **roles_of(store.engine))
    except PolyrouteError as exc:
        assert exc.code == "QUERY_INVALID", f"{kind}: {exc.code} {exc}"
        assert "value" in str(exc), f"{kind} is refused without naming the column: {exc}"
        assert name not in store.engine.datasets(), f"{kind} was refused, and something is left"
        return False
    answer = store.ask(Scan(name, ("k", "value")))
    found, tuples = answer.to_arrow(), answer.fetchall()
    assert found.schema.field("value").type == logical_type(kind), (
        f"{kind} came back as {found.schema.field('value').type}"
    )
    expected: list[tuple[object, ...]] = list(zip(table["k"].to_pylist(), _logical_values(table["value"]), strict=True))
    for rows in (rows_from_table(found), tuples):
        assert same_rows(rows, expected, ordered=False), f"{kind}: {rows}, not {expected}"
    return True


def _logical_values(column: pa.ChunkedArray) -> list[object]:
    wanted = logical_type(column.type)
    plain = column if isinstance(column.type, pa.BaseExtensionType) else column.cast(wanted)
    return [row[0] for row in rows_from_table(pa.table([plain], names=["value"]))]

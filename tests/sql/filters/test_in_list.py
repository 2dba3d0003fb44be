"""Long IN lists: bound without a look at each value, written as one parameter, and the same rows on every way."""

from __future__ import annotations

import datetime as dt
import math
import sqlite3
from dataclasses import replace
from decimal import Decimal

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polyroute.errors import QueryError
from polyroute.sql.filters import (
    DUCKDB,
    SQLITE,
    Filter,
    InList,
    SqlTarget,
    Unsupported,
    encode_sqlite,
    mask_arrow,
    parse_filter,
    to_arrow,
    to_lance,
    to_predicate,
    to_sql,
)

SCHEMA = pa.schema(
    {
        "id": pa.int64(),
        "i": pa.int64(),
        "n": pa.int16(),
        "u": pa.uint64(),
        "f": pa.float64(),
        "g": pa.float32(),
        "s": pa.string(),
        "b": pa.bool_(),
        "d": pa.date32(),
        "t": pa.timestamp("us"),
        "w": pa.timestamp("us", "UTC"),
        "h": pa.time64("us"),
        "m": pa.decimal128(9, 2),
        "y": pa.binary(),
    }
)
INT64 = 2**63
POOLS: dict[str, list[object]] = {
    "i": [0, 1, -1, 2**53, 2**53 + 1, INT64 - 1, -INT64, INT64, -INT64 - 1, 2**100],
    "n": [0, 1, -1, 32767, -32768, 32768, 2**40],
    "u": [0, 1, 2**53, INT64, 2**64 - 1, -1],
    "f": [0.0, -0.0, 0.1, 1e300, math.inf, -math.inf, math.nan, 1, 2**53],
    "g": [0.0, -0.0, 0.5, 0.1, math.inf, math.nan, 1],
    "s": ["", "a", "A", "é", "É", "a\0b", "a", "it's", '"', "\\", "10", "9", " 1e3 ", "😀", "\u2028", "Ab", "aB"],
    "b": [True, False],
    "d": [dt.date(1, 1, 1), dt.date(2020, 2, 29), dt.date(9999, 12, 31)],
    "t": [dt.datetime(2020, 2, 29), dt.datetime(2020, 2, 29, 0, 0, 0, 1), dt.datetime(1969, 12, 31, 23, 59)],
    "w": [dt.datetime(2020, 2, 29, tzinfo=dt.UTC), dt.datetime(2020, 2, 29, tzinfo=dt.timezone(dt.timedelta(hours=2)))],
    "h": [dt.time(0), dt.time(23, 59, 59, 999_999)],
    "m": [Decimal("1.50"), Decimal("-1.55"), Decimal("0"), 1, Decimal("1.505")],
    "y": [b"", b"a", b"a\0", b"\xff"],
}
STORED_AS = {"id": "INTEGER", "i": "INTEGER", "n": "INTEGER", "u": "INTEGER", "f": "REAL", "g": "REAL", "b": "INTEGER"}


def stored_values(name: str) -> list[object]:
    """Return the values of a pool that the column's type holds."""
    kept = []
    for value in POOLS[name]:
        try:
            kept.append(pa.scalar(value, SCHEMA.field(name).type).as_py())
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
            continue
    return kept


def table_of_pools() -> pa.Table:
    """Return rows that hold every value there is, and NULLs."""
    size = max(map(len, POOLS.values())) + 1
    columns = {"id": list(range(size))}
    for name in POOLS:
        values = [*stored_values(name), None]
        columns[name] = [values[row % len(values)] for row in range(size)]
    return pa.table([pa.array(columns[f.name], f.type) for f in SCHEMA], schema=SCHEMA)


TABLE = table_of_pools()


@st.composite
def lists(draw: st.DrawFn) -> tuple[str, list[object]]:
    """Draw a column and a list of its values, short or long, with NULLs and repetitions."""
    name = draw(st.sampled_from(sorted(POOLS)))
    picked = draw(st.lists(st.sampled_from([*POOLS[name], None]), max_size=8))
    return name, picked * draw(st.sampled_from([1, 1, 3, 20]))


CONDITIONS = st.sampled_from(["{} IN $k", "{} NOT IN $k", "NOT ({} IN $k AND id > 2)", "id > 3 OR {} IN $k"])


def by_definition(duck: duckdb.DuckDBPyConnection, name: str, values: list[object], text: str) -> list[int] | None:
    """Let DuckDB answer with its own list search, the meaning of IN with a list; None where it refuses the values."""
    duck.register("rows", TABLE)
    test = text.replace("{} NOT IN $k", f"NOT list_contains($k, {name})")
    test = test.replace("{} IN $k", f"list_contains($k, {name})")
    try:
        found = duck.execute(f"SELECT id FROM rows WHERE {test} ORDER BY id", {"k": values})
        return [key for (key,) in found.fetchall()]
    except duckdb.Error:
        return None


def by_duckdb(duck: duckdb.DuckDBPyConnection, filter_: Filter) -> list[int]:
    duck.register("rows", TABLE)
    rendered = to_sql(filter_, DUCKDB)
    found = duck.execute(f"SELECT id FROM rows WHERE {rendered.text} ORDER BY id", rendered.params or None)
    return [key for (key,) in found.fetchall()]


def by_sqlite(filter_: Filter) -> list[int]:
    rendered = to_sql(filter_, SQLITE)
    connection = sqlite3.connect(":memory:")
    columns = ", ".join(f'"{name}" {STORED_AS.get(name, "TEXT")}' for name in SCHEMA.names)
    connection.execute(f"CREATE TABLE rows ({columns})")
    held = [[_stored(name, value) for name, value in row.items()] for row in TABLE.to_pylist()]
    connection.executemany(f"INSERT INTO rows VALUES ({', '.join('?' * len(SCHEMA.names))})", held)
    found = connection.execute(f"SELECT id FROM rows WHERE {rendered.text} ORDER BY id", rendered.params).fetchall()
    connection.close()
    return [int(key) for (key,) in found]


def _stored(name: str, value: object) -> object:
    if value is None or name == "id":
        return value
    return str(value) if name in "uwhmy" else encode_sqlite(value, SCHEMA.field(name).type)


def by_python(filter_: Filter) -> list[int]:
    passes = to_predicate(filter_)
    return [row["id"] for row in TABLE.to_pylist() if passes(row)]


def by_arrow(filter_: Filter) -> list[int]:
    return TABLE.filter(to_arrow(filter_))["id"].to_pylist()


def by_mask(filter_: Filter) -> list[int]:
    return TABLE.filter(mask_arrow(filter_, TABLE))["id"].to_pylist()


@settings(max_examples=120, deadline=None, derandomize=True)
@given(drawn=lists(), text=CONDITIONS)
def test_every_way_to_look_up_a_list_finds_the_same_rows(
    duck: duckdb.DuckDBPyConnection, drawn: tuple[str, list[object]], text: str
) -> None:
    name, values = drawn
    condition = text.format(name)
    try:
        filter_ = parse_filter(condition, SCHEMA, {"k": values})
    except QueryError:
        return
    found = by_duckdb(duck, filter_)
    given = [value for value in values if value is not None]
    expected = by_definition(duck, name, given, text) if given else None
    if expected is not None:
        assert found == expected, f"{condition} {values}"
    for way in (by_sqlite, by_python, by_arrow, by_mask):
        try:
            assert way(filter_) == found, f"{way.__name__}: {condition} {values}"
        except Unsupported:
            continue


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("i", [3, 1, None, 3]),
        ("i", pa.array([3, 1, None, 3])),
        ("i", pa.chunked_array([[3, 1], [None, 3]])),
        ("i", np.array([3, 1, 3])),
        ("i", pa.array([3, 1, None, 3], pa.int8())),
        ("i", pa.array([3, 1, None, 3]).dictionary_encode()),
        ("s", ("b", "a", "b")),
        ("s", pa.array(["b", None, "a", "b"], pa.large_string())),
        ("d", [dt.date(2020, 1, 1)]),
        ("d", pa.array([dt.date(2020, 1, 1), None])),
        ("t", [dt.datetime(2020, 1, 1, 5)]),
        ("t", pa.array([dt.datetime(2020, 1, 1, 5)])),
        ("w", [dt.datetime(2020, 1, 1, 5, tzinfo=dt.UTC)]),
        ("w", pa.array([dt.datetime(2020, 1, 1, 5, tzinfo=dt.UTC)])),
        ("f", [1.5, math.inf]),
        ("b", [True, None, False]),
        ("i", []),
        ("i", {5}),
    ],
)
def test_a_list_becomes_the_columns_values(name: str, given: object) -> None:
    found = parse_filter(f"{name} IN $k", SCHEMA, {"k": given}).values["k"]
    plain = given.to_pylist() if isinstance(given, pa.Array | pa.ChunkedArray) else list(given)  # type: ignore[call-overload]
    assert isinstance(found, InList)
    assert found == tuple(value for value in plain if value is not None)
    held = pa.array(list(found), SCHEMA.field(name).type).to_pylist()
    assert [type(value) for value in found] == [type(value) for value in held]


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        ("i", ["1", " 2 "], (1, 2)),
        ("d", ["2020-01-01"], (dt.date(2020, 1, 1),)),
        ("t", [dt.date(2020, 1, 1), dt.datetime(2020, 1, 2)], (dt.datetime(2020, 1, 1), dt.datetime(2020, 1, 2))),
        ("t", [dt.datetime(2020, 1, 1, tzinfo=dt.UTC)], (dt.datetime(2020, 1, 1),)),
        ("i", [np.int64(4), 5], (4, 5)),
        ("i", [True], (True,)),
        ("w", pa.array([dt.datetime(2020, 1, 1)]), (dt.datetime(2020, 1, 1, tzinfo=dt.UTC),)),
    ],
)
def test_values_of_another_kind_are_looked_at_one_by_one(name: str, given: object, expected: object) -> None:
    assert parse_filter(f"{name} IN $k", SCHEMA, {"k": given}).values["k"] == expected


@pytest.mark.parametrize(
    ("name", "given"),
    [("i", ["x"]), ("s", ["a", "\ud800"]), ("i", 5), ("i", [2**127]), ("d", [1]), ("i", [b"1"]), ("s", [b"1"])],
)
def test_what_is_no_list_of_values_is_refused(name: str, given: object) -> None:
    with pytest.raises(QueryError):
        parse_filter(f"{name} IN $k", SCHEMA, {"k": given})


@pytest.mark.parametrize(
    ("name", "values", "text"),
    [
        ("i", list(range(100)), '"i" IN (SELECT value FROM json_each(?))'),
        ("s", [f"k{n}" for n in range(100)], '"s" IN (SELECT value FROM json_each(?))'),
        ("d", [dt.date(2020, 1, 1)] * 100, '"d" IN (SELECT value FROM json_each(?))'),
        ("i", [1, 2], '"i" IN (?, ?)'),
        ("s", ["\0"] * 17, f'"s" IN ({", ".join("?" * 17)})'),
    ],
)
def test_sqlite_takes_a_long_list_as_one_json_text(name: str, values: list[object], text: str) -> None:
    assert to_sql(parse_filter(f"{name} IN $k", SCHEMA, {"k": values}), SQLITE).text == text


def test_an_index_serves_a_long_list() -> None:
    rendered = to_sql(parse_filter("i IN $k", SCHEMA, {"k": list(range(100))}), SQLITE)
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE rows (i INTEGER, s TEXT)")
    connection.execute("CREATE INDEX by_i ON rows (i)")
    plan = connection.execute(
        f"EXPLAIN QUERY PLAN SELECT * FROM rows WHERE {rendered.text}", rendered.params
    ).fetchall()
    connection.close()
    assert any("USING INDEX by_i (i=?)" in row[3] for row in plan), plan


def test_a_filter_is_written_once_for_all_values_of_a_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same filter with other values reuses the text; where the values decide about the text, it is written anew."""
    from polyroute.sql.filters import to_sql as writing

    written = []
    real = writing.__globals__["_write"]
    monkeypatch.setitem(writing.__globals__, "_write", lambda *args: written.append(1) or real(*args))
    text, schema = "i IN $k AND s = $s", pa.schema(SCHEMA)

    def render(keys: list[object], name: object) -> tuple[str, object]:
        rendered = to_sql(parse_filter(text, schema, {"k": keys, "s": name}), SQLITE)
        return rendered.text, rendered.params

    long = '"i" IN (SELECT value FROM json_each(?)) AND "s" = ?'
    assert render(list(range(50)), "x") == (long, [f"[{','.join(map(str, range(50)))}]", "x"])
    assert render([7] * 60, "y") == (long, [f"[{','.join(['7'] * 60)}]", "y"])
    assert len(written) == 1
    assert render([1, 2], "x") == ('"i" IN (?, ?) AND "s" = ?', [1, 2, "x"])
    assert render([3, 4], "x") == ('"i" IN (?, ?) AND "s" = ?', [3, 4, "x"])
    assert render([], None) == ('("i" IS NULL AND NULL) AND "s" = NULL', [])
    assert len(written) == 3
    with pytest.raises(Unsupported):
        render([2**63] * 20, "x")


def test_equal_lists_make_equal_filters() -> None:
    def filter_of(values: list[object], name: str = "i") -> Filter:
        return parse_filter(f"{name} IN $k", SCHEMA, {"k": values})

    assert filter_of([1, 2]) == filter_of([1, 2])
    assert hash(filter_of([1, 2])) == hash(filter_of([1, 2]))
    assert filter_of([1, 2]) != filter_of([2, 1])
    assert filter_of([1.0, 2.0], "f") != filter_of([1, 2], "f")
    assert filter_of([math.nan], "f") == filter_of([math.nan], "f")


def test_lance_gets_keys_as_literals() -> None:
    assert to_lance(parse_filter("i IN $k", SCHEMA, {"k": [1, -2]})) == "(`i` IN (1, -2))"
    with pytest.raises(Unsupported):
        to_lance(parse_filter("n IN $k", SCHEMA, {"k": [1, 40_000]}))
    with pytest.raises(Unsupported):
        to_lance(parse_filter("u IN $k", SCHEMA, {"k": [1, -1]}))


FORMS = ["{} = $v", "{} BETWEEN $v AND $w", "{} IN ($v, $w)", "{} IN $k", "{} <> $v AND i > 3", "NOT {} < $w"]
EVERYTHING = replace(SQLITE, comparable=lambda field: True, encode=lambda value, type_: repr(value))


def _rendered(filter_: Filter, target: SqlTarget) -> object:
    try:
        rendered = to_sql(filter_, target)
    except Unsupported as refusal:
        return str(refusal)
    return rendered.text, rendered.params


@settings(max_examples=400, deadline=None, derandomize=True)
@given(name=st.sampled_from(sorted(POOLS)), text=st.sampled_from(FORMS), picks=st.data())
def test_what_is_remembered_is_what_would_be_written_anew(name: str, text: str, picks: st.DataObject) -> None:
    """Whatever values a filter had before, with these it is written as if it had never been seen."""
    pool = [*POOLS[name], None, dt.time(1, tzinfo=dt.UTC), 2**24, 2**24 + 1, 2**53 + 1, 10**9, 5e20, Decimal("0.5")]
    value = st.sampled_from(pool)
    schema = pa.schema(SCHEMA)
    for _ in range(4):
        listed = picks.draw(st.lists(value, max_size=3)) * picks.draw(st.sampled_from([1, 7]))
        params = {"v": picks.draw(value), "w": picks.draw(value), "k": listed}
        try:
            filter_ = parse_filter(text.format(name), schema, params)
        except QueryError:
            continue
        for target in (SQLITE, DUCKDB, EVERYTHING):
            anew = Filter(filter_.expression.copy(), filter_.values, schema)
            assert repr(_rendered(filter_, target)) == repr(_rendered(anew, target)), f"{text} {params}"

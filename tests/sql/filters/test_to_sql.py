"""SQL for engines: what SQLite is given, what it is spared, and what a target may change."""

from __future__ import annotations

import datetime as dt
import sqlite3
from dataclasses import replace

import duckdb
import pyarrow as pa
import pytest

from polyroute.sql.filters import DUCKDB, SQLITE, Unsupported, parse_filter, to_sql
from polyroute.sql.filters.to_sql import quote_double

SCHEMA = pa.schema(
    {
        "i": pa.int64(),
        "u": pa.uint64(),
        "small": pa.int8(),
        "f": pa.float64(),
        "name": pa.string(),
        "flag": pa.bool_(),
        "day": pa.date32(),
        "at": pa.timestamp("us"),
        "zoned": pa.timestamp("us", "UTC"),
        "cost": pa.decimal128(9, 2),
        "blob": pa.binary(),
        "s": pa.struct({"name": pa.string()}),
        "name2": pa.string(),
    }
)


def sqlite(text: str, **params: object) -> tuple[str, list]:
    rendered = to_sql(parse_filter(text, SCHEMA, params), SQLITE)
    return rendered.text, rendered.params


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("i = 1", ('"i" = ?', [1])),
        ("1 < i", ('? < "i"', [1])),
        ("i <> 1 AND (f > 0.5 OR name = 'x')", ('"i" <> ? AND ("f" > ? OR "name" = ?)', [1, 0.5, "x"])),
        ("NOT i = 1", ('NOT "i" = ?', [1])),
        ("i IN (1, NULL, 2)", ('"i" IN (?, NULL, ?)', [1, 2])),
        ("i NOT IN ()", ('NOT ("i" IS NULL AND NULL)', [])),
        ("i BETWEEN 1 AND 2", ('"i" BETWEEN ? AND ?', [1, 2])),
        ("i IS NOT NULL", ('NOT "i" IS NULL', [])),
        ("i IS NOT DISTINCT FROM 1", ('"i" IS ?', [1])),
        ("i IS DISTINCT FROM 1", ('"i" IS NOT ?', [1])),
        ("flag", ('"flag"', [])),
        ("flag = TRUE", ('"flag" = ?', [1])),
        ("flag IS NOT TRUE", ('NOT "flag" IS TRUE', [])),
        ("day = '2024-12-31'", ('"day" = ?', ["2024-12-31"])),
        ("at = '2024-12-31'", ('"at" = ?', ["2024-12-31 00:00:00"])),
        ("at > '2024-12-31 10:11:12.5'", ('"at" > ?', ["2024-12-31 10:11:12.500000"])),
        ("f = 'nan'", ('"f" = ?', ["NaN"])),
        ("i < 'nan'::DOUBLE OR i = 1", None),
        ("name = name2", ('"name" = "name2"', [])),
        ("s IS NULL", ('"s" IS NULL', [])),
    ],
)
def test_what_sqlite_is_given(text, expected):
    if expected is None:
        with pytest.raises(Unsupported):
            sqlite(text)
        return
    assert sqlite(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "i + 1 = 2",
        "i / 2 = 1",
        "name LIKE 'a%'",
        "lower(name) = 'x'",
        "name || 'x' = 'ax'",
        "i = 1.5",
        "i = 9007199254740993e0",
        "i = f",
        "i = u",
        "i = small",
        "day = at",
        "day = TIMESTAMP '2024-12-31 10:00:00'",
        "u = 1",
        "cost = 1.5",
        "zoned = '2024-12-31'",
        "blob = $blob",
        "s.name = 'x'",
        "s.name IS NULL",
        "name = 5",
        "flag = 1",
        "i",
        "i IN (f)",
        "CASE WHEN flag THEN i = 1 ELSE FALSE END",
        "name COLLATE nocase = 'x'",
        "i BETWEEN 1 AND 2.5",
        "(i, f) = (1, 2)",
        "i = ANY([1])",
        "i::VARCHAR = '1'",
        "name < 'a' OR i + 1 = 2",
    ],
)
def test_what_sqlite_is_spared(text):
    with pytest.raises(Unsupported):
        sqlite(text, blob=b"x")


def test_numbers_beyond_sqlite_are_spared():
    with pytest.raises(Unsupported):
        sqlite("i < 99999999999999999999")


def test_more_values_than_sqlite_takes_are_spared():
    assert len(sqlite("f IN $many", many=[n / 2 for n in range(30_000)])[1]) == 30_000
    with pytest.raises(Unsupported, match="more parameters"):
        sqlite("f IN $many", many=[n / 2 for n in range(30_001)])


def test_a_table_alias_and_a_collation_come_from_the_target():
    target = replace(SQLITE, quote=lambda name: "e." + quote_double(name), collate=lambda field: field.name == "name")
    rendered = to_sql(parse_filter("name = 'x' AND name2 = 'y'", SCHEMA), target)
    assert rendered.text == 'e."name" COLLATE BINARY = ? AND e."name2" = ?'


def test_a_collation_is_overruled():
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE t (name TEXT COLLATE NOCASE)")
    connection.executemany("INSERT INTO t VALUES (?)", [("a",), ("A",), ("b",)])
    target = replace(SQLITE, collate=lambda field: True)
    for text, expected in (("name = 'a'", ["a"]), ("name IN ('A')", ["A"]), ("name BETWEEN 'A' AND 'Z'", ["A"])):
        rendered = to_sql(parse_filter(text, SCHEMA), target)
        found = connection.execute(f"SELECT name FROM t WHERE {rendered.text}", rendered.params).fetchall()
        assert [name for (name,) in found] == expected, text


def test_columns_that_do_not_compare_are_spared():
    target = replace(SQLITE, comparable=lambda field: field.name != "i")
    with pytest.raises(Unsupported, match="'i'"):
        to_sql(parse_filter("i = 1", SCHEMA), target)
    assert to_sql(parse_filter("i IS NULL", SCHEMA), target).text == '"i" IS NULL'


def test_values_are_encoded_with_their_type():
    seen = []
    target = replace(SQLITE, encode=lambda value, type_: seen.append((value, type_)) or value)
    to_sql(parse_filter("i = 1 AND '2024-12-31' = day AND at IN ('2024-12-31') AND flag = (TRUE)", SCHEMA), target)
    assert [type_ for _, type_ in seen] == [pa.int64(), pa.date32(), pa.timestamp("us"), pa.bool_()]
    assert seen[1][0] == dt.date(2024, 12, 31)


def test_numbering_starts_where_it_is_told():
    rendered = to_sql(parse_filter("i = 1 AND f = 2", SCHEMA), DUCKDB, start=5)
    assert (rendered.text, rendered.params) == ('"i" = $p5 AND "f" = $p6', {"p5": 1, "p6": 2})


def test_identifiers_are_quoted():
    schema = pa.schema({'a" OR 1=1 --': pa.int64()})
    rendered = to_sql(parse_filter('"a"" OR 1=1 --" = 1', schema))
    assert rendered.text == '"a"" OR 1=1 --" = $p1'


def test_a_struct_is_not_taken_for_a_table():
    table = pa.table({"s": [{"name": "struct"}], "name": ["column"]})
    rendered = to_sql(parse_filter("s.name = 'struct'", table.schema))
    connection = duckdb.connect()
    connection.register("s", table)
    assert connection.execute(f"SELECT count(*) FROM s WHERE {rendered.text}", rendered.params).fetchone() == (1,)


JSON_ROWS = ['{"a": {"b": "x"}, "n": 5}', '{"a": {"b": "y"}}', None, "[1, 2]"]


@pytest.mark.parametrize(
    "text", ["j.a.b = '\"x\"'", "j ->> '$.a.b' = 'x'", "j.n = '5'", "j['a'] IS NOT NULL", "(j -> '$.n')::INT = 5"]
)
def test_json_is_read_as_written(text):
    table = pa.table({"j": pa.array(JSON_ROWS, pa.json_(pa.string()))})
    connection = duckdb.connect()
    connection.register("t", table)
    rendered = to_sql(parse_filter(text, table.schema))
    found = connection.execute(f"SELECT j FROM t WHERE {rendered.text}", rendered.params).fetchall()
    assert found == connection.execute(f"SELECT j FROM t WHERE {text}").fetchall()


def test_other_dialects_are_described_by_a_target():
    target = replace(SQLITE, dialect="postgres", placeholder="named")
    rendered = to_sql(parse_filter("i = 1 AND name = 'x'", SCHEMA), target)
    assert rendered.params == {"p1": 1, "p2": "x"}
    assert "p1" in rendered.text

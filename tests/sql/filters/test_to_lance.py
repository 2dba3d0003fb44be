"""LanceDB's filter text: every value quoted by us, and nothing that LanceDB would read otherwise."""

from __future__ import annotations

import datetime as dt

import lancedb
import pyarrow as pa
import pytest

from polyroute.sql.filters import Unsupported, parse_filter, to_lance

SCHEMA = pa.schema(
    {
        "i": pa.int64(),
        "small": pa.int8(),
        "u": pa.uint64(),
        "f": pa.float64(),
        "g": pa.float32(),
        "Name": pa.string(),
        "flag": pa.bool_(),
        "day": pa.date32(),
        "at": pa.timestamp("us"),
        "zoned": pa.timestamp("us", "UTC"),
        "cost": pa.decimal128(9, 2),
        "blob": pa.binary(),
        "s": pa.struct({"Name": pa.string()}),
        "l": pa.list_(pa.int64()),
        "tick`": pa.int64(),
        "dot.ted": pa.int64(),
    }
)


def lance(text: str, **params: object) -> str:
    return to_lance(parse_filter(text, SCHEMA, params))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("i = 1", "(`i` = 1)"),
        ("name = 'it''s'", "(`Name` = 'it''s')"),
        ("1 < i OR flag", "((`i` > 1) OR `flag`)"),
        ("NOT flag", "(NOT `flag`)"),
        ("flag IS TRUE", "(`flag` AND `flag` IS NOT NULL)"),
        ("day = '2024-12-31'", "(`day` = date '2024-12-31')"),
        ("at = '2024-12-31'", "(`at` = timestamp '2024-12-31 00:00:00')"),
        ("zoned = '2024-12-31'", "(`zoned` = timestamp '2024-12-31 00:00:00+00:00')"),
        ("cost = 1.5", "(`cost` = cast('1.5' as decimal(9,2)))"),
        ("f = 1.5", "(`f` = 1.5)"),
        ("f < 1.5", "((`f` < 1.5) AND NOT isnan(`f`))"),
        ("f >= 1.5", "((`f` >= 1.5) OR isnan(`f`))"),
        ("f = 'inf'", "(`f` = cast('inf' as double))"),
        ("s.name = 'x'", "(`s`.`Name` = 'x')"),
        ("i IN (1, 2)", "(`i` IN (1, 2))"),
        ("i IN (1, NULL)", "((`i` IN (1)) OR (1 = NULL))"),
        ("i IS NOT DISTINCT FROM 1", "((`i` = 1) AND `i` IS NOT NULL)"),
        ("name LIKE 'a%'", "(`Name` LIKE 'a%')"),
        ("name NOT LIKE 'a''%'", "(`Name` NOT LIKE 'a''%')"),
        ("i = NULL", "(1 = NULL)"),
        ("TRUE", "(1 = 1)"),
    ],
)
def test_what_lancedb_is_given(text, expected):
    assert lance(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "f = 'nan'",
        "f IN (1, 'nan')",
        "g = 0.1",
        "g = 1e-60",
        "small < 300",
        "u > -1",
        "i = -9223372036854775808",
        "i = 1.5",
        "i < f",
        "f < f",
        "blob = $blob",
        "name LIKE 'a\\%'",
        "name LIKE 'a!%' ESCAPE '!'",
        "name ILIKE 'a%'",
        "name LIKE name",
        "lower(name) = 'x'",
        "i + 1 = 2",
        "l[1] = 1",
        "list_contains(l, 1)",
        '"tick`" = 1',
        '"dot.ted" = 1',
        "(i = 1) IS TRUE",
        "cost = 1.005",
        "CASE WHEN flag THEN TRUE END",
        "i",
    ],
)
def test_what_lancedb_is_spared(text):
    with pytest.raises(Unsupported):
        lance(text, blob=b"x")


HOSTILE = ["' OR 1=1 --", "'; DROP TABLE x", "\\' OR 1=1", "`Name` = 'x'", "a\x00b", "$p", "${x}", "%s", "a''b", "\n--"]


@pytest.mark.parametrize("value", HOSTILE)
def test_hostile_values_are_only_values(tmp_path, value):
    database = lancedb.connect(tmp_path)
    held = database.create_table("rows", pa.table({"Name": ["x", value, None], "n": [1, 2, 3]}))
    written = to_lance(parse_filter("name = $p", pa.schema({"Name": pa.string()}), {"p": value}))
    assert held.search().where(written).to_arrow()["n"].to_pylist() == [2]


def test_datetimes_before_and_after_our_time(tmp_path):
    days = [dt.date(1, 1, 1), dt.date(1969, 12, 31), dt.date(9999, 12, 31)]
    held = lancedb.connect(tmp_path).create_table("rows", pa.table({"day": days}))
    for day in days:
        written = to_lance(parse_filter("day = $p", pa.schema({"day": pa.date32()}), {"p": day}))
        assert held.search().where(written).to_arrow()["day"].to_pylist() == [day]

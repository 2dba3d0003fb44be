"""Filters over Python rows: three values of truth, DuckDB's NaN, paths, LIKE and the case of letters."""

from __future__ import annotations

import math

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyroute.sql.filters import Unsupported, parse_filter, to_predicate
from polyroute.sql.filters.text import like, lower, upper

SCHEMA = pa.schema(
    {
        "i": pa.int64(),
        "f": pa.float64(),
        "name": pa.string(),
        "flag": pa.bool_(),
        "raw": pa.json_(pa.string()),
        "s": pa.struct({"tags": pa.list_(pa.string()), "deep": pa.struct({"x": pa.int64()})}),
    }
)


def passes(text: str, row: dict, **params: object) -> bool:
    return to_predicate(parse_filter(text, SCHEMA, params))(row)


@pytest.mark.parametrize(
    ("text", "row", "expected"),
    [
        ("i = 1", {"i": 1}, True),
        ("i = 1", {"i": None}, False),
        ("i = 1", {}, False),
        ("NOT i = 1", {}, False),
        ("i = 1 OR flag", {"flag": True}, True),
        ("NOT (i = 1 AND flag)", {"flag": False}, True),
        ("NOT (i = 1 AND flag)", {"flag": True}, False),
        ("i IS NULL", {}, True),
        ("i IS DISTINCT FROM 1", {}, True),
        ("i IS NOT DISTINCT FROM NULL", {}, True),
        ("(i = 1) IS NOT TRUE", {}, True),
        ("i NOT IN (1, NULL)", {"i": 2}, False),
        ("i NOT IN ()", {"i": 2}, True),
        ("i NOT IN ()", {}, False),
        ("NOT i BETWEEN 5 AND NULL", {"i": 1}, True),
        ("f = 'nan'", {"f": math.nan}, True),
        ("f > 1e308", {"f": math.nan}, True),
        ("f < 'nan'", {"f": math.inf}, True),
        ("f IN ('nan')", {"f": -math.nan}, True),
        ("f = 0", {"f": -0.0}, True),
        ("s.deep.x = 1", {"s": {"deep": {"x": 1}}}, True),
        ("s.deep.x IS NULL", {"s": {"deep": None}}, True),
        ("s.deep.x IS NULL", {"s": None}, True),
        ("s.tags[1] = 'a'", {"s": {"tags": ["a", "b"]}}, True),
        ("s.tags[-1] = 'b'", {"s": {"tags": ["a", "b"]}}, True),
        ("s.tags[3] IS NULL", {"s": {"tags": ["a", "b"]}}, True),
        ("s.tags[0] IS NULL", {"s": {"tags": ["a", "b"]}}, True),
        ("list_contains(s.tags, 'b')", {"s": {"tags": ["a", "b"]}}, True),
        ("NOT list_contains(s.tags, 'c')", {"s": {"tags": ["a", None]}}, True),
        ("NOT list_contains(s.tags, 'c')", {"s": {"tags": None}}, False),
        ("name LIKE 'a_c%'", {"name": "abcd"}, True),
        ("name NOT LIKE 'a%'", {}, False),
        ("name ILIKE 'É%'", {"name": "été"}, True),
        ("upper(name) = 'STRAẞE'", {"name": "straße"}, True),
        ("length(name) = 2", {"name": "é😀"}, True),
        ("coalesce(i, 0) = 0", {}, True),
        ("starts_with(name, '')", {"name": "x"}, True),
        ("TRUE", {}, True),
        ("NULL", {}, False),
        ("name > 'Z'", {"name": "a"}, True),
    ],
)
def test_rows(text, row, expected):
    assert passes(text, row) is expected


@pytest.mark.parametrize(
    "text",
    [
        "i + 1 = 2",
        "i = 9007199254740993e0",
        "i < f",
        "raw.a = 'x'",
        "raw ->> '$.a' = 'x'",
        "abs(i) = 1",
        "name LIKE name",
        "name LIKE 'a!' ESCAPE '!'",
        "name ILIKE 'aXb' ESCAPE 'X'",
        "regexp_matches(name, 'a')",
        "name = 5",
        "CASE WHEN flag THEN TRUE END",
        "i",
        "coalesce(i, 1.5) = 1",
        "len(s.tags) = 1",
        "contains(s.tags, 'a')",
    ],
)
def test_what_python_does_not_compute(text):
    with pytest.raises(Unsupported):
        passes(text, {})


PATTERNS = st.text(alphabet="ab%_é\\", max_size=6)
SUBJECTS = st.text(alphabet="abé\n", max_size=8)


@pytest.fixture(scope="module")
def connection():
    with duckdb.connect() as held:
        yield held


@given(PATTERNS, SUBJECTS)
def test_like_is_duckdbs(connection, pattern, subject):
    [[expected]] = connection.execute("SELECT $1 LIKE $2", [subject, pattern]).fetchall()
    assert like(pattern)(subject) is expected


@given(PATTERNS, SUBJECTS)
def test_like_with_an_escape_is_duckdbs(connection, pattern, subject):
    try:
        [[expected]] = connection.execute("SELECT $1 LIKE $2 ESCAPE '\\'", [subject, pattern]).fetchall()
        assert like(pattern, "\\")(subject) is expected
    except (duckdb.Error, Unsupported):
        assert pattern.endswith("\\")


@pytest.mark.parametrize(
    ("pattern", "subject", "expected"),
    [
        ("a%a", "a", False),
        ("ab%b", "ab", False),
        ("%a%a%", "a", False),
        ("%", "", True),
        ("_%", "", False),
        ("a%", "b", False),
    ],
)
def test_like_takes_no_character_twice(pattern, subject, expected):
    assert like(pattern)(subject) is expected


def test_like_takes_no_longer_for_more_ways_to_cut():
    assert not like("%a" * 40 + "b")("a" * 5000)


@pytest.mark.parametrize("function", [lower, upper])
def test_the_case_of_every_letter_of_the_old_alphabets_is_duckdbs(connection, function):
    characters = [chr(point) for point in range(1, 0x530)] + ["ꚄA", "ﬁ", "ᾳ", "𐐨", "İΑΣ"]
    connection.register("characters", pa.table({"c": characters}))
    query = f"SELECT c, {function.__name__}(c) FROM characters"
    for char, expected in connection.execute(query).fetchall():
        assert function(char) == expected, hex(ord(char[0]))

"""SQL and residual together say exactly what the Python predicate says, for any document and selector."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polyroute.sql.selectors import SQL_FUNCTIONS, compile_selector, parse_selector, split_selector
from polyroute.sql.selectors.to_filter import json_path

NAMES = st.sampled_from(["a", "b", "0", "it's", "é", 'q"', "back\\slash", "new\nline"])
NUMBERS = [0, 1, -1, 2**53, 2**53 + 1, 2**62, 2**63, 2**63 - 1, -(2**63), 10**19, 10**400]
FRACTIONS = [0.1, 0.30000000000000004, 1e19, -0.0, 5e-324, 1.7976931348623157e308, 2.9999999999999996]
STRINGS = ["", "a", "A", "a\0b", "a\0", "[", "{}", "true", "\U0010ffff", "é", "]", "|"]
SPECIAL = st.sampled_from(NUMBERS) | st.sampled_from(FRACTIONS) | st.sampled_from(STRINGS)
SCALARS = st.none() | st.booleans() | SPECIAL | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=2)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=4
)
DOCUMENTS = st.lists(st.dictionaries(NAMES, VALUES, max_size=4), min_size=1, max_size=6)


def escaped(name: str) -> str:
    return name.replace("\\", "\\\\").replace(".", "\\.")


PATHS = st.lists(NAMES, min_size=1, max_size=3).map(lambda names: ".".join(escaped(name) for name in names))
PATTERNS = st.sampled_from(["a", "^.$", "(?i)A"])
TESTS = st.one_of(
    st.tuples(st.sampled_from(["$eq", "$ne", "$gt", "$gte", "$lt", "$lte"]), VALUES),
    st.tuples(st.sampled_from(["$in", "$nin", "$all"]), st.lists(VALUES, max_size=3)),
    st.tuples(st.just("$exists"), st.booleans()),
    st.tuples(st.just("$type"), st.sampled_from(["null", "boolean", "number", "string", "array", "object"])),
    st.tuples(st.just("$size"), st.integers(0, 3) | st.just(2**70)),
    st.tuples(st.just("$beginsWith"), st.text(max_size=2) | st.just("a\0")),
    st.tuples(st.just("$regex"), PATTERNS),
    st.tuples(st.just("$mod"), st.just([2, 1])),
    st.tuples(st.sampled_from(["$elemMatch", "$allMatch"]), st.just({"$gt": 0})),
    st.tuples(st.just("$keyMapMatch"), st.just({"$eq": "a"})),
)
LEAVES = st.builds(lambda path, test: {path: {test[0]: test[1]}}, PATHS, TESTS)
SELECTORS = st.recursive(
    LEAVES,
    lambda inner: (
        st.builds(
            lambda name, parts: {name: parts}, st.sampled_from(["$and", "$or", "$nor"]), st.lists(inner, max_size=3)
        )
        | inner.map(lambda part: {"$not": part})
    ),
    max_leaves=4,
)


@pytest.fixture(scope="module")
def connection() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:")) as opened:
        for name, function in SQL_FUNCTIONS.items():
            opened.create_function(name, 1, function, deterministic=True)
        opened.execute("CREATE TABLE documents (place INTEGER PRIMARY KEY, body TEXT)")
        opened.execute("""CREATE INDEX by_a ON documents (json_extract(body, '$."a"'))""")
        yield opened


@settings(max_examples=400, deadline=None)
@given(documents=DOCUMENTS, selector=SELECTORS)
def test_split_equals_the_predicate(
    connection: sqlite3.Connection, documents: list[dict[str, object]], selector: dict[str, object]
) -> None:
    tree = parse_selector(selector)
    matches = compile_selector(tree)
    split = split_selector(tree)
    connection.execute("DELETE FROM documents")
    connection.executemany(
        "INSERT INTO documents VALUES (?, ?)",
        [(place, json.dumps(document, ensure_ascii=False)) for place, document in enumerate(documents)],
    )
    narrowed = connection.execute(f"SELECT place FROM documents WHERE {split.sql or '1'} ORDER BY place", split.params)
    places = [place for (place,) in narrowed.fetchall()]
    rest = compile_selector(split.residual) if split.residual is not None else lambda _: True
    assert [place for place in places if rest(documents[place])] == [
        place for place, document in enumerate(documents) if matches(document)
    ]


@pytest.mark.parametrize(
    "selector",
    [
        {"a": 1},
        {"a": 0.5},
        {"a": "x"},
        {"a": None},
        {"a": True},
        {"a": {"$gt": 1, "$lte": 7.5}},
        {"a": {"$gte": None}},
        {"a": {"$ne": "x"}},
        {"a": {"$ne": 3}},
        {"a.b": {"$exists": False}},
        {"a": {"$type": "array"}},
        {"a": {"$size": 2}},
        {"a": {"$beginsWith": "x"}},
        {"$or": [{"a": 1}, {"b": {"$lt": 5}}]},
        {"$not": {"a": {"$lt": 5}}},
        {},
    ],
)
def test_exact_selectors_leave_nothing_to_python(selector: dict[str, object]) -> None:
    assert split_selector(parse_selector(selector)).residual is None


def test_the_inexact_part_alone_stays() -> None:
    split = split_selector(parse_selector({"a": 1, "b": {"$regex": "x"}, "0.1": 2}))
    assert split.sql is not None
    assert split.residual == parse_selector({"b": {"$regex": "x"}, "0.1": 2})


@pytest.mark.parametrize(
    "selector", [{"a": 1}, {"a": {"$gt": 5}}, {"a": "x"}, {"a": {"$in": ["x", 2]}}, {"a": {"$lt": 5}}]
)
def test_an_index_on_the_path_serves_the_split(connection: sqlite3.Connection, selector: dict[str, object]) -> None:
    split = split_selector(parse_selector(selector))
    plan = connection.execute(
        f"EXPLAIN QUERY PLAN SELECT body FROM documents WHERE {split.sql}", split.params
    ).fetchall()
    assert any("by_a" in str(step) for step in plan), plan


def test_paths_that_sqlite_cannot_say() -> None:
    assert json_path(("a", "b c")) == """'$."a"."b c"'"""
    assert json_path(("it's",)) == """'$."it''s"'"""
    assert json_path(("a", "0")) is None
    assert json_path(('q"',)) is None
    assert json_path(("back\\slash",)) is None


@pytest.mark.parametrize("number", [2000, 20_000])
def test_selectors_of_thousands_of_parts_run(connection: sqlite3.Connection, number: int) -> None:
    connection.execute("DELETE FROM documents")
    connection.execute("INSERT INTO documents VALUES (1, ?)", (json.dumps({"a": 7, "b": 1}),))
    split = split_selector(parse_selector({"$or": [{"a": n} for n in range(number)], "b": 1}))
    rest = compile_selector(split.residual) if split.residual is not None else lambda _: True
    found = connection.execute(f"SELECT body FROM documents WHERE {split.sql or '1'}", split.params).fetchall()
    assert [rest(json.loads(body)) for (body,) in found] == [True]

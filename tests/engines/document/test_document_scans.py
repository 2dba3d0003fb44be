"""Scans of collections: only what is asked for is read, and an index changes no answer."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polyroute.engines import UNBOUNDED, Engine, open_engine
from polyroute.engines.contract import BoundScan
from polyroute.engines.document import sqlite_rows
from polyroute.engines.document.candidates import keys_among
from polyroute.engines.document.columns import Columns
from polyroute.engines.document.schema import Layout
from polyroute.engines.document.sqlite import DocumentSQLiteEngine
from polyroute.engines.execution import as_table, execute
from polyroute.engines.loading.loader import Definition, load
from polyroute.engines.loading.sources import from_documents, from_table
from polyroute.engines.local import evaluate
from polyroute.operations import DocumentFind, DocumentInsert, Scan
from polyroute.sql.filters import parse_filter

KEYS = ["a", "b", "A", "é", "", "it's", 'q"t', "a\0b", "a\0c", "10", "9"]
NUMBERS = [0, 1, -1, 2**53 + 1, 2**62 + 1, 2**63 - 1, -(2**63), None]
TEXTS = ["x", "X", "", "x\0y", "x\0z", "5", None, "{}"]
DOCUMENTS: list[dict[str, Any]] = [
    {
        "_id": key,
        "n": NUMBERS[place % len(NUMBERS)],
        "f": [0.5, 1, -2.25, 2**53, None, 0.1][place % 6],
        "s": TEXTS[place % len(TEXTS)],
        "o": {"s": TEXTS[(place + 3) % len(TEXTS)], "n": NUMBERS[(place + 2) % len(NUMBERS)]},
        "mixed": [1, "1", None, [1]][place % 4],
        "Up": place,
        "up": place + 1,
    }
    for place, key in enumerate(KEYS)
]
TYPED = pa.table(
    {
        "k": pa.array([3, 1, 2, 2**40], pa.int64()),
        "d": pa.array([dt.date(2020, 1, 1), None, dt.date(1, 1, 1), dt.date(9999, 12, 31)]),
        "x": pa.array([float("nan"), float("-inf"), 1.5, None]),
        "v": pa.array([[1.0, 2.0]] * 4, pa.list_(pa.float32(), 2)),
    }
)


def opened(scheme: str, path: Path, *, indexed: bool) -> Engine:
    engine = open_engine(f"{scheme}:///{path}")
    definition = Definition(key=("_id",))
    load([engine], "docs", from_documents(DOCUMENTS), definition=definition, show_progress=False)
    load([engine], "typed", from_table(TYPED), definition=Definition(key=("k",)), show_progress=False)
    if indexed:
        for path_ in ("n", "f", "s", "o.s", "o.n"):
            engine.create_index("docs", [path_], UNBOUNDED)
        for path_ in ("d", "x"):
            engine.create_index("typed", [path_], UNBOUNDED)
    return engine


@pytest.fixture(scope="module")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Engine]]:
    folder = tmp_path_factory.mktemp("scans")
    made = [
        opened("tinydb", folder / "a.json", indexed=False),
        opened("document+sqlite", folder / "plain.db", indexed=False),
        opened("document+sqlite", folder / "indexed.db", indexed=True),
    ]
    yield made
    for engine in made:
        engine.close()


def lists_of(values: list[Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(st.sampled_from(values), max_size=5).flatmap(
        lambda picked: st.sampled_from([picked, picked * 10]) if picked else st.just(picked)
    )


OPERATORS = st.sampled_from(["=", "<", "<=", ">", ">=", "<>"])
FIELDS: list[tuple[str, list[Any]]] = [
    ("_id", KEYS),
    ("n", NUMBERS),
    ("s", TEXTS),
    ("f", [0.5, 1, 0.1, -2.25, float("nan")]),
    ("o.s", TEXTS),
    ("o.n", NUMBERS),
]
TYPED_FIELDS: list[tuple[str, list[Any]]] = [
    ("k", [1, 2, 3, 2**40, 2**70, -1]),
    ("d", [dt.date(2020, 1, 1), dt.date(9999, 12, 31)]),
    ("x", [float("nan"), float("-inf"), float("inf"), 1.5]),
]


@st.composite
def conditions(draw: st.DrawFn, fields: list[tuple[str, list[Any]]]) -> tuple[str, dict[str, Any]]:
    texts, params = [], {}
    for number in range(draw(st.integers(1, 2))):
        name, values = draw(st.sampled_from(fields))
        if draw(st.booleans()):
            params[f"p{number}"] = draw(lists_of(values))
            texts.append(f"{name} {draw(st.sampled_from(['', 'NOT ']))}IN $p{number}")
        else:
            params[f"p{number}"] = draw(st.sampled_from(values))
            texts.append(f"{name} {draw(OPERATORS)} $p{number}")
    return draw(st.sampled_from([" AND ", " OR "])).join(texts), params


COLUMNS = st.sampled_from([("_id",), ("Up", "_id"), ("o", "mixed")])


@settings(max_examples=150, deadline=None, derandomize=True)
@given(asked=conditions(FIELDS), columns=COLUMNS, warm=st.booleans())
def test_an_index_changes_no_answer(
    engines: list[Engine], asked: tuple[str, dict[str, Any]], columns: tuple[str, ...], warm: bool
) -> None:
    where, params = asked
    whole = as_table(execute(engines[0], Scan("docs")))
    expected = evaluate(whole, columns=columns, where=parse_filter(where, whole.schema, params))
    for engine in engines:
        if not warm and isinstance(engine, DocumentSQLiteEngine):
            engine._columns.clear()
        found = as_table(execute(engine, Scan("docs", columns, where, params)))
        assert found.num_rows == expected.num_rows, f"{engine}: {where} {params}"
        assert found.to_pylist() == expected.to_pylist(), f"{engine}: {where} {params}"


@settings(max_examples=80, deadline=None, derandomize=True)
@given(asked=conditions(TYPED_FIELDS))
def test_declared_columns_are_looked_up_by_their_values(
    engines: list[Engine], asked: tuple[str, dict[str, Any]]
) -> None:
    where, params = asked
    expected = evaluate(TYPED, columns=["k"], where=parse_filter(where, TYPED.schema, params))
    for engine in engines:
        if isinstance(engine, DocumentSQLiteEngine):
            engine._columns.clear()
        assert as_table(execute(engine, Scan("typed", ("k",), where, params))).equals(expected), f"{where} {params}"


@pytest.mark.parametrize(("where", "rows"), [(None, 11), ("n > 0", 5), ("1 = 0", 0), ("1 = 1", 11), ("_id = 'a'", 1)])
def test_rows_are_counted_without_columns(engines: list[Engine], where: str | None, rows: int) -> None:
    for engine in engines:
        dataset = engine.dataset("docs")
        bound = None if where is None else parse_filter(where, dataset.schema)
        found = as_table(engine.scan(BoundScan(dataset, None, (), bound), UNBOUNDED))
        assert (found.num_rows, found.num_columns) == (rows, 0)


def test_only_the_columns_asked_for_are_made(engines: list[Engine]) -> None:
    execute(engines[0], DocumentInsert("docs", [{"_id": "new"}]))
    for engine in engines:
        if isinstance(engine, DocumentSQLiteEngine):
            engine._columns.clear()
        execute(engine, Scan("docs", ("s",), "n > 0 AND length(s) > 0"))
        with engine._reading("docs", UNBOUNDED) as collection:  # type: ignore[attr-defined]
            kept = (
                engine.columns_of(collection._known)
                if isinstance(engine, DocumentSQLiteEngine)
                else collection._columns
            )
        made = [name for name in engine.dataset("docs").schema.names if kept.holds([name])]
        assert made in (["n", "s"], []), made
        assert made == [] or not (isinstance(engine, DocumentSQLiteEngine) and engine is engines[2])


@pytest.mark.parametrize(
    ("where", "selection"),
    [
        ("_id IN ('a', 'b')", "key IN (SELECT value FROM json_each(?))"),
        ("_id = 'a' AND length(s) = 1", "key IN (SELECT value FROM json_each(?))"),
        ("s = 'x'", "(json_extract(body, '$.\"s\"') = ?) AND ((body -> '$.\"s\"') = ?)"),
        ("_id = 'a' OR _id = 'b'", None),
        ("_id <> 'a'", None),
        ("s > 'x'", None),
        ('"Up" = 1', None),
        ("mixed = '1'", None),
        ("f > 0.5", None),
    ],
)
def test_what_an_index_finds(engines: list[Engine], where: str, selection: str | None) -> None:
    engine = engines[2]
    assert isinstance(engine, DocumentSQLiteEngine)
    with engine._reading("docs", UNBOUNDED) as collection:
        known = collection._known  # type: ignore[attr-defined]
        filter_ = parse_filter(where, known.layout.schema)
        found = sqlite_rows.narrowed(collection._reader, known.entry, filter_, known.layout, "_id")  # type: ignore[attr-defined]
        assert (None if found is None else found.where) == selection
        if found is not None:
            sql = f"EXPLAIN QUERY PLAN SELECT body FROM {known.entry.table}{found.clause} ORDER BY +place"
            steps = collection._reader.execute(sql, found.params).fetchall()  # type: ignore[attr-defined]
            assert any("SEARCH" in step[3] and "INDEX" in step[3] for step in steps), steps


def test_keys_are_only_read_off_where_every_document_has_one() -> None:
    layout = Layout(pa.schema([("k", pa.int64()), ("s", pa.string())]))
    assert keys_among(parse_filter("k IN (1, 2, 1) AND s = 'x'", layout.schema), layout, "k") == [1, 2]
    assert keys_among(parse_filter("k = NULL", layout.schema), layout, "k") == []
    assert keys_among(parse_filter("k > 1", layout.schema), layout, "k") is None
    assert keys_among(parse_filter("k = 1", layout.schema), layout, None) is None


def test_kept_columns_have_a_bound() -> None:
    layout = Layout(pa.schema([("a", pa.int64()), ("b", pa.int64()), ("c", pa.int64())]))
    columns = Columns(layout, max_bytes=2 * 8 * 100 + 100)
    documents = [{"a": n, "b": n, "c": n} for n in range(100)]
    for names in (["a", "b"], ["a"], ["c"]):
        columns.table(names, lambda: documents, UNBOUNDED)
    assert (columns.holds(["a", "c"]), columns.holds(["b"])) == (True, False)


@pytest.mark.parametrize("many", [1, 300])
def test_a_selector_of_many_keys_uses_their_index(engines: list[Engine], many: int) -> None:
    keys = [*KEYS, *(f"k{n}" for n in range(many))]
    asked = DocumentFind("docs", {"_id": {"$in": keys}}, ["_id"])
    expected = as_table(execute(engines[0], asked)).to_pylist()
    assert len(expected) >= len(KEYS)
    for engine in engines:
        found = [row["_id"] for row in as_table(execute(engine, asked)).to_pylist()]
        assert found == [row["_id"] for row in expected]


def test_bodies_are_parsed_together_and_spoilt_ones_are_refused() -> None:
    assert sqlite_rows._parsed(['{"a": 1}', '{"a": [2]}']) == [{"a": 1}, {"a": [2]}]
    assert sqlite_rows._parsed([]) == []
    for spoilt in (["1, 2", "{}"], ["{", "}"], ["1, {}"]):
        with pytest.raises(ValueError, match=r"Extra data|Expecting"):
            sqlite_rows._parsed(spoilt)

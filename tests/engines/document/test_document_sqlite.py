"""What document+sqlite adds: indexes, cancelling, sharing its file with others."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from polyroute.engines import UNBOUNDED, Call, Engine, open_engine
from polyroute.engines.document.convert import table_of
from polyroute.engines.document.schema import layout_of, shape_of
from polyroute.engines.execution import as_table, execute
from polyroute.engines.loading.loader import Definition, load
from polyroute.engines.loading.sources import from_documents
from polyroute.errors import DatabaseErrorCode, PolyrouteError
from polyroute.operations import (
    DocumentCount,
    DocumentDelete,
    DocumentFind,
    DocumentInsert,
    DocumentUpdate,
    Operation,
    Scan,
)
from polyroute.result import Documents, Rows

KEYED = Definition(key=("_id",))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "documents.db"


@pytest.fixture
def engine(path: Path) -> Iterator[Engine]:
    opened = open_engine(f"document+sqlite:///{path}")
    documents = [{"_id": n, "age": n % 90, "name": {"last": f"n{n % 7}"}, "text": "x" * 50} for n in range(2000)]
    load([opened], "people", from_documents(list(documents)), definition=KEYED)
    yield opened
    opened.close()


def count(engine: Engine, selector: dict[str, object], call: Call = UNBOUNDED) -> object:
    answer = execute(engine, DocumentCount("people", selector), call)
    assert isinstance(answer, Rows)
    return answer.rows[0][0]


def test_indexes_serve_selectors_and_survive(engine: Engine, path: Path) -> None:
    before = [count(engine, {"age": 5}), count(engine, {"name.last": "n3", "age": {"$lt": 9}})]
    engine.create_index("people", ["age"], UNBOUNDED)
    engine.create_index("people", ["name.last"], UNBOUNDED)
    engine.create_index("people", ["age"], UNBOUNDED)
    with sqlite3.connect(path) as other:
        made = other.execute("SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL").fetchall()
    assert len(made) == 2
    assert [count(engine, {"age": 5}), count(engine, {"name.last": "n3", "age": {"$lt": 9}})] == before
    execute(engine, DocumentUpdate("people", {"age": 5}, {"age": 500}))
    assert count(engine, {"age": 5}) == 0
    assert count(engine, {"age": 500}) == before[0]


@pytest.mark.parametrize(
    ("fields", "said"), [(["agee"], "'age'"), ([], "field paths"), (["name.0"], "array"), (["a..b"], "empty")]
)
def test_wrong_indexes_are_refused(engine: Engine, fields: list[str], said: str) -> None:
    with pytest.raises(PolyrouteError, match=said) as caught:
        engine.create_index("people", fields, UNBOUNDED)
    assert caught.value.code is DatabaseErrorCode.QUERY_INVALID


@pytest.mark.parametrize(
    "op",
    [
        DocumentFind("people", {"text": {"$regex": "y$"}}),
        DocumentCount("people", {"text": {"$regex": "y$"}}),
        DocumentCount("people", {"age": {"$gt": 1.5}}),
        DocumentFind("people", {}, sort=["text"]),
        Scan("people", where="age > 5"),
    ],
)
def test_a_late_call_stops_and_the_engine_goes_on(engine: Engine, op: Operation) -> None:
    documents = [{"_id": n, "age": n + 0.5, "text": "x" * 200} for n in range(2000, 30_000)]
    load([engine], "people", from_documents(list(documents)), mode="append", definition=KEYED)
    started = time.monotonic()
    with pytest.raises(PolyrouteError) as caught:
        execute(engine, op, Call(timeout_s=0.02))
    assert caught.value.code is DatabaseErrorCode.QUERY_TIMEOUT
    assert time.monotonic() - started < 2
    assert count(engine, {"_id": {"$in": [1, 2]}}) == 2


def test_a_cancelled_write_is_undone(engine: Engine) -> None:
    call = Call(timeout_s=60)
    threading.Timer(0.02, call.cancel).start()

    def write_on_and_on() -> None:
        for number in range(10_000):
            execute(engine, DocumentUpdate("people", {"text": {"$regex": "x"}}, {"round": number}), call)

    with pytest.raises(PolyrouteError) as caught:
        write_on_and_on()
    assert caught.value.code is DatabaseErrorCode.QUERY_TIMEOUT
    rounds = {d.get("round") for d in _found(engine, DocumentFind("people", {}, fields=["round"]))}
    assert len(rounds) == 1


def test_two_engines_on_one_file_see_each_other(engine: Engine, path: Path) -> None:
    other = open_engine(f"document+sqlite:///{path}")
    try:
        assert other.resource is engine.resource
        version = other.data_version("people")
        execute(engine, DocumentInsert("people", {"_id": "new", "more": 1}))
        assert other.data_version("people") != version
        assert "more" in other.dataset("people").schema.names
        assert count(other, {"_id": "new"}) == 1
    finally:
        other.close()


def test_the_relational_engine_shares_the_file_and_sees_no_collections(engine: Engine, path: Path) -> None:
    pytest.importorskip("polyroute.engines.relational.sqlite")
    relational = open_engine(f"sqlite:///{path}")
    try:
        assert relational.resource is engine.resource
        assert relational.datasets() == {}
    finally:
        relational.close()


def test_another_process_is_seen(engine: Engine, path: Path) -> None:
    version = engine.data_version("people")
    script = """
import sys
from polyroute.engines import open_engine
from polyroute.engines.execution import execute
from polyroute.operations import DocumentInsert
engine = open_engine(sys.argv[1])
execute(engine, DocumentInsert("people", [{"_id": f"other{n}", "from": "afar"} for n in range(5)]))
engine.close()
"""
    subprocess.run([sys.executable, "-c", script, f"document+sqlite:///{path}"], check=True)
    assert engine.data_version("people") != version
    assert "from" in engine.dataset("people").schema.names
    assert count(engine, {"from": "afar"}) == 5
    assert engine.statistics("people").row_count == 2005


def test_names_of_collections_may_be_anything(engine: Engine) -> None:
    for name in ('it\'s "quoted"; DROP TABLE x', "People", "a.b", "é"):
        load([engine], name, from_documents([{"_id": 1, name: 1}]), definition=KEYED)
    for name in ("People", "a.b"):
        assert engine.dataset(name).schema.names == ["_id", name]
    assert count(engine, {}) == 2000


def _found(engine: Engine, op: DocumentFind) -> list[dict[str, object]]:
    answer = execute(engine, op)
    assert isinstance(answer, Documents)
    return answer.documents


KEYS = st.sampled_from(["a", "b", "c", 1, 2.5])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from([0.5, 2**60, 2**70]) | st.sampled_from(["", "x"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["p", "P", "q"]), inner, max_size=2),
    max_leaves=3,
)
MEMBERS = st.dictionaries(st.sampled_from(["x", "y", "Y"]), VALUES, max_size=3)
KEYED_DOCUMENTS = st.lists(st.builds(lambda key, members: {"_id": key, **members}, KEYS, MEMBERS), max_size=3)
SELECTORS = st.one_of(
    st.just({}),
    st.builds(lambda key: {"_id": key}, KEYS),
    st.builds(lambda value: {"x": value}, VALUES),
    st.builds(lambda value: {"y": {"$lte": value}}, VALUES),
    st.builds(lambda value: {"x": {"$in": [value]}}, VALUES),
    st.builds(lambda wanted: {"x.p": {"$exists": wanted}}, st.booleans()),
)


class BothEngines(RuleBasedStateMachine):
    """Whatever is done to both document engines, they answer alike, and as their documents say."""

    @initialize(documents=KEYED_DOCUMENTS)
    def open_both(self, documents: list[dict[str, object]]) -> None:
        self.engines = [open_engine("tinydb://"), open_engine("document+sqlite://")]
        for engine in self.engines:
            load([engine], "d", from_documents(list(documents)), mode="upsert", definition=KEYED)

    def teardown(self) -> None:
        for engine in getattr(self, "engines", []):
            engine.close()

    def both(self, op: Operation) -> None:
        outcomes = []
        for engine in self.engines:
            try:
                answer = execute(engine, op)
                outcomes.append((answer.affected, answer.keys) if isinstance(answer, Rows) else None)
            except PolyrouteError as error:
                outcomes.append((error.code, str(error)))
        assert outcomes[0] == outcomes[1]

    @rule(documents=KEYED_DOCUMENTS)
    def insert(self, documents: list[dict[str, object]]) -> None:
        self.both(DocumentInsert("d", documents))

    @rule(selector=SELECTORS, changes=MEMBERS)
    def update(self, selector: dict[str, object], changes: dict[str, object]) -> None:
        self.both(DocumentUpdate("d", selector, changes))

    @rule(selector=SELECTORS)
    def delete(self, selector: dict[str, object]) -> None:
        self.both(DocumentDelete("d", selector=selector))

    @rule(documents=KEYED_DOCUMENTS)
    def upsert(self, documents: list[dict[str, object]]) -> None:
        for engine in self.engines:
            load([engine], "d", from_documents(list(documents)), mode="upsert", definition=KEYED)

    @rule(selector=SELECTORS)
    def find(self, selector: dict[str, object]) -> None:
        one, other = (_found(engine, DocumentFind("d", selector, sort=["_id"])) for engine in self.engines)
        assert one == other

    @invariant()
    def documents_and_columns_are_the_same(self) -> None:
        if not hasattr(self, "engines"):
            return
        one, other = (_found(engine, DocumentFind("d", {})) for engine in self.engines)
        assert [list(document.items()) for document in one] == [list(document.items()) for document in other]
        layout = layout_of(shape_of(one), None, "_id")
        for engine in self.engines:
            assert _types(engine.dataset("d").schema) == _types(layout.schema)
            assert engine.statistics("d").row_count == len(one)
            shown = as_table(execute(engine, Scan("d")))
            assert shown.num_rows == len(one)
        assert table_of(one, layout).num_rows == len(one)


def _types(schema: object) -> dict[str, str]:
    """Return columns and types whatever the order of columns and fields, which tells in what order keys came in."""
    return {field.name.lower(): "".join(sorted(str(field.type))) for field in schema}  # type: ignore[attr-defined]


BothEngines.TestCase.settings = settings(
    max_examples=25, stateful_step_count=12, deadline=None, suppress_health_check=list(HealthCheck)
)
TestBothEngines = BothEngines.TestCase

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pyarrow as pa
import pytest

from polyroute.engines.call import UNBOUNDED, Call
from polyroute.engines.execution import execute
from polyroute.engines.graph.networkx import NetworkXEngine
from polyroute.engines.graph.storage import manifest as manifests
from polyroute.engines.graph.storage import store as stores
from polyroute.engines.resources import Resource
from polyroute.engines.testing.store import Store
from polyroute.engines.url import EngineURL
from polyroute.errors import PolyrouteError
from polyroute.operations import GraphDelete, GraphNeighbors, GraphUpsert, Scan
from polyroute.result import QueryResult

ENDS = {"source": "src", "target": "dst"}


def open_at(folder: Path) -> NetworkXEngine:
    return NetworkXEngine.open(EngineURL("networkx", folder))


def edges_of(engine: NetworkXEngine, name: str = "g") -> set[tuple[object, ...]]:
    return set(QueryResult(execute(engine, Scan(name))).fetchall())


def run_python(code: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)], stdout=subprocess.PIPE, text=True
    )


def test_everything_survives_a_restart(store: Store) -> None:
    nodes = pa.table({"id": ["a", "z"], "when": pa.array([1, None], pa.timestamp("us"))})
    edges = pa.table({"src": ["a"], "dst": ["b"], "n": pa.array([7], pa.uint8())})
    store.load("g", edges, nodes=nodes, type="ROAD", directed="false", **ENDS)
    before = store.engine.dataset("g")
    store.reopen()
    assert store.engine.dataset("g") == before
    assert store.engine.dataset("g").roles["type"] == "ROAD"
    assert store.rows(GraphNeighbors("g", "b")) == [("b", "a", 1)]
    assert store.ask(Scan("g", part="nodes")).schema == nodes.schema


def test_graphs_may_have_any_name(store: Store, folder: Path) -> None:
    names = ["a/b", "..", "A/B", "gräph", "x" * 300, "a b'\""]
    for number, name in enumerate(names):
        store.load(name, pa.table({"src": [number], "dst": [number]}), **ENDS)
    store.reopen()
    assert [store.rows(Scan(name))[0][0] for name in names] == list(range(len(names)))
    assert all(child.name.startswith(("g-", "manifest", "writer")) for child in folder.iterdir())


def test_a_dropped_graph_leaves_no_files(store: Store, folder: Path) -> None:
    store.load("g", pa.table({"src": ["a"], "dst": ["b"]}), **ENDS)
    store.engine.drop("g", UNBOUNDED)
    assert store.engine.datasets() == {}
    assert list(folder.glob("g-*")) == []
    store.load("g", pa.table({"src": [1], "dst": [2]}), **ENDS)
    assert store.rows(Scan("g")) == [(1, 2)]


def test_versions_differ_after_every_write_and_never_come_back(store: Store) -> None:
    seen = set()
    for _ in range(2):
        store.load("g", pa.table({"src": ["a"], "dst": ["b"]}), **ENDS)
        seen.add(store.engine.data_version("g"))
        store.ask(GraphUpsert("g", edges=[{"src": "b", "dst": "c"}]))
        seen.add(store.engine.data_version("g"))
        store.ask(GraphDelete("g", nodes=["nobody"]))
        assert store.engine.data_version("g") in seen, "a write that changes nothing is no new version"
        store.engine.drop("g", UNBOUNDED)
    assert len(seen) == 4


def test_another_handle_sees_a_write_at_once(folder: Path) -> None:
    # Two stores on one folder stand for two processes: neither knows of the other's writes but by the files.
    first, second = stores.GraphStore(folder), stores.GraphStore(folder)
    one, other = (NetworkXEngine(_resource(held)) for held in (first, second))
    Store(lambda: one).load("g", pa.table({"src": ["a"], "dst": ["b"]}), **ENDS)
    for i in range(80):
        writer, reader = (one, other) if i % 2 else (other, one)
        execute(writer, GraphUpsert("g", edges=[{"src": f"s{i}", "dst": "t"}]))
        assert (f"s{i}", "t") in edges_of(reader)
    assert len(edges_of(one)) == len(edges_of(other)) == 81


def _resource(held: stores.GraphStore) -> Resource[stores.GraphStore]:
    return Resource("graph", held.folder, held, lambda _: None, read_only=False, temporary=False)


_CHILD = """
    import sys
    from pathlib import Path
    import pyarrow as pa
    from polyroute.engines.call import UNBOUNDED
    from polyroute.engines.graph.storage import GraphStore, upsert
    store = GraphStore(Path(sys.argv[1]))
    for i in range(int(sys.argv[2]), int(sys.argv[3])):
        edges = pa.table({"src": [i, i], "dst": [1, 2]})
        with store.writer(UNBOUNDED):
            held = store.snapshot("g")
            store.commit_change("g", held, upsert(held, edges, None))
        print(i, flush=True)
"""


def torn(held: set[tuple[object, ...]]) -> set[object]:
    """The writes of which only one of the two edges is there."""
    return {row[0] for row in held if row[0] != -1 and ((row[0], 1) in held) != ((row[0], 2) in held)}


def test_two_processes_write_and_lose_nothing(folder: Path) -> None:
    engine = open_at(folder)
    Store(lambda: engine).load("g", pa.table({"src": [-1], "dst": [0]}), **ENDS)
    children = [run_python(_CHILD, folder, first, first + 40) for first in (100, 200)]
    for i in range(20):
        execute(engine, GraphUpsert("g", edges=[{"src": i, "dst": 1}, {"src": i, "dst": 2}]))
    assert [len(child.communicate(timeout=60)[0].split()) for child in children] == [40, 40]
    held = edges_of(engine)
    assert {row[0] for row in held} == {-1, *range(20), *range(100, 140), *range(200, 240)}
    assert torn(held) == set()
    engine.close()


def test_a_killed_writer_loses_nothing_acknowledged(folder: Path) -> None:
    engine = open_at(folder)
    Store(lambda: engine).load("g", pa.table({"src": [-1], "dst": [0]}), **ENDS)
    engine.close()
    acknowledged: list[int] = []
    for first, seen in ((1000, 20), (2000, 75)):
        child = run_python(_CHILD, folder, first, 10**9)
        assert child.stdout is not None
        acknowledged += [int(child.stdout.readline()) for _ in range(seen)]
        child.send_signal(signal.SIGKILL)
        acknowledged += [int(line) for line in child.stdout.read().split()]
        child.stdout.close()
        child.wait()
        again = open_at(folder)
        held = edges_of(again)
        assert all({(i, 1), (i, 2)} <= held for i in acknowledged)
        assert torn(held) == set()
        execute(again, GraphUpsert("g", edges=[{"src": -1, "dst": seen}]))
        again.close()


@pytest.mark.parametrize("operation", ["delta", "base", "load"])
def test_a_crash_at_any_call_leaves_the_old_state_or_the_new(
    folder: Path, monkeypatch: pytest.MonkeyPatch, operation: str
) -> None:
    class Crash(BaseException): ...

    engine = open_at(folder)
    suite = Store(lambda: engine)
    suite.load("g", pa.table({"src": ["a"], "dst": ["b"]}), **ENDS)
    old = frozenset(edges_of(engine))
    new = old | {("c", "d")}
    if operation == "base":
        monkeypatch.setattr(stores, "_MAX_DELTAS", 0)

    def write() -> None:
        if operation == "load":
            suite.load("g", pa.table({"src": ["a", "c"], "dst": ["b", "d"]}), mode="replace", **ENDS)
        else:
            execute(engine, GraphUpsert("g", edges=[{"src": "c", "dst": "d"}]))

    for after in range(1, 20):
        calls = [0]

        def crashing(real: object, calls: list[int] = calls, after: int = after) -> object:
            def call(*arguments: object, **named: object) -> object:
                calls[0] += 1
                if calls[0] == after:
                    raise Crash
                return real(*arguments, **named)  # type: ignore[operator]

            return call

        with monkeypatch.context() as patch:
            for name in ("fsync", "replace", "utime", "open"):
                patch.setattr(os, name, crashing(getattr(os, name)))
            try:
                write()
                done = True
            except Crash:
                done = False
        rows = stores.GraphStore(folder).snapshot("g").edges.to_pylist()
        state = frozenset((row["src"], row["dst"]) for row in rows)
        assert state in (old, new), after
        assert edges_of(engine) == set(state), "the writer's own view is that of the files"
        if done:
            assert state == new
            break
        execute(engine, GraphDelete("g", where="src = 'c'"))
    else:
        raise AssertionError("the write never got through")
    engine.close()


class TestBadPlaces:
    def test_a_missing_parent_folder(self, tmp_path: Path) -> None:
        with pytest.raises(PolyrouteError, match="'nowhere' does not exist") as caught:
            open_at(tmp_path / "nowhere" / "graphs")
        assert caught.value.code == "ENGINE_CONNECTION_FAILED"

    def test_a_missing_folder_to_read(self, tmp_path: Path) -> None:
        with pytest.raises(PolyrouteError, match="'graphs' does not exist"):
            NetworkXEngine.open(EngineURL("networkx", tmp_path / "graphs"), read_only=True)
        assert not (tmp_path / "graphs").exists()

    def test_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("text")
        with pytest.raises(PolyrouteError, match="is a file"):
            open_at(tmp_path / "file")

    def test_a_folder_of_other_things_is_left_alone(self, tmp_path: Path) -> None:
        (tmp_path / "letter.txt").write_text("dear")
        with pytest.raises(PolyrouteError, match="holds other files"):
            open_at(tmp_path)
        assert [child.name for child in tmp_path.iterdir()] == ["letter.txt"]

    @pytest.mark.parametrize("content", ["", "{", "[]", '{"format": 1}', '{"format": 1, "graphs": {"g": {}}}'])
    def test_a_damaged_manifest_is_told_and_left_untouched(self, folder: Path, content: str) -> None:
        folder.mkdir()
        (folder / manifests.FILE).write_text(content)
        with pytest.raises(PolyrouteError, match="manifest is damaged") as caught:
            open_at(folder)
        assert caught.value.code == "ENGINE_UNAVAILABLE"
        assert (folder / manifests.FILE).read_text() == content

    def test_a_manifest_of_a_later_release(self, folder: Path) -> None:
        folder.mkdir()
        (folder / manifests.FILE).write_text(json.dumps({"format": 99}))
        with pytest.raises(PolyrouteError, match="newer release"):
            open_at(folder)

    def test_a_damaged_segment_is_noticed(self, store: Store, folder: Path) -> None:
        store.load("g", pa.table({"src": ["a"], "dst": ["b"]}), **ENDS)
        store.load("h", pa.table({"src": ["a"], "dst": ["b"]}), **ENDS)
        segment = next(folder.glob("g-g-*/base-*"))
        content = bytearray(segment.read_bytes())
        content[len(content) // 2] ^= 0xFF
        segment.write_bytes(content)
        store.reopen()
        with pytest.raises(PolyrouteError, match="is damaged") as caught:
            store.rows(Scan("g"))
        assert caught.value.code == "ENGINE_UNAVAILABLE"
        assert store.rows(Scan("h")) == [("a", "b")]

    def test_a_missing_segment_is_told(self, store: Store, folder: Path) -> None:
        store.load("g", pa.table({"src": ["a"], "dst": ["b"]}), **ENDS)
        next(folder.glob("g-g-*/base-*")).unlink()
        store.reopen()
        with pytest.raises(PolyrouteError, match="are missing"):
            store.rows(Scan("g"))

    def test_a_folder_that_was_removed_is_told(self, store: Store, folder: Path) -> None:
        store.load("g", pa.table({"src": ["a"], "dst": ["b"]}), **ENDS)
        shutil.rmtree(folder)
        with pytest.raises(PolyrouteError, match="removed by somebody else"):
            store.rows(Scan("g"))
        folder.mkdir()


def test_a_writer_waits_no_longer_than_its_patience(
    store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.load("g", pa.table({"src": ["a"], "dst": ["b"]}), **ENDS)
    monkeypatch.setattr(stores, "PATIENCE_S", 0.05)
    other = stores.GraphStore(folder)
    with other.writer(UNBOUNDED):
        with pytest.raises(PolyrouteError) as caught:
            store.ask(GraphDelete("g", nodes=["a"]))
        assert caught.value.code == "ENGINE_OVERLOADED"
        monkeypatch.setattr(stores, "PATIENCE_S", 30)
        with pytest.raises(PolyrouteError) as caught:
            store.ask(GraphDelete("g", nodes=["a"]), Call(timeout_s=0.1))
        assert caught.value.code == "QUERY_TIMEOUT"
    assert store.ask(GraphDelete("g", nodes=["a"])).rows_affected == 2

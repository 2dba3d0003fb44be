"""The LanceDB engine: tables of other programs, writes, loads, restarts, other processes, damage, deadlines, upkeep."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import lancedb
import pyarrow as pa
import pytest

from polyroute.engines.call import UNBOUNDED, Call
from polyroute.engines.contract import Dataset, LoadSpec
from polyroute.engines.registry import open_engine
from polyroute.engines.testing.store import Store
from polyroute.engines.vector.lancedb import LanceDBEngine
from polyroute.errors import PolyrouteError, QueryTimeoutError
from polyroute.operations import Scan, VectorCluster, VectorDelete, VectorGet, VectorSearch, VectorUpsert

KIND = pa.list_(pa.float32(), 2)
NAN = float("nan")


def table(*keys: int, text: str = "t") -> pa.Table:
    columns = [
        pa.array(keys, pa.int64()),
        pa.array([f"{text}{k}" for k in keys], pa.string()),
        pa.array([[float(k), 1.0] for k in keys], KIND),
    ]
    return pa.table(columns, names=["k", "text", "v"])


def load(store: Store, *keys: int, name: str = "items", mode: str = "create") -> None:
    store.load(name, table(*keys), key="k", vector="v", mode=mode)


def keys_of(store: Store, name: str = "items") -> list[object]:
    return sorted(r[0] for r in store.rows(Scan(name, ("k",))))  # type: ignore[type-var]


def files(folder: Path) -> set[str]:
    """Return the files of a folder, locks left out."""
    return {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file() and p.suffix != ".lock"}


def python(script: str, *arguments: str) -> str:
    """Run a script in a process of its own and return what it prints."""
    done = subprocess.run([sys.executable, "-c", script, *arguments], check=True, capture_output=True, text=True)
    return done.stdout


class TestForeignTables:
    """Tables that LanceDB itself made, without a word from polyroute."""

    @pytest.fixture
    def foreign(self, store: Store, tmp_path: Path) -> Store:
        columns = {
            "id": pa.array([1, 2, 3]),
            "label": pa.array(["a", "b", "a"], pa.large_string()),
            "kind": pa.array(["x", "y", "x"]).dictionary_encode(),
            "embedding": pa.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], KIND),
        }
        lancedb.connect(tmp_path / "vectors").create_table("foreign", pa.table(columns))
        return store

    def test_they_are_found_with_their_vector_and_asked_at_once(self, foreign: Store) -> None:
        found = foreign.engine.datasets()["foreign"]
        assert found.roles == {"vector": "embedding"}
        assert found.key == ()
        assert found.schema.field("kind").type == pa.string()
        assert [r[0] for r in foreign.rows(VectorSearch("foreign", [1.0, 0.1], 2, "label = 'a'"))] == [1, 3]
        assert foreign.rows(Scan("foreign", ("id",), "kind = 'y'")) == [(2,)]
        assert foreign.rows(Scan("foreign", ("kind", "label"), order="id", limit=1)) == [("x", "a")]

    def test_what_needs_a_key_says_so(self, foreign: Store) -> None:
        for op in (
            VectorGet("foreign", [1]),
            VectorCluster("foreign"),
            VectorUpsert("foreign", [{"id": 4}]),
            VectorDelete("foreign", [1]),
            VectorDelete("foreign", where="length(label) = 1"),
        ):
            with foreign.refused(told="key="):
                foreign.ask(op)

    def test_rows_can_be_deleted_by_a_filter_and_appended(self, foreign: Store) -> None:
        assert foreign.ask(VectorDelete("foreign", where="id > 1 AND label = 'a'")).rows_affected == 1
        rows = pa.table({"id": [9], "label": ["z"], "embedding": pa.array([[2.0, 2.0]], KIND)})
        foreign.load("foreign", rows, mode="append")
        assert sorted(foreign.rows(Scan("foreign", ("id", "label", "kind")))) == [
            (1, "a", "x"),
            (2, "b", "y"),
            (9, "z", None),
        ]

    def test_vectors_that_are_not_finite_never_match(self, store: Store, tmp_path: Path) -> None:
        values = pa.array([[1.0, NAN], [1.0, None], [1.0, 1.0], None], KIND)
        connection = lancedb.connect(tmp_path / "vectors")
        schema = pa.schema([("id", pa.int64()), ("e", pa.struct([("v", KIND)]))])
        made = connection.create_table("odd", schema=schema)
        made.add(pa.table([pa.array([1, 2, 3, 4]), pa.StructArray.from_arrays([values], ["v"])], schema=schema))
        made.add_columns({"vec": "e.v"})
        assert [r[0] for r in store.rows(VectorSearch("odd", [1.0, 1.0], 10, columns=("id",)))] == [3]

    def test_a_column_named_score_can_be_left_out(self, store: Store, tmp_path: Path) -> None:
        rows = pa.table({"id": [1], "score": [0.5], "v": pa.array([[1.0, 0.0]], KIND)})
        lancedb.connect(tmp_path / "vectors").create_table("scored", rows)
        with store.refused(told="columns="):
            store.ask(VectorSearch("scored", [1.0, 0.0]))
        assert store.rows(VectorSearch("scored", [1.0, 0.0], columns=("id",))) == [(1, 1.0)]

    def test_no_vector_or_several_are_asked_for_by_role(self, store: Store, tmp_path: Path) -> None:
        connection = lancedb.connect(tmp_path / "vectors")
        connection.create_table("none", pa.table({"id": [1]}))
        connection.create_table("two", pa.table({"a": pa.array([[1.0, 0.0]], KIND), "b": pa.array([[1.0, 0.0]], KIND)}))
        for name in ("none", "two"):
            assert len(store.rows(Scan(name))) == 1
            with store.refused(told="vector="):
                store.ask(VectorSearch(name, [1.0, 0.0]))

    def test_changes_of_another_program_are_seen_at_once(self, store: Store, tmp_path: Path) -> None:
        load(store, 1, 2)
        held = lancedb.connect(tmp_path / "vectors").open_table("items")
        for step in range(5):
            held.delete(f"k = {100 + step - 1}")
            held.add(table(100 + step).cast(held.schema))
            assert keys_of(store) == [1, 2, 100 + step]
            assert store.rows(VectorSearch("items", [200.0, 1.0], 1, metric="l2", columns=("k",)))[0][0] == 100 + step
        held.add_columns({"twice": "k * 2"})
        assert store.engine.dataset("items").schema.names == ["k", "text", "v", "twice"]
        assert store.engine.dataset("items").key == ("k",)


class TestWrites:
    """Upsert and delete."""

    def test_the_last_of_equal_keys_wins_in_one_version(self, store: Store) -> None:
        load(store, 1, 2)
        before = store.engine.resource.handle.folder.state("items").version  # type: ignore[attr-defined]
        rows = pa.concat_tables([table(2, 3), table(3, 2, text="new")])
        assert store.ask(VectorUpsert("items", rows)).rows_affected == 2
        assert sorted(store.rows(Scan("items", ("k", "text")))) == [(1, "t1"), (2, "new2"), (3, "new3")]
        after = store.engine.resource.handle.folder.state("items").version  # type: ignore[attr-defined]
        assert after == before + 1

    def test_rows_without_a_vector_are_kept_and_never_match(self, store: Store) -> None:
        load(store, 1)
        store.ask(VectorUpsert("items", [{"k": 2, "text": "none"}]))
        assert store.rows(VectorGet("items", 2)) == [(2, "none", None)]
        assert len(store.rows(VectorSearch("items", [1.0, 1.0]))) == 1
        assert [r[0] for r in store.rows(VectorCluster("items", 2))] == [1]
        load(store, 5, mode="replace")
        assert keys_of(store) == [5]

    @pytest.mark.parametrize(
        ("vector", "told"), [([1.0, NAN], "row 1"), ([1.0, None], "row 1"), ([1.0], "v"), ("x", "v")]
    )
    def test_a_wrong_vector_changes_nothing(self, store: Store, vector: object, told: str) -> None:
        load(store, 1)
        with store.refused(told=told):
            store.ask(VectorUpsert("items", [{"k": 7, "v": [1.0, 2.0]}, {"k": 8, "v": vector}]))
        with store.refused(told="key"):
            store.ask(VectorUpsert("items", [{"k": None, "v": [1.0, 2.0]}]))

    def test_deleting_nothing_makes_no_version(self, store: Store) -> None:
        load(store, 1, 2)
        before = store.engine.data_version("items")
        for op in (VectorDelete("items", [77]), VectorDelete("items", []), VectorDelete("items", where="k > 9")):
            assert store.ask(op).rows_affected == 0
        assert store.ask(VectorDelete("items", where="length(text) = 9")).rows_affected == 0
        assert store.ask(VectorUpsert("items", [])).rows_affected == 0
        assert store.engine.data_version("items") == before

    def test_a_filter_that_lance_cannot_render_deletes_by_key(self, store: Store) -> None:
        load(store, *range(30))
        assert store.ask(VectorDelete("items", where="length(text) = 2 AND k <> 4")).rows_affected == 9
        assert keys_of(store) == [4, *range(10, 30)]

    @pytest.mark.parametrize(
        ("kind", "values"),
        [
            (pa.string(), ["it's", "ü", '"', "a\\b", ""]),
            (pa.int64(), [-(2**63) + 1, 0, 2**63 - 1]),
            (pa.uint64(), [0, 2**64 - 1]),
            (pa.bool_(), [True, False]),
            (pa.decimal128(10, 2), ["1.10", "-2.00"]),
            (pa.date32(), ["0001-01-01", "2024-02-29"]),
            (pa.timestamp("us"), ["2024-02-29 23:59:59.999999", "1960-01-01"]),
            (pa.timestamp("us", "UTC"), ["2024-02-29 23:59:59.999999+00:00"]),
        ],
    )
    def test_every_kind_of_key_is_found_replaced_and_deleted(
        self, open_store: Callable[..., Store], kind: pa.DataType, values: list[object]
    ) -> None:
        for options in ("", "?memory_mb=0"):
            store = open_store(options, folder=f"keys{len(options)}")
            keys = pa.array(values, pa.string()).cast(kind) if isinstance(values[0], str) else pa.array(values, kind)
            rows = pa.table({"k": keys, "v": pa.array([[1.0, 2.0]] * len(values), KIND)})
            store.load("items", rows, key="k", vector="v")
            store.ask(VectorUpsert("items", rows))
            for value in keys.to_pylist():
                assert store.rows(VectorGet("items", [value], ("k",))) == [(value,)]
                assert store.ask(VectorDelete("items", [value])).rows_affected == 1
            assert store.engine.statistics("items").row_count == 0

    def test_threads_write_without_losing_or_doubling_a_row(self, store: Store) -> None:
        load(store, 0)
        errors: list[BaseException] = []

        def write(thread: int) -> None:
            try:
                for step in range(8):
                    store.ask(VectorUpsert("items", table(step + 1, 100 * thread + step + 100, text=f"{thread}-")))
                    found = store.rows(VectorSearch("items", [1.0, 1.0], 1000, columns=("k",)))
                    assert len(found) == len({r[0] for r in found})
            except BaseException as exc:
                errors.append(exc)

        threads = [threading.Thread(target=write, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not errors, errors[0]
        assert keys_of(store) == sorted([0, *range(1, 9), *(100 * t + s + 100 for t in range(4) for s in range(8))])


class TestLoads:
    """Loads: what is refused, and that nothing is left of what failed."""

    @pytest.mark.parametrize(
        ("rows", "roles", "told"),
        [
            (table(1).append_column("Score", pa.array([1.0])), {}, "'Score'"),
            (table(1).append_column("f", pa.array([1.5])), {"key": "f"}, "'f'"),
            (table(1).append_column("b", pa.array([b"x"])), {"key": "b"}, "'b'"),
            (table(1), {"metric": "cosinus"}, "did you mean 'cosine'"),
            (table(1).append_column("s", pa.array([["a", "b"]], pa.list_(pa.string(), 2))), {}, "'s'"),
            (pa.table({"k": [1, 2], "v": pa.array([[1.0, 2.0], [NAN, 1.0]], KIND)}), {}, "row 1 of column 'v'"),
            (pa.table({"k": [1, None], "v": pa.array([[1.0, 2.0]] * 2, KIND)}), {}, "row 1"),
            (pa.table({"k": [1], "v": ["text"]}), {}, "'v'"),
            (pa.table({"k": [1], "v": pa.array([[1, 2]], pa.list_(pa.int32(), 2))}), {}, "'v'"),
        ],
    )
    def test_what_cannot_be_stored_is_refused_by_name(
        self, store: Store, tmp_path: Path, rows: pa.Table, roles: dict[str, str], told: str
    ) -> None:
        load(store, 1, name="kept")
        before = files(tmp_path)
        with store.refused(told=told):
            store.load("items", rows, **{"key": "k", "vector": "v", **roles})  # type: ignore[arg-type]
        assert files(tmp_path) == before

    def test_the_metric_is_remembered(self, store: Store) -> None:
        store.load("items", table(1), key="k", vector="v", metric="l2")
        store.reopen()
        assert store.engine.dataset("items").roles == {"vector": "v", "metric": "l2"}

    def test_an_empty_dataset_can_be_asked(self, store: Store) -> None:
        load(store)
        assert store.rows(VectorSearch("items", [1.0, 2.0], 5)) == []
        assert store.rows(VectorCluster("items", 3)) == []
        assert store.rows(VectorGet("items", [1])) == []
        assert store.rows(Scan("items")) == []
        store.engine.create_index("items", ["v", "k"], UNBOUNDED)
        store.ask(VectorUpsert("items", table(3)))
        assert keys_of(store) == [3]

    def test_a_load_larger_than_memory_allows_goes_through_a_file(
        self, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("polyroute.engines.vector.lance.spool._IN_MEMORY", 1000)
        source = [table(*range(n, n + 50)) for n in range(0, 1000, 50)]
        for mode, expected in (("create", 1000), ("append", 2000), ("upsert", 2000), ("replace", 1000)):
            shift = 1000 if mode == "append" else 0
            dataset = Dataset("items", "vector", source[0].schema, ("k",), {"vector": "v"})
            moved = [t.set_column(0, "k", pa.array([k.as_py() + shift for k in t["k"]])) for t in source]
            spec = LoadSpec(dataset, mode, lambda moved=moved: iter(b for t in moved for b in t.to_batches()))  # type: ignore[misc]
            assert store.engine.load(spec, UNBOUNDED) == 1000
            assert store.engine.statistics("items").row_count == expected
        assert not list((tmp_path / "vectors" / ".polyroute").glob("staging-*"))

    def test_what_the_source_raises_arrives_and_nothing_is_left(self, store: Store, tmp_path: Path) -> None:
        load(store, 1, 2)
        before, rows = files(tmp_path), store.all_rows("items")

        def broken() -> Iterator[pa.RecordBatch]:
            yield from table(7, 8).to_batches()
            raise KeyError("the source failed")

        for name in ("items", "other"):
            for mode in ("create", "append", "upsert", "replace"):
                dataset = Dataset(name, "vector", table(1).schema, ("k",), {"vector": "v"})
                with pytest.raises(KeyError):
                    store.engine.load(LoadSpec(dataset, mode, broken), UNBOUNDED)
        assert files(tmp_path) == before
        assert store.all_rows("items") == rows

    def test_a_process_killed_half_way_leaves_nothing_to_be_seen(self, store: Store, tmp_path: Path) -> None:
        load(store, 1, 2)
        rows = store.all_rows("items")
        script = (
            "import sys, time, pyarrow as pa\n"
            "from polyroute.engines.registry import open_engine\n"
            "from polyroute.engines.contract import Dataset, LoadSpec\n"
            "from polyroute.engines.call import UNBOUNDED\n"
            "engine = open_engine('lancedb:///' + sys.argv[1])\n"
            "schema = pa.schema([('k', pa.int64()), ('v', pa.list_(pa.float32(), 2))])\n"
            "batch = pa.record_batch([pa.array([7]), pa.array([[1., 2.]], pa.list_(pa.float32(), 2))], schema=schema)\n"
            "def stuck():\n"
            "    print('stored', flush=True)\n"
            "    time.sleep(60)\n"
            "dataset = Dataset(sys.argv[2], 'vector', schema, ('k',), {'vector': 'v'})\n"
            "engine.load(LoadSpec(dataset, 'replace', lambda: iter([batch]), before_commit=stuck), UNBOUNDED)\n"
        )
        for name in ("items", "other"):
            command = [sys.executable, "-c", script, str(tmp_path / "vectors"), name]
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
                assert process.stdout is not None
                assert process.stdout.readline() == "stored\n"
                process.send_signal(signal.SIGKILL)
                process.wait()
            assert list(store.engine.datasets()) == ["items"]
            assert store.all_rows("items") == rows
        for name, expected in (("items", [1, 2, 5]), ("other", [5])):
            load(store, 5, name=name, mode="upsert")
            assert keys_of(store, name) == expected

    def test_a_name_taken_meanwhile_is_not_overwritten(self, store: Store) -> None:
        dataset = Dataset("items", "vector", table(1).schema, ("k",), {"vector": "v"})
        late = LoadSpec(dataset, "create", lambda: iter(table(7).to_batches()), before_commit=lambda: load(store, 1, 2))
        with pytest.raises(PolyrouteError, match="held already"):
            store.engine.load(late, UNBOUNDED)
        assert keys_of(store) == [1, 2]

    def test_rows_of_another_programs_lists_keep_every_value(self, store: Store) -> None:
        """LanceDB pads or blanks list columns that it takes for vectors; ours must come back as they were."""
        odd = {
            "vector": pa.array([[1.0], None, [NAN, None, 3.0]], pa.list_(pa.float64())),
            "embedding": pa.array([[NAN, 1.0], None, [1.0, None]], KIND),
            "vector_ids": pa.array([[1], [], [300, -1]], pa.list_(pa.int64())),
            "wide": pa.array([[NAN] * 12, None, [1.0] * 12], pa.list_(pa.float32(), 12)),
        }
        rows = table(1, 2, 3)
        for name, column in odd.items():
            rows = rows.append_column(name, column)
        for mode in ("create", "replace", "upsert"):
            store.load("items", rows, key="k", vector="v", mode=mode)
            found = store.ask(Scan("items", order="k")).to_arrow()
            assert found.schema == rows.schema
            assert repr(found.to_pylist()) == repr(rows.to_pylist())


class TestProcesses:
    """A restart, and two processes on one folder."""

    def test_a_new_process_finds_everything(self, store: Store, tmp_path: Path) -> None:
        load(store, *range(40), name="odd name: ünï")
        script = (
            "import sys, json\n"
            "from polyroute.engines.registry import open_engine\n"
            "from polyroute.engines.testing.store import Store\n"
            "from polyroute.operations import VectorSearch\n"
            "store = Store(lambda: open_engine('lancedb:///' + sys.argv[1], read_only=True))\n"
            "[held] = store.engine.datasets().values()\n"
            "rows = store.rows(VectorSearch(held.name, [7.0, 1.0], 3, \"text <> 't7'\", metric='l2', columns=('k',)))\n"
            "print(json.dumps([held.name, held.key, dict(held.roles), str(held.schema), rows]))\n"
        )
        name, key, roles, schema, rows = json.loads(python(script, str(tmp_path / "vectors")))
        held = store.engine.dataset("odd name: ünï")
        assert (name, tuple(key), roles, schema) == (held.name, held.key, dict(held.roles), str(held.schema))
        assert [r[0] for r in rows] == [6, 8, 5]

    def test_two_processes_write_the_same_keys_and_none_is_doubled_or_lost(self, store: Store, tmp_path: Path) -> None:
        load(store, 0)
        script = (
            "import sys, pyarrow as pa\n"
            "from polyroute.engines.registry import open_engine\n"
            "from polyroute.engines.testing.store import Store\n"
            "from polyroute.operations import VectorUpsert\n"
            "store = Store(lambda: open_engine('lancedb:///' + sys.argv[1]))\n"
            "print('ready', flush=True)\n"
            "sys.stdin.readline()\n"
            "for step in range(15):\n"
            "    rows = [{'k': 1 + step, 'v': [1.0, 2.0]}, {'k': 1000 * int(sys.argv[2]) + step, 'v': [1.0, 2.0]}]\n"
            "    store.ask(VectorUpsert('items', rows))\n"
        )
        command = [sys.executable, "-c", script, str(tmp_path / "vectors")]
        pipe = subprocess.PIPE
        processes = [subprocess.Popen([*command, n], stdin=pipe, stdout=pipe, text=True) for n in ("1", "2")]
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            process.communicate("go\n")
        assert [p.returncode for p in processes] == [0, 0]
        assert keys_of(store) == sorted([0, *range(1, 16), *range(1000, 1015), *range(2000, 2015)])


class TestPlaces:
    """Addresses, options, damage."""

    def test_read_only_reads_and_refuses_to_write(self, open_store: Callable[..., Store]) -> None:
        writable = open_store()
        load(writable, 1, 2)
        writable.engine.close()
        store = open_store(read_only=True)
        assert keys_of(store) == [1, 2]
        for op in (VectorUpsert("items", table(3)), VectorDelete("items", [1])):
            with store.refused(told="read_only"):
                store.ask(op)
        with store.refused(told="read_only"):
            load(store, 1, name="other")
        with store.refused(told="read_only"):
            store.engine.drop("items", UNBOUNDED)
        with store.refused(told="read_only"):
            store.engine.create_index("items", ["v"], UNBOUNDED)

    @pytest.mark.parametrize(
        ("options", "told"),
        [("?memory=1", "did you mean 'memory_mb'"), ("?index_rows=x", "whole number"), ("?memory_mb=-1", "whole")],
    )
    def test_wrong_options_are_refused(self, tmp_path: Path, options: str, told: str) -> None:
        with pytest.raises(PolyrouteError, match=told):
            open_engine(f"lancedb:///{tmp_path}/v{options}")
        assert not (tmp_path / "v").exists()

    def test_one_folder_is_opened_with_the_same_options_everywhere(self, open_store: Callable[..., Store]) -> None:
        store = open_store()
        load(store, 1)
        with pytest.raises(PolyrouteError, match="other options"):
            open_store("?memory_mb=5")
        other = store.another()
        assert other.resource is store.engine.resource
        store.engine.close()
        assert list(other.datasets()) == ["items"]

    def test_a_temporary_place_goes_away(self) -> None:
        engine = open_engine("lancedb://")
        path = engine.resource.path
        assert path.is_dir()
        engine.close()
        assert not path.exists()

    def test_a_damaged_table_is_told_of_and_left_alone(self, store: Store, tmp_path: Path) -> None:
        load(store, 1)
        load(store, 2, name="others")
        # the newest version has the smallest name
        damaged = min((tmp_path / "vectors" / "items.lance" / "_versions").glob("*.manifest"))
        damaged.write_bytes(b"not a manifest")
        store.reopen()
        assert list(store.engine.datasets()) == ["others"]
        with pytest.raises(PolyrouteError) as caught:
            store.rows(Scan("items"))
        assert caught.value.code == "ENGINE_UNAVAILABLE"
        assert caught.value.hint
        assert str(tmp_path) not in str(caught.value)
        assert damaged.read_bytes() == b"not a manifest"
        assert keys_of(store, "others") == [2]
        store.engine.drop("items", UNBOUNDED)
        load(store, 3)
        assert keys_of(store) == [3]

    def test_a_dropped_table_leaves_no_file(self, store: Store, tmp_path: Path) -> None:
        load(store, 1)
        store.rows(VectorSearch("items", [1.0, 1.0]))
        assert store.engine.resource.handle.folder.memory.nbytes > 0  # type: ignore[attr-defined]
        store.engine.drop("items", UNBOUNDED)
        assert files(tmp_path) == set()
        assert store.engine.resource.handle.folder.memory.nbytes == 0  # type: ignore[attr-defined]
        with store.refused(told="'items'"):
            store.engine.drop("items", UNBOUNDED)


class TestDeadlines:
    """Long work stops with its call, and the engine goes on."""

    def test_long_reads_and_loads_stop_in_time(self, open_store: Callable[..., Store]) -> None:
        import numpy as np

        store = open_store("?memory_mb=0")
        matrix = np.random.default_rng(0).standard_normal((60_000, 64)).astype(np.float32)
        vectors = pa.FixedSizeListArray.from_arrays(pa.array(matrix.ravel()), 64)
        rows = pa.table({"k": pa.array(range(len(matrix)), pa.int64()), "v": vectors})
        store.load("large", rows, key="k", vector="v")
        dataset = Dataset("other", "vector", rows.schema, ("k",), {"vector": "v"})
        spec = LoadSpec(dataset, "create", lambda: iter(rows.to_batches(1000)))
        for work in (
            lambda call: store.ask(VectorCluster("large", 50), call),
            lambda call: store.engine.create_index("large", ["v"], call),
            lambda call: [store.ask(VectorSearch("large", matrix[0], 10), call) for _ in range(1000)],
            lambda call: store.engine.load(spec, call),
        ):
            started = time.monotonic()
            with pytest.raises(QueryTimeoutError):
                work(Call(timeout_s=0.05))
            assert time.monotonic() - started < 5
        assert list(store.engine.datasets()) == ["large"]
        assert store.rows(VectorSearch("large", matrix[5], 1, columns=("k",))) == [(5, pytest.approx(1.0))]


class TestIndexesAndUpkeep:
    """Indexes on request, and tidying after many writes."""

    def test_columns_of_ordered_types_are_indexed_and_others_refused(self, store: Store) -> None:
        rows = table(*range(300)).append_column("x", pa.array([1.5] * 300))
        store.load("items", rows, key="k", vector="v")
        store.engine.create_index("items", ["v", "k", "text"], UNBOUNDED)
        assert store.engine.resource.handle.snapshot("items").index_metric == "cosine"  # type: ignore[attr-defined]
        assert store.rows(Scan("items", ("k",), "text = 't7' OR k = 9", order="k")) == [(7,), (9,)]
        with store.refused(told="'x'"):
            store.engine.create_index("items", ["x"], UNBOUNDED)
        with store.refused(told="did you mean 'text'"):
            store.engine.create_index("items", ["tex"], UNBOUNDED)

    def test_many_small_writes_are_joined_and_the_rows_stay(self, store: Store, tmp_path: Path) -> None:
        load(store, 0)
        for number in range(1, 40):
            store.ask(VectorUpsert("items", table(number)))
        held = lancedb.connect(tmp_path / "vectors").open_table("items")
        deadline = time.monotonic() + 20
        while _fragments(held) > 15 and time.monotonic() < deadline:
            time.sleep(0.1)
            held.checkout_latest()
        assert _fragments(held) <= 15
        assert keys_of(store) == list(range(40))
        assert store.rows(VectorGet("items", 17, ("text",))) == [("t17",)]

    def test_a_table_that_grows_large_gets_its_index(self, open_store: Callable[..., Store]) -> None:
        store = open_store("?index_rows=100")
        load(store, 1)
        store.ask(VectorUpsert("items", table(*range(200))))
        handle = store.engine.resource.handle
        assert handle.snapshot("items").index_metric is None  # type: ignore[attr-defined]
        handle.upkeep.tidy("items")  # type: ignore[attr-defined]
        assert handle.snapshot("items").index_metric == "cosine"  # type: ignore[attr-defined]
        assert keys_of(store) == list(range(200))

    def test_closing_stops_the_upkeep(self, open_store: Callable[..., Store]) -> None:
        store = open_store()
        load(store, 0)
        for number in range(35):
            store.ask(VectorUpsert("items", table(number)))
        store.engine.close()
        assert not [t for t in threading.enumerate() if t.name == "polyroute-lance-upkeep" and t.is_alive()]


def _fragments(held: lancedb.table.Table) -> int:
    stats = held.stats()
    return int(stats["fragment_stats"]["num_fragments"])  # type: ignore[index]


def test_the_engine_declares_its_kind() -> None:
    assert LanceDBEngine.kind == "vector"
    assert LanceDBEngine.traits.cancellable

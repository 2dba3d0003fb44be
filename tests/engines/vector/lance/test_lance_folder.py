"""A folder of tables: states that see every writer, the write lock, staging, places that are no folders."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import lancedb
import pyarrow as pa
import pytest

from polyroute.engines.call import Call
from polyroute.engines.vector.lance.folder import LanceFolder, open_folder
from polyroute.errors import PolyrouteError, QueryTimeoutError


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[LanceFolder]:
    opened = open_folder(tmp_path / "f", memory_bytes=2**20, read_only=False)
    yield opened
    opened.close()


def rows(*numbers: int) -> pa.Table:
    return pa.table({"k": pa.array(numbers, pa.int64())})


def other_program(folder: LanceFolder, script: str) -> None:
    start = "import sys, lancedb, pyarrow as pa\ndb = lancedb.connect(sys.argv[1])\n"
    subprocess.run([sys.executable, "-c", start + script, str(folder.path)], check=True, capture_output=True)


def test_every_write_of_anybody_is_a_new_state(folder: LanceFolder) -> None:
    assert folder.state("t") is None
    assert folder.states() == {}
    table = lancedb.connect(folder.path).create_table("t", rows(1))
    seen = [folder.state("t")]
    for change in (
        lambda: table.add(rows(2)),
        lambda: table.delete("k = 1"),
        lambda: table.create_index("k", config=lancedb.index.BTree()),
        lambda: other_program(folder, "db.open_table('t').add(pa.table({'k': [7]}))"),
        lambda: other_program(folder, "db.drop_table('t')\ndb.create_table('t', pa.table({'k': [1]}))"),
        lambda: table.optimize() if table.checkout_latest() else None,
    ):
        before = folder.state("t")
        assert folder.state("t") == before
        change()
        seen.append(folder.state("t"))
    assert None not in seen
    assert len({s.token for s in seen[:-1] if s}) == len(seen) - 1


def test_a_table_made_anew_with_the_same_rows_is_another_state(folder: LanceFolder) -> None:
    connection = lancedb.connect(folder.path)
    tokens = set()
    for _ in range(20):
        connection.create_table("t", rows(1))
        state = folder.state("t")
        assert state is not None
        tokens.add(state.token)
        assert state.version == 1
        connection.drop_table("t")
        assert folder.state("t") is None
    assert len(tokens) == 20


def test_a_settled_state_is_not_read_again(folder: LanceFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    lancedb.connect(folder.path).create_table("t", rows(1))
    [manifest] = (folder.table_path("t") / "_versions").glob("*.manifest")
    old = time.time() - 60
    os.utime(manifest, (old, old))
    state = folder.state("t")
    monkeypatch.setattr(Path, "read_bytes", lambda self: pytest.fail("the manifest was read again"))
    assert folder.state("t") == state


def test_what_is_no_table_is_not_listed(folder: LanceFolder) -> None:
    (folder.path / "empty.lance" / "_versions").mkdir(parents=True)
    (folder.path / "file.lance").write_text("x")
    (folder.path / "other").mkdir()
    lancedb.connect(folder.path).create_table("t", rows(1))
    assert list(folder.states()) == ["t"]


def test_old_and_new_manifest_names_are_understood(folder: LanceFolder) -> None:
    versions = folder.path / "t.lance" / "_versions"
    versions.mkdir(parents=True)
    for name in ("1.manifest", "9.manifest", "10.manifest", "latest_version_hint.json", "d12.manifest", ".tmp"):
        (versions / name).write_text(name)
    state = folder.state("t")
    assert state is not None
    assert state.version == 10
    (versions / f"{2**64 - 1 - 11:020}.manifest").write_text("x")
    state = folder.state("t")
    assert state is not None
    assert state.version == 11


def test_one_writer_at_a_time_among_threads_and_a_thread_may_enter_twice(folder: LanceFolder) -> None:
    inside: list[int] = []
    most: list[int] = []

    def write() -> None:
        for _ in range(5):
            with folder.writing("t"), folder.writing("t"):
                inside.append(1)
                most.append(len(inside))
                time.sleep(0.001)
                inside.pop()

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(most) == {1}


def test_waiting_for_the_lock_ends_with_the_call(folder: LanceFolder) -> None:
    script = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from polyroute.engines.vector.lance.folder import open_folder\n"
        "folder = open_folder(Path(sys.argv[1]), memory_bytes=0, read_only=False)\n"
        "with folder.writing('t'):\n"
        "    print('held', flush=True)\n"
        "    sys.stdin.readline()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(folder.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with pytest.raises(QueryTimeoutError), folder.writing("t", Call(timeout_s=0.1)):
            pytest.fail("two processes write at once")
        with folder.writing("another", Call(timeout_s=5)):
            pass
        process.stdin.write("go\n")
        process.stdin.flush()
        with folder.writing("t", Call(timeout_s=30)):
            pass


def test_staging_is_gone_afterwards_and_only_dead_ones_are_cleared(folder: LanceFolder) -> None:
    with folder.staging() as place:
        (place / "half").write_text("x")
    assert not place.exists()
    with folder.staging() as alive:
        dead = alive.parent / "staging-dead"
        dead.mkdir()
        for stale in (alive, dead):
            os.utime(stale, (0, 0))
        folder.clear_staging()
        assert alive.exists()
        assert not dead.exists()


def test_removing_a_table_leaves_nothing_of_it(folder: LanceFolder) -> None:
    lancedb.connect(folder.path).create_table("t", rows(1))
    folder.remove("t")
    assert folder.state("t") is None
    assert [p.name for p in folder.path.iterdir()] == [".polyroute"]
    assert not list((folder.path / ".polyroute").glob("staging-*"))


def test_a_place_that_is_no_folder_is_refused_with_a_way_out(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    for path, read_only, code in (
        (tmp_path / "file", False, "ENGINE_UNAVAILABLE"),
        (tmp_path / "missing", True, "ENGINE_CONNECTION_FAILED"),
        (tmp_path / "no" / "parent", False, "ENGINE_CONNECTION_FAILED"),
    ):
        with pytest.raises(PolyrouteError) as caught:
            open_folder(path, memory_bytes=0, read_only=read_only)
        assert caught.value.code == code
        assert caught.value.hint
    assert (tmp_path / "file").read_text() == "mine"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]

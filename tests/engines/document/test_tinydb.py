"""The TinyDB engine under crashes, other processes, other programs and threads, on real files."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import tinydb

from polyroute.engines import UNBOUNDED, Call, Engine, open_engine
from polyroute.engines.document.tinydb_file import TinyDBFile
from polyroute.engines.document.tinydb_storage import AtomicJSONStorage
from polyroute.engines.execution import execute
from polyroute.engines.loading.loader import Definition, load
from polyroute.engines.loading.sources import from_documents
from polyroute.errors import DatabaseErrorCode, PolyrouteError
from polyroute.operations import DocumentCount, DocumentFind, DocumentGet, DocumentInsert
from polyroute.result import Documents, Rows

WRITER = """
import os, signal, sys
from polyroute.engines import open_engine
from polyroute.engines.execution import execute
from polyroute.operations import DocumentInsert

url, first, last, die_at = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
engine = open_engine(url)
print("ready", flush=True)
sys.stdin.readline()
for number in range(first, last):
    if number == last - 1 and die_at:
        real = getattr(os, die_at)
        def die(*args, **kwargs):
            if die_at == "replace":
                os.kill(os.getpid(), signal.SIGKILL)
            real(*args, **kwargs)
            os.kill(os.getpid(), signal.SIGKILL)
        setattr(os, die_at, die)
    execute(engine, DocumentInsert("people", {"_id": number, "text": "x" * 200}))
    print(number, flush=True)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "documents.json"


@pytest.fixture
def engine(path: Path) -> Iterator[Engine]:
    opened = open_engine(f"tinydb:///{path}")
    load([opened], "people", from_documents([{"_id": -1}]), definition=Definition(key=("_id",)))
    yield opened
    opened.close()


def start(path: Path, first: int, last: int, die_at: str = "") -> subprocess.Popen[str]:
    child = subprocess.Popen(
        [sys.executable, "-c", WRITER, f"tinydb:///{path}", str(first), str(last), die_at],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    return child


def go(child: subprocess.Popen[str]) -> None:
    assert child.stdin is not None
    child.stdin.write("\n")
    child.stdin.flush()


def held(engine: Engine) -> set[int]:
    answer = execute(engine, DocumentFind("people", {}))
    assert isinstance(answer, Documents)
    return {int(document["_id"]) for document in answer.documents}  # type: ignore[call-overload]


def count(engine: Engine) -> object:
    answer = execute(engine, DocumentCount("people", {}))
    assert isinstance(answer, Rows)
    return answer.rows[0][0]


def test_kill_in_the_middle_of_writes_loses_nothing_acknowledged(engine: Engine, path: Path) -> None:
    acknowledged: set[int] = {-1}
    for round_ in range(3):
        child = start(path, round_ * 100_000, round_ * 100_000 + 100_000)
        go(child)
        assert child.stdout is not None
        for _ in range(10):
            acknowledged.add(int(child.stdout.readline()))
        time.sleep(0.003 * round_)
        child.send_signal(signal.SIGKILL)
        rest, _ = child.communicate()
        acknowledged.update(int(line) for line in rest.split())
        # what the kill left is readable by TinyDB itself, and one more document may have been written than told
        assert len(tinydb.TinyDB(path, storage=AtomicJSONStorage).table("people")) >= len(acknowledged)
        assert acknowledged <= held(engine)
        assert len(held(engine)) <= len(acknowledged) + round_ + 1


@pytest.mark.parametrize("die_at", ["replace", "fsync", "utime"])
def test_kill_at_every_step_of_a_write(engine: Engine, path: Path, die_at: str) -> None:
    child = start(path, 0, 3, die_at)
    go(child)
    told, _ = child.communicate()
    assert told.split() == ["0", "1"]
    assert held(engine) == {-1, 0, 1}
    left = [entry for entry in path.parent.iterdir() if entry.name.endswith("-tmp")]
    assert len(left) == 1
    engine.close()
    again = open_engine(f"tinydb:///{path}")
    try:
        assert held(again) == {-1, 0, 1}
        assert not left[0].exists()
        execute(again, DocumentInsert("people", {"_id": 2}))
    finally:
        again.close()


def test_two_processes_and_this_one_lose_nothing(engine: Engine, path: Path) -> None:
    children = [start(path, 1000 * n, 1000 * n + 15) for n in (1, 2)]
    for child in children:
        go(child)
    for number in range(15):
        execute(engine, DocumentInsert("people", {"_id": number}))
    for child in children:
        child.communicate()
        assert child.returncode == 0
    assert held(engine) == {-1, *range(15), *range(1000, 1015), *range(2000, 2015)}
    assert len(tinydb.TinyDB(path, storage=AtomicJSONStorage).table("people")) == 46


def test_threads_lose_nothing(engine: Engine) -> None:
    def write(first: int) -> None:
        for number in range(first, first + 10):
            execute(engine, DocumentInsert("people", {"_id": number}))

    threads = [threading.Thread(target=write, args=(100 * n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert held(engine) == {-1} | {100 * n + k for n in range(4) for k in range(10)}


def test_a_reader_sees_what_other_processes_write(engine: Engine, path: Path) -> None:
    version = engine.data_version("people")
    child = start(path, 5, 7)
    go(child)
    child.communicate()
    assert engine.data_version("people") != version
    assert count(engine) == 3
    answer = execute(engine, DocumentGet("people", 6))
    assert isinstance(answer, Documents)
    assert answer.documents == [{"_id": 6, "text": "x" * 200}]


def test_writes_within_one_tick_of_the_clock_have_versions_of_their_own(path: Path) -> None:
    storage = AtomicJSONStorage(path)
    versions = {storage.write_version({"t": {"1": {"n": number}}}) for number in range(10)}
    assert len(versions) == 10
    times = [version.modified_ns for version in sorted(versions, key=lambda version: version.modified_ns)]
    assert len(set(times)) == 10


def test_a_file_of_another_program_is_read_and_written(path: Path) -> None:
    with tinydb.TinyDB(path) as other:
        other.insert({"_id": "a", "n": 1})
        other.insert({"_id": "b", "n": 2.5})
        other.table("loose").insert_multiple([{"x": 1}, {"x": 1}])
    engine = open_engine(f"tinydb:///{path}")
    try:
        assert {name: dataset.key for name, dataset in engine.datasets().items()} == {"_default": ("_id",), "loose": ()}
        execute(engine, DocumentInsert("_default", {"_id": "c"}))
        with tinydb.TinyDB(path) as other:
            assert [document["_id"] for document in other.all()] == ["a", "b", "c"]
            other.insert({"_id": "d", "new": True})
        assert engine.dataset("_default").schema.names == ["_id", "n", "new"]
        with pytest.raises(PolyrouteError) as caught:
            execute(engine, DocumentInsert("_default", {"_id": "d"}))
        assert caught.value.code is DatabaseErrorCode.CONSISTENCY_VIOLATION
    finally:
        engine.close()


def test_a_write_that_the_disk_refuses_changes_nothing(
    engine: Engine, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = path.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(PolyrouteError) as caught:
        execute(engine, DocumentInsert("people", {"_id": 1}))
    monkeypatch.undo()
    assert caught.value.code is DatabaseErrorCode.CAPACITY_EXCEEDED
    assert path.read_bytes() == before
    assert held(engine) == {-1}
    assert [entry.name for entry in path.parent.iterdir() if entry.name.endswith("-tmp")] == []
    execute(engine, DocumentInsert("people", {"_id": 1}))


@pytest.mark.parametrize(
    "content", ["{", "[]", '"text"', '{"t": []}', '{"t": {"x": {}}}', '{"t": {"1": 5}}', "[" * 100_000]
)
def test_what_is_no_tinydb_file_is_unavailable(path: Path, content: str) -> None:
    path.write_text(content)
    for read_only in (False, True):
        with pytest.raises(PolyrouteError) as caught:
            open_engine(f"tinydb:///{path}", read_only=read_only)
        assert caught.value.code is DatabaseErrorCode.ENGINE_UNAVAILABLE
        assert "left as it was" in str(caught.value)
    assert path.read_text() == content


def test_a_file_that_breaks_while_open_is_unavailable_until_it_is_mended(engine: Engine, path: Path) -> None:
    whole = path.read_text()
    path.write_text(whole[:-5])
    for op in (DocumentFind("people", {}), DocumentInsert("people", {"_id": 1})):
        with pytest.raises(PolyrouteError) as caught:
            execute(engine, op)
        assert caught.value.code is DatabaseErrorCode.ENGINE_UNAVAILABLE
    assert path.read_text() == whole[:-5]
    path.write_text(whole)
    assert held(engine) == {-1}


def test_an_empty_file_is_an_empty_store(path: Path) -> None:
    path.touch()
    engine = open_engine(f"tinydb:///{path}")
    assert engine.datasets() == {}
    engine.close()


def test_the_file_keeps_its_rights(engine: Engine, path: Path) -> None:
    path.chmod(0o640)
    execute(engine, DocumentInsert("people", {"_id": 1}))
    assert path.stat().st_mode & 0o777 == 0o640


def test_the_file_is_plain_ascii_json(engine: Engine, path: Path) -> None:
    execute(engine, DocumentInsert("people", {"_id": "é\u2028\U0001f600\0"}))
    assert json.loads(path.read_text("ascii"))["people"]["2"] == {"_id": "é\u2028\U0001f600\0"}


def test_a_call_that_is_late_waits_no_longer_for_the_lock(path: Path) -> None:
    file = TinyDBFile(path)
    entered, leave = threading.Event(), threading.Event()

    def keep() -> None:
        with file.transaction():
            entered.set()
            leave.wait(10)

    keeper = threading.Thread(target=keep)
    keeper.start()
    entered.wait(10)
    try:
        with pytest.raises(PolyrouteError) as caught, file.transaction(Call(timeout_s=0.05)):
            pass
        assert caught.value.code is DatabaseErrorCode.QUERY_TIMEOUT
    finally:
        leave.set()
        keeper.join()


def test_a_late_write_is_not_made(engine: Engine, path: Path) -> None:
    before = path.read_bytes()
    file: TinyDBFile = engine.resource.handle  # type: ignore[assignment]
    call = Call(timeout_s=60)

    def write_late() -> None:
        with file.transaction(call) as transaction:
            transaction.drop("people")
            call.cancel()

    with pytest.raises(PolyrouteError) as caught:
        write_late()
    assert caught.value.code is DatabaseErrorCode.QUERY_TIMEOUT
    assert path.read_bytes() == before


def test_a_transaction_in_a_transaction_joins_it(engine: Engine) -> None:
    file: TinyDBFile = engine.resource.handle  # type: ignore[assignment]

    def fail_outside() -> None:
        with file.transaction() as outer:
            with file.transaction() as inner:
                assert inner is outer
                inner.change("people").insert([(1, {"_id": 1})], UNBOUNDED)
            raise KeyError

    with pytest.raises(KeyError):
        fail_outside()
    assert held(engine) == {-1}


def test_indexes_are_refused_with_a_way_out(engine: Engine) -> None:
    with pytest.raises(PolyrouteError, match="document\\+sqlite"):
        engine.create_index("people", ["age"], UNBOUNDED)

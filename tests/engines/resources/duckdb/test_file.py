"""A DuckDB file: opened for polyroute alone, shut off, shared by engines, versioned, closed without a trace."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from polyroute.engines import open_engine
from polyroute.engines.call import UNBOUNDED, Call
from polyroute.engines.execution import translated
from polyroute.engines.resources import Resource
from polyroute.engines.resources.duckdb import DuckDBFile, open_file
from polyroute.engines.testing.store import Store
from polyroute.engines.url import EngineURL
from polyroute.errors import PolyrouteError
from polyroute.operations import RelationalExecute, RelationalQuery, Scan

ENDLESS = "SELECT count(*) FROM range(10000000) a, range(10000000) b WHERE hash(a.range) < hash(b.range)"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "air.duckdb"


@pytest.fixture
def resource(path: Path) -> Iterator[Resource[DuckDBFile]]:
    resource = open_file(EngineURL("duckdb", path))
    yield resource
    resource.release()


@pytest.fixture
def file(resource: Resource[DuckDBFile]) -> DuckDBFile:
    with resource.handle.writing(UNBOUNDED, defines=True) as cursor:
        cursor.execute("CREATE TABLE t AS SELECT range AS a FROM range(3)")
    return resource.handle


def refused(code: str, told: str, path: Path, *, read_only: bool = False, **options: str) -> PolyrouteError:
    with pytest.raises(PolyrouteError) as caught:
        open_file(EngineURL("duckdb", path, options=options), read_only=read_only)
    assert caught.value.code == code
    assert told in str(caught.value)
    assert str(path.parent) not in str(caught.value)
    return caught.value


def test_a_missing_file_is_made_and_a_missing_folder_is_not(path: Path) -> None:
    open_file(EngineURL("duckdb", path)).release()
    assert path.exists()
    refused("ENGINE_CONNECTION_FAILED", "folder", path.parent / "none" / "x.duckdb")
    refused("ENGINE_CONNECTION_FAILED", "is a folder", path.parent)
    refused("ENGINE_CONNECTION_FAILED", "does not exist", path.parent / "none.duckdb", read_only=True)
    assert not (path.parent / "none.duckdb").exists()


OTHERS = {"empty": b"", "text": b"garbage" * 1_000, "sqlite": b"SQLite format 3\x00" + bytes(4_080)}


@pytest.mark.parametrize("content", OTHERS.values(), ids=OTHERS)
def test_a_file_of_another_kind_is_refused_and_left_alone(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    error = refused("ENGINE_UNAVAILABLE", "no DuckDB file", path)
    assert error.hint is not None
    assert path.read_bytes() == content
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("damage", ["cut", "overwritten"])
def test_a_damaged_file_is_refused_and_left_alone(path: Path, damage: str) -> None:
    open_file(EngineURL("duckdb", path)).release()
    content = bytearray(path.read_bytes())
    if damage == "cut":
        content = content[:5_000]
    else:
        content[8_192:12_288] = b"\xff" * 4_096
    path.write_bytes(content)
    refused("ENGINE_UNAVAILABLE", "damaged", path)
    assert path.read_bytes() == content


def test_a_file_held_by_another_process_is_refused_with_the_way_out(path: Path) -> None:
    script = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", script, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        refused("ENGINE_UNAVAILABLE", "another process", path)
    open_file(EngineURL("duckdb", path)).release()


def test_nobody_else_of_this_process_can_write_the_file(path: Path, file: DuckDBFile) -> None:
    with pytest.raises(duckdb.ConnectionException):
        duckdb.connect(str(path))
    with duckdb.connect() as other, pytest.raises(duckdb.Error):
        other.execute(f"ATTACH '{path}' AS air")


def test_a_file_open_outside_polyroute_is_refused(path: Path) -> None:
    with duckdb.connect(str(path)):
        refused("ENGINE_UNAVAILABLE", "in this process outside polyroute", path)
    open_file(EngineURL("duckdb", path)).release()


def test_options_are_settings_and_others_are_refused(path: Path, tmp_path: Path) -> None:
    options = {"memory_limit": "300MB", "threads": "1", "temp_directory": str(tmp_path / "it's")}
    resource = open_file(EngineURL("duckdb", path, options=options))
    with resource.handle.reading(UNBOUNDED) as cursor:
        held = cursor.execute("SELECT current_setting('memory_limit'), current_setting('threads')").fetchall()
    assert held == [("286.1 MiB", 1)]
    refused("QUERY_INVALID", "other settings", path, threads="2")
    shared = open_file(EngineURL("duckdb", path))
    assert shared is resource
    shared.release()
    resource.release()
    assert "did you mean 'threads'" in str(refused("QUERY_INVALID", "", path, thread="1"))
    refused("QUERY_INVALID", "these options", path, threads="many")
    open_file(EngineURL("duckdb", path)).release()


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('{outside}')",
        "SELECT * FROM read_text('{outside}')",
        "SELECT * FROM '{outside}'",
        "SELECT * FROM glob('{folder}/*')",
        "COPY t TO '{outside}'",
        "EXPORT DATABASE '{folder}/all'",
        "ATTACH '{folder}/other.duckdb' AS other",
        "INSTALL httpfs",
        "SET enable_external_access = true",
        "SET threads = 1",
        "SET TimeZone = 'Europe/Paris'",
        "RESET lock_configuration",
        "SELECT * FROM secret_frame",
    ],
)
def test_the_instance_reaches_nothing_outside(file: DuckDBFile, tmp_path: Path, sql: str) -> None:
    outside = tmp_path / "outside.csv"
    outside.write_text("a\n1\n")
    secret_frame = pa.table({"a": [1]})
    before = sorted(tmp_path.iterdir())
    with file.reading(UNBOUNDED) as cursor, pytest.raises(duckdb.Error):
        cursor.execute(sql.format(outside=outside, folder=tmp_path)).fetchall()
    assert sorted(tmp_path.iterdir()) == before
    assert secret_frame.num_rows == 1


def test_sorting_more_than_memory_spills(path: Path) -> None:
    for read_only in (False, True):
        url = EngineURL("duckdb", path, options={"memory_limit": "60MB", "threads": "1"})
        resource = open_file(url, read_only=read_only)
        with resource.handle.reading(UNBOUNDED) as cursor:
            rows = "SELECT range AS a, repeat('x', 20) AS s FROM range(2000000)"
            found = cursor.execute(f"SELECT a FROM ({rows}) ORDER BY hash(a), s OFFSET 1999999").fetchall()
        assert len(found) == 1
        resource.release()
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_two_engines_share_a_file_and_the_last_closes_it(path: Path) -> None:
    first = open_engine(f"duckdb:///{path}")
    second = open_engine(f"timeseries+duckdb:////{path}")
    assert first.resource is second.resource
    first.close()
    first.close()
    assert not second.datasets()
    with pytest.raises(PolyrouteError) as caught, translated(first):
        first.datasets()
    assert caught.value.code == "ENGINE_CONNECTION_FAILED"
    second.close()
    with duckdb.connect(str(path)) as free:
        assert free.execute("SELECT 1").fetchall() == [(1,)]
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_the_version_moves_with_every_write_and_stands_still_otherwise(file: DuckDBFile) -> None:
    held = file.version()
    with file.reading(UNBOUNDED) as cursor:
        cursor.execute("FROM t").fetchall()
    assert file.version() == held
    seen = {held}
    for _ in range(3):
        with file.writing(UNBOUNDED) as cursor:
            cursor.execute("UPDATE t SET a = a + 1")
        assert file.version() not in seen
        seen.add(file.version())


def emptied(file: DuckDBFile, then: str, call: Call) -> None:
    with file.writing(call) as cursor:
        cursor.execute("DELETE FROM t")
        cursor.execute(then)


def test_a_failed_write_leaves_nothing(file: DuckDBFile) -> None:
    with pytest.raises(duckdb.ConversionException):
        emptied(file, "INSERT INTO t SELECT 'x'::INTEGER", UNBOUNDED)
    with file.reading(UNBOUNDED) as cursor:
        assert cursor.execute("SELECT count(*) FROM t").fetchall() == [(3,)]


def test_a_stopped_read_stops_at_once_and_the_file_goes_on(file: DuckDBFile) -> None:
    started = time.monotonic()
    with pytest.raises(duckdb.InterruptException), file.reading(Call(timeout_s=0.1)) as cursor:
        cursor.execute(ENDLESS).fetchall()
    assert time.monotonic() - started < 1
    with file.reading(Call(timeout_s=5)) as cursor:
        assert cursor.execute("SELECT count(*) FROM t").fetchall() == [(3,)]


def test_a_stopped_write_is_undone(file: DuckDBFile) -> None:
    started = time.monotonic()
    with pytest.raises(duckdb.InterruptException):
        emptied(file, f"INSERT INTO t {ENDLESS}", Call(timeout_s=0.1))
    assert time.monotonic() - started < 1
    with file.writing(UNBOUNDED) as cursor:
        assert cursor.execute("SELECT count(*) FROM t").fetchall() == [(3,)]


def test_a_writer_waits_its_turn_no_longer_than_its_deadline(file: DuckDBFile) -> None:
    release = threading.Event()
    entered = threading.Event()

    def hold() -> None:
        with file.writing(UNBOUNDED) as cursor:
            cursor.execute("INSERT INTO t VALUES (9)")
            entered.set()
            release.wait()

    with ThreadPoolExecutor() as pool:
        holder = pool.submit(hold)
        entered.wait()
        with pytest.raises(PolyrouteError) as caught, file.writing(Call(timeout_s=0.1)):
            raise AssertionError("two writers at once")
        release.set()
        holder.result()
    assert caught.value.code == "QUERY_TIMEOUT"


def test_a_long_answer_comes_as_a_reader_with_its_own_view_of_the_data(file: DuckDBFile) -> None:
    with file.writing(UNBOUNDED) as cursor:
        cursor.execute("INSERT INTO t SELECT range FROM range(2000000)")
    reader = file.read("SELECT a FROM t", None, lambda table: table, UNBOUNDED)
    assert isinstance(reader, pa.RecordBatchReader)
    with file.writing(UNBOUNDED) as cursor:
        cursor.execute("DELETE FROM t")
    assert sum(batch.num_rows for batch in reader) == 2_000_003
    assert file.read("SELECT a FROM t", None, lambda table: table, UNBOUNDED).num_rows == 0


def test_errors_in_the_middle_of_a_long_answer_keep_their_class(file: DuckDBFile) -> None:
    sql = "SELECT if(range = 1500000, 'x', '1')::INTEGER AS a FROM range(2000000)"
    with pytest.raises(duckdb.ConversionException):
        file.read(sql, None, lambda table: table, UNBOUNDED).read_all()
    call = Call(timeout_s=0.3)
    with pytest.raises((duckdb.InterruptException, PolyrouteError)):
        file.read("SELECT range AS a FROM range(100000000000)", None, lambda table: table, call).read_all()


def test_a_reader_left_open_does_not_keep_the_file(path: Path) -> None:
    resource = open_file(EngineURL("duckdb", path))
    reader = resource.handle.read("SELECT range AS a FROM range(3000000)", None, lambda table: table, UNBOUNDED)
    resource.release()
    open_file(EngineURL("duckdb", path)).release()
    with duckdb.connect(str(path)) as free:
        assert free.execute("SELECT 1").fetchall() == [(1,)]
    with pytest.raises(duckdb.ConnectionException):
        reader.read_all()


def test_many_threads_read_and_write_at_once(file: DuckDBFile) -> None:
    def work(number: int) -> int:
        with file.writing(UNBOUNDED) as cursor:
            cursor.execute("INSERT INTO t VALUES (?)", [100 + number])
        with file.reading(UNBOUNDED) as cursor:
            return int(cursor.execute("SELECT count(*) FROM t WHERE a = ?", [100 + number]).fetchall()[0][0])

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(100))) == [1] * 100
    with file.reading(UNBOUNDED) as cursor:
        assert cursor.execute("SELECT count(*) FROM t").fetchall() == [(103,)]


def test_a_read_only_file_is_read_and_not_written(path: Path, file: DuckDBFile) -> None:
    refused("QUERY_INVALID", "open already", path, read_only=True)
    other = path.parent / "other.duckdb"
    open_file(EngineURL("duckdb", other)).release()
    store = Store(lambda: open_engine(f"duckdb:////{other}", read_only=True))
    assert store.rows(RelationalQuery(None, "SELECT 1")) == [(1,)]
    with store.refused(told="read-only"):
        store.ask(RelationalExecute(None, "CREATE TABLE x (a INTEGER)", dialect="native"))
    with store.refused(told="read-only"):
        store.load("t", pa.table({"a": [1]}))
    store.close()


def test_a_temporary_file_goes_away() -> None:
    engine = open_engine("duckdb://")
    place = engine.resource.path
    assert place.exists()
    engine.close()
    assert not place.parent.exists()
    with pytest.raises(PolyrouteError):
        open_engine("duckdb://", read_only=True)


RESTARTED = """
import sys
from polyroute.engines import open_engine
from polyroute.engines.execution import execute
from polyroute.operations import Scan
engine = open_engine(sys.argv[1])
print(engine.datasets()["t"].key, execute(engine, Scan("t", order="a")).to_pylist())
engine.close()
"""


def test_what_was_loaded_is_there_in_another_process(path: Path) -> None:
    store = Store(lambda: open_engine(f"duckdb:////{path}"))
    store.load("t", pa.table({"a": pa.array([2, 1], pa.int8()), "h": pa.array([1.5, None], pa.float16())}), key="a")
    assert store.rows(Scan("t", ("h",), where="a = 2")) == [(1.5,)]
    store.close()
    told = subprocess.run(
        [sys.executable, "-c", RESTARTED, f"duckdb:////{path}"], check=True, capture_output=True, text=True
    )
    assert told.stdout == "('a',) [{'a': 1, 'h': None}, {'a': 2, 'h': 1.5}]\n"
    assert told.stderr == ""


def test_a_process_killed_in_a_write_leaves_the_data_before_it(path: Path) -> None:
    script = """
import os, sys
from polyroute.engines.call import UNBOUNDED
from polyroute.engines.resources.duckdb import open_file
from polyroute.engines.url import EngineURL
from pathlib import Path
file = open_file(EngineURL("duckdb", Path(sys.argv[1]))).handle
with file.writing(UNBOUNDED) as cursor:
    cursor.execute("CREATE TABLE t AS SELECT range AS a FROM range(1000)")
with file.writing(UNBOUNDED) as cursor:
    cursor.execute("DELETE FROM t")
    cursor.execute("INSERT INTO t SELECT range FROM range(500000)")
    os.kill(os.getpid(), 9)
"""
    killed = subprocess.run([sys.executable, "-c", script, str(path)], check=False, capture_output=True)
    assert killed.returncode == -9
    resource = open_file(EngineURL("duckdb", path))
    with resource.handle.reading(UNBOUNDED) as cursor:
        assert cursor.execute("SELECT count(*) FROM t").fetchall() == [(1_000,)]
    resource.release()

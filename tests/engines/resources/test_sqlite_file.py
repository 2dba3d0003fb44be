"""A shared SQLite file: who may do what, who waits for whom, and what stays untouched."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from polyroute.engines.call import Call
from polyroute.engines.resources import sqlite as module
from polyroute.engines.resources.sqlite import SQLiteFile, execute, open_sqlite
from polyroute.engines.url import EngineURL
from polyroute.errors import DatabaseErrorCode, PolyrouteError

ENDLESS = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c"


@pytest.fixture
def file(tmp_path: Path) -> Iterator[SQLiteFile]:
    made = SQLiteFile(tmp_path / "a b#?%.db")
    with made.transaction() as writer:
        writer.execute("CREATE TABLE t (a INTEGER PRIMARY KEY, b)")
        writer.execute("INSERT INTO t VALUES (1, 'x'), (2, 'y')")
    yield made
    made.close()


def rows(file: SQLiteFile) -> list[tuple[object, ...]]:
    with file.reading() as reader:
        return reader.execute("SELECT a, b FROM t ORDER BY a").fetchall()


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO t VALUES (3, 'z')",
        "REPLACE INTO t VALUES (1, 'z')",
        "DELETE FROM t",
        "CREATE TABLE u (a)",
        "CREATE TEMP TABLE u (a)",
        "DROP TABLE t",
        "ATTACH '{folder}/other.db' AS other",
        "VACUUM",
        "VACUUM INTO '{folder}/other.db'",
        "PRAGMA query_only = OFF",
        "PRAGMA writable_schema = ON",
        "PRAGMA user_version = 7",
        "PRAGMA journal_mode = DELETE",
        "BEGIN IMMEDIATE",
        "SAVEPOINT s",
        "SELECT load_extension('x')",
        "SELECT fts3_tokenizer('x', 'y')",
        "SELECT * FROM sqlite_stmt",
    ],
)
def test_a_reader_only_reads(file: SQLiteFile, tmp_path: Path, statement: str) -> None:
    before = sorted(p.name for p in tmp_path.iterdir())
    with file.reading() as reader, pytest.raises(sqlite3.DatabaseError):
        reader.execute(statement.replace("{folder}", str(tmp_path))).fetchall()
    assert rows(file) == [(1, "x"), (2, "y")]
    assert sorted(p.name for p in tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    "statement",
    [
        "ATTACH '{folder}/other.db' AS other",
        "VACUUM INTO '{folder}/other.db'",
        "PRAGMA writable_schema = ON",
        "PRAGMA foreign_keys = OFF",
        "PRAGMA journal_mode = DELETE",
        "SELECT load_extension('x')",
    ],
)
def test_the_writer_stays_in_its_file(file: SQLiteFile, tmp_path: Path, statement: str) -> None:
    with file.writing() as writer, pytest.raises(sqlite3.DatabaseError):
        writer.execute(statement.replace("{folder}", str(tmp_path))).fetchall()
    assert not (tmp_path / "other.db").exists()


def test_readers_read_virtual_tables(file: SQLiteFile) -> None:
    with file.transaction() as writer:
        writer.execute("CREATE VIRTUAL TABLE f USING fts5(body)")
        writer.execute("INSERT INTO f VALUES ('hello world')")
        writer.execute("CREATE VIRTUAL TABLE r USING rtree(id, x0, x1)")
        writer.execute("INSERT INTO r VALUES (1, 2, 3)")
    with file.reading() as reader:
        assert reader.execute("SELECT body FROM f WHERE f MATCH 'world'").fetchall() == [("hello world",)]
        assert reader.execute("SELECT id FROM r WHERE x0 < 5").fetchall() == [(1,)]
        assert reader.execute("SELECT value FROM json_each('[7]')").fetchall() == [(7,)]


def test_a_transaction_is_all_or_nothing(file: SQLiteFile) -> None:
    with pytest.raises(sqlite3.IntegrityError), file.transaction() as writer:
        writer.executemany("INSERT INTO t VALUES (?, 'z')", [(3,), (1,)])
    assert rows(file) == [(1, "x"), (2, "y")]
    with file.transaction() as outer, file.transaction() as inner:
        assert inner is outer
        inner.execute("DELETE FROM t WHERE a = 1")
    assert rows(file) == [(2, "y")]


def test_a_snapshot_sees_one_state(file: SQLiteFile) -> None:
    with file.snapshot() as reader:
        assert reader.execute("SELECT count(*) FROM t").fetchone() == (2,)
        with file.transaction() as writer:
            writer.execute("DELETE FROM t")
        assert reader.execute("SELECT count(*) FROM t").fetchone() == (2,)
    assert rows(file) == []


def test_the_data_version_changes_with_every_commit(file: SQLiteFile, tmp_path: Path) -> None:
    first = file.data_version()
    assert file.data_version() == first
    with file.transaction() as writer:
        writer.execute("DELETE FROM t WHERE a = 1")
    second = file.data_version()
    assert second != first
    other = sqlite3.connect(file.path)
    other.execute("DELETE FROM t")
    other.commit()
    other.close()
    assert file.data_version() not in (first, second)
    again = SQLiteFile(file.path)
    assert again.data_version() != file.data_version()
    again.close()


def test_a_file_that_is_only_asked_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "foreign.db"
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE t (a)")
    other.commit()
    other.close()
    before = path.read_bytes()
    file = SQLiteFile(path)
    with file.snapshot() as reader:
        reader.execute("SELECT * FROM t").fetchall()
    file.data_version()
    file.close()
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["foreign.db"]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"not a database at all, but long enough to be read", "ENGINE_UNAVAILABLE"),
        (b"SQLite format 3\0" + b"\xff" * 2000, "ENGINE_UNAVAILABLE"),
        (b"PK\x03\x04", "ENGINE_UNAVAILABLE"),
    ],
)
@pytest.mark.parametrize("read_only", [True, False])
def test_a_broken_file_is_told_and_left(tmp_path: Path, content: bytes, code: str, read_only: bool) -> None:
    path = tmp_path / "broken.db"
    path.write_bytes(content)
    with pytest.raises(PolyrouteError) as caught:
        SQLiteFile(path, read_only=read_only)
    assert caught.value.code == code
    assert caught.value.hint
    assert path.read_bytes() == content
    assert [p.name for p in tmp_path.iterdir()] == ["broken.db"]


def test_a_damaged_page_is_told_when_opening(tmp_path: Path) -> None:
    path = tmp_path / "broken.db"
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE t (a)")
    other.commit()
    other.close()
    content = bytearray(path.read_bytes())
    content[100:200] = b"\xff" * 100
    path.write_bytes(content)
    with pytest.raises(PolyrouteError, match="damaged"):
        SQLiteFile(path)
    assert path.read_bytes() == content


def test_places_that_cannot_be_opened(tmp_path: Path) -> None:
    cases = [(tmp_path, False), (tmp_path / "no" / "a.db", False), (tmp_path / "absent.db", True)]
    for path, read_only in cases:
        with pytest.raises(PolyrouteError) as caught:
            SQLiteFile(path, read_only=read_only)
        assert caught.value.code == DatabaseErrorCode.ENGINE_CONNECTION_FAILED
        assert caught.value.hint
    assert list(tmp_path.iterdir()) == []


def test_read_only_reads_and_refuses_the_writer(file: SQLiteFile) -> None:
    reading = SQLiteFile(file.path, read_only=True)
    assert rows(reading) == [(1, "x"), (2, "y")]
    with pytest.raises(PolyrouteError, match="read-only"), reading.transaction():
        pass
    reading.close()


def test_one_file_for_all_who_open_it(tmp_path: Path) -> None:
    url = EngineURL.parse(f"sqlite:///{tmp_path}/a.db")
    one, two = open_sqlite(url), open_sqlite(url)
    assert one is two
    with pytest.raises(PolyrouteError, match="already"):
        open_sqlite(url, read_only=True)
    one.release()
    with two.handle.transaction() as writer:
        writer.execute("CREATE TABLE t (a)")
    two.release()
    with pytest.raises(PolyrouteError, match="closed"), two.handle.reading():
        pass


def test_a_temporary_file_goes_away() -> None:
    resource = open_sqlite(EngineURL.parse("sqlite://"))
    folder = resource.path.parent
    assert folder.exists()
    resource.release()
    assert not folder.exists()


def test_an_endless_query_stops_at_its_deadline(file: SQLiteFile) -> None:
    with pytest.raises(PolyrouteError) as caught, file.reading(Call(timeout_s=0.05)) as reader:
        reader.execute(ENDLESS).fetchone()
    assert caught.value.code == DatabaseErrorCode.QUERY_TIMEOUT
    assert rows(file) == [(1, "x"), (2, "y")]


def test_an_endless_change_stops_and_leaves_nothing(file: SQLiteFile) -> None:
    with pytest.raises(PolyrouteError) as caught, file.transaction(Call(timeout_s=0.05)) as writer:
        writer.execute(f"INSERT INTO t SELECT x + 2, 'z' FROM ({ENDLESS.replace('count(*)', 'x')})")
    assert caught.value.code == DatabaseErrorCode.QUERY_TIMEOUT
    assert rows(file) == [(1, "x"), (2, "y")]
    with file.transaction() as writer:
        writer.execute("INSERT INTO t VALUES (3, 'z')")
    assert len(rows(file)) == 3


def test_a_locked_file_is_waited_for(file: SQLiteFile) -> None:
    other = sqlite3.connect(file.path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    threading.Timer(0.15, lambda: other.execute("COMMIT")).start()
    with file.transaction() as writer:
        writer.execute("DELETE FROM t")
    other.close()
    assert rows(file) == []


def test_the_wait_for_a_locked_file_ends(file: SQLiteFile, monkeypatch: pytest.MonkeyPatch) -> None:
    other = sqlite3.connect(file.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(PolyrouteError) as caught, file.transaction(Call(timeout_s=0.1)):
        pass
    assert caught.value.code == DatabaseErrorCode.QUERY_TIMEOUT
    monkeypatch.setattr(module, "PATIENCE_S", 0.1)
    with pytest.raises(sqlite3.OperationalError, match="locked"), file.transaction():
        pass
    assert rows(file) == [(1, "x"), (2, "y")]
    other.execute("ROLLBACK")
    other.close()


def test_a_writer_waits_for_another_thread_no_longer_than_its_call(file: SQLiteFile) -> None:
    entered, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with file.transaction():
            entered.set()
            leave.wait(5)

    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(hold)
        entered.wait(5)
        with pytest.raises(PolyrouteError) as caught, file.transaction(Call(timeout_s=0.05)):
            pass
        assert caught.value.code == DatabaseErrorCode.QUERY_TIMEOUT
        leave.set()
        held.result()


def test_many_threads_read_write_and_probe(file: SQLiteFile) -> None:
    def work(number: int) -> int:
        for i in range(20):
            with file.transaction() as writer:
                writer.execute("INSERT INTO t VALUES (?, 'w')", (1000 * number + i,))
            file.data_version()
            with file.reading() as reader:
                execute(reader, "SELECT count(*) FROM t WHERE a >= ?", (1000 * number,)).fetchone()
        return number

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(work, range(1, 7))) == list(range(1, 7))
    assert len(rows(file)) == 2 + 6 * 20


def test_a_reader_tells_when_it_compiles(file: SQLiteFile) -> None:
    sql = "SELECT b FROM t WHERE a = ?"
    reader = file.borrow()
    reader.execute(sql, (1,)).fetchone()
    compiled = file.compiled
    reader.execute(sql, (2,)).fetchone()
    assert file.compiled == compiled
    other = sqlite3.connect(file.path)
    other.execute("ALTER TABLE t ADD COLUMN c")
    other.commit()
    other.close()
    reader.execute(sql, (1,)).fetchone()
    assert file.compiled != compiled
    file.give_back(reader)

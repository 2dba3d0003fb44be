"""SQLite through sqlite3: locked, full, corrupt, read-only and foreign files, and wrong statements."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

from polyroute.errors import Outcome

from .case import SENTINEL, Case, Code, in_child, no_file_left, small_files

SCHEMA = f"""
create table t(id integer primary key, name text not null unique, v int check (v < 100));
create table child(parent int references t(id));
create table strict_t(i int) strict;
create view seen as select * from t;
create table generated(a int, b int generated always as (a + 1));
create trigger guard before insert on t when new.v = -1 begin select raise(abort, 'refused by a trigger'); end;
insert into t values (1, '{SENTINEL}', 1), (2, 'two', 2);
"""
SLOW = "with recursive r(i) as (select 1 union all select i + 1 from r) select count(*) from r"


def database(directory: Path, name: str = "shop.db") -> sqlite3.Connection:
    path = directory / name
    fresh = not path.exists()
    connection = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
    connection.execute("pragma foreign_keys=on")
    if fresh:
        connection.executescript(SCHEMA)
    return connection


def statement(sql: str, *parameters: object) -> Callable[[Path], object]:
    return lambda directory: database(directory).execute(sql, parameters).fetchall()


def on(work: Callable[[sqlite3.Connection], object]) -> Callable[[Path], object]:
    return lambda directory: work(database(directory))


def busy_writer(directory: Path) -> object:
    holder = database(directory)
    holder.execute("begin immediate")
    return database(directory).execute("insert into t values (9, 'nine', 9)")


def busy_reader(directory: Path) -> object:
    holder = database(directory)
    holder.execute("begin exclusive")
    return database(directory).execute("select * from t").fetchall()


def busy_commit(directory: Path) -> object:
    reader = database(directory)
    open_read = reader.execute("select * from t")
    open_read.fetchone()
    writer = database(directory)
    writer.execute("begin")
    writer.execute("insert into t values (9, 'nine', 9)")
    return writer.execute("commit")


def busy_snapshot(directory: Path) -> object:
    writer = database(directory)
    writer.execute("pragma journal_mode=wal")
    reader = database(directory)
    reader.execute("begin")
    reader.execute("select * from t").fetchall()
    writer.execute("insert into t values (8, 'eight', 8)")
    return reader.execute("insert into t values (9, 'nine', 9)")


def locked_table(connection: sqlite3.Connection) -> object:
    open_read = connection.execute("select * from t")
    open_read.fetchone()
    return connection.execute("drop table child")


def shared_cache(directory: Path) -> object:
    url = f"file:{directory.name}?mode=memory&cache=shared"
    first = sqlite3.connect(url, uri=True, isolation_level=None)
    first.execute("create table a(i)")
    first.execute("begin")
    first.execute("insert into a values (1)")
    return sqlite3.connect(url, uri=True, timeout=0).execute("select * from a").fetchall()


def read_only_file(directory: Path) -> object:
    database(directory).close()
    return sqlite3.connect(f"file:{directory / 'shop.db'}?mode=ro", uri=True).execute("delete from t")


def query_only(connection: sqlite3.Connection) -> object:
    connection.execute("pragma query_only=on")
    return connection.execute("delete from t")


def denied_by_authorizer(connection: sqlite3.Connection) -> object:
    connection.set_authorizer(lambda action, *_: sqlite3.SQLITE_DENY if action == sqlite3.SQLITE_READ else 0)
    return connection.execute("select name from t")


def interrupted(connection: sqlite3.Connection) -> object:
    threading.Timer(0.03, connection.interrupt).start()
    return connection.execute(SLOW).fetchall()


def stopped_by_progress_handler(connection: sqlite3.Connection) -> object:
    connection.set_progress_handler(lambda: 1, 1000)
    return connection.execute(SLOW).fetchall()


def interrupted_write(connection: sqlite3.Connection) -> object:
    connection.set_progress_handler(lambda: 1, 1000)
    return connection.execute(f"insert into t select 9, 'n', ({SLOW})")


def full(directory: Path) -> object:
    connection = database(directory)
    connection.execute("pragma max_page_count=12")
    return connection.execute("insert into generated(a) values (zeroblob(200000))")


def too_big(connection: sqlite3.Connection) -> object:
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 1000)
    return connection.execute("select ?", ["x" * 2000])


def not_a_database(directory: Path) -> object:
    path = directory / "shop.db"
    path.write_bytes(b"a plain text file, of all things " * 200)
    return sqlite3.connect(path).execute("select * from t").fetchall()


def damaged(at: int, with_: bytes) -> Callable[[Path], object]:
    def act(directory: Path) -> object:
        database(directory).close()
        path = directory / "shop.db"
        content = bytearray(path.read_bytes())
        content[at : at + len(with_)] = with_
        path.write_bytes(content)
        return sqlite3.connect(path).execute("select * from t, child, seen").fetchall()

    return act


def truncated(directory: Path) -> object:
    database(directory).close()
    path = directory / "shop.db"
    path.write_bytes(path.read_bytes()[:6000])
    return sqlite3.connect(path).execute("select * from t").fetchall()


def moved_away(directory: Path) -> object:
    connection = database(directory)
    os.rename(directory / "shop.db", directory / "elsewhere.db")
    return connection.execute("insert into t values (9, 'nine', 9)")


def closed(connection: sqlite3.Connection) -> object:
    connection.close()
    return connection.execute("select 1")


def closed_cursor(connection: sqlite3.Connection) -> object:
    cursor = connection.cursor()
    cursor.close()
    return cursor.execute("select 1")


def wrong_thread(directory: Path) -> object:
    connection = sqlite3.connect(directory / "shop.db")
    caught: list[BaseException] = []

    def work() -> None:
        try:
            connection.execute("select 1")
        except sqlite3.Error as exc:
            caught.append(exc)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    raise caught[0]


def failing_function(connection: sqlite3.Connection) -> object:
    connection.create_function("boom", 1, lambda value: 1 // 0)
    return connection.execute(f"select boom('{SENTINEL}')").fetchall()


def not_utf8(connection: sqlite3.Connection) -> object:
    return connection.execute("select cast(x'ff' as text)").fetchall()


def file_too_large(connection: sqlite3.Connection) -> object:
    with small_files():
        return connection.execute("insert into generated(a) values (zeroblob(2000000))")


def no_file_for_the_journal(connection: sqlite3.Connection) -> object:
    with no_file_left():
        return connection.execute("insert into generated(a) values (1)")


HEAP_LIMIT = """
import sqlite3
connection = sqlite3.connect(":memory:")
connection.execute("pragma hard_heap_limit=3000000")
connection.execute("select length(hex(randomblob(3000000)))").fetchall()
"""
NOTHING, UNDONE, OPEN = Outcome.NOT_EXECUTED, Outcome.ROLLED_BACK, Outcome.UNKNOWN
INVALID, VIOLATION = Code.QUERY_INVALID, Code.CONSISTENCY_VIOLATION


def case(name: str, act: Callable[[Path], object], code: Code, outcome: Outcome, retry: bool = False) -> Case:
    return Case(f"sqlite-{name}", "sqlite", act, code, outcome, retry)


WRONG_STATEMENTS = {
    "syntax": "selec 1",
    "literal-in-wrong-place": f"select 1 where 'a' '{SENTINEL}'",
    "open-literal": f"select '{SENTINEL}",
    "no-table": "select * from tt",
    "no-column": "select nam from t",
    "no-function": "select foo(1)",
    "ambiguous-column": "select id from t a, t b",
    "too-many-values": "insert into t(id) values (1, 2)",
    "table-exists": "create table t(i)",
    "write-to-view": "insert into seen values (1, 2, 3)",
    "write-to-generated": "insert into generated(b) values (1)",
    "no-collation": "select name from t order by name collate nope",
    "arity": "select substr()",
    "bad-json": f"select json_extract('{{{SENTINEL}', '$.a')",
    "bad-json-path": f"select json_extract('{{}}', '{SENTINEL}')",
    "integer-overflow": "select sum(a) from (select 9223372036854775807 a union all select 1)",
    "commit-without-begin": "commit",
    "two-statements": "select 1; select 2",
    "too-few-parameters": "select ?",
    "load-extension": "select load_extension('x')",
}

CASES = (
    *(case(name, statement(sql), INVALID, NOTHING) for name, sql in WRONG_STATEMENTS.items()),
    case("parameter-type", statement("select ?", object()), INVALID, NOTHING),
    case("parameter-too-large", statement("select ?", 2**70), INVALID, NOTHING),
    case("parameter-surrogate", statement("select ?", "\ud800"), INVALID, NOTHING),
    case("zero-in-statement", statement("select \0"), INVALID, NOTHING),
    case("primary-key", statement("insert into t values (1, 'x', 1)"), VIOLATION, UNDONE),
    case("unique", statement(f"insert into t values (9, '{SENTINEL}', 1)"), VIOLATION, UNDONE),
    case("unique-in-batch", statement("insert into t values (8, 'a', 1), (9, 'b', 1), (9, 'c', 1)"), VIOLATION, UNDONE),
    case("not-null", statement("insert into t values (9, null, 1)"), VIOLATION, UNDONE),
    case("check", statement("insert into t values (9, 'k', 101)"), VIOLATION, UNDONE),
    case("foreign-key", statement("insert into child values (77)"), VIOLATION, UNDONE),
    case("trigger", statement("insert into t values (9, 'k', -1)"), VIOLATION, UNDONE),
    case("strict-type", statement(f"insert into strict_t values ('{SENTINEL}')"), VIOLATION, UNDONE),
    case("mismatch", statement(f"insert into t values ('{SENTINEL}', 'k', 1)"), INVALID, UNDONE),
    case("busy-writer", busy_writer, Code.ENGINE_OVERLOADED, NOTHING, retry=True),
    case("busy-reader", busy_reader, Code.ENGINE_OVERLOADED, NOTHING, retry=True),
    case("busy-commit", busy_commit, Code.ENGINE_OVERLOADED, NOTHING, retry=True),
    case("locked-table", on(locked_table), Code.ENGINE_OVERLOADED, NOTHING, retry=True),
    case("locked-shared-cache", shared_cache, Code.ENGINE_OVERLOADED, NOTHING, retry=True),
    case("busy-snapshot", busy_snapshot, Code.TRANSACTION_FAILED, UNDONE, retry=True),
    case("read-only-file", read_only_file, INVALID, NOTHING),
    case("query-only", on(query_only), INVALID, NOTHING),
    case("authorizer", on(denied_by_authorizer), INVALID, NOTHING),
    case("interrupt", on(interrupted), Code.QUERY_TIMEOUT, UNDONE),
    case("progress-handler", on(stopped_by_progress_handler), Code.QUERY_TIMEOUT, UNDONE),
    case("interrupted-write", on(interrupted_write), Code.QUERY_TIMEOUT, UNDONE),
    case("full", full, Code.CAPACITY_EXCEEDED, UNDONE),
    case("too-big", on(too_big), Code.CAPACITY_EXCEEDED, UNDONE),
    case("no-memory", in_child(HEAP_LIMIT), Code.MEMORY_LIMIT_EXCEEDED, UNDONE),
    case("file-size-limit", on(file_too_large), Code.ENGINE_UNAVAILABLE, OPEN),
    case("no-file-left", on(no_file_for_the_journal), Code.ENGINE_CONNECTION_FAILED, NOTHING, retry=True),
    case(
        "no-directory", lambda d: sqlite3.connect(d / "no" / "x.db"), Code.ENGINE_CONNECTION_FAILED, NOTHING, retry=True
    ),
    case("directory", lambda d: sqlite3.connect(d), Code.ENGINE_CONNECTION_FAILED, NOTHING, retry=True),
    case(
        "attach-missing",
        lambda d: database(d).execute("attach ? as x", [str(d / "no" / "x.db")]),
        Code.ENGINE_CONNECTION_FAILED,
        NOTHING,
        retry=True,
    ),
    case("not-a-database", not_a_database, Code.ENGINE_UNAVAILABLE, NOTHING, retry=True),
    case("file-format", damaged(44, b"\0\0\0\x09"), Code.ENGINE_UNAVAILABLE, NOTHING, retry=True),
    case("corrupt-page", damaged(4096, b"\xff" * 4096), Code.ENGINE_UNAVAILABLE, OPEN),
    case("corrupt-schema", damaged(100, b"\xff" * 100), Code.ENGINE_UNAVAILABLE, OPEN),
    case("truncated", truncated, Code.ENGINE_UNAVAILABLE, OPEN),
    case("moved-away", moved_away, Code.ENGINE_UNAVAILABLE, NOTHING, retry=True),
    case("closed", on(closed), Code.ENGINE_CONNECTION_FAILED, NOTHING, retry=True),
    case("closed-cursor", on(closed_cursor), Code.ENGINE_CONNECTION_FAILED, NOTHING, retry=True),
    case("wrong-thread", wrong_thread, INVALID, NOTHING),
    case("failing-function", on(failing_function), Code.QUERY_EXECUTION_FAILED, OPEN),
    case("not-utf8", on(not_utf8), Code.QUERY_EXECUTION_FAILED, OPEN),
)

"""DuckDB: wrong statements, broken rules, conflicts, interrupts, little memory, and files that are not databases."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import duckdb

from polyroute.errors import Outcome

from .case import SENTINEL, Case, Code, in_child, small_files

SCHEMA = f"""
create table t(id int primary key, name varchar not null unique, v tinyint check (v < 100));
create table child(parent int references t(id));
create table free(id int, v int);
insert into t values (1, '{SENTINEL}', 1), (2, 'two', 2);
insert into child values (2);
insert into free values (1, 1);
"""


def database(directory: Path) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(":memory:")
    connection.execute(SCHEMA)
    return connection


def statement(sql: str, *parameters: object) -> Callable[[Path], object]:
    return lambda directory: database(directory).execute(sql, parameters).fetchall()


def on(work: Callable[[duckdb.DuckDBPyConnection], object]) -> Callable[[Path], object]:
    return lambda directory: work(database(directory))


def two_writers(connection: duckdb.DuckDBPyConnection) -> object:
    first, second = connection.cursor(), connection.cursor()
    first.execute("begin")
    second.execute("begin")
    first.execute("update free set v = 3 where id = 1")
    return second.execute("update free set v = 4 where id = 1")


def aborted_transaction(connection: duckdb.DuckDBPyConnection) -> object:
    try:
        two_writers(connection)
    except duckdb.TransactionException:
        pass
    connection.execute("begin")
    try:
        connection.execute("insert into t values (1, 'again', 1)")
    except duckdb.ConstraintException:
        pass
    return connection.execute("select 1").fetchall()


def same_key_twice(connection: duckdb.DuckDBPyConnection) -> object:
    first, second = connection.cursor(), connection.cursor()
    first.execute("begin")
    second.execute("begin")
    first.execute("insert into t values (50, 'first', 1)")
    second.execute("insert into t values (50, 'second', 1)")
    first.execute("commit")
    return second.execute("commit")


def interrupted(connection: duckdb.DuckDBPyConnection) -> object:
    threading.Timer(0.05, connection.interrupt).start()
    return connection.execute("select sum(a.range * b.range % 7) from range(100000) a, range(1000000) b").fetchall()


def out_of_memory(directory: Path) -> object:
    connection = duckdb.connect(":memory:", config={"memory_limit": "20MB", "threads": 1, "temp_directory": ""})
    return connection.execute("select list(range) from range(50000000)").fetchall()


def unfinished_result(connection: duckdb.DuckDBPyConnection) -> object:
    connection.execute("select * from range(1000000)")
    connection.fetchone()
    return connection.sql("select 1").fetchall()


def closed(connection: duckdb.DuckDBPyConnection) -> object:
    connection.close()
    return connection.execute("select 1")


def other_settings(directory: Path) -> object:
    path = str(directory / "shop.duckdb")
    with duckdb.connect(path):
        return duckdb.connect(path, config={"threads": 1})


def held_by_another(directory: Path) -> object:
    with duckdb.connect(str(directory / "shop.duckdb")):
        return in_child("import duckdb; duckdb.connect(directory + '/shop.duckdb')")(directory)


def read_only(directory: Path) -> object:
    path = str(directory / "shop.duckdb")
    with duckdb.connect(path) as writer:
        writer.execute("create table a(i int)")
    with duckdb.connect(path, read_only=True) as reader:
        return reader.execute("insert into a values (1)")


def fenced(sql: str) -> Callable[[Path], object]:
    def act(directory: Path) -> object:
        config = {"enable_external_access": "false", "lock_configuration": "true"}
        return duckdb.connect(":memory:", config=config).execute(sql).fetchall()

    return act


def not_a_database(directory: Path) -> object:
    path = directory / "shop.duckdb"
    path.write_bytes(b"a plain text file, of all things " * 200)
    return duckdb.connect(str(path))


def stored(directory: Path) -> Path:
    path = directory / "shop.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("create table a as select range as i from range(100000)")
    return path


def file_too_large(directory: Path) -> object:
    with duckdb.connect(str(directory / "small.duckdb")) as connection, small_files():
        return connection.execute("create table z as select range, hash(range) || 'xxxxxxxx' as s from range(1000000)")


def after_fatal(directory: Path) -> object:
    with duckdb.connect(str(directory / "small.duckdb")) as connection:
        connection.execute("create table a as select 1")
        with small_files():
            with suppress(duckdb.IOException):
                connection.execute("create table z as select hash(range) || 'xxxxxxxx' as s from range(1000000)")
            with suppress(duckdb.FatalException):
                connection.execute("checkpoint")
        return connection.execute("select 1")


def corrupt(directory: Path) -> object:
    path = stored(directory)
    content = bytearray(path.read_bytes())
    for at in (4196, 8242, len(content) // 2):
        content[at : at + 64] = b"\xff" * 64
    path.write_bytes(content)
    return duckdb.connect(str(path)).execute("select sum(i) from a").fetchall()


def truncated(directory: Path) -> object:
    path = stored(directory)
    path.write_bytes(path.read_bytes()[:9000])
    return duckdb.connect(str(path)).execute("select sum(i) from a").fetchall()


NOTHING, UNDONE, OPEN = Outcome.NOT_EXECUTED, Outcome.ROLLED_BACK, Outcome.UNKNOWN
INVALID, VIOLATION = Code.QUERY_INVALID, Code.CONSISTENCY_VIOLATION


def case(name: str, act: Callable[[Path], object], code: Code, outcome: Outcome, retry: bool = False) -> Case:
    return Case(f"duckdb-{name}", "duckdb", act, code, outcome, retry)


REFUSED_BEFORE_RUNNING = {
    "parser": "selec 1",
    "no-table": "select * from tt",
    "no-column": "select nam from t",
    "no-function": "select foo(1)",
    "no-from": "select 1 where id = 'x'",
    "ambiguous": "select id from t a, t b",
    "table-exists": "create table t(i int)",
    "type-of-function": "select sum('a')",
    "set-operation": "select 1 union select 1, 2",
    "too-many-values": "insert into free(id) values (3, 4)",
    "no-setting": "set nope = 1",
    "no-schema": "use nope",
    "unnest-scalar": "select unnest(1)",
    "commit-without-begin": "commit",
    "begin-twice": "begin; begin",
    "drop-referenced": "drop table t",
    "missing-extension": "load nope",
}
REFUSED_WHILE_RUNNING = {
    "string-to-integer": f"select '{SENTINEL}'::int",
    "string-to-date": f"select cast('{SENTINEL}' as date)",
    "string-to-uuid": f"select '{SENTINEL}'::uuid",
    "out-of-range-cast": "select 300::tinyint",
    "decimal-out-of-range": "select 999.99::decimal(3, 1)",
    "integer-overflow": "select 100000::int * 100000::int",
    "bad-json": f"select '{{bad {SENTINEL}'::json",
    "bad-json-function": f"select json_extract('{{bad {SENTINEL}', '$.a')",
    "bad-pattern": f"select regexp_matches('a', '({SENTINEL}')",
    "strptime": f"select strptime('{SENTINEL}', '%Y')",
    "compare-types": f"select * from t where id = '{SENTINEL}'",
    "insert-out-of-range": f"insert into t values (8, '{SENTINEL}9', 300)",
    "parameter-missing": "select $x",
}

CASES = (
    *(case(name, statement(sql), INVALID, NOTHING) for name, sql in REFUSED_BEFORE_RUNNING.items()),
    *(case(name, statement(sql), INVALID, UNDONE) for name, sql in REFUSED_WHILE_RUNNING.items()),
    case("parameter-excess", statement("select ?", 1, 2), INVALID, UNDONE),
    case("parameter-type", statement("select ?", object()), INVALID, NOTHING),
    case("parameter-value", statement("select ?::int", SENTINEL), INVALID, UNDONE),
    case("no-such-file", lambda d: statement(f"from read_parquet('{d}/x.parquet')")(d), INVALID, NOTHING),
    case("fenced-file", fenced("select * from read_text('/etc/hostname')"), INVALID, NOTHING),
    case("fenced-setting", fenced("set threads = 3"), INVALID, UNDONE),
    case("read-only", read_only, INVALID, UNDONE),
    case("primary-key", statement("insert into t values (1, 'x', 1)"), VIOLATION, UNDONE),
    case("unique", statement(f"insert into t values (9, '{SENTINEL}', 1)"), VIOLATION, UNDONE),
    case("unique-in-batch", statement("insert into t values (8, 'a', 1), (9, 'b', 1), (9, 'c', 1)"), VIOLATION, UNDONE),
    case("not-null", statement("insert into t values (9, null, 1)"), VIOLATION, UNDONE),
    case("check", statement("insert into t values (9, 'k', 101)"), VIOLATION, UNDONE),
    case("foreign-key", statement("insert into child values (77)"), VIOLATION, UNDONE),
    case("still-referenced", statement("delete from t where id = 2"), VIOLATION, UNDONE),
    case("two-writers", on(two_writers), Code.TRANSACTION_FAILED, UNDONE, retry=True),
    case("aborted-transaction", on(aborted_transaction), Code.TRANSACTION_FAILED, UNDONE, retry=True),
    case("same-key-twice", on(same_key_twice), Code.TRANSACTION_FAILED, UNDONE, retry=True),
    case("interrupt", on(interrupted), Code.QUERY_TIMEOUT, UNDONE),
    case("out-of-memory", out_of_memory, Code.MEMORY_LIMIT_EXCEEDED, UNDONE),
    case("unfinished-result", on(unfinished_result), Code.ENGINE_OVERLOADED, NOTHING, retry=True),
    case("closed", on(closed), Code.ENGINE_CONNECTION_FAILED, NOTHING, retry=True),
    case("other-settings", other_settings, Code.ENGINE_CONNECTION_FAILED, NOTHING, retry=True),
    case("held-by-another", held_by_another, Code.ENGINE_UNAVAILABLE, NOTHING, retry=True),
    case("not-a-database", not_a_database, Code.ENGINE_UNAVAILABLE, NOTHING, retry=True),
    case(
        "missing-read-only",
        lambda d: duckdb.connect(str(d / "x.duckdb"), read_only=True),
        Code.ENGINE_UNAVAILABLE,
        NOTHING,
        True,
    ),
    case("no-directory", lambda d: duckdb.connect(str(d / "no" / "x.duckdb")), Code.ENGINE_UNAVAILABLE, OPEN),
    case("directory", lambda d: duckdb.connect(str(d)), Code.ENGINE_UNAVAILABLE, OPEN),
    case("corrupt", corrupt, Code.ENGINE_UNAVAILABLE, OPEN),
    case("truncated", truncated, Code.ENGINE_UNAVAILABLE, OPEN),
    case("file-size-limit", file_too_large, Code.CAPACITY_EXCEEDED, OPEN),
    case("after-fatal", after_fatal, Code.ENGINE_UNAVAILABLE, OPEN),
    case(
        "internal",
        lambda d: _raise(duckdb.InternalException("INTERNAL Error: assertion")),
        Code.ENGINE_UNAVAILABLE,
        OPEN,
    ),
)


def _raise(exc: BaseException) -> object:
    raise exc

"""SQLite through apsw, as the graph engine's Cypher library is driven: the same codes under other class names."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import apsw

from .case import SENTINEL, Case, Code
from .sqlite_cases import INVALID, NOTHING, SLOW, UNDONE, VIOLATION, case, database


def apsw_on(sql: str, *parameters: object, **options: int) -> Callable[[Path], object]:
    def act(directory: Path) -> object:
        database(directory).close()
        connection = apsw.Connection(str(directory / "shop.db"), **options)
        return connection.execute(sql, parameters).fetchall()

    return act


def apsw_busy(directory: Path) -> object:
    # Both through apsw: POSIX locks do not hold between two copies of SQLite in one process.
    database(directory).close()
    holder, other = (apsw.Connection(str(directory / "shop.db")) for _ in range(2))
    holder.execute("begin immediate")
    return other.execute("insert into t values (9, 'nine', 9)")


def apsw_interrupted(directory: Path) -> object:
    connection = apsw.Connection(":memory:")
    threading.Timer(0.03, connection.interrupt).start()
    return connection.execute(SLOW).fetchall()


def apsw_closed(directory: Path) -> object:
    connection = apsw.Connection(":memory:")
    connection.close()
    return connection.execute("select 1")


def apsw_full(directory: Path) -> object:
    connection = apsw.Connection(":memory:")
    connection.execute("create table a(b); pragma max_page_count=3")
    return connection.execute("insert into a values (zeroblob(200000))")


def apsw_not_a_database(directory: Path) -> object:
    path = directory / "shop.db"
    path.write_bytes(b"a plain text file, of all things " * 200)
    return apsw.Connection(str(path)).execute("select * from t").fetchall()


CASES: tuple[Case, ...] = (
    case("through-apsw-syntax", apsw_on("selec"), INVALID, NOTHING),
    case("through-apsw-no-table", apsw_on("select * from tt"), INVALID, NOTHING),
    case("through-apsw-parameters", apsw_on("select ?, ?", 1), INVALID, NOTHING),
    case("through-apsw-parameter-type", apsw_on("select ?", object()), INVALID, NOTHING),
    case("through-apsw-unique", apsw_on(f"insert into t values (9, '{SENTINEL}', 1)"), VIOLATION, UNDONE),
    case("through-apsw-mismatch", apsw_on(f"insert into t values ('{SENTINEL}', 'k', 1)"), INVALID, UNDONE),
    case("through-apsw-read-only", apsw_on("delete from t", flags=apsw.SQLITE_OPEN_READONLY), INVALID, NOTHING),
    case("through-apsw-busy", apsw_busy, Code.ENGINE_OVERLOADED, NOTHING, retry=True),
    case("through-apsw-interrupt", apsw_interrupted, Code.QUERY_TIMEOUT, UNDONE),
    case("through-apsw-full", apsw_full, Code.CAPACITY_EXCEEDED, UNDONE),
    case("through-apsw-closed", apsw_closed, Code.ENGINE_CONNECTION_FAILED, NOTHING, retry=True),
    case("through-apsw-not-a-database", apsw_not_a_database, Code.ENGINE_UNAVAILABLE, NOTHING, retry=True),
    case(
        "through-apsw-no-directory",
        lambda d: apsw.Connection(str(d / "no" / "x.db")),
        Code.ENGINE_CONNECTION_FAILED,
        NOTHING,
        True,
    ),
)

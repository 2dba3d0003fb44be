"""What the tables call rolled back or not executed has truly left nothing in the stored data."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from polyroute.errors import DatabaseErrorClassifier, Outcome

from .corpus import SENTINEL
from .corpus.case import small_files

CLASSIFIER = DatabaseErrorClassifier()
SCHEMA = "create table t(id integer primary key, name varchar not null unique, v int check (v < 100))"
SEED = f"insert into t values (1, '{SENTINEL}', 1)"
# Each begins well and fails at its last row, so that a half-done statement would show.
HALF_GOOD_WRITES = [
    "insert into t values (2, 'b', 2), (3, 'c', 3), (1, 'again', 4)",
    f"insert into t values (2, 'b', 2), (3, '{SENTINEL}', 3)",
    "insert into t values (2, 'b', 2), (3, null, 3)",
    "insert into t values (2, 'b', 2), (3, 'c', 101)",
    "insert into t select 1 + value, 'n' || value, case when value < 5 then 1 else 100 end from numbers",
    "update t set v = v + 99",
    "insert into t values (2, 'b', 2), (3, 'c', 'not a number at all, but a name')",
]


def sqlite_write(directory: Path, sql: str) -> tuple[BaseException | None, list[tuple[object, ...]]]:
    path = directory / "shop.db"
    connection = sqlite3.connect(path, isolation_level=None)
    numbers = "with recursive n(value) as (select 1 union all select value + 1 from n where value < 9) select * from n"
    for setup in (f"{SCHEMA} strict".replace("varchar", "text"), SEED, f"create view numbers as {numbers}"):
        connection.execute(setup)
    caught = attempt(lambda: connection.execute(sql), sqlite3.Error)
    connection.close()
    return caught, sqlite3.connect(path).execute("select * from t").fetchall()


def duckdb_write(directory: Path, sql: str) -> tuple[BaseException | None, list[tuple[object, ...]]]:
    path = str(directory / "shop.duckdb")
    with duckdb.connect(path) as connection:
        for setup in (SCHEMA, SEED, "create view numbers as select unnest(range(1, 10)) as value"):
            connection.execute(setup)
        caught = attempt(lambda: connection.execute(sql), duckdb.Error)
    with duckdb.connect(path) as connection:
        return caught, connection.execute("select * from t").fetchall()


def attempt(work: Callable[[], object], kind: type[BaseException]) -> BaseException | None:
    try:
        work()
    except kind as exc:
        return exc
    return None


@pytest.mark.parametrize("sql", HALF_GOOD_WRITES)
@pytest.mark.parametrize(("engine", "write"), [("sqlite", sqlite_write), ("duckdb", duckdb_write)])
def test_a_failed_statement_leaves_nothing(
    tmp_path: Path,
    engine: str,
    write: Callable[[Path, str], tuple[BaseException | None, list[tuple[object, ...]]]],
    sql: str,
) -> None:
    exc, rows = write(tmp_path, sql)
    assert exc is not None
    assert CLASSIFIER.classify(exc, engine).outcome is Outcome.ROLLED_BACK
    assert rows == [(1, SENTINEL, 1)]


def test_an_interrupted_write_leaves_nothing(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "x.db", isolation_level=None)
    connection.execute("create table a(i)")
    connection.set_progress_handler(lambda: 1, 100_000)
    endless = "with recursive n(i) as (select 1 union all select i + 1 from n) select i from n"
    exc = attempt(lambda: connection.execute(f"insert into a {endless}"), sqlite3.Error)
    assert exc is not None
    assert CLASSIFIER.classify(exc, "sqlite").outcome is Outcome.ROLLED_BACK
    connection.close()
    assert sqlite3.connect(tmp_path / "x.db").execute("select count(*) from a").fetchone() == (0,)


def test_a_write_that_met_the_end_of_the_disk_is_called_unknown(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "x.db", isolation_level=None)
    connection.execute("create table a(b)")
    with small_files():
        exc = attempt(lambda: connection.execute("insert into a values (zeroblob(2000000))"), sqlite3.Error)
    assert exc is not None
    assert CLASSIFIER.classify(exc, "sqlite").outcome is Outcome.UNKNOWN

"""Statements in polyroute's dialect: SQLite answers as DuckDB does, or leaves it to others."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from polyroute.engines.call import Call
from polyroute.engines.execution import as_table
from polyroute.errors import PolyrouteError
from polyroute.operations import RelationalExecute, RelationalGet, RelationalQuery
from polyroute.sql.filters import Unsupported
from tests.engines.relational.sqlite_cases import Opened, foreign

FLIGHTS = pa.table(
    {
        "id": pa.array([1, 2, 3, 4], pa.int32()),
        "Carrier": ["LX", "BA", None, "lx"],
        "delay": pa.array([5, -3, None, 40], pa.int16()),
        "price": pa.array([Decimal("10.50"), None, Decimal("99.99"), Decimal("1.00")], pa.decimal128(9, 2)),
        "day": pa.array([dt.date(2020, 1, 1), dt.date(2020, 1, 2), None, dt.date(2020, 1, 4)]),
        "x": pa.array([0.5, float("nan"), 1.0, None]),
        "tags": pa.array([["a"], [], None, ["b", "c"]], pa.list_(pa.string())),
    }
)
DDL = (
    'CREATE TABLE flights (id INTEGER PRIMARY KEY, "Carrier" VARCHAR, delay SMALLINT, '
    "price DECIMAL(9, 2), day DATE, x DOUBLE, tags VARCHAR[])"
)


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Opened]:
    opened = Opened(tmp_path / "a.db")
    opened.load("flights", FLIGHTS, key=["id"])
    yield opened
    opened.engine.close()


@pytest.fixture
def oracle() -> Iterator[duckdb.DuckDBPyConnection]:
    connection = duckdb.connect(":memory:")
    connection.execute(DDL)
    connection.register("source", FLIGHTS)
    connection.execute("INSERT INTO flights SELECT * FROM source")
    yield connection
    connection.close()


def state(db: Opened) -> str:
    return str(as_table(db.ask(RelationalQuery(None, "SELECT * FROM flights ORDER BY id"))).to_pylist())


def run(db: Opened, sql: str, params: object = None) -> Any:
    return db.ask(RelationalExecute(None, sql, params))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM flights",
        "FROM flights",
        "SELECT id, CARRIER, delay AS late FROM flights WHERE delay > 0",
        "SELECT f.id, f.* FROM flights AS f WHERE f.day >= '2020-01-02' LIMIT 10",
        "SELECT flights.id FROM Flights WHERE flights.\"Carrier\" = 'LX'",
        "SELECT id FROM flights ORDER BY delay DESC NULLS LAST, id LIMIT 2",
        "SELECT id FROM flights ORDER BY x, id",
        "SELECT id FROM flights WHERE x > 0.6 ORDER BY id",
        "SELECT id, id FROM flights WHERE id IN (1, 3) ORDER BY id",
        "SELECT id FROM flights WHERE delay = $d",
        "SELECT id FROM flights ORDER BY id LIMIT $n",
    ],
)
def test_plain_queries_are_answered_as_duckdb_does(db: Opened, oracle: duckdb.DuckDBPyConnection, sql: str) -> None:
    params = {name: value for name, value in {"d": 40, "n": 3}.items() if f"${name}" in sql}
    found = db.ask(RelationalQuery(None, sql, params or None))
    expected = oracle.execute(sql, params or None)
    assert tuple(found.columns) == tuple(column[0] for column in expected.description)
    assert str(found.rows) == str(expected.fetchall())


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT id FROM flights WHERE delay > (SELECT 1)",
        "SELECT id FROM flights LIMIT 50%",
        "SELECT id FROM flights USING SAMPLE 1",
        "SELECT * REPLACE (1 AS id) FROM flights",
        "SELECT COLUMNS('i.*') FROM flights",
        "SELECT nothing FROM flights",
        "SELECT id FROM flights WHERE nothing = 1",
        "SELECT g.id FROM flights AS f",
        "SELECT 1",
        "SELECT id FROM flights AS f(a)",
        "SELECT id FROM read_csv('x.csv')",
        "SELECT id FROM 'x.parquet'",
        "WITH flights AS (SELECT 1 AS id) SELECT id FROM flights",
        "VALUES (1)",
    ],
)
def test_other_queries_are_left_to_others(db: Opened, sql: str) -> None:
    with pytest.raises((Unsupported, PolyrouteError)) as caught:
        db.engine.relational_query(RelationalQuery(None, sql), Call(timeout_s=30))
    assert isinstance(caught.value, Unsupported) or "x.parquet" in sql


CHANGES: list[tuple[str, object]] = [
    ("INSERT INTO flights VALUES (9, 'AF', 1, 2.345, '2021-01-01', 1, ['q', NULL])", None),
    ("INSERT INTO flights (delay, ID) VALUES (1 + 1, 10), (NULL, 11)", None),
    (
        "INSERT INTO flights (id, day, price) VALUES ($i, $d, $p)",
        {"i": 9, "d": dt.date(2021, 1, 1), "p": Decimal("1.5")},
    ),
    ("INSERT INTO flights (id, x) VALUES ($i, $x)", {"i": 9, "x": float("nan")}),
    ("INSERT INTO flights (id, \"Carrier\", x) VALUES (9, upper('af') || $s, 1e3)", {"s": "'; --"}),
    ("INSERT INTO flights (id, delay) VALUES (9, 1.5)", None),
    ("INSERT INTO flights (id, day) VALUES (9, DATE '2020-01-31' + INTERVAL 1 MONTH)", None),
    ("UPDATE flights SET delay = 7", None),
    ('UPDATE flights SET delay = delay + 1, "Carrier" = upper("Carrier") WHERE delay IS NOT NULL', None),
    ("UPDATE flights AS f SET price = f.price * 1.1 WHERE f.price > 5", None),
    ("UPDATE flights SET id = id + 100", None),
    ("UPDATE flights SET delay = id, x = delay WHERE id IN (1, 2)", None),
    ("UPDATE flights SET day = $d WHERE \"Carrier\" ILIKE 'lx'", {"d": "2022-02-02"}),
    ("UPDATE flights SET tags = list_append(tags, 'new') WHERE len(tags) > 0", None),
    ("UPDATE flights SET x = NULL, tags = NULL WHERE x > 0.6", None),
    ("UPDATE flights SET delay = 1 WHERE id > 1000", None),
    ("DELETE FROM flights WHERE delay < 0 OR delay IS NULL", None),
    ("DELETE FROM flights WHERE price * 2 > 100", None),
    ("DELETE FROM flights AS f WHERE f.id = $i", {"i": 3}),
    ("DELETE FROM flights", None),
]


@pytest.mark.parametrize(("sql", "params"), CHANGES, ids=[sql[:60] for sql, _ in CHANGES])
def test_changes_do_what_duckdb_does(
    db: Opened, oracle: duckdb.DuckDBPyConnection, sql: str, params: dict[str, object] | None
) -> None:
    found = run(db, sql, params)
    [[affected]] = oracle.execute(sql, params).fetchall()
    assert found.affected == affected
    assert state(db) == str(oracle.sql("FROM flights ORDER BY id").to_arrow_table().to_pylist())


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO flights SELECT * FROM flights",
        "INSERT OR REPLACE INTO flights (id) VALUES (1)",
        "INSERT INTO flights (id) VALUES (1) ON CONFLICT DO NOTHING",
        "INSERT INTO flights (id) VALUES (20) RETURNING id",
        "INSERT INTO flights (id) VALUES (DEFAULT)",
        "INSERT INTO flights (id) VALUES ((SELECT max(id) + 1 FROM flights))",
        "UPDATE flights SET delay = (SELECT 1)",
        "UPDATE flights SET delay = 1 FROM flights f WHERE f.id = flights.id",
        "DELETE FROM flights USING flights f WHERE f.id = flights.id",
        "DELETE FROM flights WHERE id IN (SELECT 1)",
        "CREATE TABLE x (a INT)",
        "DROP TABLE flights",
        "COPY flights TO 'x.csv'",
    ],
)
def test_other_changes_are_left_to_others_and_change_nothing(db: Opened, sql: str) -> None:
    before = state(db)
    with pytest.raises(Unsupported):
        run(db, sql)
    assert state(db) == before


@pytest.mark.parametrize(
    ("sql", "params", "part"),
    [
        ("INSERT INTO flight (id) VALUES (1)", None, "did you mean 'flights'"),
        ("INSERT INTO flights (idd) VALUES (1)", None, "did you mean 'id'"),
        ("INSERT INTO flights (id, id) VALUES (1, 2)", None, "twice"),
        ("INSERT INTO flights (id) VALUES (1, 2)", None, "2 values for 1 columns"),
        ("INSERT INTO flights (id) VALUES ($n)", None, r"\$n"),
        ("INSERT INTO flights (id, delay) VALUES (30, 'late')", None, "."),
        ("INSERT INTO flights (id, delay) VALUES (30, 40000)", None, "."),
        ("INSERT INTO flights (id, day) VALUES (30, '2020-13-01')", None, "."),
        ("UPDATE flights SET delay = delay * 30000", None, "."),
        ("UPDATE flights SET late = 1", None, "no column of 'flights' 'late'"),
        ("UPDATE flights SET delay = late + 1", None, "late"),
        ("UPDATE flights SET delay = 1, delay = 2", None, "twice"),
        ("DELETE FROM flights WHERE late = 1", None, "late"),
        ("DELETE FROM flights; DELETE FROM flights", None, "2 SQL statements"),
        ("SELECT 1", None, "changes nothing"),
        ("DELETE FROM WHERE", None, "does not parse"),
    ],
)
def test_wrong_changes_are_refused_and_change_nothing(db: Opened, sql: str, params: object, part: str) -> None:
    before = state(db)
    with pytest.raises(PolyrouteError, match=part) as caught:
        run(db, sql, params)
    assert caught.value.code == "QUERY_INVALID"
    assert state(db) == before


def test_a_held_or_missing_key_is_a_violation(db: Opened) -> None:
    before = state(db)
    for sql in ("INSERT INTO flights (id) VALUES (50), (1)", "UPDATE flights SET id = 1"):
        with pytest.raises(PolyrouteError) as caught:
            run(db, sql)
        assert caught.value.code == "CONSISTENCY_VIOLATION", sql
        assert state(db) == before


def test_inserted_rows_tell_their_row_ids(db: Opened) -> None:
    foreign(
        db.path,
        "CREATE TABLE made (id INTEGER PRIMARY KEY, name TEXT DEFAULT 'nobody')",
        "CREATE TABLE without (name TEXT PRIMARY KEY) WITHOUT ROWID",
    )
    assert run(db, "INSERT INTO made (name) VALUES ('a'), ('b')").keys == [1, 2]
    assert run(db, "INSERT INTO made (id) VALUES (7)").keys == [7]
    assert db.ask(RelationalGet("made", 7)).rows == [(7, "nobody")]
    assert run(db, "INSERT INTO without VALUES ('a')").keys is None
    assert run(db, "UPDATE made SET name = 'x'").keys is None

"""A point read through polyroute, against the raw driver and SQLAlchemy Core on the same file."""

from __future__ import annotations

import sqlite3
import tempfile
from pathlib import Path

import sqlalchemy as sa

import polyroute
from benchmarks.table import Table, interleaved, micros
from polyroute import Query
from polyroute.result import QueryResult, Rows

ROWS = 100_000


def run() -> list[Table]:
    """Measure point reads on SQLite and DuckDB, and the cost of a result."""
    with tempfile.TemporaryDirectory() as folder:
        return [_sqlite(Path(folder)), _duckdb(Path(folder)), _result()]


def _rows() -> list[dict[str, object]]:
    return [{"id": i, "name": f"name {i}", "x": i * 0.5} for i in range(ROWS)]


def _sqlite(folder: Path) -> Table:
    path = folder / "points.db"
    with polyroute.connect({"rel": f"sqlite:///{path}"}, cache=False) as db:
        db.load("points", _rows(), engine="rel", key="id", show_progress=False)
        raw = sqlite3.connect(path, isolation_level=None)
        engine = sa.create_engine(f"sqlite:///{path}")
        table = sa.Table("points", sa.MetaData(), autoload_with=engine)
        statement = sa.select(table).where(table.c.id == sa.bindparam("key"))
        connection = engine.connect()
        times = interleaved(
            {
                "raw sqlite3": lambda i: raw.execute("SELECT id, name, x FROM points WHERE id = ?", (i,)).fetchone(),
                "SQLAlchemy Core": lambda i: connection.execute(statement, {"key": i}).fetchone(),
                "db.query(Query(...))": lambda i: db.query(Query("relational_get", "points", {"key": i})).fetchone(),
                "db.relational_get(...)": lambda i: db.relational_get("points", i).fetchone(),
            },
            count=20_000,
        )
        connection.close()
        raw.close()
    base, alchemy = times["raw sqlite3"], times["SQLAlchemy Core"] - times["raw sqlite3"]
    rows = [
        (
            name,
            micros(t),
            f"+{micros(t - base)}" if t != base else "",
            f"{(t - base) / alchemy:.2f}" if t != base else "",
        )
        for name, t in times.items()
    ]
    note = (
        f"{ROWS:,} rows, by key; p50 in us. Goal: <= 10 us over the driver: reached. Goal: <= 0.20 of what SQLAlchemy "
        "Core adds, about 2 us: not reached. Tried: statements and decoders prepared per dataset, keys of a plain type "
        "bound without conversion, one placement chosen without an order, records kept as plain tuples, breakers "
        "without a lock; what is left is some twenty Python calls (query, operation, catalog, guard, result)."
    )
    return Table(
        "Point read, SQLite", note, ("contender", "p50 us", "added us", "added / added by SQLAlchemy Core"), rows
    )


def _duckdb(folder: Path) -> Table:
    path = folder / "points.duckdb"
    with polyroute.connect({"olap": f"duckdb:///{path}"}, cache=False) as db:
        db.load("points", _rows(), engine="olap", key="id", show_progress=False)
        raw = db.engines["olap"].resource.handle.cursor()
        text = "SELECT id, name, x FROM points WHERE id = ?"
        times = interleaved(
            {
                "raw duckdb cursor": lambda i: raw.execute(text, [i]).fetchall(),
                "db.query(Query(...))": lambda i: db.query(Query("relational_get", "points", {"key": i})).fetchone(),
            },
            count=1_000,
        )
    base = times["raw duckdb cursor"]
    rows = [(name, micros(t), f"{t / base:.2f}x") for name, t in times.items()]
    return Table(
        "Point read, DuckDB", "the same read on the same open file; p50 in us", ("contender", "p50 us", "ratio"), rows
    )


def _result() -> Table:
    answer = Rows(("id", "name", "x"), [(1, "a", 0.5)])
    times = interleaved(
        {"QueryResult(Rows(...))": lambda _: QueryResult(answer), "an empty call": lambda _: None}, count=100_000
    )
    rows = [(name, f"{t * 1e6:.2f}") for name, t in times.items()]
    return Table("Making a result", "Goal: about a microsecond.", ("what", "p50 us"), rows)

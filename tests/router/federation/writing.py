"""Connections for the tests of writes in SQL: all seven adapters on real files, and a way to write whose query can be
made to fail.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pyarrow as pa

import polyroute
from polyroute.engines import UNBOUNDED, Call
from polyroute.result import QueryResult
from polyroute.router.federation.statement import named_parameters, parameters
from polyroute.router.federation.writes import SqlWrite
from polyroute.sql.dialect import parse_statement

AIRPORTS = [
    {"iata": "JFK", "city": "New York", "feet": 13.5},
    {"iata": "CDG", "city": "Paris", "feet": 392.0},
    {"iata": "XXX", "city": None, "feet": None},
]

# a dataset of every kind: engine id -> name, and the columns of a row made from a number n
TARGETS = {
    "rel": ("people", "n, 'p' || n"),
    "olap": ("planes", "n, 'p' || n"),
    "docs": ("profiles", "n, 'p' || n"),
    "sdocs": ("pages", "n, 'p' || n"),
    "graph": ("routes", "'a' || n, 'b', n::DOUBLE"),
    "vec": ("passages", "n, 'p' || n, [n::FLOAT, 1]"),
    "ts": ("weather", "TIMESTAMP '2014-01-01' + n * INTERVAL 1 HOUR, 'JFK', n::DOUBLE"),
}

Batches = Callable[[str, Mapping[str, object], bool], Iterator[pa.RecordBatch]]


def connected(folder: Path, **options: object) -> polyroute.DatabaseCoordinator:
    """Connect all seven adapters."""
    engines = {
        "rel": f"sqlite:///{folder}/rel.db",
        "olap": f"duckdb:///{folder}/olap.duckdb",
        "docs": f"tinydb:///{folder}/docs.json",
        "sdocs": f"document+sqlite:///{folder}/sdocs.db",
        "graph": f"networkx:///{folder}/graphs",
        "vec": f"lancedb:///{folder}/vectors",
        "ts": f"timeseries+duckdb:///{folder}/ts.duckdb",
    }
    return polyroute.connect(engines, state_dir=folder / "state", **options)  # type: ignore[arg-type]


def loaded(db: polyroute.DatabaseCoordinator) -> None:
    """Load airports, and a dataset into every engine."""
    rows = [{"id": -1, "name": "first"}, {"id": -2, "name": None}]
    db.load("airports", AIRPORTS, engine="rel", key="iata")
    db.load("people", rows, engine="rel", key="id")
    db.load("planes", rows, engine="olap", key="id")
    for engine, name in (("docs", "profiles"), ("sdocs", "pages")):
        db.load(name, [{"_id": r["id"], "name": r["name"]} for r in rows], engine=engine, key="_id")
    edges = [{"src": "JFK", "dst": "CDG", "km": 5837.0}, {"src": "CDG", "dst": "JFK", "km": 5837.0}]
    db.load("routes", edges, engine="graph", source="src", target="dst")
    vectors = [{**r, "vector": [1.0, float(i)]} for i, r in enumerate(rows)]
    db.load("passages", vectors, engine="vec", key="id", vector="vector")
    series = [{"at": dt.datetime(2013, 1, 1), "origin": "JFK", "temp": 1.5}]
    db.load("weather", series, engine="ts", time="at")


def write(
    db: polyroute.DatabaseCoordinator,
    sql: str,
    params: Mapping[str, object] | list[object] | None = None,
    *,
    call: Call = UNBOUNDED,
    batches: Batches | None = None,
) -> QueryResult:
    """Run one statement that changes data; `batches` stands in for the query over all engines."""
    if call is UNBOUNDED and batches is None:
        return db.sql(sql, params)
    sql, named = named_parameters(sql, params)
    tree = parse_statement(sql)
    return SqlWrite(db, batches or answering(db), executing(db), call).run(sql, tree, parameters(named))


def answering(db: polyroute.DatabaseCoordinator) -> Batches:
    """Return the way to run a query over all engines."""

    def batches(sql: str, params: Mapping[str, object], pushdown: bool) -> Iterator[pa.RecordBatch]:
        table = db.sql(sql, params or None).to_arrow()
        empty = pa.RecordBatch.from_arrays([pa.nulls(0, f.type) for f in table.schema], schema=table.schema)
        return iter(table.to_batches() or [empty])

    return batches


def executing(db: polyroute.DatabaseCoordinator) -> Callable[[str, Mapping[str, object]], QueryResult]:
    """Return the way to run a change whole in one engine."""
    return lambda sql, params: db.relational_execute(sql, params or None)


def contents(db: polyroute.DatabaseCoordinator) -> dict[str, pa.Table]:
    """Return all that is stored, by dataset."""
    return {name: db.scan(name).to_arrow() for name in sorted(db.datasets)}


def rows(db: polyroute.DatabaseCoordinator, sql: str) -> list[tuple[object, ...]]:
    """Return the rows of a question."""
    return db.sql(sql).fetchall()

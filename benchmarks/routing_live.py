"""A mixed load of point reads and scans over one dataset in SQLite and DuckDB, routed in four ways."""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa

import polyroute
from benchmarks.table import Table
from polyroute import Routing
from polyroute.result import QueryResult

ROWS = 100_000
READS = 600
_SCAN_EVERY = 10
_RULE = "a person's rule: points to SQLite, scans to DuckDB"


def live() -> Table:
    """Run the same reads with each engine alone, with a person's rule, and with what is learned from nothing."""
    with tempfile.TemporaryDirectory() as folder, polyroute.connect() as db:
        db.register_engine(f"sqlite:///{Path(folder)}/flights.db", "rel")
        db.register_engine(f"duckdb:///{Path(folder)}/flights.duckdb", "olap")
        db.load("flights", _flights(), engine=("rel", "olap"), key="id", show_progress=False)
        ways: dict[str, Callable[[bool], Routing]] = {
            "SQLite alone": lambda scan: Routing(engine="rel"),
            "DuckDB alone": lambda scan: Routing(engine="olap"),
            _RULE: lambda scan: Routing(engine="olap" if scan else "rel"),
            "learned, from nothing": lambda scan: Routing(),
        }
        taken = {name: _load(db, routing) for name, routing in ways.items()}
        again = _load(db, ways["learned, from nothing"])
    taken["learned, the second time"] = again
    rule = taken[_RULE]
    rows = [(name, f"{seconds * 1e3:.0f}", f"{seconds / rule:.2f}x") for name, seconds in taken.items()]
    note = f"{READS} reads of {ROWS:,} rows, one in {_SCAN_EVERY} a scan of a third of them, the result cache off."
    return Table("Routing: live, points and scans in SQLite and DuckDB", note, ("routing", "ms", "to the rule"), rows)


def _flights() -> pa.Table:
    return pa.table(
        {
            "id": pa.array(range(ROWS), pa.int64()),
            "carrier": pa.array([("UA", "AA", "DL", "B6")[i % 4] for i in range(ROWS)]),
            "delay": pa.array([(i * 7919) % 240 - 30.0 for i in range(ROWS)]),
        }
    )


def _load(db: polyroute.DatabaseCoordinator, routing: Callable[[bool], Routing]) -> float:
    rng = random.Random(4)
    started = time.perf_counter()
    for i in range(READS):
        scan = i % _SCAN_EVERY == _SCAN_EVERY - 1
        how = routing(scan)
        result: QueryResult
        if scan:
            result = db.scan("flights", columns=["carrier", "delay"], where="delay > 130", routing=how, cache=False)
        else:
            result = db.relational_get("flights", rng.randrange(ROWS), routing=how, cache=False)
        len(result)
    return time.perf_counter() - started

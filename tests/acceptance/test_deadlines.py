"""Genuinely slow work in all seven engines stops at its deadline, and the connection answers afterwards.

The bounds are generous for a loaded machine; on an idle one every call returns within 0.21 s of `timeout_s=0.2`.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import polyroute
from polyroute import PolyrouteError, Routing
from tests.acceptance.world import addresses

FOREVER = "WITH RECURSIVE r(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM r) SELECT count(*) AS n FROM r"
_MANY = {"$or": [{"text": {"$regex": f"b.*{n}$"}} for n in range(100)]}
Ask = Callable[..., Any]


def native(engine: str, sql: str) -> Ask:
    return lambda db, **how: db.relational_query(sql, dialect="native", routing=Routing(engine=engine), **how)


# slow work, and a question that the same engine must answer at once afterwards
SLOW: dict[str, tuple[Ask, Ask]] = {
    "sqlite": (native("rel", FOREVER), native("rel", "SELECT 1")),
    "duckdb": (native("olap", FOREVER), native("olap", "SELECT 1")),
    "timeseries": (
        lambda db, **how: db.timeseries_window(
            "series", "avg(x) AS a, quantile_cont(x, 0.5) AS m", "5 seconds", by="k", fill="linear", **how
        ),
        lambda db, **how: db.timeseries_latest("series", **how),
    ),
    "lancedb": (
        lambda db, **how: db.vector_cluster("vectors", 200, **how),
        lambda db, **how: db.vector_get("vectors", 1, **how),
    ),
    "networkx": (
        lambda db, **how: db.graph_centrality("graph", "betweenness", **how),
        lambda db, **how: db.graph_neighbors("graph", 1, **how),
    ),
    "cypher": (
        lambda db, **how: db.graph_query(
            "graph", "MATCH (a)-[]->(b)-[]->(c)-[]->(d)-[]->(a) RETURN count(*) AS n", **how
        ),
        lambda db, **how: db.graph_neighbors("graph", 1, **how),
    ),
    "tinydb": (
        lambda db, **how: db.document_find("people", _MANY, **how),
        lambda db, **how: db.document_get("people", 1, **how),
    ),
    "document+sqlite": (
        lambda db, **how: db.document_find("persons", _MANY, **how),
        lambda db, **how: db.document_get("persons", 1, **how),
    ),
    "residual": (
        lambda db, **how: db.sql("SELECT count(*) FROM range(100000) a, range(100000) b, range(99) c", **how),
        lambda db, **how: db.sql("SELECT 1", **how),
    ),
}


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, polyroute.DatabaseCoordinator]]:
    folder = tmp_path_factory.mktemp("large")
    with polyroute.connect(addresses(folder)) as db:
        fill(db)
        yield folder, db


def fill(db: polyroute.DatabaseCoordinator) -> None:
    rng = np.random.default_rng(0)
    documents = [{"_id": n, "text": "a" * 60 + str(n)} for n in range(30_000)]
    for name, engine in (("people", "docs"), ("persons", "json")):
        db.load(name, documents, engine=engine, show_progress=False)
    vectors = pa.FixedSizeListArray.from_arrays(rng.standard_normal(40_000 * 64).astype(np.float32), 64)
    table = pa.table({"id": range(40_000), "v": vectors})
    db.load("vectors", table, engine="vec", key="id", vector="v", show_progress=False)
    ends = rng.integers(0, 4000, (40_000, 2))
    edges = pa.table({"src": ends[:, 0], "dst": ends[:, 1]})
    db.load("graph", edges, engine="graph", source="src", target="dst", show_progress=False)
    minutes = np.datetime64("2000-01-01", "us") + np.arange(30_000) * np.timedelta64(60_000_000, "us")
    series = pa.table({"at": minutes, "k": [str(n % 50) for n in range(30_000)], "x": rng.random(30_000)})
    db.load("series", series, engine="ts", time="at", show_progress=False)


@pytest.mark.parametrize("work", SLOW)
def test_slow_work_stops_at_its_deadline(large: tuple[Path, polyroute.DatabaseCoordinator], work: str) -> None:
    _, db = large
    slow, quick = SLOW[work]
    quick(db)
    started = time.monotonic()
    with pytest.raises(TimeoutError) as caught:
        slow(db, timeout_s=0.2)
    assert time.monotonic() - started < 2.0
    assert isinstance(caught.value, PolyrouteError)
    assert caught.value.code == "QUERY_TIMEOUT"
    assert "timeout_s=0.2" in str(caught.value)
    assert len(quick(db, timeout_s=5)) >= 1
    assert_no_worker_is_left()


@pytest.mark.parametrize("work", SLOW)
def test_cancelling_a_coroutine_stops_the_work(large: tuple[Path, polyroute.DatabaseCoordinator], work: str) -> None:
    folder, _ = large
    slow, quick = SLOW[work]

    async def main() -> float:
        # one thread: what comes after the cancelled call waits until that has really stopped
        async with await polyroute.connect_async(addresses(folder), max_threads=1) as db:
            await quick(db)
            task = asyncio.ensure_future(slow(db))
            await asyncio.sleep(0.2)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            started = time.monotonic()
            assert len(await asyncio.wait_for(quick(db), 10)) >= 1
            return time.monotonic() - started

    assert asyncio.run(main()) < 2.0


def assert_no_worker_is_left() -> None:
    """Hold that what was given up ends soon, also in an engine that only stops at its next look."""
    until = time.monotonic() + 5
    while any(t.name == "polyroute-worker" for t in threading.enumerate()):
        assert time.monotonic() < until, "a worker goes on with work that nobody waits for"
        time.sleep(0.01)


CHILD = """
import os, signal, sys, threading, time
import polyroute
from polyroute import Routing
how = {"dialect": "native", "routing": Routing(engine="e")}
with polyroute.connect({"e": sys.argv[1]}) as db:
    threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    started = time.monotonic()
    try:
        db.relational_query(sys.argv[2], **how)
    except KeyboardInterrupt:
        print("stopped", time.monotonic() - started < 3, db.relational_query("SELECT 1", **how).scalar())
"""


def test_ctrl_c_stops_a_slow_sqlite_query() -> None:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(CHILD), "sqlite://", FOREVER],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.stdout.split() == ["stopped", "True", "1"], done.stderr

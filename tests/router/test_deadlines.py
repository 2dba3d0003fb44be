"""A query past its time limit stops soon, and the connection is usable afterwards."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

import polyroute
from polyroute import PolyrouteError, Routing
from polyroute.engines import open_engine
from polyroute.engines.faults import FaultyEngine

FOREVER = "WITH RECURSIVE r(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM r) SELECT count(*) AS n FROM r"


@pytest.mark.parametrize("url", ["sqlite:///{}/a.db", "duckdb:///{}/a.duckdb"])
def test_a_slow_native_query_is_stopped(tmp_path: Path, url: str) -> None:
    with polyroute.connect({"e": url.format(tmp_path)}) as db:
        started = time.monotonic()
        with pytest.raises(TimeoutError) as caught:
            db.relational_query(FOREVER, dialect="native", routing=Routing(engine="e"), timeout_s=0.2)
        assert time.monotonic() - started < 2.0
        assert isinstance(caught.value, PolyrouteError)
        assert caught.value.code == "QUERY_TIMEOUT"
        assert "timeout_s=0.2" in str(caught.value)
        assert db.relational_query("SELECT 1 AS one", dialect="native", routing=Routing(engine="e")).scalar() == 1


def test_a_slow_residual_is_stopped() -> None:
    with polyroute.connect() as db:
        with pytest.raises(TimeoutError):
            db.sql("SELECT count(*) FROM range(100000) a, range(100000) b, range(100000) c", timeout_s=0.2)
        assert db.sql("SELECT 1").scalar() == 1


def test_an_engine_that_cannot_be_stopped_runs_on_a_worker(tmp_path: Path) -> None:
    slow = FaultyEngine(open_engine(f"tinydb:///{tmp_path}/a.json"), latency_s=30.0)
    with polyroute.connect() as db:
        db.register_engine(slow, "docs")
        slow.latency_s = 0.0
        db.load("people", [{"_id": "a"}], engine="docs")
        slow.latency_s = 30.0
        started = time.monotonic()
        with pytest.raises(TimeoutError):
            db.document_count("people", timeout_s=0.1)
        assert time.monotonic() - started < 2.0
        slow.latency_s = 0.0
        assert db.document_count("people").scalar() == 1


def test_cancelling_a_coroutine_stops_the_engine(tmp_path: Path) -> None:
    async def main() -> None:
        async with await polyroute.connect_async({"olap": f"duckdb:///{tmp_path}/a.duckdb"}, max_threads=1) as db:
            task = asyncio.ensure_future(
                db.relational_query(FOREVER, dialect="native", routing=Routing(engine="olap"))  # type: ignore[arg-type]
            )
            await asyncio.sleep(0.1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            # the only thread of the pool is free again, so the engine's work has really stopped
            assert (await asyncio.wait_for(db.sql("SELECT 1"), 5)).scalar() == 1

    asyncio.run(main())

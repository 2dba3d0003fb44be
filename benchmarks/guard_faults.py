"""The guard with faults, live: reads of two placements, writes whose replies are lost, reads with a slow tail."""

from __future__ import annotations

import importlib.util
import random
import sqlite3
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.table import Table
from polyroute import DatabaseCoordinator, PolyrouteError
from polyroute.engines import UNBOUNDED, open_engine
from polyroute.engines.binding import bind
from polyroute.engines.call import Call
from polyroute.engines.faults import FaultyEngine
from polyroute.operations import RelationalGet
from polyroute.optimizer.cache import CacheSettings
from polyroute.router.guard import Guard
from tests.router.guard.simulation import FAULTS, Written, writes

READS = 5_000
WRITES = 10_000
PEER_WRITES = 2_000
HEDGED = 2_000
_ROWS: list[dict[str, object]] = [{"id": i, "name": f"n{i}"} for i in range(100)]


def _two_placements(folder: Path) -> tuple[DatabaseCoordinator, FaultyEngine, FaultyEngine]:
    db = DatabaseCoordinator(cache=CacheSettings(enabled=False))
    first = FaultyEngine(open_engine(f"sqlite:///{folder}/first.db"), seed=1, codes=FAULTS)
    second = FaultyEngine(open_engine(f"duckdb:///{folder}/second.duckdb"), seed=2, codes=FAULTS)
    db.register_engine(first, "first")
    db.register_engine(second, "second")
    db.load("things", _ROWS, engine=("first", "second"), key="id", mode="replace", show_progress=False)
    return db, first, second


def live_reads(folder: Path) -> Table:
    """Read two live placements, SQLite and DuckDB, with faults in both and with either down."""
    rows = []
    for what, rates, goal in (
        ("5 % faults in both", (0.05, 0.05), ">= 99.98 %"),
        ("SQLite down", (1.0, 0.0), ">= 99.9 %"),
        ("DuckDB down", (0.0, 1.0), ">= 99.9 %"),
        ("both down", (1.0, 1.0), ""),
    ):
        db, first, second = _two_placements(folder)
        with db:
            first.error_rate, second.error_rate = rates
            before = first.calls + second.calls
            answered = sum(_right(db, i % 100) for i in range(READS))
            calls = first.calls + second.calls - before
        rows.append((what, f"{answered / READS:.3%}", goal, f"{calls / READS:.4f}"))
    note = f"{READS:,} point reads a row through `db.relational_get`, the cache off."
    return Table("Guard, live with two placements", note, ("situation", "answered", "goal", "calls per request"), rows)


def _right(db: DatabaseCoordinator, key: int) -> bool:
    try:
        return db.relational_get("things", key).fetchall() == [(key, f"n{key}")]
    except PolyrouteError:
        return False


def duplicate_writes(folder: Path) -> Table:
    """Write with one reply in ten lost: through the guard under idempotency keys, and through the peers."""
    found = writes(WRITES, folder)
    rows = [_row("polyroute, a key per write", WRITES, found)]
    for name, retried in _peers().items():
        rows.append(_row(name, PEER_WRITES, _plain_writes(retried, folder / f"{name}.db")))
    note = "INSERTs into SQLite, one reply in ten lost after the commit. Goal: no duplicate and no loss in 10,000."
    columns = ("contender", "writes", "replies lost", "asked again by the caller", "missing", "duplicates")
    return Table("Guard, lost replies", note, columns, rows)


def _row(name: str, count: int, found: Written) -> tuple[object, ...]:
    return name, f"{count:,}", f"{found.replies_lost:,}", found.asked_again, found.lost, found.duplicates


def _peers() -> dict[str, Callable[[Callable[[], None]], object]]:
    found: dict[str, Callable[[Callable[[], None]], object]] = {}
    if importlib.util.find_spec("tenacity") is not None:
        import tenacity

        found["tenacity"] = lambda work: tenacity.retry(stop=tenacity.stop_after_attempt(4))(work)()
    if importlib.util.find_spec("stamina") is not None:
        import stamina

        stamina.instrumentation.set_on_retry_hooks(())
        quick = stamina.retry(on=ConnectionError, attempts=4, wait_initial=0.0, wait_max=0.0, wait_jitter=0.0)
        found["stamina"] = lambda work: quick(work)()
    return found


def _plain_writes(retried: Callable[[Callable[[], None]], object], path: Path) -> Written:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("CREATE TABLE log (entry INTEGER)")
    rng, lost = random.Random(5), 0

    def write(entry: int) -> None:
        nonlocal lost
        connection.execute("INSERT INTO log VALUES (?)", (entry,))
        if rng.random() < 0.1:
            lost += 1
            raise ConnectionError("the reply was lost")

    asked_again = 0
    for i in range(PEER_WRITES):
        try:
            retried(lambda i=i: write(i))  # type: ignore[misc]
        except Exception:
            asked_again += 1
            connection.execute("INSERT INTO log VALUES (?)", (i,))
    entries = [row[0] for row in connection.execute("SELECT entry FROM log")]
    connection.close()
    distinct = len(set(entries))
    return Written(PEER_WRITES, PEER_WRITES - distinct, len(entries) - distinct, lost, asked_again)


class _SlowNowAndThen(FaultyEngine):
    """An engine that needs 50 ms for three calls in a hundred."""

    def _before(self, call: Call) -> None:
        self.latency_s = 0.05 if self._chance(0.03) else 0.0
        super()._before(call)


def hedged_reads(folder: Path) -> Table:
    """Read a placement with a slow tail, alone and hedged by a second."""
    db, first, second = _two_placements(folder)
    with db:
        slow = _SlowNowAndThen(first.engine, seed=3)
        slow.id = "slow"
        entry = db.datasets["things"]
        held = list(entry.placements)
        held[0].engine = slow
        op = bind(entry.dataset, RelationalGet("things", 7))
        guard = Guard()
        alone = _timed(lambda: guard.run(held, op, UNBOUNDED, write=False))
        calls = slow.calls + second.calls
        hedged = _timed(lambda: guard.run_hedged(held, op, UNBOUNDED))
        extra = (slow.calls + second.calls - calls) / HEDGED - 1.0
    rows = [
        ("first placement alone", *_percentiles(alone), ""),
        ("hedged after its 95th percentile", *_percentiles(hedged), f"{extra:.1%}"),
    ]
    note = (
        f"{HEDGED:,} point reads; the first placement needs 50 ms for 3 % of them. Engines that can be "
        "stopped are hedged from the caller's own thread, so a thread is paid for only when the first is late. Goal: "
        "<= 5 % more calls."
    )
    return Table("Guard, hedged reads", note, ("reads", "p50 ms", "p99 ms", "more calls"), rows)


def _timed(read: Callable[[], object]) -> list[float]:
    times = []
    for _ in range(HEDGED):
        started = time.perf_counter()
        read()
        times.append((time.perf_counter() - started) * 1e3)
    return times


def _percentiles(times: list[float]) -> tuple[str, str]:
    return f"{statistics.median(times):.2f}", f"{statistics.quantiles(times, n=100)[98]:.2f}"

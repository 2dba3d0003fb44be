"""The guard: what it costs when nothing fails, and what it saves when something does, beside its peers in Python.

tenacity, stamina and pybreaker are wanted only here; where one is not installed its rows are left out and a line says
so.
"""

from __future__ import annotations

import importlib.util
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.guard_faults import duplicate_writes, hedged_reads, live_reads
from benchmarks.table import Table, interleaved
from polyroute.engines import UNBOUNDED, open_engine
from polyroute.engines.binding import bind
from polyroute.engines.execution import run as run_engine
from polyroute.engines.loading.loader import Definition, load
from polyroute.engines.loading.sources import from_documents
from polyroute.errors import BudgetConfig
from polyroute.monitoring import Timings
from polyroute.operations import RelationalGet
from polyroute.router.catalog import Placement
from polyroute.router.guard import Guard
from tests.router.guard.simulation import NEVER_OPEN, placements

PEERS = ("tenacity", "stamina", "pybreaker")
READS = 50_000


def run() -> list[Table]:
    """Measure the success path, then availability, amplification, duplicates and hedges."""
    with tempfile.TemporaryDirectory() as folder:
        return [
            _success_path(Path(folder)),
            _simulated(),
            live_reads(Path(folder)),
            duplicate_writes(Path(folder)),
            hedged_reads(Path(folder)),
        ]


def _success_path(folder: Path) -> Table:
    engine = open_engine(f"sqlite:///{folder}/points.db")
    engine.id = "rel"
    rows: list[dict[str, object]] = [{"id": i, "name": f"name {i}"} for i in range(1000)]
    definition = Definition(("id",), {}, None)
    load([engine], "points", from_documents(rows), mode="create", definition=definition, show_progress=False)
    op = bind(engine.dataset("points"), RelationalGet("points", 7))
    guard, held = Guard(), [Placement(engine, engine.dataset("points"))]

    def read() -> object:
        return run_engine(engine, op, UNBOUNDED)

    timings = Timings()
    contenders: dict[str, Callable[[int], object]] = {
        "the bare call": lambda _: read(),
        "guard": lambda _: guard.run(held, op, UNBOUNDED, write=False),
        **_peers(read),
    }
    times = interleaved(contenders, count=5_000, rounds=7)
    alone = interleaved({"nothing": lambda _: None, "noting": lambda _: timings.observe(1.0, 1e-3)}, count=50_000)
    engine.close()
    base = times["the bare call"]
    both = times.get("tenacity + pybreaker")
    table = [(n, f"{t * 1e6:.2f}", f"{(t - base) * 1e6:.2f}", _share(t, base, both)) for n, t in times.items()]
    table.append(("one observation of the metrics", "", f"{(alone['noting'] - alone['nothing']) * 1e6:.2f}", ""))
    note = (
        "A point read of SQLite through the engine floor, wrapped by each; p50 in us. Goals: the guard adds <= 2 us "
        f"and at most a fifth of tenacity + pybreaker; an observation costs <= 1 us.{_absent()}"
    )
    return Table("Guard, success path", note, ("contender", "p50 us", "added us", "of tenacity + pybreaker"), table)


def _share(seconds: float, base: float, both: float | None) -> str:
    return "" if both is None or seconds == base else f"{(seconds - base) / (both - base):.2f}"


def _absent() -> str:
    absent = [name for name in PEERS if importlib.util.find_spec(name) is None]
    return f" Not installed, and left out: {', '.join(absent)}." if absent else ""


def _peers(read: Callable[[], object]) -> dict[str, Callable[[int], object]]:
    found: dict[str, Callable[[int], object]] = {}
    has = {name: importlib.util.find_spec(name) is not None for name in PEERS}
    if has["tenacity"]:
        import tenacity

        retried = tenacity.retry(stop=tenacity.stop_after_attempt(4), wait=tenacity.wait_random_exponential())(read)
        found["tenacity"] = lambda _: retried()
    if has["stamina"]:
        import stamina

        stamped = stamina.retry(on=Exception, attempts=4)(read)
        found["stamina"] = lambda _: stamped()
    if has["pybreaker"]:
        import pybreaker

        breaker = pybreaker.CircuitBreaker()
        found["pybreaker"] = lambda _: breaker.call(read)
        if has["tenacity"]:
            found["tenacity + pybreaker"] = lambda _: retried_breaker()
            retried_breaker = tenacity.retry(
                stop=tenacity.stop_after_attempt(4), wait=tenacity.wait_random_exponential()
            )(lambda: breaker.call(read))
    return found


def _simulated() -> Table:
    budget = BudgetConfig()
    rows = []
    for what, rates, goal in (
        ("5 % faults, one engine", (0.05,), ">= 99.98 %"),
        ("5 % faults, two placements", (0.05, 0.05), ">= 99.98 %"),
        ("one of two placements down", (1.0, 0.0), ">= 99.9 %"),
        ("one down, 5 % faults in the other", (1.0, 0.05), ">= 99.9 %"),
        ("total outage of one engine", (1.0,), ""),
        ("total outage of two placements", (1.0, 1.0), ""),
    ):
        with placements(*rates) as held:
            found = held.reads(READS)
        rows.append((what, f"{found.availability:.3%}", goal, f"{found.amplification:.4f}"))
    for what, rates in (("total outage, breakers off", (1.0,)), ("40 % faults in both, breakers off", (0.4, 0.4))):
        with placements(*rates) as held:
            found = held.reads(READS, breaker=NEVER_OPEN)
            floor = (budget.floor + budget.floor_per_s * held.now) * len(rates) / READS
        rows.append((what, f"{found.availability:.3%}", "", f"{found.amplification:.4f} (floor {floor:.4f})"))
    note = (
        f"{READS:,} reads a row, the faults by a seed, the clock moved by a millisecond a read. Calls per request: "
        "goal <= 1.10 + floor, in a total outage too."
    )
    return Table("Guard, simulated faults", note, ("situation", "answered", "goal", "calls per request"), rows)

"""The eight developer questions: polyroute beside code written by hand for each of them, and beside pandas over whole
tables. All three must give the expected answers before anything is measured; needs the shared data.
"""

from __future__ import annotations

import gc
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import polyroute
from benchmarks.by_hand import BY_HAND, PANDAS, Stores, add_indexes, open_stores
from benchmarks.table import Table
from tests.questions import air_travel
from tests.questions.test_developer_questions import check

Ask = Callable[[], Sequence[Sequence[object]]]

ROUNDS = 40
PANDAS_ROUNDS = 15
# each question is left out where it comes first, so that every one is asked cold fifteen times at least
COLD_ROUNDS = 18
MOST_RATIO = 1.3
MOST_ADDED_MS = 4.0
LEAST_TIMES_PANDAS = 5.0


@dataclass(frozen=True, slots=True)
class Times:
    """Median milliseconds of one question, and the rows that polyroute moved for it."""

    by_hand_ms: float
    warm_ms: float
    cold_ms: float
    pandas_ms: float
    rows_moved: int

    @property
    def reached(self) -> bool:
        """Whether the question costs no more than its goal."""
        return self.warm_ms <= max(MOST_RATIO * self.by_hand_ms, self.by_hand_ms + MOST_ADDED_MS)


def run() -> list[Table]:
    """Measure each question; nothing where the data is absent."""
    if not air_travel.DATA.is_dir():
        return [Table("Developer questions", "skipped: the shared data is not here", ("question",), [])]
    with tempfile.TemporaryDirectory() as folder:
        ours, by_hand = _files(Path(folder))
        cold = _cold(ours)
        asked = polyroute.connect(air_travel.engines(ours), cache=False)
        with asked as db, open_stores(by_hand) as stores, _frozen():
            times = {name: _measured(db, stores, name, cold[name]) for name in air_travel.QUESTIONS}
    return [_table(times)]


def _files(folder: Path) -> tuple[Path, Path]:
    """Load everything through polyroute, index it, and return the folder and a copy for the code by hand."""
    ours, by_hand = folder / "ours", folder / "by_hand"
    ours.mkdir()
    with polyroute.connect(air_travel.engines(ours)) as db:
        air_travel.load(db)
    add_indexes(ours)
    shutil.copytree(ours, by_hand)
    return ours, by_hand


def _cold(folder: Path) -> Mapping[str, float]:
    """Return the median milliseconds of each question the first time that a connection is asked it.

    The connection has answered other questions before, so that its files are open.
    """
    times: dict[str, list[float]] = {name: [] for name in air_travel.QUESTIONS}
    for start in range(COLD_ROUNDS):
        order = [air_travel.QUESTIONS[(start + i) % len(times)] for i in range(len(times))]
        with polyroute.connect(air_travel.engines(folder), cache=False) as db:
            for name in order:
                sql, params = air_travel.question(name)
                taken = _ms(lambda: db.sql(sql, params).fetchall())  # noqa: B023
                if name != order[0]:
                    times[name].append(taken)
    return {name: statistics.median(taken) for name, taken in times.items()}


def _measured(db: polyroute.DatabaseCoordinator, stores: Stores, name: str, cold_ms: float) -> Times:
    sql, params = air_travel.question(name)
    q = params.get("q")
    by_hand: Ask = lambda: BY_HAND[name](stores, q)  # noqa: E731
    ours: Ask = lambda: db.sql(sql, params).fetchall()  # noqa: E731
    pandas: Ask = lambda: PANDAS[name](stores, q)  # noqa: E731
    for ask in (by_hand, ours, pandas):
        check(name, air_travel.answer(name)["columns"], ask())
    plan = db.sql(sql, params).plan
    assert plan is not None
    by_hand_ms, warm_ms = _in_turns(by_hand, ours)
    pandas_ms = statistics.median(_ms(pandas) for _ in range(PANDAS_ROUNDS))
    return Times(by_hand_ms, warm_ms, cold_ms, pandas_ms, plan.rows_moved)


def _in_turns(one: Ask, other: Ask) -> tuple[float, float]:
    """Return the median milliseconds of both; each goes first in every other round."""
    times: dict[Ask, list[float]] = {one: [], other: []}
    for i in range(ROUNDS):
        for ask in (one, other) if i % 2 else (other, one):
            times[ask].append(_ms(ask))
    return statistics.median(times[one]), statistics.median(times[other])


def _table(times: Mapping[str, Times]) -> Table:
    rows = [
        (
            name,
            f"{t.by_hand_ms:.2f}",
            f"{t.warm_ms:.2f}",
            f"{t.warm_ms / t.by_hand_ms:.2f}x",
            f"{t.warm_ms - t.by_hand_ms:+.2f}",
            "yes" if t.reached else "no",
            f"{t.cold_ms:.2f}",
            f"{t.pandas_ms:.1f}",
            f"{t.rows_moved:,}",
        )
        for name, t in times.items()
    ]
    by_hand, warm, cold, pandas = (
        sum(getattr(t, part) for t in times.values()) for part in ("by_hand_ms", "warm_ms", "cold_ms", "pandas_ms")
    )
    reached = pandas >= LEAST_TIMES_PANDAS * warm
    rows.append(
        (
            "all",
            f"{by_hand:.1f}",
            f"{warm:.1f}",
            f"{warm / by_hand:.2f}x",
            f"{warm - by_hand:+.1f}",
            "yes" if reached else "no",
            f"{cold:.1f}",
            f"{pandas:.0f}",
            f"{sum(t.rows_moved for t in times.values()):,}",
        )
    )
    note = (
        "Medians in one run, by hand and polyroute in turns; the answers of all are checked first. By hand: each "
        "engine's own library on copies of the same files, open and warm, documents and graphs in memory as polyroute "
        "has them, the same indexes. Polyroute: plans remembered, answers not. Pandas: each table that a question "
        "names fetched whole, joined there. Cold: the first time that a connection which has answered other questions "
        "is asked this one. "
        f"Goal: each at most {MOST_RATIO}x of by hand or {MOST_ADDED_MS:.0f} ms more: reached by "
        f"{sum(t.reached for t in times.values())} of {len(times)}. Goal: all together {LEAST_TIMES_PANDAS:.0f} times "
        f"as fast as pandas: {pandas / warm:.1f} times."
    )
    columns = (
        "question",
        "by hand ms",
        "polyroute ms",
        "ratio",
        "added ms",
        "goal reached",
        "cold ms",
        "pandas ms",
        "rows moved",
    )
    return Table("Developer questions", note, columns, rows)


def _ms(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) * 1e3


@contextmanager
def _frozen() -> Iterator[None]:
    """Keep what is loaded out of garbage collection: neither contender shall pay for the other's documents."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()

"""Simulated faults by a seed and a clock that moves a millisecond per request; what tests and benchmarks share."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from polyroute import DatabaseCoordinator, PolyrouteError, Requirements
from polyroute.engines import open_engine
from polyroute.engines.binding import bind
from polyroute.engines.call import UNBOUNDED
from polyroute.engines.faults import FaultyEngine
from polyroute.engines.loading.loader import Definition, load
from polyroute.engines.loading.sources import from_documents
from polyroute.errors import BreakerConfig, BudgetConfig, DatabaseErrorCode, Outcome
from polyroute.operations import RelationalGet
from polyroute.optimizer.cache import CacheSettings
from polyroute.router.catalog import Placement
from polyroute.router.guard import Guard

STEP_S = 0.001
FAULTS = (
    DatabaseErrorCode.ENGINE_UNAVAILABLE,
    DatabaseErrorCode.ENGINE_CONNECTION_FAILED,
    DatabaseErrorCode.ENGINE_OVERLOADED,
    DatabaseErrorCode.ENGINE_TIMEOUT,
)
NEVER_OPEN = BreakerConfig(window=1_000_000, minimum_calls=1_000_000)
_ROWS: list[dict[str, object]] = [{"id": i, "name": f"n{i}"} for i in range(100)]


@dataclass(frozen=True, slots=True)
class Figures:
    """What came of a number of requests: answers that were right, and the calls that engines met."""

    requests: int
    answered: int
    calls: int

    @property
    def availability(self) -> float:
        return self.answered / self.requests

    @property
    def amplification(self) -> float:
        return self.calls / self.requests


@dataclass
class Placements:
    """Placements of the same rows, and the clock of the guard that reads them."""

    engines: list[FaultyEngine]
    placements: list[Placement]
    now: float = 0.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def reads(self, count: int, *, breaker: BreakerConfig | None = None, budget: BudgetConfig | None = None) -> Figures:
        """Read that often and count."""
        guard = Guard(
            breaker=breaker or BreakerConfig(),
            budget=budget or BudgetConfig(),
            clock=lambda: self.now,
            sleep=self.sleep,
            rng=random.Random(11),
        )
        answered = 0
        for i in range(count):
            op = bind(self.placements[0].dataset, RelationalGet("things", i % 100))
            try:
                found = guard.run(self.placements, op, UNBOUNDED, write=False)
            except PolyrouteError:
                pass
            else:
                answered += found.answer.rows == [(i % 100, f"n{i % 100}")]  # type: ignore[union-attr]
            self.now += STEP_S
        return Figures(count, answered, sum(engine.calls for engine in self.engines))


@contextmanager
def placements(*error_rates: float) -> Iterator[Placements]:
    """Open an engine per error rate, all with the same rows; a rate of 1 is an engine that is down."""
    engines = []
    for number, rate in enumerate(error_rates):
        engine = FaultyEngine(open_engine("sqlite://"), seed=number, codes=FAULTS)
        engine.id = f"e{number}"
        definition = Definition(("id",), {}, None)
        load([engine], "things", from_documents(_ROWS), mode="create", definition=definition, show_progress=False)
        engine.calls, engine.error_rate = 0, rate
        engines.append(engine)
    try:
        held = [Placement(e, e.dataset("things"), primary=not n) for n, e in enumerate(engines)]
        yield Placements(engines, held)
    finally:
        for engine in engines:
            engine.close()


@dataclass(frozen=True, slots=True)
class Written:
    """What came of writes whose replies were lost now and then.

    `lost` rows were acknowledged and are not there, `duplicates` are there twice; `asked_again` counts the errors, with
    an unknown outcome, after which the caller repeated a write under its key.
    """

    acknowledged: int
    lost: int
    duplicates: int
    replies_lost: int
    asked_again: int


def writes(count: int, folder: Path, *, lost_reply_rate: float = 0.1) -> Written:
    """Insert that many rows into SQLite, each under a key of its own, and look which are there how often."""
    engine = FaultyEngine(open_engine(f"sqlite:///{folder}/writes.db"), seed=5)
    with DatabaseCoordinator(cache=CacheSettings(enabled=False)) as db:
        db.register_engine(engine, "rel")
        db.load("log", [{"entry": -1, "text": ""}], engine="rel", show_progress=False)
        engine.lost_reply_rate = lost_reply_rate
        acknowledged, asked_again, calls = list[int](), 0, engine.calls
        for i in range(count):
            asked_again += _write(db, i)
            acknowledged.append(i)
        engine.lost_reply_rate = 0.0
        replies_lost = engine.calls - calls - count
        entries = [row[0] for row in db.scan("log", where="entry >= 0", columns=["entry"])]
    held = set(entries)
    lost = sum(i not in held for i in acknowledged)
    return Written(len(acknowledged), lost, len(entries) - len(held), replies_lost, asked_again)


def _write(db: DatabaseCoordinator, entry: int) -> int:
    """Insert a row until that is acknowledged, under one key; return how often the caller had to ask again."""
    asked_again = 0
    while True:
        try:
            db.sql(f"INSERT INTO log VALUES ({entry}, 'x')", requirements=Requirements(idempotency_key=f"w{entry}"))
        except PolyrouteError as exc:
            if exc.outcome is not Outcome.UNKNOWN:
                raise
            asked_again += 1
        else:
            return asked_again

"""Two real engines that hold the same rows and can be told how to fail, and a guard whose time stands still."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from polyroute.engines import Answer, Engine, open_engine
from polyroute.engines.binding import Bound, bind
from polyroute.engines.call import Call
from polyroute.engines.execution import execute
from polyroute.engines.faults import FaultyEngine
from polyroute.engines.loading.loader import Definition, load
from polyroute.engines.loading.sources import from_documents
from polyroute.errors import (
    BreakerConfig,
    BudgetConfig,
    DatabaseErrorCode,
    Outcome,
    PolyrouteError,
    RetryPolicy,
    make_error,
)
from polyroute.operations import Operation, RelationalExecute, Scan
from polyroute.query import DEFAULT_REQUIREMENTS, DEFAULT_ROUTING
from polyroute.result import QueryResult
from polyroute.router.catalog import Entry, Placement
from polyroute.router.guard import Guard, Guarded
from polyroute.router.selection import candidates

ROWS: list[dict[str, object]] = [{"id": i, "name": f"n{i}"} for i in range(3)]
READ = Scan("things", where="id = 1")
WRITE = RelationalExecute(None, "INSERT INTO things VALUES (9, 'new')")
LEFT_NOTHING = (Outcome.NOT_EXECUTED, Outcome.ROLLED_BACK)


class Told(FaultyEngine):
    """An engine that fails the next `times` calls with a code and an outcome, having done what the outcome says."""

    code = DatabaseErrorCode.ENGINE_UNAVAILABLE
    outcome = Outcome.NOT_EXECUTED
    times: float = 0

    def tell(self, code: DatabaseErrorCode, outcome: Outcome = Outcome.NOT_EXECUTED, times: float = 1) -> None:
        self.code, self.outcome, self.times = code, outcome, times

    def _read(self, read: Callable[[], Answer], call: Call) -> Answer:
        self._before(call)
        self._fail()
        return read()

    def _before(self, call: Call) -> None:
        super()._before(call)
        if self.outcome in LEFT_NOTHING:
            self._fail()

    def _lose_reply(self) -> None:
        super()._lose_reply()
        if self.outcome not in LEFT_NOTHING:
            self._fail()

    def _fail(self) -> None:
        if self.times > 0:
            self.times -= 1
            raise make_error(self.code, "told to fail", outcome=self.outcome)


@dataclass
class Time:
    """A clock that moves only when somebody sleeps on it."""

    now: float = 1000.0
    slept: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept.append(seconds)


@dataclass
class World:
    """The two engines, and the dataset that they hold."""

    primary: Told
    replica: Told

    @property
    def entry(self) -> Entry:
        dataset = self.primary.dataset("things")
        copy = Placement(self.replica, self.replica.dataset("things"), primary=False)
        return Entry("things", dataset, [Placement(self.primary, dataset), copy])

    def placements(self, op: Operation, *, replica: bool = True) -> list[Placement]:
        """The placements that the router would try, the primary first."""
        entry = self.entry
        if not replica:
            entry.placements.pop()
        if op.dataset is None:
            return entry.placements[:1]
        engines: dict[str, Engine] = {"primary": self.primary, "replica": self.replica}
        return candidates(entry, op, DEFAULT_REQUIREMENTS, DEFAULT_ROUTING, engines)

    def bound(self, op: Operation) -> Bound:
        return op if op.dataset is None else bind(self.entry.dataset, op)

    def names(self, engine: FaultyEngine) -> list[str]:
        """The names that an engine holds, its faults aside."""
        return sorted(str(row[1]) for row in QueryResult(execute(engine.engine, Scan("things"))))

    def reset(self) -> None:
        """Take back what was told and written."""
        for engine in (self.primary, self.replica):
            engine.times = engine.calls = 0
            engine.broken = False
            execute(engine.engine, RelationalExecute(None, "DELETE FROM things WHERE name = 'new'"))


def open_told(url: str, name: str) -> Told:
    engine = Told(open_engine(url))
    engine.id = name
    definition = Definition((), {}, None)
    load([engine], "things", from_documents(ROWS), mode="create", definition=definition, show_progress=False)
    return engine


def guard_of(time: Time, *, breaker: BreakerConfig = BreakerConfig(), budget: BudgetConfig = BudgetConfig()) -> Guard:
    """Return a guard on a clock that stands still, its jitter repeatable."""
    return Guard(
        breaker=breaker, budget=budget, retry=RetryPolicy(), clock=time, sleep=time.sleep, rng=random.Random(3)
    )


def outcome_of(run: Callable[[], Guarded]) -> Guarded | PolyrouteError:
    """Return what came of a guarded operation: its answer or its error."""
    try:
        return run()
    except PolyrouteError as exc:
        return exc

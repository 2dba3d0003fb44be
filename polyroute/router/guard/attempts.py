"""One guarded call of one engine, and what is kept of every engine and operation between calls.

A breaker per engine and operation keeps calls away from an engine that is ill, a limit per engine keeps it from being
crowded, and every call is noted for the figures. The success path is hot: the breaker, a place, the call, the time. The
guard above decides which engine is called, and what follows a failure.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from polyroute.engines import UNBOUNDED, Answer, Call, Engine
from polyroute.engines.binding import Bound
from polyroute.engines.contract import SchemaChanged
from polyroute.engines.execution import run
from polyroute.errors import (
    BreakerConfig,
    BreakerState,
    BudgetConfig,
    CircuitBreaker,
    ConcurrencyLimiter,
    LimiterConfig,
    PolyrouteError,
    RetryBudget,
    counts_against,
    tells_of_overload,
)
from polyroute.monitoring import Monitor
from polyroute.router.catalog import Placement
from polyroute.router.guard.ward import InFlight, Ward

_STEP_S = 0.05


class Guarded(NamedTuple):
    """What came of a guarded operation: the answer, who gave it, how many calls it took, how long the last one took,
    and whether a second placement was asked side by side.
    """

    answer: Answer
    placement: Placement
    attempts: int
    seconds: float
    hedged: bool = False


@dataclass(frozen=True, slots=True)
class Protection:
    """The settings of what stands between an engine and its callers."""

    breaker: BreakerConfig = field(default_factory=BreakerConfig)
    budget: BudgetConfig = field(default_factory=BudgetConfig)
    concurrency: LimiterConfig = field(default_factory=LimiterConfig)


class Attempts:
    """Makes calls one at a time, each under its ward."""

    def __init__(self, protection: Protection, monitor: Monitor, clock: Callable[[], float]) -> None:
        self.monitor = monitor
        self._protection = protection
        self.clock = clock
        self._wards: dict[tuple[str, str], Ward] = {}
        self._limiters: dict[str, ConcurrencyLimiter] = {}
        self._budgets: dict[str, RetryBudget] = {}
        self._lock = threading.Lock()
        self.in_flight: Mapping[str, int] = InFlight(self._limiters)

    def attempt(self, ward: Ward, op: Bound, call: Call, write: bool) -> tuple[Answer, float]:
        """Make one call and note how it went; raise `NotSent` where it is not let out."""
        limiter, breaker = ward.limiter, ward.breaker
        if not limiter.enter(0.0):
            self._await_place(ward, call)
        if not breaker.allow():
            limiter.leave()
            raise ward.left_alone()
        started = self.clock()
        try:
            answer = run(ward.engine, op, call, write=write)
        except BaseException as exc:
            self._note_failure(ward, exc, call, started)
            raise
        ended = self.clock()
        seconds = ended - started
        limiter.leave()
        breaker.record(True, seconds)
        ward.budget.deposit()
        ward.timings.observe(ended, seconds)
        return answer, seconds

    def ward(self, engine: Engine, operation: str) -> Ward:
        """Return what is kept of one operation of one engine."""
        ward = self._wards.get((engine.id, operation))
        return ward if ward is not None and ward.engine is engine else self._new_ward(engine, operation)

    def wards(self, engine: str) -> list[Ward]:
        """Return what is kept of an engine's operations, for health reports."""
        with self._lock:
            return [ward for (held, _), ward in sorted(self._wards.items()) if held == engine]

    def forget(self, engine: str) -> None:
        """Forget an engine that has left; one that comes under its id starts anew."""
        with self._lock:
            for key in [k for k in self._wards if k[0] == engine]:
                del self._wards[key]
            self._limiters.pop(engine, None)
            self._budgets.pop(engine, None)
        self.monitor.forget(engine)

    def _new_ward(self, engine: Engine, operation: str) -> Ward:
        protection = self._protection
        with self._lock:
            held = self._wards.get((engine.id, operation))
            if held is not None and held.engine is engine:
                return held
            limiter = self._limiters.get(engine.id)
            if limiter is None:
                limiter = ConcurrencyLimiter(protection.concurrency, capacity=engine.traits.concurrent)
                self._limiters[engine.id] = limiter
            budget = self._budgets.get(engine.id)
            if budget is None:
                budget = self._budgets[engine.id] = RetryBudget(protection.budget, clock=self.clock)
            breaker = CircuitBreaker(protection.breaker, clock=self.clock)
            timings = self.monitor.timings(engine.id, operation)
            made = Ward(engine, operation, breaker, timings, limiter, budget)
            self._wards[engine.id, operation] = made
            return made

    def _await_place(self, ward: Ward, call: Call) -> None:
        """Wait for a place as long as the call has time and the limit's patience lasts."""
        began = self.clock()
        left_s = self._protection.concurrency.patience_s
        # who cannot be cancelled need not look up now and then
        while not ward.limiter.enter(left_s if call is UNBOUNDED else min(left_s, _STEP_S)):
            if not ward.admits:
                raise ward.left_alone()
            left_s = self._protection.concurrency.patience_s - (self.clock() - began)
            if left_s <= 0.0 or call is UNBOUNDED:
                raise ward.crowded()
            call.check()

    def _note_failure(self, ward: Ward, exc: BaseException, call: Call, started: float) -> None:
        now = self.clock()
        seconds = now - started
        if not isinstance(exc, PolyrouteError) or call.cancelled:
            # given up by the caller, or refused as no work of this engine: that says nothing of its health
            ward.limiter.leave()
            ward.breaker.release(seconds)
            return
        if tells_of_overload(exc.code):
            ward.limiter.leave_overloaded(started, now)
        else:
            ward.limiter.leave()
        admitted = ward.admits
        ward.breaker.record(not counts_against(exc.code), seconds)
        if isinstance(exc, SchemaChanged):
            return
        self.monitor.failed(ward.engine.id, ward.operation, exc.code, seconds)
        if admitted and ward.breaker.state is BreakerState.OPEN:
            self.monitor.tell_degraded(ward.engine.id, f"{ward.engine.id} failed too often with {ward.operation}")

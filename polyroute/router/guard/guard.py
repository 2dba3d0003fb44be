"""The guard: one operation, run on the best placement that can answer, and on the next where the error's strategy
allows it.

Only the success path is hot: a look-up and one attempt. What follows a failure is `recovery`; a second placement asked
for the same answer side by side is `hedging`.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from weakref import WeakKeyDictionary

from polyroute.engines import UNBOUNDED, Call
from polyroute.engines.binding import Bound
from polyroute.engines.contract import SchemaChanged
from polyroute.errors import BreakerConfig, BudgetConfig, LimiterConfig, PolyrouteError, RetryBudget, RetryPolicy
from polyroute.monitoring import Monitor, Timings
from polyroute.router.catalog import Placement
from polyroute.router.guard.attempts import Attempts, Guarded, Protection
from polyroute.router.guard.hedging import HedgeConfig, LateHedge, Race
from polyroute.router.guard.recovery import Recovery
from polyroute.router.guard.ward import Ward

_LATELY_S = 60.0
_REMEMBERED_S = 1.0
_SHORTEST_S = 0.001


class Guard(Attempts):
    """Runs operations under breakers, limits, budgets and the retry policy; clock, sleep and randomness are injected.

    `sleep` makes the pauses between attempts; without one, a pause ends when its call is cancelled.
    """

    def __init__(
        self,
        *,
        breaker: BreakerConfig = BreakerConfig(),
        retry: RetryPolicy = RetryPolicy(),
        budget: BudgetConfig = BudgetConfig(),
        concurrency: LimiterConfig = LimiterConfig(),
        hedging: HedgeConfig = HedgeConfig(),
        monitor: Monitor | None = None,
        clock: Callable[[], float] = time.perf_counter,
        sleep: Callable[[float], object] | None = None,
        rng: random.Random | None = None,
    ) -> None:
        super().__init__(Protection(breaker, budget, concurrency), monitor or Monitor(clock=clock), clock)
        self._retry = retry
        self._hedging = hedging
        self._hedges = RetryBudget(hedging.budget, clock=clock)
        # what is usual, and until when that is good enough: adding it up costs more than a point read
        self._usual: WeakKeyDictionary[Timings, tuple[float, float]] = WeakKeyDictionary()
        self._sleep = sleep
        self._rng = rng or random.Random()  # noqa: S311 - jitter, no secret

    def run(
        self, placements: Sequence[Placement], op: Bound, call: Call, *, write: bool, idempotent: bool = False
    ) -> Guarded:
        """Run a bound operation on the first placement that answers.

        Raises the last error when none does; it carries the engine that failed, and as its outcome the worst of what
        all attempts may have left behind.
        """
        if call is not UNBOUNDED:
            call.check()
        placement = placements[0]
        try:
            answer, seconds = self.attempt(self.ward(placement.engine, op.name), op, call, write)
        except SchemaChanged:
            raise
        except PolyrouteError as exc:
            recovery = Recovery(
                self,
                self._retry,
                placements,
                op,
                call,
                write=write,
                idempotent=idempotent,
                pause=self._pause,
                rng=self._rng,
            )
            return recovery.run(exc)
        return Guarded(answer, placement, 1, seconds)

    def run_hedged(
        self,
        placements: Sequence[Placement],
        op: Bound,
        call: Call,
        *,
        delay_s: float | None = None,
        within_budget: bool = True,
    ) -> Guarded:
        """Run a read on the first placement, and side by side on the next when there is no answer after `delay_s`.

        The first answer counts and the other call is cancelled. Without a delay it is the 95th percentile of the first
        placement; 0 asks both at once. `within_budget` leaves the second call out when hedges have cost their share.
        Raises the first placement's error when neither answers.
        """
        if len(placements) < 2:
            return self.run(placements, op, call, write=False)
        if delay_s is None:
            delay_s = self._usual_s(self.ward(placements[0].engine, op.name))

        def leg(order: Sequence[Placement], own: Call) -> Guarded:
            return self.run(order, op, own, write=False)

        stoppable = all(p.engine.traits.cancellable for p in placements)
        race = LateHedge if stoppable and delay_s > 0.0 else Race
        found = race(placements, call, leg, self._hedges if within_budget else None).run(delay_s)
        self._hedges.deposit()
        return found

    def _usual_s(self, ward: Ward) -> float:
        """Return how long a call may take before it is unusual."""
        now = self.clock()
        until, usual_s = self._usual.get(ward.timings, (0.0, 0.0))
        if now < until:
            return usual_s
        seen = ward.timings.sums(now=now, window_s=_LATELY_S).answered
        known_s = seen.quantile(0.95) if seen.count >= self._hedging.known_calls else None
        usual_s = self._hedging.delay_s if known_s is None else max(known_s, _SHORTEST_S)
        self._usual[ward.timings] = now + _REMEMBERED_S, usual_s
        return usual_s

    def _pause(self, delay_s: float, call: Call) -> None:
        """Let time pass before the next attempt, less where the call is cancelled or late meanwhile."""
        if self._sleep is not None:
            self._sleep(delay_s)
        elif call is UNBOUNDED:
            time.sleep(delay_s)
        else:
            woken = threading.Event()
            # a call that is over lets nobody in; what to raise for it is not decided here
            with suppress(PolyrouteError), call.on_cancel(woken.set):
                woken.wait(delay_s)

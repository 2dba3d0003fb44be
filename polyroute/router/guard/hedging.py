"""A hedged read: a second placement is asked when the first takes long, and the first answer counts.

J. Dean and L. A. Barroso, "The Tail at Scale", CACM 56(2), 2013: a hedge sent after the 95th percentile cuts the tail
for a few per cent more load. A budget holds the hedges to that share whatever happens, and the call that lost is
cancelled through its own `Call`, so an engine that can be stopped is. Where all can, the first leg runs in the caller's
thread (`LateHedge`); where one cannot, both legs have threads of their own, and the caller leaves the loser behind
(`Race`).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue

from polyroute.engines import Call
from polyroute.engines.call import later
from polyroute.errors import BudgetConfig, PolyrouteError, RetryBudget
from polyroute.router.catalog import Placement
from polyroute.router.guard.attempts import Guarded

Leg = Callable[[Sequence[Placement], Call], Guarded]


@dataclass(frozen=True, slots=True)
class HedgeConfig:
    """Set when a read is hedged.

    `delay_s` is waited for the first placement while fewer than `known_calls` calls of it are known; from then on it is
    their 95th percentile. `budget` bounds the hedges as a retry budget does.
    """

    delay_s: float = 0.1
    known_calls: int = 20
    budget: BudgetConfig = field(
        default_factory=lambda: BudgetConfig(ratio=0.05, reserve=10.0, floor=2.0, floor_per_s=0.1)
    )

    def __post_init__(self) -> None:
        if not self.delay_s >= 0.0:
            raise ValueError("delay_s must be at least 0")
        if self.known_calls < 1:
            raise ValueError("known_calls must be at least 1")


class Race:
    """A read by two legs in threads of their own; `leg` runs it on placements in their order, under a given call."""

    def __init__(self, placements: Sequence[Placement], call: Call, leg: Leg, budget: RetryBudget | None) -> None:
        self._placements = placements
        self._call = call
        self._leg = leg
        self._budget = budget
        self._calls: list[Call] = []
        self._ended: SimpleQueue[tuple[int, Guarded | BaseException] | None] = SimpleQueue()

    def run(self, delay_s: float) -> Guarded:
        """Return the first answer; raise the first placement's error when no leg answers."""
        with self._call.on_cancel(self._stop):
            try:
                return self._decide(delay_s)
            finally:
                for call in self._calls:
                    call.cancel()

    def _decide(self, delay_s: float) -> Guarded:
        self._start(self._placements)
        try:
            ended = self._ended.get(timeout=delay_s)
        except Empty:
            if self._budget is None or self._budget.withdraw():
                self._start([*self._placements[1:], self._placements[0]])
            ended = self._ended.get()
        errors: dict[int, BaseException] = {}
        while ended is not None:
            number, outcome = ended
            if isinstance(outcome, Guarded):
                second = len(self._calls) - 1
                return outcome._replace(attempts=outcome.attempts + second, hedged=bool(second))
            errors[number] = outcome
            if len(errors) == len(self._calls):
                raise errors[0]
            ended = self._ended.get()
        raise self._call.stopped()

    def _start(self, placements: Sequence[Placement]) -> None:
        call = Call(timeout_s=self._call.time_left_s())
        number = len(self._calls)
        self._calls.append(call)
        threading.Thread(
            target=self._run_leg, args=(number, placements, call), name="polyroute-hedge", daemon=True
        ).start()

    def _run_leg(self, number: int, placements: Sequence[Placement], call: Call) -> None:
        try:
            self._ended.put((number, self._leg(placements, call)))
        except BaseException as exc:  # noqa: BLE001 - raised in the caller's thread
            self._ended.put((number, exc))

    def _stop(self) -> None:
        """Wake the caller, whose own call was cancelled or is late; its way out cancels the legs."""
        self._ended.put(None)


class LateHedge:
    """A read in the caller's own thread, which a second leg joins when it is late: a hop is paid only then.

    Every engine must be one that can be stopped, because a leg that lost holds the caller until it has ended.
    """

    def __init__(self, placements: Sequence[Placement], call: Call, leg: Leg, budget: RetryBudget | None) -> None:
        self._placements = placements
        self._call = call
        self._leg = leg
        self._budget = budget
        self._own = Call(timeout_s=call.time_left_s())
        self._second: Call | None = None
        self._decided = False
        self._ended: SimpleQueue[Guarded | BaseException | None] = SimpleQueue()

    def run(self, delay_s: float) -> Guarded:
        """Return the first answer; raise the first placement's error when no leg answers."""
        with self._call.on_cancel(self._stop):
            try:
                with later(delay_s, self._start_second):
                    found = self._leg(self._placements, self._own)
            except PolyrouteError as exc:
                found = self._answer_of_second(exc)
            finally:
                if self._second is not None:
                    self._second.cancel()
        return found if self._second is None else found._replace(attempts=found.attempts + 1, hedged=True)

    def _start_second(self) -> None:
        """Start the second leg once, where it is paid for; the watchdog comes more often than that."""
        if self._decided:
            return
        self._decided = True
        if self._budget is None or self._budget.withdraw():
            self._second = Call(timeout_s=self._call.time_left_s())
            order = [*self._placements[1:], self._placements[0]]
            threading.Thread(
                target=self._run_second, args=(order, self._second), name="polyroute-hedge", daemon=True
            ).start()

    def _run_second(self, order: Sequence[Placement], call: Call) -> None:
        try:
            self._ended.put(self._leg(order, call))
            self._own.cancel()
        except BaseException as exc:  # noqa: BLE001 - the first leg's error is raised
            self._ended.put(exc)

    def _answer_of_second(self, error: PolyrouteError) -> Guarded:
        if self._second is None:
            raise error
        found = self._ended.get()
        if isinstance(found, Guarded):
            return found
        raise error if found is not None else self._call.stopped()

    def _stop(self) -> None:
        self._own.cancel()
        self._ended.put(None)

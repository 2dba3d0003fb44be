"""An adaptive limit of concurrent calls as a state machine: additive increase, multiplicative decrease.

The guard keeps one per engine. An engine that says it is overloaded gets fewer calls at once, and one more at a time as
long as it keeps up; whoever finds no place waits for one. The rule is that of TCP's congestion avoidance (D. Chiu and
R. Jain, "Analysis of the Increase and Decrease Algorithms", 1989), and of Netflix's AIMDLimit. Latency is not the
signal, as it is in gradient limiters: a database answers point reads and scans side by side, and their mix would be
taken for load.

Entering and leaving cost one atomic operation each and take no lock while there is room.
"""

from __future__ import annotations

import math
import threading
from collections import deque
from dataclasses import dataclass

from polyroute.errors.codes import DatabaseErrorCode

__all__ = ["ConcurrencyLimiter", "LimiterConfig", "tells_of_overload"]

_OVERLOAD = frozenset({
    DatabaseErrorCode.ENGINE_OVERLOADED,
    DatabaseErrorCode.ENGINE_TIMEOUT,
    DatabaseErrorCode.RESOURCE_EXHAUSTED,
})  # fmt: skip


def tells_of_overload(code: DatabaseErrorCode) -> bool:
    """Tell whether a failure asks for fewer calls at once."""
    return code in _OVERLOAD


@dataclass(frozen=True, slots=True)
class LimiterConfig:
    """Set how many calls of one engine may run at once.

    The limit starts at `initial` and stays between `minimum` and `maximum`; overload multiplies it by `decrease`.
    A call waits for its place at most `patience_s` seconds, less where its deadline comes first.
    """

    initial: int = 64
    minimum: int = 4
    maximum: int = 512
    decrease: float = 0.75
    patience_s: float = 30.0

    def __post_init__(self) -> None:
        if not 1 <= self.minimum <= self.initial <= self.maximum:
            raise ValueError("minimum, initial and maximum must rise, from 1 on")
        if not 0.0 < self.decrease < 1.0:
            raise ValueError("decrease must lie between 0 and 1")
        if not self.patience_s >= 0.0:
            raise ValueError("patience_s must be at least 0")


class ConcurrencyLimiter:
    """Give out places for calls, as many at once as the engine is known to bear.

    `capacity` is what the engine itself bears, where it declares that.

    >>> limiter = ConcurrencyLimiter(LimiterConfig(initial=4, minimum=1), capacity=2)
    >>> limiter.enter(), limiter.enter(), limiter.enter(wait_s=0.0), limiter.in_flight
    (True, True, False, 2)
    >>> limiter.leave()
    >>> limiter.enter(wait_s=0.0)
    True
    """

    __slots__ = ("_capped", "_config", "_decreased_at", "_floor", "_free", "_kept_up", "_limit", "_places", "_waiting")

    def __init__(self, config: LimiterConfig | None = None, *, capacity: int | None = None) -> None:
        self._config = LimiterConfig() if config is None else config
        self._capped = self._config.maximum if capacity is None else min(capacity, self._config.maximum)
        self._limit = min(self._config.initial, self._capped)
        self._floor = min(self._config.minimum, self._capped)
        # its length is the number of calls under way: appending and popping are atomic, adding to a number is not
        self._places: deque[None] = deque()
        self._free = threading.Condition()
        self._waiting = 0
        self._kept_up = 0
        self._decreased_at = -math.inf

    @property
    def limit(self) -> int:
        """The calls that may run at once now."""
        return self._limit

    @property
    def in_flight(self) -> int:
        """The calls under way."""
        return len(self._places)

    @property
    def lowered_at(self) -> float:
        """When overload lowered the limit last, by the clock of who told of it; minus infinity if it never did."""
        return self._decreased_at

    def enter(self, wait_s: float | None = None) -> bool:
        """Take a place, waiting for one at most that long (None: as long as it takes); false where there was none."""
        places = self._places
        places.append(None)
        if len(places) <= self._limit:
            return True
        places.pop()
        return self._wait(wait_s)

    def leave(self) -> None:
        """Give the place of a call back that went well, or failed without a word of overload."""
        busy = len(self._places)
        self._places.pop()
        if self._waiting:
            self._wake()
        if 2 * busy > self._limit:
            self._keep_up()

    def leave_overloaded(self, began: float, now: float) -> None:
        """Give the place of a call back whose engine was overloaded; `began` and `now` are of one clock.

        Calls that were under way when the limit was last lowered tell nothing new, so one wave of failures lowers it
        once.
        """
        with self._free:
            self._places.pop()
            if began >= self._decreased_at:
                self._limit = max(self._floor, int(self._limit * self._config.decrease))
                self._decreased_at = now
                self._kept_up = 0
            self._free.notify()

    def _keep_up(self) -> None:
        """Raise the limit by one for every limit's worth of calls that went well while half of it was in use."""
        with self._free:
            self._kept_up += 1
            if self._kept_up >= self._limit:
                self._kept_up = 0
                self._limit = min(self._capped, self._limit + 1)
                self._free.notify()

    def _wait(self, wait_s: float | None) -> bool:
        with self._free:
            self._waiting += 1
            try:
                return self._free.wait_for(self._take, wait_s)
            finally:
                self._waiting -= 1

    def _take(self) -> bool:
        self._places.append(None)
        if len(self._places) <= self._limit:
            return True
        self._places.pop()
        return False

    def _wake(self) -> None:
        with self._free:
            self._free.notify()

"""A circuit breaker as a pure state machine: closed, open, half open.

The guard keeps one per engine and operation. It asks `allow()` before a call and tells `record()` how the call went, so
the breaker never holds a lock while a call runs, needs no thread, and its clock is injected. A healthy call costs one
comparison before and one addition after.

The window counts calls, as resilience4j's COUNT_BASED window does: every call has a number, and only the numbers of
bad calls are kept, so a good one has nothing to store. Rates are judged when a bad call comes in; a good call never
trips the breaker. When a call began tells which state let it in: its start is `now - seconds`, so calls that were let
in before the breaker opened cannot pass for probes, however late they end.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from polyroute.errors.codes import POLICIES, Category, DatabaseErrorCode

__all__ = ["BreakerConfig", "BreakerSnapshot", "BreakerState", "CircuitBreaker", "counts_against"]

_TIMEOUTS = frozenset({
    DatabaseErrorCode.ENGINE_TIMEOUT,
    DatabaseErrorCode.QUERY_TIMEOUT,
    DatabaseErrorCode.TRANSACTION_TIMEOUT,
})  # fmt: skip
_AGAINST = _TIMEOUTS | {
    code for code, policy in POLICIES.items() if policy.category in (Category.ENGINE, Category.RESOURCE)
}


def counts_against(code: DatabaseErrorCode) -> bool:
    """Tell whether a failure speaks of the engine's health: engine, resource and time-out codes do.

    A refused query or a broken rule of the data shows an engine at work; it is recorded as a success.
    """
    return code in _AGAINST


class BreakerState(StrEnum):
    """Name the state of a breaker."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True)
class BreakerConfig:
    """Set when a breaker opens and how it closes again.

    It opens when, among the last `window` calls and with at least `minimum_calls` made, the share of failures reaches
    `failure_rate`, or the share of calls that took `slow_after_s` seconds or more reaches `slow_rate`. After `open_s`
    seconds at most `probes` calls at a time are let through; it closes when that many have gone well, and opens again
    at the first that has not.
    """

    window: int = 100
    minimum_calls: int = 10
    failure_rate: float = 0.5
    slow_after_s: float = 30.0
    slow_rate: float = 1.0
    open_s: float = 5.0
    probes: int = 3

    def __post_init__(self) -> None:
        if self.window < 1 or self.minimum_calls < 1 or self.probes < 1:
            raise ValueError("window, minimum_calls and probes must be at least 1")
        if self.minimum_calls > self.window:
            raise ValueError("minimum_calls must not exceed window: the breaker would never open")
        if not (0.0 < self.failure_rate <= 1.0 and 0.0 < self.slow_rate <= 1.0):
            raise ValueError("failure_rate and slow_rate must lie above 0 and not above 1")
        if not (self.slow_after_s > 0.0 and self.open_s > 0.0):
            raise ValueError("slow_after_s and open_s must be above 0")


@dataclass(frozen=True, slots=True)
class BreakerSnapshot:
    """Hold a breaker's state and figures at one moment; `calls` are those in the window."""

    state: BreakerState
    calls: int
    failures: int
    slow_calls: int
    probes_running: int
    times_opened: int
    retry_after_s: float

    @property
    def failure_rate(self) -> float:
        """Divide the failures in the window by its calls."""
        return self.failures / self.calls if self.calls else 0.0


class CircuitBreaker:
    """Stop calling an engine that fails, and let a few probes find out when it is well again.

    >>> now = 0.0
    >>> breaker = CircuitBreaker(BreakerConfig(minimum_calls=2, open_s=5.0, probes=1), clock=lambda: now)
    >>> for _ in range(2):
    ...     if breaker.allow():
    ...         breaker.record(ok=False, seconds=0.1)
    >>> breaker.allow(), breaker.retry_after_s
    (False, 5.0)
    >>> now = 5.0
    >>> breaker.allow(), breaker.allow()
    (True, False)
    >>> breaker.record(ok=True, seconds=0.1)
    >>> breaker.state.value
    'closed'
    """

    __slots__ = (
        "_calls",
        "_clock",
        "_closed",
        "_config",
        "_failures",
        "_lock",
        "_opened_at",
        "_probes_good",
        "_probes_running",
        "_slow",
        "_slow_after_s",
        "_state",
        "_stray_probes",
        "_times_opened",
        "_tripped_at",
        "_window_start",
    )

    def __init__(self, config: BreakerConfig | None = None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._config = BreakerConfig() if config is None else config
        self._clock = clock
        self._lock = threading.Lock()
        self._slow_after_s = self._config.slow_after_s
        self._state = BreakerState.CLOSED
        self._closed = True
        # Bad calls are kept as their numbers; `_window_start` is the number at which the last closing began to count.
        self._calls = 0
        self._window_start = 0
        self._failures: deque[int] = deque()
        self._slow: deque[int] = deque()
        self._tripped_at = 0.0
        self._opened_at = 0.0
        self._times_opened = 0
        self._probes_running = 0
        self._stray_probes = 0
        self._probes_good = 0

    def allow(self) -> bool:
        """Tell whether a call may go out now; whoever is told yes must `record` or `release` it."""
        return self._closed or self._admit_probe()

    def record(self, ok: bool, seconds: float) -> None:
        """Tell how a call went and how many seconds it took, counted from just after it was allowed."""
        if ok and self._closed and seconds < self._slow_after_s:
            # No lock: should two threads lose an addition, the window reaches back one call further.
            self._calls += 1
            return
        with self._lock:
            if self._state is BreakerState.CLOSED:
                self._count(ok, seconds)
            else:
                self._judge_probe(ok, seconds)

    def release(self, seconds: float = 0.0) -> None:
        """Give back a call that was allowed and abandoned without a result, `seconds` after it was allowed."""
        with self._lock:
            if self._state is not BreakerState.CLOSED:
                self._return_probe(self._clock() - seconds)

    @property
    def state(self) -> BreakerState:
        """Name the present state; an open breaker whose interval is over is half open, though nobody has probed yet."""
        if self._state is BreakerState.OPEN and self._clock() >= self._opened_at + self._config.open_s:
            return BreakerState.HALF_OPEN
        return self._state

    @property
    def retry_after_s(self) -> float:
        """Count the seconds until a probe may go out: 0 unless the breaker is open."""
        if self._state is not BreakerState.OPEN:
            return 0.0
        return max(0.0, self._opened_at + self._config.open_s - self._clock())

    def snapshot(self) -> BreakerSnapshot:
        """Take the state and figures of this moment."""
        with self._lock:
            self._forget_old()
            return BreakerSnapshot(
                state=self.state,
                calls=self._calls_in_window(),
                failures=len(self._failures),
                slow_calls=len(self._slow),
                probes_running=self._probes_running + self._stray_probes,
                times_opened=self._times_opened,
                retry_after_s=self.retry_after_s,
            )

    def _admit_probe(self) -> bool:
        with self._lock:
            if self._state is BreakerState.CLOSED:
                return True
            if self._state is BreakerState.OPEN:
                if self._clock() < self._opened_at + self._config.open_s:
                    return False
                self._half_open()
            if self._probes_running + self._stray_probes >= self._config.probes:
                return False
            if self._probes_running + self._probes_good >= self._config.probes:
                return False
            self._probes_running += 1
            return True

    def _count(self, ok: bool, seconds: float) -> None:
        """Count a bad call in the closed state, and open where that was one too many."""
        self._calls += 1
        if not ok:
            self._failures.append(self._calls)
        if seconds >= self._slow_after_s:
            self._slow.append(self._calls)
        self._forget_old()
        calls = self._calls_in_window()
        if calls < self._config.minimum_calls:
            return
        too_many_failed = len(self._failures) >= self._config.failure_rate * calls
        too_many_slow = len(self._slow) >= self._config.slow_rate * calls
        if (too_many_failed and self._failures) or (too_many_slow and self._slow):
            self._tripped_at = self._clock()
            self._open()

    def _judge_probe(self, ok: bool, seconds: float) -> None:
        """Let a probe of the present round decide; calls from before only give back what they held."""
        if not self._return_probe(self._clock() - seconds):
            return
        if not ok or seconds >= self._slow_after_s:
            self._open()
            return
        self._probes_good += 1
        if self._probes_good >= self._config.probes:
            self._close()

    def _return_probe(self, began: float) -> bool:
        """Give back the place of a probe that began then; true if it belongs to the present half-open round.

        A call of the closed state began before the breaker tripped, a probe at least an open interval after. Half an
        interval is therefore a safe border, whichever clock and whichever side of `allow` the caller measures from.
        """
        margin = self._config.open_s / 2
        if began < self._tripped_at + margin:
            return False
        if began < self._opened_at + margin:
            self._stray_probes = max(0, self._stray_probes - 1)
            return False
        if self._state is not BreakerState.HALF_OPEN or self._probes_running == 0:
            return False
        self._probes_running -= 1
        return True

    def _open(self) -> None:
        self._state = BreakerState.OPEN
        self._closed = False
        self._opened_at = self._clock()
        self._times_opened += 1
        # Probes still out keep their places until they end, so that the limit holds across rounds.
        self._stray_probes += self._probes_running
        self._probes_running = 0
        self._probes_good = 0

    def _half_open(self) -> None:
        self._state = BreakerState.HALF_OPEN
        self._probes_good = 0

    def _close(self) -> None:
        self._failures.clear()
        self._slow.clear()
        self._window_start = self._calls
        self._probes_running = 0
        self._stray_probes = 0
        self._state = BreakerState.CLOSED
        self._closed = True

    def _calls_in_window(self) -> int:
        return min(self._calls - self._window_start, self._config.window)

    def _forget_old(self) -> None:
        """Drop the bad calls that have left the window."""
        oldest = self._calls - self._config.window
        for numbers in (self._failures, self._slow):
            while numbers and numbers[0] <= oldest:
                numbers.popleft()

"""The monitor of one connection: it hands out the places where calls are noted, and tells what it sees in them.

The guard notes every call in the `Timings` of its engine and operation; everything here happens when somebody asks,
when a buffer was full, or when a background probe looks. The thresholds of signals are checked at the same occasions,
at most once per slot.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from polyroute.errors import DatabaseErrorCode, PolyrouteError
from polyroute.monitoring.failures import Failure, Failures, check_window
from polyroute.monitoring.metrics import CacheMetrics, OperationMetrics, PerformanceMetrics, figures
from polyroute.monitoring.signals import Signals, Thresholds
from polyroute.monitoring.timings import SLOT_S, Sums, Timings

__all__ = ["Monitor"]

_RECENT_S = 60.0

Lookups = Callable[[], tuple[int, int]]


class Monitor:
    """Collect timings and failures of all engines, and signal what passes a threshold.

    >>> monitor = Monitor(clock=lambda: 0.0)
    >>> monitor.timings("rel", "scan").observe(0.0, 0.002)
    >>> monitor.metrics().operations[0].calls
    1
    """

    def __init__(self, thresholds: Thresholds | None = None, *, clock: Callable[[], float] = time.perf_counter) -> None:
        self.thresholds = Thresholds() if thresholds is None else thresholds
        self.failures = Failures()
        self.signals = Signals(self.thresholds.repeat_s)
        self._clock = clock
        self._began = clock()
        self._timings: dict[tuple[str, str], Timings] = {}
        self._lookups: Lookups | None = None
        self._lookups_seen = (0, 0)
        self._next_check = -math.inf
        self._next_look: dict[tuple[str, str], float] = {}
        self._lock = threading.Lock()

    def timings(self, engine: str, operation: str, *, limited: bool = True) -> Timings:
        """Return the place where the calls of one operation of one engine are noted; `limited` are those whose latency
        has a threshold.
        """
        key = (engine, operation)
        with self._lock:
            found = self._timings.get(key)
            if found is None:
                limit_s = self.thresholds.latency_s if limited else None
                found = self._timings[key] = Timings(
                    limit_s=math.inf if limit_s is None else limit_s,
                    exceeded=lambda seconds: self._tell_exceeded(engine, operation, seconds),
                    checked=lambda: self._look_at(engine, operation),
                )
            return found

    def failed(self, engine: str, operation: str, code: DatabaseErrorCode, seconds: float) -> None:
        """Note a call that failed."""
        now = self._clock()
        self.timings(engine, operation).fail(now, seconds)
        self.failures.add(Failure(engine, operation, code), now)

    @contextmanager
    def noting(self, engine: str, operation: str) -> Iterator[None]:
        """Note what no guard stands around, such as a load: how long the block takes, or how it fails.

        How long that is depends on the data, so no threshold is meant for it.
        """
        timings, began = self.timings(engine, operation, limited=False), self._clock()
        try:
            yield
        except PolyrouteError as exc:
            self.failed(exc.engine or engine, operation, exc.code, self._clock() - began)
            raise
        ended = self._clock()
        timings.observe(ended, ended - began)

    def watch_cache(self, lookups: Lookups) -> None:
        """Take the cache into the figures: `lookups` returns its hits and misses since the start."""
        self._lookups = lookups
        self._lookups_seen = lookups()

    def metrics(self, window_s: float | None = None) -> PerformanceMetrics:
        """Return the figures of the last `window_s` seconds, or since the connection was made.

        Raises QUERY_INVALID for a window longer than a quarter of an hour.
        """
        check_window(window_s)
        self.check_when_due()
        now = self._clock()
        lived = max(now - self._began, 1e-9)
        span_s = lived if window_s is None else min(window_s, lived)
        per_engine: dict[str, Sums] = {}
        operations: list[OperationMetrics] = []
        for (engine, operation), timings in sorted(self._held().items()):
            sums = timings.sums(now=now, window_s=window_s)
            if sums.calls:
                operations.append(figures(engine, operation, sums, span_s))
                per_engine.setdefault(engine, Sums()).merge(sums)
        engines = tuple(figures(engine, None, sums, span_s) for engine, sums in per_engine.items())
        cache = None if self._lookups is None else CacheMetrics(*self._lookups())
        return PerformanceMetrics(span_s, engines, tuple(operations), cache)

    def error_statistics(self, window_s: float | None = None) -> dict[str, dict[str, int]]:
        """Return the errors by engine and code, of the last `window_s` seconds or since the connection was made."""
        return self.failures.by_engine(now=self._clock(), window_s=window_s)

    def degraded(self) -> dict[tuple[str, str], float]:
        """Return the operations that became slow, by engine, with how many times slower they are than before."""
        now = self._clock()
        factors = {key: self._slower(timings, now) for key, timings in self._held().items()}
        return {key: factor for key, factor in factors.items() if factor is not None}

    def check_when_due(self) -> None:
        """Check the thresholds, unless nobody listens or that was done less than a slot ago."""
        now = self._clock()
        with self._lock:
            if not self.signals.heard or now < self._next_check:
                return
            self._next_check = now + SLOT_S
        self.check()

    def check(self) -> None:
        """Check the thresholds now and signal what passes them."""
        now = self._clock()
        for (engine, operation), timings in self._held().items():
            self._check_latency(engine, operation, timings, now)
        self._check_cache(now)

    def tell_degraded(self, engine: str, what: str) -> None:
        """Signal that an engine is degraded, for a reason that timings do not show."""
        self.signals.tell(
            DatabaseErrorCode.PERFORMANCE_DEGRADED, what, engine=engine, about=(engine, what), at=self._clock()
        )

    def forget(self, engine: str) -> None:
        """Forget the timings of an engine that has left; its errors stay counted."""
        with self._lock:
            for key in [k for k in self._timings if k[0] == engine]:
                del self._timings[key]

    def _held(self) -> dict[tuple[str, str], Timings]:
        with self._lock:
            return dict(self._timings)

    def _look_at(self, engine: str, operation: str) -> None:
        """Check one operation whose buffer was full: a query pays for it, so it is one at a time."""
        now, key = self._clock(), (engine, operation)
        if not self.signals.heard or now < self._next_look.get(key, -math.inf):
            return
        self._next_look[key] = now + SLOT_S
        self._check_latency(engine, operation, self.timings(engine, operation), now)
        self._check_cache(now)

    def _check_latency(self, engine: str, operation: str, timings: Timings, now: float) -> None:
        factor = self._slower(timings, now)
        if factor is not None:
            self.signals.tell(
                DatabaseErrorCode.PERFORMANCE_DEGRADED,
                f"{operation} on {engine} takes {factor:.1f} times as long as before (95th percentile, last minute)",
                engine=engine,
                about=(engine, operation),
                at=now,
            )

    def _slower(self, timings: Timings, now: float) -> float | None:
        """Return how many times slower the last minute was than the time before, past the threshold; else None."""
        earlier, recent = timings.split(now=now, window_s=_RECENT_S)
        if min(earlier.answered.count, recent.answered.count) < self.thresholds.degraded_calls:
            return None
        usual, present = earlier.answered.quantile(0.95), recent.answered.quantile(0.95)
        if not usual or not present or present < self.thresholds.degraded_factor * usual:
            return None
        return present / usual

    def _check_cache(self, now: float) -> None:
        if self._lookups is None:
            return
        hits, misses = self._lookups()
        new_hits, new_misses = hits - self._lookups_seen[0], misses - self._lookups_seen[1]
        if new_hits + new_misses < self.thresholds.miss_lookups:
            return
        self._lookups_seen = (hits, misses)
        rate = new_misses / (new_hits + new_misses)
        if rate >= self.thresholds.miss_rate:
            self.signals.tell(
                DatabaseErrorCode.CACHE_MISS_RATE_HIGH,
                f"the cache did not answer {rate:.0%} of the last {new_hits + new_misses} look-ups",
                engine=None,
                about="cache",
                at=now,
            )

    def _tell_exceeded(self, engine: str, operation: str, seconds: float) -> None:
        self.signals.tell(
            DatabaseErrorCode.LATENCY_THRESHOLD_EXCEEDED,
            f"{operation} on {engine} took {seconds:.3g} s; the threshold is {self.thresholds.latency_s:g} s",
            engine=engine,
            about=(engine, operation),
            at=self._clock(),
        )

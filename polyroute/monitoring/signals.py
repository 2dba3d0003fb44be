"""Performance signals: what is told to those who asked for it, and never fails a query.

A signal is a `PerformanceError` that nobody raises. The same thing is told again only after a while, and what a
callback raises is logged and goes no further.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from polyroute.errors import POLICIES, DatabaseErrorCode, PerformanceError

__all__ = ["Signals", "Thresholds"]

_LOG = logging.getLogger("polyroute.signals")


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Set from where on performance is worth a word.

    `latency_s`: a call that takes as long is told (None: none is). `degraded_factor`: an operation whose 95th
    percentile of the last minute is so many times that of the time before; both need `degraded_calls` calls.
    `miss_rate`: the share of look-ups that the cache did not answer, over at least `miss_lookups`. The same signal
    comes again after `repeat_s` seconds at the earliest.
    """

    latency_s: float | None = None
    degraded_factor: float = 3.0
    degraded_calls: int = 50
    miss_rate: float = 0.95
    miss_lookups: int = 200
    repeat_s: float = 60.0

    def __post_init__(self) -> None:
        if self.latency_s is not None and not self.latency_s > 0.0:
            raise ValueError("latency_s must be above 0")
        if not self.degraded_factor > 1.0:
            raise ValueError("degraded_factor must be above 1")
        if self.degraded_calls < 1 or self.miss_lookups < 1:
            raise ValueError("degraded_calls and miss_lookups must be at least 1")
        if not 0.0 < self.miss_rate <= 1.0:
            raise ValueError("miss_rate must lie above 0 and not above 1")
        if not self.repeat_s >= 0.0:
            raise ValueError("repeat_s must be at least 0")


class Signals:
    """Tell signals to callbacks, each kind of thing at most once in `repeat_s` seconds.

    >>> heard = []
    >>> signals = Signals(repeat_s=60.0)
    >>> stop = signals.subscribe(heard.append)
    >>> for at in (0.0, 1.0, 61.0):
    ...     signals.tell(DatabaseErrorCode.PERFORMANCE_DEGRADED, "rel is slow", engine="rel", about="rel", at=at)
    >>> len(heard), heard[0].code.value, heard[0].engine
    (2, 'PERFORMANCE_DEGRADED', 'rel')
    >>> stop()
    """

    def __init__(self, repeat_s: float) -> None:
        self._repeat_s = repeat_s
        self._callbacks: tuple[Callable[[PerformanceError], object], ...] = ()
        self._told: dict[tuple[DatabaseErrorCode, Hashable], float] = {}
        self._lock = threading.Lock()

    @property
    def heard(self) -> bool:
        """Whether anybody listens."""
        return bool(self._callbacks)

    def subscribe(self, callback: Callable[[PerformanceError], object]) -> Callable[[], None]:
        """Call back at every signal from now on; what is returned ends that."""
        with self._lock:
            self._callbacks = (*self._callbacks, callback)

        def unsubscribe() -> None:
            with self._lock:
                self._callbacks = tuple(c for c in self._callbacks if c is not callback)

        return unsubscribe

    def tell(self, code: DatabaseErrorCode, message: str, *, engine: str | None, about: Hashable, at: float) -> None:
        """Give a signal to all callbacks, unless the same was told `about` the same thing not long ago."""
        with self._lock:
            callbacks = self._callbacks
            last = self._told.get((code, about))
            if not callbacks or (last is not None and at < last + self._repeat_s):
                return
            self._told[code, about] = at
        signal = PerformanceError(code, message, engine=engine, hint=POLICIES[code].suggested_actions[0])
        for callback in callbacks:
            try:
                callback(signal)
            except Exception:  # noqa: BLE001 - a signal never fails a query
                _LOG.exception("a callback of on_signal failed at %s", code)

"""Which errors there were: by engine, operation and code, in all and in slots of ten seconds.

Counting happens where a call has failed, so it may take a lock.
"""

from __future__ import annotations

import threading
from collections import Counter
from typing import NamedTuple

from polyroute.errors import DatabaseErrorCode, invalid
from polyroute.monitoring.timings import KEPT_S, SLOT_S

__all__ = ["Failure", "Failures"]


class Failure(NamedTuple):
    """One kind of failure: which engine failed with which code in which operation."""

    engine: str
    operation: str
    code: DatabaseErrorCode


class Failures:
    """Count failures; the last quarter of an hour is kept in slots.

    >>> failures = Failures()
    >>> for second in (1.0, 2.0, 700.0):
    ...     failures.add(Failure("rel", "scan", DatabaseErrorCode.ENGINE_TIMEOUT), second)
    >>> {k: dict(v) for k, v in failures.by_engine(now=700.0).items()}
    {'rel': {'ENGINE_TIMEOUT': 3}}
    >>> failures.by_engine(now=700.0, window_s=60.0)["rel"]["ENGINE_TIMEOUT"]
    1
    """

    def __init__(self) -> None:
        self._all: Counter[Failure] = Counter()
        self._slots: dict[int, Counter[Failure]] = {}
        self._lock = threading.Lock()

    def add(self, failure: Failure, at: float) -> None:
        """Count one failure."""
        number = int(at // SLOT_S)
        with self._lock:
            self._all[failure] += 1
            self._slots.setdefault(number, Counter())[failure] += 1
            oldest = number - KEPT_S / SLOT_S
            for old in [n for n in self._slots if n < oldest]:
                del self._slots[old]

    def counts(self, *, now: float, window_s: float | None = None) -> Counter[Failure]:
        """Return the failures of the last `window_s` seconds, rounded up to whole slots, or of all time.

        Raises QUERY_INVALID for a window longer than what is kept.
        """
        check_window(window_s)
        with self._lock:
            if window_s is None:
                return self._all.copy()
            first = (now - window_s) // SLOT_S
            found: Counter[Failure] = Counter()
            for number, counts in self._slots.items():
                if number >= first:
                    found.update(counts)
            return found

    def by_engine(self, *, now: float, window_s: float | None = None) -> dict[str, dict[str, int]]:
        """Return the counts by engine and code, the operations added up."""
        found: dict[str, dict[str, int]] = {}
        for failure, count in self.counts(now=now, window_s=window_s).items():
            codes = found.setdefault(failure.engine, {})
            codes[str(failure.code)] = codes.get(str(failure.code), 0) + count
        return found


def check_window(window_s: float | None) -> None:
    """Refuse a window of time that is not kept: QUERY_INVALID."""
    if window_s is not None and not 0.0 < window_s <= KEPT_S:
        raise invalid(
            f"window_s must be more than zero and at most {KEPT_S:g} seconds", hint="leave it out for all time"
        )

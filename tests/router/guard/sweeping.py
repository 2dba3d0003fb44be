"""Fail the Nth engine call, for every N, once and for ever: SQLite's way of testing what happens when a call fails."""

from __future__ import annotations

import sys
import threading
from collections.abc import Container, Iterable

from polyroute import DatabaseCoordinator
from polyroute.engines import open_engine
from polyroute.engines.faults import FaultyEngine
from polyroute.errors import BreakerConfig, BudgetConfig, RetryPolicy
from polyroute.optimizer.cache import CacheSettings
from polyroute.router.resilience import Resilience

# pauses of no length, breakers that never open and a budget that never ends: each failure is met by itself
PATIENT = Resilience(
    breaker=BreakerConfig(window=100_000, minimum_calls=100_000),
    retry=RetryPolicy(base_s=0.0, cap_s=0.0),
    budget=BudgetConfig(floor=1e9),
)


class Nth:
    """The numbers of the calls that fail, counted over several engines together from `start` on."""

    def __init__(self) -> None:
        self._failing: Container[int] = ()
        self._lock = threading.Lock()
        self.calls = 0

    def start(self, failing: Container[int] = ()) -> None:
        with self._lock:
            self._failing, self.calls = failing, 0

    def __contains__(self, _: object) -> bool:
        with self._lock:
            self.calls += 1
            return self.calls in self._failing


def once_and_for_ever(calls: int) -> Iterable[tuple[int, bool, Container[int]]]:
    """Give for every N the numbers of the calls that fail: only the Nth, and all from the Nth on."""
    for n in range(1, calls + 1):
        yield n, False, {n}
        yield n, True, range(n, sys.maxsize)


def connect_faulty(urls: dict[str, str], nth: Nth) -> DatabaseCoordinator:
    """Connect to engines whose calls fail as told."""
    db = DatabaseCoordinator(resilience=PATIENT, cache=CacheSettings(enabled=False))
    for name, url in urls.items():
        db.register_engine(FaultyEngine(open_engine(url), fail_calls=nth), name)
    return db

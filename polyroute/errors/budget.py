"""A retry budget as a pure state machine: repetitions are paid for by calls that were answered, plus a small floor.

The guard keeps one per engine. Every answered call earns a tenth of a repetition; what is earned is kept up to a
reserve, and a floor that refills by itself lets an engine that is seldom asked be asked again. When an engine is down
nothing is earned, so an outage is met by hardly more calls than there are requests.

The form is Finagle's RetryBudget (a deposit per request, a withdrawal per retry, a minimum per second); that only
answered calls deposit is gRPC's retry throttling (proposal A6).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["BudgetConfig", "RetryBudget"]


@dataclass(frozen=True, slots=True)
class BudgetConfig:
    """Set what repetitions may cost.

    `ratio` is earned by each answered call and kept up to `reserve`; `floor` is there from the start and comes back at
    `floor_per_s` a second.
    """

    ratio: float = 0.1
    reserve: float = 100.0
    floor: float = 10.0
    floor_per_s: float = 1.0

    def __post_init__(self) -> None:
        if not 0.0 <= self.ratio <= 1.0:
            raise ValueError("ratio must lie between 0 and 1")
        if not (self.reserve >= 0.0 and self.floor >= 0.0 and self.floor_per_s >= 0.0):
            raise ValueError("reserve, floor and floor_per_s must be at least 0")


class RetryBudget:
    """Tell whether one more repetition may be made.

    >>> budget = RetryBudget(BudgetConfig(ratio=0.5, floor=1.0), clock=lambda: 0.0)
    >>> budget.withdraw(), budget.withdraw()
    (True, False)
    >>> budget.deposit(), budget.deposit()
    (None, None)
    >>> budget.withdraw(), budget.withdraw()
    (True, False)
    """

    __slots__ = ("_answered", "_clock", "_config", "_counted", "_floor", "_lock", "_looked_at", "_saved")

    def __init__(self, config: BudgetConfig | None = None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._config = BudgetConfig() if config is None else config
        self._clock = clock
        self._lock = threading.Lock()
        self._answered = 0
        self._counted = 0
        self._saved = 0.0
        self._floor = self._config.floor
        self._looked_at = clock()

    def deposit(self) -> None:
        """Note that a call was answered."""
        # No lock: should two threads lose an addition, the budget is a tenth of a repetition smaller.
        self._answered += 1

    def withdraw(self) -> bool:
        """Pay for one repetition; false where there is nothing to pay with."""
        with self._lock:
            self._collect()
            if self._saved + self._floor < 1.0:
                return False
            from_saved = min(1.0, self._saved)
            self._saved -= from_saved
            self._floor -= 1.0 - from_saved
            return True

    @property
    def left(self) -> float:
        """Count the repetitions that could be paid for now."""
        with self._lock:
            self._collect()
            return self._saved + self._floor

    def _collect(self) -> None:
        """Turn answered calls and passed time into what can be spent."""
        config, answered, now = self._config, self._answered, self._clock()
        self._saved = min(config.reserve, self._saved + config.ratio * (answered - self._counted))
        self._floor = min(config.floor, self._floor + config.floor_per_s * (now - self._looked_at))
        self._counted = answered
        self._looked_at = now

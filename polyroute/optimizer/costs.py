"""What each engine took for each class of query: a moving average per class and engine.

The router asks it for predictions and tells it every execution. It is bounded: the class that was seen first is
forgotten first.
"""

from __future__ import annotations

import threading
from collections.abc import Hashable

_WEIGHT = 0.2
_MAX_CLASSES = 10_000


class CostModel:
    """Exponentially weighted moving averages of seconds, by query class and engine.

    >>> model = CostModel()
    >>> model.observe("points", "rel", 0.010)
    >>> model.observe("points", "rel", 0.020)
    >>> round(model.predict("points", "rel"), 3), model.predict("points", "olap")
    (0.012, None)
    """

    def __init__(self) -> None:
        self._averages: dict[Hashable, dict[str, float]] = {}
        self._lock = threading.Lock()

    def observe(self, query_class: Hashable, engine: str, seconds: float) -> None:
        """Learn from one execution."""
        averages = self._averages.get(query_class)
        if averages is None:
            averages = self._new_class(query_class)
        known = averages.get(engine)
        averages[engine] = seconds if known is None else known + _WEIGHT * (seconds - known)

    def predict(self, query_class: Hashable, engine: str) -> float | None:
        """Return the seconds expected, or None when this engine was never seen with this class."""
        averages = self._averages.get(query_class)
        return None if averages is None else averages.get(engine)

    def _new_class(self, query_class: Hashable) -> dict[str, float]:
        with self._lock:
            if len(self._averages) >= _MAX_CLASSES:
                self._averages.pop(next(iter(self._averages)))
            return self._averages.setdefault(query_class, {})

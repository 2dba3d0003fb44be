"""Remember plans by the exact text of their statements, as long as the catalog is as it was when they were made."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable

from polyroute.router.federation.fragments import QueryPlan

_REMEMBERED = 512


class PlanCache:
    """The plans used last; thread-safe."""

    def __init__(self, size: int = _REMEMBERED) -> None:
        self._plans: OrderedDict[Hashable, QueryPlan] = OrderedDict()
        self._size = size
        self._lock = threading.Lock()

    def get(self, key: Hashable, epoch: int) -> QueryPlan | None:
        """Return the plan of a key, if it was made in this epoch of the catalog."""
        plan = self._plans.get(key)
        return plan if plan is not None and plan.epoch == epoch else None

    def put(self, key: Hashable, plan: QueryPlan) -> None:
        """Remember a plan, and forget the oldest when there are too many."""
        with self._lock:
            self._plans[key] = plan
            self._plans.move_to_end(key)
            while len(self._plans) > self._size:
                self._plans.popitem(last=False)

    def __len__(self) -> int:
        return len(self._plans)

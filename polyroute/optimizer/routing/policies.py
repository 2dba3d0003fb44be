"""The policies of a connection: one for every group of engines that can answer the same reads.

Which engines can answer is settled before routing (freshness, exclusions, what they offer), and engines are compared
within such a group. A policy begins with what the execution records of earlier connections teach.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence

from polyroute.optimizer.records import ExecutionRecords, Learned
from polyroute.optimizer.routing.policy import RoutingPolicy

_REPLAYED = 5_000
_LOG = logging.getLogger(__name__)


class RoutingPolicies:
    """Makes policies when they are needed, and teaches them.

    >>> policies = RoutingPolicies(ExecutionRecords())
    >>> policies.observe(Learned(("rel", "olap"), "scan flights", (("olap", 0.01, False),)))
    >>> round(policies.of(["rel", "olap"]).predict("scan flights", "olap"), 3)
    0.01
    """

    def __init__(self, records: ExecutionRecords) -> None:
        self._records = records
        self._policies: dict[tuple[str, ...], RoutingPolicy] = {}
        self._replayed = False
        self._lock = threading.Lock()

    def of(self, engines: Sequence[str]) -> RoutingPolicy:
        """Return the policy of a group of engines."""
        group = tuple(engines)
        found = self._policies.get(group)
        return found if found is not None and self._replayed else self._made(group)

    def observe(self, learned: Learned) -> None:
        """Teach the policy of a group what one read took."""
        policy = self.of(learned.engines)
        for engine, seconds, censored in learned.runs:
            policy.observe(learned.fingerprint, engine, seconds, censored)

    def _made(self, group: tuple[str, ...]) -> RoutingPolicy:
        with self._lock:
            if not self._replayed:
                self._replay()
                self._replayed = True
            return self._policies.setdefault(group, RoutingPolicy(group))

    def _replay(self) -> None:
        try:
            past = self._records.learned(_REPLAYED)
        except Exception as exc:  # noqa: BLE001 - a file that cannot be read must not fail a query
            _LOG.warning("execution records could not be read (%s): routing learns anew", type(exc).__name__)
            return
        for learned in past:
            policy = self._policies.setdefault(learned.engines, RoutingPolicy(learned.engines))
            for engine, seconds, censored in learned.runs:
                if engine in learned.engines:
                    policy.observe(learned.fingerprint, engine, seconds, censored)

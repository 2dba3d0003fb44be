"""Load balancing: in which order the placements that can answer are tried.

Four strategies, one method each. `performance_based`, the default, asks the routing policy of these engines, which
learns what each takes for this class of query; where engines are busy, the shortest expected delay decides: what one is
expected to take, times the calls it would have to share with.
"""

from __future__ import annotations

import itertools
import threading
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import NamedTuple

from polyroute.engines.binding import Bound
from polyroute.engines.contract import BoundScan, BoundSelect
from polyroute.operations import Operation
from polyroute.optimizer import RoutingPolicies, RoutingPolicy, features
from polyroute.result import Considered, Route
from polyroute.router.catalog import Placement


class Choice(NamedTuple):
    """The placements in the order in which they are to be tried, and why the first is the first.

    `limit_s` cuts the first one off (a try; the next one answers then); `race` tells that the second is worth asking
    side by side when the answer is urgent.
    """

    placements: list[Placement]
    reason: str
    limit_s: float | None = None
    race: bool = False


class Strategies:
    """Orders placements; keeps the counters that round robin needs."""

    def __init__(self, policies: RoutingPolicies, in_flight: Mapping[str, int]) -> None:
        self._policies = policies
        self._in_flight = in_flight
        self._turns: defaultdict[Hashable, Iterator[int]] = defaultdict(itertools.count)
        self._lock = threading.Lock()
        self._choose: Mapping[str, Callable[[Sequence[Placement], Operation | BoundSelect, Bound, str], Choice]] = {
            "round_robin": self._round_robin,
            "least_loaded": self._least_loaded,
            "capability_based": self._capability_based,
            "performance_based": self._performance_based,
        }

    def choose(
        self,
        strategy: str,
        placements: Sequence[Placement],
        op: Operation | BoundSelect,
        bound: Bound,
        fingerprint: str,
    ) -> Choice:
        """Return the placements in the order in which they are to be tried."""
        return self._choose[strategy](placements, op, bound, fingerprint)

    def explain(self, placements: Sequence[Placement], chosen: str, fingerprint: str | None, reason: str) -> Route:
        """Return why the order was so, in the words of a result's `route`."""
        policy = None if fingerprint is None else self._policies.of(group(placements))
        considered = []
        for placement in placements:
            seconds = None if policy is None else policy.predict(fingerprint, placement.engine.id)
            considered.append(Considered(placement.engine.id, None if seconds is None else seconds * 1e3))
        return Route(tuple(considered), chosen, reason)

    def _round_robin(
        self, placements: Sequence[Placement], op: Operation | BoundSelect, bound: Bound, fingerprint: str
    ) -> Choice:
        with self._lock:
            turn = next(self._turns[fingerprint]) % len(placements)
        return Choice([*placements[turn:], *placements[:turn]], "its turn")

    def _least_loaded(
        self, placements: Sequence[Placement], op: Operation | BoundSelect, bound: Bound, fingerprint: str
    ) -> Choice:
        return Choice(sorted(placements, key=lambda p: self._in_flight[p.engine.id]), "the fewest calls in flight")

    def _capability_based(
        self, placements: Sequence[Placement], op: Operation | BoundSelect, bound: Bound, fingerprint: str
    ) -> Choice:
        ordered = sorted(placements, key=lambda p: -_fitness(p, bound))
        return Choice(ordered, "does the most of the operation itself")

    def _performance_based(
        self, placements: Sequence[Placement], op: Operation | BoundSelect, bound: Bound, fingerprint: str
    ) -> Choice:
        policy = self._policies.of(group(placements))
        new = None if policy.knows(fingerprint) else features(op, _rows(placements[0]))
        decision = policy.choose(fingerprint, new)
        first = decision.engine

        def delay(placement: Placement) -> float:
            engine_id = placement.engine.id
            seconds = policy.predict(fingerprint, engine_id)
            return float("inf") if seconds is None else seconds * (self._in_flight[engine_id] + 1)

        if decision.limit_s is not None:
            ordered = sorted(placements, key=lambda p: (p.engine.id != first, delay(p)))
            return Choice(ordered, _trying(policy, fingerprint), decision.limit_s, decision.race is not None)
        if self._in_flight[first] and policy.predict(fingerprint, first) is not None:
            return Choice(sorted(placements, key=delay), "the shortest expected delay")
        order = (first, decision.race)
        ordered = sorted(placements, key=lambda p: (p.engine.id != order[0], p.engine.id != order[1], delay(p)))
        return Choice(ordered, _expecting(policy, fingerprint, first), None, decision.race is not None)


def group(placements: Sequence[Placement]) -> tuple[str, ...]:
    """Return the engines that can answer, as the name of their routing policy."""
    return tuple(sorted(p.engine.id for p in placements))


def _trying(policy: RoutingPolicy, fingerprint: str) -> str:
    if all(policy.predict(fingerprint, engine) is None for engine in policy.engines):
        return "a first answer to this kind of query, within a budget"
    return "a look at whether it is faster, cut off where it is not"


def _expecting(policy: RoutingPolicy, fingerprint: str, engine: str) -> str:
    known = policy.predict(fingerprint, engine) is not None
    return "the shortest expected delay" if known else "usually the fastest; this kind of query is new"


def _rows(placement: Placement) -> int | None:
    try:
        return placement.engine.statistics(placement.dataset.name).row_count
    except Exception:  # noqa: BLE001 - an engine that is ill is the guard's to find out
        return None


def _fitness(placement: Placement, op: Bound) -> int:
    """Score how much of an operation an engine does itself: its own kind of work, and what of a scan it takes down."""
    engine = placement.engine
    if isinstance(op, Operation):
        return 2 * (engine.kind == op.kind) + (op.name in engine.operations)
    if isinstance(op, BoundScan):
        pushed = engine.negotiate(op)
        return 2 * (pushed.residual is None) + pushed.order + pushed.limit
    return int(engine.traits.hosts_merges)

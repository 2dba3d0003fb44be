"""Load balancing: in which order the placements that can answer are tried.

Four strategies, one function each, over the same small view of the world. `performance_based`, the default, orders by
the time each engine took for this class of query, times the calls it is busy with (shortest expected delay); an engine
not seen with a class yet is tried once, and the second best again now and then, so that one that became faster is
noticed.
"""

from __future__ import annotations

import itertools
import threading
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence

from polyroute.engines.binding import Bound
from polyroute.engines.contract import BoundScan
from polyroute.operations import Operation
from polyroute.optimizer import CostModel
from polyroute.result import Considered, Route
from polyroute.router.catalog import Placement

_LOOK_AGAIN_EVERY = 50


class Strategies:
    """Orders placements; keeps the counters that round robin and looking again need."""

    def __init__(self, costs: CostModel, in_flight: Mapping[str, int]) -> None:
        self._costs = costs
        self._in_flight = in_flight
        self._turns: defaultdict[Hashable, Iterator[int]] = defaultdict(itertools.count)
        self._lock = threading.Lock()
        self._order: Mapping[str, Callable[[Sequence[Placement], Bound, Hashable], list[Placement]]] = {
            "round_robin": self._round_robin,
            "least_loaded": self._least_loaded,
            "capability_based": self._capability_based,
            "performance_based": self._performance_based,
        }

    def order(
        self, strategy: str, placements: Sequence[Placement], op: Bound, query_class: Hashable
    ) -> list[Placement]:
        """Return the placements in the order in which they are to be tried."""
        if len(placements) == 1:
            return list(placements)
        return self._order[strategy](placements, op, query_class)

    def explain(self, strategy: str, placements: Sequence[Placement], chosen: str, query_class: Hashable) -> Route:
        """Return why the order was so, in the words of a result's `route`."""
        considered = []
        for placement in placements:
            seconds = self._costs.predict(query_class, placement.engine.id)
            considered.append(Considered(placement.engine.id, None if seconds is None else seconds * 1e3))
        if len(placements) == 1:
            reason = "the only engine that can answer"
        elif chosen != placements[0].engine.id:
            reason = f"{placements[0].engine.id} failed"
        else:
            reason = _REASONS[strategy]
        return Route(tuple(considered), chosen, reason)

    def _round_robin(self, placements: Sequence[Placement], op: Bound, query_class: Hashable) -> list[Placement]:
        turn = self._turn(("turn", query_class)) % len(placements)
        return [*placements[turn:], *placements[:turn]]

    def _least_loaded(self, placements: Sequence[Placement], op: Bound, query_class: Hashable) -> list[Placement]:
        return sorted(placements, key=lambda p: self._in_flight[p.engine.id])

    def _capability_based(self, placements: Sequence[Placement], op: Bound, query_class: Hashable) -> list[Placement]:
        return sorted(placements, key=lambda p: -_fitness(p, op))

    def _performance_based(self, placements: Sequence[Placement], op: Bound, query_class: Hashable) -> list[Placement]:
        def delay(placement: Placement) -> float:
            seconds = self._costs.predict(query_class, placement.engine.id)
            return 0.0 if seconds is None else seconds * (self._in_flight[placement.engine.id] + 1)

        ordered = sorted(placements, key=delay)
        if self._turn(("look", query_class)) % _LOOK_AGAIN_EVERY == _LOOK_AGAIN_EVERY - 1:
            ordered[0], ordered[1] = ordered[1], ordered[0]
        return ordered

    def _turn(self, key: Hashable) -> int:
        with self._lock:
            return next(self._turns[key])


_REASONS = {
    "round_robin": "its turn",
    "least_loaded": "the fewest calls in flight",
    "capability_based": "does the most of the operation itself",
    "performance_based": "the shortest expected delay",
}


def _fitness(placement: Placement, op: Bound) -> int:
    """Score how much of an operation an engine does itself: its own kind of work, and what of a scan it takes down."""
    engine = placement.engine
    if isinstance(op, Operation):
        return 2 * (engine.kind == op.kind) + (op.name in engine.operations)
    assert isinstance(op, BoundScan)  # noqa: S101 - the only other bound form
    pushed = engine.negotiate(op)
    return 2 * (pushed.residual is None) + pushed.order + pushed.limit

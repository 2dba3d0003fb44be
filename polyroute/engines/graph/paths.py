"""Shortest paths between two nodes: breadth-first from both ends, or Dijkstra where edges have weights.

Of several equally good paths always the same one is given: the one with the fewest stops, and among those the one whose
node ids come first, compared stop by stop. So the answer does not depend on how or where the edges are stored.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, TypeAlias

from polyroute.engines.graph.csr import Adjacency, Floats, GraphIndex
from polyroute.engines.graph.names import Node
from polyroute.engines.graph.traverse import no_check

Sides: TypeAlias = tuple[Adjacency, ...]
Label: TypeAlias = tuple[float, int]

_OPPOSITE = {"out": "in", "in": "out", "both": "both"}
_SETTLED_PER_CHECK = 256


class Stop(NamedTuple):
    """One stop of a path: its position from 0, the node id, the cost from the start."""

    step: int
    node: Node
    cost: float


def shortest_path(
    index: GraphIndex,
    start: int,
    goal: int,
    *,
    weights: Floats | None = None,
    direction: str = "out",
    check: Callable[[], None] = no_check,
) -> list[Stop]:
    """Find the cheapest path from one node number to another; empty when there is none.

    `weights` has one value per row of the edge table, none below zero (`check_weights`), NaN for an edge that cannot be
    used; of parallel edges the lightest counts. Without weights the cost is the number of hops. Weighted search is
    Dijkstra's (Numerische Mathematik 1, 1959) with a binary heap, and ends at the goal.

    >>> index = GraphIndex.from_edges(["a", "a", "b"], ["c", "b", "c"])
    >>> import numpy as np
    >>> weights = np.array([9.0, 1.0, 2.0])
    >>> [(stop.node, stop.cost) for stop in shortest_path(index, 0, index.number("c"), weights=weights)]
    [('a', 0.0), ('b', 1.0), ('c', 3.0)]
    """
    ahead = index.sides(direction)
    if weights is None:
        nodes = _fewest_hops(index, ahead, index.sides(_OPPOSITE[direction]), start, goal, check)
        return [Stop(step, index.names[node], float(step)) for step, node in enumerate(nodes)]
    labels, before = _dijkstra(ahead, weights, start, goal, check)
    if goal not in labels:
        return []
    nodes = _first_by_id(index, before, start, goal)
    return [Stop(step, index.names[node], labels[node][0]) for step, node in enumerate(nodes)]


def _fewest_hops(
    index: GraphIndex, ahead: Sides, behind: Sides, start: int, goal: int, check: Callable[[], None]
) -> list[int]:
    """Grow levels from both ends until they meet, keep what lies on a shortest path, and follow the first ids."""
    forward, backward = [{start}], [{goal}]
    seen_forward, seen_backward = {start}, {goal}
    while not forward[-1] & backward[-1]:
        check()
        if len(forward[-1]) <= len(backward[-1]):
            level = _step(ahead, forward[-1]) - seen_forward
            seen_forward |= level
            forward.append(level)
        else:
            level = _step(behind, backward[-1]) - seen_backward
            seen_backward |= level
            backward.append(level)
        if not level:
            return []
    stages = [forward[-1] & backward[-1]]
    for level in reversed(forward[:-1]):
        stages.append(level & _step(behind, stages[-1]))
    stages.reverse()
    stages += reversed(backward[:-1])
    path = [start]
    for stage in stages[1:]:
        path.append(_first(index, _step(ahead, path[-1:]) & stage))
    return path


def _step(sides: Sides, nodes: Iterable[int]) -> set[int]:
    found: set[int] = set()
    for rows in sides:
        for node in nodes:
            found.update(rows.nodes[rows.offsets[node] : rows.offsets[node + 1]].tolist())
    return found


def _dijkstra(
    sides: Sides, weights: Floats, start: int, goal: int, check: Callable[[], None]
) -> tuple[dict[int, Label], dict[int, list[int]]]:
    """Label nodes with (cost, hops) until the goal is settled; `before` lists every predecessor of an equal label.

    The hops in the label make it grow along edges of weight zero too, so predecessors never form a cycle.
    """
    labels: dict[int, Label] = {start: (0.0, 0)}
    before: dict[int, list[int]] = {}
    settled: set[int] = set()
    nearest: Label | None = None
    heap = [(0.0, 0, start)]
    while heap:
        cost, hops, node = heapq.heappop(heap)
        if node in settled:
            continue
        if node == goal:
            break
        settled.add(node)
        if len(settled) % _SETTLED_PER_CHECK == 0:
            check()
        for rows in sides:
            span = slice(rows.offsets[node], rows.offsets[node + 1])
            for head, weight in zip(rows.nodes[span].tolist(), weights[rows.edges[span]].tolist(), strict=True):
                if head in settled or weight != weight:
                    continue
                label = (cost + weight, hops + 1)
                # weights are not negative, so nothing beyond the goal's own label leads to it
                if nearest is not None and label > nearest:
                    continue
                known = labels.get(head)
                if known is None or label < known:
                    labels[head] = label
                    before[head] = [node]
                    heapq.heappush(heap, (*label, head))
                    nearest = label if head == goal else nearest
                elif label == known:
                    before[head].append(node)
    else:
        labels.pop(goal, None)
    return labels, before


def _first_by_id(index: GraphIndex, before: dict[int, list[int]], start: int, goal: int) -> list[int]:
    """Follow the predecessors back from the goal, then walk forward over them by the first id."""
    after: dict[int, set[int]] = {goal: set()}
    pending = [goal]
    while pending:
        node = pending.pop()
        for earlier in before.get(node, ()):
            if earlier not in after:
                after[earlier] = set()
                pending.append(earlier)
            after[earlier].add(node)
    path = [start]
    while path[-1] != goal:
        path.append(_first(index, after[path[-1]]))
    return path


def _first(index: GraphIndex, nodes: set[int]) -> int:
    if len(nodes) == 1:
        return next(iter(nodes))
    return min(nodes, key=lambda number: _id_order(index.names[number]))


def _id_order(name: Node) -> tuple[str, Any]:
    """Order ids by value; ids of kinds that have no common order go by kind first."""
    kind = "number" if isinstance(name, (int, float)) else type(name).__name__
    return kind, name

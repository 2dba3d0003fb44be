"""Neighbours within some hops: breadth-first search from one start or many.

A small frontier is walked with Python sets over slices of the index, which answers a one-hop question in microseconds
whatever the size of the graph; a frontier that has grown is walked with NumPy and a bitmap of the nodes seen.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from polyroute.engines.graph.csr import Adjacency, GraphIndex, Mask
from polyroute.engines.graph.names import Numbers
from polyroute.errors import invalid

_WIDE_FRONTIER = 512
_STARTS_PER_CHECK = 256


@dataclass(frozen=True, slots=True, eq=False)
class Reach:
    """Hold what was reached: for each row the position of its start, the node's number, the smallest number of hops."""

    start: Numbers
    node: Numbers
    hops: Numbers


def no_check() -> None:
    """Do nothing: the check of a call that nobody can cancel."""


def neighbors(
    index: GraphIndex,
    starts: Sequence[int],
    *,
    max_hops: int | None = 1,
    min_hops: int = 1,
    direction: str = "out",
    check: Callable[[], None] = no_check,
) -> Reach:
    """Find the nodes at `min_hops` to `max_hops` from each start, each once, at its smallest number of hops.

    `starts` are node numbers (positions of `index.names`); `max_hops` None means any. A start is its own neighbour only
    with `min_hops=0`. Rows come in the order of the starts, then of the hops, then of the node numbers. `check` is
    called every so often and ends the search by raising.

    >>> index = GraphIndex.from_edges(["a", "b", "a"], ["b", "c", "c"])
    >>> found = neighbors(index, [0], max_hops=2)
    >>> [(index.names[n], h) for n, h in zip(found.node.tolist(), found.hops.tolist())]
    [('b', 1), ('c', 1)]
    """
    if min_hops < 0 or (max_hops is not None and max_hops < min_hops):
        raise invalid("min_hops and max_hops do not make a range", hint="give 0 <= min_hops <= max_hops")
    sides = index.sides(direction)
    nodes, hops, counts = array("q"), array("q"), array("q")
    for position, start in enumerate(starts):
        if position % _STARTS_PER_CHECK == 0:
            check()
        before = len(nodes)
        for hop, level in enumerate(_levels(sides, start, index.size, max_hops, check)):
            if hop >= min_hops:
                nodes.extend(level)
                hops.extend([hop] * len(level))
        counts.append(len(nodes) - before)
    rows = np.repeat(np.arange(len(starts)), np.frombuffer(counts, dtype=np.int64))
    return Reach(rows, np.frombuffer(nodes, dtype=np.int64), np.frombuffer(hops, dtype=np.int64))


def _levels(
    sides: tuple[Adjacency, ...], start: int, size: int, max_hops: int | None, check: Callable[[], None]
) -> list[list[int]]:
    """Return the nodes at 0, 1, 2, ... hops, each level sorted."""
    levels = [[start]]
    seen = {start}
    while levels[-1] and (max_hops is None or len(levels) <= max_hops):
        if len(levels[-1]) > _WIDE_FRONTIER:
            return _wide_levels(sides, levels, _bitmap(size, seen), max_hops, check)
        found: set[int] = set()
        for rows in sides:
            for node in levels[-1]:
                found.update(rows.nodes[rows.offsets[node] : rows.offsets[node + 1]].tolist())
        found -= seen
        seen |= found
        levels.append(sorted(found))
    return levels


def _wide_levels(
    sides: tuple[Adjacency, ...], levels: list[list[int]], seen: Mask, max_hops: int | None, check: Callable[[], None]
) -> list[list[int]]:
    frontier = np.array(levels[-1], dtype=np.int64)
    while len(frontier) and (max_hops is None or len(levels) <= max_hops):
        check()
        reached = np.zeros(len(seen), dtype=np.bool_)
        for rows in sides:
            reached[_heads(rows, frontier)] = True
        reached &= ~seen
        seen |= reached
        frontier = np.flatnonzero(reached)
        levels.append(frontier.tolist())
    return levels


def _heads(rows: Adjacency, nodes: Numbers) -> Numbers:
    """Return the other ends of all edges of some nodes, in one gather."""
    first = rows.offsets[nodes]
    counts = rows.offsets[nodes + 1] - first
    ends = np.cumsum(counts)
    places = np.arange(ends[-1] if len(ends) else 0) + np.repeat(first - (ends - counts), counts)
    heads: Numbers = rows.nodes[places]
    return heads


def _bitmap(size: int, nodes: set[int]) -> Mask:
    seen = np.zeros(size, dtype=np.bool_)
    seen[list(nodes)] = True
    return seen

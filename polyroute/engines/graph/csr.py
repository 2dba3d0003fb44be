"""A graph as dense numbers: the index that traversal, paths, centrality and Cypher walk on.

Node ids of any kind become numbers 0..n-1 once; the edges of a node then lie side by side in a compressed row (CSR),
out and back. Rows are built when first asked for, so a question that only goes forward never pays for the way back. An
edge keeps its own number, its row in the edge table, through every view: weights and filters are arrays in that order.
Parallel edges and loops stay.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import sparse

from polyroute.engines.graph.names import Node, Numbers, number_nodes, unknown_node
from polyroute.errors import invalid, unknown_name

Mask: TypeAlias = npt.NDArray[np.bool_]
Floats: TypeAlias = npt.NDArray[np.float64]

DIRECTIONS = ("out", "in", "both")


@dataclass(frozen=True, slots=True, eq=False)
class Adjacency:
    """Hold compressed rows: node v reaches `nodes[offsets[v]:offsets[v + 1]]`, over the edges at those places."""

    offsets: Numbers
    nodes: Numbers
    edges: Numbers

    @classmethod
    def build(cls, size: int, tails: Numbers, heads: Numbers, edges: Numbers) -> Adjacency:
        """Sort edges into one row per tail in linear time; within a row they keep the order of the edge table."""
        ones = np.ones(len(tails), dtype=np.int8)
        # A matrix with one entry per edge, turned from rows to columns, is SciPy's counting sort; unlike COO it never
        # adds up parallel edges.
        columns = sparse.csr_array((ones, tails, np.arange(len(tails) + 1)), shape=(len(tails), size)).tocsc()
        order = columns.indices
        return cls(columns.indptr.astype(np.int64), heads[order], edges[order])

    def kept(self, mask: Mask) -> Adjacency:
        """Return the rows without the edges whose number is False in the mask."""
        held = mask[self.edges]
        before = np.concatenate(([0], np.cumsum(held, dtype=np.int64)))
        return Adjacency(before[self.offsets], self.nodes[held], self.edges[held])


@dataclass(frozen=True, eq=False)
class GraphIndex:
    """Hold the edges of a graph as numbers; an edge whose source or target is NULL (-1) leads nowhere.

    >>> index = GraphIndex.from_edges(["a", "a", "b"], ["b", "b", "c"])
    >>> index.names, index.out.nodes.tolist()
    (['a', 'b', 'c'], [1, 1, 2])
    >>> index.masked(np.array([True, False, False])).out.nodes.tolist()
    [1]
    """

    names: list[Node]
    sources: Numbers
    targets: Numbers
    directed: bool = True
    mask: Mask | None = None
    base: GraphIndex | None = None

    @classmethod
    def from_edges(cls, sources: Any, targets: Any, *, nodes: Any = (), directed: bool = True) -> GraphIndex:
        """Build an index from two equally long columns of node ids (numpy or Arrow arrays, or sequences).

        `nodes` lists ids that exist with or without edges; they come first in the numbering, the others follow in order
        of appearance. Raises QUERY_INVALID when the columns differ in length or hold lists.
        """
        if len(sources) != len(targets):
            raise invalid("source and target columns differ in length", hint="give one source and one target per edge")
        names, numbers = number_nodes([nodes, sources, targets])
        first, second = len(nodes), len(nodes) + len(sources)
        return cls(names, numbers[first:second], numbers[second:], directed)

    @property
    def size(self) -> int:
        """Count the nodes."""
        return len(self.names)

    @cached_property
    def numbers(self) -> dict[Node, int]:
        """Map each node id to its number."""
        if self.base is not None:
            return self.base.numbers
        return {name: number for number, name in enumerate(self.names)}

    @cached_property
    def edges(self) -> Numbers:
        """List the numbers of the edges that can be walked: both ends known, not masked out."""
        usable = (self.sources >= 0) & (self.targets >= 0)
        return np.flatnonzero(usable if self.mask is None else usable & self.mask)

    @cached_property
    def out(self) -> Adjacency:
        """Hold the rows from source to target."""
        if self.base is not None and self.mask is not None:
            return self.base.out.kept(self.mask)
        return Adjacency.build(self.size, self.sources[self.edges], self.targets[self.edges], self.edges)

    @cached_property
    def back(self) -> Adjacency:
        """Hold the rows from target to source."""
        if self.base is not None and self.mask is not None:
            return self.base.back.kept(self.mask)
        return Adjacency.build(self.size, self.targets[self.edges], self.sources[self.edges], self.edges)

    def masked(self, mask: Mask | None) -> GraphIndex:
        """Return a view that walks only the edges whose number is True in the mask; names and rows are shared."""
        if mask is None:
            return self
        if len(mask) != len(self.sources):
            raise invalid("the edge filter has not one value per edge", hint="evaluate it on the whole edge table")
        both = mask if self.mask is None else mask & self.mask
        return GraphIndex(self.names, self.sources, self.targets, self.directed, both, self.base or self)

    def sides(self, direction: str) -> tuple[Adjacency, ...]:
        """Return the rows to follow for out, in or both; edges of an undirected graph always go both ways."""
        if direction not in DIRECTIONS:
            raise unknown_name("direction", str(direction), DIRECTIONS)
        if direction == "both" or not self.directed:
            return (self.out, self.back)
        return (self.out,) if direction == "out" else (self.back,)

    def holds(self, node: object) -> bool:
        """Tell whether some node bears this id."""
        return self._find(node) is not None

    def number(self, node: object) -> int:
        """Return the number of a node id; raise QUERY_INVALID, naming the nearest ids, where no node bears it."""
        found = self._find(node)
        if found is None:
            raise unknown_node(node, self.names)
        return found

    def _find(self, node: object) -> int | None:
        try:
            found = self.numbers.get(node)
        except TypeError:
            return None
        # True == 1 for a dict, but nobody means node 1 by it.
        if found is None or isinstance(node, bool) != isinstance(self.names[found], bool):
            return None
        return found

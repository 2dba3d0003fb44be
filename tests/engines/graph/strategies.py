"""Random multigraphs, and the same graph for networkx."""

from __future__ import annotations

from dataclasses import dataclass

import networkx as nx
import numpy as np
from hypothesis import strategies as st

from polyroute.engines.graph.csr import GraphIndex


@dataclass(frozen=True)
class Edges:
    size: int
    pairs: list[tuple[int, int]]
    weights: list[int]
    directed: bool

    def index(self) -> GraphIndex:
        sources = np.array([a for a, _ in self.pairs], dtype=np.int64)
        targets = np.array([b for _, b in self.pairs], dtype=np.int64)
        return GraphIndex.from_edges(sources, targets, nodes=np.arange(self.size), directed=self.directed)

    def weight_array(self) -> np.ndarray:
        return np.array(self.weights, dtype=np.float64)

    def networkx(self) -> nx.MultiGraph:
        graph = nx.MultiDiGraph() if self.directed else nx.MultiGraph()
        graph.add_nodes_from(range(self.size))
        for (a, b), w in zip(self.pairs, self.weights, strict=True):
            graph.add_edge(a, b, weight=w)
        return graph


@st.composite
def multigraphs(draw: st.DrawFn, *, min_weight: int = 0, max_edges: int = 25) -> Edges:
    size = draw(st.integers(1, 9))
    node = st.integers(0, size - 1)
    pairs = draw(st.lists(st.tuples(node, node), max_size=max_edges))
    weights = draw(st.lists(st.integers(min_weight, 4), min_size=len(pairs), max_size=len(pairs)))
    return Edges(size, pairs, weights, draw(st.booleans()))

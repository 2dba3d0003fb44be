"""Centrality: how important each node is, by degree, PageRank, betweenness or closeness.

Whole-graph work runs on SciPy's compressed rows; betweenness is NetworkX's, source by source so that it can be
cancelled. An edge of an undirected graph counts both ways. An optional weight is a strength for degree and PageRank, a
length for betweenness and closeness; an edge without a weight is left out.
"""

from __future__ import annotations

from collections.abc import Callable

import networkx as nx
import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from polyroute.engines.graph.csr import Floats, GraphIndex
from polyroute.engines.graph.names import Numbers
from polyroute.engines.graph.traverse import no_check
from polyroute.errors import DatabaseErrorCode, make_error, unknown_name

METHODS = ("degree", "in_degree", "out_degree", "pagerank", "betweenness", "closeness")

_DAMPING = 0.85
_TOLERANCE = 1e-10
_MAX_ROUNDS = 1000
_SOURCES_PER_CHECK = 8
_WORK_PER_CHECK = 200_000


def centrality(
    index: GraphIndex,
    method: str = "pagerank",
    *,
    weights: Floats | None = None,
    check: Callable[[], None] = no_check,
) -> Floats:
    """Score every node by a method; the scores are in the order of the node numbers.

    Degrees count edge ends, parallel edges and both ends of a loop included (with weights, they add the weights up).
    PageRank sums to 1. Betweenness is the normalised share of shortest paths through a node; closeness is Wasserman and
    Faust's, from the distances towards the node. `weights` has one value per row of the edge table.

    >>> index = GraphIndex.from_edges(["a", "a", "b"], ["b", "b", "c"])
    >>> centrality(index, "degree").tolist()
    [2.0, 3.0, 1.0]
    """
    if method not in METHODS:
        raise unknown_name("centrality method", str(method), METHODS)
    if index.size == 0:
        return np.empty(0)
    tails, heads, values = _usable(index, weights)
    if method == "pagerank":
        return _pagerank(index, tails, heads, values, check)
    if method == "betweenness":
        return _betweenness(index, tails, heads, None if weights is None else values, check)
    if method == "closeness":
        return _closeness(index, tails, heads, None if weights is None else values, check)
    out_degree: Floats = np.bincount(tails, values, minlength=index.size).astype(np.float64)
    in_degree: Floats = np.bincount(heads, values, minlength=index.size).astype(np.float64)
    if method == "degree" or not index.directed:
        return out_degree + in_degree
    return out_degree if method == "out_degree" else in_degree


def _usable(index: GraphIndex, weights: Floats | None) -> tuple[Numbers, Numbers, Floats]:
    """Return tails, heads and weights of the edges that can be walked and have a weight (1.0 where none is asked)."""
    edges = index.edges
    if weights is None:
        return index.sources[edges], index.targets[edges], np.ones(len(edges))
    edges = edges[~np.isnan(weights[edges])]
    return index.sources[edges], index.targets[edges], weights[edges]


def _both_ways(index: GraphIndex, tails: Numbers, heads: Numbers, values: Floats) -> tuple[Numbers, Numbers, Floats]:
    """Add the way back of each edge of an undirected graph; a loop is its own way back."""
    if index.directed:
        return tails, heads, values
    turned = tails != heads
    return (
        np.concatenate((tails, heads[turned])),
        np.concatenate((heads, tails[turned])),
        np.concatenate((values, values[turned])),
    )


def _pagerank(index: GraphIndex, tails: Numbers, heads: Numbers, values: Floats, check: Callable[[], None]) -> Floats:
    """Iterate the power method of Page, Brin, Motwani, Winograd (1999), as NetworkX sets it up.

    The rank of nodes without a way out is spread evenly. Ends when the ranks change by less than 1e-10 per node.
    """
    tails, heads, values = _both_ways(index, tails, heads, values)
    size = index.size
    strength = np.bincount(tails, values, minlength=size)
    dangling = np.flatnonzero(strength == 0)
    flowing = strength[tails] > 0
    shares = values[flowing] / strength[tails[flowing]]
    inward = sparse.csr_array((shares, (heads[flowing], tails[flowing])), shape=(size, size))
    rank: Floats = np.full(size, 1.0 / size)
    for _ in range(_MAX_ROUNDS):
        check()
        spread = _DAMPING * rank[dangling].sum() + 1.0 - _DAMPING
        following: Floats = _DAMPING * (inward @ rank) + spread / size
        change = float(np.abs(following - rank).sum())
        rank = following
        if change < size * _TOLERANCE:
            return rank
    raise make_error(
        DatabaseErrorCode.QUERY_EXECUTION_FAILED,
        f"PageRank did not settle within {_MAX_ROUNDS} rounds",
        hint="use degree instead, or a weight with a smaller range",
    )


def _lightest(tails: Numbers, heads: Numbers, values: Floats) -> tuple[Numbers, Numbers, Floats]:
    """Keep the lightest of parallel edges."""
    order = np.lexsort((values, heads, tails))
    tails, heads, values = tails[order], heads[order], values[order]
    first = np.ones(len(tails), dtype=np.bool_)
    first[1:] = (tails[1:] != tails[:-1]) | (heads[1:] != heads[:-1])
    return tails[first], heads[first], values[first]


def _betweenness(
    index: GraphIndex, tails: Numbers, heads: Numbers, values: Floats | None, check: Callable[[], None]
) -> Floats:
    """Count shortest paths by Brandes' algorithm (J. Mathematical Sociology 25, 2001), parallel edges taken as one."""
    lengths = np.ones(len(tails)) if values is None else values
    tails, heads, lengths = _lightest(*_both_ways(index, tails, heads, lengths))
    graph = nx.DiGraph() if index.directed else nx.Graph()
    graph.add_nodes_from(range(index.size))
    graph.add_weighted_edges_from(zip(tails.tolist(), heads.tolist(), lengths.tolist(), strict=True))
    nodes = list(graph)
    scores = np.zeros(index.size)
    for first in range(0, len(nodes), _SOURCES_PER_CHECK):
        check()
        some = nx.betweenness_centrality_subset(
            graph,
            nodes[first : first + _SOURCES_PER_CHECK],
            nodes,
            normalized=True,
            weight=None if values is None else "weight",
        )
        scores += np.fromiter((some[node] for node in nodes), dtype=np.float64, count=len(nodes))
    return scores


def _closeness(
    index: GraphIndex, tails: Numbers, heads: Numbers, values: Floats | None, check: Callable[[], None]
) -> Floats:
    """Divide the reachable share by the mean distance (Wasserman, Faust: Social Network Analysis, 1994, p. 201)."""
    lengths = np.ones(len(tails)) if values is None else values
    tails, heads, lengths = _lightest(*_both_ways(index, tails, heads, lengths))
    size = index.size
    inward = sparse.csr_array((lengths, (heads, tails)), shape=(size, size))
    scores = np.zeros(size)
    # SciPy keeps the interpreter while it works, so a batch must be short for a deadline to be kept.
    batch = max(1, _WORK_PER_CHECK // (size + len(tails)))
    for first in range(0, size, batch):
        check()
        rows = np.arange(first, min(first + batch, size))
        distances = csgraph.dijkstra(inward, indices=rows, unweighted=values is None)
        reached = np.isfinite(distances)
        others = reached.sum(axis=1) - 1
        total = np.where(reached, distances, 0.0).sum(axis=1)
        near = total > 0
        scores[rows[near]] = others[near] / total[near] * (others[near] / (size - 1))
    return scores

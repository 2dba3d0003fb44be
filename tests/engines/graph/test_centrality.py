from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings

from polyroute.engines.graph.centrality import METHODS, centrality
from polyroute.engines.graph.csr import GraphIndex
from polyroute.errors import QueryError
from tests.engines.graph.strategies import Edges, multigraphs


def simple(graph: nx.MultiGraph) -> nx.Graph:
    """Without parallel edges, the lightest kept."""
    plain = nx.DiGraph() if graph.is_directed() else nx.Graph()
    plain.add_nodes_from(graph)
    for a, b, data in graph.edges(data=True):
        known = plain.get_edge_data(a, b)
        plain.add_edge(a, b, weight=min(data["weight"], known["weight"] if known else data["weight"]))
    return plain


def expected(edges: Edges, method: str, weight: str | None) -> list[float]:
    graph = edges.networkx()
    if method == "pagerank":
        scores = nx.pagerank(graph, weight=weight, tol=1e-13, max_iter=5000)
    elif method == "betweenness":
        scores = nx.betweenness_centrality(simple(graph), weight=weight)
    elif method == "closeness":
        scores = nx.closeness_centrality(simple(graph), distance=weight)
    elif method == "degree" or not edges.directed:
        scores = dict(graph.degree(weight=weight))
    else:
        scores = dict(graph.in_degree(weight=weight) if method == "in_degree" else graph.out_degree(weight=weight))
    return [scores[node] for node in range(edges.size)]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("weighted", [False, True])
def test_scores_are_those_of_networkx(method: str, weighted: bool) -> None:
    @settings(max_examples=40)
    @given(multigraphs(min_weight=1))
    def agree(edges: Edges) -> None:
        got = centrality(edges.index(), method, weights=edges.weight_array() if weighted else None)
        np.testing.assert_allclose(got, expected(edges, method, "weight" if weighted else None), atol=1e-8, rtol=0)

    agree()


@settings(max_examples=60)
@given(multigraphs(min_weight=0))
def test_pagerank_takes_weights_of_zero_for_no_way_out(edges: Edges) -> None:
    got = centrality(edges.index(), "pagerank", weights=edges.weight_array())
    np.testing.assert_allclose(got, expected(edges, "pagerank", "weight"), atol=1e-8, rtol=0)
    assert got.sum() == pytest.approx(1.0)


def test_closeness_walks_edges_of_length_zero() -> None:
    index = GraphIndex.from_edges(["a", "b"], ["b", "c"])
    scores = centrality(index, "closeness", weights=np.array([0.0, 2.0]))
    assert scores.tolist() == pytest.approx([0.0, 0.0, 0.5])


def test_an_edge_without_weight_is_left_out() -> None:
    index = GraphIndex.from_edges(["a", "a"], ["b", "c"])
    weights = np.array([np.nan, 3.0])
    assert centrality(index, "out_degree", weights=weights).tolist() == [3.0, 0.0, 0.0]
    assert centrality(index, "closeness", weights=weights)[1] == 0.0


def test_masked_edges_do_not_count() -> None:
    index = GraphIndex.from_edges(["a", "a"], ["b", "c"])
    assert centrality(index.masked(np.array([True, False])), "degree").tolist() == [1.0, 1.0, 0.0]


def test_small_graphs_have_scores_too() -> None:
    lone = GraphIndex.from_edges([], [], nodes=["a"])
    for method in METHODS:
        assert centrality(GraphIndex.from_edges([], []), method).tolist() == []
        assert centrality(lone, method).tolist() == ([1.0] if method == "pagerank" else [0.0])


def test_an_unknown_method_is_refused_with_the_nearest() -> None:
    with pytest.raises(QueryError, match="did you mean 'pagerank'"):
        centrality(GraphIndex.from_edges(["a"], ["b"]), "page_rank")


@pytest.mark.parametrize("method", ["pagerank", "betweenness", "closeness"])
def test_long_work_can_be_cancelled(method: str) -> None:
    class Stopped(Exception): ...

    def stop() -> None:
        raise Stopped

    with pytest.raises(Stopped):
        centrality(GraphIndex.from_edges(["a"], ["b"]), method, check=stop)

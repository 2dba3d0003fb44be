from __future__ import annotations

import math
from decimal import Decimal

import networkx as nx
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyroute.engines.graph.csr import GraphIndex
from polyroute.engines.graph.paths import shortest_path
from polyroute.engines.graph.weights import check_weights, weights_of
from polyroute.errors import QueryError
from tests.engines.graph.strategies import Edges, multigraphs

directions = st.sampled_from(["out", "in", "both"])


def turned(edges: Edges, direction: str) -> nx.MultiGraph:
    """The graph in which walking out is walking in the direction."""
    graph = edges.networkx()
    if not edges.directed or direction == "out":
        return graph
    if direction == "in":
        return graph.reverse()
    return Edges(edges.size, edges.pairs, edges.weights, directed=False).networkx()


def first_path(graph: nx.MultiGraph, start: int, goal: int, weight: str | None) -> list[int] | None:
    """The path by definition: cheapest, then fewest stops, then first ids."""
    if not nx.has_path(graph, start, goal):
        return None
    lightest = nx.DiGraph()
    lightest.add_nodes_from(graph)
    for a, b, data in graph.edges(data=True):
        for pair in ((a, b),) if graph.is_directed() else ((a, b), (b, a)):
            known = lightest.get_edge_data(*pair, default={"w": math.inf})["w"]
            lightest.add_edge(*pair, w=min(known, data["weight"] if weight else 1))
    cost = nx.shortest_path_length(lightest, start, goal, weight="w")
    paths = list(nx.all_simple_paths(lightest, start, goal)) if start != goal else [[start]]
    good = [p for p in paths if nx.path_weight(lightest, p, "w") == cost]
    return min(good, key=lambda p: (len(p), p))


@given(multigraphs(max_edges=14), st.data(), directions, st.booleans())
def test_paths_are_the_first_of_the_shortest(edges: Edges, data: st.DataObject, direction: str, weighted: bool) -> None:
    start = data.draw(st.integers(0, edges.size - 1))
    goal = data.draw(st.integers(0, edges.size - 1))
    weights = edges.weight_array() if weighted else None
    graph = turned(edges, direction)
    expected = first_path(graph, start, goal, "weight" if weighted else None)
    stops = shortest_path(edges.index(), start, goal, weights=weights, direction=direction)
    assert [stop.node for stop in stops] == (expected or [])
    assert [stop.step for stop in stops] == list(range(len(stops)))
    if expected:
        assert stops[0].cost == 0.0
        assert stops[-1].cost == nx.shortest_path_length(graph, start, goal, weight="weight" if weighted else None)


@given(multigraphs(), directions, st.booleans())
def test_costs_are_those_of_networkx(edges: Edges, direction: str, weighted: bool) -> None:
    graph = turned(edges, direction)
    lengths = dict(nx.all_pairs_dijkstra_path_length(graph, weight="weight" if weighted else (lambda *_: 1)))
    index, weights = edges.index(), edges.weight_array() if weighted else None
    for start in range(edges.size):
        for goal in range(edges.size):
            stops = shortest_path(index, start, goal, weights=weights, direction=direction)
            assert (stops[-1].cost if stops else None) == lengths[start].get(goal)


def test_the_start_is_its_own_goal() -> None:
    index = GraphIndex.from_edges(["a"], ["b"])
    assert shortest_path(index, 0, 0) == [(0, "a", 0.0)]
    assert shortest_path(index, 0, 0, weights=np.array([1.0])) == [(0, "a", 0.0)]


def test_an_unreachable_goal_gives_no_rows() -> None:
    index = GraphIndex.from_edges(["a", "c"], ["b", "d"])
    assert shortest_path(index, 0, 3) == []
    assert shortest_path(index, 0, 3, weights=np.array([1.0, 1.0])) == []


def test_an_edge_without_weight_cannot_be_used_and_the_lightest_parallel_edge_counts() -> None:
    index = GraphIndex.from_edges(["a", "a", "a", "b"], ["b", "b", "c", "c"])
    weights = weights_of(pa.array([5, 2, None, 1]), "km")
    assert shortest_path(index, 0, index.number("c"), weights=weights) == [(0, "a", 0.0), (1, "b", 2.0), (2, "c", 3.0)]


def test_ties_go_to_fewer_stops_then_to_first_ids_however_the_edges_lie() -> None:
    pairs = [("s", "z"), ("z", "g"), ("s", "b"), ("b", "g"), ("s", "m"), ("m", "n"), ("n", "g")]
    weights = [2.0, 2.0, 1.0, 3.0, 1.0, 1.0, 2.0]
    for order in (range(7), reversed(range(7)), [3, 5, 1, 0, 6, 2, 4]):
        picked = list(order)
        index = GraphIndex.from_edges([pairs[i][0] for i in picked], [pairs[i][1] for i in picked])
        values = np.array([weights[i] for i in picked])
        stops = shortest_path(index, index.number("s"), index.number("g"), weights=values)
        assert [stop.node for stop in stops] == ["s", "b", "g"]
        stops = shortest_path(index, index.number("s"), index.number("g"))
        assert [stop.node for stop in stops] == ["s", "b", "g"]


def test_a_filter_takes_edges_away() -> None:
    index = GraphIndex.from_edges(["a", "a", "b"], ["c", "b", "c"])
    masked = index.masked(np.array([False, True, True]))
    assert [stop.node for stop in shortest_path(masked, 0, index.number("c"))] == ["a", "b", "c"]


@pytest.mark.parametrize("column", [pa.array(["x"]), pa.array([True]), pa.array([[1]])])
def test_a_weight_must_be_a_number(column: pa.Array) -> None:
    with pytest.raises(QueryError, match="weight column 'km' is"):
        weights_of(column, "km")


def test_negative_weights_are_refused_by_name_unless_filtered_out() -> None:
    index = GraphIndex.from_edges(["a", "a"], ["b", "c"])
    weights = weights_of(pa.array([-1.0, 2.0]), "km")
    with pytest.raises(QueryError, match="weight column 'km' has 1 edges"):
        check_weights(index, weights, "km")
    check_weights(index.masked(np.array([False, True])), weights, "km")
    with pytest.raises(QueryError, match="above zero"):
        check_weights(index, np.array([0.0, 1.0]), "km", above_zero=True)
    check_weights(index, np.array([math.nan, 0.0]), "km")


def test_decimals_and_integers_are_weights() -> None:
    assert weights_of(pa.array([Decimal("1.00"), None]), "w")[0] == 1.0
    assert len(weights_of(pa.chunked_array([], pa.int64()), "w")) == 0

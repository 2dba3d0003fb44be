from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyroute.engines.graph import traverse
from polyroute.engines.graph.csr import GraphIndex
from polyroute.engines.graph.traverse import neighbors
from polyroute.errors import QueryError
from tests.engines.graph.strategies import Edges, multigraphs


def oracle(edges: Edges, start: int, min_hops: int, max_hops: int | None, direction: str) -> set[tuple[int, int]]:
    graph = edges.networkx()
    if edges.directed and direction == "in":
        graph = graph.reverse()
    if edges.directed and direction == "both":
        graph = graph.to_undirected()
    lengths = nx.single_source_shortest_path_length(graph, start, cutoff=max_hops)
    return {(node, hops) for node, hops in lengths.items() if hops >= min_hops}


hop_ranges = st.tuples(st.integers(0, 3), st.none() | st.integers(0, 4)).filter(lambda r: r[1] is None or r[0] <= r[1])


@given(multigraphs(), hop_ranges, st.sampled_from(["out", "in", "both"]), st.sampled_from([0, 2, 512]))
def test_neighbors_are_those_of_networkx(
    edges: Edges, hops: tuple[int, int | None], direction: str, wide_from: int
) -> None:
    index = edges.index()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(traverse, "_WIDE_FRONTIER", wide_from)  # a small bound sends small graphs the wide way too
        found = neighbors(index, range(edges.size), min_hops=hops[0], max_hops=hops[1], direction=direction)
    rows = list(zip(found.start.tolist(), found.node.tolist(), found.hops.tolist(), strict=True))
    assert rows == sorted(rows, key=lambda row: (row[0], row[2], row[1]))
    for start in range(edges.size):
        got = [(node, hop) for s, node, hop in rows if s == start]
        assert len(got) == len(set(got))
        assert set(got) == oracle(edges, start, *hops, direction)


def test_a_start_is_its_own_neighbour_only_on_request() -> None:
    loop = GraphIndex.from_edges(["a", "a"], ["a", "b"])
    assert neighbors(loop, [0]).node.tolist() == [1]
    assert neighbors(loop, [0], min_hops=0).node.tolist() == [0, 1]


def test_each_start_gets_rows_of_its_own_also_when_repeated() -> None:
    index = GraphIndex.from_edges(["a", "b"], ["c", "c"])
    assert neighbors(index, [0, 1, 0]).start.tolist() == [0, 1, 2]
    assert neighbors(index, [0, 1, 0]).node.tolist() == [2, 2, 2]
    assert len(neighbors(index, []).node) == 0


def test_a_wide_frontier_gives_the_same_rows() -> None:
    rng = np.random.default_rng(3)
    index = GraphIndex.from_edges(rng.integers(0, 5000, 30_000), rng.integers(0, 5000, 30_000))
    graph = nx.DiGraph()
    graph.add_edges_from(zip(index.sources.tolist(), index.targets.tolist(), strict=True))
    found = neighbors(index, [0], max_hops=None)
    expected = nx.single_source_shortest_path_length(graph, 0)
    assert dict(zip(found.node.tolist(), found.hops.tolist(), strict=True)) == {
        node: hops for node, hops in expected.items() if node != 0
    }


@pytest.mark.parametrize(("low", "high"), [(2, 1), (-1, 1), (0, -1)])
def test_an_impossible_range_is_refused(low: int, high: int) -> None:
    with pytest.raises(QueryError, match="do not make a range"):
        neighbors(GraphIndex.from_edges(["a"], ["b"]), [0], min_hops=low, max_hops=high)


def test_a_cancelled_search_ends() -> None:
    class Stopped(Exception): ...

    def stop() -> None:
        raise Stopped

    with pytest.raises(Stopped):
        neighbors(GraphIndex.from_edges(["a"], ["b"]), [0], check=stop)

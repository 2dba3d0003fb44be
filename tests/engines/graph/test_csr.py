from __future__ import annotations

import datetime as dt

import numpy as np
import pyarrow as pa
import pytest

from polyroute.engines.graph.csr import GraphIndex
from polyroute.errors import DatabaseErrorCode, QueryError


def rows(index: GraphIndex) -> dict[object, list[tuple[object, int]]]:
    out = index.out
    return {
        name: [
            (index.names[n], e)
            for n, e in zip(
                out.nodes[out.offsets[i] : out.offsets[i + 1]].tolist(),
                out.edges[out.offsets[i] : out.offsets[i + 1]].tolist(),
                strict=True,
            )
        ]
        for i, name in enumerate(index.names)
    }


def test_parallel_edges_and_loops_are_kept_in_table_order() -> None:
    index = GraphIndex.from_edges(["a", "b", "a", "a"], ["b", "b", "b", "c"])
    assert rows(index) == {"a": [("b", 0), ("b", 2), ("c", 3)], "b": [("b", 1)], "c": []}
    assert index.back.edges.tolist() == [0, 1, 2, 3]


def test_listed_nodes_come_first_and_need_no_edges() -> None:
    index = GraphIndex.from_edges(np.array([7, 7]), np.array([9, 8]), nodes=np.array([8, 1], dtype=np.int32))
    assert index.names == [8, 1, 7, 9]
    assert index.numbers[1] == 1


@pytest.mark.parametrize(
    "ids",
    [
        pa.array(["x", "y"]),
        pa.array(["x", "y"]).dictionary_encode(),
        pa.chunked_array([pa.array(["x"], pa.large_string()), pa.array(["y"], pa.large_string())]),
        np.array(["x", "y"], dtype=object),
        ["x", "y"],
    ],
)
def test_any_column_of_ids_will_do(ids: object) -> None:
    assert GraphIndex.from_edges(ids, ids).names == ["x", "y"]


def test_ids_of_several_kinds_live_together() -> None:
    index = GraphIndex.from_edges(["a", 1, None, 2.5], [1, "a", "a", float("nan")])
    assert index.names == ["a", 1, 2.5]
    assert index.edges.tolist() == [0, 1]


def test_dates_are_ids_too() -> None:
    day = dt.date(2024, 1, 1)
    assert GraphIndex.from_edges(pa.array([day]), pa.array([day])).number(day) == 0


def test_an_edge_without_an_end_leads_nowhere_but_keeps_its_number() -> None:
    index = GraphIndex.from_edges(pa.array(["a", None, "b"]), pa.array(["b", "c", None]))
    assert index.edges.tolist() == [0]
    assert len(index.sources) == 3
    assert index.names == ["a", "b", "c"]


def test_an_empty_graph_has_no_nodes() -> None:
    index = GraphIndex.from_edges([], [])
    assert index.size == 0
    assert index.out.offsets.tolist() == [0]


def test_a_masked_view_equals_an_index_of_the_kept_edges() -> None:
    rng = np.random.default_rng(1)
    sources, targets = rng.integers(0, 20, 200), rng.integers(0, 20, 200)
    mask = rng.random(200) < 0.4
    whole = GraphIndex.from_edges(sources, targets, nodes=np.arange(20))
    kept = GraphIndex.from_edges(sources[mask], targets[mask], nodes=np.arange(20))
    numbers = np.flatnonzero(mask)
    for view, plain in ((whole.masked(mask).out, kept.out), (whole.masked(mask).back, kept.back)):
        assert view.offsets.tolist() == plain.offsets.tolist()
        assert view.nodes.tolist() == plain.nodes.tolist()
        assert view.edges.tolist() == numbers[plain.edges].tolist()


def test_masks_add_up() -> None:
    whole = GraphIndex.from_edges(["a", "a", "a"], ["b", "c", "d"])
    view = whole.masked(np.array([True, True, False])).masked(np.array([False, True, True]))
    assert view.out.edges.tolist() == [1]
    assert whole.masked(None) is whole


@pytest.mark.parametrize(
    ("node", "words"),
    [
        ("ALT", "did you mean 'ATL'"),
        ("atl", "did you mean 'ATL'"),
        (7, "no node of type int"),
        (True, "no node of type bool"),
        (None, "no node of type NoneType"),
        ([1], "no node of type list"),
    ],
)
def test_an_unknown_node_is_refused_with_the_nearest(node: object, words: str) -> None:
    index = GraphIndex.from_edges(["ATL", "JFK"], ["JFK", "LAX"])
    with pytest.raises(QueryError, match=words) as caught:
        index.number(node)
    assert caught.value.code is DatabaseErrorCode.QUERY_INVALID


def test_an_unknown_number_names_its_neighbours() -> None:
    index = GraphIndex.from_edges([10, 20], [30, 40])
    with pytest.raises(QueryError, match="no node 22; the nearest are 20, 30, 10"):
        index.number(22)
    with pytest.raises(QueryError, match="no node of type bool"):
        GraphIndex.from_edges([1], [0]).number(True)


def test_the_nearest_name_is_found_in_a_large_graph() -> None:
    names = np.array([f"node{i:05}" for i in range(20_000)], dtype=object)
    with pytest.raises(QueryError, match="did you mean 'node0123"):
        GraphIndex.from_edges(names, names).number("nod01234")


def test_bad_columns_are_refused() -> None:
    with pytest.raises(QueryError, match="differ in length"):
        GraphIndex.from_edges(["a"], ["b", "c"])
    with pytest.raises(QueryError, match="cannot be a list"):
        GraphIndex.from_edges([["a"]], [["b"]])
    with pytest.raises(QueryError, match="one value per edge"):
        GraphIndex.from_edges(["a"], ["b"]).masked(np.array([True, False]))
    with pytest.raises(QueryError, match="did you mean 'out'"):
        GraphIndex.from_edges(["a"], ["b"]).sides("outs")

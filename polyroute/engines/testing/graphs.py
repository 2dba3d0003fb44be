"""Graph operations, on a small graph with parallel edges, a loop and a part of its own."""

from __future__ import annotations

from typing import Any

import networkx as nx
import pyarrow as pa

from polyroute.engines.call import UNBOUNDED
from polyroute.engines.testing.store import Store
from polyroute.operations import (
    GraphCentrality,
    GraphDelete,
    GraphNeighbors,
    GraphQuery,
    GraphShortestPath,
    GraphUpsert,
    Scan,
)
from polyroute.values import rows_from_table

_EDGES = [
    ("a", "b", 4.0, 1),
    ("a", "b", 1.0, 2),
    ("b", "c", 1.0, 1),
    ("a", "c", 5.0, 2),
    ("c", "d", 1.0, 1),
    ("d", "a", 1.0, 1),
    ("d", "d", 1.0, 1),
    ("x", "y", 2.0, 1),
]
_SCHEMA = pa.schema([("src", pa.string()), ("dst", pa.string()), ("w", pa.float64()), ("kind", pa.int64())])


def _table(edges: list[tuple[str, str, float, int]]) -> pa.Table:
    return pa.table(
        [pa.array(c, f.type) for c, f in zip(zip(*edges, strict=True), _SCHEMA, strict=True)], schema=_SCHEMA
    )


def _load(store: Store, **roles: Any) -> None:
    store.load("g", _table(_EDGES), source="src", target="dst", **roles)


def _reference(*, directed: bool = True) -> nx.MultiDiGraph | nx.MultiGraph:
    graph = nx.MultiDiGraph() if directed else nx.MultiGraph()
    graph.add_weighted_edges_from((s, d, w) for s, d, w, _ in _EDGES)
    return graph


class GraphTests:
    """Neighbours, paths, centrality, openCypher; changes."""

    def test_a_graph_is_two_tables(self, store: Store) -> None:
        _load(store)
        dataset = store.engine.dataset("g")
        assert set(dataset.parts) == {"edges", "nodes"}
        assert sorted(store.rows(Scan("g", part="edges"))) == sorted(_EDGES)
        assert sorted(store.rows(Scan("g"))) == sorted(_EDGES)
        assert sorted(store.column(Scan("g", part="nodes"))) == ["a", "b", "c", "d", "x", "y"]
        assert store.rows(Scan("g", ("w",), "src = 'a'", order="w", limit=1, part="edges")) == [(1.0,)]

    def test_the_parts_of_a_graph_are_counted_and_drawn(self, store: Store) -> None:
        _load(store)
        for part, rows in ((None, 8), ("edges", 8), ("nodes", 6)):
            assert store.engine.statistics("g", part).row_count in (rows, None), part
            drawn = store.engine.sample("g", part, 4, UNBOUNDED)
            assert drawn.schema.equals(store.engine.dataset("g").part_schema(part)), part
            held = store.rows(Scan("g", part=part))
            assert 0 < drawn.num_rows <= 4, part
            assert all(row in held for row in rows_from_table(drawn)), part
        with store.refused(told="did you mean 'nodes'"):
            store.ask(Scan("g", part="node"))

    def test_node_tables_keep_their_columns(self, store: Store) -> None:
        nodes = pa.table({"code": ["a", "b", "z"], "size": pa.array([1, None, 3], pa.int64())})
        store.load("g", _table(_EDGES), source="src", target="dst", node_key="code", nodes=nodes)
        assert sorted(store.rows(Scan("g", part="nodes"))) == [("a", 1), ("b", None), ("z", 3)]
        assert store.ask(Scan("g", part="nodes")).to_arrow().schema == nodes.schema
        assert store.rows(Scan("g", ("code",), "size > 1", part="nodes")) == [("z",)]
        assert store.rows(GraphNeighbors("g", "z")) == []
        assert store.rows(GraphNeighbors("g", "c")) == [("c", "d", 1)]

    def test_graph_neighbors_counts_the_fewest_hops(self, store: Store) -> None:
        _load(store)
        found = store.ask(GraphNeighbors("g", "a", 2))
        assert found.columns == ("start", "node", "hops")
        assert sorted(found) == [("a", "b", 1), ("a", "c", 1), ("a", "d", 2)]
        assert sorted(store.rows(GraphNeighbors("g", "a", 9, 2))) == [("a", "d", 2)]
        assert sorted(store.rows(GraphNeighbors("g", "a", 1, 0))) == [("a", "a", 0), ("a", "b", 1), ("a", "c", 1)]
        assert sorted(store.rows(GraphNeighbors("g", "a", direction="in"))) == [("a", "d", 1)]
        assert sorted(store.rows(GraphNeighbors("g", "a", direction="both"))) == [
            ("a", "b", 1),
            ("a", "c", 1),
            ("a", "d", 1),
        ]
        assert store.rows(GraphNeighbors("g", "d")) == [("d", "a", 1)]

    def test_graph_neighbors_takes_filters_and_many_starts(self, store: Store) -> None:
        _load(store)
        assert sorted(store.rows(GraphNeighbors("g", "a", 3, where="kind = 1"))) == [
            ("a", "b", 1),
            ("a", "c", 2),
            ("a", "d", 3),
        ]
        assert sorted(store.rows(GraphNeighbors("g", "a", where="w > $w", params={"w": 4}))) == [("a", "c", 1)]
        assert sorted(store.rows(GraphNeighbors("g", ["x", "c"]))) == [("c", "d", 1), ("x", "y", 1)]
        assert sorted(store.rows(GraphNeighbors("g", ["x", "nobody"], missing_ok=True))) == [("x", "y", 1)]
        for start, told in (("nobody", "nobody"), (None, "NULL"), (7, "string"), (["a", "bb"], "bb")):
            with store.refused(told=told):
                store.ask(GraphNeighbors("g", start))

    def test_node_ids_keep_their_type(self, store: Store) -> None:
        edges = pa.table({"a": pa.array([1, 2, 2], pa.int32()), "b": pa.array([2, 3, 1], pa.int32())})
        store.load("numbers", edges, source="a", target="b")
        found = store.ask(GraphNeighbors("numbers", 1, 2))
        assert sorted(found.fetchall(), key=repr) == [(1, 2, 1), (1, 3, 2)]
        assert found.to_arrow().schema.field("node").type == pa.int32()
        assert store.column(Scan("numbers", order="id", part="nodes")) == [1, 2, 3]
        for start in (4, "one", True, 1.5):
            with store.refused():
                store.ask(GraphNeighbors("numbers", start))

    def test_graph_shortest_path_is_the_lightest(self, store: Store) -> None:
        _load(store)
        found = store.ask(GraphShortestPath("g", "a", "c", "w"))
        assert found.columns == ("start", "goal", "step", "node", "cost")
        assert [r[2:] for r in found] == [(0, "a", 0.0), (1, "b", 1.0), (2, "c", 2.0)]
        assert [r[2:] for r in store.rows(GraphShortestPath("g", "a", "c"))] == [(0, "a", 0.0), (1, "c", 1.0)]
        assert [r[3] for r in store.rows(GraphShortestPath("g", "a", "c", "w", where="kind = 2"))] == ["a", "c"]
        assert [r[3] for r in store.rows(GraphShortestPath("g", "c", "a", "w", "in"))] == ["c", "b", "a"]
        assert store.rows(GraphShortestPath("g", "a", "x", "w")) == []
        assert [r[2:] for r in store.rows(GraphShortestPath("g", "a", "a", "w"))] == [(0, "a", 0.0)]
        assert store.rows(GraphShortestPath("g", "a", "nobody", missing_ok=True)) == []
        assert [r[3] for r in store.rows(GraphShortestPath("g", "b", "a", None, "both"))] == ["b", "a"]

    def test_of_equal_paths_always_the_same_is_given(self, store: Store) -> None:
        """The one with the fewest stops, and of those the one whose nodes come first by their ids."""
        edges = [("s", m, 1.0, 1) for m in "dbca"] + [(m, "t", 1.0, 1) for m in "cadb"] + [("s", "t", 2.0, 1)]
        store.load("ties", _table(edges), source="src", target="dst")
        assert [r[3] for r in store.rows(GraphShortestPath("ties", "s", "t", "w"))] == ["s", "t"]
        short = "dst <> 't' OR src <> 's'"
        for weight in (None, "w"):
            assert [r[3] for r in store.rows(GraphShortestPath("ties", "s", "t", weight, where=short))] == [*"sat"]

    def test_edges_without_a_weight_are_not_walked(self, store: Store) -> None:
        table = pa.table({"src": ["a", "a", "b"], "dst": ["c", "b", "c"], "w": pa.array([None, 1.0, 5.0])})
        store.load("gaps", table, source="src", target="dst")
        assert [r[3] for r in store.rows(GraphShortestPath("gaps", "a", "c", "w"))] == ["a", "b", "c"]
        assert [r[3] for r in store.rows(GraphShortestPath("gaps", "a", "c"))] == ["a", "c"]
        assert dict(store.rows(GraphCentrality("gaps", "out_degree", "w"))) == {"a": 1.0, "b": 5.0, "c": 0.0}  # type: ignore[arg-type]

    def test_graph_shortest_path_refuses_what_it_cannot_weigh(self, store: Store) -> None:
        store.load("h", _table([("a", "b", -1.0, 1), ("b", "c", 1.0, 1)]), source="src", target="dst")
        for op, told in (
            (GraphShortestPath("h", "a", "c", "w"), "w"),
            (GraphShortestPath("h", "a", "c", "ww"), "did you mean 'w'"),
            (GraphShortestPath("h", "a", "c", "src"), "number"),
            (GraphShortestPath("h", "a", "cc", None), "cc"),
        ):
            with store.refused(told=told):
                store.ask(op)

    def test_graph_centrality_agrees_with_networkx(self, store: Store) -> None:
        _load(store)
        graph = _reference()
        simple = nx.DiGraph(graph)
        light = nx.DiGraph()
        for start, end, weight, _ in sorted(_EDGES, key=lambda edge: -edge[2]):
            light.add_edge(start, end, weight=weight)
        expected = {
            ("degree", None): dict(graph.degree()),
            ("in_degree", None): dict(graph.in_degree()),
            ("out_degree", None): dict(graph.out_degree()),
            ("pagerank", None): nx.pagerank(graph, tol=1e-12, weight=None),
            ("betweenness", None): nx.betweenness_centrality(simple),
            ("closeness", None): nx.closeness_centrality(simple),
            ("degree", "w"): dict(graph.degree(weight="weight")),
            ("pagerank", "w"): nx.pagerank(graph, tol=1e-12),
            ("betweenness", "w"): nx.betweenness_centrality(light, weight="weight"),
            ("closeness", "w"): nx.closeness_centrality(light, distance="weight"),
        }
        for (method, weighted), scores in expected.items():
            found = store.ask(GraphCentrality("g", method, weighted))
            assert found.columns == ("node", "score")
            got: dict[str, float] = dict(found.fetchall())  # type: ignore[arg-type]
            assert set(got) == set(scores), method
            assert all(abs(got[n] - s) < 1e-6 for n, s in scores.items()), (method, weighted, got, scores)

    def test_undirected_graphs_go_both_ways(self, store: Store) -> None:
        _load(store, directed="false")
        assert sorted(store.rows(GraphNeighbors("g", "b"))) == [("b", "a", 1), ("b", "c", 1)]
        assert [r[3] for r in store.rows(GraphShortestPath("g", "c", "b", "w"))] == ["c", "b"]
        degrees: dict[Any, Any] = dict(store.rows(GraphCentrality("g", "degree")))  # type: ignore[arg-type]
        assert degrees == {n: float(d) for n, d in _reference(directed=False).degree()}

    def test_graph_query_speaks_cypher(self, store: Store) -> None:
        _load(store)
        found = store.ask(
            GraphQuery("g", "MATCH (s)-[r]->(t) WHERE r.w < 2 RETURN s.id AS s, t.id AS t, r.w AS w ORDER BY s, t")
        )
        assert found.columns == ("s", "t", "w")
        assert found.fetchall() == [(s, d, w) for s, d, w, _ in sorted(_EDGES) if w < 2]
        assert store.ask(GraphQuery("g", "MATCH (n {id: $n})-->(m) RETURN count(m) AS c", {"n": "a"})).scalar() == 3
        nothing = store.ask(GraphQuery("g", "MATCH (n {id: 'nobody'}) RETURN n.id AS id"))
        assert (nothing.columns, nothing.fetchall()) == (("id",), [])
        for cypher in (
            "MATCH (n RETURN n",
            "CREATE (n)",
            "MATCH (n) DETACH DELETE n",
            "MATCH (n) SET n.id = 'x' RETURN n",
            "MERGE (n {id: 'new'}) RETURN n",
            "MATCH (n) RETURN m",
            "MATCH (n {id: $missing}) RETURN n",
            "",
        ):
            with store.refused():
                store.ask(GraphQuery("g", cypher))

    def test_graph_upsert_replaces_the_edges_between_the_same_ends(self, store: Store) -> None:
        _load(store)
        for _ in range(2):
            store.ask(
                GraphUpsert(
                    "g", edges=[{"src": "a", "dst": "b", "w": 9.0, "kind": 3}, {"src": "y", "dst": "n", "w": 1.0}]
                )
            )
            kept = [e for e in _EDGES if e[:2] != ("a", "b")]
            expected = [*kept, ("a", "b", 9.0, 3), ("y", "n", 1.0, None)]
            assert sorted(store.rows(Scan("g")), key=repr) == sorted(expected, key=repr)
        assert ("n",) in store.rows(Scan("g", part="nodes"))
        with store.refused(told="did you mean 'src'"):
            store.ask(GraphUpsert("g", edges=[{"srcc": "a", "dst": "b"}]))
        with store.refused(told="'dst'"):
            store.ask(GraphUpsert("g", edges=[{"src": "b", "dst": "b"}, {"src": "a", "dst": None}]))

    def test_graph_upsert_replaces_nodes_by_key(self, store: Store) -> None:
        nodes = pa.table({"code": ["a", "b", "z"], "size": pa.array([1, None, 3], pa.int64())})
        store.load("g", _table(_EDGES), source="src", target="dst", node_key="code", nodes=nodes)
        for _ in range(2):
            store.ask(GraphUpsert("g", nodes=[{"code": "a"}, {"code": "n", "size": 9}]))
            expected = [("a", None), ("b", None), ("n", 9), ("z", 3)]
            assert sorted(store.rows(Scan("g", part="nodes"))) == expected
        assert sorted(store.rows(Scan("g"))) == sorted(_EDGES)
        assert store.rows(GraphNeighbors("g", "n")) == []
        with store.refused(told="'code'"):
            store.ask(GraphUpsert("g", nodes=[{"code": "m"}, {"size": 1}]))
        with store.refused("CONSISTENCY_VIOLATION"):
            store.load("g", _table(_EDGES[:1]), mode="append", nodes=nodes.slice(0, 1))

    def test_graph_delete_takes_nodes_with_their_edges(self, store: Store) -> None:
        _load(store)
        store.ask(GraphDelete("g", nodes=["d", "nobody"]))
        assert sorted(store.rows(Scan("g"))) == sorted(e for e in _EDGES if "d" not in e[:2])
        store.ask(GraphDelete("g", where="w > 3"))
        assert sorted(store.rows(Scan("g"))) == sorted(e for e in _EDGES if "d" not in e[:2] and e[2] <= 3)
        assert ("d",) not in store.rows(Scan("g", part="nodes"))

    def test_parallel_edges_stay(self, store: Store) -> None:
        same = [("a", "b", 1.0, 1)] * 3
        store.load("p", _table(same), source="src", target="dst")
        assert store.rows(Scan("p")) == same
        store.load("p", _table(same), mode="append")
        assert store.rows(Scan("p")) == same * 2
        store.reopen()
        degrees: dict[Any, Any] = dict(store.rows(GraphCentrality("p", "out_degree")))  # type: ignore[arg-type]
        assert degrees == {"a": 6.0, "b": 0.0}
        assert store.rows(GraphQuery("p", "MATCH (a)-[r]->(b) RETURN count(*) AS n")) == [(6,)]

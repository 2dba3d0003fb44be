from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from polyroute.engines.call import Call
from polyroute.engines.execution import execute
from polyroute.engines.graph.networkx import NetworkXEngine
from polyroute.engines.loading import loader
from polyroute.engines.loading.loader import Definition, load
from polyroute.engines.loading.sources import from_table
from polyroute.engines.registry import open_engine
from polyroute.engines.testing.store import Store
from polyroute.engines.url import EngineURL
from polyroute.errors import PolyrouteError, QueryError
from polyroute.operations import (
    GraphCentrality,
    GraphDelete,
    GraphNeighbors,
    GraphQuery,
    GraphShortestPath,
    GraphUpsert,
    Scan,
)

ENDS = {"source": "src", "target": "dst"}


def test_the_scheme_opens_the_engine(tmp_path: Path) -> None:
    engine = open_engine(f"networkx:///{tmp_path}/g")
    assert isinstance(engine, NetworkXEngine)
    assert engine.datasets() == {}
    engine.close()
    engine.close()


def test_a_temporary_engine_leaves_nothing_behind() -> None:
    engine = open_engine("networkx://")
    place = engine.resource.path
    assert place.exists()
    engine.close()
    assert not place.exists()


class TestNodes:
    def test_without_a_node_table_the_nodes_are_those_of_the_edges(self, store: Store, routes: pa.Table) -> None:
        store.load("routes", routes, **ENDS)
        assert store.rows(Scan("routes", part="nodes")) == [("ATL",), ("JFK",), ("LAX",)]
        store.ask(GraphUpsert("routes", nodes=[{"id": "HNL"}], edges=[{"src": "SFO", "dst": "ATL"}]))
        assert {row[0] for row in store.rows(Scan("routes", part="nodes"))} == {"ATL", "JFK", "LAX", "HNL", "SFO"}

    def test_a_node_table_stays_as_it_is_and_edges_to_others_work(
        self, store: Store, routes: pa.Table, airports: pa.Table
    ) -> None:
        store.load("routes", routes, nodes=airports, node_key="iata", **ENDS)
        assert len(store.rows(Scan("routes", part="nodes"))) == 3
        assert store.rows(GraphNeighbors("routes", "LAX")) == [("LAX", "ATL", 1)]
        assert store.rows(GraphNeighbors("routes", "HNL")) == []
        assert {row[0] for row in store.rows(GraphCentrality("routes", "degree"))} == {"ATL", "JFK", "LAX", "HNL"}
        store.ask(GraphUpsert("routes", nodes=[{"iata": "JFK", "city": "NYC"}]))
        assert ("JFK", "NYC") in store.rows(Scan("routes", part="nodes"))
        assert len(store.rows(Scan("routes", part="nodes"))) == 3

    def test_a_node_key_that_occurs_twice_is_refused(self, store: Store, routes: pa.Table) -> None:
        twice = pa.table({"iata": ["ATL", "ATL"]})
        with store.refused("CONSISTENCY_VIOLATION", told="iata"):
            store.load("routes", routes, nodes=twice, node_key="iata", **ENDS)
        store.load("routes", routes, nodes=twice.slice(1), node_key="iata", **ENDS)
        with store.refused("CONSISTENCY_VIOLATION", told="iata"):
            store.load("routes", routes, mode="append", nodes=twice.slice(1))

    def test_nulls_where_an_id_belongs_are_refused(self, store: Store, routes: pa.Table) -> None:
        with store.refused(told="'src' is the source"):
            store.load("routes", pa.table({"src": [None, "a"], "dst": ["b", "c"]}), **ENDS)
        with store.refused(told="'iata' is the node key"):
            store.load("routes", routes, nodes=pa.table({"iata": ["ATL", None]}), node_key="iata", **ENDS)

    def test_lists_are_no_node_ids(self, store: Store) -> None:
        with store.refused(told="single value"):
            store.load("g", pa.table({"src": [["a"]], "dst": [["b"]]}), **ENDS)

    def test_integers_and_dates_are(self, store: Store) -> None:
        small = pa.table({"src": pa.array([1, 2], pa.int16()), "dst": pa.array([2, 300], pa.int16())})
        store.load("small", small, **ENDS)
        found = store.ask(GraphNeighbors("small", 1, 2))
        assert found.fetchall() == [(1, 2, 1), (1, 300, 2)]
        assert found.schema.field("node").type == pa.int16()
        days = [dt.date(2024, 1, 1), dt.date(2024, 1, 2)]
        store.load("days", pa.table({"src": days[:1], "dst": days[1:]}), **ENDS)
        assert store.rows(GraphNeighbors("days", days[0])) == [(days[0], days[1], 1)]
        assert store.rows(GraphQuery("days", "MATCH (n) RETURN n.id ORDER BY n.id")) == [
            ("2024-01-01",),
            ("2024-01-02",),
        ]


class TestWrites:
    def test_upsert_tells_the_rows_written_and_a_repeat_changes_nothing(self, store: Store, routes: pa.Table) -> None:
        store.load("routes", routes, **ENDS)
        edge = {"src": "ATL", "dst": "JFK", "km": 1.0, "airline": "XX"}
        for _ in range(2):
            assert store.ask(GraphUpsert("routes", edges=[edge])).rows_affected == 1
        between = [row for row in store.rows(Scan("routes")) if row[:2] == ("ATL", "JFK")]
        assert between == [("ATL", "JFK", 1.0, "XX")]

    def test_with_a_type_only_edges_of_that_type_are_replaced(self, store: Store, routes: pa.Table) -> None:
        store.load("routes", routes, type="airline", **ENDS)
        store.ask(GraphUpsert("routes", edges=[{"src": "ATL", "dst": "JFK", "km": 1.0, "airline": "DL"}]))
        between = [row[2:] for row in store.rows(Scan("routes")) if row[:2] == ("ATL", "JFK")]
        assert sorted(between) == [(1.0, "DL"), (1230.0, "B6")]

    def test_an_undirected_edge_is_the_same_from_both_ends(self, store: Store, routes: pa.Table) -> None:
        store.load("routes", routes, directed="false", **ENDS)
        store.ask(GraphUpsert("routes", edges=[{"src": "JFK", "dst": "ATL", "km": 1.0}]))
        ends = [set(row[:2]) for row in store.rows(Scan("routes"))]
        assert ends.count({"ATL", "JFK"}) == 1

    def test_delete_counts_nodes_and_edges_and_passes_over_unknown_ids(self, store: Store, routes: pa.Table) -> None:
        store.load("routes", routes, **ENDS)
        assert store.ask(GraphDelete("routes", nodes=["JFK", "XXX"])).rows_affected == 4
        assert store.ask(GraphDelete("routes", nodes=["XXX"])).rows_affected == 0
        assert store.ask(GraphDelete("routes", where="airline = 'AA'")).rows_affected == 1
        assert store.rows(Scan("routes")) == [("ATL", "LAX", None, "DL")]

    def test_many_small_writes_equal_one_load(self, store: Store, folder: Path) -> None:
        store.load("g", pa.table({"src": ["n0"], "dst": ["n1"], "w": [0]}), **ENDS)
        for i in range(1, 150):
            store.ask(GraphUpsert("g", edges=[{"src": f"n{i}", "dst": f"n{i + 1}", "w": i}]))
            if i % 10 == 0:
                store.ask(GraphDelete("g", where=f"w = {i - 5}"))
        expected = [(f"n{i}", f"n{i + 1}", i) for i in range(150) if i % 10 != 5 or i == 145]
        assert sorted(store.rows(Scan("g"))) == sorted(expected)
        store.reopen()
        assert sorted(store.rows(Scan("g"))) == sorted(expected)
        assert len(list(folder.glob("g-*/*.arrow"))) <= 66, "deltas are put together now and then"

    def test_a_repeated_idempotency_key_writes_once(self, store: Store, routes: pa.Table) -> None:
        store.load("routes", routes, **ENDS)
        source, key = from_table(routes.slice(0, 1)), "once"
        for _ in range(2):
            load([store.engine], "routes", source, mode="append", call=Call(idempotency_key=key), show_progress=False)
        assert len(store.rows(Scan("routes"))) == 6
        store.reopen()
        load([store.engine], "routes", source, mode="append", call=Call(idempotency_key=key), show_progress=False)
        assert len(store.rows(Scan("routes"))) == 6
        gone = GraphDelete("routes", where="airline = 'AA'")
        affected = [
            execute(store.engine, gone, Call(idempotency_key="gone")).affected  # type: ignore[union-attr]
            for _ in range(2)
        ]
        assert affected == [1, 1]

    def test_a_load_that_fails_half_way_changes_nothing(self, store: Store, routes: pa.Table) -> None:
        store.load("routes", routes, **ENDS)
        version = store.engine.data_version("routes")

        def fail() -> None:
            raise RuntimeError("the other engine failed")

        for mode in ("append", "replace"):
            spec = loader._spec(store.engine, "routes", from_table(routes), mode, Definition(roles=ENDS))
            with pytest.raises(RuntimeError):
                store.engine.load(replace(spec, before_commit=fail), Call())
            assert len(store.rows(Scan("routes"))) == 5
            assert store.engine.data_version("routes") == version
        store.load("routes", routes, mode="append")
        assert len(store.rows(Scan("routes"))) == 10

    def test_replace_gives_a_new_graph_with_new_roles(self, store: Store, routes: pa.Table) -> None:
        store.load("routes", routes, **ENDS)
        other = pa.table({"a": [1], "b": [2]})
        store.load("routes", other, mode="replace", source="a", target="b")
        assert store.engine.dataset("routes").roles["source"] == "a"
        assert store.rows(GraphNeighbors("routes", 1)) == [(1, 2, 1)]

    def test_a_read_only_engine_reads(self, store: Store, folder: Path, routes: pa.Table) -> None:
        store.load("routes", routes, **ENDS)
        store.close()
        reader = NetworkXEngine.open(EngineURL("networkx", folder), read_only=True)
        try:
            assert execute(reader, GraphNeighbors("routes", "ATL")).rows  # type: ignore[union-attr]
            with pytest.raises(QueryError, match="read-only"):
                execute(reader, GraphDelete("routes", nodes=["ATL"]))
        finally:
            reader.close()


class TestQuestions:
    def test_a_large_answer_comes_as_arrow_with_the_same_rows(self, store: Store) -> None:
        edges = pa.table({"src": ["hub"] * 3000, "dst": [f"n{i}" for i in range(3000)]})
        store.load("star", edges, **ENDS)
        found = store.ask(GraphNeighbors("star", "hub"))
        assert found.schema.names == ["start", "node", "hops"]
        assert sorted(found)[:2] == [("hub", "n0", 1), ("hub", "n1", 1)]
        assert len(found) == 3000

    def test_filters_are_remembered_for_the_version_they_saw(self, store: Store, routes: pa.Table) -> None:
        store.load("routes", routes, **ENDS)
        question = GraphNeighbors("routes", "ATL", where="airline = 'DL'")
        assert [row[1] for row in store.rows(question)] == ["JFK", "LAX"]
        store.ask(GraphDelete("routes", where="airline = 'DL' AND dst = 'LAX'"))
        assert [row[1] for row in store.rows(question)] == ["JFK"]

    def test_weights_without_value_cannot_be_walked(self, store: Store, routes: pa.Table) -> None:
        store.load("routes", routes, **ENDS)
        found = store.rows(GraphShortestPath("routes", "ATL", "LAX", "km"))
        assert [row[3:] for row in found] == [("ATL", 0.0), ("JFK", 1220.0), ("LAX", 5200.0)]

    def test_betweenness_needs_lengths_above_zero(self, store: Store) -> None:
        store.load("g", pa.table({"src": ["a", "b"], "dst": ["b", "c"], "w": [0, 1]}), **ENDS)
        with store.refused(told="above zero"):
            store.ask(GraphCentrality("g", "betweenness", "w"))
        assert dict(store.rows(GraphCentrality("g", "closeness", "w")))["c"] == pytest.approx(1.0)  # type: ignore[arg-type]
        assert dict(store.rows(GraphCentrality("g", "degree", "w")))["b"] == 1.0  # type: ignore[arg-type]

    def test_openCypher_sees_labels_types_and_properties(
        self, store: Store, routes: pa.Table, airports: pa.Table
    ) -> None:
        store.load("routes", routes, nodes=airports, node_key="iata", label="Airport", type="airline", **ENDS)
        found = store.ask(
            GraphQuery(
                "routes",
                "MATCH (a:Airport {iata: $from})-[r:B6]->(b) RETURN a, r, type(r) AS t, b.city AS city",
                {"from": "ATL"},
            )
        )
        node = {"id": "ATL", "labels": ["Airport"], "properties": {"iata": "ATL", "city": "Atlanta"}}
        edge = {"id": 1, "type": "B6", "start": "ATL", "end": "JFK", "properties": {"km": 1230.0}}
        assert found.fetchall() == [(node, edge, "B6", "New York")]
        assert store.rows(GraphQuery("routes", "MATCH (n) WHERE n.city IS NULL RETURN n.iata")) == [("LAX",)]

    def test_default_labels_and_types(self, store: Store, routes: pa.Table) -> None:
        store.load("routes", routes, **ENDS)
        question = GraphQuery("routes", "MATCH (n:Node)-[r:EDGE]->() RETURN DISTINCT labels(n) AS l, type(r) AS t")
        assert store.rows(question) == [(["Node"], "EDGE")]

    def test_a_query_sees_its_graphs_last_write(self, store: Store, routes: pa.Table) -> None:
        store.load("routes", routes, **ENDS)
        question = GraphQuery("routes", "MATCH ()-[r]->() RETURN count(r) AS c")
        assert store.ask(question).scalar() == 5
        store.ask(GraphUpsert("routes", edges=[{"src": "ATL", "dst": "SFO"}]))
        assert store.ask(question).scalar() == 6

    def test_a_long_query_stops_at_its_deadline(self, store: Store) -> None:
        edges = pa.table({"src": [i // 30 for i in range(900)], "dst": [i % 30 for i in range(900)]})
        store.load("dense", edges, **ENDS)
        for op in (
            GraphQuery("dense", "MATCH (a)-->(b)-->(c)-->(d)-->(e)-->(f) RETURN count(*)"),
            GraphQuery("dense", "MATCH (a)-[*]->(b) RETURN count(*)"),
            GraphQuery("dense", "RETURN reduce(s = 0, x IN range(1, 9000000) | s + x)"),
        ):
            with pytest.raises(PolyrouteError) as caught:
                execute(store.engine, op, Call(timeout_s=0.1))
            assert caught.value.code == "QUERY_TIMEOUT"
        assert store.ask(GraphQuery("dense", "RETURN 1 AS one")).scalar() == 1

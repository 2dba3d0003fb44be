"""Some operations of every kind over the sample: reads, also with empty answers, and writes that can be undone."""

from __future__ import annotations

from polyroute.operations import (
    DocumentCount,
    DocumentDelete,
    DocumentFind,
    DocumentGet,
    DocumentInsert,
    GraphCentrality,
    GraphDelete,
    GraphNeighbors,
    GraphQuery,
    GraphShortestPath,
    GraphUpsert,
    Operation,
    RelationalDelete,
    RelationalGet,
    RelationalQuery,
    RelationalUpsert,
    TimeseriesAppend,
    TimeseriesDelete,
    TimeseriesLatest,
    TimeseriesRange,
    TimeseriesWindow,
    VectorCluster,
    VectorDelete,
    VectorGet,
    VectorSearch,
    VectorUpsert,
)

READS: dict[str, tuple[Operation, ...]] = {
    "relational": (
        RelationalGet("things", 3),
        RelationalGet("things", 77),
        RelationalGet("things", 77, ("name", "k")),
        RelationalQuery(None, "SELECT 1 AS one, 'text' AS two", None, "native"),
        RelationalQuery(None, "SELECT 1 AS one, 'text' AS two WHERE 1 = 0", None, "native"),
    ),
    "vector": (
        VectorSearch("things", [1.0, 0.5], 3),
        VectorSearch("things", [1.0, 0.5], 3, "k < 0"),
        VectorSearch("things", [1.0, 0.5], 3, columns=("name", "k"), exact=True),
        VectorGet("things", [1, 2]),
        VectorGet("things", 77, ("name", "v")),
        VectorCluster("things", 2),
        VectorCluster("things", 2, "k < 0"),
    ),
    "graph": (
        GraphNeighbors("things", "A", 2),
        GraphNeighbors("things", "nobody", missing_ok=True),
        GraphShortestPath("things", "A", "C"),
        GraphShortestPath("things", "A", "nobody", missing_ok=True),
        GraphShortestPath("things", "A", "B", "k", where="k < 0"),
        GraphCentrality("things"),
        GraphCentrality("things", "degree", "k"),
        GraphQuery("things", "MATCH (a)-[r]->(b) RETURN a.id AS a, r.k AS k ORDER BY k"),
        GraphQuery("things", "MATCH (a)-[r]->(b) WHERE r.k < 0 RETURN a.id AS a, r.k AS k"),
    ),
    "document": (
        DocumentFind("things", {}),
        DocumentFind("things", {"k": -1}),
        DocumentFind("things", {"k": {"$gt": 3}}, ["k", "name"]),
        DocumentGet("things", 3),
        DocumentGet("things", 77),
        DocumentCount("things"),
        DocumentCount("things", {"k": -1}),
    ),
    "timeseries": (
        TimeseriesRange("things"),
        TimeseriesRange("things", "2014-01-01"),
        TimeseriesRange("things", "2014-01-01", columns=("name", "at")),
        TimeseriesLatest("things", "flag"),
        TimeseriesLatest("things", at="2012-01-01"),
        TimeseriesWindow("things", "count(*) AS n, max(x) AS x", "1 hour", "flag"),
        TimeseriesWindow("things", "count(*) AS n, max(x) AS x", "1 hour", "flag", where="k < 0"),
    ),
}

_NEW = {"k": 50, "name": "new"}

WRITES: dict[str, tuple[Operation, Operation]] = {
    "relational": (RelationalUpsert("things", [_NEW]), RelationalDelete("things", [50])),
    "vector": (VectorUpsert("things", [{**_NEW, "v": [1.0, 2.0]}]), VectorDelete("things", [50])),
    "graph": (
        GraphUpsert("things", edges=[{**_NEW, "src": "A", "dst": "A"}]),
        GraphDelete("things", where="k = 50"),
    ),
    "document": (DocumentInsert("things", [_NEW]), DocumentDelete("things", [50])),
    "timeseries": (
        TimeseriesAppend("things", [{**_NEW, "at": "2015-01-01"}]),
        TimeseriesDelete("things", "2015-01-01", "2015-01-02"),
    ),
}

ARGUMENTS: dict[str, dict[str, object]] = {
    "relational_get": {"key": 1},
    "relational_upsert": {"rows": []},
    "relational_delete": {"keys": [1]},
    "vector_search": {"vector": [1.0, 0.0]},
    "vector_get": {"keys": [1]},
    "vector_upsert": {"rows": []},
    "vector_delete": {"keys": [1]},
    "graph_query": {"cypher": "RETURN 1"},
    "graph_neighbors": {"start": "A"},
    "graph_shortest_path": {"start": "A", "goal": "B"},
    "graph_upsert": {"edges": []},
    "graph_delete": {"nodes": ["A"]},
    "document_get": {"key": 1},
    "document_insert": {"documents": []},
    "document_update": {"selector": {}, "changes": {}},
    "document_delete": {"keys": [1]},
    "timeseries_window": {"aggregates": "count(*) AS n"},
    "timeseries_append": {"rows": []},
    "timeseries_delete": {"start": 0},
}

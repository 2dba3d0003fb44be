"""SQL over several engines in the plain form: names, scopes, table functions, lateral calls, plans."""

from __future__ import annotations

import pytest

import polyroute
from polyroute import PolyrouteError


def rows(db: polyroute.DatabaseCoordinator, sql: str, params: object = None) -> list[tuple[object, ...]]:
    return db.sql(sql, params).fetchall()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT a.city FROM airports a JOIN routes r ON r.dst = a.iata WHERE r.src = 'LGA'", [("New York",)]),
        ("SELECT count(*) FROM routes.edges", [(4,)]),
        ("SELECT count(*) FROM graph.routes.nodes", [(4,)]),
        ("SELECT routes.edges.src FROM routes.edges WHERE km < 100", [("LGA",)]),
        ("SELECT rel.airports.iata FROM rel.airports WHERE rel.airports.elevation_ft > 7000", [("MEX",)]),
        ("WITH airports AS (SELECT * FROM airports WHERE country = 'FR') SELECT iata FROM airports", [("CDG",)]),
        ("WITH a AS (SELECT 1 AS x), b AS (SELECT x + 1 AS y FROM a) SELECT y FROM b", [(2,)]),
        ("WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 3) SELECT max(n) FROM r", [(3,)]),
        ("SELECT 7 / 2, 'JFK' IN (SELECT iata FROM airports)", [(3.5, True)]),
        ("FROM airports SELECT iata ORDER BY elevation_ft LIMIT 1", [("JFK",)]),
        ("SELECT iata FROM airports ORDER BY elevation_ft DESC LIMIT 1", [("MEX",)]),
        ("SELECT node FROM graph_neighbors('routes', 'LGA', max_hops => 2) WHERE hops = 2 ORDER BY node",
         [("CDG",), ("MEX",)]),
        ("SELECT step, node, cost FROM graph_shortest_path('routes', 'LGA', 'MEX', weight => 'km') ORDER BY step",
         [(0, "LGA", 0.0), (1, "JFK", 17.0), (2, "MEX", 3382.0)]),
        ("SELECT count(*) FROM graph_neighbors('routes', 'nowhere')", [(0,)]),
        ("SELECT count(*) FROM graph_neighbors('routes', NULL)", [(0,)]),
        ("SELECT a.iata, n.node FROM airports a, graph_neighbors('routes', a.iata) n ORDER BY ALL",
         [("CDG", "MEX"), ("JFK", "CDG"), ("JFK", "MEX"), ("LGA", "JFK")]),
        ("SELECT a.iata, n.node FROM airports a LEFT JOIN LATERAL graph_neighbors('routes', a.iata) n ON true "
         "WHERE a.country = 'US' ORDER BY ALL", [("JFK", "CDG"), ("JFK", "MEX"), ("LGA", "JFK"), ("XXX", None)]),
        ("SELECT a.iata, max(p.cost) FROM airports a, graph_shortest_path('routes', a.iata, 'MEX') p "
         "GROUP BY ALL ORDER BY ALL", [("CDG", 1.0), ("JFK", 1.0), ("LGA", 2.0), ("MEX", 0.0)]),
        ("SELECT sum(elevation_ft) FROM airports", [(7743,)]),
        ("PIVOT (SELECT country, iata FROM airports) ON country USING count(iata)", [(1, 1, 3)]),
    ],
)  # fmt: skip
def test_answers(db: polyroute.DatabaseCoordinator, sql: str, expected: list[tuple[object, ...]]) -> None:
    assert rows(db, sql) == expected
    assert db.sql(sql, pushdown=False).fetchall() == expected


def test_parameters_by_name_position_and_in_filters(db: polyroute.DatabaseCoordinator) -> None:
    assert rows(db, "SELECT iata FROM airports WHERE city = $c", {"c": "Paris", "unused": 1}) == [("CDG",)]
    assert rows(db, "SELECT iata FROM airports WHERE city = ? AND elevation_ft > ?", ["New York", 20]) == [("LGA",)]
    assert rows(db, "SELECT iata FROM airports WHERE iata IN $l ORDER BY 1", {"l": ["JFK", "CDG"]}) == [
        ("CDG",),
        ("JFK",),
    ]
    far = "SELECT node FROM graph_neighbors('routes', ?, max_hops => ?) WHERE hops = ? ORDER BY node"
    assert rows(db, far, ["LGA", 2, 2]) == [("CDG",), ("MEX",)]
    for wrong in ([], ["LGA", 2], ["LGA", 2, 2, 2]):
        with pytest.raises(PolyrouteError, match="3 parameters"):
            rows(db, far, wrong)
    near = "SELECT node FROM graph_neighbors('routes', $s, where => 'km < $far') ORDER BY node"
    assert rows(db, near, {"s": "JFK", "far": 4000}) == [("MEX",)]


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("['1'::JSON, NULL]", "list<item: extension<arrow.json>>"),
        ("{'a': ['{}'::JSON], 'b': 1}", "struct<a: list<item: extension<arrow.json>>, b: int32>"),
        ("map {'k': '2'::JSON}", "map<string, extension<arrow.json>>"),
        ("['1'::JSON]::JSON[1]", "fixed_size_list<item: extension<arrow.json>>[1]"),
        ("[TIMESTAMPTZ '2013-02-08 12:00:00+00']", "list<item: timestamp[us, tz=UTC]>"),
        ("[]", "list<item: null>"),
    ],
)
def test_nested_answers_keep_their_logical_types(db: polyroute.DatabaseCoordinator, sql: str, expected: str) -> None:
    assert str(db.sql(f"SELECT {sql} AS v").schema.field("v").type).replace("list<l:", "list<item:") == expected


def test_whole_sums_are_integers_and_json_stays_json(db: polyroute.DatabaseCoordinator) -> None:
    schema = db.sql("SELECT sum(elevation_ft) AS s, '[1]'::JSON AS j, now() AS t FROM airports").schema
    assert [str(t) for t in schema.types] == ["int64", "extension<arrow.json>", "timestamp[us, tz=UTC]"]


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("SELECT * FROM airport", "did you mean 'airports'?"),
        ("SELECT * FROM rell.airports", "did you mean 'rel'?"),
        ("SELECT * FROM rel.airport", "did you mean 'airports'?"),
        ("SELECT * FROM routes.nodez", "did you mean 'nodes'?"),
        ("SELECT * FROM polyroute.dataset", "did you mean 'datasets'?"),
        ("SELECT iatta FROM airports", "iata"),
        ("SELECT * FROM airports; SELECT 1", "2 SQL statements"),
        ("", "no SQL statement"),
        ("SELECT * FROM airports WHERE city = $c", "$c"),
        ("SELECT * FROM graph_neighbors('routes')", "lacks an argument"),
        ("SELECT * FROM graph_neighbors('routes', 'JFK', hops => 2)", "_hops"),
        ("SELECT graph_neighbors('routes', 'JFK')", "table function"),
        ("SELECT * FROM graph_neighbors('routes', 'JFK', direction => 'sideways')", "direction"),
        ("SELECT * FROM '/etc/passwd'", "no dataset"),
        ("SELECT * FROM read_text('/etc/passwd')", "file system operations are disabled"),
        ("ATTACH 'x.db'", "ATTACH"),
        ("COPY airports TO 'x.csv'", "COPY"),
        ("CREATE TABLE x AS SELECT 1", "CREATE"),
        ("SET threads = 1", "SET"),
    ],
)
def test_wrong_statements(db: polyroute.DatabaseCoordinator, sql: str, told: str) -> None:
    with pytest.raises(PolyrouteError) as caught:
        db.sql(sql)
    assert caught.value.code == "QUERY_INVALID"
    assert told in str(caught.value)


def test_the_plan_tells_what_was_moved(db: polyroute.DatabaseCoordinator) -> None:
    result = db.sql("SELECT count(*) FROM airports a JOIN routes r ON r.src = a.iata")
    assert result.plan is not None
    assert result.plan.rows_moved == 9
    assert [(f.engine, f.operation, f.rows) for f in result.plan.fragments] == [
        ("rel", "scan", 5),
        ("graph", "scan", 4),
    ]
    assert "scan on rel" in str(result.plan)
    planned = db.explain("SELECT count(*) FROM airports a JOIN routes r ON r.src = a.iata")
    assert [f.engine for f in planned.fragments] == ["rel", "graph"]
    assert planned.to_dict()["rows_moved"] == 0


def test_a_stream_gives_batches(db: polyroute.DatabaseCoordinator) -> None:
    batches = list(db.stream("SELECT iata FROM airports ORDER BY iata"))
    assert [v for b in batches for v in b.column(0).to_pylist()] == ["CDG", "JFK", "LGA", "MEX", "XXX"]


def test_the_connections_own_tables(db: polyroute.DatabaseCoordinator) -> None:
    assert rows(db, "SELECT name, kind, engine, key FROM polyroute.datasets ORDER BY name") == [
        ("airports", "relational", "rel", "iata"),
        ("routes", "graph", "graph", None),
    ]
    assert rows(db, "SELECT role FROM polyroute.columns WHERE dataset = 'routes' AND name = 'src'") == [("source",)]
    assert rows(db, "SHOW TABLES") == [("airports",), ("routes",)]
    assert rows(db, "DESCRIBE airports")[0] == ("iata", "string", True)


def test_changes_go_to_the_engine_that_holds_the_data(db: polyroute.DatabaseCoordinator) -> None:
    assert db.sql("UPDATE airports SET city = $c WHERE iata = 'XXX'", {"c": "Nowhere"}).rows_affected == 1
    assert db.sql("DELETE FROM rel.airports WHERE iata = 'MEX'").rows_affected == 1
    assert db.sql("INSERT INTO airports (iata, city) VALUES ('BRU', 'Brussels')").rows_affected == 1
    assert rows(db, "SELECT iata, city FROM airports WHERE elevation_ft IS NULL ORDER BY iata") == [
        ("BRU", "Brussels"),
        ("XXX", "Nowhere"),
    ]


def test_a_relational_query_runs_in_one_engine_with_our_semantics(db: polyroute.DatabaseCoordinator) -> None:
    found = db.relational_query("SELECT iata, elevation_ft / 2 AS half FROM airports WHERE iata = 'JFK'")
    assert found.fetchall() == [("JFK", 6.5)]
    with pytest.raises(PolyrouteError, match="no one engine"):
        db.relational_query("SELECT * FROM airports JOIN routes ON src = iata")


def test_case_tells_two_datasets_apart_and_finds_one(db: polyroute.DatabaseCoordinator) -> None:
    db.load("Hops", [{"n": 1}], engine="rel", show_progress=False)
    db.load("hops", [{"n": 20}], engine="olap", show_progress=False)
    assert rows(db, 'SELECT (SELECT n FROM "Hops"), (SELECT n FROM hops), (SELECT n FROM Hops)') == [(1, 20, 1)]
    assert rows(db, "SELECT a.n + hops.n FROM rel.HOPS AS a, olap.hops") == [(21,)]
    assert rows(db, "SELECT count(*) FROM rel.AIRPORTS WHERE iata IN (SELECT iata FROM Airports)") == [(5,)]
    with pytest.raises(PolyrouteError, match=r"did you mean '[Hh]ops'"):
        rows(db, "SELECT * FROM HOPS")


def test_two_spellings_of_one_dataset_are_one(db: polyroute.DatabaseCoordinator) -> None:
    assert rows(db, "SELECT count(*) FROM airports a JOIN AIRPORTS b USING (iata)") == [(5,)]
    assert rows(
        db, "SELECT airports.iata FROM AIRPORTS, (SELECT max(Airports.iata) m FROM Airports) WHERE iata = m"
    ) == [("XXX",)]


def test_a_lateral_call_reads_what_other_calls_gave(db: polyroute.DatabaseCoordinator) -> None:
    inner = "SELECT node FROM graph_neighbors('routes', 'LGA')"
    for sql in (
        f"SELECT count(*) FROM ({inner}) q, graph_neighbors('routes', q.node) n",
        f"WITH q AS ({inner}) SELECT count(*) FROM (SELECT n.* FROM q, graph_neighbors('routes', q.node) n) x",
    ):
        assert [db.sql(sql, pushdown=pushed).scalar() for pushed in (True, False)] == [2, 2]


def test_a_lateral_call_sees_no_later_siblings(db: polyroute.DatabaseCoordinator) -> None:
    sql = (
        "WITH a AS (SELECT n.node FROM airports p, graph_neighbors('routes', p.iata) n), "
        "b AS (SELECT node FROM graph_neighbors('routes', 'JFK', where => 'km > 4000')) "
        "SELECT (SELECT count(*) FROM a), (SELECT count(*) FROM b)"
    )
    assert [db.sql(sql, pushdown=pushed).one() for pushed in (True, False)] == [(4, 1), (4, 1)]


def test_a_lateral_call_reads_a_recursive_table(db: polyroute.DatabaseCoordinator) -> None:
    sql = (
        "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 2), s AS (SELECT 'JFK' AS a FROM r) "
        "SELECT count(*) FROM s, graph_neighbors('routes', s.a) n"
    )
    assert [db.sql(sql, pushdown=pushed).scalar() for pushed in (True, False)] == [4, 4]

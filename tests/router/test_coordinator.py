"""One operation on its way: resolved, bound, routed, run, recorded; and what goes wrong on it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

import polyroute
from polyroute import DatabaseErrorCode, PolyrouteError, Query, Requirements, Routing
from polyroute.engines import open_engine
from polyroute.engines.faults import FaultyEngine
from tests.router.conftest import AIRPORTS


def test_a_point_read_tells_how_it_came(db: polyroute.DatabaseCoordinator) -> None:
    result = db.query(Query("relational_get", "airports", {"key": "JFK"}))
    assert result.to_dicts() == [AIRPORTS[0]]
    assert (result.engine, result.attempts, result.from_cache, result.truncated) == ("rel", 1, False, False)
    assert result.route is not None
    assert [c.engine for c in result.route.considered] == ["rel"]
    assert result.timings["total_ms"] > 0


def test_a_missing_key_has_no_rows(db: polyroute.DatabaseCoordinator) -> None:
    result = db.relational_get("airports", "ZZZ")
    assert len(result) == 0
    assert result.columns == ("iata", "city", "elevation_ft", "country")
    assert result.to_arrow().num_rows == 0


def test_names_are_found_in_any_case_and_with_their_engine(db: polyroute.DatabaseCoordinator) -> None:
    assert db.scan("AIRPORTS", columns=["IATA"], limit=1).columns == ("iata",)
    assert len(db.scan("rel.airports")) == 5


def test_a_scan_filters_orders_and_cuts(db: polyroute.DatabaseCoordinator) -> None:
    found = db.scan(
        "airports", columns=["iata"], where="country = $c", params={"c": "US"}, order="elevation_ft DESC", limit=2
    )
    assert found.fetchall() == [("LGA",), ("JFK",)]


@pytest.mark.parametrize(
    ("ask", "code", "told"),
    [
        (lambda db: db.scan("airport"), "QUERY_INVALID", "did you mean 'airports'?"),
        (lambda db: db.scan("airports", columns=["iatta"]), "QUERY_INVALID", "did you mean 'iata'?"),
        (lambda db: db.scan("airports", where="citty = 'x'"), "QUERY_INVALID", "did you mean 'city'?"),
        (lambda db: db.scan("airports", where="city = "), "QUERY_INVALID", "parse"),
        (lambda db: db.scan("airports", where="1=1; DROP TABLE airports"), "QUERY_INVALID", ""),
        (lambda db: db.query(Query("relational_gett", "airports")), "QUERY_INVALID", "did you mean 'relational_get'?"),
        (lambda db: db.query(Query("relational_get", "airports", {"kee": 1})), "QUERY_INVALID", "did you mean 'key'?"),
        (lambda db: db.query(Query("relational_get", "airports")), "QUERY_INVALID", "lacks an argument"),
        (lambda db: db.scan("airports", routing=Routing(engine="rell")), "QUERY_INVALID", "did you mean 'rel'?"),
        (lambda db: db.graph_neighbors("airports", "JFK"), "QUERY_INVALID", "relational dataset"),
        (lambda db: db.graph_neighbors("routes", "JFX"), "QUERY_INVALID", "JFK"),
        (lambda db: db.scan("airports", limit=-1), "QUERY_INVALID", "limit"),
        (lambda db: db.relational_get("airports", 7), "QUERY_INVALID", "of type string"),
        (lambda db: db.scan("airports", routing=Routing(exclude=("rel",))), "ENGINE_SELECTION_FAILED", "excluded"),
        (lambda db: db.register_engine("sqllite://"), "QUERY_INVALID", "did you mean 'sqlite'?"),
        (lambda db: db.register_engine("nowhere"), "QUERY_INVALID", "scheme"),
        (lambda db: db.register_engine("sqlite://", "rel"), "QUERY_INVALID", "already"),
        (lambda db: db.load("airports", AIRPORTS, engine="rel"), "QUERY_INVALID", "mode="),
        (lambda db: db.load("x", AIRPORTS, engine="rel", key="iatta"), "QUERY_INVALID", "did you mean 'iata'?"),
        (lambda db: db.load("x", AIRPORTS, engine="graph"), "QUERY_INVALID", "source="),
        (lambda db: db.load("x", "nothing.parquet", engine="rel"), "QUERY_INVALID", "no file"),
        (lambda db: db.load("x", [*AIRPORTS, AIRPORTS[0]], engine="rel", key="iata"), "CONSISTENCY_VIOLATION", ""),
        (lambda db: db.relational_query("SELECT 1", dialect="native"), "QUERY_INVALID", "routing="),
        (lambda db: db.sql("SELECT * FROM vector_search('airports', [1.0])"), "QUERY_INVALID", "vector_search"),
    ],
)
def test_wrong_questions_get_the_right_code_and_change_nothing(
    db: polyroute.DatabaseCoordinator, ask: object, code: str, told: str
) -> None:
    before = db.catalog.names()
    with pytest.raises(PolyrouteError) as caught:
        ask(db)  # type: ignore[operator]
    assert caught.value.code == code
    assert told in str(caught.value)
    assert db.catalog.names() == before
    assert len(db.scan("airports")) == 5


def test_a_read_only_connection_refuses_every_write(tmp_path: Path) -> None:
    with polyroute.connect({"rel": f"sqlite:///{tmp_path}/a.db"}) as writable:
        writable.load("airports", AIRPORTS, engine="rel", key="iata")
    with polyroute.connect({"rel": f"sqlite:///{tmp_path}/a.db"}, read_only=True) as db:
        assert len(db.scan("airports")) == 5
        for write in (
            lambda: db.relational_upsert("airports", AIRPORTS[:1]),
            lambda: db.load("b", AIRPORTS, engine="rel"),
            lambda: db.drop("airports"),
            lambda: db.sql("DELETE FROM airports"),
        ):
            with pytest.raises(PolyrouteError, match="read-only"):
                write()
        assert len(db.scan("airports")) == 5


def test_limits_cut_answers_and_say_so(tmp_path: Path) -> None:
    with polyroute.connect(max_rows=2) as db:
        db.register("airports", AIRPORTS)
        for result in (db.scan("airports"), db.sql("SELECT * FROM airports")):
            assert (len(result), result.to_arrow().num_rows, result.truncated) == (2, 2, True)
        assert not db.scan("airports", limit=1).truncated
        # the limit is on answers, never on what an answer is computed from
        assert db.sql("SELECT count(*) FROM airports").scalar() == 5


def test_every_execution_is_recorded(db: polyroute.DatabaseCoordinator) -> None:
    db.scan("airports")
    with pytest.raises(PolyrouteError):
        db.relational_upsert("airports", [{"iata": "JFK", "elevation_ft": 2**70}])
    rows = db.sql("SELECT operation, dataset, engine FROM polyroute.executions").fetchall()
    assert ("scan", "airports", "rel") in rows


def test_a_closed_connection_says_so(tmp_path: Path) -> None:
    db = polyroute.connect()
    db.register("airports", AIRPORTS)
    db.close()
    db.close()
    for ask in (lambda: db.scan("airports"), lambda: db.sql("SELECT 1"), lambda: db.explain("SELECT 1")):
        with pytest.raises(PolyrouteError) as caught:
            ask()
        assert caught.value.code == DatabaseErrorCode.COORDINATION_FAILED


def two_placements(tmp_path: Path, **faults: object) -> tuple[polyroute.DatabaseCoordinator, FaultyEngine]:
    db = polyroute.connect(state_dir=tmp_path / "state", cache=False)
    faulty = FaultyEngine(open_engine(f"sqlite:///{tmp_path}/a.db"), **faults)  # type: ignore[arg-type]
    db.register_engine(faulty, "rel")
    db.register_engine(f"duckdb:///{tmp_path}/b.duckdb", "olap")
    db.load("airports", AIRPORTS, engine=("rel", "olap"), key="iata")
    return db, faulty


def test_a_failing_engine_is_answered_for_by_its_replica(tmp_path: Path) -> None:
    db, faulty = two_placements(tmp_path)
    with db:
        before = db.scan("airports", order="iata").fetchall()
        faulty.broken = True
        for _ in range(20):
            after = db.scan("airports", order="iata", requirements=Requirements())
            assert after.engine == "olap"
            assert after.fetchall() == before
        report = db.health_report()
        assert report.overall == "unavailable"
        faulty.broken = False
        assert db.error_statistics()["rel"]["ENGINE_UNAVAILABLE"] >= 1


def test_strong_consistency_reads_the_primary_only(tmp_path: Path) -> None:
    db, faulty = two_placements(tmp_path)
    with db:
        faulty.broken = True
        with pytest.raises(PolyrouteError) as caught:
            db.scan("airports", requirements=Requirements(consistency="strong"))
        assert caught.value.code == DatabaseErrorCode.ENGINE_UNAVAILABLE
        assert caught.value.engine == "rel"


def test_a_write_makes_the_replica_stale_and_it_is_not_read(tmp_path: Path) -> None:
    db, faulty = two_placements(tmp_path)
    with db:
        db.relational_upsert("airports", [{"iata": "JFK", "city": "Queens", "elevation_ft": 13, "country": "US"}])
        for _ in range(4):
            assert db.relational_get("airports", "JFK", columns=["city"]).scalar() == "Queens"
        faulty.broken = True
        with pytest.raises(PolyrouteError):
            db.relational_get("airports", "JFK")
        faulty.broken = False
        db.load("airports", AIRPORTS, engine=("rel", "olap"), key="iata", mode="replace")
        faulty.broken = True
        assert db.relational_get("airports", "JFK", columns=["city"]).scalar() == "New York"


def test_placements_are_remembered(tmp_path: Path) -> None:
    db, _ = two_placements(tmp_path)
    db.close()
    engines = {"rel": f"sqlite:///{tmp_path}/a.db", "olap": f"duckdb:///{tmp_path}/b.duckdb"}
    with polyroute.connect(engines, state_dir=tmp_path / "state") as db:
        assert [p.engine.id for p in db.datasets["airports"].placements] == ["rel", "olap"]
    with polyroute.connect(engines) as db:
        with pytest.raises(PolyrouteError, match=r"rel\.airports or olap\.airports"):
            db.scan("airports")
        assert len(db.scan("olap.airports")) == 5
        assert db.sql("SELECT count(*) AS n FROM rel.airports JOIN olap.airports o USING (iata)").scalar() == 5


@pytest.mark.parametrize("strategy", ["round_robin", "least_loaded", "capability_based", "performance_based"])
def test_the_answer_does_not_depend_on_the_strategy(tmp_path: Path, strategy: str) -> None:
    db, _ = two_placements(tmp_path)
    with db:
        routing = Routing(load_balancing=strategy)
        results = [db.scan("airports", order="iata", routing=routing) for _ in range(6)]
        assert len({tuple(r.fetchall()) for r in results}) == 1
        if strategy == "round_robin":
            assert [r.engine for r in results] == ["rel", "olap"] * 3
        if strategy == "performance_based":
            route = results[-1].route
            assert route is not None
            assert {c.engine for c in route.considered} == {"rel", "olap"}


def test_two_ids_on_one_file_are_one_dataset(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/a.db"
    with polyroute.connect({"one": url, "two": url}) as db:
        db.load("airports", AIRPORTS, engine="one", key="iata")
        assert len(db.scan("airports")) == 5
        assert len(db.scan("two.airports")) == 5


def test_a_load_into_two_engines_is_all_or_nothing(tmp_path: Path) -> None:
    with polyroute.connect({"rel": f"sqlite:///{tmp_path}/a.db", "graph": f"networkx:///{tmp_path}/g"}) as db:
        with pytest.raises(PolyrouteError):
            db.load("airports", AIRPORTS, engine=("rel", "graph"), key="iata")
        assert db.catalog.names() == []


def test_a_write_with_a_lost_reply_is_not_repeated_where_the_engine_forgets_its_key(tmp_path: Path) -> None:
    class Forgetful(FaultyEngine):
        pass

    engine = open_engine(f"sqlite:///{tmp_path}/a.db")
    faulty = Forgetful(engine)
    faulty.traits = dataclasses.replace(engine.traits, idempotent_writes=False)  # type: ignore[misc]
    with polyroute.connect() as db:
        db.register_engine(faulty, "rel")
        db.load("airports", AIRPORTS, engine="rel", key="iata")
        faulty.lost_reply_rate, calls = 1.0, faulty.calls
        with pytest.raises(PolyrouteError) as caught:
            db.relational_delete("airports", "JFK", requirements=Requirements(idempotency_key="once"))
        assert caught.value.outcome == "unknown"
        assert faulty.calls == calls + 1


def test_a_copy_is_held_for_stale_before_the_primary_is_written(tmp_path: Path) -> None:
    db, faulty = two_placements(tmp_path)
    with db:
        # the write is done, its reply is lost: nobody knows, so the copy must not answer for the primary
        faulty.lost_reply_rate = 1.0
        with pytest.raises(PolyrouteError):
            db.relational_delete("airports", "JFK")
        faulty.lost_reply_rate = 0.0
        assert [p.stale for p in db.datasets["airports"].placements] == [False, True]
        assert len(db.scan("airports")) == 4


def test_a_write_that_left_nothing_leaves_the_copies_current(tmp_path: Path) -> None:
    db, _ = two_placements(tmp_path)
    with db:
        with pytest.raises(PolyrouteError):
            db.sql("INSERT INTO airports (iata) VALUES ('JFK')")
        assert [p.stale for p in db.datasets["airports"].placements] == [False, False]
        db.sql("UPDATE airports SET city = 'Paree' WHERE iata = 'CDG'")
        assert [p.stale for p in db.datasets["airports"].placements] == [False, True]


def test_loads_into_copies_keep_track_of_what_is_current(tmp_path: Path) -> None:
    db, _ = two_placements(tmp_path)
    more = [{"iata": "BRU", "city": "Brussels", "elevation_ft": 184, "country": "BE"}]
    with db:
        db.load("airports", more, engine=("rel", "olap"), mode="append")
        assert [p.stale for p in db.datasets["airports"].placements] == [False, False]
        assert len(db.scan("olap.airports")) == 6
        with pytest.raises(PolyrouteError, match="load into rel too"):
            db.load("airports", more, engine="olap", mode="append")
        db.load("airports", [{**more[0], "iata": "ANR"}], engine="rel", mode="append")
        assert [p.stale for p in db.datasets["airports"].placements] == [False, True]
        db.load("airports", [{**more[0], "iata": "OST"}], engine=("rel", "olap"), mode="append")
        assert [p.stale for p in db.datasets["airports"].placements] == [False, True]
        db.load("airports", AIRPORTS, engine=("rel", "olap"), mode="replace")
        assert [p.stale for p in db.datasets["airports"].placements] == [False, False]

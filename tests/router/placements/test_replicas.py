"""Replicas of real datasets in real engines: read while they are current, not read when they are not."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

import polyroute
from polyroute import PolyrouteError, Requirements, Routing
from polyroute.engines import open_engine
from polyroute.engines.faults import FaultyEngine
from polyroute.router.placements.policy import RefreshPolicy
from polyroute.router.placements.refreshing import Refresher
from tests.router.conftest import AIRPORTS, ROUTES

ON_REPLICA = Routing(engine="olap")
MORE = {"iata": "BRU", "city": "Brussels", "elevation_ft": 184, "country": "BE"}


@pytest.fixture
def db(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[polyroute.DatabaseCoordinator]:
    """Give airports in SQLite and an empty DuckDB; nothing happens in the background."""
    monkeypatch.setattr(Refresher, "start", lambda self: None)
    with connected(tmp_path) as made:
        made.load("airports", AIRPORTS, engine="rel", key="iata")
        yield made


def connected(tmp_path: Path) -> polyroute.DatabaseCoordinator:
    engines = {"rel": f"sqlite:///{tmp_path}/rel.db", "olap": f"duckdb:///{tmp_path}/olap.duckdb"}
    return polyroute.connect(engines, state_dir=tmp_path / "state", cache=False)


def connected_apart(db: polyroute.DatabaseCoordinator) -> polyroute.DatabaseCoordinator:
    """Connect to the DuckDB file alone, without what the other connection knows."""
    return polyroute.connect({"olap": f"duckdb:///{db.engine('olap').resource.path}"}, cache=False)


def stale(db: polyroute.DatabaseCoordinator, name: str = "airports") -> list[bool]:
    return [p.stale for p in db.datasets[name].placements]


def count(db: polyroute.DatabaseCoordinator, **how: object) -> int:
    return len(db.scan("airports", **how))  # type: ignore[arg-type]


def foreign_insert(tmp_path: Path, iata: str = "OST") -> None:
    other = sqlite3.connect(tmp_path / "rel.db", isolation_level=None)
    other.execute("INSERT INTO airports (iata) VALUES (?)", (iata,))
    other.close()


def test_a_replica_answers_as_the_primary_does(db: polyroute.DatabaseCoordinator) -> None:
    assert db.replicate("airports", to="olap", refresh="manual").rows == 5
    primary, replica = (db.scan("airports", order="iata", routing=Routing(engine=e)) for e in ("rel", "olap"))
    assert replica.engine == "olap"
    assert replica.fetchall() == primary.fetchall()
    assert replica.schema == primary.schema
    assert db.relational_get("airports", "JFK", routing=ON_REPLICA).one() == db.relational_get("airports", "JFK").one()


def test_a_write_is_seen_at_once_and_the_replica_again_after_its_refresh(
    db: polyroute.DatabaseCoordinator,
) -> None:
    db.replicate("airports", to="olap")
    db.relational_upsert("airports", [MORE])
    assert stale(db) == [False, True]
    assert count(db) == 6
    with pytest.raises(PolyrouteError, match="older than the primary"):
        count(db, routing=ON_REPLICA)
    assert [r.engines for r in db.refresh_due()] == [("olap",)]
    assert stale(db) == [False, False]
    assert count(db, routing=ON_REPLICA) == 6
    assert db.refresh_due() == []


def test_a_write_by_another_program_is_noticed(db: polyroute.DatabaseCoordinator, tmp_path: Path) -> None:
    db.replicate("airports", to="olap")
    foreign_insert(tmp_path)
    assert stale(db) == [False, True]
    assert count(db) == 6
    assert len(db.refresh_due()) == 1
    assert count(db, routing=ON_REPLICA) == 6


def test_copies_made_by_one_load_notice_other_programs_too(db: polyroute.DatabaseCoordinator, tmp_path: Path) -> None:
    db.load("airports", AIRPORTS, engine=("rel", "olap"), mode="replace", key="iata")
    assert stale(db) == [False, False]
    foreign_insert(tmp_path)
    assert stale(db) == [False, True]
    assert len(db.refresh("airports")) == 1
    assert stale(db) == [False, False]


def test_writes_to_other_datasets_of_the_file_leave_the_replica_current(db: polyroute.DatabaseCoordinator) -> None:
    db.replicate("airports", to="olap", refresh="manual")
    db.load("others", [{"a": 1}], engine="rel", key="a")
    db.relational_upsert("others", [{"a": 2}])
    db.sql("DELETE FROM others WHERE a = 1")
    db.create_index("airports", "city")
    db.drop("others")
    assert stale(db) == [False, False]


def test_triggers_cascades_and_views_leave_replicas_behind(db: polyroute.DatabaseCoordinator, tmp_path: Path) -> None:
    db.sql("DELETE FROM airports WHERE iata = 'XXX'")
    with sqlite3.connect(tmp_path / "rel.db") as other:
        other.executescript(
            """
            CREATE TABLE log (n INTEGER);
            CREATE TRIGGER noted AFTER INSERT ON log BEGIN DELETE FROM airports WHERE iata = 'JFK'; END;
            """
        )
    other.close()
    db.replicate("airports", to="olap", refresh="manual")
    db.sql("INSERT INTO log VALUES (1)")
    assert stale(db) == [False, True]
    assert count(db) == 3


def test_a_view_is_replicated_and_its_tables_are_watched(db: polyroute.DatabaseCoordinator, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "rel.db") as other:
        other.execute("CREATE VIEW high AS SELECT iata FROM airports WHERE elevation_ft > 300")
    other.close()
    db.replicate("high", to="olap", refresh="manual")
    assert stale(db, "high") == [False, False]
    db.relational_upsert("airports", [{**MORE, "elevation_ft": 5000}])
    assert stale(db, "high") == [False, True]
    db.refresh("high")
    assert len(db.scan("high", routing=ON_REPLICA)) == 3


def test_a_write_that_left_nothing_leaves_the_replica_current(db: polyroute.DatabaseCoordinator) -> None:
    db.replicate("airports", to="olap", refresh="manual")
    with pytest.raises(PolyrouteError):
        db.sql("INSERT INTO airports (iata) VALUES ('JFK')")
    assert stale(db) == [False, False]


def test_another_connection_of_this_process_is_noticed(db: polyroute.DatabaseCoordinator, tmp_path: Path) -> None:
    db.replicate("airports", to="olap", refresh="manual")
    with polyroute.connect({"other": f"sqlite:///{tmp_path}/rel.db"}) as other:
        other.relational_upsert("airports", [MORE])
    assert stale(db) == [False, True]


def test_a_replica_written_past_its_primary_is_not_read(db: polyroute.DatabaseCoordinator, tmp_path: Path) -> None:
    db.replicate("airports", to="olap", refresh="manual")
    with pytest.raises(PolyrouteError, match="takes no writes"):
        db.relational_upsert("olap.airports", [MORE])
    with polyroute.connect({"other": f"duckdb:///{tmp_path}/olap.duckdb"}) as other:
        other.relational_upsert("airports", [MORE])
    with pytest.raises(PolyrouteError, match="past its primary"):
        count(db, routing=ON_REPLICA)
    assert len(db.refresh("airports")) == 1
    assert count(db, routing=ON_REPLICA) == 5


def test_strong_reads_the_primary(db: polyroute.DatabaseCoordinator) -> None:
    db.replicate("airports", to="olap", refresh="manual")
    strong = Requirements(consistency="strong")
    assert {db.scan("airports", requirements=strong).engine for _ in range(4)} == {"rel"}
    sql = "SELECT count(*) FROM airports"
    assert {db.relational_query(sql, requirements=strong).engine for _ in range(4)} == {"rel"}
    assert {db.sql(sql, requirements=strong).engine for _ in range(4)} == {"rel"}


def test_who_takes_an_older_state_is_told_how_old_and_sees_his_own_writes(
    db: polyroute.DatabaseCoordinator, tmp_path: Path
) -> None:
    db.replicate("airports", to="olap", refresh="manual")
    foreign_insert(tmp_path)
    patient = Requirements(max_staleness_s=3600)
    old = db.scan("airports", requirements=patient, routing=ON_REPLICA)
    assert (len(old), old.freshness.startswith("up to"), "replica in olap" in old.freshness) == (5, True, True)
    assert db.scan("airports", routing=Routing(engine="rel")).freshness == "current"
    with pytest.raises(PolyrouteError):
        count(db, requirements=Requirements(max_staleness_s=1e-9), routing=ON_REPLICA)
    db.relational_upsert("airports", [MORE])
    with pytest.raises(PolyrouteError):
        count(db, requirements=patient, routing=ON_REPLICA)
    assert count(db, requirements=patient) == 7


def test_a_refresh_that_fails_is_reported_and_the_replica_not_read(tmp_path: Path) -> None:
    now = [0.0]
    with polyroute.connect(state_dir=tmp_path / "state", cache=False) as db:
        faulty = FaultyEngine(open_engine(f"duckdb:///{tmp_path}/olap.duckdb"))
        db.register_engine(f"sqlite:///{tmp_path}/rel.db", "rel")
        db.register_engine(faulty, "olap")
        db.load("airports", AIRPORTS, engine="rel", key="iata")
        db.replicate("airports", to="olap", refresh="manual")
        db.catalog.record_policy("airports", "olap", RefreshPolicy.parse("on_write"))
        refresher = Refresher(db.catalog, clock=lambda: now[0])
        db.relational_upsert("airports", [MORE])
        faulty.broken = True
        assert refresher.refresh_due() == []
        report = db.health_report()
        assert any("could not be refreshed (ENGINE_UNAVAILABLE)" in e.reason for e in report.engines)
        assert any("db.refresh('airports')" in r for r in report.recommendations)
        assert {db.scan("airports").engine for _ in range(3)} == {"rel"}
        faulty.broken = False
        calls = faulty.calls
        assert refresher.refresh_due() == []
        assert faulty.calls == calls, "it is tried again after a pause only"
        now[0] += 5.0
        assert len(refresher.refresh_due()) == 1
        assert len(db.scan("airports", routing=ON_REPLICA)) == 6
        assert "refreshed" not in str(db.health_report())


def test_a_replica_of_every_five_minutes(db: polyroute.DatabaseCoordinator) -> None:
    now = [0.0]
    db.replicate("airports", to="olap", refresh="5m")
    refresher = Refresher(db.catalog, clock=lambda: now[0])
    db.relational_upsert("airports", [MORE])
    assert refresher.refresh_due() == []
    now[0] += 299
    assert refresher.refresh_due() == []
    now[0] += 1
    assert len(refresher.refresh_due()) == 1
    now[0] += 300
    assert refresher.refresh_due() == [], "nothing has changed"


def test_a_write_in_the_middle_of_a_refresh_leaves_the_replica_behind(
    db: polyroute.DatabaseCoordinator, monkeypatch: pytest.MonkeyPatch
) -> None:
    db.replicate("airports", to="olap", refresh="manual")
    db.relational_upsert("airports", [MORE])
    load = type(db.engine("olap")).load

    def overtaken(self: object, spec: object, call: object) -> int:
        db.relational_upsert("airports", [{**MORE, "iata": "ANR"}])
        return load(self, spec, call)  # type: ignore[arg-type]

    monkeypatch.setattr(type(db.engine("olap")), "load", overtaken)
    db.refresh("airports")
    monkeypatch.undo()
    assert stale(db) == [False, True]
    assert count(db) == 7
    db.refresh("airports")
    assert count(db, routing=ON_REPLICA) == 7


def test_the_background_refreshes_after_a_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = threading.Event()
    refresh_due = Refresher.refresh_due

    def telling(self: Refresher) -> object:
        reports = refresh_due(self)
        # one that was overtaken by the write is followed by another
        if reports and not any(p.stale for _, p in self._catalog.copies()):
            done.set()
        return reports

    monkeypatch.setattr(Refresher, "refresh_due", telling)
    with connected(tmp_path) as db:
        db.load("airports", AIRPORTS, engine="rel", key="iata")
        db.replicate("airports", to="olap")
        db.relational_upsert("airports", [MORE])
        assert done.wait(60)
        assert count(db, routing=ON_REPLICA) == 6
        thread = db._refresher._thread
    assert thread is not None
    assert not thread.is_alive()


def test_after_a_restart_a_replica_is_read_only_if_nobody_wrote_meanwhile(tmp_path: Path) -> None:
    with connected(tmp_path) as db:
        db.load("airports", AIRPORTS, engine="rel", key="iata")
        db.replicate("airports", to="olap", refresh="manual")
    with connected(tmp_path) as db:
        assert stale(db) == [False, False]
        assert count(db, routing=ON_REPLICA) == 5
        engine = db.engine("rel")
        db.unregister_engine("rel")
        db.register_engine(f"sqlite:///{tmp_path}/rel.db", "rel")
        assert db.engine("rel") is not engine
        assert stale(db) == [False, False]
    foreign_insert(tmp_path)
    with connected(tmp_path) as db:
        assert stale(db) == [False, True]
        assert count(db) == 6
        db.refresh("airports")
        assert stale(db) == [False, False]
    (tmp_path / "state" / "placements.json").write_text('{"airports": {"engines": ["rel", "olap"], "stale": []}}')
    with connected(tmp_path) as db:
        assert stale(db) == [False, True], "a record without a state proves nothing"


def test_a_connection_that_dies_leaves_replicas_unbelieved(tmp_path: Path) -> None:
    db = connected(tmp_path)
    db.load("airports", AIRPORTS, engine="rel", key="iata")
    db.replicate("airports", to="olap", refresh="manual")
    kept = (tmp_path / "state" / "placements.json").read_text()
    db.close()
    (tmp_path / "state" / "placements.json").write_text(kept)
    with connected(tmp_path) as again:
        assert stale(again) == [False, True]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT count(*) FROM airports",
        "SELECT count(*) FROM airports a JOIN others o ON o.country = a.country",
        "SELECT count(*) FROM (SELECT DISTINCT iata FROM airports) x, others o WHERE o.country = 'US'",
    ],
)
def test_a_statement_whose_plan_is_remembered_notices_that_its_replica_grew_old(
    db: polyroute.DatabaseCoordinator, tmp_path: Path, sql: str
) -> None:
    db.load("others", [{"country": "US"}], engine="olap", key="country")
    with sqlite3.connect(tmp_path / "rel.db") as other:
        other.execute("UPDATE airports SET country = 'US'")
    other.close()
    db.replicate("airports", to="olap", refresh="manual")
    for _ in range(3):
        assert db.sql(sql).scalar() == 5
    other = sqlite3.connect(tmp_path / "rel.db", isolation_level=None)
    other.execute("INSERT INTO airports (iata, country) VALUES ('OST', 'US')")
    other.close()
    assert db.sql(sql).scalar() == 6
    db.relational_upsert("airports", [{**MORE, "country": "US"}])
    assert [db.sql(sql).scalar() for _ in range(2)] == [7, 7]
    db.refresh("airports")
    assert [db.sql(sql).scalar() for _ in range(2)] == [7, 7]


def test_a_statement_says_how_old_its_answer_may_be_and_it_is_not_kept(tmp_path: Path) -> None:
    engines = {"rel": f"sqlite:///{tmp_path}/rel.db", "olap": f"duckdb:///{tmp_path}/olap.duckdb"}
    patient = Requirements(max_staleness_s=3600)
    sql = "SELECT count(*) FROM airports WHERE iata <> ''"
    with polyroute.connect(engines) as db:
        db.load("airports", AIRPORTS, engine="rel", key="iata")
        db.replicate("airports", to="olap", refresh="manual")
        foreign_insert(tmp_path)
        old = db.sql(sql, requirements=patient, routing=ON_REPLICA)
        assert (old.scalar(), "replica in olap" in old.freshness) == (5, True)
        again = db.sql(sql)
        assert (again.scalar(), again.freshness, again.from_cache) == (6, "current", False)


def test_a_replica_can_be_taken_away(db: polyroute.DatabaseCoordinator) -> None:
    db.replicate("airports", to="olap", refresh="manual")
    with pytest.raises(PolyrouteError, match="did you mean 'olap'"):
        db.unreplicate("airports", engine="ola")
    db.unreplicate("airports", engine="olap")
    assert [p.engine.id for p in db.datasets["airports"].placements] == ["rel"]
    assert "airports" not in db.engine("olap").datasets()
    db.replicate("airports", to="olap", refresh="manual")
    db.drop("airports")
    assert db.catalog.names() == []


@pytest.mark.parametrize(
    ("ask", "told"),
    [
        (lambda db: db.replicate("airport", to="olap"), "did you mean 'airports'"),
        (lambda db: db.replicate("airports", to="olapp"), "did you mean 'olap'"),
        (lambda db: db.replicate("airports", to="rel"), "same store"),
        (lambda db: db.replicate("airports", to="olap", refresh="weekly"), "on_write"),
        (lambda db: db.replicate("airports", to="olap", refresh="0s"), "on_write"),
        (lambda db: db.replicate("airports", to="graph"), "graph"),
        (lambda db: db.replicate("routes", to="olap"), "graph"),
        (lambda db: db.replicate("airports", to="ts"), "time="),
        (lambda db: db.replicate("typed", to="rel"), "nanoseconds"),
        (lambda db: db.replicate("rel.taken", to="olap"), "another dataset"),
    ],
)
def test_what_cannot_be_replicated_is_refused_and_nothing_changed(
    db: polyroute.DatabaseCoordinator, ask: object, told: str
) -> None:
    db.register_engine("networkx://", "graph")
    db.register_engine("timeseries+duckdb://", "ts")
    db.load("routes", ROUTES, engine="graph", source="src", target="dst")
    moments = pa.array([[1]], pa.list_(pa.timestamp("ns")))
    db.load("typed", pa.table({"k": [1], "v": moments}), engine="olap", key="k")
    db.load("taken", [{"a": 1}], engine="rel")
    with connected_apart(db) as other:
        other.load("taken", [{"b": 2}], engine="olap")
    with pytest.raises(PolyrouteError) as caught:
        ask(db)  # type: ignore[operator]
    assert told in str(caught.value)
    assert len(db.datasets["airports"].placements) == 1


def test_a_graph_with_its_nodes_and_documents_are_replicated(db: polyroute.DatabaseCoordinator, tmp_path: Path) -> None:
    nodes = pa.table({"id": ["JFK", "LGA", "CDG", "MEX", "ZZZ"], "n": [1, 2, 3, 4, 5]})
    for name in ("one", "two"):
        db.register_engine(f"networkx:///{tmp_path}/{name}", name)
    db.load("routes", ROUTES, engine="one", source="src", target="dst", nodes=nodes)
    db.replicate("routes", to="two", refresh="manual")
    db.register_engine(f"tinydb:///{tmp_path}/docs.json", "docs")
    db.register_engine(f"document+sqlite:///{tmp_path}/docs.db", "more")
    documents = [{"_id": "a", "tags": ["x", 1], "deep": {"n": 1}}, {"_id": "b"}]
    db.load("papers", documents, engine="docs")
    db.replicate("papers", to="more", refresh="manual")
    for name, first, second in (("routes", "one", "two"), ("papers", "docs", "more")):
        both = [db.scan(name, routing=Routing(engine=e)).to_arrow() for e in (first, second)]
        assert sorted(map(str, both[0].to_pylist())) == sorted(map(str, both[1].to_pylist()))
        assert both[0].schema == both[1].schema
    assert len(db.scan("routes", part="nodes", routing=Routing(engine="two"))) == 5
    hops = db.graph_neighbors("routes", "LGA", max_hops=2, routing=Routing(engine="two"))
    assert sorted(r[1] for r in hops) == ["CDG", "JFK", "MEX"]
    found = db.document_find("papers", {"_id": "a"}, routing=Routing(engine="more")).to_dicts()
    assert found == [documents[0]]
    db.graph_upsert("routes", edges=[{"src": "ZZZ", "dst": "JFK", "km": 1.0}])
    assert stale(db, "routes") == [False, True]
    assert stale(db, "papers") == [False, False]
    db.refresh("routes")
    assert len(db.scan("routes", routing=Routing(engine="two"))) == 5


def test_a_read_only_connection_reads_replicas_and_makes_none(tmp_path: Path) -> None:
    with connected(tmp_path) as db:
        db.load("airports", AIRPORTS, engine="rel", key="iata")
        db.replicate("airports", to="olap", refresh="manual")
    engines = {"rel": f"sqlite:///{tmp_path}/rel.db", "olap": f"duckdb:///{tmp_path}/olap.duckdb"}
    with polyroute.connect(engines, state_dir=tmp_path / "state", read_only=True, cache=False) as db:
        assert count(db, routing=ON_REPLICA) == 5
        for ask in (lambda: db.replicate("airports", to="olap"), lambda: db.refresh("airports")):
            with pytest.raises(PolyrouteError, match="read-only"):
                ask()


def test_the_first_load_into_two_fresh_files_makes_a_copy_that_is_read(tmp_path: Path) -> None:
    engines = {"rel": f"sqlite:///{tmp_path}/fresh.db", "olap": f"duckdb:///{tmp_path}/fresh.duckdb"}
    with polyroute.connect(engines, cache=False) as db:
        db.load("t", [{"id": 1}], engine=("rel", "olap"), key="id", show_progress=False)
        # SQLite's change to WAL at the first write is no commit of another program
        assert len(db.scan("t", routing=Routing(engine="olap"))) == 1

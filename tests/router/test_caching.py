"""The result cache under the coordinator, over real engines on real files, with other programs writing beside it."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import polyroute
from polyroute import PolyrouteError, Query, Requirements, Routing
from polyroute.engines import open_engine
from polyroute.engines.relational.sqlite import SQLiteEngine
from polyroute.optimizer.cache import ResultCache
from polyroute.router.config import configuration_from
from tests.optimizer.cache.interleavings import EpochAtStore
from tests.router.conftest import AIRPORTS


def get(db: polyroute.DatabaseCoordinator, key: str = "JFK", **how: object) -> polyroute.QueryResult:
    return db.relational_get("airports", key, columns=["city"], **how)  # type: ignore[arg-type]


def rename(db: polyroute.DatabaseCoordinator, city: str) -> None:
    db.relational_upsert("airports", [{**AIRPORTS[0], "city": city}])


def test_a_repeated_question_is_answered_from_the_cache(db: polyroute.DatabaseCoordinator) -> None:
    first, second = get(db), get(db)
    assert (first.from_cache, second.from_cache, second.engine, second.attempts) == (False, True, "rel", 0)
    assert second.fetchall() == first.fetchall()
    assert second.schema == first.schema
    assert second.timings["total_ms"] > 0
    query = Query("relational_get", "airports", {"key": "JFK", "columns": ["city"]})
    assert db.query(query).from_cache, "written otherwise, but the same question"
    assert db.query(query).from_cache
    statistics = db.cache.statistics()
    assert (statistics.misses, statistics.hits) == (1, 3)


def test_equal_questions_meet(db: polyroute.DatabaseCoordinator) -> None:
    first = db.scan("airports", where="country = 'US' AND elevation_ft > 10", order="iata")
    second = db.scan("AIRPORTS", where="$low < Elevation_ft AND (country = 'US')", params={"low": 10}, order=["iata"])
    assert (first.from_cache, second.from_cache) == (False, True)
    assert second.fetchall() == first.fetchall()


def test_a_caller_sees_its_own_writes(db: polyroute.DatabaseCoordinator) -> None:
    for city in ("A", "B", "C"):
        rename(db, city)
        assert [get(db).scalar(), get(db).scalar()] == [city, city]
    db.sql("UPDATE airports SET city = 'D' WHERE iata = 'JFK'")
    assert get(db).scalar() == "D"
    db.load("airports", [{**AIRPORTS[0], "city": "E"}], engine="rel", key="iata", mode="replace")
    assert get(db).scalar() == "E"
    db.drop("airports")
    with pytest.raises(PolyrouteError, match="no dataset"):
        get(db)


def test_a_write_by_another_program_is_seen_at_once(db: polyroute.DatabaseCoordinator, tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "rel.db", isolation_level=None)
    for city in ("A", "B"):
        get(db)
        assert get(db).from_cache
        other.execute("UPDATE airports SET city = ? WHERE iata = 'JFK'", (city,))
        assert get(db).scalar() == city
    other.execute("BEGIN IMMEDIATE")
    other.execute("UPDATE airports SET city = 'undone'")
    assert get(db).scalar() == "B"
    other.execute("ROLLBACK")
    assert get(db).scalar() == "B"
    other.close()


def test_views_triggers_and_cascades_are_in_the_read_set(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "rel.db") as made:
        made.executescript(
            """
            CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER); INSERT INTO t VALUES (1, 1);
            CREATE TABLE log (n INTEGER);
            CREATE VIEW doubled AS SELECT id, 2 * n AS n FROM t;
            CREATE TRIGGER noted AFTER UPDATE ON t BEGIN INSERT INTO log VALUES (new.n); END;
            """
        )
    made.close()
    with polyroute.connect({"rel": f"sqlite:///{tmp_path}/rel.db"}) as db:
        ask: list[Callable[[], object]] = [
            lambda: db.scan("doubled", columns=["n"]).fetchall(),
            lambda: db.scan("log").fetchall(),
        ]
        assert [a() for a in ask] == [[(2,)], []]
        db.sql("UPDATE t SET n = 5 WHERE id = 1")
        assert [a() for a in ask] == [[(10,)], [(5,)]]


@pytest.mark.parametrize("engine", ["sqlite", "duckdb"])
def test_a_view_that_reads_chance_is_asked_anew(tmp_path: Path, engine: str) -> None:
    with polyroute.connect({"rel": f"{engine}:///{tmp_path}/a.db"}) as db:
        for name, sql in (
            ("t", "SELECT 1 AS a"),
            ("inner", "SELECT random() AS a"),
            ("outer", 'SELECT * FROM "inner"'),
        ):
            made = "TABLE" if name == "t" else "VIEW"
            db.relational_execute(f'CREATE {made} "{name}" AS {sql}', dialect="native", routing=Routing(engine="rel"))
        assert [db.scan(name).from_cache for name in ("t", "t", "outer", "outer")] == [False, True, False, False]
        assert [db.sql('SELECT * FROM "outer"').from_cache for _ in range(2)] == [False, False]


def test_it_can_be_left_alone_per_query_and_altogether(db: polyroute.DatabaseCoordinator, tmp_path: Path) -> None:
    get(db)
    assert not get(db, cache=False).from_cache
    assert not db.query(
        Query("relational_get", "airports", {"key": "JFK", "columns": ["city"]}, cache=False)
    ).from_cache
    (tmp_path / "off.toml").write_text(f"[cache]\nenabled = false\n[engines]\nrel = 'sqlite:///{tmp_path}/rel.db'\n")
    with polyroute.connect(tmp_path / "off.toml") as off:
        assert [get(off).from_cache, get(off).from_cache] == [False, False]
    with polyroute.connect({"rel": f"sqlite:///{tmp_path}/rel.db"}, cache=False) as off:
        assert [get(off).from_cache, get(off).from_cache] == [False, False]


def test_the_configuration_is_checked() -> None:
    assert configuration_from({"cache": {"max_entries": 5, "ttl_s": 1.5}}).cache.max_entries == 5
    with pytest.raises(PolyrouteError, match="did you mean 'max_bytes'"):
        configuration_from({"cache": {"max_byte": 5}})
    with pytest.raises(PolyrouteError, match="at least 1"):
        configuration_from({"cache": {"max_entries": 0}})


def test_chance_and_the_clock_are_asked_anew(db: polyroute.DatabaseCoordinator) -> None:
    asked: list[Callable[[], polyroute.QueryResult]] = [
        lambda: db.graph_query("routes", "RETURN rand() AS x"),
        lambda: db.scan("airports", where="CAST(now() AS VARCHAR) <> city"),
    ]
    for ask in asked:
        ask()
        assert not ask().from_cache
    kept = "MATCH (a)-[r]->(b) RETURN count(*) AS n"
    db.graph_query("routes", kept)
    assert db.graph_query("routes", kept).from_cache


def test_who_may_answer_is_part_of_the_question(db: polyroute.DatabaseCoordinator) -> None:
    get(db)
    with pytest.raises(PolyrouteError):
        get(db, routing=Routing(engine="olap"))
    assert not get(db, routing=Routing(engine="rel")).from_cache
    assert get(db, routing=Routing(engine="rel")).from_cache
    assert get(db, requirements=Requirements(consistency="strong")).from_cache, "checked versions are strong"


def test_a_name_that_becomes_ambiguous_is_refused(db: polyroute.DatabaseCoordinator, tmp_path: Path) -> None:
    get(db)
    other = open_engine(f"sqlite:///{tmp_path}/other.db")
    with polyroute.connect() as beside:
        beside.register_engine(f"sqlite:///{tmp_path}/other.db", "rel")
        beside.load("airports", AIRPORTS, engine="rel", key="iata")
    db.register_engine(other, "second")
    with pytest.raises(PolyrouteError, match="different dataset"):
        get(db)
    assert get(db.unregister_engine("second") or db).scalar() == "New York"


def test_junk_and_errors_are_not_kept(db: polyroute.DatabaseCoordinator) -> None:
    for _ in range(2):
        with pytest.raises(PolyrouteError, match="of type string"):
            db.relational_get("airports", 7)
        with pytest.raises(PolyrouteError):
            db.query(Query("relational_get", ["airports"], {"key": []}))  # type: ignore[arg-type]
    assert db.cache.statistics().entries == 0


def test_limits_cut_what_comes_from_the_cache_too(tmp_path: Path) -> None:
    with polyroute.connect({"rel": f"sqlite:///{tmp_path}/a.db"}, max_rows=2) as db:
        db.load("airports", AIRPORTS, engine="rel", key="iata")
        results = [db.scan("airports") for _ in range(2)]
        assert [(len(r), r.truncated, r.from_cache) for r in results] == [(2, True, False), (2, True, True)]


def test_an_engine_that_cannot_tell_is_believed_for_a_time_and_the_answer_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SQLiteEngine, "data_version", lambda self, dataset: None)
    with polyroute.connect({"rel": f"sqlite:///{tmp_path}/a.db"}) as db:
        db.load("airports", AIRPORTS, engine="rel", key="iata")
        assert get(db).freshness == "current"
        assert "cannot tell" in get(db).freshness
        assert get(db, requirements=Requirements(consistency="strong")).from_cache is False
        rename(db, "mine")
        assert get(db).scalar() == "mine"


# every order of a read with what happens while it runs: the test is called back in the middle of the engine's work


class Stage:
    """Runs random further work in the middle of other work, to a depth, and checks every read."""

    def __init__(self, db: polyroute.DatabaseCoordinator, other: sqlite3.Connection, seed: int) -> None:
        self.db = db
        self.other = other
        self.rng = random.Random(seed)
        self.committed = 0
        self.depth = 0
        self.writing = False
        self.reads = self.kept = self.stale = 0

    def meanwhile(self) -> None:
        if self.depth < 3:
            self.depth += 1
            for _ in range(self.rng.randint(0, 2)):
                self.one()
            self.depth -= 1

    def one(self) -> None:
        chance = self.rng.random()
        if chance < 0.7 or self.writing:
            self.read()
        elif chance < 0.9:
            self.write(commits=self.rng.random() < 0.7)
        else:
            self.other.execute("UPDATE t SET n = n + 1")
            self.committed += 1

    def read(self) -> None:
        floor = self.committed
        result = self.db.relational_get("t", 1, columns=["n"])
        self.reads += 1
        self.kept += result.from_cache
        self.stale += int(str(result.scalar())) < floor

    def write(self, *, commits: bool) -> None:
        self.writing = True
        try:
            # a row that breaks a rule undoes the whole write
            rows = [{"id": 1, "n": self.committed + 1}] + ([] if commits else [{"id": 2, "n": None}])
            self.db.relational_upsert("t", rows)
        except PolyrouteError:
            assert not commits
        finally:
            self.writing = False


@contextmanager
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int, cache: ResultCache | None) -> Iterator[Stage]:
    path = tmp_path / "t.db"
    with sqlite3.connect(path) as made:
        made.execute("PRAGMA journal_mode = WAL")
        made.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER NOT NULL)")
        made.execute("INSERT INTO t VALUES (1, 0)")
    made.close()
    other = sqlite3.connect(path, isolation_level=None)
    get_row, upsert = SQLiteEngine.relational_get, SQLiteEngine.relational_upsert
    with polyroute.connect({"rel": f"sqlite:///{path}"}) as db:
        if cache is not None:
            db.cache = db._reads.cache = cache
        staged = Stage(db, other, seed)

        def slow_get(self: SQLiteEngine, op: object, call: object) -> object:
            staged.meanwhile()
            rows = get_row(self, op, call)  # type: ignore[arg-type]
            staged.meanwhile()
            return rows

        def slow_upsert(self: SQLiteEngine, op: object, call: object) -> object:
            staged.meanwhile()
            answer = upsert(self, op, call)  # type: ignore[arg-type]
            staged.committed += 1
            staged.meanwhile()
            return answer

        monkeypatch.setattr(SQLiteEngine, "relational_get", slow_get)
        monkeypatch.setattr(SQLiteEngine, "relational_upsert", slow_upsert)
        yield staged
    other.close()


@pytest.mark.parametrize("seed", range(3))
def test_whatever_happens_in_the_middle_of_a_read_no_answer_is_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    with stage(tmp_path, monkeypatch, seed, None) as staged:
        while staged.reads < 1_500:
            staged.one()
        assert staged.stale == 0
        assert staged.kept > 100


def test_versions_taken_at_the_end_are_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with stage(tmp_path, monkeypatch, 0, EpochAtStore()) as staged:
        while staged.reads < 1_500:
            staged.one()
        assert staged.stale > 0


def test_a_token_that_is_never_asked_for_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SQLiteEngine, "data_version", lambda self, dataset: "always")
    with stage(tmp_path, monkeypatch, 0, None) as staged:
        while staged.reads < 1_500:
            staged.one()
        assert staged.stale > 0

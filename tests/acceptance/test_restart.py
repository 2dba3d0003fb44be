"""Files of other programs are asked at once, and what all seven engines know of their data survives a new process."""

from __future__ import annotations

import datetime as dt
import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

import polyroute
from tests.acceptance.world import PLACES, addresses, connect, contents, fill

SQLITE = """
CREATE TABLE city (name TEXT COLLATE NOCASE PRIMARY KEY, people INTEGER, founded DATE, share REAL, flag BOOLEAN,
                   price DECIMAL(9, 2), note, raw BLOB, seen TIMESTAMP);
INSERT INTO city VALUES ('Zürich', 434335, '1218-01-01', 0.5, 1, 12.5, 'old', x'00ff', '2024-01-31 10:00:00'),
                        ('bern', NULL, NULL, NULL, 0, NULL, 7, NULL, NULL);
CREATE TABLE visit (who TEXT, n INTEGER, PRIMARY KEY (who, n)) WITHOUT ROWID;
INSERT INTO visit VALUES ('a', 2), ('a', 1), ('B', 9007199254740993);
CREATE TABLE "odd name" ("select" INTEGER, "two words" TEXT, "q""uote" TEXT);
INSERT INTO "odd name" VALUES (1, 'x', 'y');
CREATE TABLE empty (a INTEGER);
CREATE TABLE made (a INTEGER, twice INTEGER GENERATED ALWAYS AS (2 * a));
INSERT INTO made (a) VALUES (21);
CREATE VIEW big AS SELECT name, people FROM city WHERE people > 1000;
CREATE INDEX by_people ON city (people);
"""

DUCKDB = """
CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE TABLE city (name VARCHAR PRIMARY KEY, people UBIGINT, founded DATE, price DECIMAL(9, 2), seen TIMESTAMPTZ,
                   tags VARCHAR[], place STRUCT(lat DOUBLE, lon DOUBLE), m mood, span INTERVAL, id UUID);
INSERT INTO city VALUES ('Zürich', 18446744073709551615, '1218-01-01', 12.50, '2024-01-31 10:00:00+01', ['a', NULL],
    {'lat': 47.4, 'lon': 8.5}, 'happy', INTERVAL 3 DAY, '00000000-0000-0000-0000-000000000001'),
    ('Bern', NULL, NULL, NULL, NULL, [], NULL, NULL, NULL, NULL);
CREATE VIEW big AS SELECT name, people FROM city WHERE people > 1000;
CREATE SCHEMA other;
CREATE TABLE other.t AS SELECT 42 AS a;
CREATE TABLE "odd name" ("select" INTEGER, "two words" VARCHAR);
INSERT INTO "odd name" VALUES (1, 'x');
"""


@pytest.fixture
def rel(tmp_path: Path) -> Iterator[polyroute.DatabaseCoordinator]:
    connection = sqlite3.connect(tmp_path / "a.db")
    connection.executescript(SQLITE)
    connection.close()
    with polyroute.connect({"rel": f"sqlite:///{tmp_path}/a.db"}) as db:
        yield db


@pytest.fixture
def olap(tmp_path: Path) -> Iterator[polyroute.DatabaseCoordinator]:
    connection = duckdb.connect(str(tmp_path / "a.duckdb"))
    connection.execute(DUCKDB)
    connection.close()
    with polyroute.connect({"olap": f"duckdb:///{tmp_path}/a.duckdb"}) as db:
        yield db


def test_a_file_of_sqlite_is_asked_at_once(rel: polyroute.DatabaseCoordinator) -> None:
    assert {"city", "visit", "odd name", "empty", "made", "big"} <= set(rel.datasets)
    [row] = rel.scan("city", where="founded = $d", params={"d": dt.date(1218, 1, 1)}).to_dicts()
    assert (row["name"], row["people"], row["raw"]) == ("Zürich", 434335, b"\x00\xff")
    # SQLite has no dates: what its declared types do not make certain comes as it is stored
    assert (row["price"], row["founded"], row["seen"]) == (12.5, "1218-01-01", "2024-01-31 10:00:00")
    assert row["flag"] in (True, 1)
    assert rel.relational_get("visit", ("B", 9007199254740993)).one() == ("B", 9007199254740993)
    assert rel.scan("visit", order="who, n").fetchall() == [("B", 9007199254740993), ("a", 1), ("a", 2)]
    assert rel.scan("odd name", where="\"two words\" = 'x'").fetchall() == [(1, "x", "y")]
    assert rel.scan("made").fetchall() == [(21, 42)]
    assert rel.scan("big").fetchall() == [("Zürich", 434335)]
    assert len(rel.scan("empty")) == 0


def test_a_nocase_column_compares_as_everywhere_else(rel: polyroute.DatabaseCoordinator) -> None:
    """The answer never depends on the route: text is compared byte by byte, whatever the column's collation."""
    assert rel.scan("city", columns=["name"], where="name = 'BERN'").fetchall() == []
    assert rel.sql("SELECT count(*) FROM city WHERE name = 'BERN'").scalar() == 0
    assert rel.scan("city", columns=["name"], order="name").fetchall() == [("Zürich",), ("bern",)]
    assert rel.sql("SELECT name FROM city ORDER BY name").fetchall() == [("Zürich",), ("bern",)]


def test_a_file_of_sqlite_in_sql(rel: polyroute.DatabaseCoordinator) -> None:
    assert rel.sql("SELECT sum(n) FROM visit WHERE who = 'a'").scalar() == 3
    assert rel.sql('SELECT "q""uote" FROM "odd name"').scalar() == "y"
    joined = rel.sql("SELECT c.name, v.n FROM city c JOIN visit v ON v.n = 1 WHERE c.people IS NOT NULL")
    assert joined.fetchall() == [("Zürich", 1)]
    assert rel.sql("UPDATE visit SET n = 5 WHERE who = 'a' AND n = 2").rows_affected == 1
    assert rel.relational_get("visit", ("a", 5)).one() == ("a", 5)


def test_a_file_of_duckdb_is_asked_at_once(olap: polyroute.DatabaseCoordinator) -> None:
    assert {"city", "big", "other.t", "odd name"} <= set(olap.datasets)
    row = olap.relational_get("city", "Zürich").to_dicts()[0]
    assert (row["people"], row["founded"], row["price"]) == (2**64 - 1, dt.date(1218, 1, 1), Decimal("12.50"))
    assert row["seen"] == dt.datetime(2024, 1, 31, 9, tzinfo=dt.UTC)
    assert (row["tags"], row["place"], row["m"]) == (["a", None], {"lat": 47.4, "lon": 8.5}, "happy")
    assert olap.scan("big").fetchall() == [("Zürich", 2**64 - 1)]
    assert olap.scan("other.t").fetchall() == [(42,)]


def test_a_file_of_duckdb_in_sql(olap: polyroute.DatabaseCoordinator) -> None:
    assert olap.sql("SELECT place.lat FROM city WHERE list_contains(tags, 'a')").scalar() == 47.4
    assert olap.sql('SELECT "two words" FROM "odd name" WHERE "select" = $n', {"n": 1}).scalar() == "x"
    assert olap.sql("DELETE FROM city WHERE name = 'Bern'").rows_affected == 1
    assert len(olap.scan("city")) == 1


CHILD = """
import json, sys
import polyroute
with polyroute.connect(json.loads(sys.argv[1])) as db:
    told = {name: [list(e.dataset.key), dict(e.dataset.roles), e.dataset.kind, str(e.dataset.schema)]
            for name, e in db.datasets.items()}
    asked = [
        len(db.relational_get("airports", "JFK")), len(db.relational_get("fields", "CDG")),
        db.vector_search("passages", [0, 1, 0, 0], k=1, columns=["passage_id"]).fetchall()[0][0],
        [r[1] for r in db.graph_neighbors("routes", "JFK", 2).fetchall()],
        db.document_get("profiles", "FR").to_dicts(), db.document_get("countries", "FR").to_dicts(),
        len(db.timeseries_window("weather", "avg(temp_f) AS t", "1 hour", by="station", fill="linear")),
    ]
print(json.dumps([told, asked]))
"""


def test_roles_survive_a_new_process(tmp_path: Path) -> None:
    with connect(tmp_path) as db:
        fill(db)
        before = contents(db)
        told = {
            name: [list(e.dataset.key), dict(e.dataset.roles), e.dataset.kind, str(e.dataset.schema)]
            for name, e in db.datasets.items()
        }
    done = subprocess.run(
        [sys.executable, "-c", CHILD, json.dumps(addresses(tmp_path))], capture_output=True, text=True, check=True
    )
    found, asked = json.loads(done.stdout)
    assert found == told
    assert set(found) == {place.dataset for place in PLACES}
    france = [{"_id": "FR", "name": "France", "area": 543_940, "economy": {"gdp": 3.0}}]
    assert asked == [1, 1, 1, ["CDG", "MEX"], france, france, 6]
    with connect(tmp_path) as db:
        assert contents(db) == before

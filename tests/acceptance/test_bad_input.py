"""Bad input through the public face: the right code, a message with the way out and without data, nothing changed."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import polyroute
from polyroute import PolyrouteError, Query, Routing
from tests.acceptance.world import AIRPORTS, PASSAGES, PLACES, contents

Ask = Callable[[polyroute.DatabaseCoordinator], Any]

_V = [1.0, 0.0, 0.0, 0.0]
_SECRET = "hunter2"
_CYCLE: dict[str, object] = {}
_CYCLE["self"] = _CYCLE

# what is asked, the code, what the message must say
NAMES: list[tuple[Ask, str]] = [
    (lambda db: db.scan("airport"), "did you mean 'airports'?"),
    (lambda db: db.sql("SELECT * FROM airportz"), "did you mean 'airports'?"),
    (lambda db: db.sql("SELECT * FROM rel.airportz"), "did you mean 'airports'?"),
    (lambda db: db.sql("SELECT * FROM graph_neighbors('routs', 'JFK')"), "did you mean 'routes'?"),
    (lambda db: db.drop("airport"), "did you mean 'airports'?"),
    (lambda db: db.create_index("airport", "iata"), "did you mean 'airports'?"),
    (lambda db: db.scan("airports", columns=["iatta"]), "did you mean 'iata'?"),
    (lambda db: db.scan("airports", where="citty = 'x'"), "did you mean 'city'?"),
    (lambda db: db.scan("airports", order="citty"), "did you mean 'city'?"),
    (lambda db: db.sql("SELECT citty FROM airports"), "city"),
    (lambda db: db.relational_upsert("airports", [{"iata": "X", "citty": 1}]), "did you mean 'city'?"),
    (lambda db: db.graph_shortest_path("routes", "JFK", "MEX", weight="kmm"), "did you mean 'km'?"),
    (lambda db: db.timeseries_latest("weather", by="statio"), "did you mean 'station'?"),
    (lambda db: db.timeseries_window("weather", "avg(temp_g) AS t"), "temp_f"),
    (lambda db: db.query(Query("relational_gett", "airports")), "did you mean 'relational_get'?"),
    (lambda db: db.query(Query("relational_get", "airports", {"kee": 1})), "did you mean 'key'?"),
    (lambda db: db.sql("SELECT * FROM vector_serch('passages', [1.0])"), "vector_search"),
    (lambda db: db.graph_neighbors("airports", "JFK"), "relational dataset"),
    (lambda db: db.vector_search("weather", _V), "timeseries dataset"),
    (lambda db: db.scan("airports", routing=Routing(engine="rell")), "did you mean 'rel'?"),
    (lambda db: db.load("x", AIRPORTS, engine="oalp"), "did you mean 'olap'?"),
    (lambda db: db.unregister_engine("rell"), "did you mean 'rel'?"),
    (lambda db: db.register_engine("sqllite://"), "did you mean 'sqlite'?"),
    (lambda db: db.register_engine("nowhere"), "scheme"),
    (lambda db: polyroute.connect({"a": "tinybd://"}), "did you mean 'tinydb'?"),
    (lambda db: db.load("x", AIRPORTS, engine="rel", mode="upsrt"), "did you mean 'upsert'?"),
    (lambda db: db.load("x", AIRPORTS, engine="rel", key="iatta"), "did you mean 'iata'?"),
    (lambda db: db.load("x", AIRPORTS, engine="ts", time="opend"), "did you mean 'opened'?"),
    (lambda db: db.scan("routes", part="node"), "did you mean 'nodes'?"),
    (lambda db: db.graph_centrality("routes", "page_rank"), "did you mean 'pagerank'?"),
    (lambda db: db.vector_search("passages", _V, metric="cosin"), "did you mean 'cosine'?"),
]

VALUES: list[tuple[Ask, str]] = [
    (lambda db: db.vector_search("passages", [1.0, 2.0]), "has 4"),
    (lambda db: db.vector_search("passages", [_V, _V]), "dimension 2 x 4"),
    (lambda db: db.vector_search("passages", [1.0, math.nan, 0.0, 0.0]), "NaN"),
    (lambda db: db.vector_search("passages", [1.0, math.inf, 0.0, 0.0]), "infinity"),
    (lambda db: db.vector_search("passages", [1.0, None, 0.0, 0.0]), "None"),
    (lambda db: db.sql("SELECT * FROM vector_search('passages', [1.0, NULL, 0.0, 0.0])"), "None"),
    (lambda db: db.vector_search("passages", _V, k=0), "k=1"),
    (lambda db: db.sql("SELECT * FROM vector_search('passages', $v, k => 0)", {"v": _V}), "k=1"),
    (lambda db: db.vector_upsert("passages", {**PASSAGES[0], "vector": [1.0]}), "'vector'"),
    (lambda db: db.vector_upsert("passages", {**PASSAGES[0], "vector": [1.0, math.nan, 0.0, 0.0]}), "'vector'"),
    (lambda db: db.vector_upsert("passages", {**PASSAGES[0], "vector": [1.0, None, 0.0, 0.0]}), "'vector'"),
    (lambda db: db.graph_neighbors("routes", "JFX"), "JFK"),
    (lambda db: db.graph_shortest_path("routes", "JFK", "MEXX"), "MEX"),
    (lambda db: db.graph_shortest_path("routes", "JFX", "MEX"), "JFK"),
    (lambda db: db.relational_upsert("airports", [{"iata": None, "city": _SECRET}]), "'iata'"),
    (lambda db: db.relational_upsert("airports", [{"iata": "X", "elevation_ft": _SECRET}]), "'elevation_ft'"),
    (lambda db: db.relational_upsert("airports", [{"iata": "X", "elevation_ft": 2**70}]), "'elevation_ft'"),
    (lambda db: db.timeseries_append("weather", [{"station": _SECRET, "obs_utc": None}]), "'obs_utc'"),
    (lambda db: db.document_insert("profiles", {"_id": "X", "a": object()}), "object"),
    (lambda db: db.document_insert("countries", {"_id": "X", "a": {"b": [math.nan]}}), "null"),
    (lambda db: db.document_insert("profiles", {"_id": "X", "a": {1: _SECRET}}), "text"),
    (lambda db: db.document_insert("countries", {"_id": "X", "a": b"hunter2"}), "convert"),
    (lambda db: db.document_insert("profiles", _CYCLE), "deep"),
    (lambda db: db.document_update("countries", {"_id": "US"}, {"a": {1, 2}}), "convert"),
    (lambda db: db.load("x", "airport.parquet", engine="rel"), "no file"),
    (lambda db: db.load("x", "nowhere/a.csv", engine="rel"), "folder"),
    (lambda db: db.load("airports", AIRPORTS, engine="rel"), "mode="),
    (lambda db: db.load("x", AIRPORTS, engine="graph"), "source="),
    (lambda db: db.load("x", AIRPORTS, engine="vec"), "vector="),
    (lambda db: db.load("x", AIRPORTS, engine="ts"), "time="),
    (lambda db: db.load("x", 7, engine="rel"), "int"),
    (lambda db: db.load("_polyroute_x", AIRPORTS, engine="rel"), "_polyroute"),
]


@pytest.mark.parametrize(("ask", "told"), NAMES)
def test_a_wrong_name_is_told_with_the_nearest(shared_db: polyroute.DatabaseCoordinator, ask: Ask, told: str) -> None:
    refused(shared_db, ask, told)


@pytest.mark.parametrize(("ask", "told"), VALUES)
def test_a_wrong_value_is_told_with_the_way_out(shared_db: polyroute.DatabaseCoordinator, ask: Ask, told: str) -> None:
    refused(shared_db, ask, told)


FILTERS = [
    "iata = ",
    "iata = 'JFK",
    "iata = 'JFK' --",
    "1=1; DROP TABLE airports",
    "1=1); DELETE FROM airports; --",
    "iata = 'x' UNION SELECT 1",
    "iata IN (SELECT iata FROM airports)",
    "EXISTS (SELECT 1)",
    "load_extension('x')",
    "read_text('/etc/passwd') = ''",
    "iata = getenv('HOME')",
    "pg_read_file('x') = ''",
    "(((((",
    "$missing = iata",
    "iata = ?",
]


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.engine)
@pytest.mark.parametrize("where", FILTERS)
def test_a_filter_that_is_wrong_or_smuggles(shared_db: polyroute.DatabaseCoordinator, place: Any, where: str) -> None:
    first = next(iter(place.rows[0]))
    written = where.replace("iata", first).replace("airports", place.dataset)
    if written == f"{first} = 'JFK' --":
        assert len(shared_db.scan(place.dataset, where="true -- all")) == len(place.rows)
        return
    refused(shared_db, lambda db: db.scan(place.dataset, where=written), "")


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1; SELECT 2",
        "SELECT 1; DROP TABLE airports",
        "DROP TABLE airports",
        "ATTACH 'x.db'",
        "COPY airports TO 'x.csv'",
        "PRAGMA database_list",
        "SET memory_limit = '1GB'",
        "INSTALL httpfs",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        "SELECT read_text('/etc/passwd')",
        "SELECT getenv('HOME')",
        "CREATE VIEW v AS SELECT 1",
        "SELECT",
        "",
    ],
)
def test_a_statement_that_is_wrong_or_smuggles(shared_db: polyroute.DatabaseCoordinator, sql: str) -> None:
    refused(shared_db, lambda db: db.sql(sql), "")


DUPLICATES: list[Ask] = [
    lambda db: db.load("x", [*AIRPORTS, {**AIRPORTS[0], "city": _SECRET}], engine="rel", key="iata"),
    lambda db: db.load("x", [*AIRPORTS, {**AIRPORTS[0], "city": _SECRET}], engine="olap", key="iata"),
    lambda db: db.load("x", [*PASSAGES, PASSAGES[0]], engine="vec", key="passage_id", vector="vector"),
    lambda db: db.load("x", [{"_id": _SECRET}, {"_id": _SECRET}], engine="docs"),
    lambda db: db.load("x", [{"_id": _SECRET}, {"_id": _SECRET}], engine="json"),
    lambda db: db.load("airports", AIRPORTS[:1], engine="rel", mode="append"),
    lambda db: db.load("fields", AIRPORTS[:1], engine="olap", mode="append"),
    lambda db: db.load("passages", PASSAGES[:1], engine="vec", mode="append"),
    lambda db: db.load("profiles", [{"_id": "US"}], engine="docs", mode="append"),
    lambda db: db.load("countries", [{"_id": "US"}], engine="json", mode="append"),
    lambda db: db.document_insert("profiles", [{"_id": "NEW"}, {"_id": "US"}]),
    lambda db: db.document_insert("countries", [{"_id": "NEW"}, {"_id": "US"}]),
    lambda db: db.sql("INSERT INTO airports (iata, city) VALUES ('NEW', 'x'), ('JFK', 'hunter2')"),
    lambda db: db.sql("INSERT INTO fields (iata, city) VALUES ('NEW', 'x'), ('JFK', 'hunter2')"),
]


@pytest.mark.parametrize("ask", DUPLICATES)
def test_a_duplicate_key(shared_db: polyroute.DatabaseCoordinator, ask: Ask) -> None:
    refused(shared_db, ask, "", code="CONSISTENCY_VIOLATION")


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.engine)
def test_a_missing_file(tmp_path: Path, place: Any) -> None:
    url = place.url.format(tmp_path / "nowhere")
    with pytest.raises(PolyrouteError) as caught:
        polyroute.connect({"e": url})
    assert caught.value.code in ("ENGINE_CONNECTION_FAILED", "QUERY_INVALID")
    assert caught.value.hint
    assert str(tmp_path) not in str(caught.value)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(PolyrouteError) as caught:
        polyroute.connect({"e": place.url.format(tmp_path)}, read_only=True)
    assert caught.value.code in ("ENGINE_CONNECTION_FAILED", "QUERY_INVALID")
    assert caught.value.hint
    assert list(tmp_path.iterdir()) == []


def refused(db: polyroute.DatabaseCoordinator, ask: Ask, told: str, code: str = "QUERY_INVALID") -> None:
    """Hold that an ask is refused with a code and words, and that nothing has changed."""
    before = contents(db)
    with pytest.raises(PolyrouteError) as caught:
        ask(db)
    text = str(caught.value)
    assert caught.value.code == code, text
    assert told in text, text
    assert "\n" in text or ";" in text, f"no way out: {text}"
    for leak in (_SECRET, "/tmp", "/home", "/root", "Traceback", "object at 0x"):
        assert leak not in text
    assert contents(db) == before

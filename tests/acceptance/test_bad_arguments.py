"""Every operation, every argument, every kind of junk: QUERY_INVALID, soon, and nothing has changed.

The table is read off the registered operations, so an operation that is added without a right call here fails the first
test. What junk may mean after all (an empty list of keys, a key that no row has) is listed in `MEANINGFUL`.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator, Mapping

import pytest

import polyroute
from polyroute import PolyrouteError, Query, Requirements, Routing
from polyroute.operations import argument_names, operations
from tests.acceptance.world import AIRPORTS, PASSAGES, ROUTES, WEATHER, contents

Arguments = Mapping[str, object]

_DAY = dt.datetime(2013, 3, 9)
_LATER = dt.datetime(2013, 3, 10)
_DEEP: list[object] = []
for _ in range(80):
    _DEEP = [_DEEP]

# right calls, each with every argument given, in one of several calls where two exclude each other
CALLS: dict[str, list[tuple[str | None, Arguments]]] = {
    "scan": [
        ("airports", {"columns": ["iata"], "where": "share > $s", "params": {"s": 0.1}, "order": "iata", "limit": 2}),
        ("routes", {"part": "nodes"}),
    ],
    "relational_query": [(None, {"sql": "SELECT * FROM airports", "params": {}, "dialect": "polyroute"})],
    "relational_get": [("airports", {"key": "JFK", "columns": ["iata"]}), ("fields", {"key": "JFK"})],
    "relational_execute": [(None, {"sql": "DELETE FROM airports WHERE iata = 'none'", "params": {}})],
    "relational_upsert": [("airports", {"rows": AIRPORTS[:1]}), ("fields", {"rows": AIRPORTS[:1]})],
    "relational_delete": [
        ("airports", {"keys": ["none"]}),
        ("fields", {"where": "iata = $x", "params": {"x": "none"}}),
    ],
    "vector_search": [
        (
            "passages",
            {"vector": [1, 0, 0, 0], "k": 2, "where": "section = $s", "params": {"s": "A"}, "columns": ["section"]},
        )
    ],
    "vector_get": [("passages", {"keys": [1], "columns": ["section"]})],
    "vector_cluster": [("passages", {"clusters": 2, "where": "section <> $s", "params": {"s": "Z"}, "seed": 1})],
    "vector_upsert": [("passages", {"rows": PASSAGES[:1]})],
    "vector_delete": [("passages", {"keys": [99]}), ("passages", {"where": "section = $s", "params": {"s": "Z"}})],
    "graph_query": [("routes", {"cypher": "MATCH (a) WHERE a.id = $x RETURN a.id", "params": {"x": "JFK"}})],
    "graph_neighbors": [
        ("routes", {"start": "JFK", "max_hops": 2, "min_hops": 1, "where": "km > $x", "params": {"x": 0}})
    ],
    "graph_shortest_path": [
        ("routes", {"start": "JFK", "goal": "MEX", "weight": "km", "where": "km > $x", "params": {"x": 0}})
    ],
    "graph_centrality": [("routes", {"method": "degree", "weight": "km"})],
    "graph_upsert": [("routes", {"edges": ROUTES[:1]}), ("routes", {"nodes": [{"id": "JFK"}]})],
    "graph_delete": [("routes", {"nodes": ["none"]}), ("routes", {"where": "km > $x", "params": {"x": 1e9}})],
    "document_find": [
        (name, {"selector": {"area": {"$gt": 1}}, "fields": ["name"], "sort": ["name"], "skip": 0, "limit": 2})
        for name in ("profiles", "countries")
    ],
    "document_get": [(name, {"key": "US"}) for name in ("profiles", "countries")],
    "document_count": [(name, {"selector": {}}) for name in ("profiles", "countries")],
    "document_insert": [(name, {"documents": [{"_id": "US"}]}) for name in ("profiles", "countries")],
    "document_update": [
        (name, {"selector": {"_id": "none"}, "changes": {"a": 1}}) for name in ("profiles", "countries")
    ],
    "document_delete": [
        ("profiles", {"keys": ["none"]}),
        ("countries", {"keys": ["none"]}),
        ("profiles", {"selector": {"_id": "none"}}),
        ("countries", {"selector": {"_id": "none"}}),
    ],
    "timeseries_range": [
        (
            "weather",
            {"start": _DAY, "stop": _LATER, "where": "temp_f > $x", "params": {"x": 0}, "columns": ["temp_f"]},
        ),
        ("weather", {"limit": 1}),
    ],
    "timeseries_window": [
        (
            "weather",
            {
                "aggregates": "avg(temp_f) AS t",
                "every": "1 hour",
                "by": "station",
                "start": _DAY,
                "stop": _LATER,
                "fill": "none",
                "tz": "UTC",
                "origin": _DAY,
                "where": "temp_f > $x",
                "params": {"x": 0},
            },
        )
    ],
    "timeseries_latest": [("weather", {"by": "station", "at": _LATER, "where": "temp_f > $x", "params": {"x": 0}})],
    "timeseries_append": [("weather", {"rows": WEATHER[:1]})],
    "timeseries_delete": [
        ("weather", {"start": _LATER, "stop": _LATER, "where": "temp_f > $x", "params": {"x": 0}}),
    ],
}


class Opaque:
    """An object of no meaning to anybody."""


JUNK: dict[str, object] = {
    "None": None,
    "an object": Opaque(),
    "a class": ValueError,
    "text": "junk; 'x\" --",
    "empty text": "",
    "NUL": "a\x00b",
    "half a surrogate pair": "\ud800",
    "bytes": b"\x00\xff",
    "huge": 2**70,
    "negative": -1,
    "NaN": math.nan,
    "infinity": math.inf,
    "fraction": 1.5,
    "True": True,
    "nested": {"a": [{"b": [Opaque()]}]},
    "deep": _DEEP,
    "empty list": [],
    "list of None": [None],
    "set": {1},
}

_TEXTS = {"text", "empty text", "NUL", "half a surrogate pair"}
_KEYS = {"empty list", "huge", "negative", "set"}
MEANINGFUL: dict[tuple[str, str], set[str]] = {
    # names and texts that nothing bears: an answer without rows
    ("relational_get", "key"): _TEXTS,
    ("relational_delete", "keys"): {*_TEXTS, "empty list"},
    ("graph_delete", "nodes"): {*_TEXTS, "empty list"},
    ("document_get", "key"): {*_TEXTS, *_KEYS, "fraction"},
    ("document_delete", "keys"): {*_TEXTS, *_KEYS, "fraction"},
    ("vector_get", "keys"): _KEYS,
    ("vector_delete", "keys"): _KEYS,
    # documents have any fields
    ("document_find", "fields"): {*_TEXTS, "empty list"},
    ("document_find", "sort"): {*_TEXTS, "empty list"},
    # nothing to do
    ("relational_upsert", "rows"): {"empty list"},
    ("vector_upsert", "rows"): {"empty list"},
    ("timeseries_append", "rows"): {"empty list"},
    ("document_insert", "documents"): {"empty list"},
    ("graph_upsert", "edges"): {"empty list"},
    ("graph_upsert", "nodes"): {"empty list"},
    ("graph_neighbors", "start"): {"empty list"},
    ("scan", "order"): {"empty list"},
    # more parameters than are used, and any list for a statement without places
    ("scan", "params"): {"nested"},
    ("relational_query", "params"): {"nested", "deep", "empty list", "list of None"},
    ("relational_execute", "params"): {"nested", "deep", "empty list", "list of None"},
    # a flag, a seed
    ("vector_search", "exact"): {"True"},
    ("graph_neighbors", "missing_ok"): {"True"},
    ("graph_shortest_path", "missing_ok"): {"True"},
    ("vector_cluster", "seed"): {"huge", "negative"},
}
REQUIRED = {
    ("relational_get", "key"),
    ("relational_upsert", "rows"),
    ("vector_search", "vector"),
    ("vector_get", "keys"),
    ("vector_upsert", "rows"),
    ("graph_query", "cypher"),
    ("graph_neighbors", "start"),
    ("graph_shortest_path", "start"),
    ("graph_shortest_path", "goal"),
    ("document_get", "key"),
    ("document_insert", "documents"),
    ("document_update", "selector"),
    ("document_update", "changes"),
    ("timeseries_window", "aggregates"),
    ("timeseries_append", "rows"),
}
NEVER_NONE = {
    "sql",
    "dialect",
    "k",
    "metric",
    "exact",
    "clusters",
    "seed",
    "max_hops",
    "min_hops",
    "direction",
    "missing_ok",
    "method",
    "every",
    "fill",
    "tz",
}

PAIRS = [(name, argument) for name, cls in operations().items() for argument in argument_names(cls)]


@pytest.fixture(autouse=True, scope="module")
def nothing_changes(shared_db: polyroute.DatabaseCoordinator) -> Iterator[None]:
    """Hold that after all the junk of this module the engines hold what they held before."""
    before = contents(shared_db)
    yield
    assert contents(shared_db) == before


def has_meaning(operation: str, argument: str, kind: str) -> bool:
    if kind == "None":
        return argument not in NEVER_NONE and (operation, argument) not in REQUIRED
    return kind in MEANINGFUL.get((operation, argument), set())


def test_every_operation_has_right_calls() -> None:
    assert set(CALLS) == set(operations())


def test_every_argument_is_in_the_table() -> None:
    for name, argument in MEANINGFUL:
        assert argument in argument_names(operations()[name])
    for name, argument in REQUIRED:
        assert argument in argument_names(operations()[name])


@pytest.mark.parametrize(("operation", "argument"), PAIRS, ids=lambda value: str(value))
@pytest.mark.parametrize("through", ["method", "query"])
def test_junk_as_an_argument(
    shared_db: polyroute.DatabaseCoordinator, operation: str, argument: str, through: str
) -> None:
    calls = [c for c in CALLS[operation] if argument in c[1]] or CALLS[operation][:1]
    for dataset, arguments in calls:
        for kind, junk in JUNK.items():
            if has_meaning(operation, argument, kind):
                continue
            with pytest.raises(PolyrouteError) as caught:
                ask(shared_db, operation, dataset, {**arguments, argument: junk}, through)
            told = f"{operation}({argument}={kind}) on {dataset}: {caught.value}"
            assert caught.value.code == "QUERY_INVALID", told
            # the way out is a hint, the valid names, or the place where the text goes wrong
            assert caught.value.hint or "; " in caught.value.message or ", column " in caught.value.message, told
            assert "object has no attribute" not in told
            assert "native error" not in told, told


@pytest.mark.parametrize("operation", operations())
def test_junk_as_a_dataset(shared_db: polyroute.DatabaseCoordinator, operation: str) -> None:
    for dataset, arguments in CALLS[operation]:
        for kind, junk in JUNK.items():
            if dataset is None and kind == "None":
                continue
            with pytest.raises(PolyrouteError) as caught:
                shared_db.query(Query(operation, junk, arguments))  # type: ignore[arg-type]
            assert caught.value.code == "QUERY_INVALID", f"{operation}({kind}): {caught.value}"


@pytest.mark.parametrize("argument", ["timeout_s", "requirements", "routing"])
def test_junk_beside_the_arguments(shared_db: polyroute.DatabaseCoordinator, argument: str) -> None:
    for kind, junk in JUNK.items():
        if kind == "None" or (argument == "timeout_s" and kind in ("huge", "infinity", "fraction")):
            continue
        for ask_so in (
            lambda how: shared_db.scan("airports", **how),
            lambda how: shared_db.relational_get("airports", "JFK", **how),
            lambda how: shared_db.sql("SELECT * FROM airports", **how),
            lambda how: shared_db.relational_query("SELECT 1", dialect="native", **how),
        ):
            with pytest.raises(PolyrouteError) as caught:
                ask_so({argument: junk})
            assert caught.value.code == "QUERY_INVALID", f"{argument}={kind}: {caught.value}"


@pytest.mark.parametrize(
    "make",
    [
        lambda junk: Requirements(timeout_s=junk),
        lambda junk: Requirements(consistency=junk),
        lambda junk: Requirements(priority=junk),
        lambda junk: Requirements(max_staleness_s=junk),
        lambda junk: Routing(load_balancing=junk),
    ],
)
def test_junk_in_requirements_and_routing(make: object) -> None:
    for kind, junk in JUNK.items():
        if kind in ("None", "huge", "infinity", "fraction"):
            continue
        with pytest.raises(PolyrouteError) as caught:
            make(junk)  # type: ignore[operator]
        assert caught.value.code == "QUERY_INVALID", kind


def test_junk_as_sql(shared_db: polyroute.DatabaseCoordinator) -> None:
    for kind, junk in JUNK.items():
        with pytest.raises(PolyrouteError) as caught:
            shared_db.sql(junk)  # type: ignore[arg-type]
        assert caught.value.code == "QUERY_INVALID", f"{kind}: {caught.value}"


def ask(
    db: polyroute.DatabaseCoordinator, operation: str, dataset: str | None, arguments: Arguments, through: str
) -> None:
    if through == "query":
        db.query(Query(operation, dataset, arguments))
    elif dataset is None:
        getattr(db, operation)(**arguments)
    else:
        getattr(db, operation)(dataset, **arguments)

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from polyroute.engines.graph.cypher import CypherGraph, run_query
from tests.engines.graph.cypher.tck import graph_of

Ask = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture(scope="session")
def people() -> CypherGraph:
    """Four people, parallel relationships, a circle, a loop."""
    nodes = [
        ("P", {"n": "Ann", "age": 30, "ok": True, "tags": ["x", "y"], "w": 1.5}),
        ("P", {"n": "Bob", "age": 25, "ok": False, "tags": ["y"], "w": 2.5}),
        ("P", {"n": "Cyd", "age": 30, "ok": True, "w": 1.5}),
        ("Q", {"n": "Dan", "age": 41}),
    ]
    edges = [
        (0, 1, "K", {"since": 2001, "ok": True, "note": "10"}),
        (0, 1, "K", {"since": 2005, "ok": False, "note": "9"}),
        (1, 2, "K", {"since": 2001, "ok": True}),
        (2, 0, "L", {"since": 1999}),
        (2, 3, "K", {"since": 2010}),
        (3, 3, "L", {}),
    ]
    return graph_of(
        {
            "nodes": [{"id": i, "labels": [label], "properties": p} for i, (label, p) in enumerate(nodes)],
            "edges": [
                {"id": i, "src": a, "dst": b, "type": kind, "properties": p} for i, (a, b, kind, p) in enumerate(edges)
            ],
        }
    )


@pytest.fixture
def ask(people: CypherGraph) -> Ask:
    return lambda text, **params: run_query(people, text, params, lambda: None).rows

"""Connections for the router's tests: real engines on real files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import polyroute

AIRPORTS = [
    {"iata": "JFK", "city": "New York", "elevation_ft": 13, "country": "US"},
    {"iata": "LGA", "city": "New York", "elevation_ft": 22, "country": "US"},
    {"iata": "CDG", "city": "Paris", "elevation_ft": 392, "country": "FR"},
    {"iata": "MEX", "city": "Mexico City", "elevation_ft": 7316, "country": "MX"},
    {"iata": "XXX", "city": None, "elevation_ft": None, "country": "US"},
]
ROUTES = [
    {"src": "JFK", "dst": "CDG", "km": 5837.0},
    {"src": "LGA", "dst": "JFK", "km": 17.0},
    {"src": "JFK", "dst": "MEX", "km": 3365.0},
    {"src": "CDG", "dst": "MEX", "km": 9210.0},
]


@pytest.fixture
def db(tmp_path: Path) -> Iterator[polyroute.DatabaseCoordinator]:
    """Give airports in SQLite, a graph of routes, and an empty DuckDB."""
    engines = {
        "rel": f"sqlite:///{tmp_path}/rel.db",
        "olap": f"duckdb:///{tmp_path}/olap.duckdb",
        "graph": f"networkx:///{tmp_path}/graphs",
    }
    with polyroute.connect(engines, state_dir=tmp_path / "state") as made:
        made.load("airports", AIRPORTS, engine="rel", key="iata")
        made.load("routes", ROUTES, engine="graph", source="src", target="dst")
        yield made

"""A small world for the acceptance tests: the seven engines, a dataset in each, and a snapshot of what they hold."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import polyroute

VECTOR_SIZE = 4
_NOON = dt.datetime(2013, 3, 9, 12, 0)

AIRPORTS = [
    {"iata": "JFK", "city": "New York", "elevation_ft": 13, "opened": dt.date(1948, 7, 1), "share": 0.5},
    {"iata": "CDG", "city": "Paris", "elevation_ft": 392, "opened": dt.date(1974, 3, 8), "share": 0.25},
    {"iata": "MEX", "city": "Mexico City", "elevation_ft": 7316, "opened": None, "share": None},
]
PASSAGES = [{"passage_id": n, "section": "ABC"[n], "vector": [float(n == i) for i in range(4)]} for n in range(3)]
ROUTES = [
    {"src": "JFK", "dst": "CDG", "km": 5837.0, "airline": "AF"},
    {"src": "CDG", "dst": "MEX", "km": 9210.0, "airline": "AM"},
]
PROFILES = [
    {"_id": "US", "name": "United States", "area": 9_525_067, "borders": ["CA", "MX"]},
    {"_id": "FR", "name": "France", "area": 543_940, "economy": {"gdp": 3.0}},
]
WEATHER = [
    {"station": s, "obs_utc": _NOON + dt.timedelta(hours=h), "temp_f": 40.0 + h} for s in ("JFK", "LGA") for h in (0, 2)
]


@dataclass(frozen=True, slots=True)
class Place:
    """An engine of the world: its id, its address, its dataset, and how that is loaded."""

    engine: str
    url: str
    dataset: str
    rows: list[dict[str, object]]
    options: Mapping[str, object] = field(default_factory=dict)


PLACES = (
    Place("rel", "sqlite:///{}/rel.db", "airports", AIRPORTS, {"key": "iata"}),
    Place("olap", "duckdb:///{}/olap.duckdb", "fields", AIRPORTS, {"key": "iata"}),
    Place("vec", "lancedb:///{}/vectors", "passages", PASSAGES, {"key": "passage_id", "vector": "vector"}),
    Place("graph", "networkx:///{}/graphs", "routes", ROUTES, {"source": "src", "target": "dst"}),
    Place("docs", "tinydb:///{}/docs.json", "profiles", PROFILES, {"key": "_id"}),
    Place("json", "document+sqlite:///{}/docs.db", "countries", PROFILES, {"key": "_id"}),
    Place("ts", "timeseries+duckdb:///{}/ts.duckdb", "weather", WEATHER, {"time": "obs_utc"}),
)


def addresses(folder: Path) -> dict[str, str]:
    """Return the addresses of the seven engines in a folder."""
    return {place.engine: place.url.format(folder) for place in PLACES}


def connect(folder: Path) -> polyroute.DatabaseCoordinator:
    """Open the seven engines in a folder."""
    return polyroute.connect(addresses(folder), state_dir=folder / "state")


def fill(db: polyroute.DatabaseCoordinator) -> None:
    """Load the dataset of each engine."""
    for place in PLACES:
        db.load(place.dataset, place.rows, engine=place.engine, show_progress=False, **place.options)  # type: ignore[arg-type]


def contents(db: polyroute.DatabaseCoordinator) -> dict[str, object]:
    """Return everything that the engines hold: names, schemas, keys, roles and rows."""
    held: dict[str, object] = {}
    for name, entry in db.datasets.items():
        described = (entry.dataset.schema, entry.dataset.key, dict(entry.dataset.roles))
        held[name] = (described, sorted(map(repr, db.scan(name).fetchall())))
        if "nodes" in entry.dataset.parts:
            held[f"{name}.nodes"] = sorted(map(repr, db.scan(name, part="nodes").fetchall()))
    return held

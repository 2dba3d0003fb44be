"""D1, D4 and D7 by hand: a LanceDB search first, its few hits looked up in the other engines."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from benchmarks.by_hand.stores import Rows, Stores

Vector = Sequence[float]

_AIRPORTS = "SELECT country, count(*) FROM airports WHERE country IN (SELECT value FROM json_each(?)) GROUP BY country"
_CITIES = "SELECT iata, city FROM airports WHERE iata IN (SELECT value FROM json_each(?))"
_BUSY = "SELECT dest, count(*), round(avg(arr_delay), 2) FROM flights GROUP BY dest HAVING count(*) >= 1000"
_NORTH_AMERICAN = "SELECT iso2 FROM countries WHERE continent = 'NA' AND iso2 IN (SELECT value FROM json_each(?))"
_LONG_RUNWAYS = """
    SELECT iata, country FROM airports a WHERE country IN (SELECT value FROM json_each(?))
    AND EXISTS (SELECT 1 FROM runways r WHERE r.iata = a.iata AND NOT r.closed AND r.length_ft >= 8000)"""
_CARRIERS = "SELECT carrier, name FROM carriers"
_SUMMER = """
    SELECT origin, carrier, round(avg(dep_delay), 2) FROM flights
    WHERE sched_dep_local >= ? AND sched_dep_local < ? GROUP BY origin, carrier"""
_JUNE, _SEPTEMBER = datetime(2013, 6, 1), datetime(2013, 9, 1)


def landlocked(stores: Stores, q: Vector) -> Rows:
    """Answer D1."""
    found = (
        stores.passages.search(q)
        .distance_type("cosine")
        .where("section IN ('Economy', 'Geography')", prefilter=True)
        .select(["country", "_distance"])
        .limit(25)
        .to_arrow()
    )
    hits: dict[str, list[float]] = {}
    for country, distance in zip(found["country"].to_pylist(), found["_distance"].to_pylist(), strict=True):
        hits.setdefault(country, []).append(1.0 - distance)
    profiles = {c: stores.documents["country_profiles"].get(c) for c in hits}
    kept = {c: p for c, p in profiles.items() if p is not None and p.get("coastline_km") == 0}
    airports = dict(stores.rel.execute(_AIRPORTS, (json.dumps(list(kept)),)))
    rows = []
    for country, profile in kept.items():
        years = profile["economy"]["remittances_pct_gdp"]
        latest = years[-1]["value"] if years else None
        scores = hits[country]
        rows.append((max(scores), country, profile["name"], len(scores), latest, airports.get(country, 0)))
    rows.sort(key=lambda row: -row[0])
    return [(c, name, round(best, 4), n, latest, count) for best, c, name, n, latest, count in rows]


def strikes(stores: Stores, q: Vector) -> Rows:
    """Answer D4."""
    found = (
        stores.reports.search(q)
        .distance_type("cosine")
        .where("phase = 'Approach' AND date >= TIMESTAMP '1995-01-01'", prefilter=True)
        .select(["strike_id", "iata", "_distance"])
        .limit(40)
        .to_arrow()
    )
    documents = stores.documents["bird_strikes"]
    costs: dict[str, list[int]] = {}
    for strike, iata in zip(found["strike_id"].to_pylist(), found["iata"].to_pylist(), strict=True):
        costs.setdefault(iata, []).append(documents[str(strike)]["cost_usd"]["total"] or 0)
    busy = {dest: (n, delay) for dest, n, delay in stores.ts.execute(_BUSY).fetchall() if dest in costs}
    cities = dict(stores.rel.execute(_CITIES, (json.dumps(list(busy)),)))
    rows = [(iata, cities[iata], len(costs[iata]), sum(costs[iata]), *busy[iata]) for iata in cities]
    rows.sort(key=lambda row: (-row[2], row[0]))
    return rows


def caribbean(stores: Stores, q: Vector) -> Rows:
    """Answer D7."""
    found = stores.passages.search(q).distance_type("cosine").select(["country", "_distance"]).limit(40).to_arrow()
    near = json.dumps(list(set(found["country"].to_pylist())))
    profiles = stores.documents["country_profiles"]
    small = [c for (c,) in stores.rel.execute(_NORTH_AMERICAN, (near,)) if _population(profiles.get(c)) < 12_000_000]
    reachable = dict(stores.rel.execute(_LONG_RUNWAYS, (json.dumps(small),)))
    carriers = dict(stores.rel.execute(_CARRIERS))
    summer = {(o, c): delay for o, c, delay in stores.ts.execute(_SUMMER, (_JUNE, _SEPTEMBER)).fetchall()}
    routes = {
        (reachable[dst], src, dst, airline)
        for src in ("JFK", "EWR")
        for dst, airline, codeshare, stops in stores.world_routes[src]
        if dst in reachable and not codeshare and stops == 0 and airline in carriers
    }
    rows = [(c, src, dst, carriers[a], summer.get((src, a))) for c, src, dst, a in routes]
    rows.sort(key=lambda row: row[:4])
    return rows


def _population(profile: Mapping[str, object] | None) -> float:
    population = None if profile is None else profile.get("population")
    return float("inf") if population is None else population


TEXTS: Mapping[str, Callable[[Stores, Vector], Rows]] = {"D1": landlocked, "D4": strikes, "D7": caribbean}

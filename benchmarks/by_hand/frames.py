"""The eight questions in pandas: every table that a question names is fetched whole, joined and counted there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

import networkx as nx
import numpy as np
import pandas as pd

from benchmarks.by_hand import fetch
from benchmarks.by_hand.routes import longest_open_runway
from benchmarks.by_hand.stores import Rows, Stores

Answer = Callable[[Stores, object], Rows]


def landlocked(stores: Stores, q: object) -> Rows:
    """Answer D1."""
    frame, matrix = fetch.passages(stores)
    asked = frame.section.isin(["Economy", "Geography"]).to_numpy()
    hits = fetch.nearest(frame[asked], matrix[asked], q, 25)
    hits = hits.groupby("country").score.agg(["max", "count"])
    profiles = fetch.documents(stores, "country_profiles")
    found = hits.join(profiles[profiles.coastline_km == 0], how="inner").sort_values("max", ascending=False)
    airports = fetch.relational(stores, "airports").country.value_counts()
    rows = []
    for country, row in found.iterrows():
        years = row.economy["remittances_pct_gdp"]
        latest = years[-1]["value"] if years else None
        rows.append((country, row["name"], round(row["max"], 4), row["count"], latest, int(airports.get(country, 0))))
    return rows


def hubs(stores: Stores, _: object) -> Rows:
    """Answer D2."""
    routes = fetch.edges(stores, "routes_us_2008")
    one = set(routes[routes.src == "LGA"].dst)
    onward = routes[routes.src.isin(one) & ~routes.dst.isin(one | {"LGA"})]
    counted = onward.groupby("src").dst.nunique().rename("n").reset_index()
    best = counted.sort_values(["n", "src"], ascending=[False, True]).head(10).set_index("src")
    flights = fetch.series(stores, "flights")
    arrivals = flights[flights.origin == "LGA"].groupby("dest").arr_delay.agg(["size", "mean"])
    cities = fetch.relational(stores, "airports").set_index("iata").city
    joined = best.join(cities).join(arrivals)
    return [(r.Index, r.city, r.n, int(_or(r.size_, 0)), _rounded(r.mean)) for r in _tuples(joined)]


def blizzard(stores: Stores, _: object) -> Rows:
    """Answer D3."""
    flights = fetch.series(stores, "flights")
    asked = flights[flights.sched_dep_local.between("2013-02-08", "2013-02-10", inclusive="left")]
    weather = fetch.series(stores, "weather").sort_values("obs_utc")
    asked = asked.sort_values("sched_dep_utc")
    seen = pd.merge_asof(asked, weather, left_on="sched_dep_utc", right_on="obs_utc", by="origin")
    bounds = [-np.inf, 1, 5, np.inf]
    seen["seen"] = pd.cut(seen.visib_mi, bounds, right=False, labels=["a: <1 mi", "b: 1-5 mi", "c: >=5 mi"])
    grouped = seen.groupby(["origin", "seen"], observed=True).dep_delay.agg(["size", "count", "mean"])
    longest = _longest_open(fetch.documents(stores, "airport_facilities"))
    return [(*r.Index, r.size_, r.size_ - r.count_, _rounded(r.mean), longest[r.Index[0]]) for r in _tuples(grouped)]


def strikes(stores: Stores, q: object) -> Rows:
    """Answer D4."""
    frame, matrix = fetch.reports(stores)
    asked = ((frame.phase == "Approach") & (frame.date >= "1995-01-01")).to_numpy()
    hits = fetch.nearest(frame[asked], matrix[asked], q, 40)
    costs = fetch.documents(stores, "bird_strikes").cost_usd.map(lambda c: c["total"] or 0)
    hits = hits.assign(cost=hits.strike_id.map(costs))
    flights = fetch.series(stores, "flights").groupby("dest").arr_delay.agg(["size", "mean"])
    busy = flights[flights["size"] >= 1000]
    cities = fetch.relational(stores, "airports").set_index("iata").city
    grouped = hits.groupby("iata").cost.agg(["count", "sum"]).join(busy, how="inner").join(cities)
    grouped = grouped.reset_index().sort_values(["count", "iata"], ascending=[False, True])
    return [(r.iata, r.city, r.count_, r.sum, r.size_, _rounded(r.mean)) for r in _tuples(grouped)]


def shortest_way(stores: Stores, _: object) -> Rows:
    """Answer D5."""
    routes = fetch.edges(stores, "routes_us_2008")
    flown = routes[routes.flights_2008 >= 100]
    graph = nx.from_pandas_edgelist(flown, "src", "dst", "km", create_using=nx.DiGraph)
    path = nx.dijkstra_path(graph, "ABE", "KOA", weight="km")
    km = np.cumsum([0.0, *(graph[a][b]["km"] for a, b in pairwise(path))])
    airports = fetch.relational(stores, "airports").set_index("iata").loc[path]
    longest = _longest_open(fetch.documents(stores, "airport_facilities").loc[path])
    columns = (path, airports.city, airports.elevation_ft, longest, km.round(1))
    return list(zip(range(len(path)), *columns, strict=True))


def repairs(stores: Stores, _: object) -> Rows:
    """Answer D6."""
    frame = fetch.documents(stores, "bird_strikes")
    frame = frame.assign(
        usd=frame.cost_usd.map(lambda c: c["repair"]).astype(float),
        iata=frame.airport.map(lambda a: a["iata"]),
        day=pd.to_datetime(frame.date).astype("datetime64[us]"),
    )
    paid = frame[(frame.usd > 0) & (frame.date >= "1999-01-04")].sort_values("day")
    rates = fetch.series(stores, "fx_daily")
    rates = rates[rates.currency == "USD"].sort_values("rate_date")
    paid = pd.merge_asof(paid, rates, left_on="day", right_on="rate_date")
    paid = paid.assign(eur=paid.usd / paid.per_eur, stale=paid.day != paid.rate_date)
    sums = paid.groupby("iata").agg(n=("usd", "size"), usd=("usd", "sum"), eur=("eur", "sum"), stale=("stale", "sum"))
    names = fetch.relational(stores, "airports").set_index("iata").subdivision
    best = sums.join(names).reset_index().sort_values(["eur", "iata"], ascending=[False, True]).head(10)
    return [(r.iata, r.subdivision, r.n, int(r.usd), _rounded(r.eur), int(r.stale)) for r in _tuples(best)]


def caribbean(stores: Stores, q: object) -> Rows:
    """Answer D7."""
    frame, matrix = fetch.passages(stores)
    near = set(fetch.nearest(frame, matrix, q, 40).country)
    countries = fetch.relational(stores, "countries")
    profiles = fetch.documents(stores, "country_profiles")
    small = near & set(countries[countries.continent == "NA"].iso2) & set(profiles[profiles.population < 12e6].index)
    runways = fetch.relational(stores, "runways")
    long = set(runways[(runways.closed == 0) & (runways.length_ft >= 8000)].iata)
    airports = fetch.relational(stores, "airports")
    reachable = airports[airports.country.isin(small) & airports.iata.isin(long)]
    world = fetch.edges(stores, "routes_world")
    direct = world[world.src.isin(["JFK", "EWR"]) & ~world.codeshare & (world.stops == 0)]
    flights = fetch.series(stores, "flights")
    summer = flights[flights.sched_dep_local.between("2013-06-01", "2013-09-01", inclusive="left")]
    delays = summer.groupby(["origin", "carrier"]).dep_delay.mean().rename("delay").reset_index()
    joined = direct.merge(reachable[["iata", "country"]], left_on="dst", right_on="iata")
    joined = joined.merge(fetch.relational(stores, "carriers"), left_on="airline", right_on="carrier")
    joined = joined.merge(delays, how="left", left_on=["src", "airline"], right_on=["origin", "carrier"])
    rows = joined[["country", "src", "dst", "name", "delay"]].drop_duplicates()
    rows = rows.sort_values(["country", "src", "dst", "name"])
    return [(*r[:4], _rounded(r[4])) for r in rows.itertuples(index=False)]


def worst_weeks(stores: Stores, _: object) -> Rows:
    """Answer D8."""
    flights = fetch.series(stores, "flights")
    by_day = flights.groupby(["carrier", flights.sched_dep_local.dt.normalize()]).dep_delay
    days = pd.date_range("2013-01-01", "2013-12-31", name="day")
    late, operated = (
        counted.unstack("carrier").reindex(days).fillna(0).rolling(7).sum()
        for counted in (by_day.sum(), by_day.count())
    )
    means = (late / operated).where(operated >= 200)
    worst = means.max().dropna().sort_values(ascending=False).head(6)
    planes = flights.merge(fetch.relational(stores, "planes"), on="tailnum")
    large = 100.0 * (planes.seats >= 150).groupby(planes.carrier).mean()
    degrees = fetch.edges(stores, "routes_us_2008").groupby("src").size()
    to_hubs = flights[flights.dest.isin(degrees[degrees >= 50].index)].groupby("carrier").dest.nunique()
    names = fetch.relational(stores, "carriers").set_index("carrier").name
    rows = []
    for carrier, mean in worst.items():
        day = means[carrier].idxmax()
        counts = int(operated.loc[day, carrier]), round(large[carrier], 1), int(to_hubs.get(carrier, 0))
        rows.append((names[carrier], f"{day:%Y-%m-%d}", _rounded(mean), *counts))
    return rows


def _longest_open(facilities: pd.DataFrame) -> pd.Series:
    return facilities.runways.map(longest_open_runway)


def _tuples(frame: pd.DataFrame) -> list[Any]:
    """Return the rows as named tuples; `size` and `count` are methods of a tuple or a frame, so they get a `_`."""
    return list(frame.rename(columns={"size": "size_", "count": "count_"}).itertuples())


def _or(value: object, default: object) -> object:
    return default if pd.isna(value) else value


def _rounded(value: float) -> float | None:
    return None if pd.isna(value) else round(float(value), 2)


PANDAS: Mapping[str, Answer] = {
    "D1": landlocked,
    "D2": hubs,
    "D3": blizzard,
    "D4": strikes,
    "D5": shortest_way,
    "D6": repairs,
    "D7": caribbean,
    "D8": worst_weeks,
}

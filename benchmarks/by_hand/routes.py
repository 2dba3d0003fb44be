"""D2 and D5 by hand: the graph in plain sets and in a sparse matrix, the stops looked up in the other engines."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import dijkstra

from benchmarks.by_hand.stores import Document, Rows, Stores, UsRoutes

_ARRIVALS = "SELECT dest, count(*), round(avg(arr_delay), 2) FROM flights WHERE origin = 'LGA' GROUP BY dest"
_CITIES = "SELECT iata, city FROM airports WHERE iata IN (SELECT value FROM json_each(?))"
_STOPS = "SELECT iata, city, elevation_ft FROM airports WHERE iata IN (SELECT value FROM json_each(?))"


def hubs(stores: Stores, _: object = None) -> Rows:
    """Answer D2."""
    out = stores.us_routes.out
    one = out["LGA"]
    two = frozenset().union(*(out.get(hub, frozenset()) for hub in one)) - one - {"LGA"}
    counted = [(len(out.get(hub, frozenset()) & two), hub) for hub in one]
    best = sorted(((n, hub) for n, hub in counted if n), key=lambda pair: (-pair[0], pair[1]))[:10]
    cities = dict(stores.rel.execute(_CITIES, (json.dumps([hub for _, hub in best]),)))
    arrivals = {dest: (n, delay) for dest, n, delay in stores.ts.execute(_ARRIVALS).fetchall()}
    return [(hub, cities.get(hub), n, *arrivals.get(hub, (0, None))) for n, hub in best]


def shortest_way(stores: Stores, _: object = None) -> Rows:
    """Answer D5."""
    path = _path(stores.us_routes, "ABE", "KOA", least_flights=100)
    airports = {a[0]: a for a in stores.rel.execute(_STOPS, (json.dumps([node for node, _ in path]),))}
    facilities = stores.documents["airport_facilities"]
    return [
        (step, *airports[node], longest_open_runway(facilities[node]["runways"]), round(km, 1))
        for step, (node, km) in enumerate(path)
    ]


def longest_open_runway(runways: Sequence[Document]) -> int | None:
    """Return the length in feet of the longest runway that is not closed."""
    return max((r["length_ft"] for r in runways if not r["closed"] and r["length_ft"] is not None), default=None)


def _path(routes: UsRoutes, start: str, goal: str, *, least_flights: int) -> Sequence[tuple[str, float]]:
    flown = routes.flights >= least_flights
    size = len(routes.names)
    matrix = csr_matrix((routes.km[flown], (routes.sources[flown], routes.targets[flown])), shape=(size, size))
    km, before = dijkstra(matrix, indices=routes.number[start], return_predecessors=True)
    nodes = [routes.number[goal]]
    while before[nodes[-1]] >= 0:
        nodes.append(before[nodes[-1]])
    return [(routes.names[n], float(km[n])) for n in reversed(nodes) if np.isfinite(km[n])]


ROUTES: Mapping[str, Callable[[Stores, object], Rows]] = {"D2": hubs, "D5": shortest_way}

"""D3, D6 and D8 by hand: DuckDB does what concerns the time series, the rest is looked up or counted in Python."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import datetime

import pyarrow as pa

from benchmarks.by_hand.routes import longest_open_runway
from benchmarks.by_hand.stores import Rows, Stores

_BLIZZARD = """
    SELECT f.origin,
           CASE WHEN w.visib_mi < 1 THEN 'a: <1 mi' WHEN w.visib_mi < 5 THEN 'b: 1-5 mi' ELSE 'c: >=5 mi' END,
           count(*), count(*) FILTER (WHERE f.dep_delay IS NULL), round(avg(f.dep_delay), 2)
    FROM flights f ASOF JOIN weather w ON w.origin = f.origin AND f.sched_dep_utc >= w.obs_utc
    WHERE f.sched_dep_local >= ? AND f.sched_dep_local < ?
    GROUP BY ALL ORDER BY ALL"""
_RATES = "SELECT rate_date, per_eur FROM fx_daily WHERE currency = 'USD' AND rate_date <= ? ORDER BY rate_date"
_SUBDIVISIONS = "SELECT iata, subdivision FROM airports WHERE iata IN (SELECT value FROM json_each(?))"
_WORST = """
    WITH daily AS (
        SELECT carrier, CAST(sched_dep_local AS DATE) AS day, sum(dep_delay) AS late, count(dep_delay) AS operated
        FROM flights GROUP BY ALL
    ),
    weeks AS (
        SELECT c.carrier, d.day, sum(late) OVER seven AS late, sum(operated) OVER seven AS operated
        FROM (SELECT DISTINCT carrier FROM daily) c
        CROSS JOIN (SELECT CAST(unnest(generate_series(DATE '2013-01-01', DATE '2013-12-31', INTERVAL 1 DAY)) AS DATE)
                    AS day) d
        LEFT JOIN daily w ON w.carrier = c.carrier AND w.day = d.day
        WINDOW seven AS (PARTITION BY c.carrier ORDER BY d.day ROWS BETWEEN 6 PRECEDING AND CURRENT ROW)
    )
    SELECT carrier, strftime(day, '%Y-%m-%d'), round(late / operated, 2), operated::BIGINT
    FROM weeks WHERE day >= DATE '2013-01-07' AND operated >= 200
    QUALIFY row_number() OVER (PARTITION BY carrier ORDER BY late / operated DESC, day) = 1
    ORDER BY late / operated DESC LIMIT 6"""
_LARGE = """
    SELECT carrier, round(100.0 * coalesce(sum(n) FILTER (WHERE large = 1), 0) / sum(n), 1)
    FROM (SELECT carrier, tailnum, count(*) AS n FROM flights GROUP BY carrier, tailnum) JOIN planes USING (tailnum)
    GROUP BY carrier"""
_DESTINATIONS = "SELECT DISTINCT carrier, dest FROM flights"
_PLANES = "SELECT tailnum, seats >= 150 FROM planes"
_CARRIERS = "SELECT carrier, name FROM carriers"


def blizzard(stores: Stores, _: object = None) -> Rows:
    """Answer D3."""
    seen = stores.ts.execute(_BLIZZARD, (datetime(2013, 2, 8), datetime(2013, 2, 10))).fetchall()
    facilities = stores.documents["airport_facilities"]
    longest = {origin: longest_open_runway(facilities[origin]["runways"]) for origin in {row[0] for row in seen}}
    return [(*row, longest[row[0]]) for row in seen]


def repairs(stores: Stores, _: object = None) -> Rows:
    """Answer D6."""
    costs = [
        (d["airport"]["iata"], datetime.fromisoformat(d["date"]), d["cost_usd"]["repair"])
        for d in stores.documents["bird_strikes"].values()
        if (d["cost_usd"]["repair"] or 0) > 0 and d["date"] >= "1999-01-04"
    ]
    rates = stores.ts.execute(_RATES, (max(day for _, day, _ in costs),)).fetchall()
    days = [day for day, _ in rates]
    airports: dict[str, list[float]] = defaultdict(lambda: [0, 0, 0.0, 0])
    for iata, day, usd in costs:
        rate_day, per_eur = rates[bisect_right(days, day) - 1]
        sums = airports[iata]
        sums[0] += 1
        sums[1] += usd
        sums[2] += usd / per_eur
        sums[3] += rate_day != day
    rows = [(iata, n, usd, round(eur, 2), stale) for iata, (n, usd, eur, stale) in airports.items()]
    rows = sorted(rows, key=lambda row: (-row[3], row[0]))[:10]
    names = dict(stores.rel.execute(_SUBDIVISIONS, (json.dumps([row[0] for row in rows]),)))
    return [(row[0], names.get(row[0]), *row[1:]) for row in rows]


def worst_weeks(stores: Stores, _: object = None) -> Rows:
    """Answer D8."""
    worst = stores.ts.execute(_WORST).fetchall()
    carriers = dict(stores.rel.execute(_CARRIERS))
    large = _large_aircraft(stores)
    out = stores.us_routes.out
    hubs = {node for node, found in out.items() if len(found) >= 50}
    reached: dict[str, int] = defaultdict(int)
    for carrier, dest in stores.ts.execute(_DESTINATIONS).fetchall():
        reached[carrier] += dest in hubs
    return [(carriers[c], day, mean, n, large.get(c), reached[c]) for c, day, mean, n in worst]


def _large_aircraft(stores: Stores) -> dict[str, float]:
    tailnums, large = zip(*stores.rel.execute(_PLANES), strict=True)
    stores.ts.register("planes", pa.table({"tailnum": tailnums, "large": large}))
    return dict(stores.ts.execute(_LARGE).fetchall())


HISTORIES: Mapping[str, Callable[[Stores, object], Rows]] = {"D3": blizzard, "D6": repairs, "D8": worst_weeks}

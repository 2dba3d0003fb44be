"""The demo's three questions, in rising order: one operation, two engines, all five kinds in one statement.

The last two are SQL texts that anybody can paste into `polyroute query`, given their parameters.
"""

from __future__ import annotations

ROUTE = "Which way by land from Lisbon to Ankara is the shortest, capital by capital?"

ROUTE_CALL = 'db.graph_shortest_path("borders", "PT", "TR", weight="km", where="mutual")'

WEATHER = "How do flights leave New York when one can hardly see the runway?"

WEATHER_SQL = """\
SELECT CASE WHEN w.visibility_mi < 1 THEN 'below 1 mile'
            WHEN w.visibility_mi < 5 THEN '1 to 5 miles'
            ELSE '5 miles and more' END AS visibility,
       count(*) AS flights,
       round(100.0 * count(*) FILTER (f.dep_delay_min IS NULL) / count(*), 1) AS cancelled_pct,
       round(avg(f.dep_delay_min), 1) AS mean_delay_min
FROM flights AS f
ASOF JOIN weather AS w ON f.origin = w.origin AND f.sched_dep_utc >= w.obs_utc
GROUP BY visibility
ORDER BY mean_delay_min DESC"""

WISH = "temples, jungle and islands in tropical Asia"

JOURNEY = (
    f"I dream of {WISH}.\nWhere does my euro buy more than a year ago, how many airports"
    " are there,\nand how many borders away from Thailand is it by land?"
)

JOURNEY_SQL = """\
SELECT c.name AS country, round(p.score, 2) AS likeness,
       a.airports, n.hops AS borders_away,
       now.currency, now.per_eur,
       round(100 * (now.per_eur / ago.per_eur - 1), 1) AS change_pct
FROM vector_search('passages', $wish, k => 15, where => 'section = ''portrait''') AS p
JOIN countries AS c ON c._id = p.country
JOIN (SELECT country, count(*) AS airports FROM airports GROUP BY country) AS a
  ON a.country = c._id
LEFT JOIN graph_neighbors('borders', 'TH', min_hops => 0, max_hops => 99,
                          direction => 'both', where => 'mutual') AS n ON n.node = c._id
JOIN timeseries_latest('fx_rates', by => 'currency') AS now
  ON list_contains(c.currencies, now.currency)
JOIN timeseries_latest('fx_rates', by => 'currency', at => $year_ago) AS ago
  ON ago.currency = now.currency
ORDER BY change_pct DESC"""

YEAR_AGO_SQL = "SELECT max(rate_date) - INTERVAL 1 YEAR FROM fx_rates"

-- rolling time windows, relational, graph: the worst seven days of each airline
WITH daily AS (
    SELECT carrier, CAST(sched_dep_local AS DATE) AS day, sum(dep_delay) AS late, count(dep_delay) AS operated
    FROM flights
    GROUP BY ALL
),
days AS (
    SELECT CAST(unnest(generate_series(DATE '2013-01-01', DATE '2013-12-31', INTERVAL 1 DAY)) AS DATE) AS day
),
weeks AS (
    SELECT c.carrier,
           d.day AS window_end,
           sum(w.late) OVER last_seven AS late,
           sum(w.operated) OVER last_seven AS operated
    FROM (SELECT DISTINCT carrier FROM daily) c
    CROSS JOIN days d
    LEFT JOIN daily w ON w.carrier = c.carrier AND w.day = d.day
    WINDOW last_seven AS (PARTITION BY c.carrier ORDER BY d.day ROWS BETWEEN 6 PRECEDING AND CURRENT ROW)
),
worst AS (
    SELECT carrier, window_end, late / operated AS mean_dep_delay, operated
    FROM weeks
    WHERE window_end >= DATE '2013-01-07' AND operated >= 200
    QUALIFY row_number() OVER (PARTITION BY carrier ORDER BY late / operated DESC, window_end) = 1
),
large AS (
    SELECT f.carrier, round(100.0 * count(*) FILTER (WHERE p.seats >= 150) / count(*), 1) AS pct_large_aircraft
    FROM flights f
    JOIN planes p ON p.tailnum = f.tailnum
    GROUP BY f.carrier
),
big_hubs AS (
    SELECT node FROM graph_centrality('routes_us_2008', method => 'out_degree') WHERE score >= 50
),
hubs AS (
    SELECT f.carrier, count(DISTINCT f.dest) AS hub_destinations
    FROM flights f
    JOIN big_hubs h ON h.node = f.dest
    GROUP BY f.carrier
)
SELECT c.name AS carrier_name,
       CAST(w.window_end AS VARCHAR) AS window_end,
       round(w.mean_dep_delay, 2) AS mean_dep_delay,
       w.operated,
       l.pct_large_aircraft,
       coalesce(h.hub_destinations, 0) AS hub_destinations
FROM worst w
JOIN carriers c ON c.carrier = w.carrier
LEFT JOIN large l ON l.carrier = w.carrier
LEFT JOIN hubs h ON h.carrier = w.carrier
ORDER BY w.mean_dep_delay DESC
LIMIT 6

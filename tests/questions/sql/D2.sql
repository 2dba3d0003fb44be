-- graph -> time series and relational: hubs on the way to airports exactly two hops from LaGuardia
WITH two_hops AS (
    SELECT node FROM graph_neighbors('routes_us_2008', 'LGA', max_hops => 2, min_hops => 2)
),
hubs AS (
    SELECT h.node AS hub, count(DISTINCT t.node) AS two_hop_airports
    FROM graph_neighbors('routes_us_2008', 'LGA') h
    JOIN routes_us_2008.edges e ON e.src = h.node
    JOIN two_hops t ON t.node = e.dst
    GROUP BY h.node
)
SELECT hubs.hub,
       a.city,
       hubs.two_hop_airports,
       count(f.flight_id) AS flights_2013,
       round(avg(f.arr_delay), 2) AS mean_arr_delay
FROM hubs
LEFT JOIN airports a ON a.iata = hubs.hub
LEFT JOIN flights f ON f.origin = 'LGA' AND f.dest = hubs.hub
GROUP BY ALL
ORDER BY two_hop_airports DESC, hub
LIMIT 10

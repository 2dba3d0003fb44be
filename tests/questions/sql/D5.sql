-- weighted shortest path -> relational, documents: Allentown to Kona on well-flown routes
SELECT p.step,
       p.node AS iata,
       a.city,
       a.elevation_ft,
       list_max(list_transform(list_filter(d.runways, lambda r: NOT r.closed), lambda r: r.length_ft)) AS longest_open_runway_ft,
       round(p.cost, 1) AS km_so_far
FROM graph_shortest_path('routes_us_2008', 'ABE', 'KOA', weight => 'km', where => 'flights_2008 >= 100') p
JOIN airports a ON a.iata = p.node
JOIN airport_facilities d ON d._id = p.node
ORDER BY p.step

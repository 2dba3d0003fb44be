-- all five kinds: Caribbean countries near a text, reachable non-stop from New York on a long runway
WITH countries_hit AS (
    SELECT DISTINCT v.country
    FROM vector_search('country_passages', $q, k => 40, exact => true) v
    JOIN countries c ON c.iso2 = v.country AND c.continent = 'NA'
    JOIN country_profiles p ON p._id = v.country AND p.population < 12000000
),
long_runways AS (
    SELECT DISTINCT iata FROM runways WHERE NOT closed AND length_ft >= 8000
),
routes AS (
    SELECT DISTINCT a.country, r.src, r.dst, r.airline
    FROM routes_world.edges r
    JOIN airports a ON a.iata = r.dst
    JOIN countries_hit h ON h.country = a.country
    JOIN long_runways l ON l.iata = r.dst
    WHERE r.src IN ('JFK', 'EWR') AND NOT r.codeshare AND r.stops = 0
),
summer AS (
    SELECT origin, carrier, round(avg(dep_delay), 2) AS mean_dep_delay
    FROM flights
    WHERE sched_dep_local >= TIMESTAMP '2013-06-01' AND sched_dep_local < TIMESTAMP '2013-09-01'
    GROUP BY origin, carrier
)
SELECT r.country, r.src, r.dst, c.name AS airline, s.mean_dep_delay AS mean_dep_delay_jja
FROM routes r
JOIN carriers c ON c.carrier = r.airline
LEFT JOIN summer s ON s.origin = r.src AND s.carrier = r.airline
ORDER BY r.country, r.src, r.dst, c.name

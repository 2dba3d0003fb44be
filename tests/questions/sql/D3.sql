-- time series (ASOF) and documents: the blizzard of February 2013
WITH f AS (
    SELECT origin, sched_dep_utc, dep_delay
    FROM flights
    WHERE sched_dep_local >= TIMESTAMP '2013-02-08' AND sched_dep_local < TIMESTAMP '2013-02-10'
),
seen AS (
    SELECT f.origin,
           f.dep_delay,
           CASE WHEN w.visib_mi < 1 THEN 'a: <1 mi' WHEN w.visib_mi < 5 THEN 'b: 1-5 mi' ELSE 'c: >=5 mi' END AS visibility
    FROM f ASOF JOIN weather w ON w.origin = f.origin AND f.sched_dep_utc >= w.obs_utc
),
runway AS (
    SELECT _id AS iata, list_max(list_transform(list_filter(runways, lambda r: NOT r.closed), lambda r: r.length_ft)) AS longest
    FROM airport_facilities
)
SELECT s.origin,
       s.visibility,
       count(*) AS flights,
       count(*) FILTER (WHERE s.dep_delay IS NULL) AS cancelled,
       round(avg(s.dep_delay), 2) AS mean_dep_delay,
       any_value(r.longest) AS longest_open_runway_ft
FROM seen s
LEFT JOIN runway r ON r.iata = s.origin
GROUP BY s.origin, s.visibility
ORDER BY s.origin, s.visibility

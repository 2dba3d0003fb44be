-- filtered vector search -> documents, relational, time series: strikes most like a text
WITH hits AS (
    SELECT strike_id, iata
    FROM vector_search('strike_reports', $q, k => 40, where => 'phase = ''Approach'' AND date >= ''1995-01-01''', exact => true)
),
busy AS (
    SELECT dest, count(*) AS nyc_flights, round(avg(arr_delay), 2) AS mean_arr_delay
    FROM flights
    GROUP BY dest
    HAVING count(*) >= 1000
)
SELECT h.iata,
       a.city,
       count(*) AS strikes,
       sum(coalesce(b.cost_usd.total, 0)) AS cost_total_usd,
       any_value(busy.nyc_flights) AS nyc_flights,
       any_value(busy.mean_arr_delay) AS mean_arr_delay
FROM hits h
JOIN bird_strikes b ON b._id = h.strike_id
JOIN busy ON busy.dest = h.iata
JOIN airports a ON a.iata = h.iata
GROUP BY h.iata, a.city
ORDER BY strikes DESC, h.iata

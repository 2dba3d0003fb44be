-- documents -> time series (ASOF), relational: repairs in euros of the day
WITH strikes AS (
    SELECT airport.iata AS iata, CAST(date AS DATE) AS day, cost_usd.repair AS usd
    FROM bird_strikes
    WHERE cost_usd.repair > 0 AND date >= '1999-01-04'
),
rates AS (
    SELECT rate_date, per_eur FROM fx_daily WHERE currency = 'USD'
)
SELECT s.iata,
       any_value(a.subdivision) AS subdivision,
       count(*) AS strikes,
       sum(s.usd) AS repair_usd,
       round(sum(s.usd / r.per_eur), 2) AS repair_eur,
       count(*) FILTER (WHERE r.rate_date <> s.day) AS no_rate_that_day
FROM strikes s
ASOF JOIN rates r ON s.day >= r.rate_date
LEFT JOIN airports a ON a.iata = s.iata
GROUP BY s.iata
ORDER BY repair_eur DESC, s.iata
LIMIT 10

-- vector -> documents -> relational: landlocked countries nearest to a text
WITH hits AS (
    SELECT country, score
    FROM vector_search('country_passages', $q, k => 25, where => 'section IN (''Economy'', ''Geography'')', exact => true)
)
SELECT p._id AS iso2,
       p.name,
       round(max(h.score), 4) AS best_sim,
       count(*) AS hits,
       any_value(p.economy.remittances_pct_gdp[-1].value) AS remittances_pct_gdp,
       (SELECT count(*) FROM airports a WHERE a.country = p._id) AS airports
FROM hits h
JOIN country_profiles p ON p._id = h.country
WHERE p.coastline_km = 0
GROUP BY p._id, p.name
ORDER BY max(h.score) DESC

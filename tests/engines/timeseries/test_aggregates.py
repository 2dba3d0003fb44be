"""The aggregates of a window: what passes, what is refused, and that what passes means what DuckDB means by it."""

from __future__ import annotations

import duckdb
import pyarrow as pa
import pytest

from polyroute.engines.timeseries.aggregates import AGGREGATES, Aggregates, parse_aggregates
from polyroute.errors import QueryError

ROWS = pa.table(
    {
        "t": pa.array(range(12)).cast(pa.timestamp("s")),
        "temp": [1.5, None, 3.0, 2.5, -1.0, 7.25, 0.5, 3.0, None, 2.0, 9.0, 4.0],
        "gust": [3, 5, None, 1, 2, 8, 9, 4, 4, 7, 0, 6],
        "place": ["ewr", "jfk", None, "lga", "ewr", "jfk", "lga", "lga", "ewr", "jfk", "jfk", "ewr"],
        "wet": [True, False, None, True, True, False, True, True, False, True, True, False],
        "wind": [{"x": i} for i in range(12)],
    }
)


def parsed(text: str, *taken: str) -> Aggregates:
    return parse_aggregates(text, ROWS.schema, '"t"', taken)


def value(text: str) -> object:
    found = parsed(text)
    calls = ", ".join(f"{call} AS agg{i}" for i, call in enumerate(found.calls))
    [(_, item)] = found.items
    return answer(f"SELECT {item} FROM (SELECT {calls} FROM rows)")


def answer(sql: str) -> object:
    rows = ROWS
    assert rows is not None
    return duckdb.sql(sql).fetchall()[0][0]


def test_names_are_the_aliases_or_the_texts() -> None:
    found = parsed("avg(TEMP) AS t, max(gust), count(*) -- all\n, round(min(temp), 1) r")
    assert [name for name, _ in found.items] == ["t", "max(gust)", "count(*)", "r"]
    assert found.columns == {"temp", "gust"}


ARGUMENTS = {
    "arg_max": "place, gust",
    "arg_min": "place, gust",
    "bool_and": "wet",
    "bool_or": "wet",
    "count_if": "gust > 3",
    "histogram": "place",
    "quantile": "gust, 0.25",
    "quantile_cont": "gust, 0.25",
    "quantile_disc": "gust, 0.25",
    "approx_quantile": "gust, 0.25",
    "listagg": "place, '-'",
    "covar_pop": "temp, gust",
    "covar_samp": "temp, gust",
    "corr": "temp, gust",
    "bit_and": "gust",
    "bit_or": "gust",
    "bit_xor": "gust",
    "geomean": "gust + 1",
}


@pytest.mark.parametrize("name", sorted(AGGREGATES))
def test_every_aggregate_is_duckdbs(name: str) -> None:
    arguments = ARGUMENTS.get(name, "temp, gust" if name.startswith("regr_") else "temp")
    text = f"{name}({arguments})"
    plain = answer(f"SELECT {text} FROM (FROM rows ORDER BY t)")
    assert value(text) == (pytest.approx(plain) if isinstance(plain, float) else plain)
    catalogue = "SELECT function_name FROM duckdb_functions() WHERE function_type = 'aggregate'"
    known = {found for (found,) in duckdb.sql(catalogue).fetchall()}
    assert name in known | {"mean", "geomean"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("first(place)", "ewr"),
        ("last(place)", "ewr"),
        ("last(temp)", 4.0),
        ("first(place ORDER BY gust DESC)", "lga"),
        ("any_value(temp)", 1.5),
        ("list(gust)", [3, 5, None, 1, 2, 8, 9, 4, 4, 7, 0, 6]),
        ("list(DISTINCT place)", ["ewr", "jfk", "lga", None]),
        ("string_agg(place, '-')", "ewr-jfk-lga-ewr-jfk-lga-lga-ewr-jfk-jfk-ewr"),
        ("group_concat(DISTINCT place)", "ewr,jfk,lga"),
        ("max_by(place, gust)", "lga"),
        ("min_by(place, wet)", "jfk"),
        ("mode(place)", "ewr"),
        ("count(*)", 12),
        ("count(temp)", 10),
        ("count(DISTINCT place)", 3),
        ("count(*) FILTER (WHERE gust > 3 AND place = 'jfk')", 3),
        ("max(gust) - min(gust)", 9),
        ("CASE WHEN max(gust) > 8 THEN 'storm' ELSE 'calm' END", "storm"),
        ("round(avg(temp), 2)", 3.18),
        ("coalesce(sum(gust) FILTER (WHERE gust > 100), 0)", 0),
        ("max(wind.x)", 11),
        ("max(gust, 2)", [9, 8]),
        ("percentile_cont(0.5) WITHIN GROUP (ORDER BY gust)", 4.0),
        ("quantile_cont(gust, [0.0, 1.0])", [0.0, 9.0]),
        ("sum(gust)::VARCHAR || '!'", "49!"),
        ("first(temp IGNORE NULLS)", 1.5),
    ],
)
def test_values(text: str, expected: object) -> None:
    assert value(text) == expected


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "list of SQL aggregates"),
        ("temp", "stands outside an aggregate"),
        ("max(gust) + temp", "stands outside an aggregate"),
        ("1", "no aggregate"),
        ("*", "no aggregate"),
        ("avg(tmp)", "did you mean 'temp'"),
        ("avg(wind.y)", "field"),
        ("agv(temp)", "did you mean 'avg'"),
        ("avg(temp", "does not parse"),
        ("avg(temp) FROM other", "list of SQL aggregates"),
        ("avg(temp) WHERE temp > 1", "list of SQL aggregates"),
        ("DISTINCT avg(temp)", "list of SQL aggregates"),
        ("avg(temp) UNION SELECT 1", "list of SQL aggregates"),
        ("avg(temp); DROP TABLE x", "2 SQL statements"),
        ("(SELECT 1)", "subquery"),
        ("avg((SELECT 1))", "subquery"),
        ("avg(temp) FILTER (WHERE temp IN (SELECT 1))", "subquery"),
        ("count(*) FILTER (WHERE EXISTS (SELECT 1))", "subquery"),
        ("avg(temp) OVER ()", "window function"),
        ("avg(max(temp))", "inside"),
        ("avg($x)", "parameters"),
        ("avg(?)", "parameters"),
        ("max(now())", "clock"),
        ("max(random())", "random"),
        ("max(read_text('/etc/hostname'))", "read_text"),
        ("getvariable('x')", "getvariable"),
        ("max(nextval('s'))", "nextval"),
        ("lttb(t, temp, 3)", "lttb"),
        ("first(temp ORDER BY (SELECT 1))", "subquery"),
        ("avg(temp) AS a, max(temp) AS A", "two columns"),
        ("avg(temp) AS place", "two columns"),
        ("max(temp) AS window_start", "two columns"),
        ("sum(temp), sum(temp)", "two columns"),
    ],
)
def test_what_is_refused(text: str, told: str) -> None:
    with pytest.raises(QueryError, match=told) as caught:
        parsed(text, "place", "window_start")
    assert caught.value.code == "QUERY_INVALID"

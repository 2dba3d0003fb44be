"""The functions a filter may call are repeatable, and each means the same after a trip through our tree."""

from __future__ import annotations

from itertools import chain, islice, product

import duckdb
import pytest

from polyroute.errors import QueryError
from polyroute.sql.dialect import parse_expression, render
from polyroute.sql.filters.allowed import check_allowed
from polyroute.sql.filters.functions import FUNCTIONS

SYNTAX = {"cast", "coalesce", "ifnull", "try_cast"}

ROWS = """
    CREATE TABLE t AS SELECT * FROM (VALUES
    (1::TINYINT, 2::BIGINT, 2.5::DOUBLE, 1.25::DECIMAL(9, 2), 'Hello wörld', 'l', '2024-02-29'::DATE,
     '2024-02-29 13:14:15.678901'::TIMESTAMP, '2024-02-29 13:14:15+02'::TIMESTAMPTZ, '13:14:15.5'::TIME,
     INTERVAL '1 month 2 days 03:00:00', true, [3, 1, 2, NULL]::INT[], ['b', 'a'], [1.5, 2.5]::DOUBLE[2],
     {'a': 1, 'b': 'x'}, map {'k': 1, 'l': 2}, '{"a": {"b": [1, 2]}, "c": "x"}'::JSON, 'ab'::BLOB, '1011'::BIT,
     [[1, 2], [3]], 3::HUGEINT),
    (-3, 7, -0.5, -1.55, '  x%y_z  ', 'x', '1969-12-28', '1969-12-31 23:59:59.5', '1969-12-31 00:00:00+00', '00:00:00',
     INTERVAL '-5 days', false, [], ['c', NULL], [0.5, -2.5], {'a': NULL, 'b': 'y'}, map {'z': 9}, '[1, "a", null]',
     '\\x00\\xff'::BLOB, '0101', [[], NULL], -2),
    (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
     NULL, NULL, NULL)
    ) AS v(ti, b, d, de, s, s1, da, ts, tz, tm, iv, bo, l, ls, arr, st, m, j, bl, bi, ll, h)
"""
ARGUMENTS = {
    "TINYINT": ["ti"],
    "BIGINT": ["b", "ti"],
    "INTEGER": ["ti", "3"],
    "DOUBLE": ["d"],
    "FLOAT": ["d"],
    "DECIMAL": ["de"],
    "VARCHAR": ["s", "s1", "'%Y-%m-%d'", "'day'", "'$.a'", "'min'", "'a'", "'2024-02-29'", "'l'"],
    "DATE": ["da"],
    "TIMESTAMP": ["ts"],
    "TIMESTAMP WITH TIME ZONE": ["tz"],
    "TIME": ["tm"],
    "INTERVAL": ["iv", "INTERVAL '3 days'"],
    "BOOLEAN": ["bo"],
    "JSON": ["j"],
    "BLOB": ["bl"],
    "BIT": ["bi"],
    "HUGEINT": ["h"],
}
ANYTHING = ["l", "s", "d", "b", "da", "ts", "j", "st", "m", "ls", "bo", "2", "'x'"]
LAMBDAS = ["lambda q: q", "lambda q: q > 1", "lambda p, q: p + q"]


@pytest.fixture(scope="module")
def catalogue():
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(ROWS)
    connection.execute("CREATE TABLE signatures AS SELECT * FROM duckdb_functions()")  # slow to list, so listed once
    yield connection
    connection.close()


def run(catalogue, expression: str) -> str | None:
    try:
        return repr(catalogue.execute(f"SELECT {expression} FROM t").fetchall())
    except duckdb.Error:
        return None


def test_duckdb_marks_every_function_as_repeatable(catalogue):
    rows = catalogue.execute("SELECT lower(function_name), function_type, stability FROM signatures").fetchall()
    kinds: dict[str, set[tuple[str, str | None]]] = {}
    for name, kind, stability in rows:
        kinds.setdefault(name, set()).add((kind, stability))
    tables = {"generate_series", "range", "repeat"}  # also table functions, but not inside an expression
    for name in FUNCTIONS - SYNTAX:
        found = {pair for pair in kinds[name] if not (name in tables and pair[0] == "table")}
        assert found <= {("scalar", "CONSISTENT"), ("macro", None)}, name


def arguments(type_name: str | None) -> list[str]:
    if type_name is None:
        return ANYTHING
    if "LAMBDA" in type_name:
        return LAMBDAS
    if type_name in ARGUMENTS:
        return ARGUMENTS[type_name]
    if type_name.endswith("[]"):
        return ["l", "ls", "ll", "[1, 2]"]
    if "[" in type_name:
        return ["arr", "[1.0, 2.0]::DOUBLE[2]"]
    if type_name.startswith("STRUCT"):
        return ["st"]
    return ["m"] if type_name.startswith("MAP") else ANYTHING


def calls(catalogue, name: str) -> list[str]:
    """Build calls from the signatures of DuckDB's catalogue; most of the combinations run."""
    query = "SELECT parameter_types, varargs FROM signatures WHERE lower(function_name) = ?"
    found: list[str] = []
    for types, varargs in catalogue.execute(f"{query} AND function_type <> 'table'", [name]).fetchall():
        lists = list(islice(product(*(arguments(type_) for type_ in types)), 40))
        if varargs:
            more = [(), *product(arguments(varargs)), *islice(product(arguments(varargs), repeat=2), 20)]
            lists = list(chain.from_iterable([[head + tail for tail in more] for head in lists[:5]]))
        found += [f"{name}({', '.join(parts)})" for parts in lists if parts or not (types or varargs)]
    return found


def test_every_function_means_the_same_as_rendered(catalogue):
    never_ran = set()
    for name in sorted(FUNCTIONS - SYNTAX):
        answered = 0
        for call in calls(catalogue, name):
            expected = run(catalogue, call)
            if expected is None:
                continue
            answered += 1
            tree = parse_expression(call)
            check_allowed(tree)
            assert run(catalogue, render(tree)) == expected, call
            if answered > 1:
                break
        if not answered:
            never_ran.add(name)
    assert never_ran <= set(BY_HAND), "write a call of it below"


BY_HAND = {
    "aggregate": "aggregate(l, 'sum')",
    "array_aggr": "array_aggr(l, 'max')",
    "array_aggregate": "array_aggregate(l, 'min')",
    "json_object": "json_object('a', 1, 'b', s)",
    "list_aggr": "list_aggr(l, 'string_agg', '-')",
    "list_aggregate": "list_aggregate(l, 'avg')",
    "overlay": "overlay(s PLACING 'z' FROM 2 FOR 1)",
    "split_part": "split_part(s, 'l', 2)",
    "array_cross_product": "array_cross_product([1.0, 2.0, 3.0]::DOUBLE[3], [2.0, 3.0, 4.0]::DOUBLE[3])",
    "array_where": "array_where([1, 2], [true, false])",
    "decode": "decode(encode(s))",
    "from_base64": "from_base64('QUI=')",
    "from_binary": "from_binary('0110')",
    "from_json": """from_json('{"a": 1}', '{"a": "INTEGER"}')""",
    "if": "if(b > 3, 1, 2)",
    "list_bool_and": "list_bool_and([true, false])",
    "list_bool_or": "list_bool_or([true, false])",
    "list_where": "list_where([1, 2], [true, false])",
    "make_time": "make_time(1, 2, 3.5)",
    "map_from_entries": "map_from_entries([('a', 1)])",
    "position": "position('l' IN s)",
    "struct_contains": "struct_contains(row(7), 7)",
    "struct_insert": "struct_insert(st, c := 1)",
    "struct_position": "struct_position(row(7), 7)",
    "unbin": "unbin('0110')",
}

OPERATORS = """
b // 2; b % 3; 2 ^ 3 ^ 2; -2 ^ 2; b & 3; b | 8; b << 2; b >> 1; ~b; -7 // 2; 7 / 2; b - -1; 5 - (3 - 1); 2 * (3 + 4)
s || b; l || [1]; j -> 'a'; j -> '$.a.b[0]'; j ->> 'c'; (j -> 'a') ->> 'b'; j -> 0; j['c']; j.a.b
('x' || j.c) = 'x'; l @> [1]; [1] <@ l; l && [1]; l[1]; l[-1]; l[0]; l[1:2]; l[:2]; l[-2:]; l[b]; l[b - 1]; ll[1][2]
s[1]; s[2:3]; st.a; st['a']; m['k']; map {'a': 1}['a']; {'a': 1}.a; [1, 2, 3][2]; ts AT TIME ZONE 'UTC'
tz AT TIME ZONE 'Asia/Tokyo'; ts::DATE; s::VARCHAR(3); CAST(d AS INTEGER); TRY_CAST(s AS INTEGER)
EXTRACT(year FROM ts); EXTRACT(isodow FROM da); ts + INTERVAL 1 DAY; ts - INTERVAL '2 hours'; ts + INTERVAL (b) DAY
da + 5; da - da; DATE '2024-01-01' + 1; SUBSTRING(s FROM 2 FOR 3); TRIM(BOTH 'x' FROM s); LTRIM(s, ' x')
POSITION('l' IN s); OVERLAY(s PLACING 'z' FROM 2 FOR 1); CASE WHEN b > 3 THEN 'x' ELSE 'y' END
CASE b WHEN 2 THEN 'two' END; IF(b > 3, 1, 2); IFNULL(d, 0); NULLIF(b, 2); s LIKE '%l%'; s NOT LIKE '%l%'
s ILIKE 'H%'; s NOT ILIKE 'H%'; s LIKE '%!%%' ESCAPE '!'; s GLOB 'H*'; s SIMILAR TO 'H.*'; s ~ 'H'; s !~ 'H'
s ~~ 'H%'; s !~~ 'H%'; s ~~* 'h%'; s ~~~ 'H*'; s ^@ 'He'; b ISNULL; b NOTNULL; bo IS NOT TRUE; bo IS UNKNOWN
b IS DISTINCT FROM 2; b IN (1, 2, NULL); b NOT IN (1, NULL); b IN [1, 2, NULL]; b NOT IN [1, NULL]; ti IN l
NOT ti IN l; b BETWEEN 1 AND 5; NOT b BETWEEN 1 AND 5; b = ANY([1, 2]); NOT b = 2 AND bo; b == 2; NOT bo OR bo
bo AND NOT bo OR bo; b IS NULL = bo; b + 1 IS NULL; NOT b IS NULL; b = 2 IS TRUE; (b = 2) IS NOT TRUE
(b, ti) = (2, 1); (b, ti) IN ((2, 1), (7, 3)); row(b, ti) = row(2, 1); [b, ti] = [2, 1]
s COLLATE nocase = 'HELLO WÖRLD'; e'a\\nb'; $$dollar$$; 1e3; .5; 5.; 1_000; 'it''s'; list_filter(l, lambda x: x > b)
list_transform(l, lambda x, i: x + i); list_filter([{'a': 1}], lambda x: x.a = 1)
strftime(ts, '%Y-%m-%d %H:%M:%S.%f'); strptime('2024-01-02', '%Y-%m-%d'); date_trunc('month', ts)
date_diff('week', da, DATE '2025-01-01'); time_bucket(INTERVAL '1 day', ts, INTERVAL '5 hours')
list_sort(l, 'DESC', 'NULLS FIRST'); list_reverse_sort(l); regexp_replace(s, 'l', 'L', 'g')
regexp_extract(s, '(l)(o)', 2); to_timestamp(b); epoch_ms(1700000000000); make_timestamp(2024, 1, 2, 3, 4, 5.5)
log(2, 8); round(de, 1); printf('%d', b)
"""


@pytest.mark.parametrize("text", [part.strip() for line in OPERATORS.splitlines() for part in line.split("; ") if part])
def test_operators_mean_the_same_as_rendered(catalogue, text):
    tree = parse_expression(text)
    check_allowed(tree)
    expected = run(catalogue, text)
    assert expected is not None, "DuckDB does not read this"
    assert run(catalogue, render(tree)) == expected


@pytest.mark.parametrize("name", sorted(BY_HAND))
def test_functions_with_unusual_arguments_mean_the_same_as_rendered(catalogue, name):
    tree = parse_expression(BY_HAND[name])
    check_allowed(tree)
    expected = run(catalogue, BY_HAND[name])
    assert expected is not None
    assert run(catalogue, render(tree)) == expected


def test_no_other_scalar_function_is_admitted(catalogue):
    named = "function_type <> 'aggregate' AND regexp_matches(function_name, '^[a-z_]+$')"
    names = catalogue.execute(f"SELECT DISTINCT function_name FROM signatures WHERE {named}").fetchall()
    clocks = {"now", "today", "current_date", "get_current_timestamp"}
    for name in {name for (name,) in names} - FUNCTIONS - clocks:
        for text in (f"{name}()", f"{name}(x, 1)"):
            try:
                tree = parse_expression(text)
            except QueryError:
                continue
            with pytest.raises(QueryError):
                check_allowed(tree)

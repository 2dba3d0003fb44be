"""What queries answer, beyond the cases of the TCK: each with the rows that openCypher's rules give."""

from __future__ import annotations

import math
from typing import Any

import pytest

from tests.engines.graph.cypher.conftest import Ask

ANSWERS: dict[str, list[tuple[Any, ...]]] = {
    # aggregates
    "MATCH (n:P) RETURN collect(DISTINCT n.age)": [([30, 25],)],
    "MATCH (n:P) RETURN sum(DISTINCT n.age), avg(DISTINCT n.age), count(DISTINCT n.age)": [(55, 27.5, 2)],
    "MATCH (n:P)-->(m) RETURN n.n, collect(DISTINCT m.n) ORDER BY n.n": [
        ("Ann", ["Bob"]),
        ("Bob", ["Cyd"]),
        ("Cyd", ["Ann", "Dan"]),
    ],
    "MATCH (n) RETURN min(n.n), max(n.n), min(n.ok), max(n.tags)": [("Ann", "Dan", False, ["y"])],
    "MATCH (n) RETURN n.age, min(n.n) ORDER BY n.age": [(25, "Bob"), (30, "Ann"), (41, "Dan")],
    "MATCH ()-[r:K]->() RETURN min(r.note), max(r.note), sum(r.since), count(r.note)": [("10", "9", 8017, 2)],
    "MATCH (n) RETURN count(n.nope), sum(n.nope), avg(n.nope), min(n.nope), collect(n.nope)": [
        (0, 0, None, None, []),
    ],
    "MATCH (n:Zip) RETURN count(*), sum(n.x), collect(n)": [(0, 0, [])],
    "MATCH (n:Zip) RETURN n.x, count(*)": [],
    "MATCH (n:P) RETURN count(n) + 1 AS a, sum(n.age) * 2 AS b": [(4, 170)],
    "MATCH (n:P) RETURN n.age AS a, collect(n.n)[0] AS x, count(*) > 1 AS many ORDER BY a": [
        (25, "Bob", False),
        (30, "Ann", True),
    ],
    "UNWIND [1, 1.0, '1', true, null, null] AS x RETURN count(DISTINCT x), collect(DISTINCT x)": [
        (3, [1, "1", True]),
    ],
    "UNWIND [1, 1.0, '1', true, null, null] AS x WITH DISTINCT x RETURN count(*)": [(4,)],
    "UNWIND [10, 20, 30] AS x RETURN percentileCont(x, 0.25), percentileDisc(x, 0.25), stDev(x), stDevP(x)": [
        (15.0, 10, 10.0, math.sqrt(200 / 3)),
    ],
    # patterns
    "MATCH (a)-[:K]->(b), (a)-[:K]->(c) RETURN count(*)": [(2,)],
    "MATCH (a)-[:K]->(b)<-[:K]-(c) RETURN a.n, c.n": [("Ann", "Ann"), ("Ann", "Ann")],
    "MATCH (a)-[:K]->(b) MATCH (a)-[:K]->(c) RETURN count(*)": [(6,)],
    "MATCH (a {n: 'Ann'})-[:K*1..2]->(b) RETURN b.n": [("Bob",), ("Cyd",), ("Bob",), ("Cyd",)],
    "MATCH (a {n: 'Ann'})-[*0..1]-(b) RETURN b.n ORDER BY b.n": [("Ann",), ("Bob",), ("Bob",), ("Cyd",)],
    "MATCH (d {n: 'Dan'})-[r:L]-(x) RETURN x.n": [("Dan",)],
    "MATCH (a)-[r]-(b) RETURN count(*)": [(11,)],
    "MATCH (a)-->(b)-->(c)-->(a) RETURN count(*)": [(6,)],
    "MATCH (a {n: 'Ann'})-[r:K {since: 2005}]->(b) RETURN b.n, r.ok": [("Bob", False)],
    "MATCH (a)-[:K* {ok: true}]->(b) RETURN a.n, b.n ORDER BY a.n, b.n": [
        ("Ann", "Bob"),
        ("Ann", "Cyd"),
        ("Bob", "Cyd"),
    ],
    "MATCH (n:P|Q) RETURN count(n)": [(4,)],
    "MATCH (a:P) WHERE (a)-[:L]->() RETURN a.n": [("Cyd",)],
    "MATCH (a:P) WHERE NOT (a)-[:L]->() RETURN a.n": [("Ann",), ("Bob",)],
    "MATCH (a:P) RETURN a.n, size([(a)-[:K]->(b) | b.n]) AS k, count { (a)-[:K]->() } AS c": [
        ("Ann", 2, 2),
        ("Bob", 1, 1),
        ("Cyd", 1, 1),
    ],
    "MATCH (a:P) WHERE exists { MATCH (a)-->(b) WITH b, count(*) AS c WHERE c > 1 RETURN b } RETURN a.n": [("Ann",)],
    "MATCH (a:P) OPTIONAL MATCH (a)-[r:L]->(b) RETURN a.n, count(b), collect(b.n)": [
        ("Ann", 0, []),
        ("Bob", 0, []),
        ("Cyd", 1, ["Ann"]),
    ],
    "MATCH (a:P) OPTIONAL MATCH (a)-[r:L]->(b) WHERE b.age > 99 RETURN a.n, b": [
        ("Ann", None),
        ("Bob", None),
        ("Cyd", None),
    ],
    # paths
    "MATCH p = ({n: 'Ann'})-[:K*]->({n: 'Dan'}) RETURN [x IN nodes(p) | x.n], [r IN relationships(p) | r.since]": [
        (["Ann", "Bob", "Cyd", "Dan"], [2001, 2001, 2010]),
        (["Ann", "Bob", "Cyd", "Dan"], [2005, 2001, 2010]),
    ],
    "MATCH p = (d {n: 'Dan'})<-[:K*2]-(a) RETURN [x IN nodes(p) | x.n]": [(["Dan", "Cyd", "Bob"],)],
    "MATCH p = shortestPath((a {n: 'Ann'})-[*]->(d {n: 'Dan'})) RETURN [r IN relationships(p) | r.since]": [
        ([2001, 2001, 2010],),
    ],
    "MATCH p = allShortestPaths((a {n: 'Ann'})-[*]->(d {n: 'Dan'})) RETURN length(p)": [(3,), (3,)],
    "MATCH p = shortestPath((a {n: 'Ann'})-[*..2]->(d {n: 'Dan'})) RETURN p": [],
    "MATCH (a {n: 'Ann'}), (d {n: 'Dan'}) RETURN length(shortestPath((a)-[:K*]->(d))) AS l": [(3,)],
    "MATCH (a {n: 'Bob'}), (d {n: 'Ann'}) RETURN shortestPath((a)-[:K*]->(d)) AS p": [(None,)],
    # values
    "MATCH (n:P) RETURN {a: n.ok, b: n.tags, c: n.w} AS x": [
        ({"a": True, "b": ["x", "y"], "c": 1.5},),
        ({"a": False, "b": ["y"], "c": 2.5},),
        ({"a": True, "b": None, "c": 1.5},),
    ],
    "MATCH (n:P) WITH collect(n) AS ns UNWIND ns AS m RETURN m.ok, m.tags": [
        (True, ["x", "y"]),
        (False, ["y"]),
        (True, None),
    ],
    "MATCH (n {n: 'Bob'}) RETURN n {.n, .age, twice: n.age * 2} AS m, -n.age AS minus": [
        ({"n": "Bob", "age": 25, "twice": 50}, -25),
    ],
    "MATCH (n) RETURN all(x IN n.tags WHERE x = 'y') AS a, any(x IN n.tags WHERE x = 'x') AS b ORDER BY n.n": [
        (False, True),
        (True, False),
        (None, None),
        (None, None),
    ],
    "MATCH (n) RETURN [x IN n.tags WHERE x <> 'y' | toUpper(x)] AS l ORDER BY n.n": [(["X"],), ([],), (None,), (None,)],
    "RETURN 7 / 2, -7 / 2, 7 % -3, -7 % 3, 7 / 2.0, 2 ^ 3, 1.0 / 0, -1 / 0.0": [
        (3, -3, 1, -1, 3.5, 8.0, math.inf, -math.inf),
    ],
    "RETURN 1 = 1.0, 1 = '1', [1, null] = [1, 2], null IN [1], 1 IN [null], 1 IN [1, null], null = null": [
        (True, False, None, None, None, True, None),
    ],
    "RETURN 1 < 2 < 3, 1 < 2 > 3, 'a' < 1, [1] < [1, 0], null < 1": [(True, False, None, True, None)],
    "RETURN round(2.5), round(-2.5), floor(-1.1), ceil(1.1), abs(-3), sign(-2.5), toInteger('12.9'), toFloat('x')": [
        (3.0, -2.0, -2.0, 2.0, 3, -1, 12, None),
    ],
    "RETURN split('a,b', ','), substring('hello', 1, 3), left('abc', 2), right('abc', 2), reverse('abc')": [
        (["a", "b"], "ell", "ab", "bc", "cba"),
    ],
    "RETURN [1, 2, 3][-1], [1, 2, 3][5], [1, 2, 3][1..], [1, 2, 3][..-1], {a: 1}['a'], 'x' + 1": [
        (3, None, [2, 3], [1, 2], 1, "x1"),
    ],
    "RETURN 'abc' =~ 'A.*', 'abc' =~ '(?i)A.*', 'abc' STARTS WITH 'ab', 1 CONTAINS 'a'": [(False, True, True, None)],
    "RETURN reduce(s = 0, x IN [1, 2, 3] | s + x), range(3, 1, -1), size('ünï'), coalesce(null, 2)": [
        (6, [3, 2, 1], 3, 2),
    ],
    "RETURN CASE 2 WHEN 1 THEN 'a' WHEN 2 THEN 'b' END, CASE WHEN null THEN 1 ELSE 2 END": [("b", 2)],
    "RETURN date('2024-02-29').year, toString(datetime('2024-02-29T10:00:00+01:00'))": [
        (2024, "2024-02-29T10:00+01:00"),
    ],
    "RETURN date('2024-01-01') < date('2024-01-02'), date('2024-01-01') = '2024-01-01'": [(True, False)],
    # clauses
    "MATCH (n) WITH n ORDER BY n.age DESC, n.n LIMIT 2 RETURN n.n": [("Dan",), ("Ann",)],
    "MATCH (n) RETURN n.n AS x ORDER BY n.age, x DESC SKIP 1 LIMIT 2": [("Cyd",), ("Ann",)],
    "MATCH (n) WITH n.age AS a, count(*) AS c WHERE c > 1 RETURN a, c": [(30, 2)],
    "MATCH (n:P) WITH max(n.age) AS m MATCH (k {age: m}) RETURN k.n": [("Ann",), ("Cyd",)],
    "UNWIND [3, 1, 2] AS x RETURN x ORDER BY -x LIMIT 2": [(3,), (2,)],
    "UNWIND [1, 2] AS x UNWIND [x, x * 10] AS y RETURN y": [(1,), (10,), (2,), (20,)],
    "RETURN 1 AS x UNION RETURN 1 AS x UNION RETURN 2 AS x": [(1,), (2,)],
    "RETURN 1 AS x UNION ALL RETURN 1 AS x": [(1,), (1,)],
    "MATCH (n) RETURN n.n LIMIT 0": [],
    "MATCH (n) WHERE id(n) = 2 RETURN n.n": [("Cyd",)],
    "MATCH (`odd name` {n: 'Ann'}) RETURN `odd name`.n AS `the ``n```": [("Ann",)],
    "match (n) where n.n = 'Ann' /* Ann */ return n.n // only": [("Ann",)],
    "RETURN 'it\\'s', \"q\\\"\", '\\u00fc\\n', 0x1F, 1e3, .5": [("it's", 'q"', "ü\n", 31, 1000.0, 0.5)],
}


@pytest.mark.parametrize("query", ANSWERS, ids=range(len(ANSWERS)))
def test_answers(ask: Ask, query: str) -> None:
    found, wanted = ask(query), ANSWERS[query]
    ordered = "ORDER BY" in query or len(wanted) < 2
    assert repr(found if ordered else sorted(found, key=repr)) == repr(wanted if ordered else sorted(wanted, key=repr))


def test_parameters_keep_their_types(ask: Ask) -> None:
    values = [None, True, 0, -(2**63), 2**63 - 1, 1.5, "", "'); DROP", [1, [2]], {"a": {"b": None}}]
    assert ask("RETURN $v AS v, [x IN $v | x] AS w", v=values) == [(values, values)]
    assert ask("MATCH (n) WHERE n.n = $n RETURN n.age", n="Bob") == [(25,)]
    assert ask("MATCH (n) WHERE n.age IN $ages RETURN n.n ORDER BY n.n", ages=[25, 41]) == [("Bob",), ("Dan",)]


def test_column_names_are_those_written(people: Any) -> None:
    from polyroute.engines.graph.cypher import run_query

    text = "MATCH (n) RETURN n.n  , cOuNt( * ),[1,  2] AS l, n"
    assert run_query(people, text, None, lambda: None).columns == ("n.n", "cOuNt( * )", "l", "n")
    empty = run_query(people, "MATCH (n:Zip) RETURN *", None, lambda: None)
    assert empty.columns == ("n",)
    assert empty.rows == []


def test_a_column_of_several_types_is_json_in_arrow_and_itself_in_tuples(people: Any) -> None:
    from polyroute.engines.graph.cypher import run_query
    from polyroute.result import QueryResult
    from polyroute.sql.types import JSON

    answer = QueryResult(run_query(people, "UNWIND [1, 'a', null, [true]] AS x RETURN x, 1 AS y", None, lambda: None))
    assert answer.fetchall() == [(1, 1), ("a", 1), (None, 1), ([True], 1)]
    assert answer.schema.field("x").type == JSON
    assert answer.to_arrow()["x"].to_pylist() == ["1", '"a"', None, "[true]"]


def test_a_query_is_polled_while_it_runs(people: Any) -> None:
    from polyroute.engines.graph.cypher import run_query

    polls = []
    run_query(people, "UNWIND range(1, 30000) AS x RETURN count(x)", None, lambda: polls.append(1))
    assert len(polls) > 5

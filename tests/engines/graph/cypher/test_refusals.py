"""What is refused: with QUERY_INVALID, the place, and a way out."""

from __future__ import annotations

import pytest

from polyroute.errors import DatabaseErrorCode, QueryError
from tests.engines.graph.cypher.conftest import Ask

REFUSED = {
    # what is not reading
    "CREATE (n)": "only reads, CREATE writes",
    "MATCH (n:Nope) SET n.x = 1 RETURN n": "only reads, SET writes",
    "MATCH (n:Nope) DETACH DELETE n": "only reads, DETACH writes",
    "MERGE (n) RETURN n": "use graph_upsert",
    "MATCH (n) REMOVE n.x": "REMOVE writes",
    "RETURN exists { CREATE (n) }": "only reads",
    "LOAD CSV FROM 'file:///etc/passwd' AS line RETURN line": "reads files, which graph_query never does",
    "load /* x */ csv FROM '/etc/passwd' AS line RETURN line": "reads files",
    "CALL db.labels()": "procedures and CALL are not offered",
    "EXPLAIN MATCH (n) RETURN n": "EXPLAIN is not offered",
    "RETURN 1; RETURN 2": "was expected, found 'RETURN'",
    # what cannot be read
    "": "line 1, column 1: MATCH, OPTIONAL MATCH, UNWIND, WITH or RETURN was expected, found the end",
    "MATCH (n)\nRETURN n,": "line 2, column 10: an expression was expected",
    "MATCH (n RETURN n": "')' was expected, found 'RETURN'",
    "MATCH (n) RETURN 'open": "a string is not closed",
    "MATCH (n) RETURN `open": "a quoted name is empty or not closed",
    "RETURN 1a": "a number runs into a name",
    "RETURN 9223372036854775808": "an integer is too large",
    "RETURN 1e999": "a number is too large",
    "RETURN '\\q'": "the escape",
    "MATCH (n)": "a query ends with RETURN",
    "MATCH (n {x: 1} RETURN n": "')' was expected",
    "MATCH (n $p) RETURN n": "cannot take its properties from one parameter",
    "RETURN 1 AS x UNION ALL RETURN 1 AS x UNION RETURN 1 AS x": "cannot be mixed",
    "MATCH (where) RETURN 1": "reserved word",
    # names
    "MATCH (name) RETURN nam": "did you mean 'name'",
    "RETURN toUper('a')": "did you mean 'toupper'",
    "RETURN $limi": "did you mean 'limit'",
    "MATCH (a) WITH a.n AS b RETURN a": "no variable 'a'",
    "MATCH (n) WHERE (n)-->(m) RETURN n": "no variable 'm'",
    "RETURN 1 AS a, 2 AS a": "two columns are called 'a'",
    "MATCH (n) WITH n.age RETURN 1": "has no name in WITH",
    "RETURN 1 AS a UNION RETURN 2 AS b": "different columns",
    "MATCH () RETURN *": "there are none",
    "MATCH (n) UNWIND [1] AS n RETURN n": "bound already",
    # kinds
    "MATCH (r)-[r]->() RETURN r": "'r' is a node already, and a relationship here",
    "MATCH ()-[r]->()-[r]->() RETURN r": "two elements of one pattern",
    "MATCH p = (p)-->() RETURN p": "a path and for a part of it",
    "WITH 1 AS n MATCH (n) RETURN n": "'n' is an integer already",
    "MATCH (n) WHERE n RETURN n": "WHERE is true or false, this is a node",
    "RETURN NOT 1": "this is an integer",
    "RETURN 'a' AND true": "each side of AND is true or false",
    "MATCH (n) RETURN type(n)": "type() does not take a node",
    "MATCH p = ()-->() RETURN size(p)": "size() does not take a path",
    "RETURN 1 IN 'abc'": "IN looks into a list",
    "MATCH (n) RETURN (n)-->()": "a path is a condition, not a value",
    "RETURN substring('a')": "takes 2 to 3 arguments",
    # aggregates
    "MATCH (n) WHERE count(n) > 1 RETURN n": "has no place here",
    "RETURN count(count(1))": "has no place here",
    "RETURN [x IN [1] | count(*)]": "has no place here",
    "RETURN count(rand())": "rand() has no place",
    "MATCH (a)--(b) RETURN a.age + count(b)": "must be a grouping key",
    "MATCH (a)--(b) RETURN a.age + b.age, count(*) AS c ORDER BY a.age + b.age + count(*)": "no variable 'a'",
    "RETURN percentileCont(1, 2)": "a share from 0.0 to 1.0",
    # values
    "RETURN 1 / 0": "divided by zero",
    "RETURN 9223372036854775807 + 1": "64 bits",
    "UNWIND ['a'] AS x RETURN x - 1": "a string cannot be subtracted",
    "UNWIND [1] AS x RETURN x.y": "an integer has no properties",
    "UNWIND ['a'] AS x RETURN [1][x]": "indexed by an integer, not by a string",
    "UNWIND ['a'] AS x RETURN sum(x)": "sum() does not take a string",
    "RETURN range(1, 9, 0)": "the step of range() is 0",
    "RETURN range(1, 100000000)": "longer than",
    "RETURN 'a' =~ '('": "the regular expression cannot be read",
    "RETURN date('no')": "no date in ISO 8601",
    "RETURN date({month: 1})": "a year is needed",
    "RETURN date({year: 2023, month: 2, day: 30})": "date():",
    "RETURN time({hour: 25})": "hour 25 does not exist",
    "MATCH (n) RETURN n LIMIT n.age": "the same for all rows",
    "RETURN 1 LIMIT -1": "LIMIT takes an integer from 0 up",
    "RETURN 1 SKIP 1.5": "SKIP takes an integer from 0 up",
    # depth
    "RETURN " + "(" * 5000 + "1" + ")" * 5000: "nested",
    "RETURN " + "[" * 500 + "]" * 500: "nested",
    "RETURN " + "NOT " * 5000 + "true": "nested too deeply",
    "RETURN " + "+".join(["1"] * 5000): "nested too deeply",
}


@pytest.mark.parametrize("query", REFUSED, ids=range(len(REFUSED)))
def test_refusals(ask: Ask, query: str) -> None:
    with pytest.raises(QueryError) as caught:
        ask(query, limit=1)
    assert caught.value.code is DatabaseErrorCode.QUERY_INVALID
    assert REFUSED[query] in str(caught.value)


@pytest.mark.parametrize("value", [2**63, b"bytes", {1, 2}, object(), 1j, {"a": [2**70]}])
def test_parameters_that_are_no_values(ask: Ask, value: object) -> None:
    with pytest.raises(QueryError, match="'v' is no value of openCypher"):
        ask("RETURN $v", v=value)


def test_a_query_is_a_text(ask: Ask) -> None:
    with pytest.raises(QueryError, match="is a text, not int"):
        ask(7)


@pytest.mark.parametrize("query", ["RETURN 'secret' - 1 AS x", "UNWIND ['secret'] AS s RETURN sum(s)", "RETURN $s / 2"])
def test_messages_do_not_show_values(ask: Ask, query: str) -> None:
    with pytest.raises(QueryError) as caught:
        ask(query, s="secret")
    assert "secret" not in str(caught.value)


def test_nested_parentheses_are_read_in_linear_time(ask: Ask) -> None:
    # Each level could be a path or an expression; trying both at every level would take 2^24 steps.
    inner = "1"
    for _ in range(24):
        inner = f"(a {{x: {inner}}}.x)"
    with pytest.raises(QueryError):
        ask(f"WITH {{x: 1}} AS a RETURN {inner}")

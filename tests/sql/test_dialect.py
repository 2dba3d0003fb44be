"""The dialect: our table functions stay ours, one statement is one statement, errors say where and hide values."""

from __future__ import annotations

import duckdb
import pytest
from sqlglot import exp

from polyroute.errors import DatabaseErrorCode, QueryError
from polyroute.operations import operations
from polyroute.sql.dialect import parse_expression, parse_statement, render


@pytest.mark.parametrize("name", sorted(operations()))
def test_operations_are_plain_calls_with_named_arguments(name):
    tree = parse_statement(
        f"SELECT * FROM t, {name}('a', t.v, k => 3, where => 'x > 1', every => INTERVAL '1 hour') AS r"
    )
    call = tree.find(exp.Anonymous)
    assert call.name == name
    named = {part.this.name: part.expression for part in call.expressions if isinstance(part, exp.Kwarg)}
    assert sorted(named) == ["every", "k", "where"]
    assert [part.key for part in call.expressions[:2]] == ["literal", "column"]


@pytest.mark.parametrize("name", ["vector_search", "VECTOR_SEARCH", "Vector_Search"])
def test_two_arguments_are_enough(name):
    assert parse_statement(f"SELECT * FROM {name}('a', [1.0, 2.0])").find(exp.Anonymous).name == name


def test_a_column_may_be_called_like_an_operation():
    assert render(parse_statement("SELECT vector_search FROM t")) == "SELECT vector_search FROM t"


def test_list_items_are_counted_from_one_again():
    text = "SELECT x[1], x[-1], x[i], x[1:2] FROM t"
    assert render(parse_statement(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "SELECT u.y FROM t, UNNEST(t.x) AS u(y) RIGHT JOIN s ON t.a = s.a",
        "SELECT u.y FROM t, UNNEST([1], [2]) AS u(y, z)",
        "SELECT * FROM t, UNNEST(t.x)",
        "SELECT * FROM t, r, UNNEST(t.x) AS u",
    ],
)
def test_a_comma_before_unnest_stays_one(text):
    assert render(parse_statement(text)) == text


def test_comments_are_left_out():
    assert render(parse_statement("SELECT 1 /* a */ -- b")) == "SELECT 1"


@pytest.mark.parametrize("text", ["", " ", ";", ";;", "-- nothing", "/* nothing */"])
def test_no_statement_is_refused(text):
    with pytest.raises(QueryError, match="no SQL statement"):
        parse_statement(text)


@pytest.mark.parametrize("text", ["SELECT 1; SELECT 2", "SELECT 1; DROP TABLE x", "SELECT 1;; DELETE FROM t"])
def test_a_second_statement_is_refused(text):
    with pytest.raises(QueryError, match="2 SQL statements") as refusal:
        parse_statement(text)
    assert refusal.value.code is DatabaseErrorCode.QUERY_INVALID


def test_a_closing_semicolon_is_fine():
    assert render(parse_statement("SELECT 1;")) == "SELECT 1"


@pytest.mark.parametrize("text", ["frob x", "1 + 1", "lower('a')"])
def test_an_expression_is_no_statement(text):
    with pytest.raises(QueryError, match="not a SQL statement"):
        parse_statement(text)


def test_errors_say_where_without_colours():
    with pytest.raises(QueryError) as refusal:
        parse_statement("SELECT a\nFROM t WHERE ORDER x BY")
    message = str(refusal.value)
    assert "line 2, column" in message
    assert "\x1b" not in message
    assert "<class" not in message


@pytest.mark.parametrize(
    "text", ["SELECT 'secret-value' 'x' FROM", "SELEC 'secret-value'", "SELECT 1 + 'secret-value'' "]
)
def test_errors_never_show_literals(text):
    with pytest.raises(QueryError) as refusal:
        parse_statement(text)
    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize("text", ["SELECT " + "(" * 5000 + "1" + ")" * 5000, "SELECT " + "NOT " * 20_000 + "1 = 1"])
def test_bottomless_nesting_is_refused(text):
    with pytest.raises(QueryError, match="nested"):
        render(parse_statement(text))


PARAMETERS = {"a": 1, "b": 2}


@pytest.mark.parametrize(
    "text",
    [
        "$a+$b, $a+$b",
        "$a||$b",
        "$a-$b-$a",
        "'$a+$b' || $a || $b",
        "$$a+$b$$, $a+$b",
        "$t$ $a+$b $t$, $a+$b",
        "e'\\'$a+$b', $a+$b",
        "/* $a+$b */ $a+$b",
        "$a + $b, 'x' = ''",
        "$a = $b AND '' = ''",
        "2 IN [$a, $b], NOT (3 IN [1, NULL]), NOT (3 IN (1, NULL)), 1 IN [[1][1]]",
        "date_add(DATE '2024-01-31', INTERVAL 1 MONTH), $a + $b",
        "regexp_replace('abc', 'B', 'x', 'i'), $a + $b",
        "jaro_winkler_similarity('ab', 'aB', 0.1), $a + $b",
        "list_reduce([1, 2], lambda p, q: p + q), $a + $b",
        "2 ^ 3 ^ 2, -2 ^ 2, 7 / 2, 7 // 2, -7 % 3, 1 << 2, ~1, $a + $b",
        "'a' LIKE 'A', 'a' ILIKE 'A', 'ab' ~ 'b', 'ab' SIMILAR TO 'a.', 'a' ^@ 'a', $a + $b",
        "{'x': $a}.x, [1, 2][$b], map {'k': 1}['k'], $a::VARCHAR",
    ],
)
def test_what_is_written_again_answers_the_same(text):
    expected = duckdb.execute(f"SELECT {text}", PARAMETERS).fetchall()
    assert duckdb.execute(render(parse_statement(f"SELECT {text}")), PARAMETERS).fetchall() == expected


@pytest.mark.parametrize(
    "text", ["a = 1 ORDER BY a", "a = 1 LIMIT 3", "a = 1)", "(a = 1", "a = 1 a = 2", "WHERE a = 1"]
)
def test_an_expression_ends_where_it_ends(text):
    with pytest.raises(QueryError):
        parse_expression(text)


@pytest.mark.parametrize("text", ["", "-- x", ";"])
def test_an_empty_expression_is_refused(text):
    with pytest.raises(QueryError, match="empty"):
        parse_expression(text)

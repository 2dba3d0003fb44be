"""What an INSERT or a CREATE TABLE ... AS asks for."""

from __future__ import annotations

import pytest
from sqlglot import exp

from polyroute.errors import PolyrouteError
from polyroute.router.federation.writes_statement import Create, Insert, read_create, read_insert
from polyroute.sql.dialect import parse_statement, render


def insert(sql: str) -> Insert:
    """Read an INSERT."""
    tree = parse_statement(sql)
    assert isinstance(tree, exp.Insert)
    return read_insert(tree)


def create(sql: str) -> Create:
    """Read a CREATE."""
    tree = parse_statement(sql)
    assert isinstance(tree, exp.Create)
    return read_create(tree)


def test_an_insert_names_target_columns_and_query() -> None:
    read = insert('INSERT INTO ts."my weather" (at, "Temp F") SELECT a, b FROM t')
    assert (read.target, read.columns, read.by_name) == (("ts", "my weather"), ("at", "Temp F"), False)
    assert render(read.query) == "SELECT a, b FROM t"
    assert insert("INSERT INTO t BY NAME FROM u").by_name


@pytest.mark.parametrize(
    ("clause", "conflict", "keys", "assigned"),
    [
        ("", "error", None, None),
        ("ON CONFLICT DO NOTHING", "nothing", None, None),
        ('ON CONFLICT (A, "b") DO NOTHING', "nothing", {"a", "b"}, None),
        ("ON CONFLICT (a) DO UPDATE SET b = excluded.b, C = EXCLUDED.c", "replace", {"a"}, {"b", "c"}),
    ],
)
def test_conflict_clauses_are_read(
    clause: str, conflict: str, keys: set[str] | None, assigned: set[str] | None
) -> None:
    read = insert(f"INSERT INTO t SELECT 1 {clause}")
    assert (read.conflict, read.conflict_keys, read.assigned) == (conflict, keys, assigned)


def test_insert_or_is_a_conflict_clause() -> None:
    assert insert("INSERT OR REPLACE INTO t SELECT 1").conflict == "replace"
    assert insert("INSERT OR IGNORE INTO t SELECT 1").conflict == "nothing"


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("INSERT INTO t DEFAULT VALUES", "names no rows"),
        ("INSERT INTO t SELECT 1 RETURNING a", "RETURNING"),
        ("INSERT INTO t SELECT 1 ON CONFLICT DO UPDATE SET a = 1", "has not"),
        ("INSERT INTO t SELECT 1 ON CONFLICT DO UPDATE SET a = excluded.b", "has not"),
        ("INSERT INTO t SELECT 1 ON CONFLICT DO UPDATE SET a = t.a", "has not"),
        ("INSERT INTO t SELECT 1 ON CONFLICT (a) DO UPDATE SET a = excluded.a WHERE a > 1", "has not"),
        ("INSERT OR ABORT INTO t SELECT 1", "ABORT"),
    ],
)
def test_other_inserts_are_refused(sql: str, told: str) -> None:
    with pytest.raises(PolyrouteError, match=told):
        insert(sql)


def test_a_create_names_what_is_to_be_made() -> None:
    read = create(
        'CREATE OR REPLACE TABLE graph.g (a, b) WITH ("source" = src, target = \'my dst\', key = (x, "Y"), '
        "directed = FALSE, metric = 'dot') AS SELECT 1"
    )
    assert (read.target, read.columns, read.replace, read.if_not_exists) == (("graph", "g"), ("a", "b"), True, False)
    assert read.key == ("x", "Y")
    assert read.roles == {"source": "src", "target": "my dst", "directed": "false", "metric": "dot"}
    assert create("CREATE TABLE IF NOT EXISTS t WITH (key = [a]) AS FROM u").if_not_exists
    assert create("CREATE TABLE t WITH (key = (a)) AS FROM u").key == ("a",)
    assert create("CREATE TABLE t WITH (key = 'a b') AS FROM u").key == ("a b",)


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("CREATE VIEW v AS SELECT 1", "CREATE VIEW is not a statement"),
        ("CREATE TABLE t (a INT)", "CREATE TABLE is not a statement"),
        ("CREATE INDEX i ON t (a)", "CREATE INDEX is not a statement"),
        ("CREATE MACRO m(a) AS a + 1", "CREATE"),
        ("CREATE TEMP TABLE t AS SELECT 1", "TEMP"),
        ("CREATE TABLE t AS SELECT 1 WITH NO DATA", "DATA"),
        ("CREATE OR REPLACE TABLE IF NOT EXISTS t AS SELECT 1", "exclude one another"),
        ("CREATE TABLE t WITH (tme = a) AS SELECT 1", "did you mean 'time'"),
        ("CREATE TABLE t (a INT PRIMARY KEY) AS SELECT 1", "more than names"),
        ("CREATE TABLE t (a INT) AS SELECT 1", "more than names"),
    ],
)
def test_other_creates_are_refused(sql: str, told: str) -> None:
    with pytest.raises(PolyrouteError, match=told):
        create(sql)


@pytest.mark.parametrize(
    ("sql", "query"),
    [
        ("WITH c AS (SELECT 1 AS a) INSERT INTO t SELECT * FROM c", "WITH c AS (SELECT 1 AS a) SELECT * FROM c"),
        (
            "WITH c AS (SELECT 1 AS a) INSERT INTO t WITH d AS (FROM c) SELECT a FROM d",
            "WITH c AS (SELECT 1 AS a) SELECT * FROM (WITH d AS (SELECT * FROM c) SELECT a FROM d) AS q",
        ),
        (
            "WITH c AS (SELECT 1 AS a) INSERT INTO t SELECT a FROM c UNION SELECT 2",
            "WITH c AS (SELECT 1 AS a) SELECT * FROM (SELECT a FROM c UNION SELECT 2) AS q",
        ),
        ("INSERT INTO t VALUES (1, 2)", "VALUES (1, 2)"),
    ],
)
def test_the_query_takes_the_common_tables_along(sql: str, query: str) -> None:
    assert render(insert(sql).query) == query

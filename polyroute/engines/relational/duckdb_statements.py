"""Decide which SQL texts a DuckDB file runs, and in which words.

A text is read twice: by polyroute's parser, which knows one statement from two and a question from a change, and by
DuckDB itself, which has the last word on both. A question runs in a READ ONLY transaction besides, so a change hidden
anywhere in it fails there. In polyroute's dialect a table means the dataset of that name: one whose columns are read
through casts is put in their place, and one outside the schema main is found. A native text runs as it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

import duckdb
from duckdb import Statement, StatementType
from sqlglot import exp

from polyroute.engines.resources.duckdb import Stored
from polyroute.engines.resources.duckdb.answers import Params
from polyroute.engines.resources.duckdb.placing import find_stored, in_place, place, renamed
from polyroute.errors import QueryError, invalid, unknown_name
from polyroute.sql.dialect import parse_statement, render

_QUESTIONS = (exp.Query, exp.Values, exp.Describe, exp.Summarize, exp.Show, exp.Pivot)
_CHANGES = (exp.Insert, exp.Update, exp.Delete)
_ASKING = (StatementType.SELECT, StatementType.EXPLAIN, StatementType.MULTI)
_CHANGING = (StatementType.INSERT, StatementType.UPDATE, StatementType.DELETE, StatementType.MERGE_INTO)
_DEFINING = (StatementType.CREATE, StatementType.ALTER, StatementType.DROP)
_RESERVED = "_polyroute"


def question(sql: str, tables: Mapping[str, Stored]) -> str:
    """Return the text that DuckDB runs for a question in polyroute's dialect.

    Raises QUERY_INVALID when it is no question, or not one statement.
    """
    tree = _parsed(sql)
    if not isinstance(tree, _QUESTIONS) or tree.find(exp.DML):
        raise invalid(
            "relational_query asks one question: SELECT, FROM, VALUES, PIVOT, DESCRIBE, SUMMARIZE or SHOW",
            hint="use relational_execute for changes",
        )
    if not isinstance(tree, exp.Query) or not renamed(tables):
        return sql
    return in_place(tree, tables) or sql


def change(sql: str, tables: Mapping[str, Stored], kind: str) -> str:
    """Return the text that DuckDB runs for an INSERT, UPDATE or DELETE in polyroute's dialect.

    Raises QUERY_INVALID when it is something else, when its table is unknown, or not of the engine's `kind`.
    """
    tree = _parsed(sql)
    if not isinstance(tree, _CHANGES):
        raise invalid(
            "relational_execute runs one INSERT, UPDATE or DELETE", hint="ask with relational_query; DDL is native"
        )
    target = tree.this.this if isinstance(tree.this, exp.Schema) else tree.this
    if not isinstance(target, exp.Table):
        raise invalid("the statement names no table to change", hint="write INSERT INTO a_dataset ...")
    stored = find_stored(target, tables)
    held = {n: s for n, s in tables.items() if s.dataset.kind == kind}
    if stored is None:
        raise unknown_name("dataset", target.name, held)
    if stored.dataset.kind != kind:
        raise invalid(
            f"{stored.dataset.name!r} is a {stored.dataset.kind} dataset",
            hint=f"write to it by {stored.dataset.kind} operations",
        )
    if stored.view:
        raise invalid(f"{stored.dataset.name!r} is a view, which holds no rows", hint="write to the tables beneath it")
    if not renamed(tables):
        return sql
    tree = tree.copy()
    place(next(t for t in tree.find_all(exp.Table) if t == target), stored)
    query = tree.args.get("expression")
    rewritten = in_place(query, tables) if isinstance(query, exp.Query) else None
    if rewritten is not None:
        tree.set("expression", parse_statement(rewritten))
    return render(tree)


def returns_rows(sql: str) -> bool:
    """Tell whether a change gives back rows by RETURNING."""
    try:
        return parse_statement(sql).args.get("returning") is not None
    except QueryError:
        return re.search(r"\breturning\b", sql, re.IGNORECASE) is not None


def asking(cursor: duckdb.DuckDBPyConnection, sql: str) -> Statement:
    """Return a text as DuckDB reads it; QUERY_INVALID when that is not one question."""
    statement = _single(cursor, sql)
    if statement.type not in _ASKING:
        raise invalid(f"relational_query asks, this is {_named(statement)}", hint="use relational_execute for changes")
    return statement


def changing(cursor: duckdb.DuckDBPyConnection, sql: str) -> Statement:
    """Return a text as DuckDB reads it; QUERY_INVALID when that is not one change of data or definitions."""
    statement = _single(cursor, sql)
    if statement.type not in _CHANGING and not defines(statement):
        raise invalid(
            f"relational_execute cannot run {_named(statement)}",
            hint="it runs INSERT, UPDATE, DELETE, MERGE, CREATE, ALTER and DROP",
        )
    if _RESERVED in sql.lower():
        raise invalid(f"names beginning with {_RESERVED} are polyroute's own", hint="choose another name")
    return statement


def defines(statement: Statement) -> bool:
    """Tell whether a statement changes definitions, not rows."""
    return statement.type in _DEFINING


def _single(cursor: duckdb.DuckDBPyConnection, sql: str) -> Statement:
    statements = cursor.extract_statements(sql)
    if len(statements) != 1:
        raise invalid(f"{len(statements)} SQL statements were given where one is expected", hint="send them one by one")
    return statements[0]


def used_params(statement: Statement, params: Params) -> Params:
    """Return the parameters that a statement uses; QUERY_INVALID, naming it, for one that is missing."""
    used = statement.named_parameters
    if params is None or not isinstance(params, Mapping):
        given = 0 if params is None else len(params)
        if len(used) != given:
            raise invalid(f"the statement has {len(used)} parameters, {given} were given", hint=_way_to_params(used))
        return params
    for name in sorted(used):
        if name not in params:
            raise unknown_name("parameter", f"${name}", [f"${n}" for n in params])
    return {name: params[name] for name in used}


def _way_to_params(used: set[str]) -> str:
    named = sorted(n for n in used if not n.isdigit())
    return (
        f"give params={{{', '.join(f'{n!r}: ...' for n in named)}}}"
        if named
        else "give one value for every ? in a list"
    )


def _named(statement: Statement) -> str:
    return str(statement.type).rpartition(".")[2].replace("_", " ")


@lru_cache(maxsize=512)
def _parsed(sql: str) -> exp.Expr:
    return parse_statement(sql)

"""SQL statements as questions: which may be answered from the cache, and their key.

Lane B has no bound operation; it keeps what it has parsed. A statement is repeatable when it calls nothing whose answer
changes by itself: the clock, chance, sequences, the state of a session.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlglot import exp

from polyroute.optimizer.cache.values import Uncacheable, exact
from polyroute.sql.dialect import render

# what DuckDB calls VOLATILE or CONSISTENT_WITHIN_QUERY in duckdb_functions(), by the names that people write
_VOLATILE = frozenset({
    "current_connection_id", "current_database", "current_date", "current_localtime", "current_localtimestamp",
    "current_query", "current_query_id", "current_role", "current_schema", "current_schemas", "current_setting",
    "current_time", "current_timestamp", "current_transaction_id", "current_user", "currval", "gen_random_uuid",
    "get_current_time", "get_current_timestamp", "getvariable", "in_search_path", "localtime", "localtimestamp",
    "nextval", "now", "rand", "random", "session_user", "setseed", "setval", "sleep_ms", "stats", "today",
    "transaction_timestamp", "txid_current", "user", "uuid", "uuidv4", "uuidv7", "vector_type", "version",
    "write_log",
})  # fmt: skip
_VOLATILE_NODES: tuple[type[exp.Expr], ...] = (
    exp.CurrentDate,
    exp.CurrentDatetime,
    exp.CurrentTime,
    exp.CurrentTimestamp,
    exp.CurrentUser,
    exp.Rand,
    exp.TableSample,
    exp.Uuid,
)


def repeatable(tree: exp.Expr) -> bool:
    """Tell whether a statement gives the same answer as long as the data stay the same.

    A cypher text inside a call counts as part of the statement: `rand()` in it is chance too. A limit without an order
    may give any rows, so those that were given once are right.

    >>> from polyroute.sql.dialect import parse_statement
    >>> [repeatable(parse_statement(t)) for t in ("SELECT a FROM t LIMIT 1", "SELECT now()", "SELECT random()")]
    [True, False, False]
    """
    return not any(_is_volatile(node) for node in tree.walk())


def statement_key(tree: exp.Expr, params: Mapping[str, object] | Sequence[object] | None) -> str | None:
    """Return the canonical key of a statement with its parameters, or None where their values cannot be told apart.

    Case of keywords, blanks and comments do not matter; the order of named parameters does not either.

    >>> from polyroute.sql.dialect import parse_statement
    >>> one, two = parse_statement("select  a from t -- all"), parse_statement("SELECT a FROM t")
    >>> statement_key(one, {"x": 1, "y": 2}) == statement_key(two, {"y": 2, "x": 1})
    True
    """
    try:
        values = exact(dict(sorted(params.items())) if isinstance(params, Mapping) else list(params or ()))
    except Uncacheable:
        return None
    return f"sql {_bare(tree)!r} {values}"


def _bare(tree: exp.Expr) -> str:
    tree = tree.copy()
    for node in tree.walk():
        node.pop_comments()
    return render(tree)


def _is_volatile(node: exp.Expr) -> bool:
    if isinstance(node, _VOLATILE_NODES):
        return True
    if isinstance(node, exp.Literal):
        return bool(node.is_string) and _mentions_chance(node.name)
    if isinstance(node, exp.Func):
        name = node.name if isinstance(node, exp.Anonymous) else node.sql_name()
        return name.lower() in _VOLATILE
    # DuckDB reads some of them without parentheses
    return isinstance(node, exp.Column) and not node.table and node.name.lower() in _VOLATILE


def _mentions_chance(text: str) -> bool:
    """Tell whether a text could be a query or a filter that our functions run; a plain text says these words rarely."""
    lowered = text.lower()
    return any(f"{word}(" in lowered.replace(" ", "") for word in ("rand", "random", "now", "uuid", "today")) or (
        "current_" in lowered
    )

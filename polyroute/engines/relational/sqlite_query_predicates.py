"""Conditions of a SELECT, written for SQLite: comparisons, lists, subqueries, and how they are joined.

A comparison with a constant goes through the filter language (`sqlite_query_bindings`); two expressions are compared
when their types are the same and their stored forms compare as the types do.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlglot import exp

from polyroute.engines.relational.sqlite_query_bindings import is_constant
from polyroute.engines.relational.sqlite_query_common import comparable_pair
from polyroute.engines.relational.sqlite_query_draft import Env, Handler
from polyroute.engines.relational.sqlite_query_scope import used_only
from polyroute.engines.relational.sqlite_query_values import Value, require_condition, truth
from polyroute.sql.filters import Unsupported

_OPERATORS: Mapping[type[exp.Expr], str] = {
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
    exp.NullSafeEQ: "IS",
    exp.NullSafeNEQ: "IS NOT",
}
_IN_DUCKDB = {"IS": "IS NOT DISTINCT FROM", "IS NOT": "IS DISTINCT FROM"}
_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}


def compared(node: exp.Binary, env: Env) -> Value:
    """Write a comparison."""
    used_only(node, "expression")
    left, right, operator = node.this, node.expression, _OPERATORS[type(node)]
    if isinstance(left, exp.Predicate | exp.Not) or isinstance(right, exp.Predicate | exp.Not):
        # parsers do not agree on what `a = b IS NULL` means
        raise Unsupported("a comparison of a condition without parentheses")
    if is_constant(left):
        left, right, operator = right, left, _MIRRORED.get(operator, operator)
    if is_constant(left):
        raise Unsupported("a comparison of two constants")
    subject = env.value(left)
    if is_constant(right):
        return truth(env.draft.bindings.condition(subject, f"{_IN_DUCKDB.get(operator, operator)} {{}}", right))
    subject, other = comparable_pair(subject, env.value(right))
    return truth(f"({subject.checked} {operator} {other.checked})")


def within(node: exp.Between, env: Env) -> Value:
    """Write a BETWEEN; that of expressions as two comparisons."""
    used_only(node, "low", "high")
    low, high = node.args["low"], node.args["high"]
    if is_constant(low) and is_constant(high):
        return truth(env.draft.bindings.condition(env.value(node.this), "BETWEEN {} AND {}", low, high))
    both = [
        compared(exp.GTE(this=node.this.copy(), expression=low.copy()), env),
        compared(exp.LTE(this=node.this.copy(), expression=high.copy()), env),
    ]
    return truth(f"({both[0].sql} AND {both[1].sql})")


def among(node: exp.In, env: Env) -> Value:
    """Write an IN: a list of constants, a parameter that is a list, or a subquery."""
    used_only(node, "expressions", "field", "query")
    subject = env.value(node.this)
    listed, query = node.args.get("field"), node.args.get("query")
    if query is not None:
        return _in_query(subject, query, env)
    if listed is not None:
        if not isinstance(listed, exp.Placeholder):
            raise Unsupported("IN with a computed list")
        return truth(env.draft.bindings.condition(subject, "IN {}", listed))
    if not all(is_constant(item) for item in node.expressions):
        raise Unsupported("IN with a list of expressions")
    form = f"IN ({', '.join('{}' for _ in node.expressions)})"
    return truth(env.draft.bindings.condition(subject, form, *node.expressions))


def _in_query(subject: Value, query: exp.Expr, env: Env) -> Value:
    relation = env.query(query)
    if len(relation.values) != 1:
        raise Unsupported("IN with a subquery of more than one column")
    held = relation.column(0)
    if "decimal" in (subject.kind, held.kind):
        raise Unsupported("IN with a subquery of decimals")
    subject, _ = comparable_pair(subject, held)
    return truth(f"({subject.checked} IN ({relation.sql}))")


def is_(node: exp.Is, env: Env) -> Value:
    """Write IS NULL, IS TRUE and IS FALSE."""
    used_only(node, "expression")
    if isinstance(node.expression, exp.Null):
        return truth(f"({env.value(node.this).checked} IS NULL)")
    if isinstance(node.expression, exp.Boolean):
        inner = require_condition(env.value(node.this))
        return truth(f"({inner.checked} IS {int(node.expression.this)})")
    raise Unsupported("an unusual IS")


def connected(node: exp.Connector, env: Env) -> Value:
    """Write conditions joined by AND or OR."""
    sign = " AND " if isinstance(node, exp.And) else " OR "
    parts = [require_condition(env.value(part)) for part in node.flatten()]
    return truth(f"({sign.join(part.checked for part in parts)})")


def not_(node: exp.Not, env: Env) -> Value:
    """Write a NOT."""
    used_only(node)
    return truth(f"(NOT {require_condition(env.value(node.this)).checked})")


def exists(node: exp.Exists, env: Env) -> Value:
    """Write an EXISTS."""
    used_only(node)
    return truth(f"EXISTS ({env.query(node.this).sql})")


def scalar(node: exp.Subquery, env: Env) -> Value:
    """Write a subquery that stands for one value; one that may have several rows is an error in DuckDB."""
    used_only(node)
    relation = env.query(node.this)
    if len(relation.values) != 1:
        raise Unsupported("a subquery of more than one column as a value")
    if not _has_one_row(node.this):
        raise Unsupported("a subquery as a value that may have more than one row")
    held = relation.column(0)
    return Value(f"({relation.sql})", held.type, wide=held.wide, ordered=held.ordered, nan=held.nan, scale=held.scale)


def _has_one_row(query: exp.Expr) -> bool:
    """Tell whether a query has one row at most: it aggregates everything, or is cut there."""
    limit = query.args.get("limit")
    if limit is not None and isinstance(limit.expression, exp.Literal) and limit.expression.name in ("0", "1"):
        return True
    if not isinstance(query, exp.Select) or query.args.get("group") is not None:
        return False
    # a window function leaves the rows as they are, and what is aggregated further in gives rows of its own
    aggregates = [a for a in query.find_all(exp.AggFunc) if a.find_ancestor(exp.Query) is query]
    return bool(aggregates) and query.find(exp.Window) is None


HANDLERS: Mapping[type[exp.Expr], Handler] = {
    **dict.fromkeys(_OPERATORS, compared),
    exp.Between: within,
    exp.In: among,
    exp.Is: is_,
    exp.And: connected,
    exp.Or: connected,
    exp.Not: not_,
    exp.Exists: exists,
    exp.Subquery: scalar,
}
"""How conditions are written."""

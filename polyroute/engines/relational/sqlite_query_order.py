"""The end of a query, written for SQLite: ORDER BY with its NULLs, LIMIT and OFFSET."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from polyroute.engines.relational.sqlite_query_decimals import comparable
from polyroute.engines.relational.sqlite_query_draft import Env
from polyroute.engines.relational.sqlite_query_scope import used_only
from polyroute.engines.relational.sqlite_query_values import Value, require_ordered
from polyroute.sql.filters import Unsupported
from polyroute.sql.filters.literals import NO_LITERAL, literal

Key = int | Value
"""What is ordered by: the place of a result, from 0, or an expression."""


def order_item(node: exp.Expr, key: Value) -> str:
    """Return one key of an ORDER BY; `Unsupported` for one whose stored form does not order as its type does."""
    key = comparable(key, "an order")
    if key.literal is not NO_LITERAL:
        raise Unsupported("an order by a constant")
    return f"{key.checked}{_direction(node)}"


def _direction(node: exp.Expr) -> str:
    if not isinstance(node, exp.Ordered):
        raise Unsupported("an unusual ORDER BY")
    used_only(node, "desc", "nulls_first")
    nulls = "FIRST" if node.args.get("nulls_first") else "LAST"
    return f"{' DESC' if node.args.get('desc') else ''} NULLS {nulls}"


def ordered(node: exp.Expr, results: Sequence[tuple[str | None, Value]], env: Env | None) -> str:
    """Return the ORDER BY of a query with results of some names, or nothing; without `env` only results order.

    A plain name is a result before it is a column; inside an expression a column comes first.
    """
    order = node.args.get("order")
    if order is None:
        return ""
    used_only(order, "expressions")
    items = []
    for item in order.expressions:
        if _is_all(item):
            items += [_place(i, value, item) for i, (_, value) in enumerate(results)]
        else:
            items.append(_item(item, results, env))
    return f" ORDER BY {', '.join(items)}"


def _item(item: exp.Expr, results: Sequence[tuple[str | None, Value]], env: Env | None) -> str:
    key = item.this
    number = literal(key)
    if type(number) is int:
        if not 1 <= number <= len(results):
            raise Unsupported("an ORDER BY of a place that is not there")
        return _place(number - 1, results[number - 1][1], item)
    if isinstance(key, exp.Column) and not key.table:
        for position, (name, value) in enumerate(results):
            if name is not None and name.lower() == key.name.lower():
                return _place(position, value, item)
    if env is None:
        raise Unsupported("an ORDER BY of more than the results")
    return order_item(item, env.value(key))


def _place(position: int, value: Value, item: exp.Expr) -> str:
    if value.kind == "decimal" and value.scale is None:
        return order_item(item, value)
    require_ordered(value, "an order")
    return f"{position + 1}{_direction(item)}"


def _is_all(item: exp.Expr) -> bool:
    return isinstance(item, exp.Ordered) and isinstance(item.this, exp.Var) and item.this.name.upper() == "ALL"


def cut(node: exp.Expr, env: Env) -> str:
    """Return the LIMIT and OFFSET of a query, or nothing."""
    limit, offset = node.args.get("limit"), node.args.get("offset")
    text = ""
    if limit is not None or offset is not None:
        text = f" LIMIT {'-1' if limit is None else _counted(limit, env)}"
    return text if offset is None else f"{text} OFFSET {_counted(offset, env)}"


def _counted(node: exp.Expr, env: Env) -> str:
    if not isinstance(node, exp.Limit | exp.Offset):
        raise Unsupported("an unusual LIMIT")
    used_only(node, "expression")
    return env.draft.bindings.count(node.expression)

"""Decide which SQL a filter may contain: scalar, free of side effects, the same at every evaluation.

This is an allow-list. What is not on it is refused with a message, so that a function which a later sqlglot or DuckDB
learns (one that reads a file, perhaps) is refused until somebody has looked at it.
"""

from __future__ import annotations

from typing import Literal

from sqlglot import exp

from polyroute.errors import QueryError, invalid, unknown_name
from polyroute.sql.dialect import Polyroute
from polyroute.sql.filters.functions import FUNCTIONS

_PARTS = (
    exp.Binary,
    exp.Unary,
    exp.Predicate,
    exp.Column,
    exp.Identifier,
    exp.Literal,
    exp.Placeholder,
    exp.Boolean,
    exp.Null,
    exp.Tuple,
    exp.DataType,
    exp.DataTypeParam,
    exp.Var,
    exp.Interval,
    exp.Lambda,
    exp.Bracket,
    exp.Slice,
    exp.Any,
    exp.All,
    exp.AtTimeZone,
    exp.JSONKeyValue,
    exp.JSONPath,
    exp.JSONPathPart,
    exp.ByteString,
    exp.RawString,
    exp.ColumnDef,
)
"""What is no call; the bases of operators and predicates stand for all of them."""

_SYNTAX = (
    exp.Abs,
    exp.And,
    exp.Array,
    exp.ArrayContainsAll,
    exp.ArrayContainedBy,
    exp.ArrayOverlaps,
    exp.Case,
    exp.Cast,
    exp.Ceil,
    exp.Chr,
    exp.Coalesce,
    exp.Collate,
    exp.Extract,
    exp.Floor,
    exp.If,
    exp.JSONExtract,
    exp.JSONExtractScalar,
    exp.JSONObject,
    exp.Map,
    exp.Or,
    exp.Overlay,
    exp.Pow,
    exp.RegexpFullMatch,
    exp.RegexpLike,
    exp.StartsWith,
    exp.StrPosition,
    exp.Struct,
    exp.Substring,
    exp.ToMap,
    exp.Trim,
    exp.TryCast,
)
"""Calls that need not be written as one: `a::int`, `CASE`, `EXTRACT(year FROM d)`, `[1, 2]`, `a ^ b`, `j -> 'key'`."""

_NOW = frozenset(("now", "current_timestamp", "get_current_timestamp"))
_CLOCKS = _NOW | {"today", "current_date"}


def check_allowed(tree: exp.Expr) -> None:
    """Refuse a tree that holds anything but scalar and repeatable SQL.

    Raises:
        QueryError: QUERY_INVALID, naming what is refused.
    """
    for node in tree.walk():
        _check(node)


def _check(node: exp.Expr) -> None:
    if isinstance(node, exp.Query | exp.Exists):
        raise _refused("a subquery", "ask for it in a SQL statement, where subqueries belong")
    if isinstance(node, exp.Window):
        raise _refused("a window function")
    if isinstance(node, exp.AggFunc):
        raise _refused(f"the aggregate {node.sql_name().lower()}", "aggregate in a SQL statement with HAVING")
    if isinstance(node, exp.Dot) and not isinstance(node.expression, exp.Identifier):
        raise _refused("a call after a dot", "write lower(name) instead of name.lower()")
    if clock(node) is not None:
        return
    if isinstance(node, exp.Func):
        _check_call(node)
    elif not isinstance(node, _PARTS) or node.args.get("symmetric") is not None:
        raise _refused(f"{node.key.upper()} syntax")


def clock(node: exp.Expr) -> Literal["now()", "current_date"] | None:
    """Tell whether a node reads the clock, and how finely; a filter reads it once, when its values are bound."""
    if isinstance(node, exp.CurrentTimestamp) or (isinstance(node, exp.Anonymous) and node.name.lower() in _NOW):
        return None if (node.this and isinstance(node, exp.CurrentTimestamp)) or node.expressions else "now()"
    if isinstance(node, exp.CurrentDate):
        return None if node.this else "current_date"
    return None


def _check_call(node: exp.Func) -> None:
    written = node.meta.get(Polyroute.ORIGINAL_NAME_META_KEY)
    if isinstance(node, exp.Anonymous):
        written = node.name
    if written is None:
        if not isinstance(node, _SYNTAX):
            raise _refused(f"{node.sql_name()} syntax")
    elif str(written).lower() not in FUNCTIONS:
        raise unknown_name("function for filters", str(written).lower(), sorted(FUNCTIONS | _CLOCKS))


def _refused(what: str, hint: str = "a filter is one true-or-false expression over one row") -> QueryError:
    return invalid(f"{what} cannot stand in a filter", hint=hint)

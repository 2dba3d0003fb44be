"""Aggregates and window functions of a SELECT, written for SQLite.

Sums of whole numbers are exact in SQLite, or an error where 64 bits do not hold them; sums and averages of doubles
differ in their last digits with the order of the rows, and are left to DuckDB.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pyarrow as pa
from sqlglot import exp

from polyroute.engines.relational.sqlite_query_common import unified
from polyroute.engines.relational.sqlite_query_decimals import comparable, decimal_sum
from polyroute.engines.relational.sqlite_query_draft import Env, Handler
from polyroute.engines.relational.sqlite_query_order import order_item
from polyroute.engines.relational.sqlite_query_scope import used_only
from polyroute.engines.relational.sqlite_query_values import (
    Value,
    require_condition,
    truth,
)
from polyroute.sql.filters import Unsupported
from polyroute.sql.filters.literals import NO_LITERAL, literal

_SMALL = (pa.int8(), pa.int16())


def aggregate(node: exp.Expr, env: Env, suffix: str = "") -> Value:
    """Write an aggregate; `suffix` is its FILTER and OVER."""
    # what is aggregated is a column before it is a result
    env = replace(env, scope=replace(env.scope, grouped=False))
    if isinstance(node, exp.Count):
        return _count(node, env, suffix)
    used_only(node)
    distinct, argument = _argument(node)
    inner = env.value(argument)
    match node:
        case exp.Sum():
            return _sum(inner, distinct, suffix)
        case exp.Avg():
            return _average(inner, distinct, suffix, env)
        case exp.LogicalAnd() | exp.LogicalOr():
            name = "min" if isinstance(node, exp.LogicalAnd) else "max"
            return truth(f"{name}({require_condition(inner).checked}){suffix}")
    inner = comparable(inner, "min or max")
    sql = f"{'min' if isinstance(node, exp.Min) else 'max'}({inner.checked}){suffix}"
    return replace(inner, sql=sql, guards=(), literal=NO_LITERAL)


def _argument(node: exp.Expr) -> tuple[str, exp.Expr]:
    """Return DISTINCT or nothing, and what is aggregated."""
    inner = node.this
    if not isinstance(inner, exp.Distinct):
        return "", inner
    used_only(inner, "expressions")
    if len(inner.expressions) != 1:
        raise Unsupported("an aggregate over several columns")
    return "DISTINCT ", inner.expressions[0]


def _count(node: exp.Count, env: Env, suffix: str) -> Value:
    used_only(node, "big_int")
    if node.this is None or isinstance(node.this, exp.Star):
        if node.this is not None:
            used_only(node.this)
        return Value(f"count(*){suffix}", pa.int64())
    distinct, argument = _argument(node)
    inner = env.value(argument)
    if distinct:
        inner = comparable(inner, "count(DISTINCT)")
    return Value(f"count({distinct}{inner.checked}){suffix}", pa.int64())


def _sum(inner: Value, distinct: str, suffix: str) -> Value:
    if inner.kind == "decimal":
        return decimal_sum(inner, distinct, suffix)
    if inner.kind not in ("integer", "bool"):
        raise Unsupported(f"a sum of type {inner.type}")
    return Value(f"sum({distinct}{inner.checked}){suffix}", pa.int64(), wide=True)


def _average(inner: Value, distinct: str, suffix: str, env: Env) -> Value:
    if inner.kind != "integer":
        raise Unsupported(f"an average of type {inner.type}")
    if inner.column and inner.type in _SMALL:
        # of small numbers both divide a sum that a double holds exactly, and in doubles
        return Value(f"avg({distinct}{inner.checked}){suffix}", pa.float64())
    total, number = (f"{name}({distinct}{inner.checked}){suffix}" for name in ("sum", "count"))
    env.draft.calls = True
    return Value(f"polyroute_avg({total}, {number})", pa.float64())


def filtered(node: exp.Filter, env: Env) -> Value:
    """Write an aggregate over the rows that pass a condition."""
    return _filtered(node, env, "")


def _filtered(node: exp.Filter, env: Env, over: str) -> Value:
    used_only(node, "expression")
    if type(node.this) not in _AGGREGATES:
        raise Unsupported("FILTER of something else than an aggregate")
    if over and isinstance(node.this, _OF_EXTREMES):
        raise Unsupported("a smallest or largest value over a window with FILTER, which SQLite forgets")
    env = replace(env, scope=replace(env.scope, grouped=False))
    condition = require_condition(env.value(node.expression.this))
    if any(env.value(part).is_guarded for part in _read(node.this)):
        # DuckDB computes it for the other rows too, and fails where it cannot be
        raise Unsupported("FILTER of something that not every row can be computed for")
    return aggregate(node.this, env, f" FILTER (WHERE {condition.checked}){over}")


def _read(node: exp.Expr) -> list[exp.Expr]:
    """Return the expressions that an aggregate reads."""
    inner = node.this
    found = inner.expressions if isinstance(inner, exp.Distinct) else [inner]
    return [part for part in found if part is not None and not isinstance(part, exp.Star)]


def window(node: exp.Window, env: Env) -> Value:
    """Write a window function."""
    used_only(node, "partition_by", "order", "spec", "over")
    if node.args.get("over") != "OVER":
        raise Unsupported("an unusual OVER")
    over = f" OVER ({' '.join(_window_parts(node, env))})"
    called = node.this
    if isinstance(called, exp.Filter):
        return _filtered(called, env, over)
    if any(isinstance(part, exp.Distinct) for part in called.args.values()):
        raise Unsupported("DISTINCT in a window function")
    if type(called) in _AGGREGATES:
        return aggregate(called, env, over)
    if type(called) in _NUMBERINGS:
        used_only(called)
        return Value(f"{_NUMBERINGS[type(called)]}(){over}", pa.int64())
    if isinstance(called, exp.Lag | exp.Lead):
        return _neighbour(called, env, over)
    if type(called) in _ENDS:
        used_only(called)
        inner = env.value(called.this)
        return replace(inner, sql=f"{_ENDS[type(called)]}({inner.checked}){over}", guards=(), literal=NO_LITERAL)
    raise Unsupported(f"the window function {called.key.upper()}")


def _neighbour(node: exp.Lag | exp.Lead, env: Env, over: str) -> Value:
    used_only(node, "offset", "default")
    step = literal(node.args.get("offset") or exp.Literal.number(1))
    if type(step) is not int or step < 0:
        raise Unsupported("an offset that is not constant")
    default = env.value(node.args.get("default") or exp.Null())
    given, result = unified([env.value(node.this), default], node.key)
    sql = f"{node.key}({given[0].checked}, {step}, {given[1].checked}){over}"
    return replace(result, sql=sql)


def _window_parts(node: exp.Window, env: Env) -> list[str]:
    parts = []
    if node.args.get("partition_by"):
        keys = [comparable(env.value(key), "PARTITION BY") for key in node.args["partition_by"]]
        parts.append(f"PARTITION BY {', '.join(key.checked for key in keys)}")
    if node.args.get("order") is not None:
        used_only(node.args["order"], "expressions")
        items = [order_item(item, env.value(item.this)) for item in node.args["order"].expressions]
        parts.append(f"ORDER BY {', '.join(items)}")
    if node.args.get("spec") is not None:
        parts.append(_frame(node.args["spec"]))
    return parts


def _frame(spec: exp.WindowSpec) -> str:
    used_only(spec, "kind", "start", "start_side", "end", "end_side")
    kind = str(spec.args["kind"]).upper()
    start = _bound(kind, spec.args.get("start"), spec.args.get("start_side"))
    end = _bound(kind, spec.args.get("end") or "CURRENT ROW", spec.args.get("end_side"))
    return f"{kind} BETWEEN {start} AND {end}"


def _bound(kind: str, place: object, side: object) -> str:
    if kind not in ("ROWS", "RANGE"):
        raise Unsupported(f"a frame of {kind}")
    if isinstance(place, str) and place.upper() in ("UNBOUNDED", "CURRENT ROW"):
        return f"{place.upper()} {str(side or '').upper()}".strip()
    number = literal(place) if isinstance(place, exp.Expr) else None
    if kind != "ROWS" or type(number) is not int or number < 0 or side is None:
        raise Unsupported("a frame whose bounds are not plain numbers of rows")
    return f"{number} {str(side).upper()}"


_OF_EXTREMES = (exp.Min, exp.Max, exp.LogicalAnd, exp.LogicalOr)
_AGGREGATES = (exp.Count, exp.Sum, exp.Avg, exp.Min, exp.Max, exp.LogicalAnd, exp.LogicalOr)
_NUMBERINGS: Mapping[type[exp.Expr], str] = {
    exp.RowNumber: "row_number",
    exp.Rank: "rank",
    exp.DenseRank: "dense_rank",
}
_ENDS: Mapping[type[exp.Expr], str] = {exp.FirstValue: "first_value", exp.LastValue: "last_value"}

HANDLERS: Mapping[type[exp.Expr], Handler] = {
    **dict.fromkeys(_AGGREGATES, aggregate),
    exp.Filter: filtered,
    exp.Window: window,
}
"""How aggregates and window functions are written."""

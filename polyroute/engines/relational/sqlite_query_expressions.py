"""Columns, constants, arithmetic and CASE of a SELECT, written for SQLite.

SQLite divides whole numbers to whole numbers, lets them grow into doubles, and has no NaN. So a division is made of
doubles, and arithmetic carries guards (`sqlite_query_values`) against everything in which the two engines differ.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

import pyarrow as pa
from sqlglot import exp

from polyroute.engines.relational.sqlite_query_common import unified
from polyroute.engines.relational.sqlite_query_decimals import constant_units, decimal_result, in_units, is_decimal
from polyroute.engines.relational.sqlite_query_draft import Env, Handler
from polyroute.engines.relational.sqlite_query_scope import Scope, used_only
from polyroute.engines.relational.sqlite_query_values import (
    Value,
    as_double,
    double_result,
    merged_guards,
    require_condition,
    require_text,
    require_whole,
    truth,
    whole_result,
)
from polyroute.sql.filters import Unsupported
from polyroute.sql.filters.literals import NO_LITERAL, literal

_INT64 = 2**63


def column(node: exp.Column, env: Env) -> Value:
    """Read a name: a column, else an alias of the SELECT, else a column of the query around it."""
    if isinstance(node.this, exp.Star):
        raise Unsupported("a star among expressions")
    scope = env.scope
    aliased = scope.aliases.get(node.name.lower()) if not node.table else None
    found = scope.own(node)
    if found is not None:
        if scope.grouped and aliased is not None and not _is_itself(node, aliased):
            raise Unsupported(f"{node.name!r}, which is a column and a result of the grouping")
        return found
    around = scope.outer is not None and _is_around(node, scope.outer)
    if aliased is not None:
        if around:
            raise Unsupported(f"{node.name!r}, which is an alias and a column of the query around it")
        # without itself, or `x + 1 AS x` would go round for ever
        others = {name: item for name, item in scope.aliases.items() if name != node.name.lower()}
        return env.value_in(replace(scope, aliases=others), aliased)
    if around and scope.outer is not None:
        return env.value_in(scope.outer, node)
    raise Unsupported(f"{node.name!r}, which is no column here")


def _is_itself(node: exp.Column, aliased: exp.Expr) -> bool:
    return isinstance(aliased, exp.Column) and aliased.name.lower() == node.name.lower()


def _is_around(node: exp.Column, scope: Scope) -> bool:
    return scope.holds(node) or (scope.outer is not None and _is_around(node, scope.outer))


def constant(node: exp.Expr, env: Env) -> Value:
    """Write a constant."""
    value = literal(node)
    match value:
        case None:
            return Value("NULL", pa.null())
        case bool():
            return replace(truth(str(int(value))), literal=value)
        case int() if -_INT64 <= value < _INT64:
            type_ = pa.int32() if -(2**31) <= value < 2**31 else pa.int64()
            return Value(str(value) if value >= 0 else f"({value})", type_, literal=value)
        case float() if math.isfinite(value):
            return Value(repr(value), pa.float64(), literal=value)
        case Decimal():
            return constant_units(value)
        case str():
            return Value(env.draft.bindings.constant(value, pa.string()), pa.string(), literal=value)
        case dt.datetime() if value.tzinfo is None:
            return Value(env.draft.bindings.constant(value, pa.timestamp("us")), pa.timestamp("us"), literal=value)
        case dt.date() if not isinstance(value, dt.datetime):
            return Value(env.draft.bindings.constant(value, pa.date32()), pa.date32(), literal=value)
    raise Unsupported("a constant of this kind")


def paren(node: exp.Paren, env: Env) -> Value:
    """Write what stands in parentheses."""
    return env.value(node.this)


def negative(node: exp.Neg, env: Env) -> Value:
    """Write a minus; that of a double is left out, since SQLite has no negative zero of it."""
    if literal(node) is not NO_LITERAL:
        return constant(node, env)
    inner = require_whole(env.value(node.this), "a minus")
    return whole_result(f"(-{inner.sql})", [inner])


def arithmetic(node: exp.Binary, env: Env) -> Value:
    """Write a sum, a difference or a product: of whole numbers, or of doubles."""
    used_only(node, "expression")
    sign = _SIGNS[type(node)]
    left, right = env.value(node.this), env.value(node.expression)
    if left.kind == right.kind == "integer":
        left, right = require_whole(left, "arithmetic"), require_whole(right, "arithmetic")
        return whole_result(f"({left.sql} {sign} {right.sql})", [left, right])
    if "float" in (left.kind, right.kind):
        return _double(sign, _number(left), _number(right))
    if is_decimal(left, right) and "null" not in (left.kind, right.kind):
        return decimal_result(sign, left, right)
    raise Unsupported("arithmetic on something else than numbers")


def _double(sign: str, left: Value, right: Value, *guards: str) -> Value:
    sql = f"({left.sql} {sign} {right.sql})"
    not_a_number = f"({sql} IS NULL AND {left.sql} IS NOT NULL AND {right.sql} IS NOT NULL)"
    return double_result(sql, [left, right], *guards, not_a_number)


def division(node: exp.Div, env: Env) -> Value:
    """Write a division, which is one of doubles."""
    used_only(node, "expression")
    left, right = _number(env.value(node.this)), _number(env.value(node.expression))
    guards = [] if right.literal not in (NO_LITERAL, 0) else [f"{right.sql} = 0"]
    return _double("/", left, right, *guards)


def _number(value: Value) -> Value:
    """Return a number as DuckDB casts it to DOUBLE."""
    is_stored = value.kind == "decimal" and value.scale is None
    return as_double(in_units(value) if is_stored else value)


def whole_division(node: exp.Binary, env: Env) -> Value:
    """Write `//` or `%`, for which a divisor of zero is an error."""
    used_only(node, "expression")
    left = require_whole(env.value(node.this), "a whole division")
    right = require_whole(env.value(node.expression), "a whole division")
    sign = "/" if isinstance(node, exp.IntDiv) else "%"
    found = whole_result(f"({left.sql} {sign} {right.sql})", [left, right])
    # the smallest number divided by -1 is no number of its type, whatever is left of it
    odd = [] if isinstance(right.literal, int) and right.literal > 0 else [f"{right.sql} IN (0, -1)"]
    return replace(found, guards=merged_guards([found], *odd))


def absolute(node: exp.Abs, env: Env) -> Value:
    """Write abs."""
    used_only(node)
    inner = env.value(node.this)
    if inner.kind == "float":
        inner = as_double(inner)
        return double_result(f"abs({inner.sql})", [inner])
    return whole_result(f"abs({require_whole(inner, 'abs').sql})", [inner])


def case(node: exp.Case, env: Env) -> Value:
    """Write a CASE, with a subject or without."""
    used_only(node, "ifs", "default")
    tests = []
    for item in node.args["ifs"]:
        test = item.this if node.this is None else exp.EQ(this=node.this.copy(), expression=item.this.copy())
        tests.append(require_condition(env.value(test)))
    return _chosen(tests, [item.args["true"] for item in node.args["ifs"]], node.args.get("default"), env)


def if_(node: exp.If, env: Env) -> Value:
    """Write an if()."""
    used_only(node, "true", "false")
    return _chosen([require_condition(env.value(node.this))], [node.args["true"]], node.args.get("false"), env)


def _chosen(tests: Sequence[Value], results: Sequence[exp.Expr], default: exp.Expr | None, env: Env) -> Value:
    given = [env.value(item) for item in results]
    given.append(Value("NULL", pa.null()) if default is None else env.value(default))
    given, result = unified(given, "CASE")
    *alternatives, last = given
    whens = [f"WHEN {t.checked} THEN {v.checked}" for t, v in zip(tests, alternatives, strict=True)]
    return replace(result, sql=f"CASE {' '.join(whens)} ELSE {last.checked} END")


def coalesce(node: exp.Coalesce, env: Env) -> Value:
    """Write a coalesce."""
    used_only(node, "expressions")
    given, result = unified([env.value(item) for item in (node.this, *node.expressions)], "COALESCE")
    if len(given) == 1:
        return given[0]
    return replace(result, sql=f"coalesce({', '.join(v.checked for v in given)})")


def null_if(node: exp.Nullif, env: Env) -> Value:
    """Write a nullif."""
    used_only(node, "expression")
    kept = env.value(node.this)
    same = env.value(exp.EQ(this=node.this.copy(), expression=node.expression.copy()))
    return replace(kept, sql=f"CASE WHEN {same.checked} THEN NULL ELSE {kept.sql} END", literal=NO_LITERAL)


def joined(node: exp.DPipe, env: Env) -> Value:
    """Write texts one after the other."""
    used_only(node, "expression", "safe")
    sides = [require_text(env.value(side), "||") for side in (node.this, node.expression)]
    return Value(f"({sides[0].checked} || {sides[1].checked})", pa.string())


_SIGNS: Mapping[type[exp.Expr], str] = {exp.Add: "+", exp.Sub: "-", exp.Mul: "*"}

HANDLERS: Mapping[type[exp.Expr], Handler] = {
    exp.Column: column,
    exp.Literal: constant,
    exp.Boolean: constant,
    exp.Null: constant,
    exp.Paren: paren,
    exp.Neg: negative,
    exp.Add: arithmetic,
    exp.Sub: arithmetic,
    exp.Mul: arithmetic,
    exp.Div: division,
    exp.IntDiv: whole_division,
    exp.Mod: whole_division,
    exp.Abs: absolute,
    exp.Case: case,
    exp.If: if_,
    exp.Coalesce: coalesce,
    exp.Nullif: null_if,
    exp.DPipe: joined,
}
"""How columns, constants and operators are written."""

"""Function calls of a SELECT, written for SQLite: texts, parts of dates, casts that lose nothing.

Dates and timestamps are stored as ISO text of one width, so that their parts are pieces of it. Texts may hold letters
of any alphabet and the character NUL, at which SQLite's own functions fold too little and stop; ours do not.
"""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa
from sqlglot import exp

from polyroute.engines.relational.sqlite_query_decimals import in_units
from polyroute.engines.relational.sqlite_query_draft import Env, Handler
from polyroute.engines.relational.sqlite_query_scope import used_only
from polyroute.engines.relational.sqlite_query_values import (
    Value,
    as_double,
    merged_guards,
    require_text,
    truth,
)
from polyroute.sql.filters import Unsupported
from polyroute.sql.filters.literals import NO_LITERAL, literal
from polyroute.sql.filters.text import like

_LONGEST = 2**31 - 1
_MAX_DIGITS = 15
_MIDNIGHT = " 00:00:00.000000"
_DATE_PARTS = {"YEAR": (1, 4), "MONTH": (6, 2), "DAY": (9, 2)}
_TIME_PARTS = {"HOUR": (12, 2), "MINUTE": (15, 2), "SECOND": (18, 2)}
_STARTS = {
    "YEAR": (4, "-01-01" + _MIDNIGHT),
    "MONTH": (7, "-01" + _MIDNIGHT),
    "DAY": (10, _MIDNIGHT),
    "HOUR": (13, ":00:00.000000"),
    "MINUTE": (16, ":00.000000"),
}
_TEXT_FUNCTIONS: Mapping[type[exp.Expr], tuple[str, pa.DataType]] = {
    exp.Lower: ("polyroute_lower", pa.string()),
    exp.Upper: ("polyroute_upper", pa.string()),
    exp.Length: ("polyroute_length", pa.int64()),
}


def of_text(node: exp.Func, env: Env) -> Value:
    """Write lower, upper and length."""
    used_only(node)
    name, type_ = _TEXT_FUNCTIONS[type(node)]
    inner = require_text(env.value(node.this), name)
    env.draft.calls = True
    return Value(f"{name}({inner.checked})", type_)


def like_(node: exp.Expr, env: Env) -> Value:
    """Write a LIKE with a constant pattern."""
    escape = ""
    if isinstance(node, exp.Escape):
        escape = _constant_text(node.expression, "an escape")
        node = node.this
    if not isinstance(node, exp.Like):
        raise Unsupported("an unusual LIKE")
    used_only(node, "expression", "negate")
    subject = require_text(env.value(node.this), "LIKE")
    pattern = _constant_text(node.expression, "a pattern")
    like(pattern, escape)  # refuses an escape that is none
    env.draft.calls = True
    places = [env.draft.bindings.constant(text, pa.string()) for text in (pattern, escape)]
    negation = "NOT " if node.args.get("negate") else ""
    return truth(f"({negation}polyroute_like({subject.checked}, {places[0]}, {places[1]}))")


def substring(node: exp.Substring, env: Env) -> Value:
    """Write a substring between constant places."""
    used_only(node, "start", "length")
    subject = require_text(env.value(node.this), "substring")
    start, length = literal(node.args["start"]), literal(node.args.get("length") or exp.Literal.number(_LONGEST))
    if type(start) is not int or type(length) is not int or start < 1 or not 0 <= length <= _LONGEST:
        raise Unsupported("a substring whose places are not plain numbers")
    env.draft.calls = True
    return Value(f"polyroute_substring({subject.checked}, {start}, {length})", pa.string())


def rounded(node: exp.Round, env: Env) -> Value:
    """Write a round of a double to a constant number of digits."""
    used_only(node, "decimals")
    digits = literal(node.args.get("decimals") or exp.Literal.number(0))
    inner = env.value(node.this)
    if inner.kind != "float" or pa.types.is_float32(inner.type) or inner.literal is not NO_LITERAL:
        raise Unsupported(f"round of type {inner.type}")
    if type(digits) is not int or not 0 <= digits <= _MAX_DIGITS:
        raise Unsupported("round to a number of digits that is not constant")
    env.draft.calls = True
    return Value(f"polyroute_round({inner.checked}, {digits})", pa.float64(), nan=inner.nan)


def _constant_text(node: exp.Expr, what: str) -> str:
    value = literal(node)
    if not isinstance(value, str):
        raise Unsupported(f"{what} of LIKE that is no constant")
    return value


def part(node: exp.Expr, env: Env) -> Value:
    """Write year(d), extract(month FROM d) and their like."""
    if isinstance(node, exp.Extract):
        used_only(node, "expression")
        unit, subject = node.this.name.upper(), node.expression
    else:
        used_only(node)
        unit, subject = type(node).__name__.upper(), node.this
    inner = env.value(subject)
    places = _DATE_PARTS.get(unit) if inner.kind in ("date", "timestamp") else None
    if places is None and inner.kind == "timestamp":
        places = _TIME_PARTS.get(unit)
    if places is None:
        raise Unsupported(f"the {unit.lower()} of type {inner.type}")
    return Value(f"CAST(substr({inner.checked}, {places[0]}, {places[1]}) AS INTEGER)", pa.int64())


def truncated(node: exp.TimestampTrunc | exp.DateTrunc, env: Env) -> Value:
    """Write a date_trunc, which gives a TIMESTAMP of a DATE too."""
    used_only(node, "unit")
    unit = node.args["unit"].name.upper()
    inner = env.value(node.this)
    is_date = pa.types.is_date32(inner.type)
    if unit not in _STARTS or not (is_date or inner.type == pa.timestamp("us")) or inner.literal is not NO_LITERAL:
        raise Unsupported(f"date_trunc to {unit.lower()} of type {inner.type}")
    length, rest = _STARTS[unit]
    if is_date and length > len("2000-01-01"):
        # what DuckDB compares with it, it cuts to a day
        raise Unsupported(f"date_trunc of a date to {unit.lower()}")
    return Value(f"(substr({inner.checked}, 1, {length}) || '{rest}')", pa.timestamp("us"))


def cast_(node: exp.Cast, env: Env) -> Value:
    """Write a cast that changes no value."""
    constant = literal(node)
    if constant is not NO_LITERAL:
        return env.draft.handlers[exp.Literal](node, env)
    used_only(node, "to", "_type")
    target = node.to
    if target.expressions or target.args.get("nested"):
        raise Unsupported("a cast to a type with parameters")
    inner = env.value(node.this)
    found = _cast(inner, target.this)
    if found is None:
        raise Unsupported(f"a cast of type {inner.type} to {target.this.value}")
    return found


def _cast(inner: Value, target: exp.DType) -> Value | None:
    kind = inner.kind
    bits = _BITS.get(target)
    if bits is not None and kind == "integer":
        return _whole(inner, bits)
    if bits is not None and kind == "bool":
        return Value(inner.checked, _INTEGERS[bits])
    if target is exp.DType.DOUBLE and kind == "decimal":
        return as_double(in_units(inner))
    if target is exp.DType.DOUBLE and kind in ("integer", "float"):
        return as_double(inner) if kind == "integer" else inner
    if target in _TEXTS and kind == "string":
        return inner
    if target in _TEXTS and kind in ("integer", "date"):
        return Value(f"CAST({inner.checked} AS TEXT)", pa.string())
    if target is exp.DType.DATE and inner.type == pa.timestamp("us"):
        return Value(f"substr({inner.checked}, 1, 10)", pa.date32())
    return inner if target is exp.DType.DATE and kind == "date" else None


def _whole(inner: Value, bits: int) -> Value:
    """Cast whole numbers; one that does not fit is an error in DuckDB."""
    if pa.types.is_uint64(inner.type) or (pa.types.is_unsigned_integer(inner.type) and not inner.column):
        raise Unsupported(f"a cast of type {inner.type}")
    outside = f"({inner.sql}) NOT BETWEEN {-(2 ** (bits - 1))} AND {2 ** (bits - 1) - 1}"
    guards = () if bits == 64 else (outside,)
    return Value(inner.sql, _INTEGERS[bits], guards=merged_guards([inner], *guards))


_INTEGERS = {8: pa.int8(), 16: pa.int16(), 32: pa.int32(), 64: pa.int64()}
_BITS = {exp.DType.TINYINT: 8, exp.DType.SMALLINT: 16, exp.DType.INT: 32, exp.DType.BIGINT: 64}
_TEXTS = frozenset({exp.DType.VARCHAR, exp.DType.TEXT})

HANDLERS: Mapping[type[exp.Expr], Handler] = {
    **dict.fromkeys(_TEXT_FUNCTIONS, of_text),
    **dict.fromkeys((exp.Like, exp.Escape), like_),
    **dict.fromkeys((exp.Year, exp.Month, exp.Day, exp.Hour, exp.Minute, exp.Second, exp.Extract), part),
    **dict.fromkeys((exp.TimestampTrunc, exp.DateTrunc), truncated),
    exp.Substring: substring,
    exp.Round: rounded,
    exp.Cast: cast_,
}
"""How function calls are written."""

"""Write a filter as LanceDB's filter text.

LanceDB takes no parameters, so values are quoted here, one by one, from the parsed tree; no text of the user reaches
the filter. Each form below was tried on LanceDB 0.40 with NULLs and with NaNs of both signs, which Lance orders at
both ends and DuckDB at the upper one.
"""

from __future__ import annotations

import datetime as dt
import math
import struct
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, cast

import pyarrow as pa
from sqlglot import exp

from polyroute.sql.filters.comparison import Between, Comparison, Membership, comparison, constant
from polyroute.sql.filters.exact import domain
from polyroute.sql.filters.filter import Filter, Unsupported
from polyroute.sql.filters.in_list import InList
from polyroute.sql.filters.reference import reference
from polyroute.sql.filters.typing import type_of
from polyroute.sql.types import is_json

if TYPE_CHECKING:
    from typing import Any

_ALWAYS, _NEVER, _UNKNOWN = "(1 = 1)", "(1 = 0)", "(1 = NULL)"
_DOMAINS = frozenset(("integer", "float", "string", "bool", "date", "timestamp", "zoned", "decimal"))


def to_lance(filter_: Filter) -> str:
    """Write a filter for LanceDB's `where`.

    Raises:
        Unsupported: when LanceDB would not give exactly DuckDB's rows.

    >>> from polyroute.sql.filters import parse_filter
    >>> schema = pa.schema({"name": pa.string(), "year": pa.int64()})
    >>> to_lance(parse_filter("name = $n AND year > 2000", schema, {"n": "O'Hara"}))
    "((`name` = 'O''Hara') AND (`year` > 2000))"
    """
    return _truth(filter_.expression, filter_)


def _truth(node: exp.Expr, filter_: Filter) -> str:
    node = node.unnest()
    if isinstance(node, exp.And | exp.Or):
        word = " AND " if isinstance(node, exp.And) else " OR "
        return f"({word.join(_truth(part, filter_) for part in node.flatten())})"
    if isinstance(node, exp.Not):
        return f"(NOT {_truth(node.this, filter_)})"
    if isinstance(node, exp.Is):
        return _is(node, filter_)
    found = comparison(node, filter_)
    if isinstance(found, Comparison):
        return _comparison(found, filter_)
    if isinstance(found, Membership):
        return _membership(found, filter_)
    if isinstance(found, Between):
        low = Comparison(found.subject, found.type, ">=", found.low)
        high = Comparison(found.subject, found.type, "<=", found.high)
        return f"({_comparison(low, filter_)} AND {_comparison(high, filter_)})"
    if isinstance(node, exp.Like):
        return _like(node, filter_)
    return _boolean(node, filter_)


def _is(node: exp.Is, filter_: Filter) -> str:
    if isinstance(node.expression, exp.Null):
        return f"({_field(node.this, filter_)} IS NULL)"
    if isinstance(node.expression, exp.Boolean):
        field = _boolean_field(node.this, filter_)
        # LanceDB 0.40 loses the NULLs under NOT (x IS TRUE) when x has a scalar index
        return f"({'' if node.expression.this else 'NOT '}{field} AND {field} IS NOT NULL)"
    raise Unsupported("an unusual IS")


def _boolean(node: exp.Expr, filter_: Filter) -> str:
    is_constant, fixed = constant(node, filter_)
    if is_constant and (fixed is None or isinstance(fixed, bool)):
        return {None: _UNKNOWN, True: _ALWAYS, False: _NEVER}[fixed]
    return _boolean_field(node, filter_)


def _boolean_field(node: exp.Expr, filter_: Filter) -> str:
    found = reference(node, filter_.schema)
    if found is None or domain(found.type) != "bool":
        raise Unsupported(f"{node.key} as a condition")
    return _field(node, filter_)


def _comparison(found: Comparison, filter_: Filter) -> str:
    field = _field(found.subject, filter_)
    if found.other is not None:
        return _of_columns(field, found, filter_)
    if found.operator in ("is", "is not"):
        return _distinct(field, found)
    if found.value is None:
        return _UNKNOWN
    return _against(field, found.operator, found.type, found.value)


def _against(field: str, operator: str, type_: pa.DataType, value: object) -> str:
    test = f"({field} {operator} {_quoted(value, type_)})"
    if domain(type_) != "float" or operator in ("=", "<>"):
        return test
    # a NaN whose sign bit is set comes before all numbers in Lance
    return f"({test} OR isnan({field}))" if operator in (">", ">=") else f"({test} AND NOT isnan({field}))"


def _of_columns(field: str, found: Comparison, filter_: Filter) -> str:
    if found.other is None or found.type != found.other_type or domain(found.type) in (None, "float"):
        raise Unsupported("columns of two types, or floats, against each other")
    other = _field(found.other, filter_)
    if found.operator not in ("is", "is not"):
        return f"({field} {found.operator} {other})"
    equal = f"({field} = {other} AND {field} IS NOT NULL AND {other} IS NOT NULL)"
    same = f"({equal} OR ({field} IS NULL AND {other} IS NULL))"
    return same if found.operator == "is" else f"(NOT {same})"


def _distinct(field: str, found: Comparison) -> str:
    same = f"({field} IS NULL)"
    if found.value is not None:
        same = f"({_against(field, '=', found.type, found.value)} AND {field} IS NOT NULL)"
    return same if found.operator == "is" else f"(NOT {same})"


def _membership(found: Membership, filter_: Filter) -> str:
    field = _field(found.subject, filter_)
    values = _quoted_all(found)
    if not values:
        known = _UNKNOWN if found.values else _NEVER
        return f"({field} IS NULL AND {_UNKNOWN} OR {known})"
    test = f"({field} IN ({values}))"
    return f"({test} OR {_UNKNOWN})" if None in found.values else test


def _quoted_all(found: Membership) -> str:
    """Write the values of a list with commas between them; of keys by the thousand the type is looked at once."""
    values = found.values
    if isinstance(values, InList) and values.kinds == {int} and domain(found.type) == "integer":
        _integer(values.reach, found.type)
        _integer(min(cast("tuple[int, ...]", values)), found.type)
        return ", ".join(map(str, values))
    return ", ".join(_quoted(value, found.type) for value in values if value is not None)


def _like(node: exp.Like, filter_: Filter) -> str:
    type_ = type_of(node.this, filter_.schema)
    is_constant, pattern = constant(node.expression, filter_)
    if type_ is None or domain(type_) != "string" or not is_constant or not isinstance(pattern, str):
        raise Unsupported("LIKE with something computed")
    if "\\" in pattern:
        raise Unsupported("a backslash, which LanceDB takes for an escape")
    word = "NOT LIKE" if node.args.get("negate") else "LIKE"
    return f"({_field(node.this, filter_)} {word} {_quote(pattern)})"


def _field(node: exp.Expr, filter_: Filter) -> str:
    found = reference(node, filter_.schema)
    if found is None or (found.path and is_json(found.type)):
        raise Unsupported("a computed value")
    steps = (found.column, *found.path)
    if not all(isinstance(step, str) and step and "`" not in step and "." not in step for step in steps):
        raise Unsupported("a list item, or a name that LanceDB cannot quote")
    return ".".join(f"`{step}`" for step in steps)


def _quoted(value: object, type_: pa.DataType) -> str:
    """Write a value as a literal that LanceDB reads as exactly that value of the column's type."""
    kind = domain(type_)
    if kind not in _DOMAINS:
        raise Unsupported(f"a {type_} in LanceDB's filter")
    return _WRITERS[kind](value, type_)


def _integer(value: Any, type_: pa.DataType) -> str:
    unsigned = pa.types.is_unsigned_integer(type_)
    low = 0 if unsigned else 1 - 2 ** (type_.bit_width - 1)
    high = 2 ** (type_.bit_width if unsigned else type_.bit_width - 1)
    if type(value) is not int or not low <= value < high:
        raise Unsupported("a number that the column's type does not hold")
    return str(value)


def _float(value: Any, type_: pa.DataType) -> str:
    if type(value) not in (int, float) or math.isnan(value):
        raise Unsupported("NaN in LanceDB's filter")
    number = float(value)
    single = pa.types.is_float32(type_)
    if math.isinf(number):
        return f"cast('{number}' as {'float' if single else 'double'})"
    if single and _as_single(number) != number:
        raise Unsupported("a number that a FLOAT would round")
    return repr(number)


def _as_single(number: float) -> float | None:
    try:
        return float(struct.unpack("<f", struct.pack("<f", number))[0])
    except OverflowError:
        return None


def _decimal(value: Any, type_: pa.DataType) -> str:
    number = Decimal(value)
    exponent = number.as_tuple().exponent
    whole = len(str(abs(int(number))))
    if not isinstance(exponent, int) or -exponent > type_.scale or whole > type_.precision - type_.scale:
        raise Unsupported("a number that the column's type does not hold")
    return f"cast('{number:f}' as decimal({type_.precision},{type_.scale}))"


def _quote(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _timestamp(value: dt.datetime, type_: pa.DataType) -> str:
    if type_.unit != "us":
        raise Unsupported("a timestamp that is not kept in microseconds")
    if type_.tz not in (None, "UTC"):
        raise Unsupported("a zone that LanceDB 0.40 would read into the value")
    return f"timestamp '{value.isoformat(' ')}'"


_WRITERS: Mapping[str, Callable[[Any, pa.DataType], str]] = {
    "integer": _integer,
    "float": _float,
    "decimal": _decimal,
    "string": lambda value, type_: _quote(value),
    "bool": lambda value, type_: "true" if value else "false",
    "date": lambda value, type_: f"date '{value.isoformat()}'",
    "timestamp": _timestamp,
    "zoned": _timestamp,
}

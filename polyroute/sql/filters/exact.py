"""Tell when comparing by DuckDB's rules is the plain comparison of two Python values.

DuckDB brings both sides of a comparison to a common type first, which may round: a BIGINT beside a DOUBLE becomes a
DOUBLE. Renderers other than DuckDB's compare values as they are, and so accept only what this module calls exact.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from decimal import Decimal
from typing import Literal

import pyarrow as pa

Domain = Literal["integer", "float", "decimal", "string", "bool", "date", "timestamp", "zoned", "time", "binary"]

_EXACT_DOUBLE = 2**53
_EXACT_SINGLE = 2**24
_OWN: dict[Domain, type] = {"string": str, "bool": bool, "date": dt.date}


def domain(type_: pa.DataType) -> Domain | None:
    """Name the kind of values of a type, or None where its values do not compare plainly in Python.

    >>> domain(pa.int16()), domain(pa.timestamp("us", "UTC")), domain(pa.list_(pa.int8()))
    ('integer', 'zoned', None)
    """
    types = pa.types
    if types.is_integer(type_):
        return "integer"
    if types.is_float64(type_) or types.is_float32(type_):
        return "float"
    if types.is_string(type_) or types.is_large_string(type_):
        return "string"
    if types.is_boolean(type_):
        return "bool"
    if types.is_date32(type_):
        return "date"
    if types.is_timestamp(type_) and type_.unit != "ns":
        return "timestamp" if type_.tz is None else "zoned"
    if types.is_decimal(type_) and type_.precision <= 38:
        return "decimal"
    if types.is_time(type_) and type_.unit != "ns":
        return "time"
    return "binary" if types.is_binary(type_) or types.is_large_binary(type_) else None


def exact_values(type_: pa.DataType, values: Sequence[object]) -> bool:
    """Tell whether all values, compared in one comparison, IN or BETWEEN, compare plainly with a type."""
    kind = domain(type_)
    given = values if None not in values else [value for value in values if value is not None]
    match kind:
        case None:
            return False
        case "integer":
            return _exact_integers(type_, given)
        case "float":
            limit = _EXACT_SINGLE if pa.types.is_float32(type_) else _EXACT_DOUBLE
            return all(type(value) is float or (type(value) is int and abs(value) <= limit) for value in given)
        case "decimal":
            return _exact_decimals(type_.precision - type_.scale, type_.scale, given)
        case "string" | "bool" | "date" if set(map(type, given)) <= {_OWN[kind]}:
            return True  # as nearly always, and said of ten thousand keys at once
        case _:
            return all(_is_of(kind, value) for value in given)


def exact_columns(left: pa.DataType, right: pa.DataType) -> bool:
    """Tell whether two columns compare plainly with each other."""
    kinds = domain(left), domain(right)
    if None in kinds:
        return False
    if kinds[0] == kinds[1]:
        return kinds[0] != "decimal" or left == right
    if kinds in (("integer", "float"), ("float", "integer")):
        integer, floating = (left, right) if kinds[0] == "integer" else (right, left)
        return bool(integer.bit_width <= 32 if pa.types.is_float64(floating) else integer.bit_width <= 16)
    return False


def _exact_integers(type_: pa.DataType, values: Sequence[object]) -> bool:
    kinds = set(map(type, values))
    if kinds <= {int}:
        return True
    if kinds <= {int, float}:
        return all(_within_double(value) for value in values if isinstance(value, int | float))
    if kinds <= {int, Decimal}:
        return _exact_decimals(20, 0, values)
    return False


def _within_double(value: float) -> bool:
    return not math.isfinite(value) or abs(value) < _EXACT_DOUBLE


def _exact_decimals(whole: int, scale: int, values: Sequence[object]) -> bool:
    """Tell whether a DECIMAL holds all values without rounding: 38 digits before and after the point."""
    for value in values:
        if type(value) is int:
            whole = max(whole, len(str(abs(value))))
        elif isinstance(value, Decimal):
            _, digits, exponent = value.as_tuple()
            if not isinstance(exponent, int):
                return False
            scale = max(scale, -exponent)
            whole = max(whole, len(digits) + exponent)
        else:
            return False
    return whole + scale <= 38


def _is_of(kind: Domain, value: object) -> bool:
    match kind:
        case "string":
            return isinstance(value, str)
        case "bool":
            return isinstance(value, bool)
        case "date":
            return isinstance(value, dt.date) and not isinstance(value, dt.datetime)
        case "timestamp":
            return isinstance(value, dt.datetime) and value.tzinfo is None
        case "zoned":
            return isinstance(value, dt.datetime) and value.tzinfo is not None
        case "time":
            return isinstance(value, dt.time) and value.tzinfo is None
        case _:
            return isinstance(value, bytes)

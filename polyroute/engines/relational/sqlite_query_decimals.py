"""Decimals of a SELECT, written for SQLite: as the whole numbers of their last digit, which 64 bits hold or refuse.

A decimal is stored as its digits, in a text that does not compare as the number. Without its point it is a whole
number, its *units*; sums, products and comparisons of units are exact, as DuckDB's decimals are. Another program may
have stored other digits than its type has: a guard finds them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pyarrow as pa

from polyroute.engines.relational.sqlite_form import Form, listed
from polyroute.engines.relational.sqlite_query_values import Value, merged_guards, require_ordered, require_whole
from polyroute.sql.filters import Unsupported

_DIGITS = 18
_PRECISION = 38


def comparable(value: Value, what: str) -> Value:
    """Return a value whose text compares as its type does, a decimal as its units; `Unsupported` without one."""
    return in_units(value) if value.kind == "decimal" else require_ordered(value, what)


def in_units(value: Value) -> Value:
    """Return a decimal as the whole number of its last digit."""
    if value.scale is not None:
        return value
    if not pa.types.is_decimal128(value.type) or not 0 <= value.type.scale <= value.type.precision <= _DIGITS:
        raise Unsupported(f"type {value.type}, of more digits than SQLite's whole numbers")
    scale = value.type.scale
    odd = f"({value.sql} GLOB '*[^-.0-9]*' OR {value.sql} NOT GLOB '*[0-9].{'[0-9]' * scale}')"
    if scale == 0:
        odd = f"{value.sql} GLOB '*[^-0-9]*'"
    sql = f"CAST(replace({value.sql}, '.', '') AS INTEGER)"
    return Value(sql, value.type, guards=merged_guards([value], odd), scale=scale)


def constant_units(number: Decimal) -> Value:
    """Return a decimal constant as its units."""
    exponent = number.as_tuple().exponent
    if not isinstance(exponent, int) or not 0 <= -exponent <= _DIGITS:
        raise Unsupported("a decimal constant of an unusual form")
    units = int(number.scaleb(-exponent))
    if abs(units) >= 10**_DIGITS:
        raise Unsupported("a decimal constant of more digits than SQLite's whole numbers")
    text = str(units) if units >= 0 else f"({units})"
    return Value(text, pa.decimal128(_PRECISION, -exponent), literal=number, scale=-exponent)


def decimal_result(sign: str, left: Value, right: Value) -> Value:
    """Return the sum, difference or product of two decimals, or of a decimal and a whole number."""
    sides = [_units_of(left), _units_of(right)]
    if sign == "*":
        scale = sum(side.scale or 0 for side in sides)
    else:
        scale = max(side.scale or 0 for side in sides)
        sides = [_at_scale(side, scale) for side in sides]
    if scale > _DIGITS:
        raise Unsupported("decimals of more digits than SQLite's whole numbers")
    sql = f"({sides[0].sql} {sign} {sides[1].sql})"
    return _units(sql, scale, sides)


def decimal_sum(inner: Value, distinct: str, suffix: str) -> Value:
    """Return the sum of decimals."""
    units = in_units(inner)
    return Value(f"sum({distinct}{units.checked}){suffix}", _type(units.scale or 0), wide=True, scale=units.scale)


def same_scale(values: Sequence[Value]) -> list[Value]:
    """Bring decimals and whole numbers to units of one scale; what is always NULL stays."""
    found = [value if value.kind == "null" else _units_of(value) for value in values]
    scale = max(value.scale or 0 for value in found)
    return [value if value.kind == "null" else _at_scale(value, scale) for value in found]


def _units_of(value: Value) -> Value:
    if value.kind == "decimal":
        return in_units(value)
    whole = require_whole(value, "decimal arithmetic")
    return replace(whole, type=_type(0), scale=0)


def _at_scale(value: Value, scale: int) -> Value:
    more = scale - (value.scale or 0)
    return value if more == 0 else _units(f"({value.sql} * {10**more})", scale, [value])


def _units(sql: str, scale: int, operands: Sequence[Value]) -> Value:
    # more digits than a type of 64 bits has are an error in DuckDB
    wide = any(value.wide for value in operands)
    leaves = f"typeof({sql}) = 'real'" if wide else f"({sql}) NOT BETWEEN {1 - 10**_DIGITS} AND {10**_DIGITS - 1}"
    return Value(sql, _type(scale), wide=wide, guards=merged_guards(operands, leaves), scale=scale)


def _type(scale: int) -> pa.DataType:
    return pa.decimal128(_PRECISION, scale)


def is_decimal(*values: Value) -> bool:
    """Tell whether some of the values are decimals, and the others whole numbers or NULL."""
    kinds = {value.kind for value in values}
    return "decimal" in kinds and kinds <= {"decimal", "integer", "null"}


def units_form(arrow_type: pa.DataType) -> Form:
    """Return how decimals are read of their units."""
    scale = arrow_type.scale

    def decode(values: Sequence[Any]) -> pa.Array:
        return pa.array([None if v is None else read(v) for v in values], arrow_type)

    def read(units: Any) -> Decimal:
        return Decimal(units).scaleb(-scale)

    return Form(arrow_type, "INTEGER", None, listed, decode, None, read)

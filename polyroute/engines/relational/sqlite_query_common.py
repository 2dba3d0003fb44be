"""The type that several expressions have together: alternatives of a CASE, sides of a UNION or of a comparison."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from polyroute.engines.relational.sqlite_query_decimals import is_decimal, same_scale
from polyroute.engines.relational.sqlite_query_values import (
    WHOLE,
    Value,
    as_double,
    common_bits,
    require_ordered,
    told,
)
from polyroute.sql.filters import Unsupported
from polyroute.sql.filters.exact import exact_columns
from polyroute.sql.filters.literals import NO_LITERAL


def unified(values: Sequence[Value], what: str) -> tuple[list[Value], Value]:
    """Bring the alternatives of one result to a common type.

    Returns the values, converted where they must be, and a value without text that stands for the result.
    """
    given = [v for v in values if v.kind != "null"]
    if not given:
        return list(values), Value("", pa.null())
    if is_decimal(*given):
        units = same_scale(values)
        first = next(v for v in units if v.kind != "null")
        return units, Value("", first.type, scale=first.scale)
    if {v.kind for v in given} == {"float"} or not _are_numbers(given):
        return list(values), _alike(given, what)
    values = [v if v.kind in ("float", "null") else as_double(v) for v in values]
    return values, _alike([v for v in values if v.kind != "null"], what)


def _are_numbers(given: Sequence[Value]) -> bool:
    """Tell whether doubles stand beside constants that become doubles."""
    kinds = {v.kind for v in given}
    plain = all(v.kind == "float" or v.literal is not NO_LITERAL for v in given)
    return "float" in kinds and kinds <= {"integer", "decimal", "float"} and plain


def _alike(given: Sequence[Value], what: str) -> Value:
    first = given[0]
    if all(v.kind == "integer" for v in given):
        if any(pa.types.is_unsigned_integer(v.type) for v in given) and len({v.type for v in given}) > 1:
            raise Unsupported(f"{what} of signed and unsigned numbers")
        whole = first.type if pa.types.is_unsigned_integer(first.type) else WHOLE[common_bits(given)]
        return Value("", whole, wide=any(v.wide for v in given))
    if any(v.type != first.type for v in given):
        raise Unsupported(f"{what} of {told(first)} and other types")
    return Value("", first.type, ordered=all(v.ordered for v in given), nan=any(v.nan for v in given))


def comparable_pair(left: Value, right: Value) -> tuple[Value, Value]:
    """Return two values so that SQLite compares them as DuckDB does; `Unsupported` where it would not."""
    if is_decimal(left, right) and "null" not in (left.kind, right.kind):
        units = same_scale([left, right])
        return units[0], units[1]
    require_ordered(left, "a comparison")
    require_ordered(right, "a comparison")
    if left.kind == right.kind == "integer":
        return left, right
    kinds = {left.kind, right.kind}
    mixed = kinds == {"float"} or (kinds == {"integer", "float"} and left.column and right.column)
    if not (left.type == right.type or mixed) or not exact_columns(left.type, right.type):
        raise Unsupported(f"a comparison of type {left.type} with type {right.type}")
    return left, right

"""Build the pyarrow expression of a filter; `to_arrow.py` is the door to this room, and opens it on first use.

Arrow compares floats as IEEE does, where NaN is less than nothing and greater than nothing; DuckDB puts it after all
numbers. So every comparison of a float column says what becomes of NaN.
"""

from __future__ import annotations

import datetime as dt
import math
import operator
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc
from sqlglot import exp

from polyroute.sql.filters.comparison import Between, Comparison, Membership, comparison, constant
from polyroute.sql.filters.exact import domain
from polyroute.sql.filters.filter import Filter, Unsupported
from polyroute.sql.filters.in_list import InList
from polyroute.sql.filters.reference import reference
from polyroute.sql.filters.typing import type_of
from polyroute.sql.types import is_json

_OPERATORS: Mapping[str, Callable[[pc.Expression, pc.Expression], pc.Expression]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_TAKEN: Mapping[str | None, type] = {"integer": int, "string": str, "bool": bool, "date": dt.date, "binary": bytes}
"""Kinds of which Arrow takes a value as it is, or not at all."""
_NAN_PASSES = frozenset(("<>", ">", ">="))
_UNKNOWN = pa.scalar(None, pa.bool_())


def arrow_expression(filter_: Filter, *, from_files: bool = False) -> pc.Expression:
    """Write a filter as a pyarrow expression; `to_arrow` is its door."""
    if from_files:
        _refuse_floats(filter_)
    return _truth(filter_.expression, filter_)


def _refuse_floats(filter_: Filter) -> None:
    """Refuse comparisons of floats: Parquet's statistics leave NaN out, and Arrow takes them for all a file holds."""
    for node in filter_.expression.walk():
        found = comparison(node, filter_)
        if found is not None and domain(found.type) == "float":
            raise Unsupported("floats in files, whose statistics know no NaN")


def _truth(node: exp.Expr, filter_: Filter) -> pc.Expression:
    node = node.unnest()
    if isinstance(node, exp.And):
        return _truth(node.this, filter_) & _truth(node.expression, filter_)
    if isinstance(node, exp.Or):
        return _truth(node.this, filter_) | _truth(node.expression, filter_)
    if isinstance(node, exp.Not):
        return ~_truth(node.this, filter_)
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
        return _comparison(low, filter_) & _comparison(high, filter_)
    return _boolean(node, filter_)


def _is(node: exp.Is, filter_: Filter) -> pc.Expression:
    if isinstance(node.expression, exp.Null):
        return _field(node.this, filter_).is_null()
    if isinstance(node.expression, exp.Boolean):
        test = _truth(node.this, filter_)
        wanted = test if node.expression.this else ~test
        return pc.coalesce(wanted, pc.scalar(False))
    raise Unsupported("an unusual IS")


def _boolean(node: exp.Expr, filter_: Filter) -> pc.Expression:
    is_constant, fixed = constant(node, filter_)
    if is_constant and (fixed is None or isinstance(fixed, bool)):
        return pc.scalar(_UNKNOWN if fixed is None else pa.scalar(fixed))
    type_ = type_of(node, filter_.schema)
    if type_ is None or domain(type_) != "bool":
        raise Unsupported(f"{node.key} as a condition")
    return _field(node, filter_)


def _comparison(found: Comparison, filter_: Filter) -> pc.Expression:
    field = _field(found.subject, filter_)
    if found.other is not None:
        return _of_columns(field, found, filter_)
    if found.operator in ("is", "is not"):
        return _distinct(field, found)
    if found.value is None:
        return pc.scalar(_UNKNOWN)
    return _against(field, found.operator, found.type, found.value)


def _against(field: pc.Expression, name: str, type_: pa.DataType, value: object) -> pc.Expression:
    if domain(type_) == "float":
        return _against_float(field, name, _scalar(value, type_))
    return _OPERATORS[name](field, pc.scalar(_scalar(value, type_)))


def _against_float(field: pc.Expression, name: str, value: pa.Scalar) -> pc.Expression:
    is_nan = pc.is_nan(field)
    if math.isnan(value.as_py()):
        always = is_nan | ~is_nan  # NULL where the field is
        return {"=": is_nan, ">=": is_nan, "<>": ~is_nan, "<": ~is_nan, "<=": always, ">": ~always}[name]
    test = _OPERATORS[name](field, pc.scalar(value))
    return test | is_nan if name in _NAN_PASSES else test & ~is_nan


def _of_columns(field: pc.Expression, found: Comparison, filter_: Filter) -> pc.Expression:
    if found.other is None or found.other_type != found.type or domain(found.type) == "float":
        raise Unsupported("columns of two types, or floats, against each other")
    other = _field(found.other, filter_)
    if found.operator not in ("is", "is not"):
        return _OPERATORS[found.operator](field, other)
    both_null = field.is_null() & other.is_null()
    equal = pc.coalesce(field == other, pc.scalar(False)) | both_null
    return equal if found.operator == "is" else ~equal


def _distinct(field: pc.Expression, found: Comparison) -> pc.Expression:
    if found.value is None:
        equal = field.is_null()
    else:
        equal = pc.coalesce(_against(field, "=", found.type, found.value), pc.scalar(False))
    return equal if found.operator == "is" else ~equal


def _membership(found: Membership, filter_: Filter) -> pc.Expression:
    field = _field(found.subject, filter_)
    if isinstance(found.values, InList) and found.values.kinds == {_TAKEN.get(domain(found.type))}:
        test = field.isin(_array(found.values, found.type))
        return pc.if_else(field.is_null(), pc.scalar(_UNKNOWN), test)
    values = [_scalar(value, found.type) for value in found.values if value is not None]
    listed = _float_in(field, values) if domain(found.type) == "float" else _in(field, values)
    missing = pc.scalar(_UNKNOWN if None in found.values else pa.scalar(False))
    hit = missing if listed is None else pc.if_else(listed, pc.scalar(True), missing)
    return pc.if_else(field.is_null(), pc.scalar(_UNKNOWN), hit)


def _array(values: InList, type_: pa.DataType) -> pa.Array:
    """Return values that are of the column's kind already as an array of its type, made once per list."""
    try:
        return values.once(("arrow", type_), lambda: pa.array(values, type_))
    except (pa.ArrowInvalid, OverflowError) as error:
        raise Unsupported("a value that the column's type cannot hold") from error


def _in(field: pc.Expression, values: Sequence[pa.Scalar]) -> pc.Expression | None:
    if not values:
        return None
    return field.isin(pa.array([value.as_py() for value in values], type=values[0].type))


def _float_in(field: pc.Expression, values: Sequence[pa.Scalar]) -> pc.Expression | None:
    """Look a float up by its bits, as Arrow does, where DuckDB goes by value: zero has two forms, NaN many."""
    numbers = [value for value in values if not math.isnan(value.as_py())]
    if any(value.as_py() == 0 for value in numbers):
        numbers += [pa.scalar(zero, numbers[0].type) for zero in (0.0, -0.0)]
    test = _in(field, numbers)
    if test is not None:
        test &= ~pc.is_nan(field)
    if all(not math.isnan(value.as_py()) for value in values):
        return test
    return pc.is_nan(field) if test is None else test | pc.is_nan(field)


def _field(node: exp.Expr, filter_: Filter) -> pc.Expression:
    found = reference(node, filter_.schema)
    if found is None or not all(isinstance(step, str) for step in found.path):
        raise Unsupported("a computed value or a list item")
    if found.path and is_json(found.type):
        raise Unsupported("a path into JSON text")
    return pc.field(found.column, *found.path) if found.path else pc.field(found.column)


def _scalar(value: object, type_: pa.DataType) -> pa.Scalar:
    """Give a value in the column's own type, or in one that Arrow compares with it without rounding."""
    try:
        if isinstance(value, Decimal) and not pa.types.is_decimal(type_):
            raise Unsupported("a decimal against another kind of number")
        if isinstance(value, float) and pa.types.is_integer(type_):
            raise Unsupported("a float against whole numbers")
        if isinstance(value, int) and not isinstance(value, bool) and pa.types.is_floating(type_):
            value = float(value)
        if isinstance(value, dt.datetime) and type_.unit != "us":
            return pa.scalar(value, pa.timestamp("us", type_.tz))
        return _fitting(value, type_)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError) as error:
        raise Unsupported("a value that the column's type cannot hold") from error


def _fitting(value: object, type_: pa.DataType) -> pa.Scalar:
    scalar = pa.scalar(value, type_)
    if scalar.as_py() != value and value == value:
        raise Unsupported("a value that the column's type would round")
    return scalar

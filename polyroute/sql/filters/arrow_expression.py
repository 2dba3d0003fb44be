"""Say a filter in Arrow's functions: as an expression, or at once over the columns of a table.

`to_arrow.py` is the door to this room, and opens it on first use.

Arrow compares floats as IEEE does, where NaN is less than nothing and greater than nothing; DuckDB puts it after all
numbers. So every comparison of a float column says what becomes of NaN.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
from sqlglot import exp

from polyroute.sql.filters.comparison import Between, Comparison, Membership, comparison, constant
from polyroute.sql.filters.exact import domain
from polyroute.sql.filters.filter import Filter, Unsupported
from polyroute.sql.filters.in_list import InList
from polyroute.sql.filters.reference import Reference, reference
from polyroute.sql.filters.typing import type_of
from polyroute.sql.types import is_json

if TYPE_CHECKING:
    from typing import Any

# on expressions and on arrays alike: these functions take either
_OPERATORS: Mapping[str, Callable[[Any, Any], Any]] = {
    "=": pc.equal,
    "<>": pc.not_equal,
    "<": pc.less,
    "<=": pc.less_equal,
    ">": pc.greater,
    ">=": pc.greater_equal,
}
_TAKEN: Mapping[str | None, type] = {"integer": int, "string": str, "bool": bool, "date": dt.date, "binary": bytes}
"""Kinds of which Arrow takes a value as it is, or not at all."""
_NAN_PASSES = frozenset(("<>", ">", ">="))
_UNKNOWN = pa.scalar(None, pa.bool_())
_FALSE, _TRUE = pa.scalar(False), pa.scalar(True)


def arrow_expression(filter_: Filter, *, from_files: bool = False) -> pc.Expression:
    """Write a filter as a pyarrow expression; `to_arrow` is its door."""
    if from_files:
        _refuse_floats(filter_)
    return _Computation(filter_, _as_field, pc.scalar).truth(filter_.expression)


def arrow_mask(filter_: Filter, table: pa.Table) -> pa.ChunkedArray | pa.Scalar:
    """Compute which rows of a table pass: true, false or NULL per row, or one for all of them.

    A few microseconds a condition, where an expression costs a millisecond to set up, however small the table.

    Raises:
        Unsupported: when Arrow would not give exactly DuckDB's rows.
    """

    def column(found: Reference) -> pa.ChunkedArray:
        if found.path:
            raise Unsupported("a nested value in a table")
        return table[found.column]

    return _Computation(filter_, column, _as_it_is).truth(filter_.expression)


def _as_field(found: Reference) -> pc.Expression:
    return pc.field(found.column, *found.path) if found.path else pc.field(found.column)


def _as_it_is(scalar: pa.Scalar) -> pa.Scalar:
    return scalar


def _refuse_floats(filter_: Filter) -> None:
    """Refuse comparisons of floats: Parquet's statistics leave NaN out, and Arrow takes them for all a file holds."""
    for node in filter_.expression.walk():
        found = comparison(node, filter_)
        if found is not None and domain(found.type) == "float":
            raise Unsupported("floats in files, whose statistics know no NaN")


class _Computation:
    """A filter said in Arrow's functions: over columns they compute, over `pc.field` they make an expression."""

    def __init__(self, filter_: Filter, column: Callable[[Reference], Any], scalar: Callable[[pa.Scalar], Any]) -> None:
        self.filter = filter_
        self._column = column
        self._scalar = scalar

    def truth(self, node: exp.Expr) -> Any:
        """Return what a condition is for each row."""
        node = node.unnest()
        if isinstance(node, exp.And):
            return pc.and_kleene(self.truth(node.this), self.truth(node.expression))
        if isinstance(node, exp.Or):
            return pc.or_kleene(self.truth(node.this), self.truth(node.expression))
        if isinstance(node, exp.Not):
            return pc.invert(self.truth(node.this))
        if isinstance(node, exp.Is):
            return self._is(node)
        found = comparison(node, self.filter)
        if isinstance(found, Comparison):
            return self._comparison(found)
        if isinstance(found, Membership):
            return self._membership(found)
        if isinstance(found, Between):
            low = Comparison(found.subject, found.type, ">=", found.low)
            high = Comparison(found.subject, found.type, "<=", found.high)
            return pc.and_kleene(self._comparison(low), self._comparison(high))
        return self._boolean(node)

    def _is(self, node: exp.Is) -> Any:
        if isinstance(node.expression, exp.Null):
            return pc.is_null(self._field(node.this))
        if isinstance(node.expression, exp.Boolean):
            test = self.truth(node.this)
            wanted = test if node.expression.this else pc.invert(test)
            return pc.coalesce(wanted, self._scalar(_FALSE))
        raise Unsupported("an unusual IS")

    def _boolean(self, node: exp.Expr) -> Any:
        is_constant, fixed = constant(node, self.filter)
        if is_constant and (fixed is None or isinstance(fixed, bool)):
            return self._scalar(_UNKNOWN if fixed is None else pa.scalar(fixed))
        type_ = type_of(node, self.filter.schema)
        if type_ is None or domain(type_) != "bool":
            raise Unsupported(f"{node.key} as a condition")
        return self._field(node)

    def _comparison(self, found: Comparison) -> Any:
        field = self._field(found.subject)
        if found.other is not None:
            return self._of_columns(field, found)
        if found.operator in ("is", "is not"):
            return self._distinct(field, found)
        if found.value is None:
            return self._scalar(_UNKNOWN)
        return self._against(field, found.operator, found.type, found.value)

    def _against(self, field: Any, name: str, type_: pa.DataType, value: object) -> Any:
        if domain(type_) == "float":
            return self._against_float(field, name, _scalar(value, type_))
        return _OPERATORS[name](field, self._scalar(_scalar(value, type_)))

    def _against_float(self, field: Any, name: str, value: pa.Scalar) -> Any:
        is_nan = pc.is_nan(field)
        if math.isnan(value.as_py()):
            if name in ("<=", ">"):  # everything, or nothing, and NULL where the field is
                return (pc.or_kleene if name == "<=" else pc.and_kleene)(is_nan, pc.invert(is_nan))
            return is_nan if name in ("=", ">=") else pc.invert(is_nan)
        test = _OPERATORS[name](field, self._scalar(value))
        if name in _NAN_PASSES:
            return pc.or_kleene(test, is_nan)
        return pc.and_kleene(test, pc.invert(is_nan))

    def _of_columns(self, field: Any, found: Comparison) -> Any:
        if found.other is None or found.other_type != found.type or domain(found.type) == "float":
            raise Unsupported("columns of two types, or floats, against each other")
        other = self._field(found.other)
        if found.operator not in ("is", "is not"):
            return _OPERATORS[found.operator](field, other)
        both_null = pc.and_kleene(pc.is_null(field), pc.is_null(other))
        equal = pc.or_kleene(pc.coalesce(pc.equal(field, other), self._scalar(_FALSE)), both_null)
        return equal if found.operator == "is" else pc.invert(equal)

    def _distinct(self, field: Any, found: Comparison) -> Any:
        if found.value is None:
            equal = pc.is_null(field)
        else:
            equal = pc.coalesce(self._against(field, "=", found.type, found.value), self._scalar(_FALSE))
        return equal if found.operator == "is" else pc.invert(equal)

    def _membership(self, found: Membership) -> Any:
        field = self._field(found.subject)
        if isinstance(found.values, InList) and found.values.kinds == {_TAKEN.get(domain(found.type))}:
            test = pc.is_in(field, value_set=_array(found.values, found.type))
            return pc.if_else(pc.is_null(field), self._scalar(_UNKNOWN), test)
        values = [_scalar(value, found.type) for value in found.values if value is not None]
        listed = _float_in(field, values) if domain(found.type) == "float" else _in(field, values)
        missing = self._scalar(_UNKNOWN if None in found.values else _FALSE)
        hit = missing if listed is None else pc.if_else(listed, self._scalar(_TRUE), missing)
        return pc.if_else(pc.is_null(field), self._scalar(_UNKNOWN), hit)

    def _field(self, node: exp.Expr) -> Any:
        found = reference(node, self.filter.schema)
        if found is None or not all(isinstance(step, str) for step in found.path):
            raise Unsupported("a computed value or a list item")
        if found.path and is_json(found.type):
            raise Unsupported("a path into JSON text")
        return self._column(found)


def _array(values: InList, type_: pa.DataType) -> pa.Array:
    """Return values that are of the column's kind already as an array of its type, made once per list."""
    try:
        return values.once(("arrow", type_), lambda: pa.array(values, type_))
    except (pa.ArrowInvalid, OverflowError) as error:
        raise Unsupported("a value that the column's type cannot hold") from error


def _in(field: Any, values: Sequence[pa.Scalar]) -> Any:
    if not values:
        return None
    return pc.is_in(field, value_set=pa.array([value.as_py() for value in values], type=values[0].type))


def _float_in(field: Any, values: Sequence[pa.Scalar]) -> Any:
    """Look a float up by its bits, as Arrow does, where DuckDB goes by value: zero has two forms, NaN many."""
    numbers = [value for value in values if not math.isnan(value.as_py())]
    if any(value.as_py() == 0 for value in numbers):
        numbers += [pa.scalar(zero, numbers[0].type) for zero in (0.0, -0.0)]
    test = _in(field, numbers)
    if test is not None:
        test = pc.and_kleene(test, pc.invert(pc.is_nan(field)))
    if all(not math.isnan(value.as_py()) for value in values):
        return test
    return pc.is_nan(field) if test is None else pc.or_kleene(test, pc.is_nan(field))


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

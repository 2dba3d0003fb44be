"""Read the comparisons of a filter for the renderers: one subject, an operator, and what it is compared with.

`x = 1`, `1 = x`, `x IN (1, 2)` and `x BETWEEN 1 AND 2` all come out with the column on the left, their values
collected and checked by `exact.py`, so that a renderer only has to write them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from sqlglot import exp

from polyroute.sql.filters.exact import exact_columns, exact_values
from polyroute.sql.filters.filter import Filter, Unsupported
from polyroute.sql.filters.literals import NO_LITERAL, literal
from polyroute.sql.filters.typing import type_of

if TYPE_CHECKING:
    import pyarrow as pa

Operator = Literal["=", "<>", "<", "<=", ">", ">=", "is", "is not"]

_OPERATORS: dict[type[exp.Expr], Operator] = {
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
    exp.NullSafeEQ: "is",
    exp.NullSafeNEQ: "is not",
}
_MIRRORED: dict[Operator, Operator] = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}


@dataclass(frozen=True, slots=True)
class Comparison:
    """A subject of a known type against one value, or against another subject."""

    subject: exp.Expr
    type: pa.DataType
    operator: Operator
    value: object = None
    other: exp.Expr | None = None
    other_type: pa.DataType | None = None


@dataclass(frozen=True, slots=True)
class Membership:
    """A subject against a list of values, `x IN (...)`; a None among them is a NULL."""

    subject: exp.Expr
    type: pa.DataType
    values: tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Between:
    """A subject between two values, both included."""

    subject: exp.Expr
    type: pa.DataType
    low: object
    high: object


def comparison(node: exp.Expr, filter_: Filter) -> Comparison | Membership | Between | None:
    """Read a comparison, or give None when the node is none.

    Raises:
        Unsupported: when comparing as DuckDB does is not the plain comparison of the values.
    """
    if type(node) in _OPERATORS:
        return _binary(node, filter_)
    if isinstance(node, exp.In):
        return _membership(node, filter_)
    if isinstance(node, exp.Between):
        return _between(node, filter_)
    return None


def constant(node: exp.Expr, filter_: Filter) -> tuple[bool, object]:
    """Tell whether a node is a constant, and which."""
    node = node.unnest()
    if isinstance(node, exp.Placeholder):
        return True, filter_.values[node.name]
    value = literal(node)
    return (False, None) if value is NO_LITERAL else (True, value)


def _binary(node: exp.Expr, filter_: Filter) -> Comparison:
    left, right, operator = node.this, node.expression, _OPERATORS[type(node)]
    if constant(left, filter_)[0]:
        left, right, operator = right, left, _MIRRORED.get(operator, operator)
    type_ = _subject_type(left, filter_)
    is_constant, value = constant(right, filter_)
    if is_constant:
        _require(exact_values(type_, [value]))
        return Comparison(left, type_, operator, value)
    other_type = _subject_type(right, filter_)
    _require(exact_columns(type_, other_type))
    return Comparison(left, type_, operator, None, right, other_type)


def _membership(node: exp.In, filter_: Filter) -> Membership:
    type_ = _subject_type(node.this, filter_)
    listed = node.args.get("field")
    if listed is None:
        values = tuple(_value(item, filter_) for item in node.expressions)
    elif isinstance(listed, exp.Placeholder) and isinstance(held := filter_.values[listed.name], tuple):
        values = held
    else:
        raise Unsupported("IN with a computed list")
    _require(exact_values(type_, values))
    return Membership(node.this, type_, values)


def _between(node: exp.Between, filter_: Filter) -> Between:
    type_ = _subject_type(node.this, filter_)
    low, high = _value(node.args["low"], filter_), _value(node.args["high"], filter_)
    _require(exact_values(type_, [low, high]))
    return Between(node.this, type_, low, high)


def _value(node: exp.Expr, filter_: Filter) -> object:
    is_constant, value = constant(node, filter_)
    if not is_constant:
        raise Unsupported("a comparison with a computed value")
    return value


def _subject_type(node: exp.Expr, filter_: Filter) -> pa.DataType:
    type_ = type_of(node, filter_.schema)
    if type_ is None:
        raise Unsupported("a comparison of something whose type is not certain")
    return type_


def _require(exact: bool) -> None:
    if not exact:
        raise Unsupported("a comparison that DuckDB makes after converting both sides")

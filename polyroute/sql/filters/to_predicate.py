"""Turn a filter into a Python function over rows: closures over closures, no text is evaluated.

For engines that hold rows as dicts, and for a handful of rows anywhere. Inside, truth has three values (True, False,
None); outside, a row passes only on True. Everything here compares as DuckDB does: NaN equals itself and is the
greatest number, texts go by code point.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from sqlglot import exp

from polyroute.sql.filters.comparison import Between, Comparison, Membership, comparison, constant
from polyroute.sql.filters.exact import domain
from polyroute.sql.filters.filter import Filter, Unsupported
from polyroute.sql.filters.numbers import NAN_OPERATORS, same
from polyroute.sql.filters.row_values import Row, Value, compile_value, item_test, text_test
from polyroute.sql.filters.typing import type_of

if TYPE_CHECKING:
    from typing import Any

Truth = Callable[[Row], bool | None]

_PLAIN: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def to_predicate(filter_: Filter) -> Callable[[Mapping[str, object]], bool]:
    """Compile a filter into a function that tells whether a row passes.

    Rows are mappings from column names, spelled as stored, to logical Python values; structs are dicts, lists are
    lists, a missing key is NULL.

    Raises:
        Unsupported: when the filter holds what is not computed here exactly as in DuckDB.

    >>> import pyarrow as pa
    >>> from polyroute.sql.filters import parse_filter
    >>> schema = pa.schema({"n": pa.int64(), "name": pa.string()})
    >>> passes = to_predicate(parse_filter("n > 1 OR name LIKE 'a%'", schema))
    >>> [passes({"n": 2}), passes({"n": 1, "name": "abc"}), passes({})]
    [True, True, False]
    """
    truth = _truth(filter_.expression, filter_)
    return lambda row: truth(row) is True


def _truth(node: exp.Expr, filter_: Filter) -> Truth:
    node = node.unnest()
    if isinstance(node, exp.And | exp.Or):
        return _connector(node, filter_)
    if isinstance(node, exp.Not):
        return _negation(_truth(node.this, filter_))
    if isinstance(node, exp.Is):
        return _is(node, filter_)
    found = comparison(node, filter_)
    if isinstance(found, Comparison):
        return _comparison(found, filter_)
    if isinstance(found, Membership):
        return _membership(found, filter_)
    if isinstance(found, Between):
        return _between(found, filter_)
    special = text_test(node, filter_) or item_test(node, filter_)
    return special or _boolean(node, filter_)


def _connector(node: exp.Expr, filter_: Filter) -> Truth:
    tests = [_truth(part, filter_) for part in node.flatten()]
    decisive = isinstance(node, exp.Or)

    def connected(row: Row) -> bool | None:
        unknown = False
        for test in tests:
            result = test(row)
            if result is decisive:
                return decisive
            unknown = unknown or result is None
        return None if unknown else not decisive

    return connected


def _negation(test: Truth) -> Truth:
    def negated(row: Row) -> bool | None:
        result = test(row)
        return None if result is None else not result

    return negated


def _is(node: exp.Is, filter_: Filter) -> Truth:
    if isinstance(node.expression, exp.Null):
        value = compile_value(node.this, filter_)
        return lambda row: value(row) is None
    if isinstance(node.expression, exp.Boolean):
        test, wanted = _truth(node.this, filter_), bool(node.expression.this)
        return lambda row: test(row) is wanted
    raise Unsupported("an unusual IS")


def _boolean(node: exp.Expr, filter_: Filter) -> Truth:
    """Take a boolean column or constant as a condition."""
    is_constant, fixed = constant(node, filter_)
    if is_constant:
        if fixed is not None and not isinstance(fixed, bool):
            raise Unsupported("a condition that is not a boolean")
        return lambda row: fixed
    type_ = type_of(node, filter_.schema)
    if type_ is None or domain(type_) != "bool":
        raise Unsupported(f"{node.key} as a condition")
    return compile_value(node, filter_)


def _comparison(found: Comparison, filter_: Filter) -> Truth:
    left = compile_value(found.subject, filter_)
    if found.other is not None:
        return _of_two(left, compile_value(found.other, filter_), found.operator, _has_nan(found))
    if found.operator in ("is", "is not"):
        return _distinct(left, found.value, negate=found.operator == "is not")
    if found.value is None:
        return lambda row: None
    compare, value = _operator(found.operator, nan=_has_nan(found)), found.value

    def compared(row: Row) -> bool | None:
        held = left(row)
        return None if held is None else compare(held, value)

    return compared


def _of_two(left: Value, right: Value, name: str, nan: bool) -> Truth:
    if name in ("is", "is not"):
        wanted = name == "is"
        return lambda row: same(left(row), right(row)) is wanted
    compare = _operator(name, nan=nan)

    def compared(row: Row) -> bool | None:
        first, second = left(row), right(row)
        return None if first is None or second is None else compare(first, second)

    return compared


def _distinct(left: Value, value: object, *, negate: bool) -> Truth:
    return lambda row: same(left(row), value) is not negate


def _operator(name: str, *, nan: bool) -> Callable[[Any, Any], bool]:
    return NAN_OPERATORS[name] if nan else _PLAIN[name]


def _has_nan(found: Comparison) -> bool:
    return (
        domain(found.type) == "float"
        or isinstance(found.value, float)
        or (found.other_type is not None and domain(found.other_type) == "float")
    )


def _membership(found: Membership, filter_: Filter) -> Truth:
    value = compile_value(found.subject, filter_)
    if not found.values:
        return lambda row: None if value(row) is None else False
    listed = frozenset(item for item in found.values if item is not None and item == item)
    has_null = None in found.values
    has_nan = any(item != item for item in found.values)

    def contained(row: Row) -> bool | None:
        held = value(row)
        if held is None:
            return None
        if held in listed or (has_nan and held != held):
            return True
        return None if has_null else False

    return contained


def _between(found: Between, filter_: Filter) -> Truth:
    bounds: Sequence[tuple[str, object]] = ((">=", found.low), ("<=", found.high))
    tests = [
        _comparison(Comparison(found.subject, found.type, name, bound), filter_)  # type: ignore[arg-type]
        for name, bound in bounds
    ]

    def between(row: Row) -> bool | None:
        above, below = tests[0](row), tests[1](row)
        if above is False or below is False:
            return False
        return None if above is None or below is None else True

    return between

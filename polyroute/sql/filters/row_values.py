"""Compile the values of a filter over Python rows: columns, paths into them, and what Python computes exactly."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from sqlglot import exp

from polyroute.sql.filters.comparison import constant
from polyroute.sql.filters.exact import domain, exact_values
from polyroute.sql.filters.filter import Filter, Unsupported
from polyroute.sql.filters.numbers import equal
from polyroute.sql.filters.reference import Reference, is_list, reference
from polyroute.sql.filters.text import like, lower, upper
from polyroute.sql.filters.typing import type_of
from polyroute.sql.types import is_json

if TYPE_CHECKING:
    from typing import Any

Row = Mapping[str, object]
Value = Callable[[Row], "Any"]

_TEXT_FUNCTIONS: Mapping[type[exp.Expr], Callable[[str], object]] = {
    exp.Lower: lower,
    exp.Upper: upper,
    exp.Length: len,
}
_TEXT_TESTS: Mapping[type[exp.Expr], Callable[[str, str], bool]] = {
    exp.StartsWith: str.startswith,
    exp.EndsWith: str.endswith,
    exp.Contains: str.__contains__,
}


def compile_value(node: exp.Expr, filter_: Filter) -> Value:
    """Compile an expression into a function from a row to its value, None for NULL.

    Raises:
        Unsupported: for what Python does not compute as DuckDB does.
    """
    node = node.unnest()
    found = reference(node, filter_.schema)
    if found is not None:
        if found.path and is_json(found.type):
            raise Unsupported("a path into JSON text")
        return _path(found)
    if type(node) in _TEXT_FUNCTIONS and _is_text(node.this, filter_) and _single_argument(node):
        return _mapped(compile_value(node.this, filter_), _TEXT_FUNCTIONS[type(node)])
    if isinstance(node, exp.Abs):
        return _absolute(node, filter_)
    if isinstance(node, exp.Coalesce):
        return _coalesce(node, filter_)
    raise Unsupported(f"{node.key} computed in Python")


def text_test(node: exp.Expr, filter_: Filter) -> Value | None:
    """Compile LIKE, ILIKE, starts_with, ends_with and contains over texts; None for anything else."""
    if isinstance(node, exp.Escape) and isinstance(node.this, exp.Like | exp.ILike):
        is_constant, escape = constant(node.expression, filter_)
        if not is_constant or not isinstance(escape, str):
            raise Unsupported("a computed escape")
        return _like(node.this, escape, filter_)
    if isinstance(node, exp.Like | exp.ILike):
        return _like(node, "", filter_)
    test = _TEXT_TESTS.get(type(node))
    if test is None or not _is_text(node.this, filter_):
        return None
    value, needle = compile_value(node.this, filter_), _text_constant(node.expression, filter_)
    if needle is None:
        return lambda row: None
    return _mapped(value, lambda text: test(text, needle))


def item_test(node: exp.Expr, filter_: Filter) -> Value | None:
    """Compile `list_contains(a_list, value)`; None for anything else."""
    if not isinstance(node, exp.ArrayContains):
        return None
    found = reference(node.this, filter_.schema)
    is_constant, wanted = constant(node.expression, filter_)
    if found is None or not is_list(found.type) or not is_constant:
        raise Unsupported("a computed list or item")
    if not exact_values(found.type.value_type, [wanted]):
        raise Unsupported("an item of another type than the list's")
    items = _path(found)
    if wanted is None:
        return lambda row: None
    return _mapped(items, lambda held: any(item is not None and equal(item, wanted) for item in held))


def _path(found: Reference) -> Value:
    name = found.column
    if not found.path:
        return lambda row: row.get(name)
    steps = found.path

    def walk(row: Row) -> object:
        value: Any = row.get(name)
        for step in steps:
            if value is None:
                return None
            value = value.get(step) if isinstance(step, str) else _item(value, step)
        return value

    return walk


def _item(items: Any, position: int) -> object:
    """Give an item by DuckDB's count, from 1 or backwards from -1; there is none at 0 or outside."""
    if position == 0 or abs(position) > len(items):
        return None
    return items[position - 1 if position > 0 else position]


def _mapped(value: Value, function: Callable[[Any], object]) -> Value:
    def mapped(row: Row) -> object:
        held = value(row)
        return None if held is None else function(held)

    return mapped


def _like(node: exp.Expr, escape: str, filter_: Filter) -> Value:
    if not _is_text(node.this, filter_):
        raise Unsupported("LIKE of what is not a text")
    pattern = _text_constant(node.expression, filter_)
    if pattern is None:
        return lambda row: None
    negate = bool(node.args.get("negate"))
    value = compile_value(node.this, filter_)
    if isinstance(node, exp.ILike):
        if lower(escape) != upper(escape):
            raise Unsupported("a letter as the escape of ILIKE")
        matches = like(lower(pattern), escape)
        return _mapped(value, lambda text: matches(lower(text)) is not negate)
    matches = like(pattern, escape)
    return _mapped(value, lambda text: matches(text) is not negate)


def _absolute(node: exp.Abs, filter_: Filter) -> Value:
    type_ = type_of(node.this, filter_.schema)
    if type_ is None or domain(type_) != "float":
        raise Unsupported("abs of whole numbers, which may overflow")
    return _mapped(compile_value(node.this, filter_), abs)


def _coalesce(node: exp.Coalesce, filter_: Filter) -> Value:
    if type_of(node, filter_.schema) is None:
        raise Unsupported("coalesce over several types")
    parts = [_value_or_constant(part, filter_) for part in (node.this, *node.expressions)]

    def coalesced(row: Row) -> object:
        return next((held for part in parts if (held := part(row)) is not None), None)

    return coalesced


def _value_or_constant(node: exp.Expr, filter_: Filter) -> Value:
    is_constant, fixed = constant(node, filter_)
    return (lambda row: fixed) if is_constant else compile_value(node, filter_)


def _is_text(node: exp.Expr, filter_: Filter) -> bool:
    type_ = type_of(node, filter_.schema)
    return type_ is not None and domain(type_) == "string"


def _single_argument(node: exp.Expr) -> bool:
    return not any(part for name, part in node.args.items() if name != "this")


def _text_constant(node: exp.Expr, filter_: Filter) -> str | None:
    is_constant, text = constant(node, filter_)
    if not is_constant or not (text is None or isinstance(text, str)):
        raise Unsupported("a computed text")
    return text

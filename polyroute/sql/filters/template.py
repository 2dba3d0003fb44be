"""Hold what is known of a filter without its values: its text, its columns, its parts, and how engines write it.

The same filter comes again and again with other values. A template is shared by all filters of one plan, so whatever
is worked out of it, up to the SQL that an engine reads, is worked out once.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Hashable, Iterable, Mapping
from functools import cached_property, reduce
from typing import TYPE_CHECKING

import pyarrow as pa
from sqlglot import exp

from polyroute.sql.dialect import render
from polyroute.sql.filters.in_list import InList
from polyroute.sql.filters.reference import references

if TYPE_CHECKING:
    from typing import Any

SHORT_LIST = 16
"""Up to this many values a list is written value by value."""

_REMEMBERED = 256
_EXACT_DOUBLE = 2**53
_EXACT_SINGLE = 2**24
_NAMED_BY_TYPE = frozenset({type(None), str, bool, bytes, dt.date})


class Template:
    """The resolved tree of a filter over a schema, with what is derived from the two."""

    def __init__(self, tree: exp.Expr, schema: pa.Schema) -> None:
        self.tree = tree
        self.schema = schema
        self._written: dict[Hashable, tuple[object, object]] = {}
        self._joined: dict[frozenset[int], Template] = {}

    @cached_property
    def text(self) -> str:
        """The filter as DuckDB's SQL, with its placeholders."""
        return render(self.tree)

    @cached_property
    def columns(self) -> frozenset[str]:
        """The root columns that the filter reads."""
        return frozenset(reference.column for reference in references(self.tree, self.schema))

    @cached_property
    def placeholders(self) -> tuple[str, ...]:
        """The names of the values."""
        return tuple(dict.fromkeys(node.name for node in self.tree.find_all(exp.Placeholder)))

    @cached_property
    def parts(self) -> tuple[Template, ...]:
        """The conditions that must all hold; the template itself where there is one."""
        trees = _flattened(self.tree)
        return (self,) if len(trees) == 1 else tuple(Template(tree, self.schema) for tree in trees)

    def joined(self, places: Iterable[int]) -> Template:
        """Return the template of some of the parts, joined by AND."""
        chosen = frozenset(places)
        if len(chosen) == len(self.parts):
            return self
        if chosen not in self._joined:
            held = [self.parts[place] for place in sorted(chosen)]
            self._joined[chosen] = held[0] if len(held) == 1 else Template(_joined(held), self.schema)
        return self._joined[chosen]

    def signature(self, values: Mapping[str, object]) -> Hashable | None:
        """Return what a renderer's text can depend on of some values; None where it may depend on all of them."""
        tokens = []
        for name in self.placeholders:
            token = _token(values[name], self._has_decimals)
            if token is None:
                return None
            tokens.append(token)
        return tuple(tokens)

    @cached_property
    def _has_decimals(self) -> bool:
        return any(pa.types.is_decimal(self.schema.field(name).type) for name in self.columns)

    def recall(self, target: object, key: Hashable) -> object | None:
        """Return what was kept for a target under a key, or None."""
        held = self._written.get((id(target), key))
        return None if held is None else held[1]

    def keep(self, target: object, key: Hashable, written: object) -> None:
        """Keep what was written for a target under a key."""
        if len(self._written) >= _REMEMBERED:
            self._written.clear()
        self._written[id(target), key] = (target, written)  # holding the target keeps its id from another


def _flattened(tree: exp.Expr) -> list[exp.Expr]:
    bare = tree.unnest()
    if isinstance(bare, exp.And):
        return [*_flattened(bare.this), *_flattened(bare.expression)]
    return [bare]


def _joined(parts: Iterable[Template]) -> exp.Expr:
    return reduce(lambda left, right: exp.And(this=left, expression=right), (operand(part.tree) for part in parts))


def operand(tree: exp.Expr) -> exp.Expr:
    """Copy a tree so that it may stand beside another below AND."""
    copy = tree.copy()
    return exp.Paren(this=copy) if isinstance(copy, exp.Connector | exp.Not) else copy


def _token(value: Any, digits: bool) -> Hashable | None:
    """Name what a value is to the rules of `exact.py`, which decide by type and size; None where that is not enough."""
    kind = type(value)
    if kind is int:
        return kind, _size(abs(value), digits)
    if kind is float:
        return kind, not math.isfinite(value) or abs(value) < _EXACT_DOUBLE
    if kind in (dt.datetime, dt.time):
        return kind, value.tzinfo is None
    if kind is InList:
        return _list_token(value, digits)
    return kind.__name__ if kind in _NAMED_BY_TYPE else None


def _list_token(values: InList, digits: bool) -> Hashable | None:
    length = min(len(values), SHORT_LIST + 1)
    if values.kinds == {int}:
        return "ints", length, _size(values.reach, digits)
    if values.kinds == {str}:
        return "texts", length, values.has_nul
    if values.kinds <= {bool} or values.kinds == {dt.date}:
        return values.kinds, length
    return None


def _size(magnitude: int, digits: bool) -> Hashable:
    """Tell on which side of the limits of `exact.py` a whole number lies."""
    limits = (magnitude > _EXACT_SINGLE, (magnitude > _EXACT_DOUBLE) - (magnitude < _EXACT_DOUBLE), magnitude >> 63 > 0)
    return (*limits, len(str(magnitude))) if digits else limits

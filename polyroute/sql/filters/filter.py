"""Hold a parsed filter: one SQL boolean expression whose columns are resolved and whose values are bound.

`parse.py` makes filters, the renderers beside it turn them into what each engine understands. A filter is a value:
its tree is never changed, every renderer copies what it rewrites. Three values of truth apply everywhere: a row
passes only where the expression is true, not where it is NULL.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from functools import reduce
from typing import TYPE_CHECKING

from sqlglot import exp

from polyroute.sql.dialect import render
from polyroute.sql.filters.reference import references

if TYPE_CHECKING:
    import pyarrow as pa


class Unsupported(Exception):
    """Say that a renderer cannot express a filter exactly; `split` then keeps the filter as a residual."""


@dataclass(frozen=True, slots=True, eq=False)
class Filter:
    """A boolean expression over the columns of one dataset.

    Attributes:
        expression: the resolved tree. Columns are quoted `exp.Column` nodes spelled as stored, struct fields
            `exp.Dot`, list items `exp.Bracket`; values are `exp.Placeholder` nodes, and `x IN (values)` is
            `exp.In(this=x, field=Placeholder)`.
        values: the Python value of every placeholder, by name; the value of an IN list is a tuple.
        schema: the Arrow schema the columns were resolved against.
    """

    expression: exp.Expr
    values: Mapping[str, object]
    schema: pa.Schema
    _text: str | None = field(default=None, repr=False)

    @property
    def columns(self) -> frozenset[str]:
        """Give the root columns the filter reads."""
        return frozenset(reference.column for reference in references(self.expression, self.schema))

    @property
    def key(self) -> Hashable:
        """Give a canonical, hashable form: equal keys mean the same text over the same values."""
        if self._text is None:
            object.__setattr__(self, "_text", render(self.expression))
        return self._text, tuple(sorted((name, _hashable(value)) for name, value in self.values.items()))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Filter):
            return NotImplemented
        return self.key == other.key and self.schema.equals(other.schema)

    def __hash__(self) -> int:
        return hash(self.key)


def _hashable(value: object) -> tuple[str, str]:
    """Keep 1, 1.0, True and Decimal(1) apart, and let NaN equal itself."""
    if isinstance(value, tuple):
        return "tuple", repr([_hashable(item) for item in value])
    return type(value).__name__, repr(value)


def conjuncts(filter_: Filter) -> tuple[Filter, ...]:
    """Split a filter into the conditions that must all hold, each with its own values.

    >>> import pyarrow as pa
    >>> from polyroute.sql.filters import parse_filter
    >>> parsed = parse_filter("a > 1 AND b = 'x'", pa.schema({"a": pa.int64(), "b": pa.string()}))
    >>> [sorted(part.columns) for part in conjuncts(parsed)]
    [['a'], ['b']]
    """
    parts = _flatten(filter_.expression)
    if len(parts) == 1:
        return (filter_,)
    return tuple(Filter(part, _values_of(part, filter_.values), filter_.schema) for part in parts)


def and_(*filters: Filter) -> Filter:
    """Join filters over one schema: a row must pass all of them.

    Raises:
        ValueError: when no filter is given, or when they are over different schemas.
    """
    if not filters:
        raise ValueError("and_ needs at least one filter")
    if len(filters) == 1:
        return filters[0]
    schema = filters[0].schema
    if any(other.schema is not schema and not other.schema.equals(schema) for other in filters[1:]):
        raise ValueError("and_ joins filters over one schema only")
    values: dict[str, object] = {}
    parts = [_renamed(part, values) for part in filters]
    return Filter(reduce(lambda left, right: exp.And(this=left, expression=right), parts), values, schema)


def _flatten(tree: exp.Expr) -> list[exp.Expr]:
    bare = tree.unnest()
    if isinstance(bare, exp.And):
        return [*_flatten(bare.this), *_flatten(bare.expression)]
    return [bare]


def _values_of(tree: exp.Expr, values: Mapping[str, object]) -> dict[str, object]:
    return {node.name: values[node.name] for node in tree.find_all(exp.Placeholder)}


def _renamed(filter_: Filter, values: dict[str, object]) -> exp.Expr:
    """Copy a tree, giving its placeholders names that are still free, and collect its values."""
    names: dict[str, str] = {}
    for name, value in filter_.values.items():
        new = name
        number = 2
        while new in values and _hashable(values[new]) != _hashable(value):
            new = f"{name}_{number}"
            number += 1
        names[name] = new
        values[new] = value
    tree = filter_.expression.copy()
    for node in list(tree.find_all(exp.Placeholder)):
        node.set("this", names[node.name])
    return exp.Paren(this=tree) if isinstance(tree, exp.Connector | exp.Not) else tree

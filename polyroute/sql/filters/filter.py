"""Hold a parsed filter: one SQL boolean expression whose columns are resolved and whose values are bound.

`parse.py` makes filters, the renderers beside it turn them into what each engine understands. A filter is a value:
its tree is never changed, every renderer copies what it rewrites. Three values of truth apply everywhere: a row
passes only where the expression is true, not where it is NULL.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from functools import reduce
from typing import TYPE_CHECKING, TypeVar, cast

from sqlglot import exp

from polyroute.sql.filters.in_list import InList
from polyroute.sql.filters.template import Template, operand

if TYPE_CHECKING:
    import pyarrow as pa

T = TypeVar("T")


class Unsupported(Exception):
    """Say that a renderer cannot express a filter exactly; `split` then keeps the filter as a residual."""


@dataclass(frozen=True, slots=True, eq=False)
class Filter:
    """A boolean expression over the columns of one dataset.

    Attributes:
        expression: the resolved tree. Columns are quoted `exp.Column` nodes spelled as stored, struct fields
            `exp.Dot`, list items `exp.Bracket`; values are `exp.Placeholder` nodes, and `x IN (values)` is
            `exp.In(this=x, field=Placeholder)`.
        values: the Python value of every placeholder, by name; the value of an IN list is a tuple, that of a
            parameter an `InList`.
        schema: the Arrow schema the columns were resolved against.
    """

    expression: exp.Expr
    values: Mapping[str, object]
    schema: pa.Schema
    _template: Template | None = field(default=None, repr=False)
    _rendered: tuple[object, object, object] | None = field(default=None, init=False, repr=False)

    @property
    def template(self) -> Template:
        """What is known of the filter whatever its values, shared with the filters of the same plan."""
        held = self._template
        if held is None or held.tree is not self.expression or held.schema is not self.schema:
            held = Template(self.expression, self.schema)
            object.__setattr__(self, "_template", held)
        return held

    def once(self, target: object, form: object, make: Callable[[], T]) -> T:
        """Return the filter as rendered for a target in a form, kept until it is asked for another: a scan asks for
        what its negotiation has just made.
        """
        held = self._rendered
        if held is None or held[0] is not target or held[1] != form:
            held = (target, form, make())
            object.__setattr__(self, "_rendered", held)
        return cast("T", held[2])

    @property
    def columns(self) -> frozenset[str]:
        """Give the root columns the filter reads."""
        return self.template.columns

    @property
    def key(self) -> Hashable:
        """Give a canonical, hashable form: equal keys mean the same text over the same values."""
        return self.template.text, tuple(sorted((name, _hashable(value)) for name, value in self.values.items()))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Filter):
            return NotImplemented
        return self.key == other.key and self.schema.equals(other.schema)

    def __hash__(self) -> int:
        return hash(self.key)

    @classmethod
    def of_template(cls, template: Template, values: Mapping[str, object]) -> Filter:
        """Return the filter that a template is with these values, of which it takes those it has a place for."""
        own = {name: values[name] for name in template.placeholders}
        return cls(template.tree, own, template.schema, template)


_ONE_FORM = frozenset({str, bytes, int, dt.date})
"""Types of which equal values are the same value."""


def _hashable(value: object) -> tuple[object, ...]:
    """Keep 1, 1.0, True and Decimal(1) apart, and let NaN equal itself."""
    if isinstance(value, InList) and len(value.kinds) == 1 and value.kinds <= _ONE_FORM:
        return ("list", next(iter(value.kinds)).__name__, tuple(value))
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
    parts = filter_.template.parts
    return (filter_,) if len(parts) == 1 else tuple(Filter.of_template(part, filter_.values) for part in parts)


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
    tree = operand(filter_.expression)
    for node in list(tree.find_all(exp.Placeholder)):
        node.set("this", names[node.name])
    return tree

"""What a filter says of documents before they are read: the keys they can have, and what stands at a path.

Both are conditions that every document which passes the filter fulfils; the filter itself is still applied to those
that do. A condition is only read off where a field's stored form leaves no doubt: whole numbers, and texts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import pyarrow as pa

from polyroute.engines.document.definition import Key
from polyroute.engines.document.schema import Layout
from polyroute.sql.filters import Filter, Unsupported, conjuncts, reference
from polyroute.sql.filters.comparison import Comparison, Membership, comparison
from polyroute.sql.selectors.paths import Path
from polyroute.sql.selectors.tree import Compare, Field, In, Json

_LARGEST = 2**63
_OPERATORS = {"=": "$eq", "<": "$lt", "<=": "$lte", ">": "$gt", ">=": "$gte"}


@dataclass(frozen=True, slots=True)
class Condition:
    """What must stand at a path: one of some values (`=`), or a number on one side of the only value."""

    path: Path
    operator: str
    values: Sequence[Json]

    @property
    def selector(self) -> Field:
        """The condition as a selector, which a few more documents may match."""
        if self.operator == "=" and len(self.values) != 1:
            return Field(self.path, In(tuple(self.values)))
        return Field(self.path, Compare(_OPERATORS[self.operator], self.values[0]))


def conditions(where: Filter | None, layout: Layout) -> list[Condition]:
    """Return the conditions that a filter sets to single fields.

    >>> from polyroute.sql.filters import parse_filter
    >>> schema = pa.schema([("a", pa.int64()), ("b", pa.struct([("c", pa.string())]))])
    >>> [c.path for c in conditions(parse_filter("a IN (1, 2) AND b.c = 'x' AND a + 1 > 2", schema), Layout(schema))]
    [('a',), ('b', 'c')]
    """
    if where is None:
        return []
    return [found for part in conjuncts(where) for found in _condition(part, layout)]


def keys_among(where: Filter | None, layout: Layout, key_field: str | None) -> list[Key] | None:
    """Return the keys that a document which passes can have; None where the filter leaves them open."""
    if key_field is None:
        return None
    for found in conditions(where, layout):
        if found.path == (key_field,) and found.operator == "=":
            return cast("list[Key]", list(dict.fromkeys(found.values)))
    return None


def _condition(part: Filter, layout: Layout) -> Iterator[Condition]:
    try:
        found = comparison(part.expression, part)
    except Unsupported:
        return
    operator, values = _operands(found)
    place = None if not isinstance(found, Comparison | Membership) else reference(found.subject, part.schema)
    if operator is None or place is None or place.column in layout.members:
        return
    if not all(isinstance(step, str) for step in place.path) or not _is_settled(place.type, operator, values):
        return
    yield Condition((place.column, *cast("tuple[str, ...]", place.path)), operator, cast("list[Json]", values))


def _operands(found: object) -> tuple[str | None, list[object]]:
    if isinstance(found, Membership):
        return "=", [value for value in found.values if value is not None]
    if isinstance(found, Comparison) and found.other is None and found.operator in _OPERATORS:
        return found.operator, [] if found.value is None else [found.value]
    return None, []


def _is_settled(type_: pa.DataType, operator: str, values: list[object]) -> bool:
    """Tell whether values compare with what documents hold of a type as they do with its own values."""
    kinds = set(map(type, values))
    if pa.types.is_string(type_):
        return operator == "=" and kinds <= {str}
    if not pa.types.is_integer(type_) or not kinds <= {int}:
        return False
    numbers = cast("list[int]", values)
    within = all(-_LARGEST <= number < _LARGEST for number in numbers)
    return within and (operator == "=" or bool(numbers))

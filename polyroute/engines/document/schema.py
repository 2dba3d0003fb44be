"""The Arrow schema of a collection of JSON documents: the union of what its documents hold.

A `Shape` counts, for every place in a document, how often each kind of JSON value stands there. Documents are added
to it and taken from it one by one, so a collection's schema follows its writes without being read again, and is the
one that its documents would give from the start. Types come out of the counts: nested objects are STRUCT, arrays
LIST, whole numbers BIGINT, a key that some documents lack is NULL there. What has no one type is JSON text: values
of mixed kinds, integers beyond 64 bits, objects that never have a key or have keys that SQL could not tell apart.
Integers beside fractions become DOUBLE only when a double holds every one of them exactly. Strings are strings,
whatever they look like.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import pyarrow as pa

from polyroute.sql.types import JSON

NULL, BOOLEAN, INTEGER, INEXACT, WIDE, FLOAT, STRING, ARRAY, OBJECT = range(9)

# INEXACT fits 64 bits but no double, WIDE does not fit 64 bits.
_KINDS: dict[type, int] = {type(None): NULL, bool: BOOLEAN, float: FLOAT, str: STRING, list: ARRAY, dict: OBJECT}
_EXACT = 2**53
_LARGEST = 2**63


class Shape:
    """How often each kind of value stands at one place, with the shapes of what stands below it.

    >>> shape = Shape()
    >>> shape.add({"a": 1}); shape.add({"a": 2.5, "b": []})
    >>> shape.arrow_type()
    StructType(struct<a: double, b: list<item: extension<arrow.json>>>)
    """

    __slots__ = ("counts", "fields", "item")

    def __init__(self) -> None:
        self.counts = [0] * 9
        self.fields: dict[str, Shape] = {}
        self.item: Shape | None = None

    def add(self, value: object) -> None:
        """Count one more value."""
        kind = _kind(value)
        self.counts[kind] += 1
        if kind == OBJECT:
            fields = self.fields
            for name, inner in value.items():  # type: ignore[attr-defined]
                below = fields.get(name)
                if below is None:
                    below = fields[name] = Shape()
                below.add(inner)
        elif kind == ARRAY and value:
            if self.item is None:
                self.item = Shape()
            for inner in value:  # type: ignore[attr-defined]
                self.item.add(inner)

    def remove(self, value: object) -> None:
        """Count one value less; it must have been added before."""
        kind = _kind(value)
        self.counts[kind] -= 1
        if kind == OBJECT:
            for name, inner in value.items():  # type: ignore[attr-defined]
                below = self.fields[name]
                below.remove(inner)
                if not any(below.counts):
                    del self.fields[name]
        elif kind == ARRAY and self.item is not None:
            for inner in value:  # type: ignore[attr-defined]
                self.item.remove(inner)
            if not any(self.item.counts):
                self.item = None

    def arrow_type(self) -> pa.DataType:
        """Return the one type that holds every value counted, losing nothing."""
        kinds = {kind for kind, count in enumerate(self.counts) if count and kind != NULL}
        if len(kinds) == 1:
            return self._plain_type(kinds.pop())
        if kinds == {INTEGER, INEXACT}:
            return pa.int64()
        if kinds == {INTEGER, FLOAT}:
            return pa.float64()
        return JSON

    def _plain_type(self, kind: int) -> pa.DataType:
        if kind == ARRAY:
            return pa.list_(JSON if self.item is None else self.item.arrow_type())
        if kind == OBJECT:
            if not self.fields or "" in self.fields or _collide(self.fields):
                return JSON
            return pa.struct([pa.field(name, below.arrow_type()) for name, below in self.fields.items()])
        return _PLAIN_TYPES[kind]

    def pack(self) -> list[Any]:
        """Return the shape as JSON values, to be kept beside the data."""
        return [
            self.counts,
            None if self.item is None else self.item.pack(),
            {name: below.pack() for name, below in self.fields.items()},
        ]

    @classmethod
    def unpack(cls, packed: list[Any]) -> Shape:
        """Read back a shape written by `pack`."""
        shape = cls()
        counts, item, fields = packed
        shape.counts = list(counts)
        shape.item = None if item is None else cls.unpack(item)
        shape.fields = {name: cls.unpack(below) for name, below in fields.items()}
        return shape


_PLAIN_TYPES = {
    BOOLEAN: pa.bool_(),
    INTEGER: pa.int64(),
    INEXACT: pa.int64(),
    WIDE: JSON,
    FLOAT: pa.float64(),
    STRING: pa.string(),
}


def _kind(value: object) -> int:
    if type(value) is not int:
        return _KINDS[type(value)]
    if -_EXACT <= value <= _EXACT:
        return INTEGER
    if not -_LARGEST <= value < _LARGEST:
        return WIDE
    return INTEGER if int(float(value)) == value else INEXACT


def _collide(names: Iterable[str]) -> bool:
    seen = list(names)
    return len({name.lower() for name in seen}) < len(seen)


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns of a collection: its Arrow schema and which members of a document make up each column.

    A column is the member of its name. Members whose names differ only in case share one JSON column, an object of
    the members as they are spelt; a member without a name has a column all the same. `declared` are the columns
    whose types were given by a loaded table: their values stand in documents in the form of `polyroute.sql.codec`.
    """

    schema: pa.Schema
    members: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    declared: frozenset[str] = frozenset()


NAMELESS = "_empty"


def layout_of(shape: Shape, declared: pa.Schema | None = None, key_field: str | None = None) -> Layout:
    """Return the columns of documents of a shape, declared ones first, the others in the order in which they came in.

    >>> shape = Shape()
    >>> shape.add({"b": 1, "A": None, "a": True})
    >>> layout_of(shape).schema.names
    ['b', 'A']
    """
    fields = {} if declared is None else {column.name: column for column in declared}
    members: dict[str, tuple[str, ...]] = {}
    spellings = {name.lower(): name for name in fields}
    for name, below in shape.fields.items():
        if name in fields and name not in members:
            continue
        column = spellings.setdefault(name.lower(), name or _free_name(NAMELESS, shape.fields))
        if column in fields:
            members[column] = (*members.get(column, (column,)), name)
            fields[column] = pa.field(column, JSON)
        else:
            fields[column] = pa.field(column, below.arrow_type())
            if column != name:
                members[column] = (name,)
    if not fields and key_field:
        fields[key_field] = pa.field(key_field, pa.string())
    names = frozenset(() if declared is None else declared.names) - members.keys()
    return Layout(pa.schema(list(fields.values())), MappingProxyType(members), names)


def shape_of(documents: Iterable[Mapping[str, object]]) -> Shape:
    """Return the shape of documents."""
    shape = Shape()
    for document in documents:
        shape.add(document)
    return shape


def _free_name(wanted: str, taken: Mapping[str, object]) -> str:
    return next(name for name in _variants(wanted) if name not in taken)


def _variants(name: str) -> Iterator[str]:
    while True:
        yield name
        name += "_"

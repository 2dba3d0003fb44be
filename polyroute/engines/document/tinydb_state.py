"""One state of a TinyDB file in memory: its collections, each with what is worked out from it when first asked for.

A state is never changed; a write makes the next one, which takes over the collections that the write did not touch.
Documents are shared between states, so they are copied on their way out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import pyarrow as pa

from polyroute.engines.call import UNBOUNDED, Call
from polyroute.engines.contract import BoundScan
from polyroute.engines.document.candidates import keys_among
from polyroute.engines.document.columns import Columns, some_columns
from polyroute.engines.document.convert import table_of
from polyroute.engines.document.definition import DEFAULT_KEY, Definition, Document, Key, checked_key
from polyroute.engines.document.narrowing import keys_of
from polyroute.engines.document.schema import Layout, Shape, layout_of, shape_of
from polyroute.engines.document.tinydb_storage import Tables, Version
from polyroute.engines.local import columns_read, evaluate_scan
from polyroute.engines.sampling import spread
from polyroute.errors import PolyrouteError
from polyroute.sql.selectors import Find, Node, compile_selector
from polyroute.sql.selectors.collation import key_order

META_TABLE = "_polyroute"
WRITES_TABLE = "_polyroute_writes"
_CHECK_EVERY = 512
_FEW_KEYS = 64


class TinyCollection:
    """One state of one collection."""

    def __init__(self, definition: Definition, documents: Mapping[int, Document], shape: Shape | None = None) -> None:
        self.definition = definition
        self.documents = documents
        if shape is not None:
            self.shape = shape

    @classmethod
    def of_table(cls, name: str, table: Mapping[str, Any], definition: Definition | None) -> TinyCollection:
        """Read a table of the file; one without a definition was made by another program and has the key that its
        documents have.
        """
        documents = {place: table[str(place)] for place in sorted(map(int, table))}
        if definition is not None:
            return cls(definition, documents)
        found = cls(Definition(name, DEFAULT_KEY), documents)
        return found if documents and len(found.places) == len(documents) else cls(Definition(name, None), documents)

    @cached_property
    def layout(self) -> Layout:
        """The columns of the collection as a table."""
        return layout_of(self.shape, self.definition.declared, self.definition.key_field)

    @cached_property
    def shape(self) -> Shape:
        """The shape of the documents."""
        return shape_of(self.documents.values())

    @cached_property
    def places(self) -> dict[Key, int]:
        """The place of the document of each key."""
        key_field = self.definition.key_field
        if key_field is None:
            return {}
        return dict(_keyed_places(self.documents, key_field))

    @cached_property
    def in_order(self) -> list[Document]:
        """The documents by key, or as they came where there is no key."""
        key_field = self.definition.key_field
        if key_field is None:
            return list(self.documents.values())
        return sorted(self.documents.values(), key=lambda document: key_order(document.get(key_field)))

    @cached_property
    def _columns(self) -> Columns:
        return Columns(self.layout)

    @cached_property
    def _listed(self) -> list[Document]:
        return list(self.documents.values())

    def scan(self, op: BoundScan, call: Call) -> pa.Table:
        """Return what a scan asks for: out of the documents of its keys where it names some, else out of columns."""
        call.check()
        read = columns_read(op) or self.layout.schema.names[:1]
        keys = keys_among(op.where, self.layout, self.definition.key_field)
        if keys is not None and self._finds_keys and (not self._columns.holds(read) or len(keys) <= _FEW_KEYS):
            found = [self.documents[place] for place in sorted(self.places[key] for key in keys if key in self.places)]
            return evaluate_scan(table_of(found, some_columns(self.layout, read), call), op, call)
        if not read:
            return evaluate_scan(table_of(self._listed, self.layout, call), op, call)
        return evaluate_scan(self._columns.table(read, lambda: self._listed, call), op, call)

    def sample(self, rows: int, call: Call) -> list[Document]:
        """Return documents from all over the collection."""
        call.check()
        return [self._listed[place] for place in spread(len(self._listed), rows).tolist()]

    @property
    def _finds_keys(self) -> bool:
        return len(self.places) == len(self.documents)

    def find(self, asked: Find, call: Call) -> list[Document]:
        """Return what a question finds."""
        candidates = _watched(self._candidates(asked.selector), call)
        return [copied(document) for document in asked.of(candidates, self.definition.key_field, ordered=True)]

    def get(self, keys: Sequence[Key], call: Call) -> list[Document]:
        """Return the documents of keys, in their order."""
        return [copied(self.documents[self.places[key]]) for key in keys if key in self.places]

    def count(self, selector: Node, call: Call) -> int:
        """Return how many documents match."""
        return sum(map(compile_selector(selector), _watched(self._candidates(selector), call)))

    def _candidates(self, selector: Node) -> list[Document]:
        keys = keys_of(selector, self.definition.key_field)
        if keys is None or not self._finds_keys:
            return self.in_order
        places = [self.places[key] for key in sorted(keys, key=key_order) if key in self.places]
        return [self.documents[place] for place in places]

    def grown(
        self, documents: Mapping[int, Document], places: dict[Key, int], added: Iterable[Document]
    ) -> TinyCollection:
        """Return the next state, these documents, of which some are new and come last."""
        shape = None
        if "shape" in self.__dict__:
            # This state's layout must be known before its shape goes on to the next.
            _ = self.layout
            shape = self.shape
            for document in added:
                shape.add(document)
        grown = TinyCollection(self.definition, documents, shape)
        grown.places = places
        return grown


class State:
    """All collections of one version of the file."""

    def __init__(self, version: Version, tables: Tables, known: Mapping[str, TinyCollection] | None = None) -> None:
        self.version = version
        self.tables = tables
        self.definitions = {d.name: d for d in map(Definition.unpack, tables.get(META_TABLE, {}).values())}
        known = known or {}
        self.collections = {
            name: known.get(name) or TinyCollection.of_table(name, table, self.definitions.get(name))
            for name, table in tables.items()
            if name not in (META_TABLE, WRITES_TABLE)
        }


def copied(value: Any) -> Any:
    """Return a JSON value that shares nothing with this one.

    >>> document = {"a": [1]}
    >>> copied(document) == document, copied(document)["a"] is document["a"]
    (True, False)
    """
    kind = type(value)
    if kind is dict:
        return {name: copied(inner) for name, inner in value.items()}
    if kind is list:
        return [copied(inner) for inner in value]
    return value


def _keyed_places(documents: Mapping[int, Document], key_field: str) -> Iterator[tuple[Key, int]]:
    for place, document in documents.items():
        try:
            yield checked_key(document.get(key_field), key_field), place
        except PolyrouteError:
            continue


def _watched(documents: Iterable[Document], call: Call) -> Iterable[Document]:
    return documents if call is UNBOUNDED else _checked(documents, call)


def _checked(documents: Iterable[Document], call: Call) -> Iterator[Document]:
    for number, document in enumerate(documents):
        if number % _CHECK_EVERY == 0:
            call.check()
        yield document

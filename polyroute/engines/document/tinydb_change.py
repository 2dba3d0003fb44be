"""A write to a TinyDB file in the making: changes gathered per collection, then made by TinyDB on a copy in memory
that becomes the next state.

Changes are gathered because every call of TinyDB rewrites a whole table: one removal and one insertion per
collection do what thousands of single updates would. A document that is written anew keeps its TinyDB id, hence its
place among the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import tinydb
from tinydb.storages import MemoryStorage
from tinydb.table import Document as TinyDocument

from polyroute.engines.call import Call
from polyroute.engines.document.definition import (
    REMEMBERED_WRITES,
    Definition,
    Document,
    Key,
    Written,
    checked_key,
    duplicate_key,
    json_body,
)
from polyroute.engines.document.narrowing import keys_of
from polyroute.engines.document.schema import Layout
from polyroute.engines.document.tinydb_state import META_TABLE, WRITES_TABLE, State, TinyCollection
from polyroute.engines.document.tinydb_storage import Tables, Version
from polyroute.errors import unknown_name
from polyroute.sql.selectors import Node, compile_selector

_CHECK_EVERY = 512


class TinyChange:
    """The changes to one collection; `before` is None for one that is new or emptied."""

    def __init__(self, definition: Definition, before: TinyCollection | None) -> None:
        self.definition = definition
        self.before = before
        self.documents: dict[int, Document] = {} if before is None else dict(before.documents)
        self.places: dict[Key, int] = {} if before is None else dict(before.places)
        self.written: set[int] = set()
        self.removed: set[int] = set()
        self._next = max(self.documents, default=0) + 1

    @property
    def layout(self) -> Layout:
        """The columns of the collection before the change."""
        return (self.before or TinyCollection(self.definition, {})).layout

    def insert(self, documents: Iterable[tuple[Key | None, Document]], call: Call) -> int:
        """Add documents and return their number; CONSISTENCY_VIOLATION where a key is held already or comes twice."""
        number = 0
        for key, document in documents:
            if key in self.places:
                raise duplicate_key(self.definition)
            self._append(key, document)
            number += 1
        return number

    def upsert(self, documents: Iterable[tuple[Key | None, Document]], call: Call) -> int:
        """Add documents, those whose key is held in the place of the held ones."""
        number = 0
        for key, document in documents:
            place = None if key is None else self.places.get(key)
            if place is None:
                self._append(key, document)
            else:
                self._write(place, document)
            number += 1
        return number

    def matching(self, selector: Node, call: Call) -> list[tuple[int, Document]]:
        """Return the places and the documents that match."""
        keys = keys_of(selector, self.definition.key_field)
        if keys is not None and len(self.places) == len(self.documents):
            candidates = self.of_keys(keys)
        else:
            candidates = list(self.documents.items())
        matches = compile_selector(selector)
        found = []
        for number, (place, document) in enumerate(candidates):
            if number % _CHECK_EVERY == 0:
                call.check()
            if matches(document):
                found.append((place, document))
        return found

    def of_keys(self, keys: Sequence[Key]) -> list[tuple[int, Document]]:
        """Return the places and the documents of keys."""
        places = [self.places[key] for key in keys if key in self.places]
        return [(place, self.documents[place]) for place in places]

    def put(self, place: int, old: Document, new: Document) -> None:
        """Write a document in the place of another of the same key."""
        self._write(place, new)

    def delete(self, place: int, old: Document) -> None:
        """Remove a document."""
        del self.documents[place]
        self.written.discard(place)
        self.removed.add(place)
        if self.definition.key_field is not None and self.definition.key_field in old:
            self.places.pop(checked_key(old[self.definition.key_field], self.definition.key_field), None)

    def _append(self, key: Key | None, document: Document) -> None:
        self._write(self._next, document)
        if key is not None:
            self.places[key] = self._next
        self._next += 1

    def _write(self, place: int, document: Document) -> None:
        json_body(document, self.definition)
        self.documents[place] = document
        self.written.add(place)

    def after(self) -> TinyCollection | None:
        """Return the collection as it will be, where that takes less than reading the table anew."""
        if self.before is None or self.definition != self.before.definition:
            return None
        if self.removed or not self.written.isdisjoint(self.before.documents):
            return None
        added = [self.documents[place] for place in sorted(self.written)]
        return self.before.grown(self.documents, self.places, added)

    def apply(self, database: tinydb.TinyDB) -> None:
        """Let TinyDB make the changes."""
        table = database.table(self.definition.name, cache_size=0)
        rewritten = (self.removed | self.written) & (self.before.documents.keys() if self.before else set())
        if rewritten:
            table.remove(doc_ids=rewritten)
        table.insert_multiple(TinyDocument(self.documents[place], place) for place in sorted(self.written))


class TinyTransaction:
    """The changes to all collections of a file."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._definitions = dict(state.definitions)
        self._changes: dict[str, TinyChange] = {}
        self._dropped: set[str] = set()
        self._writes: dict[str, Document] = {
            write["token"]: write for write in state.tables.get(WRITES_TABLE, {}).values()
        }
        self._remembers = False

    @property
    def changed(self) -> bool:
        """Whether anything is to be written."""
        return bool(self._changes or self._dropped or self._remembers)

    def definition(self, name: str) -> Definition | None:
        """Return how a collection is defined, None when there is none of the name."""
        if name in self._changes:
            return self._changes[name].definition
        held = None if name in self._dropped else self._state.collections.get(name)
        return None if held is None else held.definition

    def create(self, definition: Definition) -> TinyChange:
        """Make a new, empty collection, in the place of one of the name."""
        self.drop(definition.name)
        change = self._changes[definition.name] = TinyChange(definition, None)
        self._definitions[definition.name] = definition
        return change

    def change(self, name: str) -> TinyChange:
        """Return a collection to be changed; QUERY_INVALID, naming the nearest, when there is none of the name."""
        if name in self._changes:
            return self._changes[name]
        if name in self._dropped or name not in self._state.collections:
            raise unknown_name("dataset", name, self._state.collections.keys() - self._dropped)
        held = self._state.collections[name]
        change = self._changes[name] = TinyChange(held.definition, held)
        self._definitions[name] = held.definition
        return change

    def define(self, definition: Definition) -> TinyChange:
        """Change how a held collection is defined and return it."""
        change = self.change(definition.name)
        change.definition = self._definitions[definition.name] = definition
        return change

    def drop(self, name: str) -> None:
        """Remove a collection."""
        self._changes.pop(name, None)
        self._definitions.pop(name, None)
        self._dropped.add(name)

    def flush(self) -> None:
        """Do nothing: a transaction within this one sees its changes as they are."""

    def remembered(self, token: str) -> Written | None:
        """Return what the write of a token did, None where it is not among the last thousand."""
        held = self._writes.get(token)
        return None if held is None else Written(held["affected"], held["keys"])

    def remember(self, token: str, written: Written) -> None:
        """Keep what the write of a token did, to be committed with it."""
        self._writes[token] = {"token": token, "affected": written.affected, "keys": written.keys}
        self._remembers = True

    def tables(self) -> Tables:
        """Return the tables of the next state, made by TinyDB on a copy."""
        database = tinydb.TinyDB(storage=MemoryStorage)
        database.storage.write(dict(self._state.tables))
        for name in (*self._dropped, META_TABLE):
            database.drop_table(name)
        for change in self._changes.values():
            change.apply(database)
        if self._definitions:
            database.table(META_TABLE, cache_size=0).insert_multiple(d.pack() for d in self._definitions.values())
        if self._remembers:
            database.drop_table(WRITES_TABLE)
            last = list(self._writes.values())[-REMEMBERED_WRITES:]
            database.table(WRITES_TABLE, cache_size=0).insert_multiple(last)
        return database.storage.read() or {}

    def next_state(self, version: Version, tables: Tables) -> State:
        """Return the state after the write, with what is known of collections carried over."""
        known = {
            name: collection
            for name, collection in self._state.collections.items()
            if name not in self._changes and name not in self._dropped
        }
        for name, change in self._changes.items():
            after = change.after()
            if after is not None:
                known[name] = after
        return State(version, tables, known)

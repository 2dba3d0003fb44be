"""A write to collections in a SQLite file: the transaction's view of them, which keeps shape and number of
documents in step.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from itertools import islice

from polyroute.engines.call import Call
from polyroute.engines.document import sqlite_rows as rows
from polyroute.engines.document.definition import Definition, Document, Key, Written, duplicate_key, json_body
from polyroute.engines.document.schema import Layout, layout_of
from polyroute.sql.selectors import Node, compile_selector

_BATCH = 500


class SQLiteChange:
    """One collection inside a transaction."""

    def __init__(self, writer: sqlite3.Connection, entry: rows.Entry) -> None:
        self.entry = entry
        self.definition = entry.read_definition()
        self._writer = writer
        self._shape = entry.read_shape()
        self._added = 0
        self._changed = False

    @property
    def layout(self) -> Layout:
        """The columns of the collection before the change."""
        return layout_of(self._shape, self.definition.declared, self.definition.key_field)

    def define(self, definition: Definition) -> None:
        """Change how the collection is defined."""
        self.definition = definition
        self._changed = True

    def insert(self, documents: Iterable[tuple[Key | None, Document]], call: Call) -> int:
        """Add documents and return their number; CONSISTENCY_VIOLATION where a key is held already or comes twice."""
        number = 0
        remaining = iter(documents)
        sql = f"INSERT INTO {self.entry.table} (key, body) VALUES (?, ?)"
        while batch := list(islice(remaining, _BATCH)):
            call.check()
            bodies = [(key, json_body(document, self.definition)) for key, document in batch]
            try:
                self._writer.executemany(sql, bodies)
            except sqlite3.IntegrityError as exc:
                raise duplicate_key(self.definition) from exc
            self._count([document for _, document in batch])
            number += len(batch)
        return number

    def upsert(self, documents: Iterable[tuple[Key | None, Document]], call: Call) -> int:
        """Add documents, those whose key is held in the place of the held ones."""
        number = 0
        for key, document in documents:
            held = None if key is None else rows.select_key(self._writer, self.entry, key)
            if held is None:
                self.insert([(key, document)], call)
            else:
                self.put(*held, document)
            number += 1
        return number

    def matching(self, selector: Node, call: Call) -> list[tuple[int, Document]]:
        """Return the places and the documents that match."""
        selection = rows.Selection.of(selector, self.definition)
        found = rows.select_places(self._writer, self.entry, selection)
        if selection.residual is None:
            return found
        matches = compile_selector(selection.residual)
        return [(place, document) for place, document in found if matches(document)]

    def of_keys(self, keys: Sequence[Key]) -> list[tuple[int, Document]]:
        """Return the places and the documents of keys."""
        found = (rows.select_key(self._writer, self.entry, key) for key in keys)
        return [held for held in found if held is not None]

    def put(self, place: int, old: Document, new: Document) -> None:
        """Write a document in the place of another of the same key."""
        self._writer.execute(
            f"UPDATE {self.entry.table} SET body = ? WHERE place = ?", (json_body(new, self.definition), place)
        )
        self._shape.remove(old)
        self._shape.add(new)
        self._changed = True

    def delete(self, place: int, old: Document) -> None:
        """Remove a document."""
        self._writer.execute(f"DELETE FROM {self.entry.table} WHERE place = ?", (place,))
        self._shape.remove(old)
        self._added -= 1
        self._changed = True

    def flush(self) -> None:
        """Tell the file what has become of the collection."""
        if self._changed:
            rows.update_entry(self._writer, self.entry, self.definition, self._shape, self._added)
            self._added = 0
            self._changed = False

    def _count(self, documents: list[Document]) -> None:
        for document in documents:
            self._shape.add(document)
        self._added += len(documents)
        self._changed = True


class SQLiteTransaction:
    """The changes to all collections of a file within one transaction of its writer."""

    def __init__(self, writer: sqlite3.Connection) -> None:
        self._writer = writer
        self._changes: dict[str, SQLiteChange] = {}

    def definition(self, name: str) -> Definition | None:
        """Return how a collection is defined, None when there is none of the name."""
        if name in self._changes:
            return self._changes[name].definition
        entry = rows.find_entry(self._writer, name)
        return None if entry is None else entry.read_definition()

    def create(self, definition: Definition) -> SQLiteChange:
        """Make a new, empty collection, in the place of one of the name."""
        if rows.find_entry(self._writer, definition.name) is not None:
            self.drop(definition.name)
        change = SQLiteChange(self._writer, rows.create_collection(self._writer, definition))
        self._changes[definition.name] = change
        return change

    def change(self, name: str) -> SQLiteChange:
        """Return a collection to be changed; QUERY_INVALID, naming the nearest, when there is none of the name."""
        if name not in self._changes:
            self._changes[name] = SQLiteChange(self._writer, rows.read_entry(self._writer, name))
        return self._changes[name]

    def define(self, definition: Definition) -> SQLiteChange:
        """Change how a held collection is defined and return it."""
        change = self.change(definition.name)
        change.define(definition)
        return change

    def drop(self, name: str) -> None:
        """Remove a collection."""
        self._changes.pop(name, None)
        rows.drop_collection(self._writer, rows.read_entry(self._writer, name))

    def remembered(self, token: str) -> Written | None:
        """Return what the write of a token did, None where it is not among the last thousand."""
        return rows.read_write(self._writer, token)

    def remember(self, token: str, written: Written) -> None:
        """Keep what the write of a token did, to be committed with it."""
        rows.keep_write(self._writer, token, written)

    def flush(self) -> None:
        """Tell the file what has become of the collections."""
        for change in self._changes.values():
            change.flush()

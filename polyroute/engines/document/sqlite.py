"""The engine `document+sqlite:///file.db`: documents as JSON text in SQLite, one row each, with indexes on request.

A selector is split: what SQLite can decide exactly over JSON text runs there, with its indexes, the rest in Python
over the rows that are left. The file may be shared with the relational engine, which does not see the tables that
collections lie in.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import ClassVar, NamedTuple, Self

import pyarrow as pa

from polyroute.engines.call import Call
from polyroute.engines.contract import BoundScan, Traits
from polyroute.engines.document import sqlite_rows as rows
from polyroute.engines.document.columns import Columns, some_columns
from polyroute.engines.document.convert import table_of
from polyroute.engines.document.definition import Definition, Document, Key
from polyroute.engines.document.engine import DocumentEngine
from polyroute.engines.document.schema import Layout, layout_of
from polyroute.engines.document.sqlite_change import SQLiteTransaction
from polyroute.engines.document.store import Collection, Writing
from polyroute.engines.local import columns_read, evaluate_scan
from polyroute.engines.resources import Resource
from polyroute.engines.resources.sqlite import SQLiteFile, open_sqlite
from polyroute.engines.url import EngineURL
from polyroute.errors import SQLITE, DatabaseErrorCode, ErrorTable, invalid, make_error, unknown_name
from polyroute.sql.selectors import EVERYTHING, Find, Node, compile_selector
from polyroute.sql.selectors.paths import parse_path

MIN_VERSION = (3, 38, 0)
_CHECK_EVERY = 256


class Known(NamedTuple):
    """What has been worked out from one version of a collection."""

    entry: rows.Entry
    definition: Definition
    layout: Layout


class DocumentSQLiteEngine(DocumentEngine):
    """Documents in a SQLite file."""

    traits: ClassVar[Traits] = Traits(dialect="sqlite", cancellable=True, idempotent_writes=True)
    errors: ClassVar[ErrorTable] = SQLITE

    def __init__(self, resource: Resource[SQLiteFile]) -> None:
        self._resource = resource
        self._file = resource.handle
        self._open = True
        self._prepared: set[int] = set()
        self._lock = threading.Lock()
        self._seen: tuple[object, Mapping[str, Known]] = (None, {})
        self._columns: dict[str, tuple[str, Columns]] = {}

    @classmethod
    def open(cls, url: EngineURL, *, read_only: bool = False) -> Self:
        """Open the file of an address, or make it; without a path a temporary one.

        Raises ENGINE_CONNECTION_FAILED when the place cannot be reached or SQLite is older than 3.38,
        ENGINE_UNAVAILABLE when the file is no database.
        """
        if sqlite3.sqlite_version_info < MIN_VERSION:
            raise make_error(
                DatabaseErrorCode.ENGINE_CONNECTION_FAILED,
                f"documents need SQLite 3.38, this Python has {sqlite3.sqlite_version}",
                hint="use a newer Python, or tinydb:/// for small collections",
            )
        return cls(open_sqlite(url, read_only=read_only))

    @property
    def resource(self) -> Resource[SQLiteFile]:
        """The file beneath."""
        return self._resource

    def close(self) -> None:
        """Leave the file."""
        if self._open:
            self._open = False
            self._resource.release()

    def create_index(self, dataset: str, columns: Sequence[str], call: Call) -> None:
        """Make an index on what stands at some field paths, such as 'age' or 'name.last'; making it again changes
        nothing.
        """
        paths = [parse_path(column) for column in ([columns] if isinstance(columns, str) else columns)]
        places = rows.index_places(paths)
        if not places:
            raise invalid("such an index cannot be made", hint="name field paths without array places and escapes")
        known = self._known(dataset)
        for path in paths:
            if path[0] not in known.layout.schema.names:
                raise unknown_name(f"field of {dataset!r}", path[0], known.layout.schema.names)
        with self._file.transaction(call) as writer:
            rows.create_index(writer, rows.read_entry(writer, dataset), paths, places)

    def data_version(self, dataset: str) -> object | None:
        """Return the version of the collection, new after every change by whomever."""
        known = self._all_known().get(dataset)
        return None if known is None else known.entry.version

    def _collections(self) -> Mapping[str, tuple[Definition, Layout]]:
        return {name: (known.definition, known.layout) for name, known in self._all_known().items()}

    @contextmanager
    def _reading(self, name: str, call: Call) -> Iterator[Collection]:
        with self._file.snapshot(call) as reader:
            self._prepare(reader)
            known = self._seen[1].get(name)
            if known is None or known.entry.version != rows.read_version(reader, name):
                known = self._worked_out(rows.read_entry(reader, name))
            yield SQLiteCollection(self, reader, known)

    @contextmanager
    def _writing(self, call: Call) -> Iterator[Writing]:
        with self._file.transaction(call) as writer:
            self._prepare(writer)
            transaction = SQLiteTransaction(writer)
            yield transaction
            transaction.flush()

    def _rows(self, name: str) -> int | None:
        return self._known(name).entry.documents

    def _prepare(self, connection: sqlite3.Connection) -> None:
        # The file keeps its connections until it is closed, so an id stays that of the connection it was seen on.
        if id(connection) not in self._prepared:
            rows.prepare(connection)
            self._prepared.add(id(connection))

    def _known(self, name: str) -> Known:
        known = self._all_known()
        if name not in known:
            raise unknown_name("dataset", name, known)
        return known[name]

    def _all_known(self) -> Mapping[str, Known]:
        token = self._file.data_version()
        seen, known = self._seen
        if seen == token:
            return known
        with self._file.reading() as reader:
            entries = rows.read_entries(reader)
        fresh = {entry.name: self._worked_out(entry) for entry in entries}
        self._seen = (token, fresh)
        return fresh

    def _worked_out(self, entry: rows.Entry) -> Known:
        known = self._seen[1].get(entry.name)
        if known is not None and known.entry.version == entry.version:
            return known
        definition = entry.read_definition()
        return Known(entry, definition, layout_of(entry.read_shape(), definition.declared, definition.key_field))

    def columns_of(self, known: Known) -> Columns:
        """Return what is kept of the columns of this very version of a collection."""
        with self._lock:
            version, columns = self._columns.get(known.entry.name, (None, None))
            if columns is None or version != known.entry.version:
                columns = Columns(known.layout)
                self._columns[known.entry.name] = (known.entry.version, columns)
            return columns


class SQLiteCollection:
    """One state of one collection, read within a snapshot."""

    def __init__(self, engine: DocumentSQLiteEngine, reader: sqlite3.Connection, known: Known) -> None:
        self.definition = known.definition
        self.layout = known.layout
        self._engine = engine
        self._reader = reader
        self._known = known

    def find(self, asked: Find, call: Call) -> list[Document]:
        """Return what a question finds."""
        selection = rows.Selection.of(asked.selector, self.definition)
        key_field = self.definition.key_field
        if selection.residual is None and not asked.sort:
            cut = (asked.skip, -1 if asked.limit is None else asked.limit)
            return Find(EVERYTHING, asked.fields).of(self._documents(selection, call, cut), key_field, ordered=True)
        return asked.narrowed(selection.residual).of(self._documents(selection, call), key_field, ordered=True)

    def get(self, keys: Sequence[Key], call: Call) -> list[Document]:
        """Return the documents of keys, in their order."""
        found = (rows.select_key(self._reader, self._known.entry, key) for key in keys)
        return [held[1] for held in found if held is not None]

    def count(self, selector: Node, call: Call) -> int:
        """Return how many documents match."""
        selection = rows.Selection.of(selector, self.definition)
        if not selection.where and selection.residual is None:
            return self._known.entry.documents
        if selection.residual is None:
            sql = f"SELECT count(*) FROM {self._known.entry.table}{selection.clause}"
            [number] = self._reader.execute(sql, selection.params).fetchone()
            return int(number)
        return sum(map(compile_selector(selection.residual), self._documents(selection, call)))

    def scan(self, op: BoundScan, call: Call) -> pa.Table:
        """Return what a scan asks for: out of the documents that an index finds, else out of columns."""
        read = columns_read(op)
        if not read and op.where is None:
            return pa.table({"": pa.nulls(self._known.entry.documents)}).select([]).slice(0, op.limit)
        read = read or self.layout.schema.names[:1]
        if not read:
            return evaluate_scan(table_of(self._all(), self.layout, call), op, call)
        columns = self._engine.columns_of(self._known)
        if not columns.holds(read):
            selection = rows.narrowed(self._reader, self._known.entry, op.where, self.layout, self.definition.key_field)
            if selection is not None:
                found = rows.select_bodies(self._reader, self._known.entry, selection, "place", None)
                return evaluate_scan(table_of(found, some_columns(self.layout, read), call), op, call)
        return evaluate_scan(columns.table(read, self._all, call), op, call)

    def sample(self, rows_wanted: int, call: Call) -> list[Document]:
        """Return documents from all over the collection."""
        call.check()
        return rows.select_spread(self._reader, self._known.entry, rows_wanted)

    def _all(self) -> Iterator[Document]:
        return rows.select_bodies(self._reader, self._known.entry, rows.Selection("", (), None), "place", None)

    def _documents(
        self, selection: rows.Selection, call: Call, cut: tuple[int, int] | None = None
    ) -> Iterator[Document]:
        order = "place" if self.definition.key_field is None else "key"
        documents = rows.select_bodies(self._reader, self._known.entry, selection, order, cut)
        for number, document in enumerate(documents):
            if number % _CHECK_EVERY == 0:
                call.check()
            yield document

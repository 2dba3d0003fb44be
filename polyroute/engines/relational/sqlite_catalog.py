"""What a SQLite file holds now: its tables, remembered as long as nobody changed anything, checked when they are read.

The file's data version tells cheaply whether anybody committed; only then the schema version and the registry are
looked at, and only when those differ the tables are read anew. A read takes a snapshot in which the schema is the
remembered one and every value of the columns it touches is of a class that their types take; otherwise it raises
`SchemaChanged`.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from polyroute.engines.call import UNBOUNDED, Call
from polyroute.engines.contract import Dataset, SchemaChanged
from polyroute.engines.relational.sqlite_foreign import class_sql, fitting, misfit_sql
from polyroute.engines.relational.sqlite_tables import KIND, Found, Table, find_tables, quoted, read_table
from polyroute.engines.resources.sqlite import SQLiteFile, execute, interruptible, is_busy
from polyroute.engines.resources.sqlite_registry import read_entries
from polyroute.errors import QueryTimeoutError, unknown_name

_SAMPLE_S = 0.25

Token = tuple[int, int]


@dataclass(frozen=True, slots=True)
class _State:
    """What was read of the file, and the versions that tell whether it still holds."""

    token: Token | None = None
    schema_version: int = -1
    entries: tuple[Dataset, ...] = ()
    tables: Mapping[str, Table] = field(default_factory=dict)
    datasets: Mapping[str, Dataset] = field(default_factory=dict)

    def with_tables(self, tables: Mapping[str, Table]) -> _State:
        datasets = {name: table.dataset for name, table in tables.items()}
        return replace(self, tables=MappingProxyType(dict(tables)), datasets=MappingProxyType(datasets))


class SQLiteCatalog:
    """The tables of one file; safe to use from many threads."""

    def __init__(self, file: SQLiteFile) -> None:
        self._file = file
        self._lock = threading.RLock()
        self._state = _State()
        self._verified: dict[str, tuple[Token, frozenset[str]]] = {}

    def tables(self) -> Mapping[str, Table]:
        """Return the tables by name, looking at the file again when anybody committed to it."""
        return self._current().tables

    @property
    def known(self) -> Mapping[str, Table]:
        """The tables as they were read last, without looking at the file."""
        return self._state.tables

    def datasets(self) -> Mapping[str, Dataset]:
        """Return the datasets by name; the very same mapping as long as nothing changed."""
        return self._current().datasets

    def table(self, name: str) -> Table:
        """Return one table; QUERY_INVALID, naming the nearest, when there is none."""
        tables = self.tables()
        found = tables.get(name)
        if found is None:
            raise unknown_name("dataset", name, tables)
        return found

    def bound(self, dataset: Dataset) -> Table:
        """Return the table of a dataset that an operation was bound to; `SchemaChanged` when its columns changed."""
        table = self.tables().get(dataset.name)
        if table is None or (table.dataset is not dataset and table.dataset.schema != dataset.schema):
            raise SchemaChanged(dataset.name)
        return table

    @contextmanager
    def snapshot(self, table: Table, columns: Iterable[str], call: Call = UNBOUNDED) -> Iterator[sqlite3.Connection]:
        """Give a reader that sees one state of the file, in which the table is as described and its values fit."""
        loose = table.loose.intersection(columns)
        before = self._file.version_if_free() if loose else None
        with self._file.snapshot(call) as reader:
            self.check(reader, table, loose, before, call)
            yield reader

    def check(
        self, connection: sqlite3.Connection, table: Table, columns: Iterable[str], before: Token | None, call: Call
    ) -> None:
        """Make sure that a connection, whose transaction began after the token `before`, sees a table as described.

        Raises `SchemaChanged` when the schema is another one or a value of the columns does not fit its type.
        """
        [version] = execute(connection, "PRAGMA schema_version", (), call).fetchone()
        state = self._state
        if version != state.schema_version or state.tables.get(table.name) is not table:
            raise SchemaChanged(table.name)
        loose = table.loose.intersection(columns)
        if loose:
            self._verify(connection, table, loose, before, call)

    def widen(self, name: str, classes: Mapping[str, Iterable[str]]) -> Table:
        """Remember that columns hold values of further storage classes, and return the table as it is then."""
        with self._lock:
            tables = dict(self._state.tables)
            if name not in tables:
                raise SchemaChanged(name)
            tables[name] = tables[name].with_seen(classes)
            self._state = self._state.with_tables(tables)
            return tables[name]

    def _current(self) -> _State:
        token = self._file.version_if_free()
        state = self._state
        # while another program has the file locked, what is known of it is as good as anything
        if state.token == token or (token is None and state.token is not None):
            return state
        with self._lock:
            if self._state.token != token:
                self._state = self._read(token or self._file.data_version())
            return self._state

    def _read(self, token: Token) -> _State:
        with self._file.snapshot() as reader:
            [version] = execute(reader, "PRAGMA schema_version", ()).fetchone()
            entries = read_entries(reader)
            held = self._state
            if version == held.schema_version and entries == held.entries:
                return replace(held, token=token)
            made = {e.name: e for e in entries if e.kind == KIND}
            others = {e.name for e in entries if e.kind != KIND}
            tables = {}
            for found in find_tables(reader):
                if found.name not in others:
                    table = self._read_table(reader, found, made.get(found.name))
                    if table is not None:
                        tables[found.name] = table
        return _State(token, version, entries).with_tables(tables)

    def _read_table(self, reader: sqlite3.Connection, found: Found, entry: Dataset | None) -> Table | None:
        """Read one table; None for one that SQLite itself cannot read, such as a view of a table that is gone."""
        held = self._state.tables.get(found.name)
        known = None
        if held is not None and held.sql == found.sql:
            known = {c.name: c.seen for c in held.columns.values() if c.seen} or None
        try:
            with interruptible(reader, UNBOUNDED if found.kind == "table" else Call(timeout_s=_SAMPLE_S)):
                return read_table(reader, found, entry, known)
        except QueryTimeoutError:
            return read_table(reader, found, entry, {})
        except sqlite3.OperationalError as exc:
            if is_busy(exc):
                raise
            return None

    def _verify(
        self, reader: sqlite3.Connection, table: Table, loose: frozenset[str], before: Token | None, call: Call
    ) -> None:
        """Look at every value of some columns once per state of the file, and widen those that a value does not fit."""
        token = self._file.version_if_free()
        settled = token is not None and token == before  # then the snapshot is the state that the token names
        verified, known = self._verified.get(table.name, (None, frozenset[str]()))
        done = known if settled and verified == token else frozenset[str]()
        tests = {name: misfit_sql(quoted(name), self._fit(table, name)) for name in sorted(loose - done)}
        asked = {name: test for name, test in tests.items() if test is not None}
        if asked:
            sql = f"SELECT {', '.join(f'max({test})' for test in asked.values())} FROM {quoted(table.name)}"
            found = execute(reader, sql, (), call).fetchone()
            wrong = [name for name, misfit in zip(asked, found, strict=True) if misfit]
            if wrong:
                self.widen(table.name, {name: self._classes(reader, table, name, call) for name in wrong})
                raise SchemaChanged(table.name)
        if token is not None and settled:
            self._verified[table.name] = token, done | loose

    def _fit(self, table: Table, name: str) -> frozenset[str]:
        column = table.columns[name]
        return fitting(column.seen or frozenset(), column.declared)

    def _classes(self, reader: sqlite3.Connection, table: Table, name: str, call: Call) -> frozenset[str]:
        sql = f"SELECT DISTINCT {class_sql(quoted(name))} FROM {quoted(table.name)}"
        return frozenset(row[0] for row in execute(reader, sql, (), call)) - {"null"}

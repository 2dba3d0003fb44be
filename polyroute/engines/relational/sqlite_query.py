"""Run whole SELECTs in SQLite, exactly as DuckDB would answer them, or refuse with the reason.

A statement is read, written for SQLite node by node (`sqlite_query_select`), given DuckDB's own names and types
(`sqlite_query_answer`), prepared, and remembered until the tables it reads change. It runs in one snapshot of the file,
in which the values of every column that it touches are seen to be of the column's type, as for a scan.
"""

from __future__ import annotations

import sqlite3
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock

from sqlglot import exp

from polyroute.engines.call import Call
from polyroute.engines.contract import Answer, SchemaChanged
from polyroute.engines.relational.sqlite_catalog import SQLiteCatalog
from polyroute.engines.relational.sqlite_query_answer import AnswerForm, answer_schema
from polyroute.engines.relational.sqlite_query_bindings import Bindings, fill
from polyroute.engines.relational.sqlite_query_cost import refuse_quadratic
from polyroute.engines.relational.sqlite_query_functions import install
from polyroute.engines.relational.sqlite_query_select import write_statement
from polyroute.engines.relational.sqlite_tables import Table
from polyroute.engines.resources.sqlite import SQLiteFile, execute, is_busy
from polyroute.errors import PolyrouteError
from polyroute.sql.dialect import parse_statement
from polyroute.sql.filters import Unsupported

_REMEMBERED = 256

Params = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Select:
    """A SELECT that SQLite runs exactly.

    `touched` are the tables with the columns that decide the answer; `loose` tells that one of these columns might hold
    values of another class than those seen, `calls` that the text calls functions of ours.
    """

    sql: str
    bindings: Bindings
    touched: tuple[tuple[Table, frozenset[str]], ...]
    form: AnswerForm
    loose: bool
    calls: bool


@dataclass(frozen=True, slots=True)
class _Refusal:
    """Why a statement is not run over these tables."""

    tables: Mapping[str, Table]
    reason: str


class Selects:
    """The SELECTs of one file, remembered by text and types of parameters; safe to use from many threads."""

    def __init__(self, file: SQLiteFile, catalog: SQLiteCatalog) -> None:
        self._file = file
        self._catalog = catalog
        self._known: OrderedDict[object, Select | _Refusal] = OrderedDict()
        self._lock = Lock()
        self._equipped: set[int] = set()

    def prepare(self, sql: str, params: Params) -> Select:
        """Return a SELECT ready to run; raises `Unsupported`, with the reason, for one that would not be exact."""
        tables = self._catalog.tables()
        key = _key(sql, params)
        known = self._known.get(key)
        if isinstance(known, _Refusal) and known.tables is tables:
            raise Unsupported(known.reason)
        if isinstance(known, Select) and _is_of(known, tables):
            return known
        try:
            made = self._prepared(sql, params, tables)
        except Unsupported as exc:
            self._remember(key, _Refusal(tables, str(exc)))
            raise
        self._remember(key, made)
        return made

    def run(self, sql: str, params: Params, call: Call) -> Answer:
        """Run a SELECT in one snapshot of the file.

        Raises `Unsupported` as `prepare` does, and where the data turn out to be such that SQLite would differ;
        `SchemaChanged` when a table is not what the statement was prepared for.
        """
        # tables that changed meanwhile make SQLite compile the text anew, which `_at_once` notices
        known = self._known.get(_key(sql, params))
        held = isinstance(known, Select) and _is_of(known, self._catalog.known)
        select = known if held and isinstance(known, Select) else self.prepare(sql, params)
        values = fill(select.bindings, params)
        with _differing():
            return self._in_snapshot(select, values, call) if select.loose else self._at_once(select, values, call)

    def _at_once(self, select: Select, values: Mapping[str, object], call: Call) -> Answer:
        """Run a SELECT whose columns can hold nothing but their types: one statement sees one state of the file."""
        compiled = self._file.compiled
        with self._file.reading(call) as reader:
            try:
                answer = self._fetched(reader, select, values, call)
            except sqlite3.OperationalError:
                self._require_held(select)
                raise
            # before another thread gets the reader, which compiles nothing any more
            if self._file.compiled != compiled:
                self._require_held(select)
            return answer

    def _in_snapshot(self, select: Select, values: Mapping[str, object], call: Call) -> Answer:
        """Run a SELECT in a state of the file in which the values that it touches are seen to be of their types."""
        before = self._file.version_if_free()
        with self._file.snapshot(call) as reader:
            for table, columns in select.touched:
                self._catalog.check(reader, table, columns, before, call)
            return self._fetched(reader, select, values, call)

    def _fetched(self, reader: sqlite3.Connection, select: Select, values: Mapping[str, object], call: Call) -> Answer:
        if select.calls:
            self._equip(reader)
        return select.form.fetched(execute(reader, select.sql, values, call), call)

    def _require_held(self, select: Select) -> None:
        if not _is_of(select, self._catalog.tables()):
            raise SchemaChanged(select.touched[0][0].name)

    def _prepared(self, sql: str, params: Params, tables: Mapping[str, Table]) -> Select:
        try:
            return self._written(sql, params, tables)
        except PolyrouteError as exc:
            # elsewhere the same error comes with the whole statement in view
            raise Unsupported(str(exc)) from exc
        except RecursionError as exc:
            raise Unsupported("a statement that is nested too deeply") from exc

    def _written(self, sql: str, params: Params, tables: Mapping[str, Table]) -> Select:
        tree = parse_statement(sql)
        used = {node.name for node in tree.find_all(exp.Placeholder)}
        if not used <= params.keys():
            raise Unsupported("a parameter that has no value, or no name")
        given = {name: params[name] for name in sorted(used)}
        relation, draft = write_statement(tree, tables, given)
        if not draft.touched:
            raise Unsupported("a statement that reads no table of this file")
        columns = [relation.column(i) for i in range(len(relation.values))]
        read = [tables[name] for name in sorted(draft.touched)]
        schema = answer_schema(sql, read, given, columns)
        touched = tuple((table, frozenset(draft.touched[table.name])) for table in read)
        loose = any(table.loose & columns for table, columns in touched)
        select = Select(relation.sql, draft.bindings, touched, AnswerForm.of(schema, columns), loose, draft.calls)
        self._compile(select, draft.aliases, given)
        return select

    def _compile(self, select: Select, aliases: Mapping[str, str], params: Params) -> None:
        """Let SQLite compile a statement, so that what it does not take is refused before anything runs."""
        with self._file.reading() as reader:
            if execute(reader, "PRAGMA encoding", ()).fetchone() != ("UTF-8",):
                raise Unsupported("a file whose texts are not UTF-8, which SQLite orders otherwise")
            if select.calls:
                self._equip(reader)
            try:
                refuse_quadratic(reader, select.sql, aliases, fill(select.bindings, params))
            except sqlite3.OperationalError as exc:
                if is_busy(exc):
                    raise
                raise Unsupported("SQLite does not take this statement") from exc

    def _equip(self, reader: sqlite3.Connection) -> None:
        """Add our functions to a reader once; the file keeps its readers as long as it is open."""
        if id(reader) not in self._equipped:
            install(reader)
            self._equipped.add(id(reader))

    def _remember(self, key: object, made: Select | _Refusal) -> None:
        with self._lock:
            self._known[key] = made
            self._known.move_to_end(key)
            while len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)


def _key(sql: str, params: Params) -> object:
    if not params:
        return sql
    return sql, tuple(sorted([(name, type(value)) for name, value in params.items()], key=_name_of))


def _name_of(item: tuple[str, type]) -> str:
    return item[0]


def _is_of(select: Select, tables: Mapping[str, Table]) -> bool:
    """Tell whether a SELECT was prepared for the tables as they are."""
    return all(tables.get(table.name) is table for table, _ in select.touched)


@contextmanager
def _differing() -> Iterator[None]:
    """Say that a statement is to be answered elsewhere where one of its guards was met, or a sum passed 64 bits."""
    try:
        yield
    except sqlite3.OperationalError as exc:
        if str(exc) not in _GUARDS:
            raise
        raise Unsupported("numbers that SQLite does not compute as DuckDB does") from exc


_GUARDS = frozenset({"integer overflow", "user-defined function raised exception"})

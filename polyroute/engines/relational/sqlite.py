"""SQLite as a relational engine: point reads in microseconds, exact pushdown, all-or-nothing writes, any SQLite file.

A file made by another program can be asked at once; a dataset that is loaded keeps its logical types (`sqlite_forms`).
The file itself, its readers and its writer are a resource that other engines may share.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from sqlite3 import Connection
from typing import ClassVar, Self, TypeVar, cast

import pyarrow as pa

from polyroute.engines.call import Call
from polyroute.engines.contract import (
    Answer,
    BoundScan,
    BoundSelect,
    Dataset,
    Engine,
    LoadSpec,
    Pushed,
    SchemaChanged,
    Statistics,
    Traits,
)
from polyroute.engines.relational import sqlite_loading, sqlite_native
from polyroute.engines.relational.sqlite_catalog import SQLiteCatalog
from polyroute.engines.relational.sqlite_changes import change_rows, columns_read, insert
from polyroute.engines.relational.sqlite_entangled import Entanglement
from polyroute.engines.relational.sqlite_forms import refusal
from polyroute.engines.relational.sqlite_query import Selects
from polyroute.engines.relational.sqlite_reading import PointReads, scan
from polyroute.engines.relational.sqlite_select import negotiate, touched
from polyroute.engines.relational.sqlite_statements import Insertion, read_change, read_query
from polyroute.engines.relational.sqlite_statistics import RowCounts, sample
from polyroute.engines.relational.sqlite_tables import KIND, Table
from polyroute.engines.relational.sqlite_writing import (
    delete_keys,
    delete_where,
    require_key,
    require_table,
    upsert_sql,
    write_rows,
    written_columns,
)
from polyroute.engines.resources import Resource
from polyroute.engines.resources.sqlite import SQLiteFile, open_sqlite
from polyroute.engines.resources.sqlite_repeats import once
from polyroute.engines.url import EngineURL
from polyroute.errors import SQLITE, ErrorTable
from polyroute.operations import (
    Operation,
    RelationalDelete,
    RelationalExecute,
    RelationalGet,
    RelationalQuery,
    RelationalUpsert,
)
from polyroute.result import Rows
from polyroute.sql.filters import Filter, Unsupported

T = TypeVar("T")

_BINDINGS = 4


class SQLiteEngine(Engine):
    """A SQLite file behind the router.

    >>> from polyroute.engines.execution import execute
    >>> engine = SQLiteEngine.open(EngineURL.parse("sqlite://"))
    >>> made = RelationalExecute(None, "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT)", dialect="native")
    >>> written = RelationalExecute(None, "INSERT INTO t VALUES (1, 'ann')")
    >>> execute(engine, made).affected, execute(engine, written).keys
    (0, [1])
    >>> execute(engine, RelationalGet("t", 1)).rows
    [(1, 'ann')]
    >>> engine.close()
    """

    kind: ClassVar[str] = KIND
    traits: ClassVar[Traits] = Traits(dialect="sqlite", cancellable=True, idempotent_writes=True)
    errors: ClassVar[ErrorTable] = SQLITE

    def __init__(self, resource: Resource[SQLiteFile]) -> None:
        self._resource = resource
        self._file = resource.handle
        self._catalog = SQLiteCatalog(self._file)
        self._points = PointReads(self._file, self._catalog)
        self._selects = Selects(self._file, self._catalog)
        self._counts = RowCounts(self._file)
        self._entanglement = Entanglement(self._file)
        self._open = True

    @classmethod
    def open(cls, url: EngineURL, *, read_only: bool = False) -> Self:
        """Open a file, or make it; without a path a temporary one.

        Raises ENGINE_CONNECTION_FAILED when the place cannot be reached, ENGINE_UNAVAILABLE when it is no SQLite file.
        """
        resource = open_sqlite(url, read_only=read_only)
        try:
            engine = cls(resource)
            engine.datasets()
        except BaseException:
            resource.release()
            raise
        return engine

    @property
    def resource(self) -> Resource[object]:
        """The file beneath."""
        return cast("Resource[object]", self._resource)

    def close(self) -> None:
        """Leave the file; closing twice is harmless."""
        if self._open:
            self._open = False
            self._resource.release()

    # what there is

    def datasets(self) -> Mapping[str, Dataset]:
        """Return the tables and views of the file."""
        return self._catalog.datasets()

    def data_version(self, dataset: str) -> object | None:
        """Return a token that differs after every commit to the file, by whatever program; None while it is locked."""
        return self._file.version_if_free()

    def foreign_version(self, dataset: str) -> object | None:
        """Return a token that differs after every commit to the file by another program; None while it is written."""
        return self._file.foreign_version()

    def entangled(self, dataset: str) -> bool:
        """Tell whether a table is a view, or may be written by a trigger or a cascade."""
        return self._entanglement.entangled(dataset)

    def volatile(self, dataset: str) -> bool:
        """Tell whether a table is a view that could read the clock or chance."""
        return self._entanglement.volatile(dataset)

    def statistics(self, dataset: str, part: str | None = None) -> Statistics:
        """Return the number of rows of a table."""
        return self._counts.of(self._catalog.table(dataset))

    def sample(self, dataset: str, part: str | None, rows: int, call: Call) -> pa.Table:
        """Return rows from all over a table; of a view, or a table without row ids, the first."""
        found = _bound_anew(lambda: sample(self._catalog, self._catalog.table(dataset), rows, call))
        return super().sample(dataset, part, rows, call) if found is None else found

    def refusal(self, arrow_type: pa.DataType) -> str | None:
        """Tell why SQLite could not give a type back as loaded, or None."""
        return refusal(arrow_type)

    # reads

    def negotiate(self, op: BoundScan) -> Pushed:
        """Tell what of a scan SQLite does exactly as DuckDB would."""
        return negotiate(self._catalog.bound(op.dataset), op)

    def scan(self, op: BoundScan, call: Call) -> Answer:
        """Read columns, filtered, ordered and cut by SQLite."""
        return scan(self._catalog, self._catalog.bound(op.dataset), op, op.columns, call)

    def negotiate_select(self, op: BoundSelect) -> None:
        """Prepare a SELECT over several tables, or of more than columns, that SQLite runs exactly as DuckDB would."""
        if op.inputs:
            raise Unsupported("SQLite is shipped no tables")
        self._selects.prepare(op.sql, op.params)

    def select(self, op: BoundSelect, call: Call) -> Answer:
        """Run such a SELECT; `Unsupported` also where the data turn out to be such that SQLite would differ."""
        if op.inputs:
            raise Unsupported("SQLite is shipped no tables")
        return _bound_anew(lambda: self._selects.run(op.sql, op.params, call))

    def relational_get(self, op: RelationalGet, call: Call) -> Rows:
        """Read the row of one key."""
        return self._points.get(cast("str", op.dataset), op.columns, cast("tuple[object, ...]", op.key), call)

    def relational_query(self, op: RelationalQuery, call: Call) -> Answer:
        """Run a query: SQLite's own SQL as it is, polyroute's if the answer is DuckDB's, else `Unsupported`."""
        if op.dialect == "native":
            return sqlite_native.query(self._file, op.sql, op.params, call)
        try:
            return _bound_anew(lambda: self._query(op, call))
        except Unsupported:
            if isinstance(op.params, Sequence):
                raise
            params = op.params or {}
            return _bound_anew(lambda: self._selects.run(op.sql, params, call))

    def _query(self, op: RelationalQuery, call: Call) -> Answer:
        read = read_query(op.sql, op.params, self._catalog.tables())
        pushed = negotiate(read.table, read.scan)
        whole = pushed.residual is None and (pushed.order or not read.scan.order)
        if not whole or (read.scan.limit is not None and not pushed.limit):
            raise Unsupported("a filter or an order that SQLite does not do as DuckDB would")
        return scan(self._catalog, read.table, read.scan, read.names, call)

    # writes

    def relational_execute(self, op: RelationalExecute, call: Call) -> Rows:
        """Run one statement, all or nothing: SQLite's own SQL as it is, polyroute's INSERT, UPDATE or DELETE."""
        if op.dialect == "native":
            if sqlite_native.runs_outside(op.sql):
                return self._execute_native(op, call)
            return self._once(op, call, lambda: self._execute_native(op, call))
        return _bound_anew(lambda: self._once(op, call, lambda: self._execute(op, call)))

    def _execute(self, op: RelationalExecute, call: Call) -> Rows:
        change = read_change(op.sql, op.params, self._catalog.tables())
        params = op.params if isinstance(op.params, Mapping) else {}
        if isinstance(change, Insertion):
            with self._changing(change.table, (), None, call) as writer:
                return insert(writer, change, params, call)
        with self._changing(change.table, columns_read(change), change.where, call) as writer:
            return change_rows(writer, change, params, call)

    def relational_upsert(self, op: RelationalUpsert, call: Call) -> Rows:
        """Insert rows, or replace those whose key is held."""
        return self._once(op, call, lambda: self._upsert(op, call))

    def _upsert(self, op: RelationalUpsert, call: Call) -> Rows:
        rows = cast("pa.Table", op.rows)
        table = self._catalog.table(cast("str", op.dataset))
        require_key(table)
        if table.dataset.schema != rows.schema:
            raise SchemaChanged(table.name)
        columns = written_columns(table, rows)
        with self._changing(table, (), None, call) as writer:
            return Rows((), [], affected=write_rows(writer, upsert_sql(table, columns), rows, columns, call))

    def relational_delete(self, op: RelationalDelete, call: Call) -> Rows:
        """Delete the rows of some keys, or those that pass a filter."""
        return self._once(op, call, lambda: self._delete(op, call))

    def _delete(self, op: RelationalDelete, call: Call) -> Rows:
        table = self._catalog.table(cast("str", op.dataset))
        if op.keys is not None:
            require_key(table)
            with self._changing(table, (), None, call) as writer:
                return Rows((), [], affected=delete_keys(writer, table, cast("list[tuple[object, ...]]", op.keys)))
        require_table(table)
        where = cast("Filter", op.where)
        if table.dataset.schema != where.schema:
            raise SchemaChanged(table.name)
        with self._changing(table, (), where, call) as writer:
            return Rows((), [], affected=delete_where(writer, table, where, call))

    def load(self, spec: LoadSpec, call: Call) -> int:
        """Store batches in one transaction."""
        return sqlite_loading.load(self._file, self._catalog, spec, call)

    def drop(self, dataset: str, call: Call) -> None:
        """Remove a table or a view."""
        sqlite_loading.drop(self._file, self._catalog, dataset, call)

    def create_index(self, dataset: str, columns: Sequence[str], call: Call) -> None:
        """Index columns of a table."""
        sqlite_loading.create_index(self._file, self._catalog, dataset, columns, call)

    def _once(self, op: Operation, call: Call, work: Callable[[], Rows]) -> Rows:
        """Do a write, or tell what it did when it was done before under the same idempotency key."""
        if call.idempotency_key is None:
            return work()
        with self._file.transaction(call) as writer:
            return once(writer, f"{op.name} {op.dataset}", call, work)

    @contextmanager
    def _changing(self, table: Table, columns: Sequence[str], where: Filter | None, call: Call) -> Iterator[Connection]:
        """Give the writer in a transaction that sees the table as it was bound, and the columns that it reads."""
        with self._file.transaction(call) as writer:
            # nobody else can commit from here on
            self._catalog.check(writer, table, touched(columns, where), self._file.version_if_free(), call)
            yield writer

    def _execute_native(self, op: RelationalExecute, call: Call) -> Rows:
        answer, row_id = sqlite_native.change(self._file, op.sql, op.params, call)
        target = sqlite_native.inserted_into(op.sql)
        if row_id is not None and target is not None:
            table = next((t for n, t in self._catalog.tables().items() if n.lower() == target.lower()), None)
            if table is not None and table.row_id is not None:
                answer.keys = [row_id]
        return answer


def _bound_anew(attempt: Callable[[], T]) -> T:
    """Run what binds a statement to the tables again when they changed in between; nothing was written then."""
    for _ in range(_BINDINGS):
        try:
            return attempt()
        except SchemaChanged:
            continue
    return attempt()

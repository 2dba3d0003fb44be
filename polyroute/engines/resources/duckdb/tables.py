"""What the two DuckDB engines have in common: datasets that are tables of one file, scanned, loaded, dropped and
indexed.

DuckDB is the reference of polyroute's semantics, so every scan goes down whole: columns, filter, order, limit. An
engine sees the tables of its own kind: the time-series engine those that were loaded through it, the relational engine
all others, also those that another program made.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Self, cast

import duckdb
import pyarrow as pa

from polyroute.engines.call import UNBOUNDED, Call
from polyroute.engines.contract import BoundScan, BoundSelect, Dataset, Engine, LoadSpec, Pushed, Statistics, Traits
from polyroute.engines.resources.duckdb.catalog import Stored, read_tables
from polyroute.engines.resources.duckdb.file import DuckDBFile, open_file
from polyroute.engines.resources.duckdb.loading import drop_table, load
from polyroute.engines.resources.duckdb.repeats import once
from polyroute.engines.resources.duckdb.sampling import sample
from polyroute.engines.resources.duckdb.selecting import Words, prepare, select
from polyroute.engines.resources.duckdb.types import refusal
from polyroute.engines.resources.duckdb.values import decode
from polyroute.engines.resources.duckdb.writes import name_list
from polyroute.engines.resources.shared import Resource
from polyroute.engines.url import EngineURL
from polyroute.errors import DUCKDB as DUCKDB_ERRORS
from polyroute.errors import invalid, unknown_name
from polyroute.operations import Operation
from polyroute.result import Rows
from polyroute.sql.filters import DUCKDB, Filter, OrderKey, to_sql
from polyroute.sql.filters.to_sql import quote_double as quote

_VOLATILE = re.compile(
    r"\b(random|setseed|uuid\w*|gen_random_uuid|nextval|currval|now|today|version|txid_current|transaction_timestamp"
    r"|(get_)?current_\w+|local(time|timestamp)|getvariable|tablesample|sample)\b",
    re.IGNORECASE,
)


class DuckDBTables(Engine):
    """Datasets that are tables of a DuckDB file; a subclass says which, and adds the operations of its kind."""

    traits = Traits(dialect="duckdb", cancellable=True, idempotent_writes=True, hosts_merges=True)
    errors = DUCKDB_ERRORS

    def __init__(self, resource: Resource[DuckDBFile]) -> None:
        self._resource: Resource[DuckDBFile] | None = resource
        self._words = Words()

    @classmethod
    def open(cls, url: EngineURL, *, read_only: bool = False) -> Self:
        """Open the file at an address, made if it is absent; options are memory_limit, threads, temp_directory and
        max_temp_directory_size.
        """
        return cls(open_file(url, read_only=read_only))

    @property
    def resource(self) -> Resource[DuckDBFile]:
        """The file, shared by all engines on it."""
        if self._resource is None:
            raise duckdb.ConnectionException("the engine is closed")
        return self._resource

    @property
    def _file(self) -> DuckDBFile:
        return self.resource.handle

    def close(self) -> None:
        """Leave the file; the last engine on it closes it."""
        resource, self._resource = self._resource, None
        if resource is not None:
            resource.release()

    def datasets(self) -> Mapping[str, Dataset]:
        """Return the datasets of the engine's kind."""
        return self._file.remembered(self._read_catalog)[1][self.kind]

    def _read_catalog(self) -> tuple[Mapping[str, Stored], Mapping[str, Mapping[str, Dataset]]]:
        with self._file.reading(UNBOUNDED) as cursor:
            tables = read_tables(cursor)
        kinds: dict[str, dict[str, Dataset]] = {"relational": {}, "timeseries": {}}
        for name, stored in tables.items():
            kinds.setdefault(stored.dataset.kind, {})[name] = stored.dataset
        return tables, {kind: MappingProxyType(found) for kind, found in kinds.items()}

    def _tables(self) -> Mapping[str, Stored]:
        """Return all tables of the file, of both kinds."""
        return self._file.remembered(self._read_catalog)[0]

    def _stored(self, name: str | None) -> Stored:
        stored = self._tables().get(name or "")
        if stored is None or stored.dataset.kind != self.kind:
            raise unknown_name("dataset", name or "", self.datasets())
        return stored

    def _writable(self, name: str | None) -> Stored:
        stored = self._stored(name)
        if stored.view:
            raise invalid(f"{name!r} is a view, which holds no rows", hint="write to the tables beneath it")
        return stored

    def negotiate(self, op: BoundScan) -> Pushed:
        """Promise everything."""
        return Pushed(columns=True, where=op.where, order=True, limit=True)

    def scan(self, op: BoundScan, call: Call) -> pa.Table | pa.RecordBatchReader:
        """Read a dataset."""
        stored = self._stored(op.dataset.name)
        if not op.columns:
            raise invalid("a scan reads at least one column", hint="name columns, or leave them out for all")
        order = ", ".join(_order_sql(key, stored) for key in op.order)
        return self._select(stored, op.columns, where=op.where, order=order, limit=op.limit, call=call)

    def negotiate_select(self, op: BoundSelect) -> None:
        """Bind the SELECT; what binds is exact, since DuckDB is the reference of polyroute's semantics."""
        prepare(self._file, self._words, self._tables(), op)

    def select(self, op: BoundSelect, call: Call) -> pa.Table:
        """Run a whole SELECT over tables of the file, of both kinds, and over what was shipped with it."""
        return select(self._file, self._words, self._tables(), op, call)

    def _select(
        self,
        stored: Stored,
        columns: Sequence[str],
        *,
        conditions: Iterable[str] = (),
        params: Mapping[str, object] = MappingProxyType({}),
        where: Filter | None = None,
        order: str = "",
        limit: int | None = None,
        call: Call,
    ) -> pa.Table | pa.RecordBatchReader:
        """Read columns of the rows that pass every condition and the filter."""
        text, values = self._where(stored, where, conditions)
        sql = f"SELECT {stored.columns(columns)} FROM {stored.table}{text}"
        if order:
            sql += f" ORDER BY {order}"
        if limit is not None:
            sql += f" LIMIT {int(limit)}"
        schema = pa.schema([stored.dataset.schema.field(c) for c in columns])
        return self._file.read(sql, {**params, **values}, lambda table: decode(table, schema), call)

    @staticmethod
    def _where(stored: Stored, where: Filter | None, conditions: Iterable[str] = ()) -> tuple[str, dict[str, object]]:
        """Return a WHERE clause, or nothing, with its named parameters."""
        parts = list(conditions)
        values: dict[str, object] = {}
        if where is not None:
            text, values = rendered_filter(where, stored)
            parts.append(f"({text})")
        return (f" WHERE {' AND '.join(parts)}" if parts else ""), values

    def refusal(self, arrow_type: pa.DataType) -> str | None:
        """Tell why DuckDB cannot give a logical type back as loaded, or None when it can."""
        return refusal(arrow_type)

    def load(self, spec: LoadSpec, call: Call) -> int:
        """Store batches, all or nothing, and return the rows stored."""
        with self._file.writing(call, defines=True) as cursor:
            rows = once(cursor, f"load {spec.mode} {spec.dataset.name}", call, lambda: load(cursor, spec, call))
            spec.before_commit()
        return rows

    def drop(self, dataset: str, call: Call) -> None:
        """Remove a dataset with its indexes and its registration."""
        stored = self._stored(dataset)
        with self._file.writing(call, defines=True) as cursor:
            drop_table(cursor, stored)

    def _change(
        self, op: Operation, call: Call, work: Callable[[duckdb.DuckDBPyConnection], int], *, defines: bool = False
    ) -> Rows:
        """Do a write in a transaction of its own, once per idempotency key."""
        with self._file.writing(call, defines=defines) as cursor:
            affected = once(cursor, f"{op.name} {op.dataset}", call, lambda: work(cursor))
        return Rows((), [], affected=affected)

    def create_index(self, dataset: str, columns: Sequence[str], call: Call) -> None:
        """Make an index on columns, unless there is one of that name; it serves look-ups of single values."""
        stored = self._writable(dataset)
        names = stored.dataset.schema.names
        for column in columns:
            if column not in names:
                raise unknown_name(f"column of {dataset!r}", column, names)
        if not columns:
            raise invalid("an index needs at least one column", hint=f"the columns of {dataset!r}: {', '.join(names)}")
        name = quote(f"polyroute_{dataset}_{'_'.join(columns)}")
        with self._file.writing(call, defines=True) as cursor:
            cursor.execute(f"CREATE INDEX IF NOT EXISTS {name} ON {stored.table} ({name_list(columns)})")

    def data_version(self, dataset: str) -> object | None:
        """Return the file's version: DuckDB lets nobody else write it, so no change escapes it."""
        return self._file.version()

    def foreign_version(self, dataset: str) -> object | None:
        """Return always the same: while the file is open, no other program can write it."""
        return "held"

    def entangled(self, dataset: str) -> bool:
        """Tell whether a dataset is a view; nothing else in DuckDB changes by itself."""
        return self._stored(dataset).view

    def volatile(self, dataset: str) -> bool:
        """Tell whether a dataset is a view that could read the clock or chance; views may read others, so all count."""
        if not self._stored(dataset).view:
            return False
        with self._file.reading(UNBOUNDED) as cursor:
            texts = cursor.execute("SELECT sql FROM duckdb_views() WHERE NOT internal").fetchall()
        return any(_VOLATILE.search(text) for [text] in texts)

    def statistics(self, dataset: str, part: str | None = None) -> Statistics:
        """Return the row count of a table; a view would have to be computed."""
        stored = self._stored(dataset)
        if stored.view:
            return Statistics()
        with self._file.reading(UNBOUNDED) as cursor:
            return Statistics(cursor.execute(f"SELECT count(*) FROM {stored.table}").fetchall()[0][0])

    def sample(self, dataset: str, part: str | None, rows: int, call: Call) -> pa.Table:
        """Return rows from all over a table; of a view the first."""
        with self._file.reading(call) as cursor:
            found = sample(cursor, self._stored(dataset), rows)
        return super().sample(dataset, part, rows, call) if found is None else found

    def ping(self, call: Call) -> None:
        """Raise when the file cannot be asked."""
        with self._file.reading(call) as cursor:
            cursor.execute("SELECT 1").fetchall()


def rendered_filter(where: Filter, stored: Stored) -> tuple[str, dict[str, object]]:
    """Return a filter as SQL over a stored table, with its named parameters p1, p2 and so on."""
    # one target for all plain tables, so that what was written for it is remembered
    rendered = to_sql(where, replace(DUCKDB, quote=stored.column) if stored.casts else DUCKDB)
    return rendered.text, cast("dict[str, object]", rendered.params)


def _order_sql(key: OrderKey, stored: Stored) -> str:
    direction, nulls = "DESC" if key.descending else "ASC", "FIRST" if key.nulls_first else "LAST"
    return f"{stored.column(key.column)} {direction} NULLS {nulls}"

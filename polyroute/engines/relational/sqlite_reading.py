"""Read one table: the row of a key, in microseconds; a scan, as a few rows or as a stream of Arrow batches."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from polyroute.engines.call import Call
from polyroute.engines.contract import Answer, BoundScan, SchemaChanged
from polyroute.engines.relational.sqlite_catalog import SQLiteCatalog
from polyroute.engines.relational.sqlite_decoding import (
    DecodeRow,
    WrongValue,
    batch_of,
    fits_tuples,
    row_decoder,
    rows_at_once,
    stream,
)
from polyroute.engines.relational.sqlite_foreign import class_of
from polyroute.engines.relational.sqlite_form import OutOfRange
from polyroute.engines.relational.sqlite_select import select, touched
from polyroute.engines.relational.sqlite_tables import Table, quoted
from polyroute.engines.relational.sqlite_writing import key_sql, require_key, stored_value
from polyroute.engines.resources.sqlite import SQLiteFile, execute
from polyroute.result import Row, Rows

_FEW_ROWS = 64


@dataclass(frozen=True, slots=True)
class _PointRead:
    """A prepared read by key: the statement, how the key is stored, how the row is decoded."""

    table: Table
    columns: tuple[str, ...]
    sql: str
    encode: Callable[[tuple[Any, ...]], tuple[Any, ...]] | None
    decode: DecodeRow | None
    schema: pa.Schema
    fits: bool

    def answer(self, row: Row | None) -> Rows | pa.Table:
        """Return what was found."""
        if row is None:
            return Rows(self.columns, [], self.schema)
        if not self.fits:
            return pa.Table.from_batches([batch_of([row], self.table, self.columns, self.schema)])
        return Rows(self.columns, [row if self.decode is None else self.decode(row)], self.schema)


class PointReads:
    """Reads rows by key, remembering per dataset and columns what has to be done."""

    def __init__(self, file: SQLiteFile, catalog: SQLiteCatalog) -> None:
        self._file = file
        self._catalog = catalog
        self._prepared: dict[tuple[str, tuple[str, ...] | None], _PointRead] = {}

    def get(self, dataset: str, columns: tuple[str, ...] | None, key: tuple[Any, ...], call: Call) -> Rows | pa.Table:
        """Return the row of a key, or no row; `key` has a value of the key's type per key column."""
        file = self._file
        while True:
            plan = self._prepared.get((dataset, columns))
            if plan is None or self._catalog.known.get(dataset) is not plan.table:
                plan = self._prepare(dataset, columns)
            compiled = file.compiled
            reader = file.borrow()
            try:
                stored = key if plan.encode is None else plan.encode(key)
                row = reader.execute(plan.sql, stored).fetchone()
            except sqlite3.OperationalError:
                if not self._holds(plan):
                    continue
                row = self._wait(plan, stored, call)
            except (OverflowError, OutOfRange):  # a key that SQLite cannot hold is the key of no row
                row = None
            finally:
                file.give_back(reader)
            # a statement that was compiled just now may have met another schema than the plan's
            if file.compiled != compiled and not self._holds(plan):
                continue
            try:
                return plan.answer(row)
            except WrongValue as wrong:
                self._catalog.widen(dataset, {wrong.column: (class_of(wrong.value),)})
                if wrong.column in plan.table.dataset.key:
                    raise SchemaChanged(dataset) from wrong

    def _wait(self, plan: _PointRead, stored: tuple[Any, ...], call: Call) -> Any:
        with self._file.reading(call) as reader:
            return execute(reader, plan.sql, stored, call).fetchone()

    def _holds(self, plan: _PointRead) -> bool:
        return self._catalog.tables().get(plan.table.name) is plan.table

    def _prepare(self, dataset: str, columns: tuple[str, ...] | None) -> _PointRead:
        table = self._catalog.table(dataset)
        require_key(table)
        names = tuple(table.columns) if columns is None else columns
        if not table.columns.keys() >= set(names):
            raise SchemaChanged(dataset)
        wanted = ", ".join(quoted(n) for n in names)
        sql = f"SELECT {wanted} FROM {quoted(dataset)} WHERE {key_sql(table)}"
        schema = pa.schema([table.dataset.schema.field(n) for n in names])
        plan = _PointRead(
            table, names, sql, _key_encoder(table), row_decoder(table, names), schema, fits_tuples(schema)
        )
        self._prepared[dataset, columns] = plan
        return plan


def _key_encoder(table: Table) -> Callable[[tuple[Any, ...]], tuple[Any, ...]] | None:
    columns = [table.columns[k] for k in table.dataset.key]
    if all(c.form.encode_value is None for c in columns):
        return None
    return lambda key: tuple([stored_value(v, c) for v, c in zip(key, columns, strict=True)])


def scan(catalog: SQLiteCatalog, table: Table, op: BoundScan, names: Sequence[str], call: Call) -> Answer:
    """Run a scan that SQLite does wholly; its columns are answered under `names`.

    Raises `SchemaChanged` when the table is not what the scan was bound to.
    """
    fields = [table.dataset.schema.field(c).with_name(n) for c, n in zip(op.columns, names, strict=True)]
    schema = pa.schema(fields)
    sql, params = select(table, op.columns, op.where, op.order, op.limit)
    with ExitStack() as stack:
        reader = stack.enter_context(catalog.snapshot(table, touched(op.columns, op.where, op.order), call))
        if not op.columns:
            return _counted(reader, sql, params, call)
        cursor = execute(reader, sql, params, call)
        size = rows_at_once(schema)
        rows = cursor.fetchmany(size)
        if len(rows) <= _FEW_ROWS and fits_tuples(schema):
            decode = row_decoder(table, op.columns)
            return Rows(tuple(names), rows if decode is None else [decode(row) for row in rows], schema)
        if len(rows) < size:
            return pa.Table.from_batches([batch_of(rows, table, op.columns, schema)])
        batches = stream(stack.pop_all(), cursor, rows, table, op.columns, schema, call)
        return pa.RecordBatchReader.from_batches(schema, batches)


def _counted(reader: sqlite3.Connection, sql: str, params: Sequence[Any], call: Call) -> pa.Table:
    """Return a table of no columns and as many rows as a statement gives."""
    [count] = execute(reader, f"SELECT count(*) FROM ({sql})", params, call).fetchone()
    return pa.table({"row": pa.nulls(count)}).select([])

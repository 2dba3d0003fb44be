"""Run changes written in polyroute's dialect on one SQLite file: INSERT of values, UPDATE, DELETE on a single table."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

import pyarrow as pa
from sqlglot import exp

from polyroute.engines.call import Call
from polyroute.engines.relational.sqlite_expressions import compute_columns, compute_rows, is_constant
from polyroute.engines.relational.sqlite_statements import Change, Insertion, column_named
from polyroute.engines.relational.sqlite_tables import Column, Table
from polyroute.engines.relational.sqlite_writing import (
    delete_where,
    insert_sql,
    require_table,
    select_rows,
    stored_rows,
    update_rows,
    update_where,
    write_rows,
)
from polyroute.errors import invalid
from polyroute.result import Rows

_MOST_KEYS = 10_000


def insert(writer: sqlite3.Connection, change: Insertion, params: Mapping[str, object], call: Call) -> Rows:
    """Insert the rows of an INSERT; `keys` are their row ids, where the table has them."""
    table = change.table
    require_table(table)
    columns = tuple(_written(table, name) for name in change.columns)
    fields = [table.dataset.schema.field(name) for name in change.columns]
    rows = compute_rows(fields, change.rows, params, call)
    sql = insert_sql(table, columns)
    if table.row_id is None or rows.num_rows > _MOST_KEYS:
        return Rows((), [], affected=write_rows(writer, sql, rows, columns, call))
    keys = [writer.execute(sql, row).lastrowid for batch in rows.to_batches() for row in stored_rows(batch, columns)]
    return Rows((), [], affected=len(keys), keys=keys)


def change_rows(writer: sqlite3.Connection, change: Change, params: Mapping[str, object], call: Call) -> Rows:
    """Run an UPDATE or a DELETE and tell how many rows it met."""
    table = change.table
    if not change.assignments:
        require_table(table)
        return Rows((), [], affected=delete_where(writer, table, change.where, call))
    columns = [_written(table, name) for name in change.assignments]
    fields = [table.dataset.schema.field(c.name) for c in columns]
    values = list(change.assignments.values())
    if all(is_constant(value) for value in values):
        computed = compute_rows(fields, [values], params, call)
        [stored] = [row for batch in computed.to_batches() for row in stored_rows(batch, columns)]
        given = dict(zip((c.name for c in columns), stored, strict=True))
        return Rows((), [], affected=update_where(writer, table, given, change.where, call))
    found = select_rows(writer, table, columns_read(change), change.where, call)
    new = compute_columns(found.rows, fields, values, params, call) if found.addresses else pa.table({})
    affected = update_rows(writer, table, columns, found, new) if found.addresses else 0
    return Rows((), [], affected=affected)


def columns_read(change: Change) -> list[str]:
    """Return the columns from which an UPDATE computes its values."""
    roots = {column.parts[0].name for value in change.assignments.values() for column in value.find_all(exp.Column)}
    return sorted({column_named(root, change.table) for root in roots})


def _written(table: Table, name: str) -> Column:
    column = table.columns[name]
    if column.generated:
        raise invalid(f"column {name!r} of {table.name!r} is computed by SQLite", hint="leave it out")
    return column

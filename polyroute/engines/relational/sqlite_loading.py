"""Load datasets into a SQLite file, drop and index them; each in one transaction, so all or nothing."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Sequence

import pyarrow as pa

from polyroute.engines.call import Call
from polyroute.engines.contract import Dataset, LoadSpec
from polyroute.engines.relational.sqlite_catalog import SQLiteCatalog
from polyroute.engines.relational.sqlite_decoding import rows_at_once
from polyroute.engines.relational.sqlite_forms import form_of
from polyroute.engines.relational.sqlite_statements import column_named
from polyroute.engines.relational.sqlite_tables import KIND, Column, Table, quoted
from polyroute.engines.relational.sqlite_writing import (
    insert_sql,
    require_key,
    require_table,
    stored_rows,
    upsert_sql,
    written_columns,
)
from polyroute.engines.resources.sqlite import SQLiteFile
from polyroute.engines.resources.sqlite_registry import put_entry, read_entries, remove_entry
from polyroute.engines.resources.sqlite_repeats import once
from polyroute.errors import DatabaseErrorCode, Outcome, invalid, make_error
from polyroute.result import Rows
from polyroute.sql.filters.to_sql import quote_double
from polyroute.sql.types import is_json


def load(file: SQLiteFile, catalog: SQLiteCatalog, spec: LoadSpec, call: Call) -> int:
    """Store the batches of a load and return how many rows they had.

    Raises CONSISTENCY_VIOLATION for a key that is held already, QUERY_INVALID for a name that is taken and for a value
    that cannot be stored; then nothing has changed.
    """
    with file.transaction(call) as writer:
        done = once(
            writer,
            f"load {spec.mode} {spec.dataset.name}",
            call,
            lambda: Rows((), [], affected=_fill(writer, catalog, spec, call)),
        )
        spec.before_commit()
    return int(done.affected or 0)


def _fill(writer: sqlite3.Connection, catalog: SQLiteCatalog, spec: LoadSpec, call: Call) -> int:
    try:
        table, indexes = _target(writer, catalog, spec)
        rows = _store(writer, table, spec, call)
        for sql in indexes:
            with contextlib.suppress(sqlite3.OperationalError):  # on a column that is gone
                writer.execute(sql)
    except sqlite3.IntegrityError as exc:
        raise make_error(
            DatabaseErrorCode.CONSISTENCY_VIOLATION,
            f"a row of {spec.dataset.name!r} breaks a rule of the data: {exc}",
            hint="load with mode='upsert' to replace the rows whose key is held",
            outcome=Outcome.ROLLED_BACK,
        ) from exc
    return rows


def drop(file: SQLiteFile, catalog: SQLiteCatalog, name: str, call: Call) -> None:
    """Remove a table or a view, and what the registry says of it."""
    with file.transaction(call) as writer:
        table = catalog.table(name)
        _drop(writer, table)
        remove_entry(writer, name)


def create_index(file: SQLiteFile, catalog: SQLiteCatalog, name: str, columns: Sequence[str], call: Call) -> None:
    """Index columns of a table, unless an index on exactly these columns is there."""
    with file.transaction(call) as writer:
        table = catalog.table(name)
        require_table(table)
        if not columns:
            raise invalid("an index needs a column", hint=f"the columns are {', '.join(table.columns)}")
        named = [column_named(c, table) for c in columns]
        if named in _indexed(writer, name):
            return
        label = f"{name} by {', '.join(named)}"
        # in double quotes a column that is not there would be indexed as a text
        listed = ", ".join(quoted(c) for c in named)
        writer.execute(f"CREATE INDEX {quoted(label)} ON {quoted(name)} ({listed})")


def create_table_sql(dataset: Dataset) -> str:
    """Return the STRICT table of a dataset, whose checks keep other programs to the stored forms.

    >>> schema = pa.schema([("id", pa.int64()), ("day", pa.date32())])
    >>> print(create_table_sql(Dataset("t", "relational", schema, ("id",))))
    CREATE TABLE "t" (
      "id" INTEGER PRIMARY KEY,
      "day" TEXT CONSTRAINT "day is a date32[day]" CHECK ("day" GLOB '????-??-??')
    ) STRICT
    """
    lines = [_definition(field, dataset.key) for field in dataset.schema]
    if dataset.key and not _is_row_id(dataset):
        lines.append(f"PRIMARY KEY ({', '.join(quote_double(k) for k in dataset.key)})")
    body = ",\n  ".join(lines)
    return f"CREATE TABLE {quote_double(dataset.name)} (\n  {body}\n) STRICT"


def _definition(field: pa.Field, key: Sequence[str]) -> str:
    form, name = form_of(field.type), quote_double(field.name)
    words = [name, form.declared]
    if (field.name,) == tuple(key) and pa.types.is_integer(field.type):
        words.append("PRIMARY KEY")
    elif field.name in key:
        words.append("NOT NULL")
    if form.check is not None:
        label = quote_double(f"{field.name} is a {field.type}")
        words.append(f"CONSTRAINT {label} CHECK ({form.check.format(name)})")
    return " ".join(words)


def _is_row_id(dataset: Dataset) -> bool:
    return len(dataset.key) == 1 and pa.types.is_integer(dataset.schema.field(dataset.key[0]).type)


def _target(writer: sqlite3.Connection, catalog: SQLiteCatalog, spec: LoadSpec) -> tuple[Table, list[str]]:
    """Return the table to fill, made anew where the mode says so, and the indexes to make again."""
    dataset = spec.dataset
    held = catalog.tables().get(dataset.name)
    if held is not None and spec.mode in ("append", "upsert"):
        (require_key if spec.mode == "upsert" else require_table)(held)
        return held, []
    if held is not None and spec.mode == "create":
        raise invalid(
            f"there is a dataset {dataset.name!r} already",
            hint="load with mode='append', 'upsert' or 'replace', or choose another name",
        )
    indexes = []
    if held is not None:
        indexes = _index_definitions(writer, dataset.name)
        _drop(writer, held)
    _check_definition(writer, dataset)
    writer.execute(create_table_sql(dataset))
    put_entry(writer, dataset)
    return _made(dataset), indexes


def _made(dataset: Dataset) -> Table:
    columns = {f.name: Column(f.name, form_of(f.type)) for f in dataset.schema}
    return Table(dataset, columns, "table", None, "")


def _check_definition(writer: sqlite3.Connection, dataset: Dataset) -> None:
    name = dataset.name
    if name.lower().startswith("sqlite_"):
        raise invalid(f"SQLite keeps names like {name!r} to itself", hint="choose a name without sqlite_ in front")
    taken = {e.name.lower() for e in read_entries(writer) if e.kind != KIND}
    taken |= {str(row[0]).lower() for row in writer.execute("SELECT name FROM sqlite_master")}
    if name.lower() in taken:
        raise invalid(f"the name {name!r} is taken in this file", hint="choose a name that differs by more than case")
    if not dataset.schema.names:
        raise invalid(f"{name!r} has no columns", hint="load at least one column")
    for column in [name, *dataset.schema.names]:
        if "\0" in column or (not column.isprintable() and not _encodes(column)):
            raise invalid("a name holds a character that SQLite has not", hint="rename it before loading")
    for key in dataset.key:
        held = dataset.schema.field(key).type
        if is_json(held) or pa.types.is_nested(held) or pa.types.is_null(held):
            raise invalid(f"the key {key!r} is of type {held}", hint="a key is made of numbers, texts, times or bytes")


def _encodes(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _store(writer: sqlite3.Connection, table: Table, spec: LoadSpec, call: Call) -> int:
    columns = table.written
    sql = upsert_sql(table, columns) if spec.mode == "upsert" else insert_sql(table, columns)
    size, stored = rows_at_once(table.dataset.schema), 0
    for whole in spec.batches():
        for batch in pa.Table.from_batches([whole]).to_batches(max_chunksize=size):
            call.check()
            _check_batch(table, batch)
            writer.executemany(sql, stored_rows(batch, columns))
            stored += batch.num_rows
            spec.advance(batch.num_rows)
    return stored


def _check_batch(table: Table, batch: pa.RecordBatch) -> None:
    written_columns(table, batch)
    for key in table.dataset.key:
        if batch.column(key).null_count:
            raise invalid(f"column {key!r} is the key and holds NULL", hint="give every row its key")


def _drop(writer: sqlite3.Connection, table: Table) -> None:
    writer.execute(f"DROP {'VIEW' if table.kind == 'view' else 'TABLE'} {quoted(table.name)}")


def _index_definitions(writer: sqlite3.Connection, name: str) -> list[str]:
    sql = "SELECT sql FROM sqlite_master WHERE type = 'index' AND tbl_name = ? AND sql IS NOT NULL"
    return [row[0] for row in writer.execute(sql, (name,))]


def _indexed(writer: sqlite3.Connection, name: str) -> list[list[str]]:
    """Return the columns of every whole index of a table."""
    found = writer.execute(f"PRAGMA index_list({quoted(name)})").fetchall()
    whole = [row[1] for row in found if not row[4]]
    return [[row[2] for row in writer.execute(f"PRAGMA index_info({quoted(index)})")] for index in whole]

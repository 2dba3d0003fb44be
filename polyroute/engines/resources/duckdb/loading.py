"""Load whole datasets into a DuckDB file, inside a transaction that is open already.

The name is checked again here, where nobody else writes. What a load makes, the table, its key, its rows, its
registration, becomes visible with the commit of the transaction, all at once; a replaced dataset is read whole, old or
new.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa
from sqlglot import exp

from polyroute.engines.resources.duckdb.catalog import Stored, put_entry, read_tables, remove_orphans
from polyroute.engines.resources.duckdb.types import column_check, storage_type
from polyroute.engines.resources.duckdb.writes import insert, name_list, upsert
from polyroute.errors import PolyrouteError, invalid
from polyroute.sql.dialect import parse_statement
from polyroute.sql.filters.to_sql import quote_double as quote

if TYPE_CHECKING:
    from polyroute.engines.call import Call
    from polyroute.engines.contract import Dataset, LoadSpec

_FLUSH_ROWS = 65_536
_NOT_INDEXED = ("INTERVAL", "STRUCT", "MAP", "[", '"NULL"')


def load(cursor: duckdb.DuckDBPyConnection, spec: LoadSpec, call: Call) -> int:
    """Carry out a load and return the rows stored.

    Raises QUERY_INVALID when the name is taken, and what `insert` and `upsert` raise.
    """
    target = _target(cursor, spec)
    write = upsert if spec.mode == "upsert" else insert
    rows = 0
    for table in _gathered(spec.batches(), call):
        write(cursor, target, table)
        rows += table.num_rows
        spec.advance(table.num_rows)
    return rows


def _target(cursor: duckdb.DuckDBPyConnection, spec: LoadSpec) -> Stored:
    """Return the table to write to, made anew where the mode says so."""
    name = spec.dataset.name
    stored = _found(name, read_tables(cursor))
    if stored is None:
        return create_table(cursor, spec.dataset, ("main", name))
    held = stored.dataset
    if spec.mode == "create" or held.kind != spec.dataset.kind or held.name != name:
        raise _taken(name, held)
    if stored.view:
        raise invalid(f"{name!r} is a view, which holds no rows", hint="load under another name")
    if spec.mode != "replace":
        return stored
    indexes = _indexes(cursor, stored)
    cursor.execute(f"DROP TABLE {stored.table}")
    created = create_table(cursor, spec.dataset, stored.place)
    for columns, statement in indexes:
        if columns <= set(spec.dataset.schema.names):
            cursor.execute(statement)
    return created


def _indexes(cursor: duckdb.DuckDBPyConnection, stored: Stored) -> list[tuple[set[str], str]]:
    """Return the columns and the text of every index that was made on a table."""
    rows = cursor.execute(
        "SELECT sql FROM duckdb_indexes() "
        "WHERE database_name = current_database() AND schema_name = ? AND table_name = ?",
        list(stored.place),
    ).fetchall()
    return [({c.name for c in parse_statement(sql).find_all(exp.Column)}, sql) for (sql,) in rows]


def _found(name: str, held: Mapping[str, Stored]) -> Stored | None:
    return held.get(name) or next((s for n, s in held.items() if n.lower() == name.lower()), None)


def _taken(name: str, other: Dataset) -> PolyrouteError:
    if other.name != name:
        return invalid(f"the file holds {other.name!r} already, and DuckDB ignores case", hint="choose another name")
    return invalid(
        f"the file holds a {other.kind} dataset {name!r} already",
        hint="load into its own engine with mode='append', 'upsert' or 'replace', or choose another name",
    )


def create_table(cursor: duckdb.DuckDBPyConnection, dataset: Dataset, place: tuple[str, str]) -> Stored:
    """Make the table of a dataset, with its key and its registration."""
    for column in dataset.key:
        arrow_type = dataset.schema.field(column).type
        if any(mark in storage_type(arrow_type) for mark in _NOT_INDEXED):
            raise invalid(
                f"column {column!r} ({arrow_type}) cannot be a key in DuckDB",
                hint="choose a key of numbers, text, dates or times",
            )
    stored = Stored(dataset, place)
    parts = [_column(dataset, field) for field in dataset.schema]
    parts += [f"CHECK ({check})" for f in dataset.schema if (check := column_check(f.name, f.type))]
    if dataset.key:
        parts.append(f"PRIMARY KEY ({name_list(dataset.key)})")
    cursor.execute(f"CREATE TABLE {stored.table} ({', '.join(parts)})")
    put_entry(cursor, dataset)
    return stored


def _column(dataset: Dataset, field: pa.Field) -> str:
    needed = " NOT NULL" if field.name == dataset.roles.get("time") else ""
    return f"{quote(field.name)} {storage_type(field.type)}{needed}"


def drop_table(cursor: duckdb.DuckDBPyConnection, stored: Stored) -> None:
    """Remove a table or a view, with its registration."""
    cursor.execute(f"DROP {'VIEW' if stored.view else 'TABLE'} {stored.table}")
    remove_orphans(cursor)


def _gathered(batches: Iterator[pa.RecordBatch], call: Call) -> Iterator[pa.Table]:
    """Join small batches: a statement has its price, however few rows it brings."""
    waiting: list[pa.RecordBatch] = []
    rows = 0
    for batch in batches:
        call.check()
        waiting.append(batch)
        rows += batch.num_rows
        if rows >= _FLUSH_ROWS:
            yield pa.Table.from_batches(waiting)
            waiting, rows = [], 0
    if rows:
        yield pa.Table.from_batches(waiting)

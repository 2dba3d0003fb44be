"""Write rows into one table: insert, upsert, update, delete, inside the transaction that the caller holds."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from polyroute.engines.call import Call
from polyroute.engines.contract import BoundScan
from polyroute.engines.local import filter_mask
from polyroute.engines.relational.sqlite_decoding import batch_of, rows_at_once
from polyroute.engines.relational.sqlite_form import OutOfRange
from polyroute.engines.relational.sqlite_select import negotiate, render_filter
from polyroute.engines.relational.sqlite_tables import Column, Table, quoted
from polyroute.engines.resources.sqlite import execute
from polyroute.errors import invalid
from polyroute.sql.filters import Filter


def stored_rows(batch: pa.RecordBatch, columns: Sequence[Column]) -> Iterator[tuple[Any, ...]]:
    """Return the rows of a batch in stored form, one value per column.

    Raises QUERY_INVALID, naming the column, for a value that SQLite cannot hold.
    """
    stored = [_stored(batch.column(c.name), c) for c in columns]
    return zip(*stored, strict=True) if stored else iter([()] * batch.num_rows)


def _stored(array: pa.Array, column: Column) -> list[Any]:
    try:
        return column.form.encode(array)
    except OutOfRange as exc:
        raise invalid(f"column {column.name!r} holds {exc}", hint="change the value, or choose another engine") from exc
    except (pa.ArrowException, ValueError, ArithmeticError) as exc:
        raise invalid(
            f"column {column.name!r} holds a value that is no proper {array.type}",
            hint="change the value, or choose another engine",
        ) from exc


def stored_value(value: object, column: Column) -> object:
    """Return one logical value in stored form."""
    if value is None or column.form.encode_value is None:
        return value
    return column.form.encode_value(value)


def insert_sql(table: Table, columns: Sequence[Column]) -> str:
    """Return the INSERT of some columns of a table."""
    if not columns:
        return f"INSERT INTO {quoted(table.name)} DEFAULT VALUES"
    names = ", ".join(quoted(c.name) for c in columns)
    return f"INSERT INTO {quoted(table.name)} ({names}) VALUES ({', '.join('?' * len(columns))})"


def upsert_sql(table: Table, columns: Sequence[Column]) -> str:
    """Return the INSERT that replaces the other columns of a row whose key is held."""
    key = set(table.dataset.key)
    # where keys compare without regard to case, the row takes the new spelling too
    changed = [c for c in columns if c.name not in key or not c.binary]
    target = ", ".join(quoted(k) for k in table.dataset.key)
    sets = ", ".join(f"{quoted(c.name)} = excluded.{quoted(c.name)}" for c in changed)
    action = f"UPDATE SET {sets}" if sets else "NOTHING"
    return f"{insert_sql(table, columns)} ON CONFLICT ({target}) DO {action}"


def key_sql(table: Table) -> str:
    """Return the condition that finds a row by its key, given as ?1, ?2, ..."""
    return " AND ".join(_equal(table.columns[k], f"?{i}") for i, k in enumerate(table.dataset.key, 1))


def _equal(column: Column, value: str) -> str:
    plain = f"{quoted(column.name)} = {value}"
    return plain if column.binary else f"{plain} AND {quoted(column.name)} = {value} COLLATE BINARY"


def require_table(table: Table) -> None:
    """Refuse to write what is not a plain table: QUERY_INVALID."""
    if table.kind == "view":
        raise invalid(f"{table.name!r} is a view and cannot be written", hint="write the tables that it reads")
    if table.kind != "table":
        raise invalid(f"{table.name!r} is a virtual table", hint="write it with relational_execute, dialect='native'")


def require_key(table: Table) -> None:
    """Refuse an operation by key on a table that has none: QUERY_INVALID."""
    require_table(table)
    if not table.dataset.key:
        raise invalid(f"{table.name!r} has no key", hint="load it with key='column', or use a filter (where=...)")


def written_columns(table: Table, rows: pa.Table | pa.RecordBatch) -> tuple[Column, ...]:
    """Return the columns to write; QUERY_INVALID when a value is given for one that SQLite computes."""
    for column in table.columns.values():
        if column.generated and rows[column.name].null_count < rows.num_rows:
            raise invalid(f"column {column.name!r} of {table.name!r} is computed by SQLite", hint="leave it out")
    return table.written


def write_rows(writer: sqlite3.Connection, sql: str, rows: pa.Table, columns: Sequence[Column], call: Call) -> int:
    """Run an INSERT for every row of a table and return the number of rows given."""
    for batch in rows.to_batches(max_chunksize=rows_at_once(rows.schema)):
        call.check()
        writer.executemany(sql, stored_rows(batch, columns))
    return int(rows.num_rows)


def delete_keys(writer: sqlite3.Connection, table: Table, keys: Sequence[tuple[object, ...]]) -> int:
    """Delete the rows of some keys and return how many there were."""
    columns = [table.columns[k] for k in table.dataset.key]
    stored = [tuple([stored_value(v, c) for v, c in zip(key, columns, strict=True)]) for key in keys]
    return writer.executemany(f"DELETE FROM {quoted(table.name)} WHERE {key_sql(table)}", stored).rowcount


@dataclass(frozen=True, slots=True)
class Selected:
    """Rows found for a change: their logical columns, and the stored values by which each is addressed."""

    rows: pa.Table
    addresses: list[tuple[Any, ...]]


def address_sql(table: Table) -> tuple[tuple[str, ...], str]:
    """Return the columns by which one row is addressed, and the condition on them."""
    require_table(table)
    names = (table.row_id,) if table.row_id is not None else table.dataset.key
    if not names:
        raise invalid(f"rows of {table.name!r} cannot be told apart", hint="give the table a key")
    return names, " AND ".join(f"{quoted(n)} IS ?" for n in names)


def select_rows(
    writer: sqlite3.Connection, table: Table, columns: Sequence[str], where: Filter | None, call: Call
) -> Selected:
    """Find the rows that pass a filter, whatever it says, with some of their columns."""
    names, _ = address_sql(table)
    pushed = negotiate(table, BoundScan(table.dataset, None, (), where))
    left = pushed.residual.columns if pushed.residual is not None else frozenset()
    # an Arrow table without columns has no rows either, and a filter may name none: 2 = 2
    read = tuple(dict.fromkeys([*columns, *sorted(left)])) or tuple(table.dataset.schema.names[:1])
    sql = f"SELECT {', '.join(quoted(n) for n in (*names, *read))} FROM {quoted(table.name)}"
    params: list[Any] = []
    if pushed.where is not None:
        text, params = render_filter(table, pushed.where)
        sql += f" WHERE {text}"
    found = execute(writer, sql, params, call).fetchall()
    width = len(names)
    schema = pa.schema([table.dataset.schema.field(c) for c in read])
    rows = pa.Table.from_batches([batch_of([row[width:] for row in found], table, read, schema)])
    addresses = [row[:width] for row in found]
    if pushed.residual is None:
        return Selected(rows, addresses)
    mask = filter_mask(rows, pushed.residual, call)
    kept = [address for address, passes in zip(addresses, mask, strict=True) if passes]
    return Selected(rows.filter(pa.array(mask)), kept)


def delete_where(writer: sqlite3.Connection, table: Table, where: Filter | None, call: Call) -> int:
    """Delete the rows that pass a filter and return how many there were."""
    return _change_where(writer, table, f"DELETE FROM {quoted(table.name)}", [], where, call)


def update_where(
    writer: sqlite3.Connection, table: Table, values: Mapping[str, object], where: Filter | None, call: Call
) -> int:
    """Set columns to stored values in the rows that pass a filter and return how many there were."""
    sets = ", ".join(f"{quoted(c)} = ?" for c in values)
    return _change_where(writer, table, f"UPDATE {quoted(table.name)} SET {sets}", list(values.values()), where, call)


def _change_where(
    writer: sqlite3.Connection, table: Table, sql: str, params: list[Any], where: Filter | None, call: Call
) -> int:
    if where is None:
        return execute(writer, sql, params, call).rowcount
    pushed = negotiate(table, BoundScan(table.dataset, None, (), where))
    if pushed.residual is None:
        text, bound = render_filter(table, where)
        return execute(writer, f"{sql} WHERE {text}", [*params, *bound], call).rowcount
    found = select_rows(writer, table, (), where, call)
    _, condition = address_sql(table)
    given = [(*params, *address) for address in found.addresses]
    return writer.executemany(f"{sql} WHERE {condition}", given).rowcount if given else 0


def update_rows(
    writer: sqlite3.Connection, table: Table, columns: Sequence[Column], found: Selected, values: pa.Table
) -> int:
    """Set columns of addressed rows to new values, one row of values each."""
    sets = ", ".join(f"{quoted(c.name)} = ?" for c in columns)
    _, condition = address_sql(table)
    stored = [row for batch in values.to_batches() for row in stored_rows(batch, columns)]
    given = [(*row, *address) for row, address in zip(stored, found.addresses, strict=True)]
    sql = f"UPDATE {quoted(table.name)} SET {sets} WHERE {condition}"
    return writer.executemany(sql, given).rowcount if given else 0

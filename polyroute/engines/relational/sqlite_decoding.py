"""Bring SQLite's rows to logical values: whole batches through Arrow, single rows through functions."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from typing import Any

import pyarrow as pa

from polyroute.engines.call import Call
from polyroute.engines.relational.sqlite_foreign import Misfit
from polyroute.engines.relational.sqlite_tables import Table
from polyroute.errors import DatabaseErrorCode, PolyrouteError, make_error
from polyroute.values import python_type

_BATCH_ROWS = 4_096
"""Few enough for the rows to be in the processor's cache still when they are turned into columns: a third quicker."""
_NESTED_ROWS = 512

DecodeRow = Callable[[tuple[Any, ...]], tuple[Any, ...]]


_BROKEN = (pa.ArrowException, ValueError, TypeError, ArithmeticError, LookupError)


class WrongValue(Exception):
    """Carry a stored value that a column's type does not take, to whoever can widen the type."""

    def __init__(self, column: str, value: object) -> None:
        super().__init__(column)
        self.column = column
        self.value = value


def rows_at_once(schema: pa.Schema) -> int:
    """Return how many rows to convert between two looks at the deadline: fewer where values are read from JSON."""
    return _NESTED_ROWS if any(pa.types.is_nested(t) for t in schema.types) else _BATCH_ROWS


def fits_tuples(schema: pa.Schema) -> bool:
    """Tell whether Python values hold all that the types do; times finer than microseconds only Arrow keeps.

    >>> fits_tuples(pa.schema([("at", pa.timestamp("us"))])), fits_tuples(pa.schema([("at", pa.timestamp("ns"))]))
    (True, False)
    """
    return all(python_type(t) == t for t in schema.types)


def row_decoder(table: Table, names: Sequence[str]) -> DecodeRow | None:
    """Return the function from a stored row of some columns to a logical one, or None where they are the same.

    The function raises `WrongValue` for a value of a foreign column that its type does not take, and
    QUERY_EXECUTION_FAILED for one that is not of polyroute's form.
    """
    columns = [table.columns[n] for n in names]
    steps = [(i, c.form.decode_value, c.name) for i, c in enumerate(columns) if c.form.decode_value is not None]
    if not steps:
        return None

    def decode(row: tuple[Any, ...]) -> tuple[Any, ...]:
        values = list(row)
        for position, read, name in steps:
            value = values[position]
            if value is not None:
                try:
                    values[position] = read(value)
                except Misfit:
                    raise WrongValue(name, value) from None
                except _BROKEN as exc:
                    raise wrong_value(table, name) from exc
        return tuple(values)

    return decode


def batch_of(
    rows: Sequence[tuple[Any, ...]], table: Table, columns: Sequence[str], schema: pa.Schema
) -> pa.RecordBatch:
    """Return stored rows as an Arrow batch in logical types.

    Raises QUERY_EXECUTION_FAILED, naming the column, for a value that another program stored in a form of its own.
    """
    data = zip(*rows, strict=True) if rows else iter([()] * len(columns))
    arrays = []
    for name, values in zip(columns, data, strict=True):
        with decoding(table, name):
            arrays.append(table.columns[name].form.decode(values))
    return pa.record_batch(arrays, schema=schema)


def stream(
    stack: ExitStack,
    cursor: sqlite3.Cursor,
    first: list[tuple[Any, ...]],
    table: Table,
    columns: Sequence[str],
    schema: pa.Schema,
    call: Call,
) -> Iterator[pa.RecordBatch]:
    """Decode the rows of a cursor batch by batch; leaves `stack` at the end, or when nobody wants the rest."""
    # the statement ends before its reader goes back to the others
    with stack, closing(cursor):
        rows = first
        while rows:
            yield batch_of(rows, table, columns, schema)
            call.check()
            rows = cursor.fetchmany(rows_at_once(schema))


@contextmanager
def decoding(table: Table, column: str) -> Iterator[None]:
    """Say, instead of showing the value, which column holds one that its type does not take."""
    try:
        yield
    except (*_BROKEN, Misfit) as exc:
        raise wrong_value(table, column) from exc


def wrong_value(table: Table, column: str) -> PolyrouteError:
    """Return the error for a stored value that is not of its column's type."""
    held = table.columns[column].form.type
    return make_error(
        DatabaseErrorCode.QUERY_EXECUTION_FAILED,
        f"column {column!r} of {table.name!r} holds a value that is no {held}",
        hint="another program stored it; correct it there, or load the dataset anew",
    )

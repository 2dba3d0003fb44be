"""Write rows of a dataset into its DuckDB table, inside a transaction that is open already.

Keys are PRIMARY KEYs, so DuckDB itself refuses what is there already. An upsert deletes the rows that it replaces and
inserts, so that a replaced row counts as written last.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress

import duckdb
import numpy as np
import pyarrow as pa

from polyroute.engines.call import UNBOUNDED
from polyroute.engines.contract import Dataset
from polyroute.engines.resources.duckdb.catalog import Stored
from polyroute.engines.resources.duckdb.types import storage_type
from polyroute.engines.resources.duckdb.values import encode
from polyroute.engines.resources.scratch import query_arrow
from polyroute.errors import DatabaseErrorCode, Outcome, PolyrouteError, invalid, make_error
from polyroute.sql.filters.to_sql import quote_double as quote

_ROWS = "__polyroute_rows"


def insert(cursor: duckdb.DuckDBPyConnection, stored: Stored, rows: pa.Table) -> int:
    """Insert rows of the dataset's schema and return their number.

    Raises CONSISTENCY_VIOLATION when a key is held already, QUERY_INVALID, naming the column, for a NULL key or time
    and for a value that DuckDB cannot keep.
    """
    names = name_list(rows.column_names)
    with _given(cursor, stored.dataset, rows):
        cursor.execute(f"INSERT INTO {stored.table} ({names}) SELECT {names} FROM {_ROWS}").fetchall()
    return int(rows.num_rows)


def upsert(cursor: duckdb.DuckDBPyConnection, stored: Stored, rows: pa.Table) -> int:
    """Insert rows in place of those with the same key, of equal keys the last, and return how many were written."""
    dataset = stored.dataset
    if not dataset.key:
        raise invalid(f"dataset {dataset.name!r} has no key", hint="load it with key='column' and mode='replace'")
    number = free_name("number", rows.column_names)
    numbered = rows.append_column(number, pa.array(np.arange(rows.num_rows, dtype=np.int64)))
    names = name_list(rows.column_names)
    with _given(cursor, dataset, numbered):
        cursor.execute(_delete_given(stored)).fetchall()
        written = cursor.execute(
            f"INSERT INTO {stored.table} ({names}) SELECT {names} FROM {_ROWS} QUALIFY row_number() OVER "
            f"(PARTITION BY {name_list(dataset.key)} ORDER BY {quote(number)} DESC) = 1 ORDER BY {quote(number)}"
        ).fetchall()
    return int(written[0][0])


def delete_keys(cursor: duckdb.DuckDBPyConnection, stored: Stored, keys: pa.Table) -> int:
    """Delete the rows of some keys, a table of the key columns, and return how many there were."""
    with _given(cursor, stored.dataset, keys):
        gone = cursor.execute(_delete_given(stored)).fetchall()
    return int(gone[0][0])


def delete_rows(cursor: duckdb.DuckDBPyConnection, stored: Stored, where: str, params: Mapping[str, object]) -> int:
    """Delete the rows that pass a WHERE clause, and return how many there were."""
    gone = cursor.execute(f"DELETE FROM {stored.table}{where}", params or None).fetchall()
    return int(gone[0][0])


def name_list(names: Iterable[str]) -> str:
    """Return quoted names for a SELECT, an INSERT or a key."""
    return ", ".join(quote(name) for name in names)


def free_name(stem: str, taken: Iterable[str]) -> str:
    """Return a name beginning with two underscores and the stem that no column bears, in any case.

    >>> free_name("row", ["a", "__ROW"])
    '__row_1'
    """
    held = {name.lower() for name in taken}
    name = f"__{stem}"
    number = 0
    while name.lower() in held:
        number += 1
        name = f"__{stem}_{number}"
    return name


def _delete_given(stored: Stored) -> str:
    same = " AND ".join(f"{stored.column(k, 'held.')} = given.{quote(k)}" for k in stored.dataset.key)
    return f"DELETE FROM {stored.table} AS held USING {_ROWS} AS given WHERE {same}"


@contextmanager
def _given(cursor: duckdb.DuckDBPyConnection, dataset: Dataset, rows: pa.Table) -> Iterator[None]:
    """Register rows for the statements of the block, and tell what of them was refused."""
    fields = [dataset.schema.field(n) if n in dataset.schema.names else rows.schema.field(n) for n in rows.column_names]
    for name in {*dataset.key, dataset.roles.get("time")} & set(rows.column_names):
        if rows[name].null_count:
            part = "the time" if name == dataset.roles.get("time") else "part of the key"
            raise invalid(f"column {name!r} is {part} and holds NULL", hint="give every row a value there")
    encoded = encode(rows, pa.schema(fields))
    cursor.register(_ROWS, encoded)
    try:
        yield
    except duckdb.ConstraintException as exc:
        if dataset.key and "duplicate key" in str(exc).lower():
            raise _held_already(dataset) from exc
        raise
    except (duckdb.DataError, duckdb.InvalidInputException, duckdb.NotSupportedError) as exc:
        culprit = _culprit(encoded, pa.schema(fields))
        if culprit is None:
            raise
        raise invalid(
            f"a value of column {culprit.name!r} ({culprit.type}) cannot be kept by DuckDB",
            hint="JSON must be well-formed, the keys of a map distinct; convert the value",
        ) from exc
    finally:
        with suppress(duckdb.Error):  # in an aborted transaction nothing can be taken away, and the cursor goes with it
            cursor.unregister(_ROWS)


def _held_already(dataset: Dataset) -> PolyrouteError:
    return make_error(
        DatabaseErrorCode.CONSISTENCY_VIOLATION,
        f"a row of {dataset.name!r} has a key ({', '.join(dataset.key)}) that is held already, or twice",
        hint="upsert replaces rows by key; nothing was written",
        outcome=Outcome.ROLLED_BACK,
    )


def _culprit(rows: pa.Table, schema: pa.Schema) -> pa.Field | None:
    """Return the column that DuckDB refuses, found by offering them one by one."""
    for field in schema:
        sql = f"SELECT count(CAST({quote(field.name)} AS {storage_type(field.type)})) FROM {_ROWS}"
        try:
            query_arrow(sql, {_ROWS: rows.select([field.name])}, None, UNBOUNDED)
        except duckdb.Error:
            return field
    return None

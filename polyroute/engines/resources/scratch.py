"""The in-process DuckDB: where filters, orders and joins run that no engine does itself.

It has no file, reaches no file and no network, sees no Python variable, and its settings are locked; time zone UTC.
Each call takes a cursor of its own, on which tables are registered under names that only that cursor knows.
What does not fit in memory is spilled to a temporary folder. POLYROUTE_MERGE_MEMORY and POLYROUTE_MERGE_SPILL bound
both ('2GB'); without them DuckDB takes up to 80 % of the machine's memory and 90 % of the disk that is free.
"""

from __future__ import annotations

import atexit
import os
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa

if TYPE_CHECKING:
    from polyroute.engines.call import Call

_BOUNDS = {"memory_limit": "POLYROUTE_MERGE_MEMORY", "max_temp_directory_size": "POLYROUTE_MERGE_SPILL"}
_LOCK = threading.Lock()
_INSTANCE: duckdb.DuckDBPyConnection | None = None


def _instance() -> duckdb.DuckDBPyConnection:
    global _INSTANCE
    if _INSTANCE is None:
        with _LOCK:
            if _INSTANCE is None:
                _INSTANCE = new_instance()
                atexit.register(_INSTANCE.close)
    return _INSTANCE


def new_instance() -> duckdb.DuckDBPyConnection:
    """Open an in-memory DuckDB that can reach nothing but what is registered in it."""
    spill = tempfile.TemporaryDirectory(prefix="polyroute-spill-")
    atexit.register(spill.cleanup)
    connection = duckdb.connect(":memory:")
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(f"SET temp_directory = '{spill.name}'")
    for setting, variable in _BOUNDS.items():
        if bound := os.environ.get(variable):
            connection.execute(f"SET {setting} = ?", [bound])
    connection.execute("SET python_enable_replacements = false")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection


@contextmanager
def scratch(tables: Mapping[str, pa.Table | pa.RecordBatchReader]) -> Iterator[duckdb.DuckDBPyConnection]:
    """Give a cursor on which the tables can be queried by name."""
    cursor = _instance().cursor()
    try:
        for name, table in tables.items():
            cursor.register(name, readable(table))
        yield cursor
    finally:
        cursor.close()


def readable(table: pa.Table | pa.RecordBatchReader) -> pa.Table | pa.RecordBatchReader:
    """Return a table with half floats as floats, which hold the same values: DuckDB reads no half floats."""
    for position, field in enumerate(table.schema):
        if pa.types.is_float16(field.type):
            table = table.set_column(position, field.name, table.column(position).cast(pa.float32()))
    return table


def query_arrow(
    sql: str, tables: Mapping[str, pa.Table | pa.RecordBatchReader], params: Mapping[str, object] | None, call: Call
) -> pa.Table:
    """Run one SQL text over Arrow tables and return its answer as Arrow, with DuckDB's own types."""
    with scratch(tables) as cursor, call.on_cancel(cursor.interrupt):
        return cursor.sql(sql, params=dict(params) if params else None).to_arrow_table()

"""The merge site: the residual of a statement, run by DuckDB in process over the fetched inputs.

The answer has logical types; an error is one of ours, and shows no value of the data.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import duckdb
import pyarrow as pa

from polyroute.engines import Call
from polyroute.engines.resources.duckdb.answers import Reading, read
from polyroute.engines.resources.scratch import scratch
from polyroute.errors import DUCKDB, DatabaseErrorClassifier, PolyrouteError, unknown_name
from polyroute.router.federation.functions import FUNCTIONS
from polyroute.router.federation.inputs import parameter
from polyroute.sql.filters.to_sql import quote_double
from polyroute.values import unique_names

MERGE_SITE = "duckdb (in process)"

_BATCH_ROWS = 65_536
_CLASSIFIER = DatabaseErrorClassifier({"duckdb": DUCKDB})
_UNKNOWN_FUNCTION = re.compile(r"Table Function with name (\S+) does not exist")
# without bounds it asks for the smallest and largest value of its column, which DuckDB does not know of Arrow
_NEEDS_STATISTICS = "bitstring_agg"


def merge(sql: str, tables: Mapping[str, pa.Table], params: Mapping[str, object], call: Call) -> pa.Table:
    """Run one SQL text over tables by name and return its whole answer.

    Raises QUERY_INVALID for a text that DuckDB refuses or a parameter without a value, QUERY_EXECUTION_FAILED where it
    fails on the data, and the code of the call's stop.
    """
    with _reading(sql, tables, params, call) as reading:
        return reading.table()


def merge_batches(
    sql: str, tables: Mapping[str, pa.Table], params: Mapping[str, object], call: Call
) -> Iterator[pa.RecordBatch]:
    """Run one SQL text over tables by name and give its answer once, batch by batch; repeated column names get `_1`.

    There is at least one batch, so that the columns of an empty answer are known too. Raises as `merge` does.
    """
    with _reading(sql, tables, params, call) as reading:
        names = unique_names(reading.schema.names)
        empty = True
        for batch in reading.batches(_BATCH_ROWS):
            empty = False
            yield batch.rename_columns(names)
        if empty:
            fields = [f.with_name(n) for f, n in zip(reading.schema_without_rows, names, strict=True)]
            yield pa.RecordBatch.from_arrays([pa.nulls(0, f.type) for f in fields], schema=pa.schema(fields))


@contextmanager
def _reading(sql: str, tables: Mapping[str, pa.Table], params: Mapping[str, object], call: Call) -> Iterator[Reading]:
    try:
        with scratch(tables) as cursor, call.on_cancel(cursor.interrupt):
            used = _used(cursor.extract_statements(sql), params) if "$" in sql else None
            if _NEEDS_STATISTICS in sql.lower():
                _keep(cursor, tables)
            yield read(cursor, sql, used)
    except PolyrouteError:
        raise
    except Exception as exc:
        raise (call.stopped() if call.cancelled or call.expired else _translated(exc)) from exc


def _keep(cursor: duckdb.DuckDBPyConnection, tables: Mapping[str, pa.Table]) -> None:
    """Copy registered tables into the cursor's own, whose statistics DuckDB knows."""
    for name, table in tables.items():
        cursor.unregister(name)
        cursor.register("__arrow", table)
        cursor.execute(f'CREATE TEMP TABLE {quote_double(name)} AS FROM "__arrow"')
        cursor.unregister("__arrow")


def _used(statements: Sequence[object], params: Mapping[str, object]) -> dict[str, object] | None:
    """Return the parameters that the residual itself still holds; numpy arrays as lists, which DuckDB can bind."""
    names = set().union(*(getattr(s, "named_parameters", ()) for s in statements))
    values = {n: parameter(n, params) for n in names}
    return {n: v.tolist() if hasattr(v, "tolist") else v for n, v in values.items()} or None


def _translated(exc: Exception) -> PolyrouteError:
    """Return the error for what the residual raised; the nearest table functions are ours, not DuckDB's own."""
    unknown = _UNKNOWN_FUNCTION.search(str(exc)) if isinstance(exc, duckdb.CatalogException) else None
    if unknown is not None:
        return unknown_name("table function", unknown[1], FUNCTIONS)
    return _CLASSIFIER.translate(exc, engine="duckdb")

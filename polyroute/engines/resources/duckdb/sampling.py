"""Draw rows from all over a DuckDB table, the same ones every time, by their row ids.

DuckDB's own samples differ from run to run, or read the whole table in one thread.
"""

from __future__ import annotations

import duckdb
import pyarrow as pa

from polyroute.engines.resources.duckdb.catalog import Stored
from polyroute.engines.resources.duckdb.values import decode
from polyroute.engines.sampling import sampled_columns, spread

_DRAWN = "SELECT {columns} FROM {table} WHERE rowid IN (SELECT unnest($places)) ORDER BY rowid"


def sample(cursor: duckdb.DuckDBPyConnection, stored: Stored, rows: int) -> pa.Table | None:
    """Return rows from all over a table; None for a view, for a table with a column `rowid`, and for one so full of
    gaps that too few would be found.
    """
    schema = stored.dataset.schema
    columns = sampled_columns(schema)
    if stored.view or not columns or any(name.lower() == "rowid" for name in schema.names):
        return None
    [[count, last]] = cursor.execute(f"SELECT count(*), max(rowid) FROM {stored.table}").fetchall()
    wanted = pa.schema([schema.field(c) for c in columns])
    if not count:
        return wanted.empty_table()
    sql = _DRAWN.format(columns=stored.columns(columns), table=stored.table)
    found = cursor.sql(sql, params={"places": spread(last + 1, rows).tolist()}).to_arrow_table()
    return decode(found, wanted) if 2 * found.num_rows >= min(rows, count) else None

"""What is known of a table without reading all of it: how many rows it has, and some of them from all over it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pyarrow as pa

from polyroute.engines.contract import Statistics
from polyroute.engines.relational.sqlite_decoding import batch_of
from polyroute.engines.relational.sqlite_tables import Table, quoted
from polyroute.engines.resources.sqlite import SQLiteFile, execute
from polyroute.engines.sampling import sampled_columns, spread
from polyroute.errors import QueryError

if TYPE_CHECKING:
    import sqlite3

    from polyroute.engines.call import Call
    from polyroute.engines.relational.sqlite_catalog import SQLiteCatalog

_COUNTED = 2_000_000


class RowCounts:
    """The row counts of the tables of a file, each counted once per state of the file."""

    def __init__(self, file: SQLiteFile) -> None:
        self._file = file
        self._known: dict[str, tuple[object, Statistics]] = {}

    def of(self, table: Table) -> Statistics:
        """Return how many rows a table has; above two millions, where counting takes long, about how many."""
        if table.kind != "table":
            return Statistics()
        before = self._file.version_if_free()
        held = self._known.get(table.name)
        if held is not None and before is not None and held[0] == before:
            return held[1]
        with self._file.reading() as reader:
            found = _counted(reader, table)
        self._known[table.name] = (before, found)
        return found


def _counted(reader: sqlite3.Connection, table: Table) -> Statistics:
    name = quoted(table.name)
    reach = _reach(reader, table)
    if reach is not None and reach[1] - reach[0] >= _COUNTED:
        return Statistics(about=reach[1] - reach[0] + 1)
    counted = f"SELECT count(*) FROM (SELECT 1 FROM {name} LIMIT {_COUNTED + 1})"
    [count] = execute(reader, counted, ()).fetchone()
    return Statistics(about=count) if count > _COUNTED else Statistics(count)


def _reach(reader: sqlite3.Connection, table: Table) -> tuple[int, int] | None:
    """Return the first and the last row id, or None where rows have none."""
    if table.row_id is None:
        return None
    row_id, name = quoted(table.row_id), quoted(table.name)
    # two look-ups at the ends of the table; min and max in one SELECT would read it all
    ends = f"SELECT (SELECT min({row_id}) FROM {name}), (SELECT max({row_id}) FROM {name})"
    first, last = execute(reader, ends, ()).fetchone()
    return None if first is None else (first, last)


def sample(catalog: SQLiteCatalog, table: Table, rows: int, call: Call) -> pa.Table | None:
    """Return rows from all over a table, found by row ids; None where its rows have none, or it has no column to show.

    Raises `SchemaChanged` when the table is not as described.
    """
    columns = sampled_columns(table.dataset.schema)
    if table.row_id is None or not columns:
        return None
    try:
        return _drawn(catalog, table, columns, (), rows, call)
    except QueryError:  # a value of a class that was not seen in its column before
        return _drawn(catalog, table, columns, columns, rows, call)


def _drawn(
    catalog: SQLiteCatalog, table: Table, columns: Sequence[str], checked: Sequence[str], rows: int, call: Call
) -> pa.Table:
    schema = pa.schema([table.dataset.schema.field(c) for c in columns])
    row_id, name = quoted(str(table.row_id)), quoted(table.name)
    with catalog.snapshot(table, checked, call) as reader:
        reach = _reach(reader, table)
        if reach is None:
            return schema.empty_table()
        wanted = [reach[0] + place for place in spread(reach[1] - reach[0] + 1, rows).tolist()]
        sql = f"SELECT {', '.join(map(quoted, columns))} FROM {name} " + _NEAREST.format(id=row_id, table=name)
        found = execute(reader, sql, [json.dumps(wanted)], call).fetchall()
    return pa.Table.from_batches([batch_of(found, table, columns, schema)], schema)


_NEAREST = """WHERE {id} IN (SELECT (
    SELECT near.{id} FROM {table} AS near WHERE near.{id} >= place.value ORDER BY near.{id} LIMIT 1
) FROM json_each(?) AS place) ORDER BY {id}"""

"""What is known of a table's size without reading all of it."""

from __future__ import annotations

from polyroute.engines.relational.sqlite_tables import Table, quoted
from polyroute.engines.resources.sqlite import SQLiteFile, execute

_COUNTED = 2_000_000


def row_count(file: SQLiteFile, table: Table) -> int | None:
    """Return how many rows a table has, or None where finding out would take more than some milliseconds."""
    if table.kind != "table":
        return None
    name = quoted(table.name)
    with file.reading() as reader:
        if table.row_id is not None:
            [last] = execute(reader, f"SELECT max({quoted(table.row_id)}) FROM {name}", ()).fetchone()
            if last is not None and last > _COUNTED:
                return None
        counted = f"SELECT count(*) FROM (SELECT 1 FROM {name} LIMIT {_COUNTED + 1})"
        [count] = execute(reader, counted, ()).fetchone()
    return None if count > _COUNTED else int(count)

"""DuckDB as the judge: the rows that a filter text selects, asked as it was written."""

from __future__ import annotations

import os
import re

import duckdb
import pyarrow as pa

from .drafts import Draft

EXAMPLES = int(os.environ.get("POLYROUTE_EXAMPLES", "30"))
"""Examples a property is tried on; each holds a table and a dozen filters."""


def connect() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def expected(duck: duckdb.DuckDBPyConnection, table: pa.Table, draft: Draft) -> list[int] | None:
    """Give the ids that pass, in order; None when DuckDB refuses the text, or the data under it."""
    duck.register("rows", table)
    used = {name: value for name, value in draft.params.items() if re.search(rf"\${name}\b", draft.text)}
    try:
        found = duck.execute(f"SELECT id FROM rows WHERE {draft.text} ORDER BY id", used or None)
        return [key for (key,) in found.fetchall()]
    except duckdb.Error:
        return None

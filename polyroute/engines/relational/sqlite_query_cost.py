"""Refuse what SQLite would run row against row: it joins by indexes, and where there is none, by going through a table
again and again.

SQLite makes an index of its own for an equality, but not inside a subquery that reads the query around it, nor for an
inequality. DuckDB runs these as joins, so there fetching the tables is the shorter way.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Mapping

from polyroute.engines.relational.sqlite_tables import quoted
from polyroute.engines.resources.sqlite import execute
from polyroute.sql.filters import Unsupported

_LARGE = 2_000


def refuse_quadratic(
    reader: sqlite3.Connection, sql: str, aliases: Mapping[str, str], values: Mapping[str, object]
) -> None:
    """Compile a statement and raise `Unsupported` when SQLite would go through a large table for every row of another.

    `aliases` are the tables by the names that the text gives them.
    """
    steps = execute(reader, f"EXPLAIN QUERY PLAN {sql}", values).fetchall()
    parents = {number: parent for number, parent, _, _ in steps}
    details = {number: detail for number, _, _, detail in steps}
    scans = [(parent, table) for _, parent, _, detail in steps if (table := _scanned(detail, aliases)) is not None]
    together = Counter(parent for parent, _ in scans)
    for parent, table in scans:
        if _is_repeated(parent, parents, details) and _is_large(reader, table):
            raise Unsupported(f"a subquery that would go through {table!r} for every row around it")
        others = [other for place, other in scans if place == parent]
        if together[parent] > 1 and sum(_is_large(reader, other) for other in others) > 1:
            raise Unsupported(f"a join that would go through {table!r} for every row of another table")


def _scanned(detail: str, aliases: Mapping[str, str]) -> str | None:
    words = detail.split()
    return aliases.get(words[1]) if len(words) > 1 and words[0] == "SCAN" else None


def _is_repeated(parent: int, parents: Mapping[int, int], details: Mapping[int, str]) -> bool:
    while parent in details:
        if details[parent].startswith("CORRELATED"):
            return True
        parent = parents[parent]
    return False


def _is_large(reader: sqlite3.Connection, table: str) -> bool:
    sql = f"SELECT count(*) FROM (SELECT 1 FROM main.{quoted(table)} LIMIT {_LARGE})"
    [count] = execute(reader, sql, ()).fetchone()
    return bool(count >= _LARGE)

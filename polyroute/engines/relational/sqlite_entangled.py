"""Which tables of a SQLite file may change though nobody names them: views, and what triggers and cascades write."""

from __future__ import annotations

import re
import sqlite3
from dataclasses import dataclass

from polyroute.engines.resources.sqlite import SQLiteFile, execute

_CASCADE = re.compile(r"\bON\s+(DELETE|UPDATE)\s+(CASCADE|SET)\b", re.IGNORECASE)
_VOLATILE = re.compile(
    r"\b(random|randomblob|current_\w+|date|time|datetime|julianday|unixepoch|strftime|timediff"
    r"|changes|total_changes|last_insert_rowid|sqlite_\w+)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class _Schema:
    """What the schema of a file says: its views, whether they could read the clock or chance, and hidden writes."""

    version: int
    views: frozenset[str]
    volatile: bool
    hidden_writes: bool


class Entanglement:
    """Asks the schema of a file, and remembers the answer until the schema changes."""

    def __init__(self, file: SQLiteFile) -> None:
        self._file = file
        self._known: _Schema | None = None

    def entangled(self, table: str) -> bool:
        """Tell whether a table may change when another one of the file is written."""
        schema = self._schema()
        return schema.hidden_writes or table in schema.views

    def volatile(self, table: str) -> bool:
        """Tell whether a table is a view that may differ from one read to the next.

        One view may read another, so all of them are looked at.
        """
        schema = self._schema()
        return schema.volatile and table in schema.views

    def _schema(self) -> _Schema:
        with self._file.reading() as reader:
            [version] = execute(reader, "PRAGMA schema_version", ()).fetchone()
            known = self._known
            if known is None or known.version != version:
                known = self._known = _read(reader, version)
            return known


def _read(reader: sqlite3.Connection, version: int) -> _Schema:
    entries = execute(reader, "SELECT type, name, coalesce(sql, '') FROM sqlite_master", ()).fetchall()
    views = [(name, sql) for kind, name, sql in entries if kind == "view"]
    hidden = any(kind == "trigger" or (kind == "table" and _CASCADE.search(sql)) for kind, _, sql in entries)
    volatile = any(_VOLATILE.search(sql) for _, sql in views)
    return _Schema(version, frozenset(name for name, _ in views), volatile, hidden)

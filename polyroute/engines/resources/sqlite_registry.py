"""The datasets that polyroute keeps in a SQLite file: name, kind, logical schema, key, roles, in a table of that file.

What SQLite's own column types cannot say (a date, a decimal, a struct) is found here again after a restart. An entry is
written in the transaction that writes the data; a table without an entry was made by somebody else. The relational and
the document engine share the table, and each looks at its own kind.
"""

from __future__ import annotations

import json
import sqlite3
from types import MappingProxyType

from polyroute.engines.contract import Dataset
from polyroute.sql.types import pack_schema, unpack_schema

TABLE = "_polyroute_datasets"

_CREATE = f"""CREATE TABLE IF NOT EXISTS {TABLE} (
    name TEXT NOT NULL PRIMARY KEY, kind TEXT NOT NULL, schema TEXT NOT NULL, key TEXT NOT NULL, roles TEXT NOT NULL
)"""
_PUT = f"INSERT OR REPLACE INTO {TABLE} (name, kind, schema, key, roles) VALUES (?, ?, ?, ?, ?)"


def read_entries(reader: sqlite3.Connection) -> tuple[Dataset, ...]:
    """Return the registered datasets of every kind, in the order of their names."""
    held = reader.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", (TABLE,)).fetchone()
    if held is None:
        return ()
    rows = reader.execute(f"SELECT name, kind, schema, key, roles FROM {TABLE} ORDER BY name").fetchall()
    return tuple(
        Dataset(name, kind, unpack_schema(schema), tuple(json.loads(key)), MappingProxyType(json.loads(roles)))
        for name, kind, schema, key, roles in rows
    )


def put_entry(writer: sqlite3.Connection, dataset: Dataset) -> None:
    """Register a dataset, or replace what is registered under its name; call it inside a transaction."""
    writer.execute(_CREATE)
    packed = pack_schema(dataset.schema)
    key, roles = json.dumps(dataset.key), json.dumps(dict(dataset.roles))
    writer.execute(_PUT, (dataset.name, dataset.kind, packed, key, roles))


def remove_entry(writer: sqlite3.Connection, name: str) -> None:
    """Forget a dataset; call it inside a transaction."""
    writer.execute(_CREATE)
    writer.execute(f"DELETE FROM {TABLE} WHERE name = ?", (name,))

"""The tables of a DuckDB file as datasets: those that polyroute loaded, and those of other programs.

What DuckDB's catalog cannot say, a zone label, a half float, which column is the time, stands in `_polyroute_datasets`
in the same file, written in the transaction that writes the data. The catalog is asked first and believed: a column
keeps the logical type it was loaded with as long as it still has the DuckDB type that goes with it, so tables altered
elsewhere show as they are. A view is a dataset while it can be read.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa

from polyroute.engines.contract import Dataset
from polyroute.engines.resources.duckdb.types import logical_of, storage_type
from polyroute.sql.filters.to_sql import quote_double as quote
from polyroute.sql.types import is_json, pack_schema, unpack_schema

if TYPE_CHECKING:
    from duckdb.sqltypes import DuckDBPyType

REGISTRY = "_polyroute_datasets"
_OURS = "_polyroute"

_CREATE = f"""CREATE TABLE IF NOT EXISTS main.{REGISTRY} (
    name VARCHAR PRIMARY KEY, kind VARCHAR NOT NULL, roles VARCHAR NOT NULL, schema VARCHAR NOT NULL)"""
_TABLES = """SELECT schema_name, table_name, false FROM duckdb_tables()
    WHERE database_name = current_database() AND NOT internal AND NOT temporary
    UNION ALL SELECT schema_name, view_name, true FROM duckdb_views()
    WHERE database_name = current_database() AND NOT internal AND NOT temporary ORDER BY ALL"""
_COLUMNS = """SELECT schema_name, table_name, column_name, data_type FROM duckdb_columns()
    WHERE database_name = current_database() AND NOT internal ORDER BY schema_name, table_name, column_index"""
_FOLDING = """SELECT schema_name, table_name FROM duckdb_tables()
    WHERE database_name = current_database() AND NOT internal AND NOT temporary AND contains(lower(sql), 'collate')"""
_KEYS = """SELECT schema_name, table_name, constraint_column_names FROM duckdb_constraints()
    WHERE database_name = current_database() AND constraint_type = 'PRIMARY KEY'"""


@dataclass(frozen=True, slots=True)
class Stored:
    """A dataset and where it lies: `place` is its table's schema and name.

    `casts` are the columns that are read through a cast, and `folds` those of them that are texts with a collation of
    their own, perhaps, which is taken off; `view` tells that there are no rows to write.
    """

    dataset: Dataset
    place: tuple[str, str]
    casts: frozenset[str] = frozenset()
    view: bool = False
    folds: frozenset[str] = frozenset()

    @property
    def plain(self) -> bool:
        """Whether DuckDB's Python values of all columns are the logical ones."""
        return not self.casts and all(_is_plain(f.type) for f in self.dataset.schema)

    @property
    def table(self) -> str:
        """The quoted name of the table."""
        return ".".join(quote(part) for part in self.place)

    def column(self, name: str, table: str = "") -> str:
        """Return the SQL expression for the logical value of a column; `table` is an alias and its dot."""
        if name not in self.casts:
            return table + quote(name)
        if name in self.folds:
            return f"({table}{quote(name)} COLLATE C)"
        return f"CAST({table}{quote(name)} AS {storage_type(self.dataset.schema.field(name).type)})"

    def columns(self, names: Iterable[str]) -> str:
        """Return some columns as the list of a SELECT."""
        return ", ".join(f"{self.column(n)} AS {quote(n)}" if n in self.casts else quote(n) for n in names)


@lru_cache(maxsize=512)
def _is_plain(arrow_type: pa.DataType) -> bool:
    """Tell whether DuckDB's Python values of a type are the logical ones."""
    t = pa.types
    return (
        t.is_boolean(arrow_type)
        or t.is_integer(arrow_type)
        or (t.is_floating(arrow_type) and not t.is_float16(arrow_type))
        or t.is_string(arrow_type)
        or t.is_binary(arrow_type)
        or t.is_date32(arrow_type)
        or t.is_decimal128(arrow_type)
        or is_json(arrow_type)
        or arrow_type in (pa.timestamp("s"), pa.timestamp("ms"), pa.timestamp("us"), pa.time64("us"))
    )


def read_tables(cursor: duckdb.DuckDBPyConnection) -> Mapping[str, Stored]:
    """Return every table and readable view of the file by its dataset name; outside the schema main that is
    'schema.table'.
    """
    tables = cursor.execute(_TABLES).fetchall()
    entries = _entries(cursor) if ("main", REGISTRY, False) in tables else {}
    columns = _columns(cursor)
    keys = {(schema, table): tuple(names) for schema, table, names in cursor.execute(_KEYS).fetchall()}
    folding = set(cursor.execute(_FOLDING).fetchall())
    found: dict[str, Stored] = {}
    for schema, table, view in tables:
        name = table if schema == "main" else f"{schema}.{table}"
        if table.startswith(_OURS) or (schema != "main" and ("main", name) in columns):
            continue
        place = (schema, table)
        held = _view_columns(cursor, place) if view else columns.get(place)
        if held:
            dataset, casts = _dataset(cursor, name, held, None if view else entries.get(name))
            # a view hands its tables' collations on
            folds = _texts(dataset) - casts if place in folding or (view and folding) else frozenset()
            dataset = replace(dataset, key=keys.get(place, ()))
            found[name] = Stored(dataset, place, casts | folds, view, folds)
    return found


Columns = Sequence[tuple[str, "DuckDBPyType"]]


def _columns(cursor: duckdb.DuckDBPyConnection) -> dict[tuple[str, str], list[tuple[str, DuckDBPyType]]]:
    types: dict[str, DuckDBPyType] = {}
    columns: dict[tuple[str, str], list[tuple[str, DuckDBPyType]]] = {}
    for schema, table, name, type_text in cursor.execute(_COLUMNS).fetchall():
        if type_text not in types:
            types[type_text] = cursor.sqltype(type_text)
        columns.setdefault((schema, table), []).append((name, types[type_text]))
    return columns


def _view_columns(cursor: duckdb.DuckDBPyConnection, place: tuple[str, str]) -> Columns | None:
    """Return the columns of a view as it is bound now, or None when its tables are gone or lie outside."""
    with suppress(duckdb.Error):
        relation = cursor.sql(f"SELECT * FROM {quote(place[0])}.{quote(place[1])}")
        return list(zip(relation.columns, relation.types, strict=True))
    return None


def _dataset(
    cursor: duckdb.DuckDBPyConnection, name: str, columns: Columns, entry: Dataset | None
) -> tuple[Dataset, frozenset[str]]:
    """Return a table as a dataset without its key, and the columns that are read through a cast."""
    fields, casts = [], set()
    for column, kind in columns:
        loaded = entry.schema.field(column) if entry is not None and column in entry.schema.names else None
        if loaded is not None and _as_written(cursor, storage_type(loaded.type)) == str(kind):
            fields.append(loaded)
            continue
        logical, cast = logical_of(kind)
        fields.append(pa.field(column, logical))
        if cast:
            casts.add(column)
    kind_of = "relational" if entry is None else entry.kind
    names = [field.name for field in fields]
    roles = {} if entry is None else {r: v for r, v in entry.roles.items() if r != "time" or v in names}
    return Dataset(name, kind_of, pa.schema(fields), (), MappingProxyType(roles)), frozenset(casts)


_WRITTEN: dict[str, str] = {}


def _texts(dataset: Dataset) -> frozenset[str]:
    return frozenset(f.name for f in dataset.schema if pa.types.is_string(f.type))


def _as_written(cursor: duckdb.DuckDBPyConnection, storage: str) -> str:
    """Return a type in DuckDB's own words: TIMESTAMPTZ is TIMESTAMP WITH TIME ZONE there."""
    written = _WRITTEN.get(storage)
    if written is None:
        written = _WRITTEN[storage] = str(cursor.sqltype(storage))
    return written


def _entries(cursor: duckdb.DuckDBPyConnection) -> dict[str, Dataset]:
    rows = cursor.execute(f"SELECT name, kind, roles, schema FROM main.{REGISTRY}").fetchall()
    return {
        name: Dataset(name, kind, unpack_schema(schema), (), json.loads(roles)) for name, kind, roles, schema in rows
    }


def put_entry(cursor: duckdb.DuckDBPyConnection, dataset: Dataset) -> None:
    """Register a dataset, or replace what is registered under its name; call it inside the transaction of the data."""
    cursor.execute(_CREATE)
    cursor.execute(
        f"INSERT OR REPLACE INTO main.{REGISTRY} VALUES (?, ?, ?, ?)",
        [dataset.name, dataset.kind, json.dumps(dict(dataset.roles)), pack_schema(dataset.schema)],
    )


def remove_orphans(cursor: duckdb.DuckDBPyConnection) -> None:
    """Forget the entries whose table is gone; call it inside the transaction that dropped tables."""
    if ("main", REGISTRY, False) not in cursor.execute(_TABLES).fetchall():
        return
    cursor.execute(
        f"DELETE FROM main.{REGISTRY} WHERE name NOT IN ("
        "SELECT if(schema_name = 'main', table_name, schema_name || '.' || table_name) FROM duckdb_tables() "
        "WHERE database_name = current_database() AND NOT temporary)"
    )

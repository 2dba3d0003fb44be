"""Which column of a query goes into which column of a dataset: by place, by a list, or by name."""

from __future__ import annotations

import pyarrow as pa

from polyroute.engines import Dataset
from polyroute.engines.loading.loader import COLUMN_ROLES, Definition
from polyroute.engines.loading.sources import Source
from polyroute.errors import invalid, unknown_name
from polyroute.router.federation.writes_spool import Spool
from polyroute.router.federation.writes_statement import Create, Insert
from polyroute.sql.types import logical_schema


def target_column(column: str, schema: pa.Schema, dataset: Dataset) -> str:
    """Return a column of the target as it is spelled; documents may have new ones."""
    spelled = next((n for n in schema.names if n.lower() == column.lower()), None)
    if spelled is None and dataset.kind != "document":
        raise unknown_name(f"column of {dataset.name!r}", column, schema.names)
    return column if spelled is None else spelled


def insert_columns(
    write: Insert, columns: list[str] | None, given: list[str], held: pa.Schema, dataset: Dataset
) -> list[str]:
    """Return the target's columns in the order of the query's.

    `columns` are those of the statement's list, `given` the query's, `held` the target's schema. Raises QUERY_INVALID
    where their numbers differ, and for an unknown name.
    """
    if write.by_name:
        names = [target_column(n, held, dataset) for n in given]
        if columns is not None:
            raise invalid("BY NAME and a list of columns exclude one another", hint="write one of the two")
    else:
        names = list(held.names) if columns is None else columns
        if len(names) != len(given):
            raise invalid(
                f"the query has {len(given)} columns, {'the list' if columns else repr(dataset.name)} has {len(names)}",
                hint=f"name those that it fills: INSERT INTO {dataset.name} (column, ...), or write BY NAME",
            )
    twice = next((n for n in names if names.count(n) > 1), None)
    if twice is not None:
        raise invalid(f"column {twice!r} is written twice", hint="name every column once")
    return names


def create_columns(columns: tuple[str, ...] | None, given: list[str]) -> list[str]:
    """Return the names of a new dataset's columns: those of the statement's list, then the query's."""
    if columns is None:
        return given
    if len(columns) > len(given):
        raise invalid(
            f"{len(columns)} columns are named, the query has {len(given)}", hint="name as many as the query gives"
        )
    return [*columns, *given[len(columns) :]]


def defined(write: Create, names: list[str]) -> Definition:
    """Return the key and the roles of a new dataset, its columns as they are spelled."""
    spelled = {n.lower(): n for n in names}
    key = tuple(spelled.get(k.lower(), k) for k in write.key)
    roles = {r: spelled.get(c.lower(), c) if r in COLUMN_ROLES else c for r, c in write.roles.items()}
    return Definition(key, roles)


def renamed(spool: Spool, names: list[str]) -> Source:
    """Return the rows of a spool as a source to load, the columns under the target's names."""
    schema = logical_schema(pa.schema([field.with_name(n) for field, n in zip(spool.schema, names, strict=True)]))
    return Source(schema, lambda: spool.batches(names), spool.rows)


def no_rows(schema: pa.Schema) -> Source:
    """Return a source without rows."""
    return Source(schema, lambda: iter(()), 0)

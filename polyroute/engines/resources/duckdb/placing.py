"""Put stored tables in the place of the names that a statement gives them.

A table outside the schema main is named with its schema; one whose columns are read through casts becomes a derived
table that makes them.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlglot import exp
from sqlglot.optimizer.scope import traverse_scope

from polyroute.engines.resources.duckdb.catalog import Stored
from polyroute.sql.dialect import parse_statement, render


def renamed(tables: Mapping[str, Stored]) -> bool:
    """Tell whether any table is not simply what its name says."""
    return any(s.casts or s.place[0] != "main" for s in tables.values())


def in_place(query: exp.Query, tables: Mapping[str, Stored]) -> str | None:
    """Return a query with its tables in their places, or None when all are there already."""
    copy = query.copy()
    found = [
        (table, stored)
        for scope in traverse_scope(copy)
        for table in scope.sources.values()
        if isinstance(table, exp.Table) and (stored := find_stored(table, tables)) is not None
        if stored.casts or stored.place[0] != "main"
    ]
    for table, stored in found:
        place(table, stored)
    return render(copy) if found else None


def find_stored(table: exp.Table, tables: Mapping[str, Stored]) -> Stored | None:
    """Return the stored table that a name in a statement means, or None."""
    if not isinstance(table.this, exp.Identifier) or table.catalog:
        return None
    name = f"{table.db}.{table.name}" if table.db and table.db != "main" else table.name
    return tables.get(name) or next((s for n, s in tables.items() if n.lower() == name.lower()), None)


def place(table: exp.Table, stored: Stored) -> None:
    """Point a table at its place, or put the cast of its columns there."""
    alias = table.alias_or_name
    schema, name = (exp.to_identifier(part, quoted=True) for part in stored.place)
    if not stored.casts or not isinstance(table.parent, exp.From | exp.Join):
        table.set("this", name)
        table.set("db", schema)
        if alias != stored.place[1]:
            table.set("alias", table.args.get("alias") or exp.TableAlias(this=exp.to_identifier(alias, quoted=True)))
        return
    select = parse_statement(f"SELECT {stored.columns(stored.dataset.schema.names)} FROM {stored.table}")
    kept = {k: v for k, v in table.args.items() if k in ("joins", "laterals", "pivots", "sample") and v}
    aliased = table.args.get("alias") or exp.TableAlias(this=exp.to_identifier(alias, quoted=True))
    table.replace(exp.Subquery(this=select, alias=aliased, **kept))

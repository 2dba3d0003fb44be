"""The results of a SELECT by name, its stars spread out over the columns of its sources."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from sqlglot import exp

from polyroute.engines.relational.sqlite_query_scope import Scope, SourceColumn, used_only
from polyroute.sql.filters import Unsupported

Item: TypeAlias = SourceColumn | exp.Expr
"""A result as it was written, or a column of a star."""


def results(written: Sequence[exp.Expr], scope: Scope) -> list[tuple[str | None, Item]]:
    """Return the results with their names, stars spread out."""
    items: list[tuple[str | None, Item]] = []
    for node in written:
        inner = node.this if isinstance(node, exp.Alias) else node
        if isinstance(inner, exp.Star) or (isinstance(inner, exp.Column) and isinstance(inner.this, exp.Star)):
            star = inner if isinstance(inner, exp.Star) else inner.this
            if isinstance(node, exp.Alias):
                raise Unsupported("a star with a name")
            table = inner.table if isinstance(inner, exp.Column) else ""
            items += [(column.name, column) for column in _kept(star, _starred(scope, table))]
        elif isinstance(node, exp.Alias):
            items.append((node.alias, inner))
        else:
            items.append((node.name if isinstance(node, exp.Column) else None, node))
    return items


def _starred(scope: Scope, table: str) -> list[SourceColumn]:
    sources = [s for s in scope.sources if not table or s.alias.lower() == table.lower()]
    if not sources:
        raise Unsupported("a star of no table")
    return [c for s in sources for c in s.columns if table or not scope.is_hidden(s, c)]


def _kept(star: exp.Star, columns: list[SourceColumn]) -> list[SourceColumn]:
    """Return the columns of a star without those that it excludes."""
    used_only(star, "except_")
    excluded = star.args.get("except_") or []
    if any(not isinstance(node, exp.Column) or node.table for node in excluded):
        raise Unsupported("a star with an unusual EXCLUDE")
    names = {node.name.lower() for node in excluded}
    return [column for column in columns if column.name is None or column.name.lower() not in names]

"""Which names a SELECT sees: its tables and subqueries, their columns, the aliases of its own results.

Names are DuckDB's: without regard to case, a column before an alias. Every source is written under a name of our own,
and every column qualified with it, so that SQLite has nothing left to guess.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
from sqlglot import exp

from polyroute.engines.relational.sqlite_query_values import Value
from polyroute.sql.filters import Unsupported

Lookup = Callable[[], Value]


@dataclass(frozen=True, slots=True)
class SourceColumn:
    """A column of a source: its name, None where nobody can ask for it, and how it is read.

    `read` raises `Unsupported` for a column that SQLite cannot compute with; it matters only where it is asked for.
    """

    name: str | None
    read: Lookup


@dataclass(frozen=True, slots=True)
class Source:
    """A table or a subquery in FROM, by the name that its columns are qualified with."""

    alias: str
    columns: Sequence[SourceColumn]

    def named(self, name: str) -> list[SourceColumn]:
        """Return the columns of a name."""
        folded = name.lower()
        return [c for c in self.columns if c.name is not None and c.name.lower() == folded]


@dataclass(slots=True)
class Scope:
    """The names of one SELECT; `outer` is the scope around a subquery.

    `hidden` are the columns of USING that stand for one on the left, `aliases` the results by lower-case name. Where a
    `grouped` SELECT names what is a column and a result, it depends on the grouping which one is meant.
    """

    outer: Scope | None = None
    sources: list[Source] = field(default_factory=list)
    hidden: list[tuple[str, str]] = field(default_factory=list)
    aliases: dict[str, exp.Expr] = field(default_factory=dict)
    grouped: bool = False

    def add(self, source: Source) -> None:
        """Let a source be seen."""
        if any(held.alias.lower() == source.alias.lower() for held in self.sources):
            raise Unsupported(f"two tables called {source.alias!r}")
        self.sources.append(source)

    def hide(self, source: Source, name: str) -> None:
        """Let an unqualified name, and a star, no longer mean a source's column: a column on the left stands for it."""
        self.hidden.append((source.alias.lower(), name.lower()))

    def is_hidden(self, source: Source, column: SourceColumn) -> bool:
        """Tell whether a column is one of USING that another stands for."""
        return column.name is not None and (source.alias.lower(), column.name.lower()) in self.hidden

    def own(self, node: exp.Column) -> Value | None:
        """Read a column of this scope's own sources; None where there is none of its name."""
        found = self._find(node)
        return None if found is None else found.read()

    def holds(self, node: exp.Column) -> bool:
        """Tell whether a column is one of this scope's own sources."""
        return self._find(node) is not None

    def _find(self, node: exp.Column) -> SourceColumn | None:
        if node.args.get("db") is not None:
            raise Unsupported("a name of more than two parts")
        name, table = node.name, node.table.lower()
        sources = [s for s in self.sources if not table or s.alias.lower() == table]
        if table and any(pa.types.is_nested(c.read().type) for s in self.sources for c in s.named(table)):
            raise Unsupported(f"{table!r}, which is a table and a column with fields")
        found = [c for s in sources for c in s.named(name) if table or not self.is_hidden(s, c)]
        if len(found) > 1:
            raise Unsupported(f"{name!r}, which is a column of two tables")
        return found[0] if found else None


def alias_map(items: Sequence[exp.Expr]) -> dict[str, exp.Expr]:
    """Return the results of a SELECT that are given a name, by that name in lower case; the first one counts."""
    named: dict[str, exp.Expr] = {}
    for item in items:
        if isinstance(item, exp.Alias):
            named.setdefault(item.alias.lower(), item.this)
    return named


def used_only(node: exp.Expr, *allowed: str) -> None:
    """Refuse a node with a part that nobody looked at."""
    odd = {name for name, part in node.args.items() if part} - {"this", *allowed}
    if odd:
        raise Unsupported(f"{node.key.upper()} with {min(odd).strip('_')}")

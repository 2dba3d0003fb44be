"""A SELECT while it is written for SQLite: what it reads, what it binds, and how each kind of node is written.

The kinds are an allow-list: a table of handlers by type of node, gathered from the modules beside this one. A node that
is not in it is refused, so what a later sqlglot learns to parse is refused until somebody has looked at it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import TYPE_CHECKING, Any, TypeAlias

import pyarrow as pa
from sqlglot import exp

from polyroute.engines.relational.sqlite_query_bindings import Bindings
from polyroute.engines.relational.sqlite_query_scope import Scope, Source, SourceColumn
from polyroute.engines.relational.sqlite_query_values import Value
from polyroute.engines.relational.sqlite_tables import Table, quoted
from polyroute.sql.filters import Unsupported
from polyroute.sql.filters.literals import NO_LITERAL

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class Relation:
    """A query as SQLite's text, its columns called c0, c1, ...; a column that SQLite cannot compute is a refusal.

    `bare` tells that the text is one SELECT, without what ends a query, and may stand beside UNION as it is.
    """

    sql: str
    names: tuple[str | None, ...]
    values: tuple[Value | Unsupported, ...]
    bare: bool = False

    def column(self, position: int) -> Value:
        """Return a column's value; raises its refusal."""
        value = self.values[position]
        if isinstance(value, Unsupported):
            raise value
        return value


@dataclass(slots=True)
class Common:
    """A query of a WITH: written when it is first read, under a name of our own."""

    node: exp.CTE
    visible: Mapping[str, Common]
    name: str
    relation: Relation | None = None


@dataclass(slots=True)
class Draft:
    """What is known of a statement so far.

    `handlers` write expressions, `write_query` writes subqueries; `touched` are the columns read, by table;
    `aliases` the tables, by the names that the text gives them; `calls` tells whether it calls functions of ours
    (`sqlite_query_functions`).
    """

    tables: Mapping[str, Table]
    bindings: Bindings
    handlers: Mapping[type[exp.Expr], Handler]
    write_query: Callable[[exp.Expr, Env], Relation]
    touched: dict[str, set[str]] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    calls: bool = False
    numbers: Iterator[int] = field(default_factory=count)

    def name(self) -> str:
        """Return a name that is not used yet."""
        return f"q{next(self.numbers)}"

    def table(self, name: str) -> Table:
        """Return a table by its name, in whatever case; `Unsupported` where there is not exactly one."""
        found = self.tables.get(name)
        if found is None:
            near = [t for held, t in self.tables.items() if held.lower() == name.lower()]
            if len(near) != 1:
                raise Unsupported(f"{name!r}, which is no dataset of this file")
            [found] = near
        return found

    def source(self, table: Table, alias: str, name: str) -> Source:
        """Return a table as a source; `name` is what the text calls it."""
        touched = self.touched.setdefault(table.name, set())
        self.aliases[name] = table.name

        def reading(column: str) -> Callable[[], Value]:
            def read() -> Value:
                touched.add(column)
                return _stored(table, column, name)

            return read

        return Source(alias, [SourceColumn(c, reading(c)) for c in table.columns])


def _stored(table: Table, name: str, source: str) -> Value:
    """Return a column as it is stored; `Unsupported` for one whose values do not stand for those of its type."""
    column = table.columns[name]
    if column.mixed:
        raise Unsupported(f"column {name!r} of {table.name!r}, in which texts and numbers stand side by side")
    if pa.types.is_string(column.form.type) and not column.binary:
        raise Unsupported(f"column {name!r} of {table.name!r}, which may compare texts otherwise than byte by byte")
    # a plus takes the column's affinity away, with which SQLite would compare texts as numbers
    plus = "+" if column.numeric_affinity and pa.types.is_string(column.form.type) else ""
    return Value(
        f"{plus}{source}.{quoted(name)}",
        column.form.type,
        ordered=column.form.ordered,
        column=True,
        nan=pa.types.is_floating(column.form.type),
    )


def derived(relation: Relation, alias: str, name: str, names: Sequence[str | None] | None = None) -> Source:
    """Return a subquery as a source; `name` is what the text calls it, `names` what its columns are renamed to."""

    def reading(position: int) -> Callable[[], Value]:
        return lambda: replace(relation.column(position), sql=f"{name}.c{position}", guards=(), literal=NO_LITERAL)

    held = relation.names if names is None else (*names, *relation.names[len(names) :])
    return Source(alias, [SourceColumn(held[i], reading(i)) for i in range(len(relation.values))])


@dataclass(frozen=True, slots=True)
class Env:
    """Where an expression stands: the statement, the names it sees, the queries of WITH around it."""

    draft: Draft
    scope: Scope
    commons: Mapping[str, Common]

    def value(self, node: exp.Expr) -> Value:
        """Write an expression; `Unsupported` for one that SQLite would not compute as DuckDB does."""
        handler = self.draft.handlers.get(type(node))
        if handler is None:
            raise Unsupported(f"{node.key.upper()}, which is not on the list of what SQLite does exactly")
        return handler(node, self)

    def value_in(self, scope: Scope, node: exp.Expr) -> Value:
        """Write an expression with the names of another scope."""
        return replace(self, scope=scope).value(node)

    def query(self, node: exp.Expr) -> Relation:
        """Write a subquery, which may read the columns around it in its WHERE."""
        return self.draft.write_query(node, self)


Handler: TypeAlias = Callable[[Any, Env], Value]

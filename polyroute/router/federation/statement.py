"""Read a SQL statement: which datasets and which of our table functions it names.

Only names are looked at here: a table name that a common table expression explains is left alone, with the scoping
rules of SQL; every other one is a reference to a dataset. Where sqlglot cannot parse what DuckDB can, the names come
from DuckDB's own parser and the text stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import duckdb
from sqlglot import exp

from polyroute.arguments import check_params, check_text
from polyroute.errors import PolyrouteError, invalid
from polyroute.router.federation.functions import FUNCTIONS, Arguments, name_arguments
from polyroute.sql.dialect import number_places, parse_statement

_QUERIES = (exp.Query, exp.Describe, exp.Summarize, exp.Show, exp.Pivot, exp.Values)
_CHANGES = (exp.Insert, exp.Update, exp.Delete, exp.Create)


@dataclass(frozen=True, slots=True)
class TableReference:
    """A dataset named in FROM: its dotted parts and its node in the tree."""

    parts: tuple[str, ...]
    node: exp.Table


@dataclass(frozen=True, slots=True)
class FunctionCall:
    """One of our table functions in FROM: its arguments as trees, and the node in the tree that it stands for."""

    name: str
    arguments: Arguments
    node: exp.Expr

    @property
    def lateral(self) -> bool:
        """Whether an argument refers to tables before it in FROM."""
        return any(_reads_columns(a) for a in self.arguments.named.values())


@dataclass(frozen=True, slots=True)
class Statement:
    """A parsed statement; `tree` is None where only DuckDB can parse the text."""

    text: str
    tree: exp.Expr | None
    tables: tuple[TableReference, ...]
    calls: tuple[FunctionCall, ...]
    names: frozenset[tuple[str, ...]]

    @property
    def changes(self) -> bool:
        """Whether the statement is INSERT, UPDATE, DELETE or CREATE."""
        return isinstance(self.tree, _CHANGES)

    @property
    def changed(self) -> exp.Expr:
        """The tree of a statement that changes something."""
        assert self.tree is not None  # noqa: S101 - what only DuckDB can parse is a question
        return self.tree


def read_statement(sql: str, *, read_only: bool = False) -> Statement:
    """Parse one statement and find its names.

    Raises QUERY_INVALID for a text that is no single query, and, in read-only mode, for one that only DuckDB can parse:
    what is not understood is not run.
    """
    check_text("sql", sql, "'SELECT * FROM airports'")
    try:
        tree = parse_statement(sql)
    except PolyrouteError as exc:
        if read_only:
            raise
        return _read_with_duckdb(sql, exc)
    if not isinstance(tree, (*_QUERIES, *_CHANGES)):
        raise invalid(
            f"{_kind(tree)} is not a statement that db.sql can run",
            hint="ask with SELECT, load with db.load; an engine's own: relational_execute(dialect='native')",
        )
    tables = tuple(_tables(tree))
    return Statement(sql, tree, tables, tuple(_calls(tree, sql.lower())), frozenset(t.parts for t in tables))


def _kind(tree: exp.Expr) -> str:
    return str(tree.this).upper() if isinstance(tree, exp.Command) else tree.key.upper()


def _read_with_duckdb(sql: str, failure: PolyrouteError) -> Statement:
    """Let DuckDB's parser find the names; its word on the syntax is also the better one, unless it knows no statement
    at all.
    """
    try:
        statements = duckdb.extract_statements(sql)
        names = duckdb.get_table_names(sql, qualified=True) if len(statements) == 1 else set()
    except duckdb.Error:
        raise failure from None
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise failure
    return Statement(sql, None, (), (), frozenset(_dotted(n) for n in names))


def _dotted(name: str) -> tuple[str, ...]:
    """Split DuckDB's rendering of a table reference, such as `rel."my table" AS t`."""
    table = parse_statement(f"SELECT 1 FROM {name}").find(exp.Table)
    assert table is not None  # noqa: S101 - the text holds exactly one
    return _parts(table)


def _parts(table: exp.Table) -> tuple[str, ...]:
    return tuple(p.name for p in table.parts)


def _tables(tree: exp.Expr) -> Iterator[TableReference]:
    for table in tree.find_all(exp.Table):
        if isinstance(table.this, exp.Identifier | exp.Dot) and not _is_cte(table):
            yield TableReference(_parts(table), table)


def _is_cte(table: exp.Table) -> bool:
    """Tell whether a common table expression in scope explains the name."""
    if len(table.parts) > 1:
        return False
    name = table.name.lower()
    child: exp.Expr = table
    parent = table.parent
    while parent is not None:
        with_ = parent.args.get("with_")
        if (
            isinstance(with_, exp.With)
            and child is not with_
            and any(c.alias.lower() == name for c in with_.expressions)
        ):
            return True
        if isinstance(parent, exp.With):
            earlier = parent.expressions[: _position(parent, child) + bool(parent.args.get("recursive"))]
            if any(c.alias.lower() == name for c in earlier):
                return True
        child, parent = parent, parent.parent
    return False


def _position(with_: exp.With, child: exp.Expr) -> int:
    return next(i for i, c in enumerate(with_.expressions) if c is child)


def _calls(tree: exp.Expr, text: str) -> Iterator[FunctionCall]:
    if not any(name in text for name in FUNCTIONS):
        return
    for call in _in_order(tree):
        name = str(call.this).lower()
        if name not in FUNCTIONS:
            continue
        holder = call.parent
        if not isinstance(holder, exp.Table | exp.Lateral):
            raise invalid(f"{name} is a table function", hint=f"write SELECT ... FROM {name}(...)")
        yield FunctionCall(name, _arguments(name, call.expressions), holder)


def _in_order(node: exp.Expr) -> Iterator[exp.Anonymous]:
    """Give the unknown functions of a tree so that each comes after those that its arguments may be read from."""
    if isinstance(node, exp.Anonymous):
        yield node
    first = [node.args[a] for a in ("with_", "from_", "joins", "laterals") if node.args.get(a)]
    rest = [value for name, value in node.args.items() if name not in ("with_", "from_", "joins", "laterals")]
    for value in (*first, *rest):
        for child in value if isinstance(value, list) else (value,):
            if isinstance(child, exp.Expr):
                yield from _in_order(child)


def _arguments(name: str, written: Sequence[exp.Expr]) -> Arguments:
    positional: list[exp.Expr] = []
    named: dict[str, exp.Expr] = {}
    for argument in written:
        if isinstance(argument, exp.Kwarg | exp.PropertyEQ):
            key = argument.this.name.lower()
            if key in named:
                raise invalid(f"{name} is given {key} twice")
            named[key] = argument.expression
        elif named:
            raise invalid(f"{name} has an argument without a name behind a named one", hint="put named arguments last")
        else:
            positional.append(argument)
    return name_arguments(name, positional, named)


def _reads_columns(tree: object) -> bool:
    return isinstance(tree, exp.Expr) and tree.find(exp.Column) is not None


def named_parameters(
    sql: str, params: Mapping[str, object] | Sequence[object] | None
) -> tuple[str, Mapping[str, object] | None]:
    """Return a statement and its parameters with the places of a list named `$1`, `$2`, ..., as all engines read them.

    Raises QUERY_INVALID when the list has more or fewer values than the statement has places.
    """
    if params is None or isinstance(params, Mapping):
        return sql, params
    values = parameters(params)
    numbered, places = number_places(sql)
    if places and places != len(values):
        raise invalid(
            f"the statement has {places} parameters, {len(values)} were given",
            hint="give one value for every ? in a list",
        )
    return numbered, values


def parameters(names: Mapping[str, object] | Sequence[object] | None) -> dict[str, object]:
    """Return a statement's parameters by name; those of a sequence are named 1, 2, ..."""
    check_params(names, by_position=True)
    if names is None:
        return {}
    if isinstance(names, Mapping):
        return dict(names)
    return {str(i): value for i, value in enumerate(names, 1)}

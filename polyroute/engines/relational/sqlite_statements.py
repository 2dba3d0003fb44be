"""Read SQL in polyroute's dialect for one SQLite file: which statements it can run itself, and what they say.

A query is one that reads plain columns of a single table; a change is one INSERT of values, UPDATE or DELETE on a
single table. Everything else is `Unsupported`, and the router runs it elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlglot import exp

from polyroute.engines.contract import BoundScan
from polyroute.engines.relational.sqlite_tables import Table
from polyroute.errors import PolyrouteError, invalid, unknown_name
from polyroute.sql.dialect import parse_statement, render
from polyroute.sql.filters import Filter, OrderKey, Unsupported, parse_filter, parse_order

Params = Mapping[str, object] | Sequence[object] | None


@dataclass(frozen=True, slots=True)
class TableQuery:
    """A SELECT of columns of one table: the scan that it is, and the names that its columns get."""

    table: Table
    scan: BoundScan
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Insertion:
    """An INSERT of values: the columns, and a list of expressions per row."""

    table: Table
    columns: tuple[str, ...]
    rows: tuple[tuple[exp.Expr, ...], ...]


@dataclass(frozen=True, slots=True)
class Change:
    """An UPDATE, with an expression per column, or a DELETE, without; `where` None means every row."""

    table: Table
    assignments: Mapping[str, exp.Expr]
    where: Filter | None


def read_query(sql: str, params: Params, tables: Mapping[str, Table]) -> TableQuery:
    """Read a SELECT of plain columns of one table.

    Raises QUERY_INVALID for a text that does not parse, `Unsupported` for any other query.
    """
    tree = parse_statement(sql)
    used = {name for name, part in tree.args.items() if part}
    if not isinstance(tree, exp.Select) or used - {"expressions", "from_", "where", "order", "limit", "kind"}:
        raise Unsupported("more than the columns of one table")
    values = _named(params)
    source = tree.args.get("from_")
    if source is None or not isinstance(source.this, exp.Table):
        raise Unsupported("no table")
    table, alias = _table(source.this, tables)
    tree = _bare(tree, table, alias)
    try:
        columns, names = _projection(tree.expressions, table)
        where = _filter(tree.args.get("where"), table, values)
        order = _order(tree.args.get("order"), table, columns, names)
    except PolyrouteError as exc:
        # elsewhere the same error comes with the whole statement in view
        raise Unsupported(str(exc)) from exc
    limit = _limit(tree.args.get("limit"), values)
    return TableQuery(table, BoundScan(table.dataset, None, columns, where, order, limit), names)


def read_change(sql: str, params: Params, tables: Mapping[str, Table]) -> Insertion | Change:
    """Read an INSERT of values, an UPDATE or a DELETE on one table.

    Raises QUERY_INVALID for a text that does not parse or names what is not there, `Unsupported` for another change.
    """
    tree = parse_statement(sql)
    used = {name for name, part in tree.args.items() if part}
    if isinstance(tree, exp.Insert):
        if used - {"this", "expression"} or not isinstance(tree.expression, exp.Values):
            raise Unsupported("an INSERT of more than values")
        return _insertion(tree, tables)
    if isinstance(tree, exp.Update) and not used - {"this", "expressions", "where"}:
        return _update(tree, _named(params), tables)
    if isinstance(tree, exp.Delete) and not used - {"this", "where"}:
        table, alias = _table(tree.this, tables)
        tree = _bare(tree, table, alias)
        return Change(table, {}, _filter(tree.args.get("where"), table, _named(params)))
    if isinstance(tree, exp.Query):
        raise invalid("this statement changes nothing", hint="ask with relational_query")
    raise Unsupported("more than one INSERT, UPDATE or DELETE on one table")


def _insertion(tree: exp.Insert, tables: Mapping[str, Table]) -> Insertion:
    target = tree.this
    node = target.this if isinstance(target, exp.Schema) else target
    table, _ = _table(node, tables)
    columns = tuple(c.name for c in table.columns.values() if not c.generated)
    if isinstance(target, exp.Schema):
        columns = tuple(column_named(identifier.name, table) for identifier in target.expressions)
    if len(set(columns)) < len(columns):
        raise invalid("INSERT names a column twice", hint="name each column once")
    rows = tuple(
        tuple(row.expressions) if isinstance(row, exp.Tuple) else (row,) for row in tree.expression.expressions
    )
    for row in rows:
        if len(row) != len(columns):
            raise invalid(
                f"INSERT gives {len(row)} values for {len(columns)} columns",
                hint=f"the columns are {', '.join(columns)}",
            )
        if any(_is_computed_elsewhere(value) for value in row):
            raise Unsupported("values that are more than expressions")
    return Insertion(table, columns, rows)


def _update(tree: exp.Update, params: Mapping[str, object], tables: Mapping[str, Table]) -> Change:
    table, alias = _table(tree.this, tables)
    bare = _bare(tree, table, alias)
    assignments: dict[str, exp.Expr] = {}
    for item in bare.expressions:
        if not isinstance(item, exp.EQ) or not isinstance(item.this, exp.Column):
            raise Unsupported("an unusual SET")
        name = column_named(item.this.name, table)
        if name in assignments:
            raise invalid(f"UPDATE sets column {name!r} twice", hint="set each column once")
        if _is_computed_elsewhere(item.expression):
            raise Unsupported("a value that is more than an expression")
        assignments[name] = item.expression
    return Change(table, assignments, _filter(bare.args.get("where"), table, params))


def _is_computed_elsewhere(value: exp.Expr) -> bool:
    return isinstance(value, exp.Var) or value.find(exp.Query, exp.Subquery, exp.Exists, exp.Window) is not None


def column_named(name: str, table: Table) -> str:
    """Return a column's name as stored, whatever case it was written in; QUERY_INVALID when there is none."""
    if name in table.columns:
        return name
    for held in table.columns:
        if held.lower() == name.lower():
            return held
    raise unknown_name(f"column of {table.name!r}", name, table.columns)


def _table(node: exp.Expr, tables: Mapping[str, Table]) -> tuple[Table, str]:
    used = {name for name, part in node.args.items() if part}
    if not isinstance(node, exp.Table) or used - {"this", "alias"} or not isinstance(node.this, exp.Identifier):
        raise Unsupported("not one plain table")
    if node.args.get("alias") is not None and node.args["alias"].args.get("columns"):
        raise Unsupported("columns renamed beside the table")
    found = tables.get(node.name)
    if found is None:
        near = [t for name, t in tables.items() if name.lower() == node.name.lower()]
        if len(near) != 1:
            raise unknown_name("dataset", node.name, tables)
        [found] = near
    return found, node.alias or node.name


def _bare(tree: exp.Expr, table: Table, alias: str) -> exp.Expr:
    """Copy a statement with its columns written without the table; `Unsupported` where they might be struct fields."""
    folded = alias.lower()
    if any(name.lower() == folded for name in table.columns):
        if any(column.table.lower() == folded for column in tree.find_all(exp.Column)):
            raise Unsupported("a name that is a table and a column")
        return tree

    def bare(node: exp.Expr) -> exp.Expr:
        if isinstance(node, exp.Column) and node.table.lower() == folded and not node.args.get("db"):
            return exp.Column(this=node.this)
        return node

    return tree.transform(bare)


def _projection(items: Sequence[exp.Expr], table: Table) -> tuple[tuple[str, ...], tuple[str, ...]]:
    columns: list[str] = []
    names: list[str] = []
    for item in items:
        inner = item.this if isinstance(item, exp.Alias) else item
        if inner.is_star and not inner.args.get("table"):
            star = inner.this if isinstance(inner, exp.Column) else inner
            if any(star.args.values()) or isinstance(item, exp.Alias):
                raise Unsupported("a changed star")
            columns.extend(table.columns)
            names.extend(table.columns)
        elif isinstance(inner, exp.Column) and not inner.table:
            column = column_named(inner.name, table)
            columns.append(column)
            names.append(item.alias if isinstance(item, exp.Alias) else column)
        else:
            raise Unsupported("a computed column")
    return tuple(columns), tuple(names)


def _filter(where: exp.Expr | None, table: Table, params: Mapping[str, object]) -> Filter | None:
    if where is None:
        return None
    if where.find(exp.Query, exp.Subquery, exp.Exists) is not None:
        raise Unsupported("a subquery")
    return parse_filter(render(where.this), table.dataset.schema, params)


def _order(order: exp.Expr | None, table: Table, columns: Sequence[str], names: Sequence[str]) -> tuple[OrderKey, ...]:
    if order is None:
        return ()
    if any(not isinstance(item.this, exp.Column) or item.this.name.lower() == "all" for item in order.expressions):
        raise Unsupported("an order by more than columns")
    if tuple(columns) != tuple(names):
        raise Unsupported("an order that may mean an alias")
    return parse_order(", ".join(render(item) for item in order.expressions), table.dataset.schema)


def _limit(limit: exp.Expr | None, params: Mapping[str, object]) -> int | None:
    if limit is None:
        return None
    count = limit.expression
    value: object = None
    if any(part for name, part in limit.args.items() if name != "expression"):
        raise Unsupported("an unusual LIMIT")
    if isinstance(count, exp.Placeholder):
        value = params.get(count.name)
    elif isinstance(count, exp.Literal) and count.is_int:
        value = int(count.name)
    if type(value) is not int or value < 0:
        raise Unsupported("an unusual LIMIT")
    return value


def _named(params: Params) -> Mapping[str, object]:
    if params is None:
        return {}
    if not isinstance(params, Mapping):
        raise Unsupported("parameters by position")
    return params

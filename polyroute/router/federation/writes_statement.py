"""Read a statement that moves rows: `INSERT INTO target SELECT ...` and `CREATE TABLE target AS SELECT ...`.

What is asked for is taken out of the tree once, here: where the rows go, under which columns, what happens to keys that
are held, and the query that gives the rows. What cannot be done with equal meaning is refused with the way out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from sqlglot import exp

from polyroute.errors import PolyrouteError, invalid, unknown_name

Conflict: TypeAlias = Literal["error", "nothing", "replace"]

_ROLES = ("key", "vector", "metric", "time", "source", "target", "directed", "node_key", "label", "type")


@dataclass(frozen=True, slots=True)
class Insert:
    """Rows for a dataset that is there.

    `columns` are those of the statement's list, None without one; `by_name` matches the query's columns by their names.
    `conflict` says what happens where a key is held: an error, nothing, or the new row in place of the old one;
    `conflict_keys` are the columns it names and `assigned` those that it sets, None where the statement leaves them
    out.
    """

    target: tuple[str, ...]
    query: exp.Expr
    columns: tuple[str, ...] | None = None
    by_name: bool = False
    conflict: Conflict = "error"
    conflict_keys: frozenset[str] | None = None
    assigned: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Create:
    """A dataset made from the rows of a query; `roles` are what `WITH (time = obs_utc)` says of its columns."""

    target: tuple[str, ...]
    query: exp.Expr
    columns: tuple[str, ...] | None = None
    replace: bool = False
    if_not_exists: bool = False
    key: tuple[str, ...] = ()
    roles: Mapping[str, str] = field(default_factory=dict)


def read_insert(tree: exp.Insert) -> Insert:
    """Return what an INSERT asks for.

    Raises QUERY_INVALID for RETURNING, DEFAULT VALUES and conflict clauses beyond DO NOTHING and DO UPDATE of every
    column.
    """
    table, columns = target(tree)
    query = inserted(tree)
    if query is None or tree.args.get("default"):
        raise invalid("INSERT ... DEFAULT VALUES names no rows", hint="write the values out, or SELECT them")
    if tree.args.get("returning"):
        raise invalid(
            "RETURNING gives back rows of one engine, and these come from several",
            hint="leave it out; rows_affected tells how many rows were written",
        )
    conflict, keys, assigned = _conflict(tree)
    by_name = bool(tree.args.get("by_name"))
    return Insert(table, query, columns, by_name, conflict, keys, assigned)


def read_create(tree: exp.Create) -> Create:
    """Return what a CREATE TABLE ... AS asks for.

    Raises QUERY_INVALID for any other CREATE, with what to do instead.
    """
    kind = str(tree.args.get("kind") or "").upper()
    query = tree.args.get("expression")
    if kind != "TABLE" or query is None:
        raise invalid(
            f"CREATE {kind or 'this'} is not a statement that db.sql can run",
            hint="write CREATE TABLE engine.dataset AS SELECT ..., or load with db.load",
        )
    table, columns = target(tree)
    key: tuple[str, ...] = ()
    roles: dict[str, str] = {}
    properties = tree.args.get("properties")
    for told in [] if properties is None else properties.expressions:
        name, values = _role(told)
        if name == "key":
            key = values
        else:
            roles[name] = values[0]
    replace, exists = bool(tree.args.get("replace")), bool(tree.args.get("exists"))
    if replace and exists:
        raise invalid("OR REPLACE and IF NOT EXISTS exclude one another", hint="write one of the two")
    return Create(table, _with_ctes(tree, query), columns, replace, exists, key, roles)


def target(tree: exp.Expr) -> tuple[tuple[str, ...], tuple[str, ...] | None]:
    """Return the dotted name of what a statement writes to, and the columns of its list.

    >>> from polyroute.sql.dialect import parse_statement
    >>> target(parse_statement("INSERT INTO ts.weather (at, temp) SELECT 1, 2"))
    (('ts', 'weather'), ('at', 'temp'))
    """
    this = tree.this
    columns = None
    if isinstance(this, exp.Schema):
        for column in this.expressions:
            if not isinstance(column, exp.Identifier | exp.Column):
                raise invalid(
                    "the list of columns holds more than names", hint="the types come from the query: CAST them there"
                )
        columns = tuple(str(column.name) for column in this.expressions)
        this = this.this
    if not isinstance(this, exp.Table) or not isinstance(this.this, exp.Identifier | exp.Dot):
        raise invalid("the statement names no dataset to write to", hint="write INSERT INTO a_dataset SELECT ...")
    return tuple(str(part.name) for part in this.parts), columns


def inserted(tree: exp.Insert) -> exp.Expr | None:
    """Return the query of an INSERT, with the common table expressions that stand before the statement."""
    query = tree.args.get("expression")
    return None if query is None else _with_ctes(tree, query)


def queries(tree: exp.Expr) -> list[exp.Expr]:
    """Return the outermost queries in a statement."""
    if isinstance(tree, exp.Insert):
        query = inserted(tree)
        return [] if query is None else [query]
    return [q for q in tree.find_all(exp.Query) if q.find_ancestor(exp.Query) is None]


def sources(tree: exp.Expr) -> list[exp.Table]:
    """Return the tables that an UPDATE reads FROM, or a DELETE is USING."""
    held = tree.args.get("using") or []
    from_ = tree.args.get("from_")
    return [t for part in [*held, *([from_] if from_ else [])] for t in part.find_all(exp.Table)]


def _with_ctes(tree: exp.Expr, query: exp.Expr) -> exp.Expr:
    """Return the query with the common table expressions that stand before the statement."""
    outer = tree.args.get("with_")
    query = query.copy()
    if outer is None:
        return query
    if not isinstance(query, exp.Select) or query.args.get("with_"):
        query = exp.select("*").from_(exp.Subquery(this=query, alias=exp.TableAlias(this=exp.to_identifier("q"))))
    query.set("with_", outer.copy())
    return query


def _conflict(tree: exp.Insert) -> tuple[Conflict, frozenset[str] | None, frozenset[str] | None]:
    alternative = str(tree.args.get("alternative") or "").upper()
    clause = tree.args.get("conflict")
    if alternative:
        if alternative not in ("REPLACE", "IGNORE"):
            raise invalid(f"INSERT OR {alternative} is not known", hint="write INSERT OR REPLACE or INSERT OR IGNORE")
        return ("replace" if alternative == "REPLACE" else "nothing"), None, None
    if clause is None:
        return "error", None, None
    keys = clause.args.get("conflict_keys")
    named = frozenset(str(i.name).lower() for k in keys for i in k.find_all(exp.Identifier)) if keys else None
    if "NOTHING" in str(clause.args.get("action")).upper():
        return "nothing", named, None
    assigned = [_assigned(e) for e in clause.expressions]
    if not assigned or clause.args.get("where") or clause.args.get("constraint"):
        raise _unlike()
    return "replace", named, frozenset(assigned)


def _assigned(tree: exp.Expr) -> str:
    """Return the column of `c = excluded.c`."""
    taken = tree.expression if isinstance(tree, exp.EQ) else None
    if (
        not isinstance(tree, exp.EQ)
        or not isinstance(taken, exp.Column)
        or taken.table.lower() != "excluded"
        or taken.name.lower() != tree.this.name.lower()
    ):
        raise _unlike()
    return str(tree.this.name).lower()


def _unlike() -> PolyrouteError:
    return invalid(
        "this ON CONFLICT changes rows in a way that a write across engines has not",
        hint="write ON CONFLICT DO NOTHING, or DO UPDATE SET c = excluded.c for every column that is not the key",
    )


def _role(told: exp.Expr) -> tuple[str, tuple[str, ...]]:
    """Return one `name = column` of WITH (...)."""
    if type(told) is not exp.Property:
        word = {"TemporaryProperty": "TEMP", "WithDataProperty": "WITH [NO] DATA"}.get(type(told).__name__, "this")
        raise invalid(
            f"a CREATE TABLE with {word} cannot be run",
            hint="db.register keeps a table for this connection; LIMIT 0 gives no rows",
        )
    name, value = str(told.this.name).lower(), told.args["value"]
    if name not in _ROLES:
        raise unknown_name("role of a column", name, _ROLES)
    if isinstance(value, exp.Tuple | exp.Paren | exp.Array):
        inner = [value.this] if isinstance(value, exp.Paren) else value.expressions
        return name, tuple(str(v.name) for v in inner)
    text = str(value.this).lower() if isinstance(value, exp.Boolean) else str(value.name)
    return name, (text,)

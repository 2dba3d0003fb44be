"""The FROM of a SELECT, written for SQLite: tables, subqueries, queries of WITH, and how they are joined."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlglot import exp

from polyroute.engines.relational.sqlite_query_common import comparable_pair
from polyroute.engines.relational.sqlite_query_draft import Common, Env, Relation, derived
from polyroute.engines.relational.sqlite_query_scope import Scope, Source, used_only
from polyroute.engines.relational.sqlite_query_values import require_condition
from polyroute.engines.relational.sqlite_tables import quoted
from polyroute.sql.filters import Unsupported


@dataclass(slots=True)
class From:
    """A FROM in the making: its text, and conditions of semi-joins, which belong to WHERE."""

    sql: str = ""
    conditions: list[str] = field(default_factory=list)


def write_from(node: exp.Select, env: Env) -> From:
    """Write a FROM and let its sources be seen in the scope of `env`."""
    made = From()
    first = node.args.get("from_")
    if first is None:
        if node.args.get("joins"):
            raise Unsupported("a join without FROM")
        return made
    used_only(first)
    sql, source = _source(first.this, env)
    made.sql = f"{_FROM}{sql}"
    env.scope.add(source)
    for join in node.args.get("joins") or []:
        _join(made, join, env)
    return made


def _source(node: exp.Expr, env: Env) -> tuple[str, Source]:
    if isinstance(node, exp.Table):
        return _table(node, env)
    if isinstance(node, exp.Subquery):
        used_only(node, "alias")
        relation = env.draft.write_query(node.this, Env(env.draft, Scope(), env.commons))
        return _derived(f"({relation.sql})", relation, node, node.alias or f"unnamed {env.draft.name()}", env)
    raise Unsupported(f"{node.key.upper()} in FROM")


def _table(node: exp.Table, env: Env) -> tuple[str, Source]:
    used_only(node, "alias")
    if not isinstance(node.this, exp.Identifier):
        raise Unsupported("a table function")
    common = env.commons.get(node.name.lower())
    if common is not None:
        relation = common_relation(common, env)
        return _derived(common.name, relation, node, node.alias or node.name, env)
    if _renamed(node) is not None:
        raise Unsupported("columns renamed beside the table")
    table = env.draft.table(node.name)
    name = env.draft.name()
    # with its schema, lest a name of WITH be meant
    return f"main.{quoted(table.name)} AS {name}", env.draft.source(table, node.alias or node.name, name)


def _derived(sql: str, relation: Relation, node: exp.Expr, alias: str, env: Env) -> tuple[str, Source]:
    name = env.draft.name()
    return f"{sql} AS {name}", derived(relation, alias, name, _renamed(node))


def _renamed(node: exp.Expr) -> Sequence[str] | None:
    alias = node.args.get("alias")
    columns = alias.args.get("columns") if isinstance(alias, exp.TableAlias) else None
    return [column.name for column in columns] if columns else None


def common_relation(common: Common, env: Env) -> Relation:
    """Write a query of WITH when it is read first."""
    if common.relation is None:
        alias = common.node.args["alias"]
        found = env.draft.write_query(common.node.this, Env(env.draft, Scope(), common.visible))
        names = tuple(column.name for column in alias.args.get("columns") or [])
        common.relation = Relation(found.sql, (*names, *found.names[len(names) :]), found.values)
    return common.relation


_FROM = " FROM "
_RIGHT = frozenset({("RIGHT", ""), ("RIGHT", "OUTER")})
_PLAIN = frozenset({("", ""), ("", "INNER"), ("", "CROSS"), ("LEFT", ""), ("LEFT", "OUTER")})
_FILTERS: Mapping[str, str] = {"SEMI": "EXISTS", "ANTI": "NOT EXISTS"}


def _join(made: From, join: exp.Join, env: Env) -> None:
    used_only(join, "side", "kind", "on", "using")
    side, kind = str(join.args.get("side") or "").upper(), str(join.args.get("kind") or "").upper()
    if kind in _FILTERS and not side:
        _filter_join(made, join, _FILTERS[kind], env)
        return
    if (side, kind) in _RIGHT:
        _right_join(made, join, env)
        return
    if (side, kind) not in _PLAIN:
        raise Unsupported(f"a {side or kind} JOIN")
    sql, source = _source(join.this, env)
    condition = _condition(join, source, env)
    word = "LEFT JOIN" if side else "JOIN"
    made.sql += f" {word} {sql}{'' if condition is None else f' ON {condition}'}"
    if side and condition is None:
        raise Unsupported("a LEFT JOIN without a condition")


def _right_join(made: From, join: exp.Join, env: Env) -> None:
    """Write a RIGHT JOIN, which not every SQLite has, as the LEFT JOIN that it is from the other side."""
    if len(env.scope.sources) != 1 or join.args.get("on") is None:
        raise Unsupported("a RIGHT JOIN that is not the first join, or without ON")
    left = made.sql.removeprefix(_FROM)
    sql, source = _source(join.this, env)
    made.sql = f"{_FROM}{sql} LEFT JOIN {left} ON {_condition(join, source, env)}"


def _condition(join: exp.Join, source: Source, env: Env) -> str | None:
    """Return the condition of a join, and let its source be seen."""
    using = join.args.get("using")
    if using:
        parts = [_same(identifier.name, source, env) for identifier in using]
        env.scope.add(source)
        for identifier in using:
            env.scope.hide(source, identifier.name)
        return " AND ".join(parts)
    env.scope.add(source)
    on = join.args.get("on")
    return None if on is None else require_condition(env.value(on)).checked


def _same(name: str, source: Source, env: Env) -> str:
    """Return the condition that a column of USING stands for."""
    found = source.named(name)
    left = env.scope.own(exp.column(name, quoted=True))
    if left is None or len(found) != 1:
        raise Unsupported(f"{name!r} of USING, which is not one column on each side")
    left, right = comparable_pair(left, found[0].read())
    return f"({left.checked} = {right.checked})"


def _filter_join(made: From, join: exp.Join, word: str, env: Env) -> None:
    """Write a semi-join or an anti-join: a condition on the rows to its left."""
    sql, source = _source(join.this, env)
    inner = Scope(None, [*env.scope.sources], [*env.scope.hidden])
    condition = _condition(join, source, Env(env.draft, inner, env.commons))
    made.conditions.append(f"{word} (SELECT 1 FROM {sql} WHERE {condition or '1'})")

"""One SELECT or a set operation, written for SQLite as DuckDB means it; refused where the two would differ.

Every result is called c0, c1, ... and every source by a name of our own; names, aliases, stars, ordinals and `ALL` are
resolved here, so that SQLite's own rules for them never matter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pyarrow as pa
from sqlglot import exp

from polyroute.engines.relational import (
    sqlite_query_aggregates,
    sqlite_query_calls,
    sqlite_query_expressions,
    sqlite_query_predicates,
)
from polyroute.engines.relational.sqlite_query_bindings import Bindings
from polyroute.engines.relational.sqlite_query_common import unified
from polyroute.engines.relational.sqlite_query_decimals import comparable
from polyroute.engines.relational.sqlite_query_draft import Common, Draft, Env, Handler, Relation
from polyroute.engines.relational.sqlite_query_from import write_from
from polyroute.engines.relational.sqlite_query_order import cut, ordered
from polyroute.engines.relational.sqlite_query_results import Item, results
from polyroute.engines.relational.sqlite_query_scope import Scope, alias_map, used_only
from polyroute.engines.relational.sqlite_query_values import Value, require_condition, require_ordered
from polyroute.engines.relational.sqlite_tables import Table
from polyroute.sql.filters import Unsupported
from polyroute.sql.filters.literals import NO_LITERAL, literal

_HANDLERS: Mapping[type[exp.Expr], Handler] = {
    **sqlite_query_expressions.HANDLERS,
    **sqlite_query_calls.HANDLERS,
    **sqlite_query_predicates.HANDLERS,
    **sqlite_query_aggregates.HANDLERS,
}
_PARTS = (
    "expressions", "from_", "joins", "where", "group", "having", "qualify", "distinct", "order", "limit", "offset",
    "with_", "kind",
)  # fmt: skip


def write_statement(
    tree: exp.Expr, tables: Mapping[str, Table], params: Mapping[str, object]
) -> tuple[Relation, Draft]:
    """Write a whole statement; `Unsupported`, with the reason, where SQLite would not answer as DuckDB does."""
    draft = Draft(tables, Bindings(params), _HANDLERS, write_query)
    return write_query(tree, Env(draft, Scope(), {})), draft


def write_query(node: exp.Expr, around: Env) -> Relation:
    """Write a query that stands in a scope, whose columns its WHERE may read."""
    if isinstance(node, exp.Subquery):
        used_only(node)
        return write_query(node.this, around)
    if not isinstance(node, exp.Select | exp.SetOperation):
        raise Unsupported(f"{node.key.upper()} as a query")
    own, declared = _commons(node, around)
    env = replace(around, commons=own)
    relation = _select(node, env) if isinstance(node, exp.Select) else _set_operation(node, env)
    used = [_common_text(c, c.relation) for c in declared if c.relation is not None]
    return replace(relation, sql=f"WITH {', '.join(used)} {relation.sql}", bare=False) if used else relation


def _commons(node: exp.Expr, around: Env) -> tuple[Mapping[str, Common], list[Common]]:
    """Return the queries of WITH that a query sees, and those that it declares."""
    with_ = node.args.get("with_")
    if with_ is None:
        return around.commons, []
    used_only(with_, "expressions")
    visible = dict(around.commons)
    declared = []
    for cte in with_.expressions:
        used_only(cte, "alias", "materialized")
        common = Common(cte, dict(visible), around.draft.name())
        visible[cte.alias.lower()] = common
        declared.append(common)
    return visible, declared


def _common_text(common: Common, relation: Relation) -> str:
    """Return a query of WITH; one that cuts its rows is run once, or two readers might see other rows."""
    once = common.node.this.find(exp.Limit, exp.Offset, exp.Window) is not None
    return f"{common.name} AS {'MATERIALIZED ' if once else ''}({relation.sql})"


def _set_operation(node: exp.SetOperation, env: Env) -> Relation:
    used_only(node, "expression", "distinct", "with_", "order", "limit", "offset")
    word = _WORDS.get((type(node), bool(node.args.get("distinct"))))
    if word is None:
        raise Unsupported(f"{node.key.upper()} ALL")
    inner = replace(env, scope=Scope())
    left, right = write_query(node.this, inner), write_query(node.expression, inner)
    if len(left.values) != len(right.values):
        raise Unsupported("a set operation of different numbers of columns")
    values = []
    for i in range(len(left.values)):
        given = [left.column(i), right.column(i)]
        converted, common = unified(given, node.key.upper())
        if any(new is not old for new, old in zip(converted, given, strict=True)):
            raise Unsupported(f"{node.key.upper()} of two types of numbers")
        values.append(common if word == "UNION ALL" else require_ordered(common, node.key.upper()))
    sql = f"{_operand(left)} {word} {_operand(right)}"
    tail = ordered(node, list(zip(left.names, values, strict=True)), None) + cut(node, env)
    return Relation(f"{sql}{tail}", left.names, tuple(replace(v, sql="c") for v in values))


def _operand(relation: Relation) -> str:
    return relation.sql if relation.bare else f"SELECT * FROM ({relation.sql})"


_WORDS = {
    (exp.Union, True): "UNION",
    (exp.Union, False): "UNION ALL",
    (exp.Except, True): "EXCEPT",
    (exp.Intersect, True): "INTERSECT",
}


def _select(node: exp.Select, around: Env) -> Relation:
    used_only(node, *_PARTS)
    if node.args.get("kind"):
        raise Unsupported("an unusual SELECT")
    scope = Scope()
    env = replace(around, scope=scope)
    made = write_from(node, env)
    items = results(node.expressions, scope)
    scope.aliases = alias_map(node.expressions)
    conditions = [*made.conditions, *_where(node, env, around.scope)]
    groups = _groups(node, items, env)
    scope.grouped = bool(groups) or _aggregates_all(node)
    values = [_result(item, env) for _, item in items]
    names = tuple(name for name, _ in items)
    having = _having(node, groups, env)
    filtered = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    grouped = f" GROUP BY {', '.join(groups)}" if groups else ""
    body = f"{made.sql}{filtered}{grouped}{having}"
    listed = ", ".join(f"{_text(v)} AS c{i}" for i, v in enumerate(values))
    if node.args.get("qualify") is not None:
        return _qualified(node, names, values, listed, body, env)
    distinct = _distinct(node, values)
    tail = ordered(node, _ordering(names, values), None if distinct else env) + cut(node, env)
    return Relation(f"SELECT {distinct}{listed}{body}{tail}", names, tuple(values), bare=not tail)


def _ordering(names: Sequence[str | None], values: Sequence[Value | Unsupported]) -> list[tuple[str | None, Value]]:
    """Return results as ORDER BY sees them; one that cannot be computed has no order either."""
    return [(n, _UNORDERED if isinstance(v, Unsupported) else v) for n, v in zip(names, values, strict=True)]


_UNORDERED = Value("NULL", pa.null(), ordered=False)


def _text(value: Value | Unsupported) -> str:
    return "NULL" if isinstance(value, Unsupported) else value.checked


def _qualified(
    node: exp.Select,
    names: tuple[str | None, ...],
    values: list[Value | Unsupported],
    listed: str,
    body: str,
    env: Env,
) -> Relation:
    """Write a QUALIFY: a condition on the results of window functions, and so one level above them."""
    if node.args.get("distinct") is not None:
        raise Unsupported("QUALIFY with DISTINCT")
    condition = require_condition(env.value(node.args["qualify"].this))
    inner = env.draft.name()
    kept = ", ".join(f"{inner}.c{i} AS c{i}" for i in range(len(values)))
    tail = ordered(node, _ordering(names, values), None) + cut(node, env)
    sql = f"SELECT {kept} FROM (SELECT {listed}, {condition.checked} AS kept{body}) AS {inner} WHERE {inner}.kept{tail}"
    return Relation(sql, names, tuple(values), bare=not tail)


def _result(item: Item, env: Env) -> Value | Unsupported:
    """Write a result; a column of a star that cannot be computed matters only when somebody reads it."""
    if isinstance(item, exp.Expr):
        return env.value(item)
    try:
        return item.read()
    except Unsupported as refusal:
        return refusal


def _where(node: exp.Select, env: Env, outer: Scope) -> list[str]:
    where = node.args.get("where")
    if where is None:
        return []
    used_only(where)
    # only here may a subquery read the query around it: elsewhere SQLite and DuckDB differ in what that means
    seeing = replace(env.scope, outer=outer)
    return [require_condition(env.value_in(seeing, where.this)).checked]


def _having(node: exp.Select, groups: Sequence[str], env: Env) -> str:
    having = node.args.get("having")
    if having is None:
        return ""
    if not groups:
        raise Unsupported("HAVING without GROUP BY")
    used_only(having)
    return f" HAVING {require_condition(env.value(having.this)).checked}"


def _groups(node: exp.Select, items: Sequence[tuple[str | None, Item]], env: Env) -> list[str]:
    group = node.args.get("group")
    if group is None:
        return []
    used_only(group, "expressions", "all")
    keys = [_group_key(key, items, env) for key in group.expressions]
    if group.args.get("all"):
        keys = [_key_value(item, env) for _, item in items if not _aggregates(item, node)]
    if not keys:
        raise Unsupported("GROUP BY of nothing")
    return [key.checked for key in keys]


def _group_key(key: exp.Expr, items: Sequence[tuple[str | None, Item]], env: Env) -> Value:
    number = literal(key)
    if number is NO_LITERAL:
        return _key_value(key, env)
    if type(number) is not int or not 1 <= number <= len(items):
        raise Unsupported("GROUP BY of a constant")
    return _key_value(items[number - 1][1], env)


def _key_value(item: Item, env: Env) -> Value:
    value = comparable(env.value(item) if isinstance(item, exp.Expr) else item.read(), "GROUP BY")
    if value.literal is not NO_LITERAL:
        raise Unsupported("GROUP BY of a constant")
    return value


def _aggregates(item: Item, select: exp.Select) -> bool:
    """Tell whether a result aggregates, for GROUP BY ALL; one that also reads a column beside that is refused."""
    if not isinstance(item, exp.Expr):
        return False
    if item.find(exp.Window) is not None:
        raise Unsupported("GROUP BY ALL with a window function")
    if not any(a.find_ancestor(exp.Query) is select for a in item.find_all(exp.AggFunc)):
        return False
    columns = [c for c in item.find_all(exp.Column) if c.find_ancestor(exp.Query) is select]
    if any(c.find_ancestor(exp.AggFunc, exp.Filter, exp.Query) is select for c in columns):
        raise Unsupported("GROUP BY ALL with more than an aggregate in a result")
    return True


def _aggregates_all(select: exp.Select) -> bool:
    """Tell whether a SELECT without GROUP BY aggregates all its rows to one."""
    found = (a for part in (*select.expressions, select.args.get("order")) if part for a in part.find_all(exp.AggFunc))
    return any(a.find_ancestor(exp.Query) is select and not isinstance(a.parent, exp.Window) for a in found)


def _distinct(node: exp.Select, values: Sequence[Value | Unsupported]) -> str:
    distinct = node.args.get("distinct")
    if distinct is None:
        return ""
    used_only(distinct)
    for value in values:
        if isinstance(value, Unsupported):
            raise value
        require_ordered(value, "DISTINCT")
    return "DISTINCT "

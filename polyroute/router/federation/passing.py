"""What a derived table lets through: whether a filter above a SELECT may be applied below it, and to which column.

A LIMIT, a window, DISTINCT ON and an aggregation by something else stand in the way.
"""

from __future__ import annotations

from sqlglot import exp

from polyroute.router.federation.functions import aggregate_names
from polyroute.router.federation.scopes import Block, projected


def passes_filters(block: Block) -> bool:
    """Tell whether a filter above a SELECT may be applied below it, on columns that it passes through."""
    select = block.select
    if any(select.args.get(clause) for clause in ("limit", "offset", "qualify", "windows", "sample")):
        return False
    distinct = select.args.get("distinct")
    if distinct is not None and distinct.args.get("on") is not None:
        return False
    if any(source.method == "POSITIONAL" for source in block.sources):
        return False
    return not any(_own(select, node) for node in select.find_all(exp.Window))


def _own(select: exp.Select, node: exp.Expr) -> bool:
    return node.find_ancestor(exp.Select) is select


def passed_column(block: Block, name: str) -> exp.Column | None:
    """Return the column that a SELECT passes through under a name; of an aggregation only one that it groups by."""
    behind = projected(block, name)
    if behind is None:
        return _through_star(block, name)
    if not isinstance(behind, exp.Column):
        return None
    select = block.select
    group = select.args.get("group")
    if group is None:
        return None if select.args.get("having") or aggregates(select) else behind
    if any(group.args.get(form) for form in ("rollup", "cube", "grouping_sets", "totals")):
        return None
    if group.args.get("all") or any(_groups_by(block, item, name, behind) for item in group.expressions):
        return behind
    return None


def _groups_by(block: Block, item: exp.Expr, name: str, column: exp.Column) -> bool:
    """Tell whether an item of GROUP BY is the column, by its name, its alias or its position."""
    if isinstance(item, exp.Literal) and item.is_int:
        position = int(item.name)
        items = block.select.expressions
        return 0 < position <= len(items) and items[position - 1].alias_or_name.lower() == name
    if not isinstance(item, exp.Column):
        return False
    here, there = block.resolve(item), block.resolve(column)
    if here is not None:
        return there is not None and here[0] is there[0] and here[1:] == there[1:]
    unknown = any(s.columns is None or item.name.lower() in s.columns for s in block.sources)
    return not unknown and len(item.parts) == 1 and item.name.lower() == name


def aggregates(select: exp.Select) -> bool:
    """Tell whether a SELECT itself calls an aggregate function."""
    calls = (node for node in select.find_all(exp.AggFunc, exp.Anonymous) if _own(select, node))
    return any(isinstance(c, exp.AggFunc) or str(c.this).lower() in aggregate_names() for c in calls)


def _through_star(block: Block, name: str) -> exp.Column | None:
    if len(block.sources) != 1 or block.select.args.get("group"):
        return None
    [source] = block.sources
    if source.columns is None or name not in source.columns:
        return None
    return exp.column(exp.to_identifier(source.columns[name], quoted=True))

"""Find the edges along which keys may travel: equalities of joins, USING, and `x IN (SELECT y ...)`.

Rows of an edge's target only matter whose column is among the values of its source; what the source holds too much of
does no harm. Edges lead out of correlated subqueries too: their rows only matter for values of the query around them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from sqlglot import exp

from polyroute.router.federation.implied import Edge, Placed, Reductions
from polyroute.router.federation.joins import may_take_keys
from polyroute.router.federation.passing import passed_column, passes_filters
from polyroute.router.federation.scopes import BaseColumn, Block, Scopes, Source, trace


def equality_edges(block: Block, placed: Placed, found: Reductions) -> None:
    """Make edges of an equality of two columns, in both directions where both sides may be narrowed."""
    left, right = placed.tree.this.unnest(), placed.tree.expression.unnest()
    if isinstance(left, exp.Column) and isinstance(right, exp.Column):
        _edge(block, left, right, placed, found)
        _edge(block, right, left, placed, found)


def implied_edges(block: Block, conditions: Sequence[Placed], found: Reductions) -> None:
    """Make edges of the equalities that follow from others: a = b and b = c give a = c.

    Only what holds in every row of the answer may be joined together: conditions of WHERE, and of inner joins where no
    later join brings rows that have not met them.
    """
    if any(s.side in ("RIGHT", "FULL") or s.method or s.kind in ("SEMI", "ANTI") for s in block.sources):
        return
    classes: list[dict[tuple[int, str], exp.Column]] = []
    for placed in conditions:
        if placed.at is not None and block.sources[placed.at].side:
            continue
        pair = _column_pair(block, placed.tree)
        if pair is None:
            continue
        touched = [c for c in classes if c.keys() & pair.keys()]
        classes = [c for c in classes if c not in touched] + [{k: v for c in (*touched, pair) for k, v in c.items()}]
    for members in classes:
        for (source_id, _), source in members.items() if len(members) > 2 else ():
            for (target_id, _), target in members.items():
                if source_id != target_id:
                    _edge(block, source, target, Placed(source, None), found)


def _column_pair(block: Block, tree: exp.Expr) -> dict[tuple[int, str], exp.Column] | None:
    """Return the two columns of an equality between two sources of a block."""
    if not isinstance(tree, exp.EQ):
        return None
    pair = {}
    for side in (tree.this.unnest(), tree.expression.unnest()):
        resolved = block.resolve(side) if isinstance(side, exp.Column) else None
        if resolved is None or resolved[2]:
            return None
        pair[id(resolved[0]), resolved[1]] = side
    return pair if len(pair) == 2 else None


def _edge(block: Block, source: exp.Column, target: exp.Column, placed: Placed, found: Reductions) -> None:
    """Note that rows of the target's source only matter whose column is among those of the source's."""
    to = block.resolve(target)
    if to is None or to[2]:
        return
    home: Block | None = block
    from_ = None
    while home is not None and from_ is None:
        from_ = home.resolve(source)
        if from_ is None and any(_might_hold(s, source) for s in home.sources):
            return
        home = home.outer if from_ is None else home
    if from_ is None or from_[0] is to[0]:
        return
    base = trace(from_[0], from_[1])
    if base is None:
        return
    base = replace(base, fields=(*base.fields, *from_[2]))
    if not may_take_keys(block, to[0], placed.at):
        return
    for column in _target(to[0], to[1]):
        if column.input != base.input:
            found.edges.append(Edge(base, column))


def _might_hold(source: Source, column: exp.Column) -> bool:
    """Tell whether a source might be what a column that was not resolved refers to."""
    first = column.parts[0].name.lower()
    if source.alias == first:
        return True
    return source.columns is None or first in source.columns


def _target(source: Source, name: str) -> Iterator[BaseColumn]:
    """Give the input column that a set of keys may reduce, through derived tables that let filters pass."""
    if source.sampled:
        return
    if source.input is not None:
        stored = None if source.columns is None else source.columns.get(name)
        if stored is not None:
            yield BaseColumn(source.input, stored)
        return
    inner = source.block
    if inner is None or not source.once or not passes_filters(inner):
        return
    behind = passed_column(inner, name)
    resolved = None if behind is None else inner.resolve(behind)
    if resolved is not None and not resolved[2] and may_take_keys(inner, resolved[0], None):
        yield from _target(resolved[0], resolved[1])


def using_edges(block: Block, at: int, source: Source, found: Reductions) -> None:
    """Make edges of the columns of USING, where one source to the left holds them."""
    for name in (source.join.args.get("using") or []) if source.join is not None else ():
        folded = name.name.lower()
        left = [s for s in block.sources[:at] if s.columns is None or folded in s.columns]
        if len(left) != 1 or left[0].columns is None or source.columns is None or folded not in source.columns:
            continue
        for from_, to in ((left[0], source), (source, left[0])):
            base = trace(from_, folded)
            if base is None or not may_take_keys(block, to, at):
                continue
            found.edges.extend(Edge(base, column) for column in _target(to, folded) if column.input != base.input)


def membership_edges(scopes: Scopes, block: Block, placed: Placed, found: Reductions) -> None:
    """Make edges of `x IN (SELECT y ...)`: from what the subquery can give to x, and from x into the subquery."""
    tree = placed.tree
    subquery = tree.args["query"]
    body = subquery.this if isinstance(subquery, exp.Subquery) else subquery
    outer = tree.this.unnest()
    if not isinstance(body, exp.Select) or not isinstance(outer, exp.Column) or len(body.expressions) != 1:
        return
    to = block.resolve(outer)
    inner = scopes.inside(body)
    item = body.expressions[0]
    y = item.this if isinstance(item, exp.Alias) else item
    if to is None or to[2] or not isinstance(y, exp.Column) or y.is_star:
        return
    resolved = inner.resolve(y)
    if resolved is None or resolved[2]:
        return
    if placed.at is None and not to[0].sampled and to[0].method != "ASOF":
        base = trace(resolved[0], resolved[1])
        if base is not None:
            found.edges.extend(Edge(base, c) for c in _target(to[0], to[1]) if c.input != base.input)
    back = trace(to[0], to[1])
    passes = passes_filters(inner) and passed_column(inner, item.alias_or_name.lower()) is not None
    if back is not None and passes and may_take_keys(inner, resolved[0], None):
        found.edges.extend(Edge(back, c) for c in _target(*resolved[:2]) if c.input != back.input)

"""Find what may be taken from the inputs before they are fetched: filters that the statement implies, and join edges.

A reduction never replaces a condition: the residual keeps them all. It only leaves out rows of an input that cannot
take part in the answer, so it is right wherever those rows change nothing, and that is what is decided here, join by
join:

- a condition of WHERE, or of the ON of an inner join, on one source: always, when a NULL row would fail it too, and
  otherwise only where no outer join makes NULL rows of the source;
- a condition of the ON of an outer join: only on the side that is not preserved;
- never on the right side of an ASOF join (the next row would match instead), beside a POSITIONAL join, or on a sample;
- through a derived table or a common table expression that is read once, on columns that it passes through, unless it
  has a LIMIT, a window, DISTINCT ON, or groups by something else.

An edge says that rows of its target only matter whose column is among the values of its source.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from sqlglot import exp

from polyroute.router.federation.functions import aggregate_names
from polyroute.router.federation.scopes import BaseColumn, Block, Scopes, Source, projected, trace

_STRICT = (
    exp.EQ,
    exp.NEQ,
    exp.GT,
    exp.GTE,
    exp.LT,
    exp.LTE,
    exp.Between,
    exp.Like,
    exp.ILike,
    exp.In,
    exp.Not,
    exp.And,
    exp.Or,
    exp.Paren,
    exp.Add,
    exp.Sub,
    exp.Mul,
    exp.Neg,
    exp.Column,
    exp.Dot,
    exp.Identifier,
    exp.Literal,
    exp.Boolean,
    exp.Placeholder,
    exp.Cast,
    exp.DataType,
)
_SUBQUERIES = (exp.Query, exp.Exists)
# not the same for every row or at every moment, or with names of their own
_LEFT_ALONE = (
    exp.Rand,
    exp.Randn,
    exp.Uuid,
    exp.CurrentTimestamp,
    exp.CurrentDate,
    exp.CurrentTime,
    exp.Window,
    exp.Lambda,
    exp.Comprehension,
)


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition on one input: its tree reads bare columns of the input, spelled as stored."""

    input: str
    tree: exp.Expr


@dataclass(frozen=True, slots=True)
class Edge:
    """Rows of the target only matter whose column is among the source's values."""

    source: BaseColumn
    target: BaseColumn


@dataclass(slots=True)
class Reductions:
    """What may be left out of the inputs, and why other conditions were not pushed."""

    conditions: list[Condition] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)
    kept: dict[str, dict[str, str]] = field(default_factory=dict)

    def keep(self, input_: str, condition: exp.Expr, reason: str) -> None:
        """Remember why a condition on an input stays above it."""
        self.kept.setdefault(input_, {})[condition.sql(dialect="duckdb")] = reason


def find_reductions(scopes: Scopes) -> Reductions:
    """Return the reductions of a statement."""
    found = Reductions()
    for block in scopes.blocks:
        if any(source.method == "POSITIONAL" for source in block.sources):
            continue
        for condition in _conditions(block):
            _consider(scopes, block, condition, found)
        for at, source in enumerate(block.sources):
            if source.join is not None:
                _using(block, at, source, found)
    return found


@dataclass(frozen=True, slots=True)
class _Placed:
    """A condition and where it stands: None is WHERE, otherwise the ON of the source at that position."""

    tree: exp.Expr
    at: int | None


def _conditions(block: Block) -> Iterator[_Placed]:
    where = block.select.args.get("where")
    if where is not None:
        yield from (_Placed(part, None) for part in conjuncts(where.this))
    for at, source in enumerate(block.sources):
        on = None if source.join is None else source.join.args.get("on")
        if on is not None:
            yield from (_Placed(part, at) for part in conjuncts(on))


def conjuncts(tree: exp.Expr) -> Iterator[exp.Expr]:
    """Give the conditions that must all hold."""
    bare = tree.unnest()
    if isinstance(bare, exp.And):
        yield from conjuncts(bare.this)
        yield from conjuncts(bare.expression)
    else:
        yield bare


def _consider(scopes: Scopes, block: Block, placed: _Placed, found: Reductions) -> None:
    tree = placed.tree
    if isinstance(tree, exp.In) and isinstance(tree.args.get("query"), exp.Expr):
        _membership(scopes, block, placed, found)
        return
    if tree.find(*_SUBQUERIES) is not None or tree.find(*_LEFT_ALONE) is not None:
        return
    if isinstance(tree, exp.EQ):
        _equality(block, placed, found)
    resolved = [(column, block.resolve(column)) for column in tree.find_all(exp.Column)]
    sources = {id(r[0]): r[0] for _, r in resolved if r is not None}
    if not resolved or any(r is None for _, r in resolved) or len(sources) != 1:
        return
    [source] = sources.values()
    if _may_reduce(block, source, tree, placed.at):
        _push(source, tree, block, found)
    elif source.input is not None:
        found.keep(source.input, tree, "an outer or ASOF join keeps rows without it")


def _may_reduce(block: Block, source: Source, tree: exp.Expr, at: int | None) -> bool:
    """Tell whether rows of a source that fail a condition can be left out."""
    where = block.position(source)
    if source.sampled or source.method == "ASOF":
        return False
    before = block.sources if at is None else block.sources[: at + 1]
    if at is not None:
        join = block.sources[at]
        if join.method == "ASOF":
            return False
        if join.side == "FULL":
            return False
        if join.side == "LEFT" or join.kind == "ANTI":
            return where == at
        if where not in block.joined_with(at) or (join.side == "RIGHT" and where == at):
            return False
        before = block.sources[:at]
    return _rejects_null(tree) or not _null_extended(before, where)


def _null_extended(sources: Sequence[Source], where: int) -> bool:
    """Tell whether joins among the first sources can put NULLs in place of a source's rows."""
    if where < len(sources) and sources[where].side in ("LEFT", "FULL"):
        return True
    return any(source.side in ("RIGHT", "FULL") for source in sources[where + 1 :])


def _rejects_null(tree: exp.Expr) -> bool:
    """Tell whether a condition cannot be true where all columns it reads are NULL."""
    return all(isinstance(node, _STRICT) for node in tree.walk()) and not _is_vacuous(tree)


def _is_vacuous(tree: exp.Expr) -> bool:
    """Tell whether some part of a condition reads no column, as in `x = 1 OR true`."""
    if isinstance(tree, (exp.And, exp.Or, exp.Not, exp.Paren)):
        return any(_is_vacuous(part) for part in tree.iter_expressions())
    return tree.find(exp.Column) is None


def _push(source: Source, tree: exp.Expr, block: Block, found: Reductions) -> None:
    """Push a condition, whose columns are all of one source, down to the input beneath it."""
    if source.input is not None:
        found.conditions.append(Condition(source.input, _on_input(tree, block, source)))
        return
    inner = source.block
    if inner is None or not source.once or not _passes_filters(inner):
        return
    replaced = tree.copy()
    originals = list(tree.find_all(exp.Column))
    copies = list(replaced.find_all(exp.Column))
    for original, copy in zip(originals, copies, strict=True):
        resolved = block.resolve(original)
        assert resolved is not None  # noqa: S101 - the caller resolved them all
        behind = _passed_column(inner, resolved[1])
        if behind is None:
            return
        inner_tree: exp.Expr = behind.copy()
        for name in resolved[2]:
            inner_tree = exp.Dot(this=inner_tree, expression=exp.to_identifier(name, quoted=True))
        if copy is replaced:
            replaced = inner_tree
        else:
            copy.replace(inner_tree)
    resolved_inner = [inner.resolve(c) for c in replaced.find_all(exp.Column)]
    below = {id(r[0]): r[0] for r in resolved_inner if r is not None}
    if any(r is None for r in resolved_inner) or len(below) != 1:
        return
    [source_below] = below.values()
    if _may_reduce(inner, source_below, replaced, None):
        _push(source_below, replaced, inner, found)


def _on_input(tree: exp.Expr, block: Block, source: Source) -> exp.Expr:
    """Return a copy of a condition that reads bare columns of the input."""
    copied = tree.copy()
    for original, copy in zip(tree.find_all(exp.Column), list(copied.find_all(exp.Column)), strict=True):
        resolved = block.resolve(original)
        assert resolved is not None and source.columns is not None  # noqa: S101, PT018 - resolved before
        bare: exp.Expr = exp.column(exp.to_identifier(source.columns[resolved[1]], quoted=True))
        for name in resolved[2]:
            bare = exp.Dot(this=bare, expression=exp.to_identifier(name, quoted=True))
        if copy is copied:
            copied = bare
        else:
            copy.replace(bare)
    return copied


def _passes_filters(block: Block) -> bool:
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


def _passed_column(block: Block, name: str) -> exp.Column | None:
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


def _equality(block: Block, placed: _Placed, found: Reductions) -> None:
    left, right = placed.tree.this.unnest(), placed.tree.expression.unnest()
    if isinstance(left, exp.Column) and isinstance(right, exp.Column):
        _edge(block, left, right, placed, found)
        _edge(block, right, left, placed, found)


def _edge(block: Block, source: exp.Column, target: exp.Column, placed: _Placed, found: Reductions) -> None:
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
    if not _may_take_keys(block, to[0], placed.at):
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


def _may_take_keys(block: Block, target: Source, at: int | None) -> bool:
    """Tell whether an equality, which no NULL passes, may reduce its source: never the preserved side of its join."""
    if target.sampled:
        return False
    where = block.position(target)
    if at is None:
        return target.method != "ASOF"
    join = block.sources[at]
    if where != at and (target.method == "ASOF" or (join.method == "ASOF" and join.side)):
        return False
    if join.side == "FULL":
        return False
    if join.side == "LEFT" or join.kind == "ANTI":
        return where == at
    return where in block.joined_with(at) and not (join.side == "RIGHT" and where == at)


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
    if inner is None or not source.once or not _passes_filters(inner):
        return
    behind = _passed_column(inner, name)
    resolved = None if behind is None else inner.resolve(behind)
    if resolved is not None and not resolved[2] and _may_take_keys(inner, resolved[0], None):
        yield from _target(resolved[0], resolved[1])


def _using(block: Block, at: int, source: Source, found: Reductions) -> None:
    """Make edges of the columns of USING, where one source to the left holds them."""
    for name in (source.join.args.get("using") or []) if source.join is not None else ():
        folded = name.name.lower()
        left = [s for s in block.sources[:at] if s.columns is None or folded in s.columns]
        if len(left) != 1 or left[0].columns is None or source.columns is None or folded not in source.columns:
            continue
        for from_, to in ((left[0], source), (source, left[0])):
            base = trace(from_, folded)
            if base is None or not _may_take_keys(block, to, at):
                continue
            found.edges.extend(Edge(base, column) for column in _target(to, folded) if column.input != base.input)


def _membership(scopes: Scopes, block: Block, placed: _Placed, found: Reductions) -> None:
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
    passes = _passes_filters(inner) and _passed_column(inner, item.alias_or_name.lower()) is not None
    if back is not None and passes and _may_take_keys(inner, resolved[0], None):
        found.edges.extend(Edge(back, c) for c in _target(*resolved[:2]) if c.input != back.input)

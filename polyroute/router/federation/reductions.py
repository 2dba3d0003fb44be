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
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from polyroute.router.federation.edges import equality_edges, implied_edges, membership_edges, using_edges
from polyroute.router.federation.implied import Condition, Placed, Reductions, conjuncts
from polyroute.router.federation.joins import may_reduce
from polyroute.router.federation.passing import passed_column, passes_filters
from polyroute.router.federation.scopes import Block, Scopes, Source

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


def find_reductions(scopes: Scopes) -> Reductions:
    """Return the reductions of a statement."""
    found = Reductions()
    for block in scopes.blocks:
        if any(source.method == "POSITIONAL" for source in block.sources):
            continue
        conditions = list(_conditions(block))
        for condition in conditions:
            _consider(scopes, block, condition, found)
        implied_edges(block, conditions, found)
        for at, source in enumerate(block.sources):
            if source.join is not None:
                using_edges(block, at, source, found)
    return found


def _conditions(block: Block) -> Iterator[Placed]:
    where = block.select.args.get("where")
    if where is not None:
        yield from (Placed(part, None) for part in conjuncts(where.this))
    for at, source in enumerate(block.sources):
        on = None if source.join is None else source.join.args.get("on")
        if on is not None:
            yield from (Placed(part, at) for part in conjuncts(on))


def _consider(scopes: Scopes, block: Block, placed: Placed, found: Reductions) -> None:
    tree = placed.tree
    if isinstance(tree, exp.In) and isinstance(tree.args.get("query"), exp.Expr):
        membership_edges(scopes, block, placed, found)
        return
    if tree.find(*_SUBQUERIES) is not None or tree.find(*_LEFT_ALONE) is not None:
        return
    if isinstance(tree, exp.EQ):
        equality_edges(block, placed, found)
    resolved = [(column, block.resolve(column)) for column in tree.find_all(exp.Column)]
    sources = {id(r[0]): r[0] for _, r in resolved if r is not None}
    if not resolved or any(r is None for _, r in resolved) or len(sources) != 1:
        return
    [source] = sources.values()
    if may_reduce(block, source, tree, placed.at):
        _push(source, tree, block, found)
    elif source.input is not None:
        found.keep(source.input, tree, "an outer or ASOF join keeps rows without it")


def _push(source: Source, tree: exp.Expr, block: Block, found: Reductions) -> None:
    """Push a condition, whose columns are all of one source, down to the input beneath it."""
    if source.input is not None:
        found.conditions.append(Condition(source.input, _on_input(tree, block, source)))
        return
    inner = source.block
    if inner is None or not source.once or not passes_filters(inner):
        return
    replaced = tree.copy()
    originals = list(tree.find_all(exp.Column))
    copies = list(replaced.find_all(exp.Column))
    for original, copy in zip(originals, copies, strict=True):
        resolved = block.resolve(original)
        assert resolved is not None  # noqa: S101 - the caller resolved them all
        behind = passed_column(inner, resolved[1])
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
    if may_reduce(inner, source_below, replaced, None):
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

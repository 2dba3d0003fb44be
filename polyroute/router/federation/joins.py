"""What a join lets through: whether rows of a source that fail a condition, or whose key has no match, can be left out.

This is the one place that knows which side of a join is preserved, where NULL rows appear, and that the right side of
an ASOF join may not lose rows, because the next one would match instead.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from polyroute.router.federation.scopes import Block, Source

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


def may_reduce(block: Block, source: Source, tree: exp.Expr, at: int | None) -> bool:
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
    return rejects_null(tree) or not _null_extended(before, where)


def _null_extended(sources: Sequence[Source], where: int) -> bool:
    """Tell whether joins among the first sources can put NULLs in place of a source's rows."""
    if where < len(sources) and sources[where].side in ("LEFT", "FULL"):
        return True
    return any(source.side in ("RIGHT", "FULL") for source in sources[where + 1 :])


def rejects_null(tree: exp.Expr) -> bool:
    """Tell whether a condition cannot be true where all columns it reads are NULL."""
    return all(isinstance(node, _STRICT) for node in tree.walk()) and not _is_vacuous(tree)


def _is_vacuous(tree: exp.Expr) -> bool:
    """Tell whether some part of a condition reads no column, as in `x = 1 OR true`."""
    if isinstance(tree, (exp.And, exp.Or, exp.Not, exp.Paren)):
        return any(_is_vacuous(part) for part in tree.iter_expressions())
    return tree.find(exp.Column) is None


def may_take_keys(block: Block, target: Source, at: int | None) -> bool:
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

"""Find where a LIMIT may go to the engine: a SELECT that filters, orders and cuts one input, and does nothing else.

The cut is only taken down together with every condition above it, so it never cuts rows that a condition would have
passed over; the residual orders and cuts again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlglot import exp

from polyroute.router.federation.implied import conjuncts
from polyroute.router.federation.passing import aggregates
from polyroute.router.federation.scopes import Block, Scopes
from polyroute.sql.dialect import render

_CLAUSES = ("group", "having", "qualify", "distinct", "windows", "sample", "joins", "laterals", "pivots")
# in the list of a SELECT these give no row, or several, for one
_MULTIPLY = (exp.Unnest, exp.Explode, exp.Window)


@dataclass(frozen=True, slots=True)
class Cut:
    """The first rows of an input: `order` is a text, None for any rows; `conditions` must all be applied before."""

    order: str | None
    limit: int
    conditions: int


def find_cuts(scopes: Scopes) -> Mapping[str, Cut]:
    """Return the cuts of a statement by input."""
    cuts: dict[str, Cut] = {}
    for block in scopes.blocks:
        cut = _cut(block)
        if cut is not None and block.sources[0].input is not None:
            cuts[block.sources[0].input] = cut
    return cuts


def _cut(block: Block) -> Cut | None:
    select = block.select
    if len(block.sources) != 1 or block.sources[0].columns is None or block.sources[0].sampled:
        return None
    if any(select.args.get(clause) for clause in _CLAUSES) or aggregates(select):
        return None
    if any(item.find(*_MULTIPLY) is not None or _unnests(item) for item in select.expressions):
        return None
    limit = _rows(select)
    order = _order(block)
    if limit is None or order is None:
        return None
    where = select.args.get("where")
    return Cut(order or None, limit, 0 if where is None else len(list(conjuncts(where.this))))


def _unnests(item: exp.Expr) -> bool:
    return any(str(call.this).lower() == "unnest" for call in item.find_all(exp.Anonymous))


def _rows(select: exp.Select) -> int | None:
    """Return how many rows may be needed: LIMIT and OFFSET together."""
    limit, offset = select.args.get("limit"), select.args.get("offset")
    if not isinstance(limit, exp.Limit):
        return None
    total = 0
    for clause in (limit, offset):
        count = None if clause is None else clause.expression
        if clause is None:
            continue
        if not isinstance(count, exp.Literal) or not count.is_int:
            return None
        total += int(count.name)
    return total


def _order(block: Block) -> str | None:
    """Return the order as a text over the input's columns, '' without one; None where it is by more than columns."""
    order = block.select.args.get("order")
    if order is None:
        return ""
    aliases = {i.alias.lower(): i.this for i in block.select.expressions if isinstance(i, exp.Alias)}
    keys = []
    for item in order.expressions:
        column = item.this
        if not isinstance(column, exp.Column):
            return None
        # a bare name in ORDER BY is an output column before it is one of the input
        if len(column.parts) == 1:
            column = aliases.get(column.name.lower(), column)
        resolved = block.resolve(column) if isinstance(column, exp.Column) else None
        if resolved is None or resolved[2] or resolved[0].columns is None:
            return None
        stored = exp.column(exp.to_identifier(resolved[0].columns[resolved[1]], quoted=True))
        keys.append(
            render(exp.Ordered(this=stored, desc=item.args.get("desc"), nulls_first=item.args.get("nulls_first")))
        )
    return ", ".join(keys)

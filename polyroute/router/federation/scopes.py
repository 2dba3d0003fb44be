"""Resolve the names of a statement: which SELECT reads which inputs, and what each column means.

A block is one SELECT with the sources of its FROM in order. The resolver is conservative: what it cannot tell for
certain (a source with unknown columns, a name that two sources have, a join in parentheses) it leaves unresolved, and
then nothing is pushed on its account. It resolves on the tree as it was written, so the residual stays the statement of
the person who wrote it. Inputs are table nodes that carry their name in `meta`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from sqlglot import exp

INPUT = "polyroute_input"
_SET_OPERATION = exp.SetOperation


@dataclass(frozen=True, slots=True)
class BaseColumn:
    """A column of an input, spelled as it is stored, or a field in it, spelled as in the statement."""

    input: str
    name: str
    fields: tuple[str, ...] = ()

    def __str__(self) -> str:
        return ".".join((self.input, self.name, *self.fields))


@dataclass(slots=True, eq=False)
class Source:
    """One item of a FROM: an input, a derived table, or something opaque.

    `columns` maps lower-case names to names as stored; None where they are not known. `side`, `kind` and `method` are
    of the join that brings it in; those of the first item are empty. `block` is the SELECT of a derived table, `once`
    whether only this item reads it.
    """

    alias: str
    columns: Mapping[str, str] | None
    input: str | None = None
    block: Block | None = None
    once: bool = True
    join: exp.Join | None = None
    sampled: bool = False

    @property
    def side(self) -> str:
        """LEFT, RIGHT, FULL, or nothing."""
        return "" if self.join is None else str(self.join.side or "").upper()

    @property
    def after_comma(self) -> bool:
        """Whether a comma brings it in."""
        join = self.join
        return join is not None and not any(join.args.get(a) for a in ("kind", "side", "method", "on", "using"))

    @property
    def kind(self) -> str:
        """CROSS, INNER, SEMI, ANTI, or nothing."""
        return "" if self.join is None else str(self.join.kind or "").upper()

    @property
    def method(self) -> str:
        """ASOF, NATURAL, POSITIONAL, or nothing."""
        return "" if self.join is None else str(self.join.method or "").upper()


@dataclass(slots=True, eq=False)
class Block:
    """One SELECT: its sources in order, and the block around it, whose columns it may refer to."""

    select: exp.Select
    sources: list[Source] = field(default_factory=list)
    outer: Block | None = None

    def resolve(self, column: exp.Column) -> tuple[Source, str, tuple[str, ...]] | None:
        """Return the source of a column of this block, its name there in lower case, and the fields read of it.

        None where that is not certain, or where it is a column of a block around this one.
        """
        parts = [part.name for part in column.parts]
        if any(not isinstance(part, exp.Identifier) for part in column.parts):
            return None
        folded = [part.lower() for part in parts]
        if len(parts) > 1:
            named = [s for s in self.sources if s.alias == folded[0]]
            if len(named) == 1 and named[0].columns is not None and folded[1] in named[0].columns:
                return named[0], folded[1], tuple(parts[2:])
            if named:
                return None
        if any(s.columns is None for s in self.sources):
            return None
        holders = [s for s in self.sources if s.columns is not None and folded[0] in s.columns]
        return (holders[0], folded[0], tuple(parts[1:])) if len(holders) == 1 else None

    def joined_with(self, at: int) -> range:
        """Return the positions that the join at a position joins: a comma in FROM binds weaker than any JOIN."""
        first = at
        while first > 0 and not self.sources[first].after_comma:
            first -= 1
        return range(first, at + 1)

    def position(self, source: Source) -> int:
        """Return where a source stands in FROM."""
        return next(i for i, s in enumerate(self.sources) if s is source)


class Scopes:
    """The blocks of a statement; `inputs` gives the columns of each input by name, None where they are not known."""

    def __init__(self, tree: exp.Expr, inputs: Mapping[str, Mapping[str, str] | None]) -> None:
        self._inputs = inputs
        self._ctes = {id(t): cte for t in tree.find_all(exp.Table) if (cte := cte_of(t)) is not None}
        self._uses: dict[int, int] = {}
        for cte in self._ctes.values():
            self._uses[id(cte)] = self._uses.get(id(cte), 0) + 1
        self._made: dict[int, Block] = {}
        self.blocks = [self._block(select) for select in tree.find_all(exp.Select)]

    def block_of(self, node: exp.Expr) -> Block | None:
        """Return the block in whose own clauses a node stands."""
        select = node.find_ancestor(exp.Select)
        return None if select is None else self._block(select)

    def inside(self, select: exp.Select) -> Block:
        """Return the block of a SELECT."""
        return self._block(select)

    def _block(self, select: exp.Select) -> Block:
        made = self._made.get(id(select))
        if made is None:
            made = self._made[id(select)] = Block(select)
            made.outer = self.block_of(select)
            made.sources = list(self._sources(select))
        return made

    def _sources(self, select: exp.Select) -> Iterator[Source]:
        first = select.args.get("from_")
        if first is not None:
            yield self._source(first.this, None)
        for join in select.args.get("joins") or []:
            yield self._source(join.this, join)
        for lateral in select.args.get("laterals") or []:
            yield Source(lateral.alias.lower(), None)

    def _source(self, node: exp.Expr, join: exp.Join | None) -> Source:
        alias = node.alias_or_name.lower()
        renamed = node.args.get("alias") is not None and bool(node.args["alias"].args.get("columns"))
        if node.args.get("joins") or node.args.get("pivots"):
            return Source(alias, None, join=join)
        sampled = bool(node.args.get("sample"))
        name = node.meta.get(INPUT)
        if name is not None:
            return Source(alias, None if renamed else self._inputs.get(name), name, join=join, sampled=sampled)
        cte = self._ctes.get(id(node))
        if cte is not None:
            if renamed or cte.args["alias"].args.get("columns") or _is_recursive(cte):
                return Source(alias, None, join=join)
            return self._derived(alias, cte.this, join, once=self._uses[id(cte)] == 1, sampled=sampled)
        if isinstance(node, exp.Subquery) and not renamed and not _has_clauses(node):
            return self._derived(alias, node.this, join, once=True, sampled=sampled)
        return Source(alias, None, join=join)

    def _derived(self, alias: str, body: exp.Expr, join: exp.Join | None, *, once: bool, sampled: bool) -> Source:
        while isinstance(body, exp.Subquery) and not _has_clauses(body) and not body.alias:
            body = body.this
        if isinstance(body, _SET_OPERATION):
            return Source(alias, self._names_of(body), join=join, once=once, sampled=sampled)
        if not isinstance(body, exp.Select):
            return Source(alias, None, join=join, once=once)
        return Source(alias, self._names_of(body), None, self._block(body), once, join, sampled)

    def _names_of(self, body: exp.Expr) -> Mapping[str, str] | None:
        """Return the output columns of a query, or None when a star or a repeated name hides them."""
        while isinstance(body, (_SET_OPERATION, exp.Subquery)):
            if isinstance(body, _SET_OPERATION) and body.args.get("by_name"):
                return None
            body = body.this
        if not isinstance(body, exp.Select):
            return None
        names: dict[str, str] = {}
        for item in body.expressions:
            found = self._item_names(body, item)
            if found is None or any(n in names for n in found):
                return None
            names.update(found)
        return names

    def _item_names(self, select: exp.Select, item: exp.Expr) -> Mapping[str, str] | None:
        if isinstance(item, exp.Star) and not any(item.args.values()):
            sources = self._block(select).sources
            if len(sources) != 1:
                return None
            return sources[0].columns
        if isinstance(item, (exp.Alias, exp.Column)) and not item.is_star:
            name = item.alias_or_name
            return {name.lower(): name}
        return None


def projected(block: Block, name: str) -> exp.Expr | None:
    """Return the expression behind an output column of a block, or None where a star gives it."""
    for item in block.select.expressions:
        if not isinstance(item, exp.Star) and item.alias_or_name.lower() == name:
            behind: exp.Expr = item.this if isinstance(item, exp.Alias) else item
            return behind
    return None


def trace(source: Source, name: str) -> BaseColumn | None:
    """Return the column of an input whose values an output column takes unchanged, some or all of them."""
    if source.input is not None:
        stored = None if source.columns is None else source.columns.get(name)
        return None if stored is None else BaseColumn(source.input, stored)
    block = source.block
    if block is None or source.columns is None or name not in source.columns:
        return None
    behind = projected(block, name)
    if behind is None:
        return trace(block.sources[0], name) if len(block.sources) == 1 else None
    if not isinstance(behind, exp.Column):
        return None
    found = block.resolve(behind)
    base = None if found is None else trace(found[0], found[1])
    return None if found is None or base is None else replace(base, fields=(*base.fields, *found[2]))


def _has_clauses(node: exp.Subquery) -> bool:
    return any(node.args.get(clause) for clause in ("with_", "where", "order", "limit", "offset", "laterals", "pivots"))


def _is_recursive(cte: exp.CTE) -> bool:
    return bool(cte.parent is not None and cte.parent.args.get("recursive"))


def cte_of(table: exp.Table) -> exp.CTE | None:
    """Return the common table expression that a bare table name means, or None when it is not one."""
    if len(table.parts) > 1 or INPUT in table.meta or not isinstance(table.this, exp.Identifier):
        return None
    name = table.name.lower()
    child: exp.Expr = table
    parent = table.parent
    while parent is not None:
        visible: list[exp.Expr] = []
        with_ = parent.args.get("with_")
        if isinstance(with_, exp.With) and child is not with_:
            visible = with_.expressions
        elif isinstance(parent, exp.With):
            at = next(i for i, c in enumerate(parent.expressions) if c is child)
            visible = parent.expressions[: at + bool(parent.args.get("recursive"))]
        for cte in reversed(visible):
            if isinstance(cte, exp.CTE) and cte.alias.lower() == name:
                return cte
        child, parent = parent, parent.parent
    return None

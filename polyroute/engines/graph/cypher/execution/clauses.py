"""Build the pipeline of a query: one pass over the clauses that checks and compiles them, scope by scope.

The compiled clauses are factories of stages. A pipeline makes its stages anew each time it starts, so that a subquery
can run once for every row of the query around it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

from polyroute.engines.graph.cypher import tree
from polyroute.engines.graph.cypher.compiling import AggregateCall, Compiler, Evaluate, Row, Run, Scope, holds_aggregate
from polyroute.engines.graph.cypher.execution import stages
from polyroute.engines.graph.cypher.execution.patterns import compile_match
from polyroute.engines.graph.cypher.execution.stages import Stage
from polyroute.errors import QueryError

Factory: TypeAlias = Callable[[Stage], Stage]

_UNWOUND = ("list", "relationships", "null", "any")


@dataclass(frozen=True, slots=True)
class Pipeline:
    """The compiled clauses of one branch, and the columns of its RETURN (none where it has no RETURN)."""

    columns: tuple[str, ...]
    factories: tuple[Factory, ...]
    take: Callable[[Row], bool]

    def start(self, row: Row) -> None:
        """Run the branch, beginning with one row of outer variables."""
        stage: Stage = stages.Receiver(self.take)
        for factory in reversed(self.factories):
            stage = factory(stage)
        stage.push(row)
        stage.finish()


@dataclass(frozen=True, slots=True)
class _Items:
    """The compiled items of a projection: names with code, their kinds, and what a row of it is made by."""

    kinds: dict[str, str]
    factory: Callable[[bool], Factory]
    aggregates: bool


def build_pipeline(run: Run, scope: Scope, clauses: tuple[tree.Clause, ...], take: Callable[[Row], bool]) -> Pipeline:
    """Compile the clauses of one branch; `take` gets its rows and returns True when it has enough."""
    factories: list[Factory] = []
    columns: tuple[str, ...] = ()
    for clause in clauses:
        if isinstance(clause, tree.Match):
            scope = _match(run, scope, clause, factories)
        elif isinstance(clause, tree.Unwind):
            scope = _unwind(run, scope, clause, factories)
        else:
            scope = _project(run, scope, clause, factories)
            columns = tuple(scope.kinds) if clause.returns else ()
    return Pipeline(columns, tuple(factories), take)


def _match(run: Run, scope: Scope, clause: tree.Match, factories: list[Factory]) -> Scope:
    matcher = compile_match(run, scope, clause.parts, clause.where)
    factories.append(lambda then: stages.MatchStage(then, matcher, optional=clause.optional))
    return scope.adding(matcher.kinds)


def _unwind(run: Run, scope: Scope, clause: tree.Unwind, factories: list[Factory]) -> Scope:
    source = Compiler(run, scope).compile(clause.source)
    if clause.variable in scope.kinds:
        run.fail(0, f"the variable {clause.variable!r} is bound already", hint="unwind into a new variable")
    factories.append(lambda then: stages.UnwindStage(then, run, source.run, clause.variable))
    return scope.adding({clause.variable: "any" if source.kind in _UNWOUND else source.kind})


def _project(run: Run, scope: Scope, clause: tree.Projection, factories: list[Factory]) -> Scope:
    """Compile WITH or RETURN: items, DISTINCT, ORDER BY, SKIP, LIMIT, WHERE, in the order in which they work."""
    written = _written_items(run, scope, clause)
    items = (
        _grouped(run, scope, written)
        if any(holds_aggregate(i.expression) for i in written)
        else _plain(run, scope, written)
    )
    after = Scope(items.kinds)
    collapses = items.aggregates or clause.distinct
    if collapses:
        # Behind grouping the old variables are gone, but an expression may be repeated as it was projected.
        behind = replace(after, aliases={item.expression: item.name for item in written})
    else:
        behind = scope.adding(items.kinds)
    keeps = not collapses and bool(clause.order or clause.where)
    factories.append(items.factory(keeps))
    names = tuple(items.kinds)
    if clause.distinct:
        factories.append(lambda then: stages.DistinctStage(then, names))
    _order_and_cut(run, behind, clause, factories)
    if clause.where is not None:
        condition = Compiler(run, behind).condition(clause.where, "WHERE")
        factories.append(lambda then: stages.FilterStage(then, condition))
    if keeps:
        factories.append(lambda then: stages.StripStage(then, names))
    return after


def _written_items(run: Run, scope: Scope, clause: tree.Projection) -> list[tree.Item]:
    """List the items of a projection, those of a star first, and check their names."""
    items = list(clause.items)
    if clause.star:
        if not scope.visible and not items:
            run.fail(clause.at, "* stands for all variables, and there are none")
        items = [*(tree.Item(tree.Variable(name), name, aliased=True) for name in scope.visible), *items]
    names: set[str] = set()
    for item in items:
        if not item.aliased and not clause.returns:
            run.fail(
                clause.at, f"the expression {item.name!r} has no name in WITH", hint="write AS and a name behind it"
            )
        if item.name in names:
            run.fail(clause.at, f"two columns are called {item.name!r}", hint="give one of them another name with AS")
        names.add(item.name)
    return items


def _plain(run: Run, scope: Scope, written: list[tree.Item]) -> _Items:
    compiler = Compiler(run, scope)
    compiled = {item.name: compiler.compile(item.expression) for item in written}
    code = [(name, made.run) for name, made in compiled.items()]

    def factory(keeps: bool) -> Factory:
        return lambda then: stages.ProjectStage(then, code, keeps=keeps)

    return _Items({name: made.kind for name, made in compiled.items()}, factory, aggregates=False)


def _grouped(run: Run, scope: Scope, written: list[tree.Item]) -> _Items:
    """Compile items with aggregates: the others are the keys, and all that an aggregate may be combined with."""
    rows = Compiler(run, scope)
    kinds: dict[str, str] = {}
    slots: dict[str, str] = {}
    aliases: dict[tree.Expression, str] = {}
    keys: list[tuple[str, Evaluate]] = []
    for item in written:
        if not holds_aggregate(item.expression):
            compiled, slot = rows.compile(item.expression), run.hidden_name()
            keys.append((slot, compiled.run))
            slots[item.name], kinds[slot] = slot, compiled.kind
            if _is_simple(item.expression):
                aliases[item.expression] = slot
    calls: list[AggregateCall] = []
    groups = Compiler(run, Scope(kinds, aliases), rows=scope, calls=calls)
    made: dict[str, str] = {}
    code: list[tuple[str, Evaluate]] = []
    for item in written:
        if item.name in slots:
            compiled = groups.variable(slots[item.name])
        else:
            try:
                compiled = groups.compile(item.expression)
            except QueryError as exc:
                _refuse_ambiguous(run, scope, groups.scope, item.expression)
                raise exc from exc.__cause__
        made[item.name] = compiled.kind
        code.append((item.name, compiled.run))

    def factory(keeps: bool) -> Factory:
        return lambda then: stages.AggregateStage(then, keys, calls, code)

    return _Items(made, factory, aggregates=True)


def _is_simple(expression: tree.Expression) -> bool:
    """Tell whether an expression is a variable, or properties of one: what may stand beside an aggregate."""
    while isinstance(expression, tree.Property):
        expression = expression.subject
    return isinstance(expression, tree.Variable)


def _refuse_ambiguous(run: Run, scope: Scope, groups: Scope, expression: tree.Expression) -> None:
    """Refuse a variable beside an aggregate that is neither grouped by nor aggregated."""
    for item in _beside_aggregates(expression):
        known = item in groups.aliases or item.name in groups.kinds
        if item.name in scope.kinds and not known:
            run.fail(
                item.at,
                f"beside an aggregate, {item.name!r} must be a grouping key of its own",
                hint=f"project what is used of {item.name!r} as a column of its own, in a WITH before if need be",
            )


def _beside_aggregates(expression: tree.Expression) -> list[tree.Variable]:
    if isinstance(expression, tree.Variable):
        return [expression]
    if isinstance(expression, tree.Call) and holds_aggregate(tree.Call(expression.name, ())):
        return []
    return [found for child in expression.children() for found in _beside_aggregates(child)]


def _order_and_cut(run: Run, scope: Scope, clause: tree.Projection, factories: list[Factory]) -> None:
    skip = _constant(run, clause.skip, "SKIP") or 0
    limit = _constant(run, clause.limit, "LIMIT")
    if clause.order:
        keys = [(_sort_value(run, scope, key.expression), key.descending) for key in clause.order]
        keep = None if limit is None else skip + limit
        factories.append(lambda then: stages.SortStage(then, keys, keep))
    if skip or limit is not None:
        factories.append(lambda then: stages.CutStage(then, skip, limit))


def _sort_value(run: Run, scope: Scope, expression: tree.Expression) -> Evaluate:
    """Compile a key of ORDER BY; beside an aggregate only simple items may be repeated, as in a projection."""
    if expression not in scope.aliases and holds_aggregate(expression):
        usable = {item: name for item, name in scope.aliases.items() if _is_simple(item) or holds_aggregate(item)}
        scope = replace(scope, aliases=usable)
    return Compiler(run, scope).value(expression)


def _constant(run: Run, expression: tree.Expression | None, word: str) -> int | None:
    """Evaluate the number of SKIP or LIMIT, which no variable may take part in."""
    if expression is None:
        return None
    variable = next((item for item in tree.walk(expression) if isinstance(item, tree.Variable)), None)
    if variable is not None:
        run.fail(
            variable.at, f"{word} takes a number that is the same for all rows", hint="use a number or a parameter"
        )
    return stages.whole_number(Compiler(run, Scope()).value(expression)({}), word)

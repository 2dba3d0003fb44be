"""The compiler's core: it finds who compiles what, resolves variables, and checks conditions.

What can be told from the text alone (an unknown variable, NOT of a number, the length of a node) is refused here,
before anything runs and also on an empty graph; what depends on values is refused by the operators when it happens.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from polyroute.engines.graph.cypher import operators, tree
from polyroute.engines.graph.cypher.compiling.scope import Compiled, Evaluate, Run, Scope

if TYPE_CHECKING:
    from polyroute.engines.graph.cypher.compiling.calls import AggregateCall
    from polyroute.engines.graph.cypher.tree import Expression

ExpressionT = TypeVar("ExpressionT", bound=tree.Expression)
Maker: TypeAlias = "Callable[[Compiler, ExpressionT], Compiled]"

_MAKERS: dict[type[tree.Expression], Callable[..., Compiled]] = {}


def compiles(kind: type[ExpressionT]) -> Callable[[Maker[ExpressionT]], Maker[ExpressionT]]:
    """Register a function as the one that compiles a kind of expression."""

    def register(maker: Maker[ExpressionT]) -> Maker[ExpressionT]:
        _MAKERS[kind] = maker
        return maker

    return register


class Compiler:
    """Compile the expressions of one scope.

    `calls` collects the aggregates found, whose arguments see the rows of the scope `rows`; without it an aggregate has
    no place. `as_condition` is set while an expression is compiled that may be a path.
    """

    def __init__(
        self, run: Run, scope: Scope, *, rows: Scope | None = None, calls: list[AggregateCall] | None = None
    ) -> None:
        self.run = run
        self.scope = scope
        self.rows = rows
        self.calls = calls
        self.as_condition = False

    def inside(self, scope: Scope) -> Compiler:
        """Return a compiler for a scope within this one."""
        return Compiler(self.run, scope, rows=self.rows, calls=self.calls)

    def compile(self, expression: Expression, *, as_condition: bool = False) -> Compiled:
        """Compile any expression; `as_condition` allows a path to stand for whether it exists."""
        alias = self.scope.aliases.get(expression) if self.scope.aliases else None
        if alias is not None and not (isinstance(expression, tree.Variable) and expression.name in self.scope.kinds):
            return self.variable(alias)
        held, self.as_condition = self.as_condition, as_condition
        try:
            return _MAKERS[type(expression)](self, expression)
        finally:
            self.as_condition = held

    def value(self, expression: Expression) -> Evaluate:
        """Compile an expression and forget its kind."""
        return self.compile(expression).run

    def condition(self, expression: Expression, what: str = "a condition") -> Evaluate:
        """Compile an expression whose value is true, false or null; a path may stand here."""
        compiled = self.compile(expression, as_condition=True)
        if compiled.kind not in ("boolean", "null", "any"):
            self.run.fail(place_of(expression), f"{what} is true or false, this is {article(compiled.kind)}")
        if compiled.kind == "boolean":
            return compiled.run
        evaluate = compiled.run
        return lambda row: operators.truth(evaluate(row))

    def variable(self, name: str) -> Compiled:
        """Compile the reading of a variable."""
        kind = self.scope.kind(name)
        return Compiled(lambda row: row[name], kind)


def article(kind: str) -> str:
    """Name a kind in a sentence.

    >>> article("integer"), article("relationships")
    ('an integer', 'a list of relationships')
    """
    if kind == "relationships":
        return "a list of relationships"
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"


def place_of(expression: Expression) -> int:
    """Return a place in the text for an expression, the beginning where it knows none."""
    return next((at for item in tree.walk(expression) if (at := getattr(item, "at", 0))), 0)

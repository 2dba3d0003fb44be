"""The tree of an openCypher query: frozen values, equal when they mean the same text.

The place in the text (`at`) is carried for messages and does not count for equality, so that an expression of ORDER BY
can be recognised as one of the projected items.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Expression:
    """The base of all expressions."""

    def children(self) -> Iterator[Expression]:
        """Give the expressions directly below this one."""
        for item in fields(self):
            yield from _expressions(getattr(self, item.name))


@dataclass(frozen=True, slots=True)
class Literal(Expression):
    """A number, a string, a boolean or null; `kind` keeps 1, 1.0 and true apart."""

    value: int | float | str | bool | None
    kind: str


@dataclass(frozen=True, slots=True)
class Parameter(Expression):
    """A value given beside the text: $name."""

    name: str


@dataclass(frozen=True, slots=True)
class Variable(Expression):
    """A name bound by a clause."""

    name: str
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class ListLiteral(Expression):
    """[a, b, c]."""

    items: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class MapLiteral(Expression):
    """{key: value, ...}."""

    items: tuple[tuple[str, Expression], ...]


@dataclass(frozen=True, slots=True)
class Property(Expression):
    """subject.key."""

    subject: Expression
    key: str
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Index(Expression):
    """subject[index], of a list or by a computed key."""

    subject: Expression
    index: Expression


@dataclass(frozen=True, slots=True)
class Slice(Expression):
    """subject[start..stop]; a side that is left out is None."""

    subject: Expression
    start: Expression | None
    stop: Expression | None


@dataclass(frozen=True, slots=True)
class HasLabels(Expression):
    """subject:A:B, of nodes and relationships."""

    subject: Expression
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MapProjection(Expression):
    """subject {.key, .*, other, key: value}; an item is (key, value), or (None, None) for .*."""

    subject: Variable
    items: tuple[tuple[str | None, Expression | None], ...]


@dataclass(frozen=True, slots=True)
class Unary(Expression):
    """NOT, -, +, IS NULL, IS NOT NULL."""

    operator: str
    operand: Expression
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Binary(Expression):
    """AND, OR, XOR, arithmetic, IN, STARTS WITH, ENDS WITH, CONTAINS, =~."""

    operator: str
    left: Expression
    right: Expression
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Comparison(Expression):
    """A chain a < b <= c: every neighbouring pair must hold."""

    operands: tuple[Expression, ...]
    operators: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Case(Expression):
    """CASE subject? WHEN ... THEN ... ELSE ... END."""

    subject: Expression | None
    branches: tuple[tuple[Expression, Expression], ...]
    otherwise: Expression | None


@dataclass(frozen=True, slots=True)
class Call(Expression):
    """A function or an aggregate; count(*) has no arguments and `star`."""

    name: str
    arguments: tuple[Expression, ...]
    distinct: bool = False
    star: bool = False
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class ListComprehension(Expression):
    """[variable IN source WHERE condition | result]."""

    variable: str
    source: Expression
    condition: Expression | None
    result: Expression | None


@dataclass(frozen=True, slots=True)
class Quantifier(Expression):
    """all, any, none, single (variable IN source WHERE condition)."""

    name: str
    variable: str
    source: Expression
    condition: Expression


@dataclass(frozen=True, slots=True)
class Reduce(Expression):
    """reduce(accumulator = start, variable IN source | result)."""

    accumulator: str
    start: Expression
    variable: str
    source: Expression
    result: Expression


@dataclass(frozen=True, slots=True)
class PatternPredicate(Expression):
    """A path in the place of a condition: (a)-[:KNOWS]->(b)."""

    part: PatternPart
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class PatternComprehension(Expression):
    """[p = (a)-->(b) WHERE condition | result]."""

    part: PatternPart
    condition: Expression | None
    result: Expression


@dataclass(frozen=True, slots=True)
class Subquery(Expression):
    """exists { query } or count { query }."""

    name: str
    query: Query


@dataclass(frozen=True, slots=True)
class NodePattern:
    """(variable:Label1:Label2 {key: value}); of `labels`, one out of each group must be there."""

    variable: str | None
    labels: tuple[tuple[str, ...], ...]
    properties: Expression | None
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class RelationshipPattern:
    """-[variable:TYPE1|TYPE2 *low..high {key: value}]->; `hops` is None for exactly one, `high` None for any number."""

    variable: str | None
    types: tuple[str, ...]
    direction: str
    hops: tuple[int, int | None] | None
    properties: Expression | None
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class PatternPart:
    """One path: nodes with a relationship between neighbours; `shortest` is 'one', 'all' or None."""

    variable: str | None
    nodes: tuple[NodePattern, ...]
    relationships: tuple[RelationshipPattern, ...]
    shortest: str | None = None
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Match:
    """MATCH or OPTIONAL MATCH with its WHERE."""

    parts: tuple[PatternPart, ...]
    where: Expression | None
    optional: bool


@dataclass(frozen=True, slots=True)
class Unwind:
    """UNWIND source AS variable."""

    source: Expression
    variable: str


@dataclass(frozen=True, slots=True)
class Item:
    """One projected expression; `aliased` tells whether AS was written, otherwise the name is its text."""

    expression: Expression
    name: str
    aliased: bool


@dataclass(frozen=True, slots=True)
class SortKey:
    """One expression of ORDER BY."""

    expression: Expression
    descending: bool


@dataclass(frozen=True, slots=True)
class Projection:
    """WITH or RETURN; `star` adds every variable in scope. WHERE belongs to WITH."""

    returns: bool
    distinct: bool
    star: bool
    items: tuple[Item, ...]
    order: tuple[SortKey, ...]
    skip: Expression | None
    limit: Expression | None
    where: Expression | None
    at: int = field(default=0, compare=False)


Clause: TypeAlias = Match | Unwind | Projection


@dataclass(frozen=True, slots=True)
class Query:
    """Clauses, or several lists of them joined by UNION; `keeps_duplicates` has one entry per UNION (True: ALL)."""

    branches: tuple[tuple[Clause, ...], ...]
    keeps_duplicates: tuple[bool, ...] = ()


def walk(expression: Expression) -> Iterator[Expression]:
    """Give an expression and all below it, subqueries and patterns left alone."""
    yield expression
    for child in expression.children():
        yield from walk(child)


def _expressions(value: object) -> Iterator[Expression]:
    if isinstance(value, Expression):
        yield value
    elif isinstance(value, tuple):
        for item in value:
            yield from _expressions(item)

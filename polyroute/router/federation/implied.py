"""What a statement implies for its inputs, as values: conditions on one input, and edges between two.

They are found by `reductions` and `edges`; the planner turns conditions into filters of scans, the run sends keys along
the edges.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from sqlglot import exp

from polyroute.router.federation.scopes import BaseColumn


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


@dataclass(frozen=True, slots=True)
class Placed:
    """A condition and where it stands: None is WHERE, otherwise the ON of the source at that position."""

    tree: exp.Expr
    at: int | None


def conjuncts(tree: exp.Expr) -> Iterator[exp.Expr]:
    """Give the conditions that must all hold."""
    bare = tree.unnest()
    if isinstance(bare, exp.And):
        yield from conjuncts(bare.this)
        yield from conjuncts(bare.expression)
    else:
        yield bare

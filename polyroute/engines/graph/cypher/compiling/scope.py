"""What the compiler knows: the variables in scope with their kinds, and the run that the compiled code belongs to.

A kind says what a variable or an expression can hold: node, relationship, relationships (of a pattern with *), path,
boolean, integer, float, string, list, map, temporal, null, or any. It is there to refuse nonsense before a query runs,
also on an empty graph.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import NoReturn, TypeAlias

from polyroute.engines.graph.cypher.graph import CypherGraph
from polyroute.engines.graph.cypher.lexer import syntax_error
from polyroute.engines.graph.cypher.tree import Expression
from polyroute.engines.graph.cypher.values import Value
from polyroute.errors import unknown_name

Row: TypeAlias = dict[str, Value]
Evaluate: TypeAlias = Callable[[Row], Value]

_STEPS_PER_CHECK = 2048


class Run:
    """One run of a query: its graph, parameters, text and moment, and the poll that lets it be cancelled."""

    def __init__(self, graph: CypherGraph, text: str, params: Mapping[str, Value], check: Callable[[], None]) -> None:
        self.graph = graph
        self.text = text
        self.params = params
        self.now = dt.datetime.now(dt.UTC)
        self.left = _STEPS_PER_CHECK
        self._check = check
        self._hidden = 0

    def tick(self) -> None:
        """Count a step; poll the call every couple of thousand. The inner loops count `left` down themselves."""
        self.left -= 1
        if self.left < 0:
            self.poll()

    def poll(self) -> None:
        """Give the call a chance to stop the query."""
        self.left = _STEPS_PER_CHECK
        self._check()

    def hidden_name(self) -> str:
        """Make a name for a pattern element without one; no variable can be called so."""
        self._hidden += 1
        return f" {self._hidden}"

    def fail(self, at: int, problem: str, *, hint: str | None = None) -> NoReturn:
        """Raise QUERY_INVALID for a place in the text."""
        raise syntax_error(self.text, at, problem, hint=hint)


@dataclass(frozen=True, slots=True)
class Scope:
    """The variables that an expression may use, and the expressions that stand for one of them.

    `aliases` maps expressions of a projection to the name they got; ORDER BY and WHERE behind it may repeat them.
    """

    kinds: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    aliases: Mapping[Expression, str] = field(default_factory=lambda: MappingProxyType({}))

    def kind(self, name: str) -> str:
        """Return the kind of a variable; QUERY_INVALID, naming the nearest, for one that is not in scope."""
        if name not in self.kinds:
            raise unknown_name("variable", name, (known for known in self.kinds if not known.startswith(" ")))
        return self.kinds[name]

    def adding(self, kinds: Mapping[str, str]) -> Scope:
        """Return the scope with further variables."""
        return replace(self, kinds={**self.kinds, **kinds})

    @property
    def visible(self) -> list[str]:
        """The variables that a person named, in the order of the alphabet."""
        return sorted(name for name in self.kinds if not name.startswith(" "))


@dataclass(frozen=True, slots=True)
class Compiled:
    """An expression ready to run: the code, and the kind of what it gives."""

    run: Evaluate
    kind: str

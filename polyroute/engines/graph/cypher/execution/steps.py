"""The steps of a match: each binds or tests one thing in the row and calls the next for every way to do so.

A row is one dict that the steps fill in place; whoever keeps a row copies it. `used` holds the edges of the match, for
within one MATCH no relationship occurs twice. A step returns True to stop the whole match.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

from polyroute.engines.graph.cypher.compiling.scope import Evaluate, Row, Run
from polyroute.engines.graph.cypher.operators import type_error
from polyroute.engines.graph.cypher.values import Node, Path, Relationship, Value, type_name

Emit: TypeAlias = Callable[[Row], bool]
Step: TypeAlias = Callable[[Row, set[int], Emit], bool]
Factory: TypeAlias = Callable[[Step], Step]
Candidates: TypeAlias = Callable[[Row], Iterable[int]]
LookUp: TypeAlias = Callable[[Value], Iterable[int]]


def emitting(row: Row, used: set[int], emit: Emit) -> bool:
    """Hand on a complete match: the last step."""
    return emit(row)


def scan(run: Run, slot: str, candidates: Candidates) -> Factory:
    """Bind a node to each of some candidates."""

    def factory(then: Step) -> Step:
        def step(row: Row, used: set[int], emit: Emit) -> bool:
            for number in candidates(row):
                run.tick()
                row[slot] = run.graph.node(number)
                if then(row, used, emit):
                    return True
            return False

        return step

    return factory


def known_node(slot: str) -> Factory:
    """Go on only where a bound variable holds a node."""

    def factory(then: Step) -> Step:
        def step(row: Row, used: set[int], emit: Emit) -> bool:
            held = row[slot]
            if held is None:
                return False
            if not isinstance(held, Node):
                raise type_error(f"a pattern needs a node, a variable holds {type_name(held)}")
            return then(row, used, emit)

        return step

    return factory


def labelled(run: Run, slot: str, groups: tuple[tuple[str, ...], ...]) -> Factory:
    """Go on only where a node has one label out of each group."""

    def factory(then: Step) -> Step:
        def step(row: Row, used: set[int], emit: Emit) -> bool:
            node = row[slot]
            held = run.graph.labels(node.number)  # type: ignore[attr-defined]
            if all(any(label in held for label in group) for group in groups):
                return then(row, used, emit)
            return False

        return step

    return factory


def filtered(condition: Evaluate) -> Factory:
    """Go on only where a condition is true."""

    def factory(then: Step) -> Step:
        def step(row: Row, used: set[int], emit: Emit) -> bool:
            return condition(row) is True and then(row, used, emit)

        return step

    return factory


def path_bound(run: Run, slot: str, nodes: list[str], relationships: list[str]) -> Factory:
    """Bind a path made of the parts of a pattern; inside a range of hops its nodes follow from the relationships."""
    graph = run.graph

    def factory(then: Step) -> Step:
        def step(row: Row, used: set[int], emit: Emit) -> bool:
            passed: list[Value] = [row[nodes[0]]]
            walked: list[Value] = []
            for place, name in enumerate(relationships):
                held = row[name]
                hops: list[Relationship] = held if isinstance(held, list) else [held]  # type: ignore[list-item]
                for relationship in hops:
                    here: Node = passed[-1]  # type: ignore[assignment]
                    source, target = graph.ends(relationship.number)
                    passed.append(graph.node(target if source == here.number else source))
                    walked.append(relationship)
                passed[-1] = row[nodes[place + 1]]
            row[slot] = Path(tuple(passed), tuple(walked))  # type: ignore[arg-type]
            return then(row, used, emit)

        return step

    return factory

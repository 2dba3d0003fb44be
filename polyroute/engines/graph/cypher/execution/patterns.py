"""Plan a match: check the variables of its patterns, then order the steps, cheapest start first.

A start is cheap where a variable is bound already, where a property has a known value, or where a label is rare. A
condition runs as soon as all that it mentions is bound, and the properties written inside a pattern are conditions too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import cast

from polyroute.engines.graph.cypher import tree
from polyroute.engines.graph.cypher.compiling import Compiler, Evaluate, Row, Run, Scope
from polyroute.engines.graph.cypher.execution import hops, steps
from polyroute.engines.graph.cypher.execution.hops import EdgeTest, Hop
from polyroute.engines.graph.cypher.execution.steps import Candidates, Emit, Factory, LookUp, Step
from polyroute.engines.graph.cypher.values import Value, equals
from polyroute.errors import unknown_name

_OPPOSITE = {"out": "in", "in": "out", "both": "both"}


@dataclass(frozen=True, slots=True)
class Matcher:
    """A planned match: `kinds` are the variables that it binds."""

    kinds: Mapping[str, str]
    first: Step

    def match(self, row: Row, emit: Emit) -> bool:
        """Fill the row in every way that matches, in place, and emit it; True when the receiver had enough."""
        return self.first(row, set(), emit)


@dataclass(frozen=True, slots=True)
class _Chain:
    """A path pattern with a slot for each element: a variable's name, or a hidden one."""

    part: tree.PatternPart
    nodes: list[str]
    relationships: list[str]


@dataclass(frozen=True, slots=True)
class _Condition:
    """A condition, and those variables of this match that it needs."""

    expression: tree.Expression
    needs: frozenset[str]


def compile_match(
    run: Run, scope: Scope, parts: Iterable[tree.PatternPart], where: tree.Expression | None, *, may_bind: bool = True
) -> Matcher:
    """Plan the patterns of a MATCH with its WHERE; `may_bind` False refuses new variables, as conditions do."""
    kinds: dict[str, str] = {}
    chains = [_declare(run, scope, part, kinds, may_bind=may_bind) for part in parts]
    planner = _Planner(run, scope, kinds, chains, where)
    step: Step = steps.emitting
    for factory in reversed(planner.plan()):
        step = factory(step)
    return Matcher({name: kind for name, kind in kinds.items() if not name.startswith(" ")}, step)


def _declare(run: Run, scope: Scope, part: tree.PatternPart, kinds: dict[str, str], *, may_bind: bool) -> _Chain:
    """Check and register the variables of one pattern."""

    def declare(name: str | None, kind: str, allowed: tuple[str, ...], at: int) -> str:
        if name is None:
            slot = run.hidden_name()
            kinds[slot] = kind
            return slot
        held = scope.kinds.get(name) or kinds.get(name)
        if held is None:
            if not may_bind and not name.startswith(" "):
                raise unknown_name("variable", name, scope.visible)
            kinds[name] = kind
        elif held not in allowed:
            run.fail(at, f"the variable {name!r} is {_described(held)} already, and {_described(kind)} here")
        elif kind != "node" and name in kinds:
            run.fail(at, f"the variable {name!r} stands for two elements of one pattern", hint="give them two names")
        return name

    path = part.variable
    if path is not None and (path in scope.kinds or path in kinds):
        run.fail(part.at, f"the variable {path!r} is bound already, so it cannot name a path")
    nodes, relationships = [], []
    for place, node in enumerate(part.nodes):
        nodes.append(declare(node.variable, "node", ("node", "null", "any"), node.at))
        if place < len(part.relationships):
            relationship = part.relationships[place]
            many = relationship.hops is not None
            kind = "relationships" if many else "relationship"
            allowed = ("relationships", "list", "null", "any") if many else ("relationship", "null", "any")
            relationships.append(declare(relationship.variable, kind, allowed, relationship.at))
    if path is not None:
        if path in kinds:
            run.fail(part.at, f"the variable {path!r} stands for a path and for a part of it")
        kinds[path] = "path"
    return _Chain(part, nodes, relationships)


def _described(kind: str) -> str:
    return {"relationships": "a list of relationships"}.get(kind, f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}")


class _Planner:
    def __init__(
        self, run: Run, scope: Scope, kinds: Mapping[str, str], chains: list[_Chain], where: tree.Expression | None
    ) -> None:
        self._run = run
        self._outer = scope
        self._compiler = Compiler(run, scope.adding(kinds))
        self._bound = set(scope.kinds)
        self._new = set(kinds) - self._bound
        self._chains = chains
        self._steps: list[Factory] = []
        written = [_equality(slot, item) for chain in chains for slot, items in _maps(chain) for item in items]
        split = [*written, *(_conjuncts(where) if where is not None else ())]
        self._conditions = [_Condition(item, frozenset(mentioned(item) & self._new)) for item in split]
        self._pending = list(self._conditions)
        # A hidden slot is read where a path is made of it, or a condition written in the pattern mentions it.
        self._read = {slot for chain in chains if chain.part.variable for slot in chain.relationships}
        self._read |= {slot for condition in self._conditions for slot in condition.needs}

    def plan(self) -> list[Factory]:
        """Order the steps."""
        self._apply_conditions()
        waiting = list(self._chains)
        while waiting:
            starts = [
                (self._cost(chain, place), chain, place) for chain in waiting for place in range(len(chain.nodes))
            ]
            _, chain, place = min(starts, key=lambda start: start[0])
            waiting.remove(chain)
            if chain.part.shortest is not None:
                self._plan_shortest(chain)
            else:
                self._plan_chain(chain, place)
            if chain.part.variable is not None:
                self._add(
                    steps.path_bound(self._run, chain.part.variable, chain.nodes, chain.relationships),
                    chain.part.variable,
                )
        return self._steps

    def _plan_chain(self, chain: _Chain, place: int) -> None:
        known = next(
            (i for i, slot in enumerate(chain.relationships) if self._is_outer_relationship(chain, i, slot)), None
        )
        if known is not None and chain.nodes[place] not in self._bound:
            self._hop(chain, known, forward=True)
            left, right = known, known + 1
        else:
            self._start(chain, place)
            left = right = place
        while left > 0 or right < len(chain.nodes) - 1:
            rightward = right < len(chain.nodes) - 1
            if rightward and left > 0 and chain.nodes[left - 1] in self._bound:
                rightward = chain.nodes[right + 1] in self._bound
            if rightward:
                self._hop(chain, right, forward=True)
                right += 1
            else:
                left -= 1
                self._hop(chain, left, forward=False)

    def _plan_shortest(self, chain: _Chain) -> None:
        self._start(chain, 0)
        self._start(chain, 1)
        hop = self._make_hop(chain, 0, forward=True)
        every = chain.part.shortest == "all"
        many = chain.part.relationships[0].hops is not None
        self._add(hops.shortest(self._run, hop, every=every, many=many), chain.relationships[0])

    def _is_outer_relationship(self, chain: _Chain, place: int, slot: str) -> bool:
        return slot in self._outer.kinds and chain.part.relationships[place].hops is None

    def _start(self, chain: _Chain, place: int) -> None:
        slot, pattern = chain.nodes[place], chain.part.nodes[place]
        if slot in self._bound:
            self._steps.append(steps.known_node(slot))
        else:
            self._steps.append(steps.scan(self._run, slot, self._candidates(slot, pattern)))
        self._arrived(slot, pattern)

    def _hop(self, chain: _Chain, place: int, *, forward: bool) -> None:
        hop = self._make_hop(chain, place, forward=forward)
        pattern, bound = chain.part.relationships[place], hop.relationship in self._outer.kinds
        many = pattern.hops is not None
        if bound and not many:
            factory = hops.known_hop(self._run, hop, start_known=hop.start in self._bound)
        elif bound:
            factory = hops.listed_hops(self._run, hop)
        else:
            factory = (hops.many_hops if many else hops.one_hop)(self._run, hop)
        self._steps.append(factory)
        for end in (place, place + 1):
            self._arrived(chain.nodes[end], chain.part.nodes[end], hop.relationship)

    def _make_hop(self, chain: _Chain, place: int, *, forward: bool) -> Hop:
        pattern = chain.part.relationships[place]
        start, end = (place, place + 1) if forward else (place + 1, place)
        direction = pattern.direction if forward else _OPPOSITE[pattern.direction]
        low, high = pattern.hops if pattern.hops is not None else (1, 1)
        return Hop(
            chain.nodes[start],
            chain.relationships[place],
            chain.nodes[end],
            chain.nodes[end] in self._bound or chain.nodes[end] == chain.nodes[start],
            not chain.relationships[place].startswith(" ") or chain.relationships[place] in self._read,
            hops.remembering(self._run.graph.expander(direction, pattern.types)),
            not forward,
            low,
            high,
            self._edge_test(pattern),
        )

    def _edge_test(self, pattern: tree.RelationshipPattern) -> EdgeTest | None:
        """Compile the properties written in a range of hops: every relationship on the way must have them."""
        if pattern.hops is None or not isinstance(pattern.properties, tree.MapLiteral):
            return None
        outer = Compiler(self._run, self._outer)
        wanted = [(key, outer.value(item)) for key, item in pattern.properties.items]
        read = self._run.graph.relationship_property
        return lambda edge, row: all(equals(read(edge, key), value(row)) is True for key, value in wanted)

    def _arrived(self, slot: str, pattern: tree.NodePattern, *others: str) -> None:
        if pattern.labels:
            self._steps.append(steps.labelled(self._run, slot, pattern.labels))
        self._bound.update((slot, *others))
        self._apply_conditions()

    def _add(self, factory: Factory, *slots: str) -> None:
        self._steps.append(factory)
        self._bound.update(slots)
        self._apply_conditions()

    def _apply_conditions(self) -> None:
        ready = [condition for condition in self._pending if condition.needs <= self._bound]
        self._pending = [condition for condition in self._pending if condition not in ready]
        for condition in ready:
            self._steps.append(steps.filtered(self._compiler.condition(condition.expression, "WHERE")))

    def _cost(self, chain: _Chain, place: int) -> float:
        slot = chain.nodes[place]
        if slot in self._bound:
            return 0.0
        if any(self._is_outer_relationship(chain, i, name) for i, name in enumerate(chain.relationships)):
            return 0.5
        if self._known_value(slot) is not None:
            return 1.0
        labels = [label for group in chain.part.nodes[place].labels if len(group) == 1 for label in group]
        counts = [len(self._run.graph.label_nodes(label)) for label in labels]
        return 2.0 + min(counts, default=self._run.graph.node_count)

    def _candidates(self, slot: str, pattern: tree.NodePattern) -> Candidates:
        graph = self._run.graph
        known = self._known_value(slot)
        if known is not None:
            key, value = known
            return lambda row: _none_for_null(value(row), lambda held: graph.nodes_with(key, held))
        labels = [label for group in pattern.labels if len(group) == 1 for label in group]
        if labels:
            rarest = min((graph.label_nodes(label) for label in labels), key=len)
            return lambda row: rarest
        return lambda row: range(graph.node_count)

    def _known_value(self, slot: str) -> tuple[str, Evaluate] | None:
        """Find a condition `slot.key = value` whose value is known by now."""
        for condition in self._conditions:
            found = _fixed_property(condition.expression, slot)
            if found is not None and not (mentioned(found[1]) & self._new - self._bound):
                return found[0], self._compiler.value(found[1])
        return None


def _none_for_null(value: Value, look_up: LookUp) -> Iterable[int]:
    return () if value is None else look_up(value)


def _maps(chain: _Chain) -> list[tuple[str, tuple[tuple[str, tree.Expression], ...]]]:
    """List the properties written in a pattern, with the slot of their element; ranges of hops are left out."""
    single = [item for item in zip(chain.relationships, chain.part.relationships, strict=True) if item[1].hops is None]
    elements: list[tuple[str, tree.NodePattern | tree.RelationshipPattern]] = [
        *zip(chain.nodes, chain.part.nodes, strict=True),
        *single,
    ]
    return [
        (slot, cast("tree.MapLiteral", element.properties).items) for slot, element in elements if element.properties
    ]


def _equality(slot: str, item: tuple[str, tree.Expression]) -> tree.Expression:
    key, value = item
    return tree.Comparison((tree.Property(tree.Variable(slot), key), value), ("=",))


def _conjuncts(expression: tree.Expression) -> list[tree.Expression]:
    if isinstance(expression, tree.Binary) and expression.operator == "AND":
        return [*_conjuncts(expression.left), *_conjuncts(expression.right)]
    return [expression]


def _fixed_property(expression: tree.Expression, slot: str) -> tuple[str, tree.Expression] | None:
    if not isinstance(expression, tree.Comparison) or expression.operators != ("=",):
        return None
    for one, other in (expression.operands, expression.operands[::-1]):
        if isinstance(one, tree.Property) and one.subject == tree.Variable(slot) and slot not in mentioned(other):
            return one.key, other
    return None


def mentioned(item: object) -> set[str]:
    """Return every name that a tree mentions as a variable, also in the patterns and queries inside it."""
    if isinstance(item, tuple):
        return set().union(*map(mentioned, item)) if item else set()
    if not is_dataclass(item):
        return set()
    names = set().union(*(mentioned(getattr(item, part.name)) for part in fields(item)))
    if isinstance(item, tree.Variable):
        names.add(item.name)
    if isinstance(item, (tree.NodePattern, tree.RelationshipPattern, tree.PatternPart)) and item.variable:
        names.add(item.variable)
    return names

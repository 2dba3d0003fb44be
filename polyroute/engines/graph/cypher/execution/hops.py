"""The steps that follow relationships: one hop, a range of hops, hops that are bound already, shortest paths."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from polyroute.engines.graph.cypher.compiling.scope import Row, Run
from polyroute.engines.graph.cypher.execution.steps import Emit, Factory, Step
from polyroute.engines.graph.cypher.operators import type_error
from polyroute.engines.graph.cypher.values import Node, Relationship, type_name

EdgeTest: TypeAlias = Callable[[int, Row], bool]
Expand: TypeAlias = Callable[[int], list[tuple[int, int]]]

_CACHED_NODES = 100_000


@dataclass(frozen=True, slots=True)
class Hop:
    """One relationship of a pattern, seen from a known end: slots, ways out, range of hops, test of an edge.

    `kept` tells whether anybody reads the relationship; otherwise it is not put into the row.
    """

    start: str
    relationship: str
    end: str
    end_known: bool
    kept: bool
    expand: Expand
    backward: bool = False
    low: int = 1
    high: int | None = 1
    test: EdgeTest | None = None


def remembering(expand: Expand) -> Expand:
    """Return the expansion with the last nodes' relationships remembered for the time of a query."""
    held: dict[int, list[tuple[int, int]]] = {}

    def remembered(node: int) -> list[tuple[int, int]]:
        found = held.get(node)
        if found is None:
            if len(held) >= _CACHED_NODES:
                held.clear()
            found = held[node] = expand(node)
        return found

    return remembered


def one_hop(run: Run, hop: Hop) -> Factory:
    """Follow one relationship to a new node, or to one that is bound already."""
    graph, kept, bind_end, test = run.graph, hop.kept, not hop.end_known, hop.test
    between = None if bind_end else _towards(hop.expand)

    def factory(then: Step) -> Step:
        def step(row: Row, used: set[int], emit: Emit) -> bool:
            start: Node = row[hop.start]  # type: ignore[assignment]
            for edge, other in _ways(hop, between, start.number, row):
                run.left -= 1
                if run.left < 0:
                    run.poll()
                if edge in used or (test is not None and not test(edge, row)):
                    continue
                if kept:
                    row[hop.relationship] = Relationship(graph, edge)
                if bind_end:
                    row[hop.end] = Node(graph, other)
                used.add(edge)
                stop = then(row, used, emit)
                used.discard(edge)
                if stop:
                    return True
            return False

        return step

    return factory


def _towards(expand: Expand) -> Callable[[int, int], list[tuple[int, int]]]:
    """Return a look-up of the edges between two nodes, in constant time once a node's edges are sorted by their end."""
    held: dict[int, dict[int, list[tuple[int, int]]]] = {}

    def between(start: int, end: int) -> list[tuple[int, int]]:
        ends = held.get(start)
        if ends is None:
            if len(held) >= _CACHED_NODES:
                held.clear()
            ends = held[start] = {}
            for way in expand(start):
                ends.setdefault(way[1], []).append(way)
        return ends.get(end, [])

    return between


def _ways(
    hop: Hop, between: Callable[[int, int], list[tuple[int, int]]] | None, start: int, row: Row
) -> list[tuple[int, int]]:
    if between is None:
        return hop.expand(start)
    end = row[hop.end]
    return between(start, end.number) if isinstance(end, Node) else []


def known_hop(run: Run, hop: Hop, *, start_known: bool) -> Factory:
    """Take a relationship that is bound already, in each way that the pattern allows, and bind or test its ends."""
    graph = run.graph
    end_known = hop.end_known and (start_known or hop.start != hop.end)

    def ends(held: Relationship) -> Iterator[tuple[int, int]]:
        source, target = graph.ends(held.number)
        for start, end in dict.fromkeys(((source, target), (target, source))):
            if any(edge == held.number and other == end for edge, other in hop.expand(start)):
                yield start, end

    def factory(then: Step) -> Step:
        def step(row: Row, used: set[int], emit: Emit) -> bool:
            held = row[hop.relationship]
            if held is None:
                return False
            if not isinstance(held, Relationship):
                raise type_error(f"a pattern needs a relationship, a variable holds {type_name(held)}")
            if held.number in used or (hop.test is not None and not hop.test(held.number, row)):
                return False
            wanted = (row[hop.start] if start_known else None, row[hop.end] if end_known else None)
            used.add(held.number)
            stop = False
            for start, end in ends(held):
                pair = (graph.node(start), graph.node(end))
                if any(want is not None and want != node for want, node in zip(wanted, pair, strict=True)):
                    continue
                if (start_known and wanted[0] is None) or (end_known and wanted[1] is None):
                    continue
                row[hop.start], row[hop.end] = pair
                if hop.start == hop.end and start != end:
                    continue
                if then(row, used, emit):
                    stop = True
                    break
            used.discard(held.number)
            return stop

        return step

    return factory


def many_hops(run: Run, hop: Hop) -> Factory:
    """Follow a range of hops, depth first, over edges that are not used yet; binds the list of relationships."""
    graph = run.graph

    def factory(then: Step) -> Step:
        def arrive(row: Row, used: set[int], emit: Emit, number: int, trail: list[int]) -> bool:
            if hop.end_known:
                end = row[hop.end]
                if not isinstance(end, Node) or end.number != number:
                    return False
            else:
                row[hop.end] = graph.node(number)
            edges = reversed(trail) if hop.backward else trail
            row[hop.relationship] = [graph.relationship(edge) for edge in edges]
            return then(row, used, emit)

        def step(row: Row, used: set[int], emit: Emit) -> bool:
            start: Node = row[hop.start]  # type: ignore[assignment]
            trail: list[int] = []
            if hop.low == 0 and arrive(row, used, emit, start.number, trail):
                return True
            stack = [iter(hop.expand(start.number))] if hop.high is None or hop.high > 0 else []
            stop = False
            while stack and not stop:
                way = next(stack[-1], None)
                if way is None:
                    stack.pop()
                    if trail:
                        used.discard(trail.pop())
                    continue
                run.tick()
                edge, other = way
                if edge in used or (hop.test is not None and not hop.test(edge, row)):
                    continue
                trail.append(edge)
                used.add(edge)
                stop = len(trail) >= hop.low and arrive(row, used, emit, other, trail)
                if not stop and (hop.high is None or len(trail) < hop.high):
                    stack.append(iter(hop.expand(other)))
                else:
                    used.discard(trail.pop())
            used.difference_update(trail)
            return stop

        return step

    return factory


def listed_hops(run: Run, hop: Hop) -> Factory:
    """Follow the relationships of a list that is bound already, one after the other."""
    graph = run.graph

    def walk(number: int, edges: list[int]) -> int | None:
        for edge in edges:
            number = next((other for found, other in hop.expand(number) if found == edge), -1)
            if number < 0:
                return None
        return number

    def factory(then: Step) -> Step:
        def step(row: Row, used: set[int], emit: Emit) -> bool:
            held, start = row[hop.relationship], row[hop.start]
            if not isinstance(held, list) or not isinstance(start, Node):
                return False
            edges = [item.number for item in held if isinstance(item, Relationship)]
            fits = hop.low <= len(edges) and (hop.high is None or len(edges) <= hop.high)
            if len(edges) != len(held) or not fits or len(set(edges)) != len(edges) or used.intersection(edges):
                return False
            if hop.test is not None and not all(hop.test(edge, row) for edge in edges):
                return False
            end = walk(start.number, edges[::-1] if hop.backward else edges)
            if end is None or (hop.end_known and row[hop.end] != graph.node(end)):
                return False
            row[hop.end] = graph.node(end)
            used.update(edges)
            stop = then(row, used, emit)
            used.difference_update(edges)
            return stop

        return step

    return factory


def shortest(run: Run, hop: Hop, *, every: bool, many: bool) -> Factory:
    """Find one shortest path between two bound nodes (the first by edge numbers), or every one of that length.

    `many` binds a list of relationships; without it there is one.
    """
    graph = run.graph

    def factory(then: Step) -> Step:
        def step(row: Row, used: set[int], emit: Emit) -> bool:
            start, end = row[hop.start], row[hop.end]
            if not isinstance(start, Node) or not isinstance(end, Node):
                return False
            for trail in _shortest_trails(run, hop, start.number, end.number, row):
                walked = [graph.relationship(edge) for edge in trail]
                row[hop.relationship] = walked if many else walked[0]
                if then(row, used, emit):
                    return True
                if not every:
                    return False
            return False

        return step

    return factory


def _shortest_trails(run: Run, hop: Hop, start: int, end: int, row: Row) -> Iterator[list[int]]:
    """Search breadth first from the start, remembering every way into a node on its level, then walk back."""
    if start == end:
        if hop.low == 0:
            yield []
        return
    depth = {start: 0}
    into: dict[int, list[tuple[int, int]]] = {}
    queue = deque([start])
    while queue:
        node = queue.popleft()
        level = depth[node] + 1
        if (end in depth and level > depth[end]) or (hop.high is not None and level > hop.high):
            break
        for edge, other in hop.expand(node):
            run.tick()
            if hop.test is not None and not hop.test(edge, row):
                continue
            if other not in depth:
                depth[other] = level
                queue.append(other)
            if depth[other] == level:
                into.setdefault(other, []).append((edge, node))
    if depth.get(end, -1) < hop.low:
        return
    pending: list[tuple[int, list[int]]] = [(end, [])]
    while pending:
        node, trail = pending.pop()
        if node == start:
            yield trail[::-1]
            continue
        pending.extend((earlier, [*trail, edge]) for edge, earlier in reversed(into[node]))

"""Random patterns on random graphs, against a matcher that tries everything."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from polyroute.engines.graph.cypher import run_query
from tests.engines.graph.cypher.tck import graph_of

LABELS, TYPES = ["A", "B"], ["X", "Y"]


@st.composite
def graphs(draw: st.DrawFn) -> dict[str, Any]:
    size = draw(st.integers(1, 4))
    nodes = [
        {"id": i, "labels": draw(st.lists(st.sampled_from(LABELS), unique=True)), "properties": {"v": i % 3}}
        for i in range(size)
    ]
    node = st.integers(0, size - 1)
    edges = [
        {"id": i, "src": a, "dst": b, "type": kind, "properties": {"w": i % 2}}
        for i, (a, b, kind) in enumerate(draw(st.lists(st.tuples(node, node, st.sampled_from(TYPES)), max_size=5)))
    ]
    return {"nodes": nodes, "edges": edges}


@st.composite
def chains(draw: st.DrawFn) -> list[list[Any]]:
    """Up to two chains node, relationship, node, ...: (variable, label, v) and (direction, type, w)."""
    found = []
    for _ in range(draw(st.integers(1, 2))):
        chain: list[Any] = []
        for place in range(draw(st.integers(1, 3))):
            if place:
                chain.append(
                    (
                        draw(st.sampled_from(["out", "in", "both"])),
                        draw(st.none() | st.sampled_from(TYPES)),
                        draw(st.none() | st.integers(0, 1)),
                    )
                )
            chain.append(
                (
                    draw(st.sampled_from("abc")),
                    draw(st.none() | st.sampled_from(LABELS)),
                    draw(st.none() | st.integers(0, 2)),
                )
            )
        found.append(chain)
    return found


def text_of(chain: list[Any], first: int) -> str:
    shown = ""
    for place, part in enumerate(chain):
        if place % 2 == 0:
            name, label, v = part
            shown += f"({name}{':' + label if label else ''}{f' {{v: {v}}}' if v is not None else ''})"
        else:
            direction, kind, w = part
            inner = f"[r{first + place // 2}{':' + kind if kind else ''}{f' {{w: {w}}}' if w is not None else ''}]"
            shown += ("<-" if direction == "in" else "-") + inner + ("->" if direction == "out" else "-")
    return shown


def by_trying(graph: dict[str, Any], parts: list[list[Any]]) -> Counter[tuple[int, ...]]:
    """Every assignment of nodes to variables and of different edges to relationships that fits."""
    names = sorted({node[0] for chain in parts for node in chain[::2]})
    hops = [(chain[i - 1][0], chain[i], chain[i + 1][0]) for chain in parts for i in range(1, len(chain), 2)]
    found: Counter[tuple[int, ...]] = Counter()
    for numbers in itertools.product(range(len(graph["nodes"])), repeat=len(names)):
        bound = dict(zip(names, numbers, strict=True))
        if not all(fits_node(graph["nodes"][bound[n]], label, v) for chain in parts for n, label, v in chain[::2]):
            continue
        for edges in itertools.permutations(graph["edges"], len(hops)):
            if all(
                fits_edge(edge, hop, bound[left], bound[right])
                for edge, (left, hop, right) in zip(edges, hops, strict=True)
            ):
                found[(*numbers, *(edge["id"] for edge in edges))] += 1
    return found


def fits_node(node: dict[str, Any], label: str | None, v: int | None) -> bool:
    return (label is None or label in node["labels"]) and (v is None or node["properties"]["v"] == v)


def fits_edge(edge: dict[str, Any], hop: tuple[str, str | None, int | None], left: int, right: int) -> bool:
    direction, kind, w = hop
    if (kind is not None and edge["type"] != kind) or (w is not None and edge["properties"]["w"] != w):
        return False
    forward, backward = (edge["src"], edge["dst"]) == (left, right), (edge["dst"], edge["src"]) == (left, right)
    return forward if direction == "out" else backward if direction == "in" else forward or backward


@settings(max_examples=150, deadline=None)
@given(graphs(), chains())
def test_matches_are_all_there_are(graph: dict[str, Any], parts: list[list[Any]]) -> None:
    names = sorted({node[0] for chain in parts for node in chain[::2]})
    hops = sum(len(chain) // 2 for chain in parts)
    first, texts = 0, []
    for chain in parts:
        texts.append(text_of(chain, first))
        first += len(chain) // 2
    items = [*(f"id({name})" for name in names), *(f"id(r{i})" for i in range(hops))]
    answer = run_query(graph_of(graph), f"MATCH {', '.join(texts)} RETURN {', '.join(items)}", None, lambda: None)
    assert Counter(answer.rows) == by_trying(graph, parts)


@settings(max_examples=80, deadline=None)
@given(graphs(), st.integers(0, 2), st.integers(0, 3), st.sampled_from(["out", "in", "both"]))
def test_ranges_of_hops_are_trails(graph: dict[str, Any], low: int, more: int, direction: str) -> None:
    high = low + more
    arrow = {"out": ("-", "->"), "in": ("<-", "-"), "both": ("-", "-")}[direction]
    query = f"MATCH (a){arrow[0]}[r*{low}..{high}]{arrow[1]}(b) RETURN id(a), [x IN r | id(x)], id(b)"
    answer = run_query(graph_of(graph), query, None, lambda: None)
    found = Counter((a, tuple(trail), b) for a, trail, b in answer.rows)
    assert found == trails(graph, low, high, direction)
    shortest = (
        f"MATCH (a), (b), p = shortestPath((a){arrow[0]}[*1..{high or 1}]{arrow[1]}(b)) RETURN id(a), id(b), length(p)"
    )
    lengths = {(a, b): n for a, b, n in run_query(graph_of(graph), shortest, None, lambda: None).rows}
    every = trails(graph, 1, high or 1, direction)
    assert lengths == {(a, b): min(len(t) for x, t, y in every if (x, y) == (a, b)) for a, _, b in every if a != b}


def trails(graph: dict[str, Any], low: int, high: int, direction: str) -> Counter[tuple[int, tuple[int, ...], int]]:
    found: Counter[tuple[int, tuple[int, ...], int]] = Counter()

    def walk(start: int, here: int, trail: tuple[int, ...]) -> None:
        if len(trail) >= low:
            found[(start, trail, here)] += 1
        if len(trail) == high:
            return
        for edge in graph["edges"]:
            if edge["id"] in trail:
                continue
            ends = {(edge["src"], edge["dst"]), (edge["dst"], edge["src"])}
            if direction != "both":
                ends = {(edge["src"], edge["dst"]) if direction == "out" else (edge["dst"], edge["src"])}
            for left, right in ends:
                if left == here:
                    walk(start, right, (*trail, edge["id"]))

    for node in graph["nodes"]:
        walk(node["id"], node["id"], ())
    return found

"""NetworkX and SciPy: nodes that do not exist, questions without an answer, a graph that changes while it is read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import networkx as nx
import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import shortest_path

from polyroute.errors import Outcome

from .case import SENTINEL, Case, Code

NOTHING, UNDONE = Outcome.NOT_EXECUTED, Outcome.ROLLED_BACK
INVALID, FAILED = Code.QUERY_INVALID, Code.QUERY_EXECUTION_FAILED
MISSING = f"zz {SENTINEL}"


def graph() -> nx.MultiDiGraph:
    found = nx.MultiDiGraph()
    found.add_edge("a", "b", weight=1)
    found.add_node(SENTINEL)
    return found


def on(work: Callable[[nx.MultiDiGraph], object]) -> Callable[[Path], object]:
    return lambda directory: work(graph())


def changed_while_read(g: nx.MultiDiGraph) -> None:
    for node in g:
        g.add_node(f"{node} again")


def negative_cycle() -> nx.DiGraph:
    return nx.DiGraph([("a", "b", {"weight": -1}), ("b", "a", {"weight": -1})])


def case(name: str, act: Callable[[Path], object], code: Code, outcome: Outcome = NOTHING, retry: bool = False) -> Case:
    return Case(f"networkx-{name}", "networkx", act, code, outcome, retry)


CASES = (
    case("neighbours", on(lambda g: list(g.neighbors(MISSING))), INVALID),
    case("predecessors", on(lambda g: list(g.predecessors(MISSING))), INVALID),
    case("subscript", on(lambda g: g[MISSING]), INVALID),
    case("path-from-nowhere", on(lambda g: nx.shortest_path(g, MISSING, "a")), INVALID),
    case("path-to-nowhere", on(lambda g: nx.shortest_path(g, "a", MISSING)), INVALID),
    case("dijkstra-nowhere", on(lambda g: nx.dijkstra_path(g, MISSING, "a")), INVALID),
    case("descendants", on(lambda g: nx.descendants(g, MISSING)), INVALID),
    case("matrix-of-nowhere", on(lambda g: nx.to_scipy_sparse_array(g, nodelist=["a", MISSING])), INVALID),
    case("remove-node", on(lambda g: g.remove_node(MISSING)), INVALID),
    case("remove-edge", on(lambda g: g.remove_edge("a", MISSING)), INVALID),
    case("none-as-node", on(lambda g: g.add_node(None)), INVALID),
    case("list-as-node", on(lambda g: g.add_node([1])), INVALID),
    case("frozen", lambda d: nx.freeze(nx.Graph()).add_node(1), INVALID),
    case("method", on(lambda g: nx.shortest_path(g, "a", "b", method="nope")), INVALID),
    case("sample-too-large", on(lambda g: nx.betweenness_centrality(g, k=100)), INVALID),
    case("only-undirected", lambda d: nx.triangles(nx.DiGraph([(1, 2)])), INVALID),
    case("weight-is-text", lambda d: nx.dijkstra_path(nx.path_graph(3), 0, 2, weight=lambda *_: SENTINEL), INVALID),
    case("matrix-not-square", lambda d: shortest_path(csr_array(np.ones((2, 3)))), INVALID),
    case("no-path", on(lambda g: nx.shortest_path(g, "a", SENTINEL)), FAILED),
    case("no-weighted-path", on(lambda g: nx.dijkstra_path(g, "a", SENTINEL)), FAILED),
    case("no-heuristic-path", on(lambda g: nx.astar_path(nx.Graph(g), "a", SENTINEL)), FAILED),
    case("negative-cycle", lambda d: nx.bellman_ford_path(negative_cycle(), "a", "b"), FAILED),
    case(
        "negative-cycle-in-matrix",
        lambda d: shortest_path(csr_array(np.array([[0.0, -1.0], [-1.0, 0.0]])), method="BF"),
        FAILED,
    ),
    case("no-convergence", lambda d: nx.pagerank(nx.DiGraph([(1, 2), (2, 3), (3, 1), (1, 3)]), max_iter=1), FAILED),
    case("null-graph", lambda d: nx.is_connected(nx.Graph()), FAILED),
    case("cycle", lambda d: list(nx.topological_sort(nx.DiGraph([(1, 2), (2, 1)]))), FAILED),
    case("changed-while-read", on(changed_while_read), Code.TRANSACTION_FAILED, UNDONE, retry=True),
)

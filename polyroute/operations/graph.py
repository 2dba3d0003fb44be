"""Operations on graphs: openCypher, neighbours, paths, centrality; upserts, deletes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from polyroute.arguments import check_choice, check_count, check_flag, check_params, check_target, check_text
from polyroute.errors import invalid
from polyroute.operations.base import Operation, operation

if TYPE_CHECKING:
    from polyroute.sql.filters import Filter

DIRECTIONS = ("out", "in", "both")
CENTRALITIES = ("degree", "in_degree", "out_degree", "pagerank", "betweenness", "closeness")


@operation("graph")
@dataclass(frozen=True, slots=True)
class GraphQuery(Operation):
    """Ask in openCypher, read-only; the columns are those of RETURN."""

    cypher: str
    params: Mapping[str, object] | None = None

    def __post_init__(self) -> None:
        check_text("cypher", self.cypher, "'MATCH (a) RETURN a.id'")
        check_params(self.params)


@operation("graph")
@dataclass(frozen=True, slots=True)
class GraphNeighbors(Operation):
    """Find the nodes within some hops of one start or a list of starts: `start, node, hops`.

    An unknown start is an error, or has no rows where `missing_ok` is set, as in SQL.
    """

    start: object
    max_hops: int = 1
    min_hops: int = 1
    direction: str = "out"
    where: str | Filter | None = None
    params: Mapping[str, object] | None = None
    missing_ok: bool = False

    def __post_init__(self) -> None:
        check_flag("missing_ok", self.missing_ok)
        check_params(self.params)
        check_count("min_hops", self.min_hops, 0)
        check_count("max_hops", self.max_hops, self.min_hops)
        check_choice("direction", self.direction, DIRECTIONS)


@operation("graph")
@dataclass(frozen=True, slots=True)
class GraphShortestPath(Operation):
    """Find the lightest path between two nodes: `start, goal, step, node, cost`, a row per stop.

    An unknown node is an error, or has no rows where `missing_ok` is set, as in SQL.
    """

    start: object
    goal: object
    weight: str | None = None
    direction: str = "out"
    where: str | Filter | None = None
    params: Mapping[str, object] | None = None
    missing_ok: bool = False

    def __post_init__(self) -> None:
        check_flag("missing_ok", self.missing_ok)
        check_params(self.params)
        check_choice("direction", self.direction, DIRECTIONS)


@operation("graph")
@dataclass(frozen=True, slots=True)
class GraphCentrality(Operation):
    """Score every node: `node, score`."""

    method: str = "pagerank"
    weight: str | None = None

    def __post_init__(self) -> None:
        check_choice("centrality method", self.method, CENTRALITIES)


@operation("graph", writes=True)
@dataclass(frozen=True, slots=True)
class GraphUpsert(Operation):
    """Insert or replace nodes by node key; edges replace all edges between the same ends (and type), so a repeat
    changes nothing.
    """

    edges: object = None
    nodes: object = None

    def __post_init__(self) -> None:
        if self.edges is None and self.nodes is None:
            raise invalid("graph_upsert was given neither edges nor nodes", hint="pass edges=[...] or nodes=[...]")


@operation("graph", writes=True)
@dataclass(frozen=True, slots=True)
class GraphDelete(Operation):
    """Delete nodes by key, with their edges, or the edges that pass a filter; exactly one of the two."""

    nodes: object = None
    where: str | Filter | None = None
    params: Mapping[str, object] | None = None

    def __post_init__(self) -> None:
        check_params(self.params)
        check_target(self.name, self.nodes, self.where, "nodes")

"""The graph reference: edge and node tables in memory, asked through the pure rooms of the graph engine."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa

from polyroute.engines.call import Call
from polyroute.engines.contract import Answer, LoadSpec
from polyroute.engines.describe import describe
from polyroute.engines.graph.centrality import centrality
from polyroute.engines.graph.csr import Floats, GraphIndex
from polyroute.engines.graph.cypher import CypherGraph, run_query
from polyroute.engines.graph.paths import Stop, shortest_path
from polyroute.engines.graph.storage import GraphEntry, GraphSnapshot, append, delete_edges, delete_nodes, upsert
from polyroute.engines.graph.storage.changes import Change
from polyroute.engines.graph.traverse import neighbors
from polyroute.engines.graph.weights import check_weights
from polyroute.engines.local import filter_mask
from polyroute.operations import (
    GraphCentrality,
    GraphDelete,
    GraphNeighbors,
    GraphQuery,
    GraphShortestPath,
    GraphUpsert,
)
from polyroute.result import Rows
from polyroute.sql.filters import Filter
from tests.engines.reference.engine import ReferenceEngine, affected
from tests.engines.reference.place import Held


class ReferenceGraph(ReferenceEngine):
    """Graphs."""

    kind = "graph"

    def table(self, held: Held, part: str | None = None) -> pa.Table:
        """Return the edges or the nodes."""
        graph: GraphSnapshot = held.content
        return graph.nodes if part == "nodes" else graph.edges

    def empty(self, spec: LoadSpec) -> Held:
        """Return a graph without edges."""
        edges, nodes = spec.dataset.schema, spec.dataset.part_schema("nodes")
        entry = GraphEntry.new("", edges, nodes, spec.dataset.roles, listed=spec.nodes is not None)
        return Held(spec.dataset, GraphSnapshot(entry, edges.empty_table(), nodes.empty_table()))

    def added(self, before: Held, given: pa.Table, spec: LoadSpec) -> Held:
        """Return a graph with the edges and nodes of a load."""
        add = upsert if spec.mode == "upsert" else append
        return changed(before, add(before.content, given, spec.nodes))

    def index(self, graph: GraphSnapshot, where: Filter | None, call: Call) -> GraphIndex:
        """Return what can be walked: the edges that pass a filter."""
        call.check()
        return graph.index if where is None else graph.index.masked(filter_mask(graph.edges, where, call))

    def graph_neighbors(self, op: GraphNeighbors, call: Call) -> Answer:
        """Search breadth-first from each start."""
        held = self.held(op.dataset)
        index = self.index(held.content, op.where, call)
        starts = [index.number(s) for s in op.start if not op.missing_ok or index.holds(s)]
        rows = self.reached(index, starts, op)
        return Rows(("start", "node", "hops"), rows, describe(held.dataset, op))

    def reached(self, index: GraphIndex, starts: list[int], op: GraphNeighbors) -> list[tuple[object, ...]]:
        """Return the rows of the answer."""
        found = neighbors(index, starts, max_hops=op.max_hops, min_hops=op.min_hops, direction=op.direction)
        triples = zip(found.start.tolist(), found.node.tolist(), found.hops.tolist(), strict=True)
        return [(index.names[starts[start]], index.names[node], hops) for start, node, hops in triples]

    def graph_shortest_path(self, op: GraphShortestPath, call: Call) -> Answer:
        """Search by Dijkstra's algorithm, or breadth-first without weights."""
        held = self.held(op.dataset)
        index = self.index(held.content, op.where, call)
        schema = describe(held.dataset, op)
        if op.missing_ok and not (index.holds(op.start) and index.holds(op.goal)):
            return Rows(schema.names, [], schema)
        stops = self.path(
            index, index.number(op.start), index.number(op.goal), self.weights(held, index, op.weight), op
        )
        return Rows(schema.names, [(op.start, op.goal, s.step, s.node, s.cost) for s in stops], schema)

    def path(
        self, index: GraphIndex, start: int, goal: int, weights: Floats | None, op: GraphShortestPath
    ) -> list[Stop]:
        """Return the stops of the lightest path."""
        return shortest_path(index, start, goal, weights=weights, direction=op.direction)

    def weights(self, held: Held, index: GraphIndex, column: str | None) -> Floats | None:
        """Return the weights of the edges, none of them below zero."""
        if column is None:
            return None
        weights: Floats = held.content.weights(column)
        check_weights(index, weights, column)
        return weights

    def graph_centrality(self, op: GraphCentrality, call: Call) -> Answer:
        """Score every node."""
        held = self.held(op.dataset)
        graph: GraphSnapshot = held.content
        weights = None if op.weight is None else graph.weights(op.weight)
        scores = centrality(self.index(graph, None, call), op.method, weights=weights, check=call.check)
        return pa.table([graph.ids, pa.array(scores, pa.float64())], schema=describe(held.dataset, op))

    def graph_query(self, op: GraphQuery, call: Call) -> Answer:
        """Ask in openCypher."""
        return run_query(CypherGraph(self.held(op.dataset).content), op.cypher, op.params, call.check)

    def graph_upsert(self, op: GraphUpsert, call: Call) -> Rows:
        """Replace nodes by key and edges by their ends."""
        return self.change(op, call, lambda graph: upsert(graph, op.edges, op.nodes))

    def graph_delete(self, op: GraphDelete, call: Call) -> Rows:
        """Remove nodes with their edges, or the edges that pass a filter."""
        if op.nodes is not None:
            return self.change(op, call, lambda graph: delete_nodes(graph, op.nodes))
        return self.change(op, call, lambda graph: delete_edges(graph, filter_mask(graph.edges, op.where, call)))

    def change(self, op: GraphUpsert | GraphDelete, call: Call, make: Callable[[GraphSnapshot], Change]) -> Rows:
        """Work out a change and make it."""

        def made(held: Held) -> tuple[Held, Rows]:
            change = make(held.content)
            return changed(held, change), affected(change.affected)

        return self.write(op, call, made)


def changed(held: Held, change: Change) -> Held:
    """Return a graph after a change."""
    graph: GraphSnapshot = held.content
    return Held(held.dataset, graph.changed(change, graph.entry))

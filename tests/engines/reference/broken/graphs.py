"""Graph engines with one fault."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from polyroute.engines.call import Call
from polyroute.engines.contract import Answer, Dataset, LoadSpec
from polyroute.engines.graph.csr import Floats, GraphIndex
from polyroute.engines.graph.paths import Stop
from polyroute.engines.graph.storage import GraphSnapshot, append, upsert
from polyroute.engines.graph.storage.changes import Change
from polyroute.errors import PolyrouteError, invalid
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
from tests.engines.reference.faults import fault
from tests.engines.reference.graph import ReferenceGraph, changed
from tests.engines.reference.place import Held

_TABLES = "test_a_graph_is_two_tables"
_NODES = "test_node_tables_keep_their_columns"
_HOPS = "test_graph_neighbors_counts_the_fewest_hops"
_STARTS = "test_graph_neighbors_takes_filters_and_many_starts"
_IDS = "test_node_ids_keep_their_type"
_PATH = "test_graph_shortest_path_is_the_lightest"
_TIES = "test_of_equal_paths_always_the_same_is_given"
_GAPS = "test_edges_without_a_weight_are_not_walked"
_REFUSES = "test_graph_shortest_path_refuses_what_it_cannot_weigh"
_CENTRALITY = "test_graph_centrality_agrees_with_networkx"
_UNDIRECTED = "test_undirected_graphs_go_both_ways"
_CYPHER = "test_graph_query_speaks_cypher"
_UPSERT = "test_graph_upsert_replaces_the_edges_between_the_same_ends"
_UPSERT_NODES = "test_graph_upsert_replaces_nodes_by_key"
_DELETE = "test_graph_delete_takes_nodes_with_their_edges"
_PARALLEL = "test_parallel_edges_stay"


@fault(_TABLES)
class HasNoNodeTable(ReferenceGraph):
    def datasets(self) -> Mapping[str, Dataset]:
        return {n: replace(d, parts={"edges": d.schema}) for n, d in super().datasets().items()}


@fault(_TABLES)
class KnowsSourcesOnly(ReferenceGraph):
    def table(self, held: Held, part: str | None = None) -> pa.Table:
        graph: GraphSnapshot = held.content
        if part == "nodes":
            sources = set(graph.edges[graph.source].to_pylist())
            return graph.nodes.filter(pa.array([n in sources for n in graph.nodes[0].to_pylist()], pa.bool_()))
        return super().table(held, part)


@fault(_NODES)
class AddsNodesOfEdgesToListedOnes(ReferenceGraph):
    def empty(self, spec: LoadSpec) -> Held:
        held = super().empty(spec)
        graph: GraphSnapshot = held.content
        return replace(held, content=replace(graph, entry=replace(graph.entry, listed=False)))


@fault(_NODES)
class ForgetsWhatIsKnownOfNodes(ReferenceGraph):
    def table(self, held: Held, part: str | None = None) -> pa.Table:
        table = super().table(held, part)
        if part != "nodes" or table.num_columns < 2:
            return table
        return table.set_column(1, table.schema.field(1), pa.nulls(table.num_rows, table.schema.field(1).type))


@fault(_HOPS)
class CountsWalks(ReferenceGraph):
    """Each way to a node is a row of its own, however long."""

    def reached(self, index: GraphIndex, starts: list[int], op: GraphNeighbors) -> list[tuple[object, ...]]:
        rows: list[tuple[object, ...]] = []
        for start in starts:
            level = [start]
            for hops in range(op.max_hops + 1):
                if hops >= op.min_hops:
                    rows += [(index.names[start], index.names[n], hops) for n in level]
                level = [int(m) for n in level for side in index.sides(op.direction) for m in _heads(side, n)]
        return rows


def _heads(side: Any, node: int) -> list[int]:
    return side.nodes[side.offsets[node] : side.offsets[node + 1]].tolist()


@fault(_HOPS)
class IgnoresTheDirection(ReferenceGraph):
    def graph_neighbors(self, op: GraphNeighbors, call: Call) -> Answer:
        return super().graph_neighbors(replace(op, direction="out"), call)


@fault(_HOPS)
class GivesTheStartItself(ReferenceGraph):
    def graph_neighbors(self, op: GraphNeighbors, call: Call) -> Answer:
        return super().graph_neighbors(replace(op, min_hops=0), call)


@fault(_HOPS)
class GoesOneHopTooFar(ReferenceGraph):
    def graph_neighbors(self, op: GraphNeighbors, call: Call) -> Answer:
        return super().graph_neighbors(replace(op, max_hops=op.max_hops + 1), call)


@fault(_STARTS, _PATH)
class WalksFilteredEdges(ReferenceGraph):
    def index(self, graph: GraphSnapshot, where: Filter | None, call: Call) -> GraphIndex:
        return super().index(graph, None, call)


@fault(_STARTS)
class WalksFromTheFirstStart(ReferenceGraph):
    def reached(self, index: GraphIndex, starts: list[int], op: GraphNeighbors) -> list[tuple[object, ...]]:
        return super().reached(index, starts[:1], op)


@fault(_STARTS)
class PassesUnknownStartsOver(ReferenceGraph):
    def graph_neighbors(self, op: GraphNeighbors, call: Call) -> Answer:
        return super().graph_neighbors(replace(op, missing_ok=True), call)


@fault(_IDS)
class AnswersIdsAsText(ReferenceGraph):
    def graph_neighbors(self, op: GraphNeighbors, call: Call) -> Answer:
        answer: Any = super().graph_neighbors(op, call)
        rows = [(str(start), str(node), hops) for start, node, hops in answer.rows]
        return Rows(answer.columns, rows, pa.schema([("start", pa.string()), ("node", pa.string()), answer.schema[2]]))


@fault(_PATH)
class TakesTheFirstOfParallelEdges(ReferenceGraph):
    def weights(self, held: Held, index: GraphIndex, column: str | None) -> Floats | None:
        weights = super().weights(held, index, column)
        if weights is None:
            return None
        first: dict[tuple[int, int], float] = {}
        ends = zip(index.sources.tolist(), index.targets.tolist(), weights.tolist(), strict=True)
        return np.array([first.setdefault((source, target), weight) for source, target, weight in ends])


@fault(_PATH)
class IgnoresWeights(ReferenceGraph):
    def weights(self, held: Held, index: GraphIndex, column: str | None) -> Floats | None:
        super().weights(held, index, column)
        return None


@fault(_PATH)
class TellsTheCostOfEachStep(ReferenceGraph):
    def path(
        self, index: GraphIndex, start: int, goal: int, weights: Floats | None, op: GraphShortestPath
    ) -> list[Stop]:
        stops = super().path(index, start, goal, weights, op)
        costs = [0.0, *(s.cost for s in stops)]
        return [stop._replace(cost=stop.cost - before) for stop, before in zip(stops, costs, strict=False)]


@fault(_PATH)
class NamesTheEndsOfNoPath(ReferenceGraph):
    def path(
        self, index: GraphIndex, start: int, goal: int, weights: Floats | None, op: GraphShortestPath
    ) -> list[Stop]:
        return super().path(index, start, goal, weights, op) or [Stop(0, index.names[start], 0.0)]


@fault(_TIES)
class PrefersTheLastOfEqualPaths(ReferenceGraph):
    def path(
        self, index: GraphIndex, start: int, goal: int, weights: Floats | None, op: GraphShortestPath
    ) -> list[Stop]:
        ranks: list[Any] = [-sorted(index.names, key=repr).index(name) for name in index.names]
        names = dict(zip(ranks, index.names, strict=True))
        ranked = GraphIndex(ranks, index.sources, index.targets, index.directed, index.mask)
        stops = super().path(ranked, start, goal, weights, op)
        return [stop._replace(node=names[stop.node]) for stop in stops]


@fault(_TIES)
class PrefersManyStops(ReferenceGraph):
    def weights(self, held: Held, index: GraphIndex, column: str | None) -> Floats | None:
        weights = super().weights(held, index, column)
        return None if weights is None else weights * (1 + 1e-9 * weights)


@fault(_GAPS)
class TakesNoWeightForZero(ReferenceGraph):
    def weights(self, held: Held, index: GraphIndex, column: str | None) -> Floats | None:
        weights = super().weights(held, index, column)
        return None if weights is None else np.nan_to_num(weights, nan=0.0)


@fault(_REFUSES)
class WalksNegativeWeights(ReferenceGraph):
    def weights(self, held: Held, index: GraphIndex, column: str | None) -> Floats | None:
        weights: Floats | None = None if column is None else held.content.weights(column)
        return weights


@fault(_REFUSES)
class FindsNoPathToTheUnknown(ReferenceGraph):
    def graph_shortest_path(self, op: GraphShortestPath, call: Call) -> Answer:
        return super().graph_shortest_path(replace(op, missing_ok=True), call)


@fault(_CENTRALITY)
class ScoresWithoutWeights(ReferenceGraph):
    def graph_centrality(self, op: GraphCentrality, call: Call) -> Answer:
        return super().graph_centrality(replace(op, weight=None), call)


@fault(_CENTRALITY)
class CountsParallelEdgesOnce(ReferenceGraph):
    def index(self, graph: GraphSnapshot, where: Filter | None, call: Call) -> GraphIndex:
        index = super().index(graph, where, call)
        ends = list(zip(index.sources.tolist(), index.targets.tolist(), strict=True))
        return index.masked(np.array([end not in ends[:n] for n, end in enumerate(ends)], dtype=np.bool_))


@fault(_CENTRALITY)
class LeavesLonelyNodesOut(ReferenceGraph):
    def graph_centrality(self, op: GraphCentrality, call: Call) -> Answer:
        table: Any = super().graph_centrality(op, call)
        return table.filter(pa.array([score > 0 for score in table["score"].to_pylist()], pa.bool_()))


@fault(_UNDIRECTED)
class GoesOneWay(ReferenceGraph):
    def index(self, graph: GraphSnapshot, where: Filter | None, call: Call) -> GraphIndex:
        return replace(super().index(graph, where, call), directed=True)


@fault(_CYPHER)
class AdmitsCypherWrites(ReferenceGraph):
    def graph_query(self, op: GraphQuery, call: Call) -> Answer:
        if any(word in op.cypher for word in ("CREATE", "DELETE", "SET", "MERGE")):
            return Rows((), [])
        return super().graph_query(op, call)


@fault(_CYPHER)
class ForgetsTheColumnsOfNothing(ReferenceGraph):
    def graph_query(self, op: GraphQuery, call: Call) -> Answer:
        answer: Any = super().graph_query(op, call)
        return answer if answer.rows else Rows((), [])


@fault(_CYPHER)
class TakesMissingParametersForNull(ReferenceGraph):
    def graph_query(self, op: GraphQuery, call: Call) -> Answer:
        return super().graph_query(replace(op, params={"missing": None, **(op.params or {})}), call)


@fault(_UPSERT)
class UpsertsEdgesByAppending(ReferenceGraph):
    def graph_upsert(self, op: GraphUpsert, call: Call) -> Rows:
        if op.edges is None:
            return super().graph_upsert(op, call)
        return self.change(op, call, lambda graph: append(graph, op.edges, op.nodes))


@fault(_UPSERT)
class ReplacesOneOfParallelEdges(ReferenceGraph):
    def change(self, op: GraphUpsert | GraphDelete, call: Call, make: Any) -> Rows:
        def one(graph: GraphSnapshot) -> Change:
            change: Change = make(graph)
            return replace(change, removed_edges=change.removed_edges[:1])

        return super().change(op, call, one)


@fault(_UPSERT_NODES)
class MergesNodes(ReferenceGraph):
    def graph_upsert(self, op: GraphUpsert, call: Call) -> Rows:
        if op.nodes is None:
            return super().graph_upsert(op, call)
        held = {row["code"]: row for row in self.held(op.dataset).content.stored_nodes.to_pylist()}
        given: Any = op.nodes
        rows = [
            {n: held.get(r["code"], {}).get(n) if v is None else v for n, v in r.items()} for r in given.to_pylist()
        ]
        return super().graph_upsert(replace(op, nodes=pa.Table.from_pylist(rows, given.schema)), call)


@fault(_UPSERT_NODES)
class AppendsNodesTwice(ReferenceGraph):
    def added(self, before: Held, given: pa.Table, spec: LoadSpec) -> Held:
        try:
            return super().added(before, given, spec)
        except PolyrouteError:
            return changed(before, upsert(before.content, given, spec.nodes))


@fault(_DELETE)
class LeavesEdgesHanging(ReferenceGraph):
    def change(self, op: GraphUpsert | GraphDelete, call: Call, make: Any) -> Rows:
        def nodes_only(graph: GraphSnapshot) -> Change:
            change: Change = make(graph)
            hanging = getattr(op, "nodes", None) is not None and isinstance(op, GraphDelete)
            return replace(change, removed_edges=change.removed_edges[:0]) if hanging else change

        return super().change(op, call, nodes_only)


@fault(_DELETE)
class RefusesToDeleteTheUnknown(ReferenceGraph):
    def graph_delete(self, op: GraphDelete, call: Call) -> Rows:
        index = self.held(op.dataset).content.index
        wanted: Any = op.nodes or ()
        if not all(map(index.holds, wanted)):
            raise invalid("a node is not there", hint="name another")
        return super().graph_delete(op, call)


@fault(_PARALLEL)
class LosesParallelEdges(ReferenceGraph):
    def added(self, before: Held, given: pa.Table, spec: LoadSpec) -> Held:
        rows = given.to_pylist()
        unique = [row for n, row in enumerate(rows) if row not in rows[:n]]
        return super().added(before, pa.Table.from_pylist(unique, given.schema), spec)


@fault(_PARALLEL)
class AppendsEdgesByUpsert(ReferenceGraph):
    def added(self, before: Held, given: pa.Table, spec: LoadSpec) -> Held:
        return changed(before, upsert(before.content, given, spec.nodes))

"""The graph engine: `networkx:///folder`, edge and node tables with traversal, paths, centrality and openCypher.

Tables live on disk as Arrow segments (`storage`), in memory as one snapshot per version. Local questions walk
compressed rows, which measured faster than NetworkX's dicts of dicts and take a thirteenth of the memory; whole-graph
work runs on SciPy; betweenness is NetworkX's own. A filter becomes a mask over the edges, remembered with its version.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Self, cast

import pyarrow as pa

from polyroute import operations as ops
from polyroute.engines.call import Call
from polyroute.engines.contract import Answer, BoundScan, Dataset, Engine, LoadSpec, Pushed, Statistics, Traits
from polyroute.engines.describe import describe
from polyroute.engines.graph.centrality import centrality
from polyroute.engines.graph.csr import Floats, GraphIndex
from polyroute.engines.graph.cypher import CypherGraph, run_query
from polyroute.engines.graph.lookups import narrowed
from polyroute.engines.graph.paths import shortest_path
from polyroute.engines.graph.storage import (
    Change,
    GraphEntry,
    GraphSnapshot,
    GraphStore,
    Manifest,
    append,
    delete_edges,
    delete_nodes,
    upsert,
)
from polyroute.engines.graph.storage.store import folder_name
from polyroute.engines.graph.traverse import neighbors
from polyroute.engines.graph.weights import check_weights
from polyroute.engines.local import evaluate_scan, filter_mask
from polyroute.engines.resources import Resource, acquire, acquire_temporary
from polyroute.engines.sampling import sample_of
from polyroute.engines.url import EngineURL
from polyroute.errors import NETWORKX, ErrorTable, invalid
from polyroute.result import Rows
from polyroute.sql.filters import Filter

KIND = "graph"
_FEW_ROWS = 2_000
_NEIGHBORS = ("start", "node", "hops")
_PATH = ("start", "goal", "step", "node", "cost")


class NetworkXEngine(Engine):
    """Graphs in a folder.

    >>> from polyroute.engines import open_engine
    >>> engine = open_engine("networkx://")
    >>> engine.datasets()
    {}
    >>> engine.close()
    """

    kind = KIND
    errors: ClassVar[ErrorTable] = NETWORKX
    traits: ClassVar[Traits] = Traits(cancellable=False, concurrent=None, idempotent_writes=True)

    def __init__(self, resource: Resource[GraphStore]) -> None:
        self._resource = resource
        self._store = resource.handle
        self._described: tuple[Manifest, dict[str, Dataset]] | None = None
        self._cypher: dict[str, tuple[GraphSnapshot, CypherGraph]] = {}
        self._closed = False

    @classmethod
    def open(cls, url: EngineURL, *, read_only: bool = False) -> Self:
        """Open the graphs of a folder, which is made when it is missing; without a path, a temporary one."""
        if url.path is None:
            return cls(acquire_temporary(KIND, "graphs", GraphStore, GraphStore.close))
        make: Callable[..., GraphStore] = lambda path: GraphStore(path, read_only=read_only)  # noqa: E731
        return cls(acquire(KIND, url.path, make, GraphStore.close, read_only=read_only))

    def close(self) -> None:
        """Leave the folder; closing twice is harmless."""
        if not self._closed:
            self._closed = True
            self._resource.release()

    @property
    def resource(self) -> Resource[GraphStore]:
        """The folder beneath, shared by all engines on it."""
        return self._resource

    def datasets(self) -> Mapping[str, Dataset]:
        """Return the graphs held now, whoever stored them."""
        manifest = self._store.manifest()
        if self._described is None or self._described[0] is not manifest:
            found = {name: _dataset(name, entry) for name, entry in manifest.graphs.items()}
            self._described = (manifest, found)
        return self._described[1]

    def data_version(self, dataset: str) -> object | None:
        """Return a token that differs after every commit to the graph, by any process, and never comes back."""
        return (self._store.manifest().store, self._store.entry(dataset).version)

    def statistics(self, dataset: str, part: str | None = None) -> Statistics:
        """Return the number of edges, or of nodes."""
        if part == "nodes":
            return Statistics(self._store.snapshot(dataset).nodes.num_rows)
        return Statistics(self._store.entry(dataset).edge_count)

    def sample(self, dataset: str, part: str | None, rows: int, call: Call) -> pa.Table:
        """Return edges or nodes from all over their table."""
        snapshot = self._store.snapshot(dataset)
        return sample_of(snapshot.nodes if part == "nodes" else snapshot.edges, rows)

    def negotiate(self, op: BoundScan) -> Pushed:
        """Promise the whole scan: the tables are Arrow, where the whole filter language works."""
        return Pushed(columns=True, where=op.where, order=True, limit=True)

    def scan(self, op: BoundScan, call: Call) -> Answer:
        """Read the edges (also as part 'edges') or the nodes."""
        snapshot = self._store.snapshot(op.dataset.name)
        return evaluate_scan(narrowed(snapshot, op), op, call)

    def load(self, spec: LoadSpec, call: Call) -> int:
        """Store edges, and nodes where they are given, all or nothing; return the edges stored."""
        edges = self._read_batches(spec, call)
        rows: int = edges.num_rows
        name, mode, key = spec.dataset.name, spec.mode, call.idempotency_key
        with self._store.writer(call):
            manifest = self._store.manifest()
            if key is not None and key in manifest.keys:
                return rows
            held = manifest.graphs.get(name)
            if held is not None and mode == "create":
                raise invalid(
                    f"there is a graph {name!r} already", hint="load with mode='append', 'upsert' or 'replace'"
                )
            if held is not None and mode != "replace":
                snapshot = self._store.snapshot(name)
                change = (upsert if mode == "upsert" else append)(snapshot, edges, spec.nodes)
                self._store.commit_change(name, snapshot, change, before_commit=spec.before_commit, key=key)
                return rows
            entry = _new_entry(spec, folder_name(name, manifest.commit + 1))
            empty = GraphSnapshot(entry, entry.edges.empty_table(), entry.nodes.empty_table())
            change = (upsert if mode == "upsert" else append)(empty, edges, spec.nodes)
            self._store.commit_base(
                name,
                entry,
                change.added_edges,
                change.added_nodes,
                before_commit=spec.before_commit,
                key=key,
                affected=change.affected,
            )
        return rows

    def drop(self, dataset: str, call: Call) -> None:
        """Remove a graph with its nodes."""
        with self._store.writer(call):
            self._store.drop(dataset)

    def graph_query(self, op: ops.GraphQuery, call: Call) -> Answer:
        """Answer a read-only openCypher query."""
        return run_query(self._cypher_graph(op), op.cypher, op.params, call.check)

    def graph_neighbors(self, op: ops.GraphNeighbors, call: Call) -> Answer:
        """Find the nodes within some hops of each start."""
        snapshot = self._snapshot(op)
        index = self._index(snapshot, op.where, call)
        given = cast("Sequence[object]", op.start)
        starts = [index.number(start) for start in given if not op.missing_ok or index.holds(start)]
        found = neighbors(
            index, starts, max_hops=op.max_hops, min_hops=op.min_hops, direction=op.direction, check=call.check
        )
        if len(found.node) <= _FEW_ROWS:
            names = index.names
            triples = zip(found.start.tolist(), found.node.tolist(), found.hops.tolist(), strict=True)
            rows: list[tuple[object, ...]] = [
                (names[starts[start]], names[node], hops) for start, node, hops in triples
            ]
            return Rows(_NEIGHBORS, rows, lambda: self._schema(op))
        ids = snapshot.ids
        start = ids.take(pa.array(starts, pa.int64()).take(pa.array(found.start)))
        return pa.table([start, ids.take(pa.array(found.node)), pa.array(found.hops)], schema=self._schema(op))

    def graph_shortest_path(self, op: ops.GraphShortestPath, call: Call) -> Answer:
        """Find the lightest path between two nodes."""
        snapshot = self._snapshot(op)
        index = self._index(snapshot, op.where, call)
        if op.missing_ok and not (index.holds(op.start) and index.holds(op.goal)):
            return Rows(_PATH, [], lambda: self._schema(op))
        start, goal = index.number(op.start), index.number(op.goal)
        weights = self._weights(snapshot, index, op.weight)
        stops = shortest_path(index, start, goal, weights=weights, direction=op.direction, check=call.check)
        ends = (index.names[start], index.names[goal])
        return Rows(_PATH, [(*ends, stop.step, stop.node, stop.cost) for stop in stops], lambda: self._schema(op))

    def graph_centrality(self, op: ops.GraphCentrality, call: Call) -> Answer:
        """Score every node."""
        snapshot = self._snapshot(op)
        weights = None
        if op.weight is not None:
            weights = snapshot.weights(op.weight)
            if "degree" not in op.method:
                check_weights(snapshot.index, weights, op.weight, above_zero=op.method == "betweenness")
        scores = centrality(snapshot.index, op.method, weights=weights, check=call.check)
        return pa.table([snapshot.ids, pa.array(scores)], schema=self._schema(op))

    def graph_upsert(self, op: ops.GraphUpsert, call: Call) -> Answer:
        """Insert or replace nodes by key, and the edges between the same ends and of the same type."""
        return self._change(op, call, lambda held: upsert(held, op.edges, op.nodes))

    def graph_delete(self, op: ops.GraphDelete, call: Call) -> Answer:
        """Delete nodes with their edges, or the edges that pass a filter."""
        if op.nodes is not None:
            doomed = cast("Sequence[object]", op.nodes)
            return self._change(op, call, lambda held: delete_nodes(held, doomed))
        where = op.where
        assert isinstance(where, Filter)  # noqa: S101 - binding has parsed it
        return self._change(op, call, lambda held: delete_edges(held, filter_mask(held.edges, where, call)))

    def _change(self, op: ops.Operation, call: Call, make: Callable[[GraphSnapshot], Change]) -> Rows:
        """Work out a change against the newest state and commit it; a repeated idempotency key changes nothing."""
        name, key = str(op.dataset), call.idempotency_key
        with self._store.writer(call):
            done = self._store.manifest().keys.get(key) if key is not None else None
            if done is not None:
                return Rows((), [], affected=done)
            held = self._store.snapshot(name)
            change = make(held)
            call.check()
            if change.rows or key is not None:
                self._store.commit_change(name, held, change, key=key)
        return Rows((), [], affected=change.affected)

    def _snapshot(self, op: ops.Operation) -> GraphSnapshot:
        return self._store.snapshot(str(op.dataset))

    def _cypher_graph(self, op: ops.Operation) -> CypherGraph:
        name, snapshot = str(op.dataset), self._snapshot(op)
        held = self._cypher.get(name)
        if held is None or held[0] is not snapshot:
            held = self._cypher[name] = (snapshot, CypherGraph(snapshot))
        return held[1]

    def _schema(self, op: ops.Operation) -> pa.Schema:
        return describe(self.dataset(str(op.dataset)), op)

    def _index(self, snapshot: GraphSnapshot, where: str | Filter | None, call: Call) -> GraphIndex:
        if not isinstance(where, Filter):
            return snapshot.index
        return snapshot.view(where, lambda: filter_mask(snapshot.edges, where, call))

    def _weights(self, snapshot: GraphSnapshot, index: GraphIndex, column: str | None) -> Floats | None:
        if column is None:
            return None
        weights = snapshot.weights(column)
        check_weights(index, weights, column)
        return weights

    def _read_batches(self, spec: LoadSpec, call: Call) -> pa.Table:
        batches = []
        for batch in spec.batches():
            call.check()
            batches.append(batch)
            spec.advance(batch.num_rows)
        return pa.Table.from_batches(batches, spec.dataset.schema).combine_chunks()


def _dataset(name: str, entry: GraphEntry) -> Dataset:
    parts = {"edges": entry.edges, "nodes": entry.nodes}
    return Dataset(name, KIND, entry.edges, (), dict(entry.roles), parts)


def _new_entry(spec: LoadSpec, folder: str) -> GraphEntry:
    dataset = spec.dataset
    ends = dataset.schema.field(dataset.role("source")).type
    if pa.types.is_nested(ends):
        raise invalid(
            f"column {dataset.role('source')!r} is {ends}; a node id is a single value", hint="name another column"
        )
    nodes = dataset.part_schema("nodes")
    return GraphEntry.new(folder, dataset.schema, nodes, dataset.roles, listed=spec.nodes is not None)

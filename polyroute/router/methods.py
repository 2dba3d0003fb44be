"""A method per operation, for the coordinator and for its asynchronous twin.

Each method builds the operation of its name and hands it to `_operate`; what that returns, an answer or an awaitable
one, is the type parameter. Every method takes `requirements`, `routing`, `timeout_s` and `cache` besides the
operation's own arguments.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Generic, TypedDict, TypeVar, Unpack

from polyroute import operations as ops
from polyroute.arguments import names_from
from polyroute.query import Requirements, Routing

R = TypeVar("R")

Params = Mapping[str, object] | None


class How(TypedDict, total=False):
    """The arguments that every method takes besides its own: how good the answer must be, where it may be answered, how
    long it may take, whether a kept answer that is still true will do.
    """

    requirements: Requirements | None
    routing: Routing | None
    timeout_s: float | None
    cache: bool


class OperationMethods(ABC, Generic[R]):
    """The operations as methods; see `polyroute.operations` for what each does and returns."""

    @abstractmethod
    def _operate(self, op: ops.Operation, how: How) -> R: ...

    def __getattr__(self, name: str) -> Callable[..., R]:
        """Give a method to an operation that a plugin has registered."""
        if name.startswith("_") or name not in ops.operations():
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")

        def method(
            dataset: str | None = None,
            *args: object,
            requirements: Requirements | None = None,
            routing: Routing | None = None,
            timeout_s: float | None = None,
            cache: bool = True,
            **arguments: object,
        ) -> R:
            named = dict(zip(ops.argument_names(ops.operation_class(name)), args, strict=False)) | arguments
            return self._operate(
                ops.make_operation(name, dataset, named),
                How(requirements=requirements, routing=routing, timeout_s=timeout_s, cache=cache),
            )

        return method

    def scan(
        self,
        dataset: str,
        *,
        columns: Sequence[str] | None = None,
        where: str | None = None,
        params: Params = None,
        order: str | Sequence[str] | None = None,
        limit: int | None = None,
        part: str | None = None,
        **how: Unpack[How],
    ) -> R:
        """Read a dataset: columns, a filter, an order, a limit; `part` is 'nodes' of a graph."""
        return self._operate(ops.Scan(dataset, names_from("columns", columns), where, params, order, limit, part), how)

    def vector_search(
        self,
        dataset: str,
        vector: object,
        k: int = 10,
        *,
        where: str | None = None,
        params: Params = None,
        metric: str = "cosine",
        exact: bool = False,
        columns: Sequence[str] | None = None,
        **how: Unpack[How],
    ) -> R:
        """Find the k rows nearest to a vector among those that pass the filter, with their `score`."""
        return self._operate(
            ops.VectorSearch(dataset, vector, k, where, params, metric, exact, names_from("columns", columns)),
            how,
        )

    def vector_get(self, dataset: str, keys: object, *, columns: Sequence[str] | None = None, **how: Unpack[How]) -> R:
        """Read the rows of one key or of a list of keys."""
        return self._operate(ops.VectorGet(dataset, keys, names_from("columns", columns)), how)

    def vector_cluster(
        self,
        dataset: str,
        clusters: int = 8,
        *,
        where: str | None = None,
        params: Params = None,
        seed: int = 0,
        **how: Unpack[How],
    ) -> R:
        """Group rows by k-means: the key, `cluster`, `distance` to the cluster's centre."""
        return self._operate(ops.VectorCluster(dataset, clusters, where, params, seed), how)

    def vector_upsert(self, dataset: str, rows: object, **how: Unpack[How]) -> R:
        """Insert rows with their vectors, or replace those whose key is held already."""
        return self._operate(ops.VectorUpsert(dataset, rows), how)

    def vector_delete(
        self, dataset: str, keys: object = None, *, where: str | None = None, params: Params = None, **how: Unpack[How]
    ) -> R:
        """Delete the rows of some keys, or those that pass a filter."""
        return self._operate(ops.VectorDelete(dataset, keys, where, params), how)

    def graph_query(self, dataset: str, cypher: str, params: Params = None, **how: Unpack[How]) -> R:
        """Ask a graph in openCypher, read-only."""
        return self._operate(ops.GraphQuery(dataset, cypher, params), how)

    def graph_neighbors(
        self,
        dataset: str,
        start: object,
        max_hops: int = 1,
        *,
        min_hops: int = 1,
        direction: str = "out",
        where: str | None = None,
        params: Params = None,
        missing_ok: bool = False,
        **how: Unpack[How],
    ) -> R:
        """Find the nodes within some hops of one start or of a list of starts: `start, node, hops`."""
        return self._operate(
            ops.GraphNeighbors(dataset, start, max_hops, min_hops, direction, where, params, missing_ok), how
        )

    def graph_shortest_path(
        self,
        dataset: str,
        start: object,
        goal: object,
        *,
        weight: str | None = None,
        direction: str = "out",
        where: str | None = None,
        params: Params = None,
        missing_ok: bool = False,
        **how: Unpack[How],
    ) -> R:
        """Find the lightest path between two nodes: `start, goal, step, node, cost`."""
        return self._operate(
            ops.GraphShortestPath(dataset, start, goal, weight, direction, where, params, missing_ok), how
        )

    def graph_centrality(
        self, dataset: str, method: str = "pagerank", *, weight: str | None = None, **how: Unpack[How]
    ) -> R:
        """Score every node: `node, score`."""
        return self._operate(ops.GraphCentrality(dataset, method, weight), how)

    def graph_upsert(self, dataset: str, *, edges: object = None, nodes: object = None, **how: Unpack[How]) -> R:
        """Insert or replace nodes by key, and the edges between the same ends."""
        return self._operate(ops.GraphUpsert(dataset, edges, nodes), how)

    def graph_delete(
        self, dataset: str, *, nodes: object = None, where: str | None = None, params: Params = None, **how: Unpack[How]
    ) -> R:
        """Delete nodes with their edges, or the edges that pass a filter."""
        return self._operate(ops.GraphDelete(dataset, nodes, where, params), how)

    def document_find(
        self,
        dataset: str,
        selector: Mapping[str, object] | str | None = None,
        *,
        fields: Sequence[str] | None = None,
        sort: Sequence[object] | None = None,
        skip: int = 0,
        limit: int | None = None,
        **how: Unpack[How],
    ) -> R:
        """Find documents by a MongoDB-style selector; `to_dicts()` gives the original JSON."""
        return self._operate(ops.DocumentFind(dataset, selector, fields, sort, skip, limit), how)

    def document_get(self, dataset: str, key: object, **how: Unpack[How]) -> R:
        """Read the document of one key, or the documents of a list of keys."""
        return self._operate(ops.DocumentGet(dataset, key), how)

    def document_count(self, dataset: str, selector: Mapping[str, object] | str | None = None, **how: Unpack[How]) -> R:
        """Count the documents that match a selector."""
        return self._operate(ops.DocumentCount(dataset, selector), how)

    def document_insert(self, dataset: str, documents: object, **how: Unpack[How]) -> R:
        """Insert one document or a list of them; made-up keys are in the result's `keys`."""
        return self._operate(ops.DocumentInsert(dataset, documents), how)

    def document_update(
        self, dataset: str, selector: Mapping[str, object] | str, changes: Mapping[str, object], **how: Unpack[How]
    ) -> R:
        """Change the documents that match a selector by a JSON merge patch."""
        return self._operate(ops.DocumentUpdate(dataset, selector, changes), how)

    def document_delete(
        self,
        dataset: str,
        keys: object = None,
        *,
        selector: Mapping[str, object] | str | None = None,
        **how: Unpack[How],
    ) -> R:
        """Delete the documents of some keys, or those that match a selector."""
        return self._operate(ops.DocumentDelete(dataset, keys, selector), how)

    def relational_query(
        self,
        sql: str,
        params: Mapping[str, object] | Sequence[object] | None = None,
        *,
        dialect: str = "polyroute",
        **how: Unpack[How],
    ) -> R:
        """Ask one engine in SQL; `dialect='native'` needs `routing=Routing(engine=...)` and sends the text as it is."""
        return self._operate(ops.RelationalQuery(None, sql, params, dialect), how)

    def relational_get(
        self, dataset: str, key: object, *, columns: Sequence[str] | None = None, **how: Unpack[How]
    ) -> R:
        """Read the row of one key; a composite key is a tuple."""
        return self._operate(ops.RelationalGet(dataset, key, names_from("columns", columns)), how)

    def relational_execute(
        self,
        sql: str,
        params: Mapping[str, object] | Sequence[object] | None = None,
        *,
        dialect: str = "polyroute",
        **how: Unpack[How],
    ) -> R:
        """Run INSERT, UPDATE or DELETE on one engine; `dialect='native'` also admits its own DDL."""
        return self._operate(ops.RelationalExecute(None, sql, params, dialect), how)

    def relational_upsert(self, dataset: str, rows: object, **how: Unpack[How]) -> R:
        """Insert rows, or replace those whose key is held already."""
        return self._operate(ops.RelationalUpsert(dataset, rows), how)

    def relational_delete(
        self, dataset: str, keys: object = None, *, where: str | None = None, params: Params = None, **how: Unpack[How]
    ) -> R:
        """Delete the rows of some keys, or those that pass a filter."""
        return self._operate(ops.RelationalDelete(dataset, keys, where, params), how)

    def timeseries_range(
        self,
        dataset: str,
        start: object = None,
        stop: object = None,
        *,
        where: str | None = None,
        params: Params = None,
        columns: Sequence[str] | None = None,
        limit: int | None = None,
        **how: Unpack[How],
    ) -> R:
        """Read the rows from `start` (included) to `stop` (not included), in time order."""
        return self._operate(
            ops.TimeseriesRange(dataset, start, stop, where, params, names_from("columns", columns), limit),
            how,
        )

    def timeseries_window(
        self,
        dataset: str,
        aggregates: str,
        every: object = "1 hour",
        *,
        by: str | Sequence[str] | None = None,
        start: object = None,
        stop: object = None,
        fill: str = "none",
        tz: str = "UTC",
        origin: object = None,
        where: str | None = None,
        params: Params = None,
        **how: Unpack[How],
    ) -> R:
        """Aggregate into time buckets: the `by` columns, `window_start`, the aggregates."""
        return self._operate(
            ops.TimeseriesWindow(dataset, aggregates, every, by, start, stop, fill, tz, origin, where, params), how
        )

    def timeseries_latest(
        self,
        dataset: str,
        by: str | Sequence[str] | None = None,
        at: object = None,
        *,
        where: str | None = None,
        params: Params = None,
        **how: Unpack[How],
    ) -> R:
        """Read the last row at or before `at`, per `by`."""
        return self._operate(ops.TimeseriesLatest(dataset, by, at, where, params), how)

    def timeseries_append(self, dataset: str, rows: object, **how: Unpack[How]) -> R:
        """Append rows to a series."""
        return self._operate(ops.TimeseriesAppend(dataset, rows), how)

    def timeseries_delete(
        self,
        dataset: str,
        start: object = None,
        stop: object = None,
        *,
        where: str | None = None,
        params: Params = None,
        **how: Unpack[How],
    ) -> R:
        """Delete the rows from `start` to `stop`, narrowed by a filter."""
        return self._operate(ops.TimeseriesDelete(dataset, start, stop, where, params), how)

"""The columns that an operation answers with, known without running it.

Every adapter's answer has this schema, also when it is empty; the planner reads it to resolve columns. Operations whose
columns depend on a text (SQL, openCypher, time windows, fields of documents) are told by the engine that runs them, so
they have none here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pyarrow as pa

from polyroute.operations import (
    DocumentCount,
    GraphCentrality,
    GraphNeighbors,
    GraphShortestPath,
    Operation,
    VectorCluster,
    VectorSearch,
)

if TYPE_CHECKING:
    from polyroute.engines.contract import Dataset

SCORE = "score"


def node_type(dataset: Dataset) -> pa.DataType:
    """Return the type of a graph's node ids: that of its source column."""
    return dataset.schema.field(dataset.role("source")).type


def selected(schema: pa.Schema, columns: tuple[str, ...] | None) -> pa.Schema:
    """Return the schema of some columns, in the order asked for; None means all."""
    return schema if columns is None else pa.schema([schema.field(c) for c in columns])


def _search(dataset: Dataset, op: Operation) -> pa.Schema:
    columns = op.columns if isinstance(op, VectorSearch) else None
    return selected(dataset.schema, columns).append(pa.field(SCORE, pa.float64()))


def _cluster(dataset: Dataset, op: Operation) -> pa.Schema:
    key = dataset.schema.field(dataset.single_key())
    return pa.schema([key, pa.field("cluster", pa.int64()), pa.field("distance", pa.float64())])


def _neighbors(dataset: Dataset, op: Operation) -> pa.Schema:
    node = node_type(dataset)
    return pa.schema([("start", node), ("node", node), ("hops", pa.int64())])


def _path(dataset: Dataset, op: Operation) -> pa.Schema:
    node = node_type(dataset)
    return pa.schema([("start", node), ("goal", node), ("step", pa.int64()), ("node", node), ("cost", pa.float64())])


def _centrality(dataset: Dataset, op: Operation) -> pa.Schema:
    return pa.schema([("node", node_type(dataset)), ("score", pa.float64())])


def _count(dataset: Dataset, op: Operation) -> pa.Schema:
    return pa.schema([("count", pa.int64())])


_SCHEMAS: dict[type[Operation], Callable[[Dataset, Operation], pa.Schema]] = {
    VectorSearch: _search,
    VectorCluster: _cluster,
    GraphNeighbors: _neighbors,
    GraphShortestPath: _path,
    GraphCentrality: _centrality,
    DocumentCount: _count,
}

_OWN = frozenset({"graph_query", "relational_query", "timeseries_window"})


def describe(dataset: Dataset, op: Operation) -> pa.Schema | None:
    """Return the schema of an operation's answer, or None where only the engine can tell."""
    if op.name in _OWN or type(op).writes or getattr(op, "fields", None):
        return None
    special = _SCHEMAS.get(type(op))
    if special is not None:
        return special(dataset, op)
    return selected(dataset.part_schema(getattr(op, "part", None)), getattr(op, "columns", None))

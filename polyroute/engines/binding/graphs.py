"""Graph operations, bound to their dataset."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa

from polyroute import operations as ops
from polyroute.engines.binding.names import bind_column, where_of
from polyroute.engines.binding.values import as_list, bind_key
from polyroute.engines.contract import Dataset
from polyroute.engines.describe import node_type
from polyroute.engines.loading.rows import table_from
from polyroute.errors import invalid


def _node(value: object, dataset: Dataset, what: str) -> object:
    if value is None:
        raise invalid(f"the {what} is NULL", hint="name a node")
    return bind_key(value, pa.field(what, node_type(dataset)))


def bind_neighbors(dataset: Dataset, op: ops.GraphNeighbors) -> ops.GraphNeighbors:
    """Bind a search for neighbours: one start or many as a list."""
    starts = [_node(v, dataset, "start") for v in as_list(op.start)]
    return replace(op, start=starts, where=where_of(dataset, op), params=None)


def _weight(dataset: Dataset, weight: str | None) -> str | None:
    if weight is None:
        return None
    column = bind_column(weight, dataset.schema, dataset.name)
    held = dataset.schema.field(column).type
    if not (pa.types.is_integer(held) or pa.types.is_floating(held) or pa.types.is_decimal(held)):
        raise invalid(
            f"the weight {column!r} is of type {held}, a number is needed", hint="name a numeric column, or none"
        )
    return column


def bind_path(dataset: Dataset, op: ops.GraphShortestPath) -> ops.GraphShortestPath:
    """Bind a search for a path: its ends and its weight."""
    return replace(
        op,
        start=_node(op.start, dataset, "start"),
        goal=_node(op.goal, dataset, "goal"),
        weight=_weight(dataset, op.weight),
        where=where_of(dataset, op),
        params=None,
    )


def bind_centrality(dataset: Dataset, op: ops.GraphCentrality) -> ops.GraphCentrality:
    """Bind a centrality: its weight."""
    return replace(op, weight=_weight(dataset, op.weight))


def bind_graph_upsert(dataset: Dataset, op: ops.GraphUpsert) -> ops.GraphUpsert:
    """Bind an upsert: edges with both ends, nodes with their key."""
    edges = None if op.edges is None else table_from(op.edges, dataset.schema)
    if edges is not None:
        for role in ("source", "target"):
            column = dataset.role(role)
            if edges[column].null_count:
                raise invalid(
                    f"column {column!r} is the {role} of an edge and holds NULL", hint="give every edge both ends"
                )
    nodes = None if op.nodes is None else table_from(op.nodes, dataset.part_schema("nodes"))
    if nodes is not None and nodes[dataset.role("node_key")].null_count:
        raise invalid(
            f"column {dataset.role('node_key')!r} is the node key and holds NULL", hint="give every node its key"
        )
    return replace(op, edges=edges, nodes=nodes)


def bind_graph_delete(dataset: Dataset, op: ops.GraphDelete) -> ops.GraphDelete:
    """Bind a delete of nodes or of edges."""
    nodes = None if op.nodes is None else [_node(v, dataset, "node") for v in as_list(op.nodes)]
    return replace(op, nodes=nodes, where=where_of(dataset, op), params=None)

"""Bind an operation to a dataset: check every name, parse the filter, give every value its type, before any engine sees
it.

What is wrong in a question is found here, once for all engines, with the right code and the valid names; so adapters
carry no checks of this kind and no engine can answer a wrong question differently from another. A bound operation still
has the class that a person wrote, except `Scan`, which becomes a `BoundScan`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from polyroute import operations as ops
from polyroute.engines.binding.documents import (
    bind_document_delete,
    bind_document_get,
    bind_document_insert,
    bind_document_update,
    bind_find,
    bind_selector,
)
from polyroute.engines.binding.graphs import (
    bind_centrality,
    bind_graph_delete,
    bind_graph_upsert,
    bind_neighbors,
    bind_path,
)
from polyroute.engines.binding.series import bind_append, bind_latest, bind_range, bind_series_delete, bind_window
from polyroute.engines.binding.tables import bind_get, bind_relational_delete, bind_rows, bind_scan
from polyroute.engines.binding.vectors import bind_cluster, bind_search, bind_vector_delete, bind_vector_get
from polyroute.engines.contract import BoundScan, BoundSelect, Dataset

__all__ = ["Bound", "bind"]

Bound: TypeAlias = ops.Operation | BoundScan | BoundSelect


def bind(dataset: Dataset, op: ops.Operation) -> Bound:
    """Return the operation with parsed filter, stored column names and typed values.

    Raises QUERY_INVALID for an unknown column, a filter that does not parse, a value of the wrong type, a vector of the
    wrong dimension and the like.
    """
    binder = _BINDERS.get(type(op))
    return op if binder is None else binder(dataset, op)


_BINDERS: dict[type[ops.Operation], Callable[[Dataset, Any], Bound]] = {
    ops.Scan: bind_scan,
    ops.RelationalGet: bind_get,
    ops.RelationalUpsert: bind_rows,
    ops.RelationalDelete: bind_relational_delete,
    ops.VectorSearch: bind_search,
    ops.VectorGet: bind_vector_get,
    ops.VectorCluster: bind_cluster,
    ops.VectorUpsert: bind_rows,
    ops.VectorDelete: bind_vector_delete,
    ops.GraphNeighbors: bind_neighbors,
    ops.GraphShortestPath: bind_path,
    ops.GraphCentrality: bind_centrality,
    ops.GraphUpsert: bind_graph_upsert,
    ops.GraphDelete: bind_graph_delete,
    ops.DocumentFind: bind_find,
    ops.DocumentGet: bind_document_get,
    ops.DocumentCount: bind_selector,
    ops.DocumentInsert: bind_document_insert,
    ops.DocumentUpdate: bind_document_update,
    ops.DocumentDelete: bind_document_delete,
    ops.TimeseriesRange: bind_range,
    ops.TimeseriesWindow: bind_window,
    ops.TimeseriesLatest: bind_latest,
    ops.TimeseriesAppend: bind_append,
    ops.TimeseriesDelete: bind_series_delete,
}

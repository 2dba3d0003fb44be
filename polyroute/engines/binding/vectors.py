"""Vector operations, bound to their dataset."""

from __future__ import annotations

from dataclasses import replace

from polyroute import operations as ops
from polyroute.engines.binding.names import bind_columns, where_of
from polyroute.engines.binding.values import as_list, bind_key, bind_vector
from polyroute.engines.contract import Dataset


def bind_search(dataset: Dataset, op: ops.VectorSearch) -> ops.VectorSearch:
    """Bind a search: the vector as float32 of the right dimension."""
    columns = bind_columns(op.columns, dataset.schema, dataset.name)
    vector = bind_vector(op.vector, dataset)
    return replace(op, vector=vector, where=where_of(dataset, op), params=None, columns=columns)


def bind_vector_get(dataset: Dataset, op: ops.VectorGet) -> ops.VectorGet:
    """Bind a read of keys."""
    field = dataset.schema.field(dataset.single_key())
    columns = bind_columns(op.columns, dataset.schema, dataset.name)
    return replace(op, keys=[bind_key(k, field) for k in as_list(op.keys)], columns=columns)


def bind_cluster(dataset: Dataset, op: ops.VectorCluster) -> ops.VectorCluster:
    """Bind a clustering, which needs one key column."""
    dataset.single_key()
    return replace(op, where=where_of(dataset, op), params=None)


def bind_vector_delete(dataset: Dataset, op: ops.VectorDelete) -> ops.VectorDelete:
    """Bind a delete of vectors by keys or filter."""
    keys = None
    if op.keys is not None:
        field = dataset.schema.field(dataset.single_key())
        keys = [bind_key(k, field) for k in as_list(op.keys)]
    return replace(op, keys=keys, where=where_of(dataset, op), params=None)

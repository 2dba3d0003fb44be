"""Scans and relational operations, bound to their dataset."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

from polyroute import operations as ops
from polyroute.engines.binding.names import bind_columns, bind_filter, where_of
from polyroute.engines.binding.values import bind_key_tuple, bind_keys
from polyroute.engines.contract import BoundScan, Dataset
from polyroute.engines.loading.rows import table_from
from polyroute.errors import invalid
from polyroute.sql.filters import parse_order


def bind_scan(dataset: Dataset, op: ops.Scan) -> BoundScan:
    """Bind a scan: names checked, filter and order parsed."""
    schema = dataset.part_schema(op.part)
    columns = bind_columns(op.columns, schema, dataset.name) or tuple(schema.names)
    where = bind_filter(op.where, op.params, schema)
    order = parse_order(cast("Any", op.order), schema)
    return BoundScan(dataset, op.part, columns, where, order, op.limit)


def bind_get(dataset: Dataset, op: ops.RelationalGet) -> ops.RelationalGet:
    """Bind a point read: the key as a tuple of typed values."""
    columns = bind_columns(op.columns, dataset.schema, dataset.name)
    return ops.RelationalGet(op.dataset, bind_key_tuple(op.key, dataset), columns)


def bind_rows(dataset: Dataset, op: Any) -> Any:
    """Bind an upsert: the rows as a table in the dataset's schema, none without its key."""
    table = table_from(op.rows, dataset.schema)
    for key in dataset.key:
        if table[key].null_count:
            raise invalid(f"column {key!r} is the key and holds NULL", hint="give every row its key")
    return replace(op, rows=table)


def bind_relational_delete(dataset: Dataset, op: ops.RelationalDelete) -> ops.RelationalDelete:
    """Bind a delete of rows by keys or filter."""
    keys = None if op.keys is None else bind_keys(op.keys, dataset)
    return replace(op, keys=keys, where=where_of(dataset, op), params=None)

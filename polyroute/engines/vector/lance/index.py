"""Indexes of Lance tables: which to build for a column, and how.

The vector index is IVF with HNSW over scalar-quantised vectors: with refinement it finds nearly all neighbours, where
product quantisation loses most of them. Building costs about a third of a millisecond a row, so it is left to tables
for which exact search is slow. Other columns get a B-tree.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias, cast

import pyarrow as pa
from lancedb.index import BTree, HnswSq

from polyroute.engines.loading.progress import progress
from polyroute.engines.vector.lance.bridge import run
from polyroute.errors import invalid

if TYPE_CHECKING:
    import lancedb

    from polyroute.engines.call import Call
    from polyroute.engines.contract import Dataset
    from polyroute.engines.vector.lance.layout import Layout

DEFAULT_METRIC = "cosine"


Metric: TypeAlias = Literal["cosine", "dot", "l2"]


def metric_of(dataset: Dataset) -> Metric:
    """Return the metric that a dataset's index is built for."""
    return cast("Metric", dataset.roles.get("metric", DEFAULT_METRIC))


def build(table: lancedb.AsyncTable, layout: Layout, column: str, call: Call, *, show: bool | None = None) -> None:
    """Build the index of one column, in place of the one that it has; a bar shows that work goes on.

    A vector column without any vector gets none. Raises QUERY_INVALID for a column whose type no index orders.
    """
    dataset = layout.dataset
    stored = layout.stored[column]
    if column == dataset.roles.get("vector"):
        config: HnswSq | BTree = HnswSq(distance_type=metric_of(dataset))
    else:
        _check_ordered(column, dataset.schema.field(column).type)
        config = BTree()
    rows = run(table.count_rows(f"`{stored}` IS NOT NULL"), call)
    if not rows:
        return
    with progress(f"indexing {dataset.name}.{column}", rows, show=show) as advance:
        run(table.create_index(stored, config=config), call, tick=lambda: advance(0))
        advance(rows)


def _check_ordered(column: str, arrow_type: pa.DataType) -> None:
    t = pa.types
    if t.is_integer(arrow_type) or t.is_string(arrow_type) or t.is_boolean(arrow_type) or t.is_date(arrow_type):
        return
    if t.is_timestamp(arrow_type) or t.is_time(arrow_type):
        return
    raise invalid(
        f"column {column!r} of type {arrow_type} cannot be indexed in LanceDB",
        hint="index the vector column, or a column of whole numbers, text, booleans, dates or times",
    )

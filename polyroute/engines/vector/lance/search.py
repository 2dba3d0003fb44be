"""Find the nearest vectors of a snapshot: exactly, or through the index where that pays.

Exact search over vectors in memory beats an index up to some hundred thousand rows and is always right, so the index is
used only above that, when the metric is the index's own, and only where it can be trusted to find k rows; otherwise the
search is exact. All routes score with the same function, and filters apply before the cut on all of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from polyroute.engines.vector.exact import Floats, Ids, Matrix, Nearest, Vectors, exact_scores, vectors
from polyroute.engines.vector.lance.bridge import run
from polyroute.engines.vector.lance.snapshot import ROW_ID
from polyroute.engines.vector.stored import matrix_of
from polyroute.sql.filters import split

if TYPE_CHECKING:
    from polyroute.engines.call import Call
    from polyroute.engines.vector.lance.snapshot import Snapshot
    from polyroute.sql.filters import Filter

_BLOCK_ROWS = 65_536
_DISTANCE = "_distance"
_REFINE = 10
_MIN_EFFORT = 400
_MORE_FOR_TIES = 8
_INDEX_SHARE = 20


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is searched for: the k vectors nearest to a query among the rows that pass a filter."""

    query: Matrix
    metric: str
    k: int
    where: Filter | None
    exact: bool


def search(snapshot: Snapshot, op: Wanted, index_rows: int, call: Call) -> tuple[Ids, Floats]:
    """Return the row ids and scores of the k nearest rows that pass the filter, nearest first, ties by key.

    `index_rows` is the number of rows from which an index is used.
    """
    found = None
    if not op.exact and (snapshot.row_count >= index_rows or not snapshot.vectors_fit):
        found = _indexed(snapshot, op, call)
    ids, scores = found or _exact(snapshot, op, call)
    return _ranked(snapshot, ids, scores, op.k, call)


def matching_vectors(snapshot: Snapshot, where: Filter | None, call: Call) -> tuple[Ids, Matrix]:
    """Return row ids and matrix of all vectors whose rows pass a filter."""
    held = snapshot.vectors(call)
    if held is not None:
        if where is not None:
            held = held.only(np.searchsorted(held.ids, snapshot.matching(where, call)))
        return held.ids[held.usable], held.matrix[held.usable]
    column = snapshot.dataset.role("vector")
    parts = [p for ids, table in snapshot.stream((column,), where, call) for p in _measured(ids, table[column])]
    size = snapshot.dataset.schema.field(column).type.list_size
    empty = vectors(np.empty(0, dtype=np.uint64), np.empty((0, size), dtype=np.float32), np.empty(0, dtype=np.bool_))
    parts = parts or [empty]
    return np.concatenate([p.ids[p.usable] for p in parts]), np.concatenate([p.matrix[p.usable] for p in parts])


def _exact(snapshot: Snapshot, op: Wanted, call: Call) -> tuple[Ids, Floats]:
    nearest = Nearest(op.query, op.metric, op.k)
    held = snapshot.vectors(call)
    if held is None:
        column = snapshot.dataset.role("vector")
        for ids, table in snapshot.stream((column,), op.where, call):
            for part in _measured(ids, table[column]):
                nearest.offer(part)
        return nearest.found
    if op.where is not None:
        held = held.only(np.searchsorted(held.ids, snapshot.matching(op.where, call)))
    for start in range(0, len(held), _BLOCK_ROWS):
        call.check()
        nearest.offer(held.part(start, start + _BLOCK_ROWS))
    return nearest.found


def _indexed(snapshot: Snapshot, op: Wanted, call: Call) -> tuple[Ids, Floats] | None:
    """Return what the index finds, scored again, or None where only an exact search is sure to be complete."""
    column = snapshot.dataset.role("vector")
    pushed, residual = split(op.where, snapshot.layout.to_lance)
    if residual is not None or op.k * _INDEX_SHARE > snapshot.row_count or _DISTANCE in snapshot.columns:
        return None
    if snapshot.index_metric != op.metric:
        return None
    stored = snapshot.layout.stored[column]
    wanted = op.k + _MORE_FOR_TIES
    asked = snapshot.query().nearest_to(op.query).column(stored).distance_type(op.metric).limit(wanted)
    asked = (
        asked.refine_factor(_REFINE)
        .ef(max(_MIN_EFFORT, 2 * _REFINE * wanted))
        .select([stored, _DISTANCE])
        .with_row_id()
    )
    if pushed is not None:
        asked = asked.where(snapshot.layout.to_lance(pushed))
    table = run(asked.to_arrow(), call)
    if table.num_rows < op.k:
        return None
    matrix, _ = matrix_of(snapshot.layout.decode(table, (column,))[column].combine_chunks())
    scores = exact_scores(matrix, np.arange(len(matrix)), op.query, op.metric)
    # an index by cosine holds no zero vectors, whose score is 0
    if op.metric == "cosine" and np.partition(scores, -op.k)[-op.k] <= 0:
        return None
    return table[ROW_ID].to_numpy(), scores


def _ranked(snapshot: Snapshot, ids: Ids, scores: Floats, k: int, call: Call) -> tuple[Ids, Floats]:
    """Order by score, ties by key, or by place where there is no key, and cut at k."""
    if not snapshot.dataset.key or len(np.unique(scores)) == len(scores):
        order = np.lexsort((ids, -scores))[:k]
        return ids[order], scores[order]
    keys = snapshot.take(ids, snapshot.dataset.key, call)
    columns = [pa.array(scores), *keys.columns]
    sortable = pa.table(columns, names=[str(n) for n in range(len(columns))])
    directions = [("0", "descending"), *((str(n), "ascending") for n in range(1, len(columns)))]
    order = pc.sort_indices(sortable, sort_keys=directions).to_numpy()[:k]
    return ids[order], scores[order]


def _measured(ids: Ids, column: pa.ChunkedArray) -> Iterator[Vectors]:
    start = 0
    for chunk in column.chunks:
        yield vectors(ids[start : start + len(chunk)], *matrix_of(chunk))
        start += len(chunk)

"""The vector reference: every vector is looked at, in float64."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from polyroute.engines.call import Call
from polyroute.engines.contract import Answer, Dataset
from polyroute.engines.describe import describe
from polyroute.engines.local import filter_table
from polyroute.errors import invalid
from polyroute.operations import VectorCluster, VectorDelete, VectorGet, VectorSearch, VectorUpsert
from polyroute.result import Rows
from tests.engines.reference.engine import ReferenceEngine, affected, keys_of, upserted
from tests.engines.reference.place import Held
from tests.engines.reference.relational import deleted

Floats = NDArray[np.float64]

_ROUNDS = 100


class ReferenceVector(ReferenceEngine):
    """Rows with vectors."""

    kind = "vector"

    def checked(self, dataset: Dataset, table: pa.Table) -> Held:
        """Refuse vectors that are not finite."""
        column = dataset.role("vector")
        if not np.isfinite(matrix_of(table, column)).all():
            raise invalid(f"a vector of column {column!r} holds NaN, None or infinity", hint="leave such rows out")
        return super().checked(dataset, table)

    def candidates(self, held: Held, op: VectorSearch, call: Call) -> pa.Table:
        """Return the rows among which the nearest are: those that pass the filter and have a vector."""
        call.check()
        table = held.content if op.where is None else filter_table(held.content, op.where, call)
        return table.filter(table[held.dataset.role("vector")].is_valid())

    def score(self, rows: Floats, query: Floats, metric: str) -> Floats:
        """Return the score of every row, higher for nearer."""
        if metric == "l2":
            return -np.linalg.norm(rows - query, axis=1)
        dots = (rows * query).sum(axis=1)
        if metric == "dot":
            return dots
        lengths = np.linalg.norm(rows, axis=1) * np.linalg.norm(query)
        return np.divide(dots, lengths, out=np.zeros_like(dots), where=lengths > 0)

    def ranked(self, scores: Floats, keys: list[tuple[object, ...]]) -> list[int]:
        """Return row numbers by score, equal scores by key."""
        return sorted(range(len(scores)), key=lambda row: (-scores[row], *keys[row]))

    def vector_search(self, op: VectorSearch, call: Call) -> Answer:
        """Score all rows that qualify and take the best."""
        held = self.held(op.dataset)
        table = self.candidates(held, op, call)
        rows = matrix_of(table, held.dataset.role("vector"))
        scores = self.score(rows, np.asarray(op.vector, dtype=np.float64), op.metric)
        best = pa.array(self.ranked(scores, keys_of(table, held.dataset.key))[: op.k], pa.int64())
        scored = table.append_column("score", pa.array(scores, pa.float64()))
        return scored.take(best).select(describe(held.dataset, op).names)

    def vector_get(self, op: VectorGet, call: Call) -> Answer:
        """Look at every row for the keys."""
        call.check()
        held = self.held(op.dataset)
        wanted = {(key,) for key in op.keys}
        mask = [key in wanted for key in keys_of(held.content, held.dataset.key)]
        return held.content.filter(pa.array(mask, pa.bool_())).select(describe(held.dataset, op).names)

    def vector_cluster(self, op: VectorCluster, call: Call) -> Answer:
        """Group the rows by k-means, beginning with rows that are far from one another."""
        held = self.held(op.dataset)
        table = self.candidates(held, op, call)
        rows = matrix_of(table, held.dataset.role("vector"))
        numbers, distances = _k_means(rows, op.clusters, call)
        columns = [table[held.dataset.single_key()], pa.array(numbers, pa.int64()), pa.array(distances, pa.float64())]
        return pa.table(columns, schema=describe(held.dataset, op))

    def vector_upsert(self, op: VectorUpsert, call: Call) -> Rows:
        """Put rows in the place of those that have their keys."""

        def change(held: Held) -> tuple[Held, Rows]:
            given: pa.Table = op.rows
            return self.checked(held.dataset, upserted(held, given)), affected(
                len(set(keys_of(given, held.dataset.key)))
            )

        return self.write(op, call, change)

    def vector_delete(self, op: VectorDelete, call: Call) -> Rows:
        """Keep the rows that have other keys, or do not pass the filter."""
        return self.write(op, call, lambda held: deleted(held, op, call))


def matrix_of(table: pa.Table, column: str) -> Floats:
    """Return the vectors that are there, one a row."""
    vectors = [vector for vector in table[column].to_pylist() if vector is not None]
    size = table.schema.field(column).type.list_size
    numbers = [[np.nan if n is None else n for n in vector] for vector in vectors]
    return np.array(numbers, dtype=np.float64).reshape(len(vectors), size)


def _k_means(rows: Floats, clusters: int, call: Call) -> tuple[list[int], list[float]]:
    """Move centres to the means of the rows nearest to them until they rest (S. Lloyd, 1982)."""
    if not len(rows):
        return [], []
    centres = rows[:1]
    while len(centres) < min(clusters, len(np.unique(rows, axis=0))):
        call.check()
        centres = np.vstack([centres, rows[_distances(rows, centres).min(axis=1).argmax()]])
    for _ in range(_ROUNDS):
        call.check()
        nearest = _distances(rows, centres).argmin(axis=1)
        moved = np.array(
            [rows[nearest == n].mean(axis=0) if (nearest == n).any() else c for n, c in enumerate(centres)]
        )
        if np.array_equal(moved, centres):
            break
        centres = moved
    apart = _distances(rows, centres)
    return apart.argmin(axis=1).tolist(), apart.min(axis=1).tolist()


def _distances(rows: Floats, centres: Floats) -> Floats:
    return np.stack([np.linalg.norm(rows - centre, axis=1) for centre in centres], axis=1)

"""Vector engines with one fault."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from polyroute.engines.call import Call
from polyroute.engines.contract import Answer, Dataset
from polyroute.engines.local import filter_table
from polyroute.operations import VectorCluster, VectorDelete, VectorGet, VectorSearch, VectorUpsert
from polyroute.result import Rows
from tests.engines.reference.engine import affected, appended, keys_of
from tests.engines.reference.faults import fault
from tests.engines.reference.place import Held
from tests.engines.reference.vector import Floats, ReferenceVector

_EXACT = "test_vector_search_is_exact_in_every_metric"
_FILTERS = "test_vector_search_filters_before_it_cuts"
_TIES = "test_vector_search_breaks_ties_by_key"
_ALL = "test_vector_search_gives_all_rows_when_k_is_large"
_COLUMNS = "test_vector_search_reads_only_the_columns_asked_for"
_GAPS = "test_rows_without_a_vector_are_kept_and_never_found"
_LOADED = "test_wrong_vectors_are_not_loaded"
_GET = "test_vector_get_reads_keys"
_CLUSTER = "test_vector_cluster_puts_every_row_somewhere"
_WRITES = "test_vector_upsert_and_delete"


@fault(_EXACT)
class ScoresUpsideDown(ReferenceVector):
    def score(self, rows: Floats, query: Floats, metric: str) -> Floats:
        return -super().score(rows, query, metric)


@fault(_EXACT)
class AnswersDistances(ReferenceVector):
    """The right rows in the right order, with the distance where the score should be."""

    def vector_search(self, op: VectorSearch, call: Call) -> Answer:
        table: Any = super().vector_search(op, call)
        scores = pa.array([-s if op.metric == "l2" else s for s in table["score"].to_pylist()], pa.float64())
        return table.set_column(table.num_columns - 1, "score", scores)


@fault(_EXACT)
class SquaresDistances(ReferenceVector):
    def score(self, rows: Floats, query: Floats, metric: str) -> Floats:
        scores = super().score(rows, query, metric)
        return -(scores**2) if metric == "l2" else scores


@fault(_EXACT)
class KnowsOneMetric(ReferenceVector):
    def score(self, rows: Floats, query: Floats, metric: str) -> Floats:
        return super().score(rows, query, "cosine")


@fault(_EXACT)
class ForgetsTheLengthOfVectors(ReferenceVector):
    def score(self, rows: Floats, query: Floats, metric: str) -> Floats:
        scores = super().score(rows, query, metric)
        return super().score(rows, query, "dot") if metric == "cosine" else scores


@fault(_EXACT)
class LooksAtEverySecondRow(ReferenceVector):
    """An index whose recall is a half."""

    def candidates(self, held: Held, op: VectorSearch, call: Call) -> pa.Table:
        table = super().candidates(held, op, call)
        return table if op.exact else table.take(pa.array(range(0, table.num_rows, 2)))


@fault(_FILTERS)
class FiltersAfterItCuts(ReferenceVector):
    def vector_search(self, op: VectorSearch, call: Call) -> Answer:
        nearest: Any = super().vector_search(replace(op, where=None), call)
        where: Any = op.where
        return nearest if where is None else filter_table(nearest, where, call)


@fault(_FILTERS)
class FiltersTwiceAsManyAfterItCuts(ReferenceVector):
    def vector_search(self, op: VectorSearch, call: Call) -> Answer:
        nearest: Any = super().vector_search(replace(op, where=None, k=2 * op.k), call)
        where: Any = op.where
        return (nearest if where is None else filter_table(nearest, where, call)).slice(0, op.k)


@fault(_TIES)
class PutsTheLastOfEqualsFirst(ReferenceVector):
    def ranked(self, scores: Floats, keys: list[tuple[object, ...]]) -> list[int]:
        return sorted(range(len(scores)), key=lambda row: (-scores[row], -row))


@fault(_TIES, _EXACT)
class DividesByZero(ReferenceVector):
    def score(self, rows: Floats, query: Floats, metric: str) -> Floats:
        scores = super().score(rows, query, metric)
        silent = (np.linalg.norm(rows, axis=1) * np.linalg.norm(query) == 0) & (metric == "cosine")
        return np.where(silent, 2.0, scores)


@fault(_ALL)
class GivesFiftyAtMost(ReferenceVector):
    def vector_search(self, op: VectorSearch, call: Call) -> Answer:
        return super().vector_search(replace(op, k=min(op.k, 50)), call)


@fault(_COLUMNS)
class SearchesAllColumns(ReferenceVector):
    def vector_search(self, op: VectorSearch, call: Call) -> Answer:
        return super().vector_search(replace(op, columns=None), call)


@fault(_COLUMNS)
class SearchesColumnsAsStored(ReferenceVector):
    def vector_search(self, op: VectorSearch, call: Call) -> Answer:
        names = self.dataset(str(op.dataset)).schema.names
        columns = None if op.columns is None else tuple(n for n in names if n in op.columns)
        return super().vector_search(replace(op, columns=columns), call)


@fault(_GAPS)
class TakesNoVectorForZeros(ReferenceVector):
    def candidates(self, held: Held, op: Any, call: Call) -> pa.Table:
        return _with_zeros(held.content if op.where is None else filter_table(held.content, op.where, call))


def _with_zeros(table: pa.Table) -> pa.Table:
    place = table.schema.get_field_index("vec")
    if place < 0:
        return table
    field = table.schema.field(place)
    vectors = [[0.0] * field.type.list_size if v is None else v for v in table["vec"].to_pylist()]
    return table.set_column(place, field, pa.array(vectors, field.type))


@fault(_GAPS)
class DropsRowsWithoutVectors(ReferenceVector):
    def checked(self, dataset: Dataset, table: pa.Table) -> Held:
        return super().checked(dataset, table.filter(table[dataset.role("vector")].is_valid()))


@fault("test_vector_search_refuses_wrong_vectors")
class TakesShortVectors(ReferenceVector):
    def dataset(self, name: str) -> Dataset:
        return _as_lists(super().dataset(name), pa.list_(pa.float32(), 2))

    def score(self, rows: Floats, query: Floats, metric: str) -> Floats:
        return super().score(rows[:, : len(query)], query, metric)


@fault("test_vectors_as_lists_get_their_one_dimension")
class TellsNoDimension(ReferenceVector):
    def dataset(self, name: str) -> Dataset:
        return _as_lists(super().dataset(name), pa.list_(pa.float32()))


def _as_lists(dataset: Dataset, told: pa.DataType) -> Dataset:
    place = dataset.schema.get_field_index(dataset.role("vector"))
    return replace(dataset, schema=dataset.schema.set(place, dataset.schema.field(place).with_type(told)))


@fault(_LOADED, _WRITES)
class KeepsAnyVector(ReferenceVector):
    def checked(self, dataset: Dataset, table: pa.Table) -> Held:
        return Held(dataset, table)


@fault(_GET)
class GetsOneKey(ReferenceVector):
    def vector_get(self, op: VectorGet, call: Call) -> Answer:
        keys: Any = op.keys
        return super().vector_get(replace(op, keys=keys[:1]), call)


@fault(_GET)
class GetsTheFirstRowForNoKey(ReferenceVector):
    def vector_get(self, op: VectorGet, call: Call) -> Answer:
        held = self.held(op.dataset)
        known = keys_of(held.content, held.dataset.key)
        keys: Any = op.keys
        return super().vector_get(replace(op, keys=[k if (k,) in known else known[0][0] for k in keys]), call)


@fault(_CLUSTER)
class PutsAllInOneCluster(ReferenceVector):
    def vector_cluster(self, op: VectorCluster, call: Call) -> Answer:
        return super().vector_cluster(replace(op, clusters=1), call)


@fault(_CLUSTER)
class SquaresTheDistanceToTheCentre(ReferenceVector):
    def vector_cluster(self, op: VectorCluster, call: Call) -> Answer:
        table: Any = super().vector_cluster(op, call)
        squares = pa.array([d * d for d in table["distance"].to_pylist()], pa.float64())
        return table.set_column(2, "distance", squares)


@fault(_CLUSTER)
class ClustersWithoutTheFilter(ReferenceVector):
    def vector_cluster(self, op: VectorCluster, call: Call) -> Answer:
        return super().vector_cluster(replace(op, where=None), call)


@fault(_CLUSTER)
class ClustersDifferentlyEachTime(ReferenceVector):
    _turn = 0

    def vector_cluster(self, op: VectorCluster, call: Call) -> Answer:
        table: Any = super().vector_cluster(op, call)
        self._turn = 1 - self._turn
        numbers = pa.array([abs(n - self._turn) for n in table["cluster"].to_pylist()], pa.int64())
        return table.set_column(1, "cluster", numbers)


@fault(_WRITES)
class UpsertsByAppending(ReferenceVector):
    def vector_upsert(self, op: VectorUpsert, call: Call) -> Rows:
        given: Any = op.rows
        return self.write(op, call, lambda held: (Held(held.dataset, appended(held, given)), affected(given.num_rows)))


@fault(_WRITES)
class FindsDeletedRows(ReferenceVector):
    """Its index does not hear of deletions."""

    _gone: tuple[Held, ...] = ()

    def vector_delete(self, op: VectorDelete, call: Call) -> Rows:
        self._gone = (*self._gone, self.held(op.dataset))
        return super().vector_delete(op, call)

    def candidates(self, held: Held, op: VectorSearch, call: Call) -> pa.Table:
        return super().candidates(self._gone[-1] if self._gone else held, op, call)


@fault("test_a_dataset_tells_its_schema_kind_key_and_roles")
class TellsRowsAsKey(ReferenceVector):
    def datasets(self) -> Mapping[str, Dataset]:
        return {n: replace(d, key=("name",)) for n, d in super().datasets().items()}

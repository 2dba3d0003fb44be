"""Operations on vectors: the nearest rows, rows by key, clusters; upserts, deletes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from polyroute.arguments import check_choice, check_count, check_flag, check_params, check_target, check_whole
from polyroute.operations.base import Operation, operation

if TYPE_CHECKING:
    from polyroute.sql.filters import Filter

METRICS = ("cosine", "dot", "l2")


@operation("vector")
@dataclass(frozen=True, slots=True)
class VectorSearch(Operation):
    """Find the k rows nearest to a vector among those that pass the filter; `score` is higher for nearer."""

    vector: object
    k: int = 10
    where: str | Filter | None = None
    params: Mapping[str, object] | None = None
    metric: str = "cosine"
    exact: bool = False
    columns: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        check_flag("exact", self.exact)
        check_params(self.params)
        check_count("k", self.k, 1)
        check_choice("metric", self.metric, METRICS)


@operation("vector")
@dataclass(frozen=True, slots=True)
class VectorGet(Operation):
    """Read the rows of one key or a list of keys."""

    keys: object
    columns: tuple[str, ...] | None = None


@operation("vector")
@dataclass(frozen=True, slots=True)
class VectorCluster(Operation):
    """Group the rows that pass the filter into clusters by k-means: the key, `cluster` and `distance` to its centre."""

    clusters: int = 8
    where: str | Filter | None = None
    params: Mapping[str, object] | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        check_whole("seed", self.seed)
        check_params(self.params)
        check_count("clusters", self.clusters, 1)


@operation("vector", writes=True)
@dataclass(frozen=True, slots=True)
class VectorUpsert(Operation):
    """Insert rows with their vectors, or replace those whose key is held already."""

    rows: object


@operation("vector", writes=True)
@dataclass(frozen=True, slots=True)
class VectorDelete(Operation):
    """Delete the rows of some keys, or those that pass a filter; exactly one of the two."""

    keys: object = None
    where: str | Filter | None = None
    params: Mapping[str, object] | None = None

    def __post_init__(self) -> None:
        check_params(self.params)
        check_target(self.name, self.keys, self.where)

"""Vector operations, against exact answers computed in Python."""

from __future__ import annotations

import math
from typing import Any, cast

import pyarrow as pa

from polyroute.engines.testing.store import Store
from polyroute.errors import PolyrouteError
from polyroute.operations import METRICS, Scan, VectorCluster, VectorDelete, VectorGet, VectorSearch, VectorUpsert

_SIZE = 4
_SCHEMA = pa.schema([("id", pa.int64()), ("group", pa.string()), ("vec", pa.list_(pa.float32(), _SIZE))])


def _vectors(count: int = 60) -> list[list[float]]:
    """Return vectors that lie all around, some of them equal, one of them zero."""
    made = [[math.sin(n * (d + 1)), math.cos(n + d), (n % 7) - 3.0, 1.0][:_SIZE] for n in range(count) for d in (1,)]
    made[10] = list(made[3])
    made[11] = list(made[3])
    made[20] = [0.0] * _SIZE
    return made


def _load(store: Store, count: int = 60) -> list[list[float]]:
    vectors = _vectors(count)
    groups = [None if n % 10 == 9 else "ab"[n % 2] for n in range(count)]
    columns = [
        pa.array(range(count), pa.int64()),
        pa.array(groups, pa.string()),
        pa.array(vectors, _SCHEMA.field("vec").type),
    ]
    store.load("items", pa.table(columns, schema=_SCHEMA), key="id", vector="vec")
    return vectors


def _score(metric: str, one: list[float], other: list[float]) -> float:
    dot = sum(a * b for a, b in zip(one, other, strict=True))
    if metric == "dot":
        return dot
    if metric == "l2":
        return -math.dist(one, other)
    norms = math.hypot(*one) * math.hypot(*other)
    return dot / norms if norms else 0.0


def _nearest(
    vectors: list[list[float]], query: list[float], metric: str, k: int, keep: set[int]
) -> list[tuple[int, float]]:
    scored = [(n, round(_score(metric, v, query), 5)) for n, v in enumerate(vectors) if n in keep]
    return sorted(scored, key=lambda s: (-s[1], s[0]))[:k]


class VectorTests:
    """Nearest rows, by key, in clusters; changes."""

    def test_vector_search_is_exact_in_every_metric(self, store: Store) -> None:
        vectors = _load(store)
        query = [0.3, -0.2, 1.0, 0.5]
        for metric in ("cosine", "dot", "l2"):
            for exact in (False, True):
                found = store.ask(VectorSearch("items", query, 7, metric=metric, exact=exact))
                assert found.columns == ("id", "group", "vec", "score")
                got = [(row[0], round(float(row[3]), 5)) for row in found]  # type: ignore[arg-type]
                wanted = _nearest(vectors, query, metric, 7, set(range(60)))
                assert [g[0] for g in got] == [w[0] for w in wanted], metric
                assert all(abs(g[1] - w[1]) < 2e-5 for g, w in zip(got, wanted, strict=True)), metric
                assert found.to_arrow().schema == _SCHEMA.append(pa.field("score", pa.float64()))

    def test_vector_search_filters_before_it_cuts(self, store: Store) -> None:
        vectors = _load(store)
        query = vectors[9]
        for where, params, keep in (
            ("\"group\" = 'a'", None, {n for n in range(60) if n % 2 == 0 and n % 10 != 9}),
            ("id IN (41, 50, 3)", None, {41, 50, 3}),
            ("id % 29 = $r", {"r": 1}, {1, 30, 59}),
            ('"group" IS NULL', None, {n for n in range(60) if n % 10 == 9}),
            ("upper(\"group\") = 'B'", None, {n for n in range(60) if n % 2 == 1 and n % 10 != 9}),
        ):
            found = store.column(VectorSearch("items", query, 3, where, params))
            assert found == [n for n, _ in _nearest(vectors, query, "cosine", 3, keep)], where

    def test_vector_search_breaks_ties_by_key(self, store: Store) -> None:
        vectors = _load(store)
        for metric in ("cosine", "l2"):
            assert store.column(VectorSearch("items", vectors[3], 2, metric=metric)) == [3, 10], metric
        assert store.column(VectorSearch("items", [0.0] * _SIZE, 4)) == [0, 1, 2, 3]

    def test_vector_search_gives_all_rows_when_k_is_large(self, store: Store) -> None:
        _load(store)
        assert len(store.rows(VectorSearch("items", [1.0, 0.0, 0.0, 0.0], 1000))) == 60
        found = store.ask(VectorSearch("items", [1.0, 0.0, 0.0, 0.0], 5, "id < 0"))
        assert len(found) == 0
        assert found.to_arrow().schema == _SCHEMA.append(pa.field("score", pa.float64()))

    def test_vector_search_reads_only_the_columns_asked_for(self, store: Store) -> None:
        vectors = _load(store)
        found = store.ask(VectorSearch("items", vectors[5], 2, columns=("group", "id")))
        assert found.columns == ("group", "id", "score")
        assert found.fetchall()[0][:2] == ("b", 5)

    def test_rows_without_a_vector_are_kept_and_never_found(self, store: Store) -> None:
        rows = {"id": [1, 2, 3], "vec": pa.array([[1.0, 0.0], None, [0.0, 1.0]], pa.list_(pa.float32(), 2))}
        try:
            store.load("gaps", pa.table(rows), key="id", vector="vec")
        except PolyrouteError as exc:
            assert exc.code == "QUERY_INVALID", exc
            assert "vec" in str(exc), exc
            assert "gaps" not in store.engine.datasets()
            return
        assert store.rows(VectorGet("gaps", 2)) == [(2, None)]
        assert sorted(store.column(Scan("gaps", ("id",)))) == [1, 2, 3]
        for metric in METRICS:
            assert sorted(store.column(VectorSearch("gaps", [1.0, 1.0], 5, metric=metric))) == [1, 3], metric
        assert sorted(store.column(VectorCluster("gaps", 2))) == [1, 3]

    def test_vector_search_refuses_wrong_vectors(self, store: Store) -> None:
        _load(store)
        nan = float("nan")
        for vector, told in (
            ([1.0, 2.0], "dimension 2"),
            ([1.0, nan, 0.0, 0.0], "NaN"),
            ([1.0, None, 0.0, 0.0], ""),
            ("text", "numbers"),
            (None, ""),
            ([[1.0] * 4], "dimension"),
        ):
            with store.refused(told=told):
                store.ask(VectorSearch("items", vector))

    def test_wrong_vectors_are_not_loaded(self, store: Store) -> None:
        kind = pa.list_(pa.float32(), 2)
        for vectors, told in (
            ([[1.0, float("nan")]], "'vec'"),
            ([[1.0, None]], "'vec'"),
            ([[1.0, float("inf")]], "'vec'"),
        ):
            table = pa.table([pa.array([1], pa.int64()), pa.array(vectors, kind)], names=["id", "vec"])
            with store.refused(told=told):
                store.load("wrong", table, key="id", vector="vec")
        ragged = [{"id": 1, "vec": [1.0, 2.0]}, {"id": 2, "vec": [1.0]}]
        with store.refused(told="'vec'"):
            store.load("wrong", ragged, key="id", vector="vec")
        with store.refused(told="did you mean 'vec'"):
            store.load("wrong", ragged, key="id", vector="vek")

    def test_vectors_as_lists_get_their_one_dimension(self, store: Store) -> None:
        store.load("lists", [{"id": 1, "vec": [1.0, 2.0]}, {"id": 2, "vec": [0.5, 0.5]}], key="id", vector="vec")
        assert store.engine.dataset("lists").schema.field("vec").type == pa.list_(pa.float32(), 2)
        assert store.rows(VectorSearch("lists", [1, 2], 1, columns=("id",)))[0][0] == 1

    def test_vector_get_reads_keys(self, store: Store) -> None:
        _load(store)
        assert store.rows(VectorGet("items", 4, ("id", "group"))) == [(4, "a")]
        assert sorted(store.column(VectorGet("items", [5, 6, 777], ("id",)))) == [5, 6]
        for key in ("four", None, 4.5):
            with store.refused(told="'id'"):
                store.ask(VectorGet("items", [1, key]))
        assert store.ask(VectorGet("items", [777])).to_arrow().schema == _SCHEMA

    def test_vector_cluster_puts_every_row_somewhere(self, store: Store) -> None:
        rows = [{"id": n, "vec": [float(n % 2) * 100 + n * 0.01, 0.0]} for n in range(20)]
        store.load("two", rows, key="id", vector="vec")
        found = store.ask(VectorCluster("two", 2))
        assert found.columns == ("id", "cluster", "distance")
        clusters: dict[int, list[Any]] = {0: [], 1: []}
        for key, number, distance in cast("list[tuple[int, int, float]]", found.fetchall()):
            clusters[number].append((key, distance))
        assert sorted([key % 2 for key, _ in members] for members in clusters.values()) == [[0] * 10, [1] * 10]
        for members in clusters.values():
            centre = sum(key for key, _ in members) / 10 * 0.01
            assert all(abs(distance - abs(key * 0.01 - centre)) < 1e-3 for key, distance in members)
        assert store.rows(VectorCluster("two", 2)) == store.rows(VectorCluster("two", 2))
        assert sorted(store.column(VectorCluster("two", 50))) == list(range(20))
        assert sorted(store.column(VectorCluster("two", 2, "id % 5 = 1"))) == [1, 6, 11, 16]
        with store.refused(told="clusters"):
            store.ask(VectorCluster("two", 0))

    def test_vector_upsert_and_delete(self, store: Store) -> None:
        _load(store)
        new = [1.0, 1.0, 1.0, 9.0]
        assert store.ask(VectorUpsert("items", [{"id": 3, "vec": new}, {"id": 99, "vec": new}])).rows_affected == 2
        assert store.rows(VectorGet("items", 3)) == [(3, None, new)]
        assert store.column(VectorSearch("items", new, 2)) == [3, 99]
        assert store.ask(VectorDelete("items", [99, 3, 12345])).rows_affected == 2
        assert store.ask(VectorDelete("items", where="id % 2 = 0 AND id < 10")).rows_affected == 5
        assert len(store.rows(Scan("items", ("id",)))) == 54
        assert store.column(VectorSearch("items", [1.0, 0.0, 0.0, 0.0], 3, "id IN (2, 3, 99, 5)")) == [5]
        both = [{"id": 70, "group": "first", "vec": new}, {"id": 70, "group": "last", "vec": new}]
        store.ask(VectorUpsert("items", both))
        assert store.rows(VectorGet("items", 70, ("group",))) == [("last",)]
        for vector in ([1.0], [1.0, float("nan"), 0.0, 0.0], [1.0, None, 0.0, 0.0]):
            with store.refused(told="'vec'"):
                store.ask(VectorUpsert("items", [{"id": 71, "vec": new}, {"id": 1, "vec": vector}]))
        with store.refused(told="'id'"):
            store.ask(VectorUpsert("items", [{"vec": new}]))

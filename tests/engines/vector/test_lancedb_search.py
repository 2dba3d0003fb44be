"""Search on all routes: from memory, streamed, through the index; they agree with one another and with plain Python."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polyroute.engines.call import UNBOUNDED
from polyroute.engines.registry import open_engine
from polyroute.engines.testing.store import Store
from polyroute.engines.vector.lance import search as searching
from polyroute.operations import Scan, VectorCluster, VectorGet, VectorSearch, VectorUpsert

COUNT, SIZE = 600, 6
KIND = pa.list_(pa.float32(), SIZE)


class Row(NamedTuple):
    key: str
    year: int | None
    name: str | None
    vector: list[float] | None


def made_rows() -> list[Row]:
    """Return rows in no order of keys, with equal vectors, zero vectors and rows without one."""
    draw = np.random.default_rng(7)
    matrix = draw.standard_normal((COUNT, SIZE)).astype(np.float32)
    matrix[100:140] = matrix[3]
    matrix[140:150] = 0
    names = ["ann", "Bob", None, "zoë", "it's"]
    keys = draw.permutation(COUNT)
    return [
        Row(
            f"k{keys[n]:04}",
            None if n % 17 == 0 else 1990 + n % 30,
            names[n % 5],
            None if n % 50 == 49 else matrix[n].tolist(),
        )
        for n in range(COUNT)
    ]


ROWS = made_rows()
ROUTES = {
    "memory": "",
    "vectors": "?memory_mb=1",
    "stream": "?memory_mb=0",
    "index": "?memory_mb=0&index_rows=1",
}
FILTERS: list[tuple[str | None, Callable[[Row], bool]]] = [
    (None, lambda r: True),
    ("year > 2010", lambda r: r.year is not None and r.year > 2010),
    ("name = 'it''s'", lambda r: r.name == "it's"),
    ("name IS NULL OR year = 1999", lambda r: r.name is None or r.year == 1999),
    ("upper(name) = 'BOB'", lambda r: r.name == "Bob"),
    (
        "year % 7 = 3 AND name <> 'ann'",
        lambda r: r.year is not None and r.year % 7 == 3 and r.name not in ("ann", None),
    ),
    ("year > 2010 AND length(name) = 3", lambda r: r.year is not None and r.year > 2010 and len(r.name or "") == 3),
    ("key IN ('k0003', 'k0500', 'none')", lambda r: r.key in ("k0003", "k0500")),
    (
        "NOT (year > 2000 OR name = 'ann')",
        lambda r: r.year is not None and r.year <= 2000 and r.name not in (None, "ann"),
    ),
    ("NOT (year IN (1991, 1995)) AND key >= 'k03'", lambda r: r.year not in (None, 1991, 1995) and r.key >= "k03"),
    (
        "name IS DISTINCT FROM 'zoë' AND year BETWEEN 1993 AND 1995",
        lambda r: r.name != "zoë" and r.year in (1993, 1994, 1995),
    ),
    ("year < 0", lambda r: False),
]


def table(*, wide: bool = False) -> pa.Table:
    """Return the rows; wide ones are too large to be kept in a megabyte of memory, their vectors are not."""
    columns = [
        pa.array([r[i] for r in ROWS], kind) for i, kind in enumerate((pa.string(), pa.int32(), pa.string(), KIND))
    ]
    made = pa.table(columns, names=["key", "year", "name", "vec"])
    return made.append_column("wide", pa.array(_noise(2000), pa.binary())) if wide else made


def _noise(size: int) -> list[bytes]:
    return [np.random.default_rng(n).bytes(size) for n in range(COUNT)]


def score(row: Row, query: list[float], metric: str) -> float:
    assert row.vector is not None
    dot = math.fsum(a * b for a, b in zip(row.vector, query, strict=True))
    if metric == "dot":
        return dot
    if metric == "l2":
        return -math.dist(row.vector, query)
    lengths = math.hypot(*row.vector) * math.hypot(*query)
    return dot / lengths if lengths else 0.0


def best(query: list[float], metric: str, keep: Callable[[Row], bool]) -> list[tuple[float, str]]:
    """Return every row that qualifies, the nearest first; scores are rounded so that equal ones tie."""
    scored = [(round(score(r, query, metric), 9), r.key) for r in ROWS if r.vector is not None and keep(r)]
    return sorted(scored, key=lambda s: (-s[0], s[1]))


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Store]]:
    folder = tmp_path_factory.mktemp("routes")
    opened = {}
    for route, options in ROUTES.items():
        url = f"lancedb:///{folder / route}{options}"
        opened[route] = Store(lambda url=url: open_engine(url))  # type: ignore[misc]
        for metric in ("cosine", "dot", "l2"):
            opened[route].load(metric, table(wide=route == "vectors"), key="key", vector="vec", metric=metric)
    for metric in ("cosine", "dot", "l2"):
        opened["index"].engine.create_index(metric, ["key", "year", "name"], UNBOUNDED)
    yield opened
    for store in opened.values():
        store.close()


queries = st.one_of(
    st.lists(st.floats(-2, 2, width=32), min_size=SIZE, max_size=SIZE),
    st.sampled_from([r.vector for r in ROWS[:150] if r.vector is not None]),
)


@settings(max_examples=60, deadline=None)
@given(queries, st.sampled_from(["cosine", "dot", "l2"]), st.sampled_from(FILTERS), st.integers(1, 700))
def test_exact_routes_give_the_same_and_right_rows(
    stores: dict[str, Store],
    query: list[float],
    metric: str,
    where: tuple[str | None, Callable[[Row], bool]],
    k: int,
) -> None:
    op = VectorSearch(metric, query, k, where[0], metric=metric, exact=True, columns=("key",))
    found = {route: store.rows(op) for route, store in stores.items()}
    assert found["memory"] == found["vectors"] == found["stream"] == found["index"]
    expected = best(query, metric, where[1])[:k]
    assert [r[0] for r in found["memory"]] == [key for _, key in expected]
    for row, (score_, _) in zip(found["memory"], expected, strict=True):
        assert row[1] == pytest.approx(score_, abs=1e-6)


@settings(max_examples=60, deadline=None)
@given(queries, st.sampled_from(["cosine", "dot", "l2"]), st.sampled_from(FILTERS), st.integers(1, 25))
def test_the_index_gives_full_answers_with_true_scores(
    stores: dict[str, Store],
    query: list[float],
    metric: str,
    where: tuple[str | None, Callable[[Row], bool]],
    k: int,
) -> None:
    found = stores["index"].rows(VectorSearch(metric, query, k, where[0], metric=metric, columns=("key",)))
    expected = best(query, metric, where[1])
    true = {key: score_ for score_, key in expected}
    assert len(found) == min(k, len(expected))
    assert [r[1] for r in found] == sorted((r[1] for r in found), reverse=True)
    for key, got in found:
        assert got == pytest.approx(true[key], abs=1e-6)


def test_the_index_is_used_and_finds_nearly_all(stores: dict[str, Store], monkeypatch: pytest.MonkeyPatch) -> None:
    used: list[bool] = []
    indexed = searching._indexed

    def watching(*args: object) -> object:
        answer = indexed(*args)  # type: ignore[arg-type]
        used.append(answer is not None)
        return answer

    monkeypatch.setattr(searching, "_indexed", watching)
    draw = np.random.default_rng(3)
    hits = 0
    for _ in range(40):
        query = draw.standard_normal(SIZE).astype(np.float32).tolist()
        for metric in ("cosine", "dot", "l2"):
            found = stores["index"].rows(VectorSearch(metric, query, 10, metric=metric, columns=("key",)))
            hits += len({r[0] for r in found} & {key for _, key in best(query, metric, lambda r: True)[:10]})
    assert sum(used) > 100
    assert hits / 1200 > 0.95
    stores["index"].rows(VectorSearch("cosine", [1.0] * SIZE, 10, metric="l2"))
    assert used[-1] is False
    count = len(used)
    stores["index"].rows(VectorSearch("cosine", [1.0] * SIZE, 10, exact=True))
    assert len(used) == count


def test_every_route_is_the_one_meant(stores: dict[str, Store]) -> None:
    for route, store in stores.items():
        snapshot = store.engine.resource.handle.snapshot("l2")  # type: ignore[attr-defined]
        assert (snapshot.held(snapshot.columns) is not None) == (route == "memory")
        assert (snapshot.vectors() is not None) == (route in ("memory", "vectors"))
        assert (snapshot.index_metric == "l2") == (route == "index")


@pytest.mark.parametrize("route", ROUTES)
def test_ties_at_the_cut_go_to_the_smallest_keys(stores: dict[str, Store], route: str) -> None:
    query = ROWS[3].vector
    assert query is not None
    tied = sorted(r.key for r in ROWS if r.vector == query)
    assert len(tied) > 35
    for k in (1, 5, len(tied) - 1):
        found = stores[route].rows(VectorSearch("l2", query, k, metric="l2", columns=("key",), exact=True))
        assert [r[0] for r in found] == tied[:k]


@pytest.mark.parametrize("route", ["memory", "vectors", "stream"])
def test_other_operations_agree_on_all_routes(stores: dict[str, Store], route: str) -> None:
    store = stores[route]
    for where, keep in FILTERS:
        expected = {r.key for r in ROWS if keep(r)}
        assert {r[0] for r in store.rows(Scan("l2", ("key",), where))} == expected
        clustered = store.rows(VectorCluster("l2", 4, where))
        assert [r[0] for r in clustered] == sorted(r.key for r in ROWS if keep(r) and r.vector is not None)
    ordered = store.rows(Scan("l2", ("key", "year"), "year > 2005", order="year DESC, key", limit=7))
    wanted = sorted((r for r in ROWS if (r.year or 0) > 2005), key=lambda r: (-(r.year or 0), r.key))[:7]
    assert ordered == [(r.key, r.year) for r in wanted]
    assert len(store.rows(Scan("l2", limit=13))) == 13
    keys = ["k0500", "none", "k0003", "k0500", "k0001"]
    assert [r[0] for r in store.rows(VectorGet("l2", keys, ("key",)))] == ["k0500", "k0003", "k0001"]
    assert store.rows(VectorGet("l2", "k0042"))[0][0] == "k0042"


def test_clusters_do_not_depend_on_the_route_or_the_order_of_rows(stores: dict[str, Store], tmp_path: Path) -> None:
    one = stores["memory"].rows(VectorCluster("cosine", 5, seed=3))
    assert one == stores["stream"].rows(VectorCluster("cosine", 5, seed=3))
    other = Store(lambda: open_engine(f"lancedb:///{tmp_path / 'shuffled'}"))
    mixed = np.random.default_rng(0).permutation(COUNT)
    other.load("cosine", table().take(pa.array(mixed)), key="key", vector="vec")
    assert other.rows(VectorCluster("cosine", 5, seed=3)) == one
    other.close()


def test_rows_written_after_the_index_are_found(stores: dict[str, Store], tmp_path: Path) -> None:
    store = Store(lambda: open_engine(f"lancedb:///{tmp_path / 'later'}?memory_mb=0&index_rows=1"))
    store.load("items", table(), key="key", vector="vec")
    far = [50.0, -40.0, 30.0, 20.0, 10.0, 5.0]
    store.ask(VectorUpsert("items", [{"key": "new", "vec": far}]))
    assert store.rows(VectorSearch("items", far, 1, columns=("key",))) == [("new", pytest.approx(1.0))]
    store.close()


@pytest.mark.parametrize("kind", [pa.float16(), pa.float32(), pa.float64()])
@pytest.mark.parametrize("options", ["", "?memory_mb=0", "?memory_mb=0&index_rows=1"])
def test_vectors_of_every_float_are_searched(open_store: Callable[..., Store], kind: pa.DataType, options: str) -> None:
    store = open_store(options)
    matrix = np.random.default_rng(0).integers(-8, 8, (400, 5)).astype(kind.to_pandas_dtype())
    column = pa.FixedSizeListArray.from_arrays(pa.array(matrix.ravel()), 5)
    store.load("items", pa.table({"k": pa.array(range(400), pa.int64()), "v": column}), key="k", vector="v")
    query = matrix[17].astype(np.float64)
    for metric in ("cosine", "dot", "l2"):
        found = store.rows(VectorSearch("items", query, 5, metric=metric, exact=True, columns=("k",)))
        wide = matrix.astype(np.float64)
        dots = wide @ query
        lengths = np.linalg.norm(wide, axis=1) * np.linalg.norm(query)
        scores = {
            "cosine": np.divide(dots, lengths, out=np.zeros(400), where=lengths > 0),
            "dot": dots,
            "l2": -np.linalg.norm(wide - query, axis=1),
        }[metric]
        expected = sorted(range(400), key=lambda n: (-round(float(scores[n]), 9), n))[:5]
        assert [r[0] for r in found] == expected
    assert store.engine.dataset("items").schema.field("v").type == pa.list_(kind, 5)

"""k-means: groups that are plain to see, determinism, odd rows, and a deadline that is kept."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polyroute.engines.call import UNBOUNDED, Call
from polyroute.engines.vector.cluster import k_means
from polyroute.errors import QueryTimeoutError


def blobs(groups: int, each: int, seed: int = 0) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    draw = np.random.default_rng(seed)
    middles = draw.permutation(groups)[:, None] * np.full(6, 50.0)
    return np.concatenate([m + draw.standard_normal((each, 6)) for m in middles]).astype(np.float32)


@pytest.mark.parametrize("seed", [0, 1, -7, 2**70])
def test_groups_far_apart_are_found_whatever_the_seed(seed: int) -> None:
    found = k_means(blobs(5, 40), 5, seed, UNBOUNDED)
    assert found.numbers.tolist() == np.repeat(np.arange(5), 40).tolist()


def test_distances_are_those_to_the_mean_of_the_cluster() -> None:
    rows = blobs(3, 30)
    numbers, distances = k_means(rows, 3, 0, UNBOUNDED)
    for number in range(3):
        members = rows[numbers == number].astype(np.float64)
        assert distances[numbers == number] == pytest.approx(np.linalg.norm(members - members.mean(axis=0), axis=1))


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.lists(st.integers(-3, 3).map(float), min_size=2, max_size=2), max_size=30),
    st.integers(1, 12),
    st.integers(-5, 5),
)
def test_every_row_has_a_cluster_and_equal_rows_share_one(rows: list[list[float]], clusters: int, seed: int) -> None:
    matrix = np.array(rows, dtype=np.float64).reshape(-1, 2)
    numbers, distances = k_means(matrix, clusters, seed, UNBOUNDED)
    assert len(numbers) == len(distances) == len(rows)
    different = {tuple(r) for r in rows}
    assert len(set(numbers.tolist())) <= min(clusters, len(different))
    assert len({(tuple(r), n) for r, n in zip(rows, numbers.tolist(), strict=True)}) == len(different)
    if clusters >= len(different):
        assert distances.tolist() == [0.0] * len(rows)
    # numbered as they first appear
    assert list(dict.fromkeys(numbers.tolist())) == sorted(set(numbers.tolist()))
    again = k_means(matrix, clusters, seed, UNBOUNDED)
    assert (again.numbers.tolist(), again.distances.tolist()) == (numbers.tolist(), distances.tolist())


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_very_large_and_very_small_numbers_are_grouped_too(scale: float) -> None:
    rows = (blobs(3, 20).astype(np.float64) * scale).astype(np.float32)
    numbers, distances = k_means(rows, 3, 0, UNBOUNDED)
    assert numbers.tolist() == np.repeat(np.arange(3), 20).tolist()
    assert distances.max() == pytest.approx(k_means(blobs(3, 20), 3, 0, UNBOUNDED).distances.max() * scale, rel=1e-3)


def test_rows_far_from_the_origin_are_grouped_too() -> None:
    rows = blobs(3, 20).astype(np.float64) + 1e9
    assert k_means(rows, 3, 0, UNBOUNDED).numbers.tolist() == np.repeat(np.arange(3), 20).tolist()


def test_it_stops_with_its_call() -> None:
    rows = np.random.default_rng(0).standard_normal((30_000, 64)).astype(np.float32)
    call = Call(timeout_s=0.05)
    started = time.monotonic()
    with pytest.raises(QueryTimeoutError):
        k_means(rows, 64, 0, call)
    assert time.monotonic() - started < 5

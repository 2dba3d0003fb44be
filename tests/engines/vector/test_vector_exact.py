"""Exact search against brute force: the right rows, scores that depend on the row alone, ties and extreme numbers."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from polyroute.engines.vector.exact import Matrix, Nearest, Vectors, exact_scores, vectors

METRICS = ("cosine", "dot", "l2")


def measured(rows: list[list[float]], kind: type[np.floating]) -> Vectors:
    matrix = np.array(rows, dtype=kind)
    return vectors(np.arange(len(matrix), dtype=np.uint64), matrix, np.ones(len(matrix), dtype=np.bool_))


def true_score(row: NDArray[np.floating], query: NDArray[np.floating], metric: str) -> float:
    """Compute a score in exact arithmetic, rounded once or twice at the end."""
    one, other = ([Fraction(float(x)) for x in v] for v in (row, query))
    dot = sum((a * b for a, b in zip(one, other, strict=True)), Fraction())
    if metric == "dot":
        return float(dot)
    if metric == "l2":
        return -_root(sum(((a - b) ** 2 for a, b in zip(one, other, strict=True)), Fraction()))
    squares = sum((a * a for a in one), Fraction()) * sum((b * b for b in other), Fraction())
    return 0.0 if not squares else math.copysign(_root(dot * dot / squares), dot)


def _root(value: Fraction) -> float:
    """Take a square root without overflow: of numerator and denominator, brought near one another by shifts."""
    if not value:
        return 0.0
    shift = (value.numerator.bit_length() - value.denominator.bit_length()) // 2
    return math.ldexp(math.sqrt(float(value / Fraction(4) ** shift)), shift)


@st.composite
def searches(draw: st.DrawFn) -> tuple[NDArray[np.floating], NDArray[np.float32], str, int]:
    kind = draw(st.sampled_from([np.float32, np.float64]))
    size = draw(st.integers(1, 5))
    width = 32 if kind is np.float32 else 64
    reach = 2.0**100 if width == 32 else 2.0**400
    number = st.one_of(
        st.integers(-3, 3).map(float),
        st.floats(-reach, reach, width=width),
        st.floats(-1, 1, width=width),
        st.sampled_from([0.0, -0.0, 2.0**-100, 2.0**-135, 1.0, 1.0 + 2.0**-20]),
    )
    row = st.lists(number, min_size=size, max_size=size)
    rows = draw(st.lists(row, min_size=1, max_size=12))
    rows += draw(st.lists(st.sampled_from(rows), max_size=6))
    query = draw(st.lists(st.one_of(number, st.floats(-1, 1, width=32)), min_size=size, max_size=size))
    with np.errstate(over="ignore", under="ignore"):
        asked = np.nan_to_num(np.array(query, dtype=np.float64)).clip(-1e30, 1e30).astype(np.float32)
        return np.array(rows).astype(kind), asked, draw(st.sampled_from(METRICS)), draw(st.integers(1, 20))


@settings(max_examples=200, deadline=None)
@given(searches())
def test_scores_are_true(case: tuple[Matrix, NDArray[np.float32], str, int]) -> None:
    matrix, query, metric, _ = case
    scores = exact_scores(matrix, np.arange(len(matrix)), query, metric)
    largest = float(np.abs(matrix.astype(np.float64)).max(initial=0)) * float(np.abs(query).max(initial=0)) or 1.0
    for row, score in zip(matrix, scores, strict=True):
        expected = true_score(row, query, metric)
        # sums of products of mixed signs cancel, so what can be asked is relative to the largest product
        slack = {"cosine": 1e-12, "dot": 1e-12 * largest, "l2": 1e-12 * abs(expected)}[metric]
        assert abs(score - expected) <= slack + 1e-300


@settings(max_examples=200, deadline=None)
@given(searches(), st.integers(1, 5))
def test_the_nearest_are_those_with_the_best_scores_ties_included(
    case: tuple[Matrix, NDArray[np.float32], str, int], block: int
) -> None:
    matrix, query, metric, k = case
    held = vectors(np.arange(len(matrix), dtype=np.uint64), matrix, np.ones(len(matrix), dtype=np.bool_))
    scores = exact_scores(matrix, np.arange(len(matrix)), query, metric)
    cut = np.sort(scores)[::-1][min(k, len(scores)) - 1]
    nearest = Nearest(query, metric, k)
    for start in range(0, len(matrix), block):
        nearest.offer(held.part(start, start + block))
    ids, found = nearest.found
    assert sorted(ids.tolist()) == np.flatnonzero(scores >= cut).tolist()
    assert {int(i): float(s) for i, s in zip(ids, found, strict=True)} == {int(i): float(scores[i]) for i in ids}


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 70), st.sampled_from(METRICS), st.sampled_from([np.float32, np.float64]))
def test_a_score_depends_on_its_row_alone(seed: int, size: int, metric: str, kind: type[np.floating]) -> None:
    draw = np.random.default_rng(seed)
    matrix = draw.standard_normal((9, size)).astype(kind)
    query = draw.standard_normal(size).astype(np.float32)
    together = exact_scores(matrix, np.arange(9), query, metric)
    apart = [float(exact_scores(matrix[n : n + 1].copy(), np.arange(1), query, metric)[0]) for n in range(9)]
    assert together.tolist() == apart


@pytest.mark.parametrize("metric", METRICS)
def test_equal_vectors_tie_wherever_they_lie(metric: str) -> None:
    draw = np.random.default_rng(1)
    matrix = draw.standard_normal((500, 48)).astype(np.float32)
    matrix[[3, 77, 250, 499]] = matrix[3]
    held = measured(matrix.tolist(), np.float32)
    nearest = Nearest(matrix[3], metric, 1)
    nearest.offer(held)
    ids, scores = nearest.found
    if metric != "dot":
        assert sorted(ids.tolist()) == [3, 77, 250, 499]
    assert len(set(scores.tolist())) == 1


def test_a_zero_vector_scores_zero_by_cosine() -> None:
    scores = exact_scores(np.array([[0.0, 0.0], [-1.0, 0.0]]), np.arange(2), np.array([1.0, 1.0]), "cosine")
    assert scores[0] == 0.0
    assert scores[1] < 0
    assert exact_scores(np.array([[1.0, 2.0]]), np.arange(1), np.array([0.0, 0.0]), "cosine").tolist() == [0.0]


def test_no_score_is_a_negative_zero() -> None:
    same = np.array([[1.0, -1.0]], dtype=np.float32)
    for metric, query in (("l2", same[0]), ("dot", np.array([1.0, 1.0], dtype=np.float32))):
        [score] = exact_scores(same, np.arange(1), query, metric)
        assert math.copysign(1.0, score) == 1.0


def test_rows_that_are_not_finite_or_not_valid_never_match() -> None:
    matrix = np.array([[1, np.nan], [np.inf, 1], [1, 1], [1, 1]], dtype=np.float32)
    held = vectors(np.arange(4, dtype=np.uint64), matrix, np.array([True, True, True, False]))
    for metric in METRICS:
        nearest = Nearest(np.array([1, 1], dtype=np.float32), metric, 10)
        nearest.offer(held)
        assert nearest.found[0].tolist() == [2]


def test_a_length_that_overflows_is_still_a_vector() -> None:
    held = measured([[1.7e308, 1.7e308], [1.0, 0.0]], np.float64)
    assert held.usable.tolist() == [True, True]
    nearest = Nearest(np.array([1.0, 1.0]), "cosine", 1)
    nearest.offer(held)
    assert nearest.found[0].tolist() == [0]
    assert nearest.found[1][0] == pytest.approx(1.0)


@pytest.mark.parametrize("positions", [[], [4], [0, 2, 3, 4, 5, 6, 8, 9]])
def test_only_some_positions_take_part(positions: list[int]) -> None:
    held = measured([[float(n), 1.0] for n in range(10)], np.float32)
    part = held.only(np.array(positions, dtype=np.intp))
    assert part.ids[part.usable].tolist() == positions
    nearest = Nearest(np.array([1.0, 0.0], dtype=np.float32), "dot", 3)
    nearest.offer(part)
    assert sorted(nearest.found[0].tolist()) == positions[-3:]


def test_only_few_rows_are_scored_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    from polyroute.engines.vector import exact

    scored: list[int] = []

    def counting(matrix: Matrix, rows: NDArray[np.intp], query: Matrix, metric: str) -> NDArray[np.float64]:
        scored.append(len(rows))
        return exact_scores(matrix, rows, query, metric)

    monkeypatch.setattr(exact, "exact_scores", counting)
    draw = np.random.default_rng(0)
    held = measured(draw.standard_normal((20_000, 64)).tolist(), np.float32)
    for metric in METRICS:
        nearest = Nearest(draw.standard_normal(64).astype(np.float32), metric, 10)
        nearest.offer(held)
    assert max(scored) < 40

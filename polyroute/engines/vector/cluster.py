"""Group vectors into clusters: Lloyd's k-means with k-means++ seeding.

scikit-learn's k-means is not used: its threads add up means in an order of their own, so that one seed could give two
answers, and nothing stops it once it runs. Here the rows are taken in blocks that fit the processor's cache, by one
thread and without BLAS, so an answer depends on the rows and the seed alone, and the call is asked before each block.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple, cast

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from polyroute.engines.call import Call
    from polyroute.engines.vector.exact import Floats, Matrix

_ROUNDS = 100
_STILL = 1e-4
_BLOCK_VALUES = 500_000
_TAME = 30


class Clusters(NamedTuple):
    """The cluster of each row, numbered from 0 as they first appear, and its Euclidean distance to the centre."""

    numbers: NDArray[np.int64]
    distances: Floats


def k_means(matrix: Matrix, clusters: int, seed: int, call: Call) -> Clusters:
    """Group the rows of a matrix (n x d, finite); there are never more clusters than different rows.

    Same rows in the same order and same seed give the same answer. S. Lloyd, Least squares quantization in PCM, 1982;
    D. Arthur and S. Vassilvitskii, k-means++: the advantages of careful seeding, 2007.

    >>> from polyroute.engines.call import UNBOUNDED
    >>> k_means(np.array([[0.0], [0.2], [9.0]]), 2, 0, UNBOUNDED).numbers.tolist()
    [0, 0, 1]
    """
    if not len(matrix):
        return Clusters(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float64))
    matrix, exponent = _tamed(matrix)
    still = _STILL * _spread(matrix, call)
    centres = _first_centres(matrix, clusters, seed, call)
    numbers = np.full(len(matrix), -1)
    for _ in range(_ROUNDS):
        before = numbers
        numbers, moved = _round(matrix, centres, call)
        shift = float(((moved - centres) ** 2).sum())
        centres = moved
        if shift <= still or np.array_equal(before, numbers):
            break
    numbers, distances = _settled(matrix, centres, call)
    return Clusters(_by_appearance(numbers), np.ldexp(distances, exponent))


def _tamed(matrix: Matrix) -> tuple[Matrix, int]:
    """Divide very large or small values by a power of two, whose exponent is told, so that squares can be taken."""
    exponent = int(np.frexp(max(float(matrix.max()), -float(matrix.min())))[1])
    return (matrix, 0) if abs(exponent) <= _TAME else (np.ldexp(matrix, -exponent), exponent)


def _spread(matrix: Matrix, call: Call) -> float:
    """Return the mean variance of a column."""
    total = np.zeros(matrix.shape[1])
    squares = 0.0
    for _, rows in _blocks(matrix, call):
        # the first row as origin: what is left is about as large as the spread
        wide = rows.astype(np.float64) - matrix[0]
        total += wide.sum(axis=0)
        squares += float(np.einsum("ij,ij->", wide, wide))
    mean = total / len(matrix)
    return float(max(0.0, squares / len(matrix) - float((mean * mean).sum())) / matrix.shape[1])


def _first_centres(matrix: Matrix, clusters: int, seed: int, call: Call) -> Floats:
    """Choose rows far apart: each is drawn in proportion to its squared distance from those chosen before, and the best
    of a few draws is taken; fewer where there are fewer different rows.
    """
    draw = np.random.default_rng(seed % 2**63)
    chosen = [int(draw.integers(len(matrix)))]
    nearest = _squares_to(matrix, matrix[chosen], call)[:, 0]
    while len(chosen) < clusters and (total := float(nearest.sum())) > 0:
        drawn = np.searchsorted(np.cumsum(nearest), draw.random(2 + int(math.log(clusters))) * total, side="right")
        drawn = np.minimum(drawn, np.flatnonzero(nearest)[-1])
        with_each = np.minimum(nearest[:, None], _squares_to(matrix, matrix[drawn], call))
        best = int(np.argmin(with_each.sum(axis=0)))
        chosen.append(int(drawn[best]))
        nearest = with_each[:, best]
    return matrix[chosen].astype(np.float64)


def _squares_to(matrix: Matrix, centres: Matrix, call: Call) -> Floats:
    """Return the squared distance of every row (n) to every centre (c) as n x c; exactly 0 for equal rows."""
    squares = np.empty((len(matrix), len(centres)))
    for start, rows in _blocks(matrix, call):
        squares[start : start + len(rows)] = _squares(rows, centres)
    return squares


def _round(matrix: Matrix, centres: Floats, call: Call) -> tuple[NDArray[np.intp], Floats]:
    """Assign each row to its nearest centre, and move the centres to the means; an empty cluster stays where it is."""
    numbers = np.empty(len(matrix), dtype=np.intp)
    sums = np.zeros_like(centres)
    near = cast("Matrix", centres.astype(matrix.dtype))
    for start, rows in _blocks(matrix, call):
        nearest = _squares(rows, near).argmin(axis=1)
        numbers[start : start + len(rows)] = nearest
        for number in np.unique(nearest):
            sums[number] += rows[nearest == number].sum(axis=0, dtype=np.float64)
    counts = np.bincount(numbers, minlength=len(centres))[:, None]
    return numbers, np.where(counts > 0, sums / np.maximum(counts, 1), centres)


def _settled(matrix: Matrix, centres: Floats, call: Call) -> tuple[NDArray[np.intp], Floats]:
    numbers = np.empty(len(matrix), dtype=np.intp)
    distances = np.empty(len(matrix), dtype=np.float64)
    for start, rows in _blocks(matrix, call):
        squares = _squares(rows.astype(np.float64), centres)
        numbers[start : start + len(rows)] = squares.argmin(axis=1)
        distances[start : start + len(rows)] = np.sqrt(squares.min(axis=1))
    return numbers, distances


def _squares(rows: Matrix, centres: Matrix) -> Floats:
    """Return squared distances, from the differences themselves: |a|^2 - 2ab + |b|^2 cancels far from the origin."""
    squares = np.empty((len(rows), len(centres)))
    for number, centre in enumerate(centres):
        apart = rows - centre
        squares[:, number] = np.einsum("ij,ij->i", apart, apart)
    return squares


def _blocks(matrix: Matrix, call: Call) -> Iterator[tuple[int, Matrix]]:
    step = max(1, _BLOCK_VALUES // matrix.shape[1])
    for start in range(0, len(matrix), step):
        call.check()
        yield start, matrix[start : start + step]


def _by_appearance(numbers: NDArray[np.intp]) -> NDArray[np.int64]:
    _, first, inverse = np.unique(numbers, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[inverse]

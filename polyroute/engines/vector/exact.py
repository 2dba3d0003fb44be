"""Exact nearest-vector search: every vector is looked at, and the k nearest come back with float64 scores.

One matrix product in the vectors' own precision gives each row an approximate score and a rigorous bound on its error
(N. Higham, Accuracy and Stability of Numerical Algorithms, 2002, section 3.1). Only rows that may belong to the k
nearest within that bound are scored again in float64, each row by itself, so that a row's score never depends on the
rows around it: equal vectors have equal scores wherever they lie, and ties are ties on every route.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Matrix: TypeAlias = "NDArray[np.float32] | NDArray[np.float64]"
Ids: TypeAlias = NDArray[np.uint64]

_CHUNK_VALUES = 4_000_000
_MEASURED_VALUES = 100_000
_SLACK = 1e-12
_SMALL = 1e-280
_NOTHING = -1100


@dataclass(frozen=True, slots=True)
class Vectors:
    """Vectors to search.

    `matrix` (n x d, float32 or float64) holds one vector a row; `norms` (n, float64) their Euclidean lengths; `ids` (n)
    names the rows; `usable` (n) is False for rows that never match: NULL, or not finite.
    """

    ids: Ids
    matrix: Matrix
    norms: Floats
    usable: NDArray[np.bool_]

    @property
    def nbytes(self) -> int:
        """The bytes held."""
        return self.ids.nbytes + self.matrix.nbytes + self.norms.nbytes + self.usable.nbytes

    def __len__(self) -> int:
        return len(self.matrix)

    def only(self, positions: NDArray[np.intp]) -> Vectors:
        """Return the vectors at some positions; of many, the others stay and are marked unusable, to save a copy."""
        if len(positions) * 4 < len(self):
            return Vectors(self.ids[positions], self.matrix[positions], self.norms[positions], self.usable[positions])
        mask = np.zeros(len(self), dtype=np.bool_)
        mask[positions] = True
        return Vectors(self.ids, self.matrix, self.norms, self.usable & mask)

    def part(self, start: int, stop: int) -> Vectors:
        """Return the vectors from one position to another, without a copy."""
        cut = slice(start, stop)
        return Vectors(self.ids[cut], self.matrix[cut], self.norms[cut], self.usable[cut])


def vectors(ids: Ids, matrix: Matrix, valid: NDArray[np.bool_]) -> Vectors:
    """Measure a matrix of vectors; rows that are not valid, or hold NaN or an infinity, become unusable."""
    norms = np.empty(len(matrix), dtype=np.float64)
    step = max(1, _MEASURED_VALUES // max(1, matrix.shape[1]))
    for start in range(0, len(matrix), step):
        norms[start : start + step] = _lengths(matrix[start : start + step])
    return Vectors(ids, matrix, norms, valid & (np.isfinite(norms) | _finite_despite(matrix, norms)))


class Nearest:
    """The k nearest of all vectors offered so far, ties at the k-th place included."""

    def __init__(self, query: Matrix, metric: str, k: int) -> None:
        self._query = query
        self._metric = metric
        self._k = k
        self._cut = -np.inf
        self._ids: Ids = np.empty(0, dtype=np.uint64)
        self._scores: Floats = np.empty(0, dtype=np.float64)

    @property
    def found(self) -> tuple[Ids, Floats]:
        """The ids and scores, in no order; more than k only where the k-th place is shared."""
        return self._ids, self._scores

    def offer(self, held: Vectors) -> None:
        """Look at more vectors."""
        low, high = _bounds(held, self._query, self._metric)
        usable = np.flatnonzero(held.usable)
        if not len(usable):
            return
        if len(usable) < len(held):
            low, high = low[usable], high[usable]
        cut = max(self._cut, _kth(low, self._k))
        near = usable[high >= cut]
        scores = exact_scores(held.matrix, near, self._query, self._metric)
        self._ids = np.concatenate([self._ids, held.ids[near]])
        self._scores = np.concatenate([self._scores, scores])
        self._prune()

    def _prune(self) -> None:
        if len(self._scores) <= self._k:
            return
        self._cut = _kth(self._scores, self._k)
        stay = self._scores >= self._cut
        self._ids, self._scores = self._ids[stay], self._scores[stay]


def exact_scores(matrix: Matrix, rows: NDArray[np.intp], query: Matrix, metric: str) -> Floats:
    """Score some rows of a matrix against a query, each by itself, in float64.

    `metric` is cosine (a zero vector scores 0), dot, or l2 (minus the Euclidean distance).

    >>> exact_scores(np.array([[3.0, 4.0], [0.0, 0.0]]), np.arange(2), np.array([3.0, 4.0]), "cosine").tolist()
    [1.0, 0.0]
    """
    scores = np.empty(len(rows), dtype=np.float64)
    wide = query.astype(np.float64)
    step = max(1, _CHUNK_VALUES // max(1, matrix.shape[1]))
    for start in range(0, len(rows), step):
        some = matrix[rows[start : start + step]].astype(np.float64)
        scores[start : start + step] = _SCORES[metric](some, wide)
    return scores


def _cosine(rows: Floats, query: Floats) -> Floats:
    rows, _ = _scaled(rows)
    query, _ = _scaled(query[None, :])
    lengths = np.sqrt((rows * rows).sum(axis=1)) * np.sqrt((query * query).sum(axis=1))
    with np.errstate(invalid="ignore", divide="ignore"):
        scores = (rows * query).sum(axis=1) / lengths
    return np.where(lengths == 0, 0.0, np.clip(scores, -1.0, 1.0))


def _dot(rows: Floats, query: Floats) -> Floats:
    rows, row_exponents = _scaled(rows)
    query, query_exponent = _scaled(query[None, :])
    with np.errstate(over="ignore", under="ignore"):
        # adding zero makes -0.0 a plain zero
        return np.asarray(np.ldexp((rows * query).sum(axis=1), row_exponents + query_exponent)) + 0.0


def _l2(rows: Floats, query: Floats) -> Floats:
    _, row_exponents = _scaled(rows)
    _, query_exponent = _scaled(query[None, :])
    exponents = np.maximum(row_exponents, query_exponent)
    with np.errstate(over="ignore", under="ignore"):
        apart = np.ldexp(rows, -exponents[:, None]) - np.ldexp(query[None, :], -exponents[:, None])
        return 0.0 - np.asarray(np.ldexp(np.sqrt((apart * apart).sum(axis=1)), exponents))


_SCORES = {"cosine": _cosine, "dot": _dot, "l2": _l2}


def _scaled(rows: Floats) -> tuple[Floats, NDArray[np.int32]]:
    """Divide each row by a power of two, which is exact, so that squares neither overflow nor vanish."""
    largest = np.abs(rows).max(axis=1, initial=0.0)
    exponents = np.where(largest > 0, np.frexp(largest)[1], _NOTHING).astype(np.int32)
    return np.ldexp(rows, -exponents[:, None]), exponents


def _lengths(rows: Matrix) -> Floats:
    wide = rows.astype(np.float64)
    with np.errstate(all="ignore"):
        squares = np.einsum("ij,ij->i", wide, wide)
        extreme = np.flatnonzero(~((squares > _SMALL) & (squares < 1 / _SMALL)))
        lengths = np.sqrt(squares)
        if len(extreme):
            scaled, exponents = _scaled(wide[extreme])
            lengths[extreme] = np.ldexp(np.sqrt((scaled * scaled).sum(axis=1)), exponents)
    return np.asarray(lengths)


def _finite_despite(matrix: Matrix, norms: Floats) -> NDArray[np.bool_]:
    """Tell which rows are finite although their length overflows."""
    finite = np.zeros(len(norms), dtype=np.bool_)
    for row in np.flatnonzero(np.isinf(norms)):
        finite[row] = np.isfinite(matrix[row]).all()
    return finite


def _bounds(held: Vectors, query: Matrix, metric: str) -> tuple[Floats, Floats]:
    """Return a lower and an upper bound of every row's score, from one matrix product."""
    precision = held.matrix.dtype
    size = held.matrix.shape[1]
    length = float(_lengths(query[None, :])[0])
    with np.errstate(all="ignore"):
        # not the BLAS product: its idle threads spin for milliseconds and keep the cores from what comes next
        product = np.einsum("ij,j->i", held.matrix, query.astype(precision)).astype(np.float64)
        both = held.norms * length
        error = (size + 8) * float(np.finfo(precision).eps) * both + size * float(np.finfo(precision).tiny)
        if metric == "cosine":
            middle, error = product / both, error / both
        elif metric == "dot":
            middle = product
        else:
            return _distance_bounds(held.norms, length, product, error)
        low, high = middle - error, middle + error
    return _widened(low, -np.inf), _widened(high, np.inf)


def _distance_bounds(norms: Floats, length: float, product: Floats, error: Floats) -> tuple[Floats, Floats]:
    squares = norms * norms + length * length
    error = 2 * error + 8 * float(np.finfo(np.float64).eps) * squares
    apart = squares - 2 * product
    near, far = apart - error, apart + error
    low, high = -np.sqrt(far), -np.sqrt(np.maximum(near, 0.0))
    return _widened(low, -np.inf), _widened(high, np.inf)


def _widened(bound: Floats, side: float) -> Floats:
    """Move a bound outwards by more than the last float64 roundings, and all the way where it is no number (an
    overflow, a zero vector).
    """
    with np.errstate(all="ignore"):
        moved = bound + np.copysign(np.abs(bound) * _SLACK + np.finfo(np.float64).tiny, side)
    return np.where(np.isfinite(moved), moved, side)


def _kth(values: Floats, k: int) -> float:
    """Return the k-th largest value, or minus infinity when there are fewer."""
    if len(values) < k:
        return -np.inf
    return float(np.partition(values, len(values) - k)[len(values) - k])

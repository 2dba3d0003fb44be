"""Pair the rows of two answers whose floats may differ in the last digits.

Rows that agree in everything else form a group. Within a group rows are sorted by their floats and taken in pairs,
which settles nearly all; where rows lie so close together that the order of their digits decides, the pairing is mended
by augmenting paths (Kuhn's algorithm for bipartite matching), so that no two equal answers are told apart.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

RELATIVE = 1e-9

_SORTED_BY = 16
_MOST_COMPARISONS = 200_000_000

Codes = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


def close(a: Numbers, b: Numbers) -> Flags:
    """Tell, for each pair, whether two floats are the same within 1e-9 relative; NaN is NaN.

    >>> close(np.array([0.1 + 0.2, np.nan, np.inf, 1.0]), np.array([0.3, np.nan, np.inf, 1.1])).tolist()
    [True, True, True, False]
    """
    with np.errstate(invalid="ignore", over="ignore"):
        near = np.abs(a - b) <= RELATIVE * np.maximum(np.abs(a), np.abs(b))
    finite = np.isfinite(a) & np.isfinite(b)
    same: Flags = (a == b) | (near & finite) | (np.isnan(a) & np.isnan(b))
    return same


def pair_up(left_groups: Codes, left: Numbers, right_groups: Codes, right: Numbers) -> bool:
    """Tell whether every row of one side can be given a row of its own on the other: of its group, with close floats.

    Rows are matrices of floats; both sides have every group equally often.

    >>> groups = np.array([1, 1])
    >>> pair_up(groups, np.array([[1.0], [2.0]]), groups, np.array([[2.0], [1.0 + 1e-12]]))
    True
    """
    left_order, right_order = _order(left_groups, left), _order(right_groups, right)
    groups, left, right = left_groups[left_order], left[left_order], right[right_order]
    fitting: Flags = np.all(close(left, right), axis=1)
    for group in np.unique(groups[~fitting]):
        members = slice(np.searchsorted(groups, group), np.searchsorted(groups, group, side="right"))
        if not _mended(left[members], right[members], fitting[members]):
            return False
    return True


def _order(groups: Codes, numbers: Numbers) -> npt.NDArray[np.intp]:
    return np.lexsort((*numbers.T[:_SORTED_BY][::-1], groups))


def _mended(left: Numbers, right: Numbers, fitting: Flags) -> bool:
    """Match the rows of one group; those that fit where they stand are matched to begin with."""
    partner = np.where(fitting, np.arange(len(right)), -1)
    left_over = np.nonzero(~fitting)[0]
    if len(left_over) * left.size > _MOST_COMPARISONS:
        return False  # too many to search: a difference that is none costs a plain run, no wrong answer
    return all(_augmented(int(row), left, right, partner) for row in left_over)


def _augmented(start: int, left: Numbers, right: Numbers, partner: Codes) -> bool:
    """Find a path by which a further row of the left gets a partner; `partner` holds the left row of each right one."""
    came_from = {}
    seen = np.zeros(len(right), bool)
    waiting = [start]
    while waiting:
        row = waiting.pop()
        reached = np.nonzero(~seen & close(left[row], right).all(axis=1))[0]
        for other in reached.tolist():
            seen[other] = True
            came_from[other] = row
            if partner[other] < 0:
                _turn(other, start, came_from, partner)
                return True
            waiting.append(int(partner[other]))
    return False


def _turn(end: int, start: int, came_from: dict[int, int], partner: Codes) -> None:
    """Give each right row on a path to the left row by which it was reached."""
    row, other = came_from[end], end
    while True:
        before = np.nonzero(partner == row)[0]
        partner[other] = row
        if row == start:
            return
        other = int(before[0])
        row = came_from[other]

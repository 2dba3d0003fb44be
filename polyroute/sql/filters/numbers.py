"""Compare numbers as DuckDB does: NaN equals NaN and is greater than everything else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any


def equal(left: Any, right: Any) -> bool:
    """Tell whether two values are equal, NaN to NaN too."""
    return bool(left == right or (left != left and right != right))


def same(left: Any, right: Any) -> bool:
    """Tell whether two values, or two NULLs, are not distinct.

    >>> same(None, None), same(float("nan"), float("nan")), same(None, 0)
    (True, True, False)
    """
    if left is None or right is None:
        return left is right
    return equal(left, right)


def less(left: Any, right: Any) -> bool:
    """Tell whether the left is less; NaN never is, and all else is less than NaN."""
    if left != left:
        return False
    return bool(right != right or left < right)


NAN_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": equal,
    "<>": lambda left, right: not equal(left, right),
    "<": less,
    "<=": lambda left, right: not less(right, left),
    ">": lambda left, right: less(right, left),
    ">=": lambda left, right: not less(left, right),
}

"""Functions that SQLite lacks, or has with another meaning, added to a connection: DuckDB's, in Python.

They are called once per group or per row of an answer, or of a filter over a table; the statement that would fetch the
rows instead calls Python more often. What a function cannot answer exactly it raises, and the statement is answered
elsewhere.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Callable
from functools import lru_cache

import numpy as np

from polyroute.sql.filters.text import like, lower, upper

_EXACT = 2**53
_AGREED = 2**11
_HALF = 0.5


def install(connection: sqlite3.Connection) -> None:
    """Add the functions to a connection."""
    for name, (arguments, function) in _FUNCTIONS.items():
        connection.create_function(name, arguments, function, deterministic=True)


def average(total: int | None, number: int) -> float | None:
    """Divide a sum by a number of rows.

    DuckDB divides in long doubles or in doubles, whichever its optimizer comes to; where the last digit depends on that
    there is no exact answer to give.

    >>> average(7, 2), average(None, 0)
    (3.5, None)
    """
    if total is None:
        return None
    if abs(total) > _EXACT:
        raise ValueError("a sum that a double cannot hold")
    quotient = total / number
    if number >= _AGREED and float(np.longdouble(total) / np.longdouble(number)) != quotient:
        raise ValueError("an average that depends on how it is rounded")
    return quotient


def matches(text: str | None, pattern: str, escape: str) -> bool | None:
    """Tell whether a text is LIKE a pattern."""
    return None if text is None else _matcher(pattern, escape)(text)


@lru_cache(maxsize=256)
def _matcher(pattern: str, escape: str) -> Callable[[str], bool]:
    return like(pattern, escape)


def _lower(text: str | None) -> str | None:
    return None if text is None else lower(text)


def _upper(text: str | None) -> str | None:
    return None if text is None else upper(text)


def _length(text: str | None) -> int | None:
    return None if text is None else len(text)


def _substring(text: str | None, start: int, length: int) -> str | None:
    return None if text is None else text[start - 1 : start - 1 + length]


def rounded(number: float | str | None, digits: int) -> float | str | None:
    """Round a double as DuckDB does: half away from zero, after a multiplication that itself rounds.

    >>> rounded(2.5, 0), rounded(2.675, 2)
    (3.0, 2.68)
    """
    if number is None or isinstance(number, str):  # NaN, as it is stored
        return number
    scale = 10.0**digits
    scaled = float(number) * scale
    if not math.isfinite(scaled):
        return number
    whole = float(math.trunc(scaled))
    if abs(scaled - whole) >= _HALF:
        whole += math.copysign(1.0, scaled)
    return math.copysign(whole, scaled) / scale


_FUNCTIONS: dict[str, tuple[int, Callable[..., str | float | None]]] = {
    "polyroute_avg": (2, average),
    "polyroute_like": (3, matches),
    "polyroute_lower": (1, _lower),
    "polyroute_upper": (1, _upper),
    "polyroute_length": (1, _length),
    "polyroute_substring": (3, _substring),
    "polyroute_round": (2, rounded),
}

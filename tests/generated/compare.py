"""Whether two answers are the same: the columns' names and types, and the rows, as a sequence or as a multiset.

Floats are equal within 1e-9 of one another, relatively; NaN equals NaN and 0.0 equals -0.0, since grouping may keep
either. Rows are told apart exactly first, and only where that fails paired one by one.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Sequence

import pyarrow as pa

TOLERANCE = 1e-9

Row = tuple[object, ...]


def difference(given: pa.Table, expected: pa.Table, *, ordered: bool) -> str | None:
    """Return how an answer differs from the expected one, or None."""
    if given.column_names != expected.column_names:
        return f"columns {given.column_names}, not {expected.column_names}"
    if given.schema.types != expected.schema.types:
        unequal = [(n, str(a), str(b)) for n, a, b in _typed(given, expected) if a != b]
        return "; ".join(f"column {n} is {a}, not {b}" for n, a, b in unequal)
    if given.num_rows != expected.num_rows:
        return f"{given.num_rows} rows, not {expected.num_rows}"
    left, right = _rows(given), _rows(expected)
    if not ordered:
        return _unordered(left, right)
    for number, (row, truth) in enumerate(zip(left, right, strict=True)):
        if not same(row, truth):
            return f"row {number} is {row}, not {truth}"
    return None


def _typed(given: pa.Table, expected: pa.Table) -> list[tuple[str, pa.DataType, pa.DataType]]:
    return [(f.name, f.type, e.type) for f, e in zip(given.schema, expected.schema, strict=True)]


def _rows(table: pa.Table) -> list[Row]:
    return list(zip(*(c.to_pylist() for c in table.columns), strict=True))


def _unordered(given: Sequence[Row], expected: Sequence[Row]) -> str | None:
    """Compare as multisets: take away what is equal exactly, pair the rest one by one."""
    left, right = Counter(map(_key, given)), Counter(map(_key, expected))
    if left == right:
        return None
    extra = _left_over(given, left - right)
    missing = _left_over(expected, right - left)
    for row in list(extra):
        found = next((i for i, truth in enumerate(missing) if same(row, truth)), None)
        if found is not None:
            del missing[found]
            extra.remove(row)
    if not extra:
        return None
    return f"{len(extra)} rows differ, such as {extra[0]}; it should have {missing[0]}"


def _left_over(rows: Sequence[Row], wanted: Counter[Hashable]) -> list[Row]:
    wanted = Counter(wanted)
    found = []
    for row in rows:
        key = _key(row)
        if wanted[key] > 0:
            wanted[key] -= 1
            found.append(row)
    return found


def _key(value: object) -> Hashable:
    """Return what equal values have in common; a type of its own keeps True from 1 and NaN equal to itself."""
    if isinstance(value, tuple | list):
        return tuple(map(_key, value))
    if isinstance(value, dict):
        return tuple((k, _key(v)) for k, v in value.items())
    if isinstance(value, float):
        return "nan" if math.isnan(value) else value + 0.0
    return (type(value).__name__, value)


def same(given: object, expected: object) -> bool:
    """Tell whether two values are the same, floats nearly.

    >>> same((1.0, [float("nan")]), (1.0 + 1e-12, [float("nan")])), same(1, True), same(0.1, 0.2)
    (True, False, False)
    """
    if isinstance(given, float) and isinstance(expected, float):
        if math.isnan(given) or math.isnan(expected):
            return math.isnan(given) and math.isnan(expected)
        return given == expected or math.isclose(given, expected, rel_tol=TOLERANCE)
    if isinstance(given, tuple | list) and isinstance(expected, tuple | list):
        return len(given) == len(expected) and all(same(a, b) for a, b in zip(given, expected, strict=True))
    if isinstance(given, dict) and isinstance(expected, dict):
        return given.keys() == expected.keys() and all(same(v, expected[k]) for k, v in given.items())
    return type(given) is type(expected) and given == expected

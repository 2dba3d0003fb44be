"""How an answer is compared with the rows of a suite.

Both sides are text: the answer as DuckDB prints it, or by the column kinds of sqllogictest. Two cells are equal when
their texts are, or when both are numbers within 1e-6 of one another, relatively. Without an order rows are a multiset.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache

import duckdb
import pyarrow as pa

from tests.suites.groups import Case, Row

TOLERANCE = 1e-6
_TRUTHS = {"true": "1", "false": "0"}


def difference(case: Case, answer: pa.Table) -> str | None:
    """Return what an answer has otherwise than its case, or None."""
    given = _printed(answer, case.kinds)
    expected = [[_text(v) for v in row] for row in case.rows]
    if len(given) != len(expected):
        return f"{len(given)} rows, not {len(expected)}"
    if not case.ordered:
        given, expected = sorted(given, key=_sort_key), sorted(expected, key=_sort_key)
    for number, (row, truth) in enumerate(zip(given, expected, strict=True)):
        if not _equal(row, truth) and not (not case.ordered and _same_bag(given, expected)):
            return f"row {number}: {row}, not {truth}"
    return None


@cache
def _printer() -> duckdb.DuckDBPyConnection:
    return duckdb.connect()


def _printed(answer: pa.Table, kinds: str) -> list[list[str | None]]:
    names = [f"c{i}" for i in range(answer.num_columns)]
    shown = ", ".join(f"CAST({n} AS VARCHAR)" for n in names)
    with _printer().cursor() as cursor:
        cursor.execute("SET TimeZone = 'UTC'")
        cursor.register("answer", answer.rename_columns(names))
        rows = [list(row) for row in cursor.execute(f"SELECT {shown} FROM answer").fetchall()]
    return [[_by_kind(v, k) for v, k in zip(row, kinds, strict=True)] for row in rows] if kinds else rows


def _by_kind(value: str | None, kind: str) -> str | None:
    """Print as sqllogictest does: R with three decimals, I without any."""
    number = _number(value)
    if number is None:
        return value
    if kind == "R":
        return f"{number:.3f}"
    return str(math.trunc(number)) if kind == "I" and "." in str(value) else value


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _number(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        return float(_TRUTHS.get(text.lower(), text))
    except ValueError:
        return None


def _equal(row: Sequence[str | None], truth: Sequence[str | None]) -> bool:
    return len(row) == len(truth) and all(_same(a, b) for a, b in zip(row, truth, strict=True))


def _same(given: str | None, expected: str | None) -> bool:
    if given == expected:
        return True
    a, b = _number(given), _number(expected)
    return a is not None and b is not None and math.isclose(a, b, rel_tol=TOLERANCE)


def _sort_key(row: Row) -> list[tuple[int, float, str]]:
    key = []
    for cell in row:
        number = _number(cell)  # type: ignore[arg-type]
        if cell is None:
            key.append((0, 0.0, ""))
        elif number is not None and not math.isnan(number):
            key.append((1, float(f"{number:.5g}"), ""))
        else:
            key.append((2, 0.0, str(cell)))
    return key


def _same_bag(given: Sequence[Sequence[str | None]], expected: Sequence[Sequence[str | None]]) -> bool:
    """Pair the rows one by one: sorting can part equal numbers that were rounded to different sides."""
    left = list(expected)
    for row in given:
        found = next((i for i, truth in enumerate(left) if _equal(row, truth)), None)
        if found is None:
            return False
        del left[found]
    return True

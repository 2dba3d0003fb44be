"""The functions added to SQLite are DuckDB's: compared over many values at once."""

from __future__ import annotations

import math
import random

import pyarrow as pa
import pytest

from polyroute.engines.relational.sqlite_query_functions import average, rounded
from tests.engines.relational.sqlite_query_cases import duckdb_answer


def numbers() -> list[float]:
    chance = random.Random(5)
    edges = [
        0.0,
        -0.0,
        0.5,
        -0.5,
        1.5,
        2.5,
        0.49999999999999994,
        1e15 + 0.5,
        2.0**52 + 0.5,
        1e22,
        1e300,
        math.inf,
        5e-324,
    ]
    halves = [chance.randrange(-10_000, 10_000) / 200 for _ in range(4000)]
    near = [math.nextafter(value, chance.choice([-math.inf, math.inf])) for value in halves]
    spread = [chance.uniform(-1, 1) * 10.0 ** chance.randrange(-8, 18) for _ in range(4000)]
    return [*edges, *(-e for e in edges), *halves, *near, *spread]


@pytest.mark.parametrize("digits", [0, 1, 2, 3, 7, 15])
def test_rounding_is_duckdbs(digits: int) -> None:
    values = numbers()
    expected = duckdb_answer(f"SELECT round(x, {digits}) AS r FROM t", {"t": pa.table({"x": values})})
    assert [rounded(value, digits) for value in values] == expected["r"].to_pylist()


def test_nothing_and_not_a_number_stay() -> None:
    assert (rounded(None, 1), rounded("NaN", 1)) == (None, "NaN")


def test_a_sum_beyond_a_double_has_no_average() -> None:
    with pytest.raises(ValueError, match="double"):
        average(2**53 + 1, 3)

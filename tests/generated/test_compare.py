"""The comparison sees what differs and nothing else."""

from __future__ import annotations

import math

import pyarrow as pa
import pytest

from tests.generated.compare import difference

NAN = float("nan")


def _floats(*values: float | None) -> pa.Table:
    return pa.table({"x": pa.array(values, pa.float64())})


@pytest.mark.parametrize(
    ("given", "expected", "ordered"),
    [
        (_floats(1.0, 2.0), _floats(2.0, 1.0), False),
        (_floats(NAN, None), _floats(None, NAN), False),
        (_floats(0.0), _floats(-0.0), True),
        (_floats(1.0 + 1e-12, 3.0), _floats(3.0, 1.0), False),
        (_floats(math.inf), _floats(math.inf), True),
        (pa.table({"s": [{"a": [1.0, NAN]}]}), pa.table({"s": [{"a": [1.0, NAN]}]}), False),
    ],
)
def test_equal_answers(given: pa.Table, expected: pa.Table, ordered: bool) -> None:
    assert difference(given, expected, ordered=ordered) is None


@pytest.mark.parametrize(
    ("given", "expected", "ordered", "told"),
    [
        (_floats(1.0, 2.0), _floats(2.0, 1.0), True, "row 0"),
        (_floats(1.0, 1.0, 2.0), _floats(1.0, 2.0, 2.0), False, "1 rows differ"),
        (_floats(1.0), _floats(1.0, 1.0), False, "1 rows, not 2"),
        (_floats(1.0), _floats(1.0 + 1e-6), False, "1 rows differ"),
        (_floats(None), _floats(NAN), False, "1 rows differ"),
        (pa.table({"x": [1]}), pa.table({"y": [1]}), False, "columns"),
        (pa.table({"x": [1]}), pa.table({"x": pa.array([1], pa.int32())}), False, "int64, not int32"),
        (pa.table({"x": ["a"]}), pa.table({"x": ["A"]}), False, "1 rows differ"),
        (pa.table({"x": [True]}), pa.table({"x": [False]}), True, "row 0"),
    ],
)
def test_different_answers(given: pa.Table, expected: pa.Table, ordered: bool, told: str) -> None:
    found = difference(given, expected, ordered=ordered)
    assert found is not None
    assert told in found

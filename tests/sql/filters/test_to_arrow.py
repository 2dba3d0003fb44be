"""Filters as pyarrow expressions: NULL and NaN as in DuckDB, and no import before it is needed."""

from __future__ import annotations

import math
import subprocess
import sys

import pyarrow as pa
import pytest

from polyroute.sql.filters import Unsupported, parse_filter, to_arrow

TABLE = pa.table(
    {
        "i": pa.array([1, 2, None, 4], pa.int64()),
        "small": pa.array([1, 2, None, 4], pa.int8()),
        "f": [1.0, math.nan, None, -0.0],
        "name": ["a", "b", None, "d"],
        "flag": [True, False, None, True],
        "s": [{"x": 1}, {"x": None}, None, {"x": 4}],
        "l": [[1], [], None, [4]],
    }
)


def found(text: str, **params: object) -> list[int]:
    kept = TABLE.append_column("row", pa.array(range(4))).filter(to_arrow(parse_filter(text, TABLE.schema, params)))
    return kept["row"].to_pylist()


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("i = 1", [0]),
        ("NOT i = 1", [1, 3]),
        ("i IN (1, 4)", [0, 3]),
        ("i NOT IN (1, NULL)", []),
        ("i IS NULL", [2]),
        ("i IS DISTINCT FROM 1", [1, 2, 3]),
        ("f > 0.5", [0, 1]),
        ("f <= 1", [0, 3]),
        ("f = 'nan'", [1]),
        ("f = 0", [3]),
        ("f IN (0, 'nan')", [1, 3]),
        ("NOT f <= 1", [1]),
        ("flag", [0, 3]),
        ("flag IS NOT TRUE", [1, 2]),
        ("s.x = 4", [3]),
        ("s.x IS NULL", [1, 2]),
        ("s IS NULL", [2]),
        ("name BETWEEN 'b' AND 'd'", [1, 3]),
        ("FALSE OR name = 'a'", [0]),
        ("NULL OR name = 'a'", [0]),
        ("i = i", [0, 1, 3]),
    ],
)
def test_rows(text, rows):
    assert found(text) == rows


@pytest.mark.parametrize(
    "text",
    [
        "i + 1 = 2",
        "l[1] = 1",
        "small < 300",
        "i = 1.5",
        "i = 1e0",
        "i = f",
        "f = f",
        "i = small",
        "name LIKE 'a%'",
        "i",
    ],
)
def test_what_arrow_is_spared(text):
    with pytest.raises(Unsupported):
        found(text)


def test_floats_in_files_are_spared():
    with pytest.raises(Unsupported, match="NaN"):
        to_arrow(parse_filter("i = 1 AND f > 1", TABLE.schema), from_files=True)
    to_arrow(parse_filter("i = 1 AND f IS NULL", TABLE.schema), from_files=True)


def test_compute_and_duckdb_are_imported_on_first_use():
    code = "import sys, polyroute.sql.filters; print([m for m in ('pyarrow.compute', 'duckdb') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"

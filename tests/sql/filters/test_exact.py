"""Which comparisons are plain: no rounding on either side, for one value and for several together."""

from __future__ import annotations

import datetime as dt
import math
from decimal import Decimal

import pyarrow as pa
import pytest

from polyroute.sql.filters.exact import domain, exact_columns, exact_values

NAIVE, ZONED = dt.datetime(2024, 1, 1), dt.datetime(2024, 1, 1, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("type_", "values", "exact"),
    [
        (pa.int64(), [1, None], True),
        (pa.int64(), [2**70], True),
        (pa.int64(), [True], False),
        (pa.int64(), ["1"], False),
        (pa.int64(), [1.5], True),
        (pa.int64(), [math.nan, math.inf], True),
        (pa.int64(), [2.0**53], False),
        (pa.int64(), [2**53, 0.5], False),
        (pa.int64(), [Decimal("1.5"), 2], True),
        (pa.int64(), [Decimal("1.5"), 2.5], False),
        (pa.int64(), [Decimal("1." + "1" * 19)], False),
        (pa.float64(), [1, 2.5, 2**53], True),
        (pa.float64(), [2**53 + 1], False),
        (pa.float64(), [Decimal("0.1")], False),
        (pa.float32(), [2**24, 0.1], True),
        (pa.float32(), [2**24 + 1], False),
        (pa.decimal128(9, 2), [1, Decimal("1.555")], True),
        (pa.decimal128(38, 2), [Decimal("1.555")], False),
        (pa.decimal128(9, 2), [1.5], False),
        (pa.decimal128(9, 2), [10**37], False),
        (pa.string(), ["a", None], True),
        (pa.string(), [b"a"], False),
        (pa.bool_(), [True], True),
        (pa.bool_(), [1], False),
        (pa.date32(), [dt.date(2024, 1, 1)], True),
        (pa.date32(), [NAIVE], False),
        (pa.timestamp("ms"), [NAIVE], True),
        (pa.timestamp("us"), [ZONED], False),
        (pa.timestamp("us", "UTC"), [ZONED], True),
        (pa.timestamp("us", "UTC"), [NAIVE], False),
        (pa.time64("us"), [dt.time(1)], True),
        (pa.time64("us"), [dt.time(1, tzinfo=dt.UTC)], False),
        (pa.binary(), [b"a"], True),
        (pa.timestamp("ns"), [NAIVE], False),
        (pa.list_(pa.int64()), [[1]], False),
        (pa.json_(pa.string()), ["1"], False),
        (pa.float16(), [1.0], False),
    ],
)
def test_values(type_, values, exact):
    assert exact_values(type_, values) is exact


@pytest.mark.parametrize(
    ("left", "right", "exact"),
    [
        (pa.int8(), pa.uint64(), True),
        (pa.int32(), pa.float64(), True),
        (pa.float64(), pa.int64(), False),
        (pa.int16(), pa.float32(), True),
        (pa.float32(), pa.int32(), False),
        (pa.float32(), pa.float64(), True),
        (pa.decimal128(9, 2), pa.decimal128(9, 2), True),
        (pa.decimal128(38, 2), pa.decimal128(38, 20), False),
        (pa.date32(), pa.timestamp("us"), False),
        (pa.timestamp("us"), pa.timestamp("us", "UTC"), False),
        (pa.timestamp("s"), pa.timestamp("us"), True),
        (pa.string(), pa.large_string(), True),
        (pa.string(), pa.int64(), False),
        (pa.list_(pa.int8()), pa.list_(pa.int8()), False),
    ],
)
def test_columns(left, right, exact):
    assert exact_columns(left, right) is exact


def test_domains_of_other_layouts():
    assert domain(pa.large_string()) == "string"
    assert domain(pa.dictionary(pa.int8(), pa.string())) is None

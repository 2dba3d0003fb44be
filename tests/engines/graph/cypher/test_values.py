from __future__ import annotations

import datetime as dt
import itertools
import json
import math
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyroute.engines.graph.cypher.graph import cypher_values
from polyroute.engines.graph.cypher.temporal import Temporal, from_components, from_python, from_text
from polyroute.engines.graph.cypher.values import equals, identity, less, sort_key
from polyroute.sql.types import JSON

scalars = (
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats(-3, 3) | st.just(math.nan) | st.text("ab", max_size=2)
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner), max_leaves=6
)


@given(values, values)
def test_equality_is_symmetric_and_agrees_with_identity(one: Any, other: Any) -> None:
    assert equals(one, other) is equals(other, one)
    if equals(one, other):
        assert identity(one) == identity(other)
    if identity(one) != identity(other):
        assert equals(one, other) is not True


@given(st.lists(values, max_size=8))
def test_any_values_can_be_sorted_and_equal_ones_lie_together(held: list[Any]) -> None:
    ordered = sorted(held, key=sort_key)
    for one, other in itertools.pairwise(ordered):
        assert less(other, one) is not True
    assert [value is None for value in ordered] == sorted(value is None for value in ordered)


def test_kinds_are_kept_apart() -> None:
    assert identity(1) == identity(1.0)
    assert identity(1) != identity(True)
    assert identity("1") != identity(1)
    assert identity(math.nan) == identity(math.nan)
    assert equals(math.nan, math.nan) is False
    assert equals(True, 1) is False
    assert less(1, "a") is None
    assert less(True, 2) is None


@pytest.mark.parametrize(
    ("kind", "text", "shown"),
    [
        ("date", "2024-02-29", "2024-02-29"),
        ("date", "20240229", "2024-02-29"),
        ("localtime", "10:35", "10:35"),
        ("localtime", "103512.5", "10:35:12.5"),
        ("time", "10:35-08:00", "10:35-08:00"),
        ("time", "10:35Z", "10:35Z"),
        ("datetime", "2015-07-21T21:40:32.142+0100", "2015-07-21T21:40:32.142+01:00"),
        ("localdatetime", "2015-07-21", "2015-07-21T00:00"),
    ],
)
def test_dates_and_times_are_read_and_shown(kind: str, text: str, shown: str) -> None:
    assert str(from_text(kind, text)) == shown


def test_moments_are_compared_across_offsets() -> None:
    early = from_components("time", {"hour": 10, "minute": 35, "timezone": "+01:00"})
    late = from_components("time", {"hour": 10, "minute": 35, "timezone": "-08:00"})
    assert less(early, late) is True
    assert less(early, from_components("localtime", {"hour": 23})) is None
    assert early.component("hour") == 10
    assert early.component("offset") == "+01:00"
    assert early.component("year") is None


@given(st.datetimes())
def test_python_datetimes_become_temporal_values(moment: dt.datetime) -> None:
    held = from_python(moment)
    assert dt.datetime.fromisoformat(str(held)) == moment
    assert (held.component("year"), held.component("minute")) == (moment.year, moment.minute)


def test_columns_become_cypher_values() -> None:
    zoned = pa.chunked_array([pa.array([1_500_000_000_000_000_001], pa.timestamp("ns", "UTC"))])
    assert str(cypher_values(zoned)[0]) == "2017-07-14T02:40:00.000000001Z"
    assert str(cypher_values(pa.chunked_array([pa.array([1], pa.time64("ns"))]))[0]) == "00:00:00.000000001"
    assert cypher_values(pa.chunked_array([[Decimal("1.5"), None]])) == [1.5, None]
    assert cypher_values(pa.chunked_array([[dt.date(2024, 1, 1)]])) == [Temporal("date", 738885, 0)]
    texts = pa.array([json.dumps({"a": [1, None]}), None], pa.string())
    assert cypher_values(pa.chunked_array([pa.ExtensionArray.from_storage(JSON, texts)])) == [{"a": [1, None]}, None]
    pairs = pa.array([[("k", 1)], []], pa.map_(pa.string(), pa.int64()))
    assert cypher_values(pa.chunked_array([pairs])) == [{"k": 1}, []]

"""The sketch: every quantile within one per cent of the exact one, merged or not."""

from __future__ import annotations

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from polyroute.monitoring import QuantileSketch

SECONDS = st.floats(1e-8, 1e6)
SHARES = (0.0, 0.01, 0.5, 0.95, 0.99, 1.0)


def sketch_of(values: list[float]) -> QuantileSketch:
    sketch = QuantileSketch()
    for value in values:
        sketch.add(value)
    return sketch


@settings(derandomize=True)
@given(st.lists(SECONDS, min_size=1, max_size=300))
def test_quantiles_are_within_one_per_cent(values: list[float]) -> None:
    sketch, ordered = sketch_of(values), sorted(values)
    for share in SHARES:
        exact = ordered[max(1, math.ceil(share * len(ordered))) - 1]
        found = sketch.quantile(share)
        assert found is not None
        assert abs(found - exact) <= 0.0101 * exact


@settings(derandomize=True)
@given(st.lists(SECONDS, max_size=100), st.lists(SECONDS, max_size=100))
def test_merging_is_counting_together(first: list[float], second: list[float]) -> None:
    merged = sketch_of(first)
    merged.merge(sketch_of(second))
    together = sketch_of(first + second)
    assert merged.count == together.count == len(first) + len(second)
    assert [merged.quantile(s) for s in SHARES] == [together.quantile(s) for s in SHARES]


def test_what_cannot_be_a_time_is_held_within_bounds() -> None:
    sketch = sketch_of([0.0, -5.0, 1e12])
    assert (sketch.quantile(0.5), sketch.quantile(1.0)) == (1e-9, 2_678_400.0)
    assert QuantileSketch().quantile(0.5) is None

"""A mergeable quantile sketch with a relative error: DDSketch.

C. Masson, J. E. Rim and H. K. Lee, "DDSketch: A Fast and Fully-Mergeable Quantile Sketch with Relative-Error
Guarantees", PVLDB 12(12), 2019, section 2. A value falls into the bucket of its logarithm, so a quantile is off by at
most the accuracy, whatever the distribution; two sketches are merged by adding their buckets. Values are held between a
nanosecond and a month, which bounds the buckets.
"""

from __future__ import annotations

import math

__all__ = ["QuantileSketch"]

_ACCURACY = 0.01
_GAMMA = (1.0 + _ACCURACY) / (1.0 - _ACCURACY)
_PER_LOG = 1.0 / math.log(_GAMMA)
_SMALLEST = 1e-9
_LARGEST = 2_678_400.0


class QuantileSketch:
    """Take seconds in and give their quantiles back, each within one per cent.

    >>> sketch = QuantileSketch()
    >>> for ms in range(1, 1001):
    ...     sketch.add(ms / 1000)
    >>> round(sketch.quantile(0.95), 2), sketch.count
    (0.95, 1000)
    >>> sketch.quantile(1.0)
    1.0
    """

    __slots__ = ("_buckets", "_largest", "_smallest", "count", "total")

    def __init__(self) -> None:
        self._buckets: dict[int, int] = {}
        self._smallest = math.inf
        self._largest = 0.0
        self.count = 0
        self.total = 0.0

    def add(self, seconds: float) -> None:
        """Count one value; negative ones, which a clock that was set back may give, count as none at all."""
        seconds = min(_LARGEST, max(_SMALLEST, seconds))
        index = math.ceil(math.log(seconds) * _PER_LOG)
        self._buckets[index] = self._buckets.get(index, 0) + 1
        self.count += 1
        self.total += seconds
        if seconds < self._smallest:
            self._smallest = seconds
        if seconds > self._largest:
            self._largest = seconds

    def merge(self, other: QuantileSketch) -> None:
        """Take in everything that another sketch has counted."""
        buckets = self._buckets
        for index, count in other._buckets.items():
            buckets[index] = buckets.get(index, 0) + count
        self.count += other.count
        self.total += other.total
        self._smallest = min(self._smallest, other._smallest)
        self._largest = max(self._largest, other._largest)

    def quantile(self, share: float) -> float | None:
        """Return the value below which that share of all values lies, or None where there are none."""
        if not self.count:
            return None
        if share >= 1.0:
            return self._largest
        rank = max(1, math.ceil(share * self.count))
        seen = 0
        for index in sorted(self._buckets):
            seen += self._buckets[index]
            if seen >= rank:
                middle = 2.0 * _GAMMA**index / (_GAMMA + 1.0)
                return min(self._largest, max(self._smallest, middle))
        return self._largest

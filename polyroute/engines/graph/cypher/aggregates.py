"""The aggregates of openCypher: each takes values one by one and gives its result at the end. Null never counts."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Hashable, Mapping

from polyroute.engines.graph.cypher.operators import add, type_error
from polyroute.engines.graph.cypher.values import Value, identity, is_number, sort_key, type_name
from polyroute.errors import invalid


class Aggregate(ABC):
    """One aggregate over one group."""

    def __init__(self, name: str) -> None:
        self.name = name

    @abstractmethod
    def take(self, value: Value, *others: Value) -> None:
        """Take the value of one row; it is not null."""

    @abstractmethod
    def result(self) -> Value:
        """Return the result over what was taken."""

    def number(self, value: Value) -> float:
        """Return a value as a number, or fail."""
        if not is_number(value):
            raise type_error(f"{self.name}() does not take {type_name(value)}")
        return value  # type: ignore[return-value]


class Count(Aggregate):
    """Count values."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._count = 0

    def take(self, value: Value, *others: Value) -> None:
        """Count one more."""
        self._count += 1

    def result(self) -> Value:
        """Return the count."""
        return self._count


class Sum(Aggregate):
    """Add numbers: integers stay integers; nothing is 0."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._total: Value = 0

    def take(self, value: Value, *others: Value) -> None:
        """Add a number."""
        self._total = add(self._total, self.number(value))

    def result(self) -> Value:
        """Return the sum."""
        return self._total


class Collect(Aggregate):
    """Collect values into a list, in the order they come."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.values: list[Value] = []

    def take(self, value: Value, *others: Value) -> None:
        """Add a value."""
        self.values.append(value)

    def result(self) -> Value:
        """Return the list."""
        return self.values


class Least(Aggregate):
    """Find the first value in the order of all values (min), or the last (max)."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._best: tuple[tuple[object, ...], Value] | None = None

    def take(self, value: Value, *others: Value) -> None:
        """Keep a value that comes before, or after, all so far."""
        key = sort_key(value)
        if self._best is None or (key > self._best[0] if self.name == "max" else key < self._best[0]):
            self._best = (key, value)

    def result(self) -> Value:
        """Return the value found, null of nothing."""
        return None if self._best is None else self._best[1]


class _Numbers(Aggregate):
    """The base of statistics over numbers."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.numbers: list[float] = []

    def take(self, value: Value, *others: Value) -> None:
        """Take a number."""
        self.numbers.append(self.number(value))


class Average(_Numbers):
    """Average numbers; null of nothing."""

    def result(self) -> Value:
        """Return the mean as a float."""
        return math.fsum(self.numbers) / len(self.numbers) if self.numbers else None


class Deviation(_Numbers):
    """Standard deviation: of a sample (stDev), or of the whole population (stDevP)."""

    def result(self) -> Value:
        """Return the deviation, 0.0 where there are too few numbers for one."""
        freedom = len(self.numbers) - (0 if self.name == "stdevp" else 1)
        if freedom < 1:
            return 0.0
        mean = math.fsum(self.numbers) / len(self.numbers)
        return math.sqrt(math.fsum((number - mean) ** 2 for number in self.numbers) / freedom)


class Percentile(_Numbers):
    """A percentile from 0.0 to 1.0: the number at it (percentileDisc), or between its neighbours (percentileCont)."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._share = 0.0

    def take(self, value: Value, *others: Value) -> None:
        """Take a number; the share must be the same for all."""
        share = self.number(others[0])
        if not 0 <= share <= 1:
            raise invalid(f"openCypher: {self.name}() takes a share from 0.0 to 1.0", hint="0.5 is the median")
        self._share = float(share)
        super().take(value)

    def result(self) -> Value:
        """Return the percentile, null of nothing."""
        if not self.numbers:
            return None
        ordered = sorted(self.numbers)
        if self.name == "percentiledisc":
            return ordered[max(0, math.ceil(self._share * len(ordered)) - 1)]
        place = self._share * (len(ordered) - 1)
        below = math.floor(place)
        above = min(below + 1, len(ordered) - 1)
        return ordered[below] + (ordered[above] - ordered[below]) * (place - below) * 1.0


class Distinct(Aggregate):
    """Hand each value on once."""

    def __init__(self, inner: Aggregate) -> None:
        super().__init__(inner.name)
        self._inner = inner
        self._seen: set[Hashable] = set()

    def take(self, value: Value, *others: Value) -> None:
        """Take a value unless it came before."""
        key = identity(value)
        if key not in self._seen:
            self._seen.add(key)
            self._inner.take(value, *others)

    def result(self) -> Value:
        """Return the result over the distinct values."""
        return self._inner.result()


AGGREGATES: Mapping[str, tuple[type[Aggregate], int, str]] = {
    "count": (Count, 1, "integer"),
    "sum": (Sum, 1, "any"),
    "avg": (Average, 1, "any"),
    "min": (Least, 1, "any"),
    "max": (Least, 1, "any"),
    "collect": (Collect, 1, "list"),
    "stdev": (Deviation, 1, "float"),
    "stdevp": (Deviation, 1, "float"),
    "percentilecont": (Percentile, 2, "any"),
    "percentiledisc": (Percentile, 2, "any"),
}
"""Every aggregate by its name in lower case: class, number of arguments, what kind it gives."""

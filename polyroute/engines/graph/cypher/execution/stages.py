"""The stages that rows are pushed through, from the first clause to the receiver of the result.

`push` takes a row that is only valid during the call (whoever keeps it copies it) and returns True when no more rows
are wanted; `finish` says that there are no more, so that a stage that gathers rows can hand them on.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Sequence

from polyroute.engines.graph.cypher.aggregates import Aggregate
from polyroute.engines.graph.cypher.compiling import AggregateCall, Evaluate, Row, Run
from polyroute.engines.graph.cypher.execution.patterns import Matcher
from polyroute.engines.graph.cypher.values import Value, identity, sort_key
from polyroute.errors import invalid

_SORT_SLACK = 4096


class Stage(ABC):
    """One stage; `then` is the next."""

    def __init__(self, then: Stage) -> None:
        self.then = then

    @abstractmethod
    def push(self, row: Row) -> bool:
        """Take a row; return True when no more are wanted."""

    def finish(self) -> None:
        """Hand on what was gathered, and the end."""
        self.then.finish()


class Receiver(Stage):
    """The end: give each row to a function, which returns True when it has enough."""

    def __init__(self, take: Callable[[Row], bool]) -> None:
        self._take = take

    def push(self, row: Row) -> bool:
        """Give the row away."""
        return self._take(row)

    def finish(self) -> None:
        """Do nothing: nothing comes behind."""


class MatchStage(Stage):
    """MATCH: each row in every way that matches; OPTIONAL MATCH gives nulls where there is none."""

    def __init__(self, then: Stage, matcher: Matcher, *, optional: bool) -> None:
        super().__init__(then)
        self._matcher = matcher
        self._optional = optional

    def push(self, row: Row) -> bool:
        """Match."""
        if not self._optional:
            return self._matcher.match(row, self.then.push)
        found = False

        def emit(match: Row) -> bool:
            nonlocal found
            found = True
            return self.then.push(match)

        stop = self._matcher.match(row, emit)
        if found:
            return stop
        row.update(dict.fromkeys(self._matcher.kinds))
        return self.then.push(row)


class UnwindStage(Stage):
    """UNWIND: a row for each item of a list; none for null."""

    def __init__(self, then: Stage, run: Run, source: Evaluate, name: str) -> None:
        super().__init__(then)
        self._run = run
        self._source = source
        self._name = name

    def push(self, row: Row) -> bool:
        """Unwind."""
        items = self._source(row)
        if items is None:
            return False
        for item in items if isinstance(items, list) else [items]:
            self._run.tick()
            row[self._name] = item
            if self.then.push(row):
                return True
        return False


class ProjectStage(Stage):
    """WITH and RETURN without aggregates; `keeps` leaves the old variables below the new for ORDER BY and WHERE."""

    def __init__(self, then: Stage, items: Sequence[tuple[str, Evaluate]], *, keeps: bool) -> None:
        super().__init__(then)
        self._items = items
        self._keeps = keeps

    def push(self, row: Row) -> bool:
        """Project."""
        made = {name: evaluate(row) for name, evaluate in self._items}
        return self.then.push({**row, **made} if self._keeps else made)


class AggregateStage(Stage):
    """WITH and RETURN with aggregates: one row per distinct value of the other items."""

    def __init__(
        self,
        then: Stage,
        keys: Sequence[tuple[str, Evaluate]],
        calls: Sequence[AggregateCall],
        items: Sequence[tuple[str, Evaluate]],
    ) -> None:
        super().__init__(then)
        self._keys = keys
        self._calls = calls
        self._items = items
        self._groups: dict[Hashable, tuple[Row, list[tuple[list[Evaluate], Aggregate]]]] = {}

    def push(self, row: Row) -> bool:
        """Take the row into its group."""
        values = [evaluate(row) for _, evaluate in self._keys] if self._keys else ()
        key = tuple(map(identity, values)) if values else ()
        group = self._groups.get(key)
        if group is None:
            held = {name: value for (name, _), value in zip(self._keys, values, strict=True)}
            group = self._groups[key] = (held, [(call.arguments, call.start()) for call in self._calls])
        for arguments, aggregate in group[1]:
            if not arguments:
                aggregate.take(True)
                continue
            value = arguments[0](row)
            if value is not None:
                aggregate.take(value, *[argument(row) for argument in arguments[1:]])
        return False

    def finish(self) -> None:
        """Hand on a row per group; without other items there is one group even of no rows."""
        if not self._groups and not self._keys:
            self._groups[()] = ({}, [(call.arguments, call.start()) for call in self._calls])
        for held, aggregates in self._groups.values():
            results = {call.slot: made.result() for call, (_, made) in zip(self._calls, aggregates, strict=True)}
            row = {**held, **results}
            if self.then.push({name: evaluate(row) for name, evaluate in self._items}):
                break
        self.then.finish()


class DistinctStage(Stage):
    """DISTINCT and UNION: each row once."""

    def __init__(self, then: Stage, names: Sequence[str]) -> None:
        super().__init__(then)
        self._names = names
        self._seen: set[Hashable] = set()

    def push(self, row: Row) -> bool:
        """Hand on a row that did not come before."""
        key = tuple([identity(row[name]) for name in self._names])
        if key in self._seen:
            return False
        self._seen.add(key)
        return self.then.push(row)


class SortStage(Stage):
    """ORDER BY: all rows in order, ties as they came; with `keep` only the first so many are held."""

    def __init__(self, then: Stage, keys: Sequence[tuple[Evaluate, bool]], keep: int | None) -> None:
        super().__init__(then)
        self._keys = keys
        self._keep = keep
        self._rows: list[tuple[list[tuple[object, ...]], Row]] = []

    def push(self, row: Row) -> bool:
        """Gather the row."""
        self._rows.append(([sort_key(evaluate(row)) for evaluate, _ in self._keys], dict(row)))
        if self._keep is not None and len(self._rows) > 2 * self._keep + _SORT_SLACK:
            self._sort()
            del self._rows[self._keep :]
        return False

    def finish(self) -> None:
        """Hand on the rows in order."""
        self._sort()
        for _, row in self._rows:
            if self.then.push(row):
                break
        self.then.finish()

    def _sort(self) -> None:
        for place, (_, descending) in reversed(list(enumerate(self._keys))):
            self._rows.sort(key=lambda held, place=place: held[0][place], reverse=descending)  # type: ignore[misc]


class CutStage(Stage):
    """SKIP and LIMIT."""

    def __init__(self, then: Stage, skip: int, limit: int | None) -> None:
        super().__init__(then)
        self._skip = skip
        self._left = limit

    def push(self, row: Row) -> bool:
        """Hand on the rows between the two bounds."""
        if self._skip > 0:
            self._skip -= 1
            return False
        if self._left is None:
            return self.then.push(row)
        if self._left <= 0:
            return True
        self._left -= 1
        return self.then.push(row) or self._left == 0


class FilterStage(Stage):
    """WHERE behind WITH."""

    def __init__(self, then: Stage, condition: Evaluate) -> None:
        super().__init__(then)
        self._condition = condition

    def push(self, row: Row) -> bool:
        """Hand on a row for which the condition is true."""
        return self._condition(row) is True and self.then.push(row)


class StripStage(Stage):
    """Drop the variables that a WITH does not hand on."""

    def __init__(self, then: Stage, names: Sequence[str]) -> None:
        super().__init__(then)
        self._names = names

    def push(self, row: Row) -> bool:
        """Hand on the named variables."""
        return self.then.push({name: row[name] for name in self._names})


def whole_number(value: Value, word: str) -> int:
    """Return the number of SKIP or LIMIT; QUERY_INVALID unless it is an integer of at least 0."""
    if type(value) is not int or value < 0:
        raise invalid(f"openCypher: {word} takes an integer from 0 up", hint="use a number or a parameter")
    return value

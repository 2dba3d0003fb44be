"""A query while it is being written: the dice, the names that are taken, and what has been used so far.

The grammar is a stack of classes, one layer of SQL each, from scalars up to whole statements; this is its ground.
Whatever a layer writes is valid SQL of one meaning: no answer may depend on the order of rows, on a tie, on the moment.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import TypeVar

from tests.generated.kinds import Column, Dataset, Kind, Source, TableCall

T = TypeVar("T")

_PLAIN = re.compile(r"[a-z_][a-z0-9_]*")
_RESERVED = frozenset({"order", "group", "select", "from", "to", "end", "all"})


@dataclass(frozen=True, slots=True)
class Generated:
    """A generated statement.

    In `template` a table function is the table "call:N". With `earlier` values of its parameters the statement is asked
    first, so that its plan is a remembered one. `ordered` says that its rows come in one order only.
    """

    seed: int
    template: str
    params: Mapping[str, object]
    earlier: Mapping[str, object]
    calls: Mapping[str, TableCall]
    features: frozenset[str]
    datasets: frozenset[str]
    ordered: bool


@dataclass(frozen=True, slots=True)
class Reference:
    """A column as an expression may write it."""

    text: str
    column: Column

    @property
    def kind(self) -> Kind:
        """The kind of its values."""
        return self.column.kind


@dataclass(slots=True)
class Scope:
    """The sources of one FROM, by alias, and the scope around it.

    `merged` are the names that USING made one; in a `qualified` scope no column stands without its table; `narrowed` is
    a source that WHERE should filter; behind a comma no USING finds what stands before it.
    """

    sources: list[tuple[str, Source]] = field(default_factory=list)
    outer: Scope | None = None
    merged: set[str] = field(default_factory=set)
    qualified: bool = False
    narrowed: tuple[str, Source] | None = None
    has_comma: bool = False

    def references(self) -> list[Reference]:
        """Return the columns of this FROM with their qualified texts, the fields of structs among them.

        A name that one source has twice cannot be written.
        """
        found = []
        for alias, source in self.sources:
            names = Counter(c.name.lower() for c in source.columns)
            for column in source.columns:
                if names[column.name.lower()] == 1:
                    text = f"{quoted(alias)}.{quoted(column.name)}"
                    found.append(Reference(text, column))
                    found.extend(Reference(f"{text}.{_path(f.name)}", f) for f in column.fields)
        return found

    def holders(self, name: str) -> int:
        """Return how many sources have a column of a name."""
        return sum(any(c.name.lower() == name.lower() for c in s.columns) for _, s in self.sources)

    @property
    def rows(self) -> int:
        """About how many rows it gives when nothing joins its sources."""
        product = 1
        for _, source in self.sources:
            product *= max(1, source.rows)
        return product


def quoted(name: str) -> str:
    """Return a name as SQL writes it, in quotes where it needs them."""
    return name if _PLAIN.fullmatch(name) and name not in _RESERVED else '"' + name.replace('"', '""') + '"'


def _path(name: str) -> str:
    return ".".join(quoted(part) for part in name.split("."))


class Draft:
    """What all layers share: random choices, features, parameters, calls, aliases."""

    def __init__(self, datasets: Sequence[Dataset], placements: Mapping[str, str], seed: int) -> None:
        self.all_datasets = tuple(datasets)
        self.placements = placements
        self.rng = Random(f"query {seed}")
        self.seed = seed
        self.features: set[str] = set()
        self.params: dict[str, object] = {}
        self.earlier: dict[str, object] = {}
        self.calls: dict[str, TableCall] = {}
        self.used: set[str] = set()
        self.ctes: list[Source] = []
        self.read_ctes: set[str] = set()
        self.room = 6
        self._aliases = 0

    def chance(self, probability: float) -> bool:
        """Return True so often."""
        return self.rng.random() < probability

    def pick(self, values: Sequence[T]) -> T:
        """Return one of some values."""
        return values[self.rng.randrange(len(values))]

    def weighted(self, weights: Mapping[T, float]) -> T:
        """Return a key as often as its weight says."""
        return self.rng.choices(list(weights), list(weights.values()))[0]

    def use(self, feature: str) -> None:
        """Note a feature of the statement."""
        self.features.add(feature)

    def alias(self, letter: str) -> str:
        """Return a name that nothing has yet."""
        self._aliases += 1
        return f"{letter}{self._aliases}"

    def param(self, value: object, earlier: object) -> str:
        """Make a parameter of a value, which had another value earlier, and return its text."""
        self.use("parameter")
        name = f"p{len(self.params)}"
        self.params[name] = value
        self.earlier[name] = None if self.chance(0.1) else earlier
        return f"${name}"

"""The parts of a federated plan as values: what is fetched from the engines, and what is done with it.

A fragment is logical: it says which rows of which dataset, not how an engine finds them, and lane A may serve it from
any placement. Plans hold no parameter values, so one plan serves every execution of its text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeAlias

from polyroute.router.catalog import Entry
from polyroute.router.federation.implied import Edge

NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class ScanFragment:
    """Rows of a dataset: its columns (None: all) under the conditions, which are texts in the filter language, and of
    those the first `limit` in an order.
    """

    name: str
    dataset: str
    part: str | None = None
    columns: tuple[str, ...] | None = None
    conditions: tuple[str, ...] = ()
    order: str | None = None
    limit: int | None = None
    kept: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    estimated_rows: int | None = None


@dataclass(frozen=True, slots=True)
class SelectFragment:
    """A whole SELECT that one engine runs over its own datasets; `engines` are those that hold them all."""

    name: str
    engines: tuple[str, ...]
    sql: str
    datasets: tuple[str, ...]
    estimated_rows: int | None = None


@dataclass(frozen=True, slots=True)
class CallFragment:
    """One of our table functions: its arguments as trees, constant, or reading the tables before it (`lateral`).

    `distinct` asks for the values of lateral arguments, `columns` are those wanted of a dataset's own.
    """

    name: str
    function: str
    dataset: object
    arguments: Mapping[str, object]
    lateral: tuple[str, ...] = ()
    distinct: str | None = None
    columns: tuple[str, ...] | None = None
    estimated_rows: int | None = None


@dataclass(frozen=True, slots=True)
class SystemFragment:
    """One of the connection's own tables."""

    name: str
    table: str
    estimated_rows: int | None = None


Part: TypeAlias = ScanFragment | SelectFragment | CallFragment | SystemFragment


@dataclass(frozen=True, slots=True)
class Site:
    """An engine that holds some inputs and runs the residual over them where they lie."""

    engine: str
    datasets: tuple[str, ...]
    in_place: tuple[ScanFragment, ...]


@dataclass(frozen=True, slots=True)
class Question:
    """A statement as the result cache knows it: its canonical text, and the datasets that its answer depends on."""

    text: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class QueryPlan:
    """How a statement is answered: the parts that are fetched, the edges along which keys travel, and the residual.

    Where `residual` is None the one part is the whole answer. `epoch` is the catalog's at planning; without a
    `question` the statement is always answered anew.
    """

    text: str
    parts: tuple[Part, ...]
    edges: tuple[Edge, ...]
    residual: str | None
    site: Site | None
    epoch: int
    question: Question | None = None

    @property
    def read_twice(self) -> frozenset[str]:
        """The datasets that are asked more than once in one run, and so might be seen in two states."""
        names = [p.dataset for p in self.parts if isinstance(p, ScanFragment)]
        names += [d for p in self.parts if isinstance(p, SelectFragment) for d in p.datasets]
        if self.site is None:
            return frozenset(n for n in names if names.count(n) > 1)
        lateral = any(isinstance(p, CallFragment) and p.lateral for p in self.parts)
        asked = {e.source.input for e in self.edges}
        held = {s.dataset for s in self.site.in_place}
        again = {s.dataset for s in self.site.in_place if lateral or s.name in asked}
        return frozenset(again | {n for n in names if n in held or names.count(n) > 1})

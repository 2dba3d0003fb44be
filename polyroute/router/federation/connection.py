"""What the federation needs of the coordinator: lane A, the catalog, and what its own tables tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa

from polyroute.engines import BoundSelect, Call, Dataset, Engine
from polyroute.operations import Operation
from polyroute.optimizer import ExecutionRecords
from polyroute.optimizer.cache import ResultCache
from polyroute.query import Requirements, Routing
from polyroute.result import QueryResult
from polyroute.router.catalog import Catalog, Placement
from polyroute.router.federation.bind_joins import BindGate
from polyroute.router.federation.estimates import Estimator
from polyroute.router.limits import Limits
from polyroute.router.selection import readable
from polyroute.sql.filters import Unsupported


class Connection(Protocol):
    """The coordinator as the federation sees it."""

    catalog: Catalog
    executions: ExecutionRecords
    read_only: bool
    limits: Limits
    cache: ResultCache

    @property
    def engines(self) -> Mapping[str, Engine]:
        """The engines by id."""

    def engine(self, id: str) -> Engine:
        """Return an engine."""

    def run(self, op: Operation, requirements: Requirements, routing: Routing, call: Call) -> QueryResult:
        """Run one operation through lane A."""

    def run_on(
        self,
        op: Operation | BoundSelect,
        placements: list[Placement],
        written: Sequence[str],
        routing: Routing,
        requirements: Requirements,
        call: Call,
    ) -> QueryResult:
        """Run a SQL operation on placements that hold all that it names; `written` are the datasets that it changes."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How a statement is to be answered: how well, where, and until when."""

    requirements: Requirements
    routing: Routing
    call: Call


@dataclass(slots=True)
class Access:
    """Lane A for the fragments of one statement, with the rooms that learn from them.

    `freshness` is what the oldest of their answers says of itself.
    """

    connection: Connection
    estimator: Estimator
    gate: BindGate
    manner: Manner
    freshness: str = "current"

    @property
    def catalog(self) -> Catalog:
        """The datasets."""
        return self.connection.catalog

    @property
    def executions(self) -> ExecutionRecords:
        """The execution records."""
        return self.connection.executions

    @property
    def engines(self) -> Mapping[str, Engine]:
        """The engines by id."""
        return self.connection.engines

    def fetch(self, op: Operation, call: Call) -> QueryResult:
        """Run one operation through lane A."""
        return self._noted(self.connection.run(op, self.manner.requirements, self.manner.routing, call))

    def select(self, engines: Sequence[str], op: BoundSelect, call: Call) -> QueryResult:
        """Run a whole SELECT on one of the engines that hold all it reads, under the guard."""
        placements = [p for engine in engines if (p := self._holding(engine, op)) is not None]
        if not placements:
            raise Unsupported("the replicas that were to be read are no longer current")
        result = self.connection.run_on(op, placements, (), self.manner.routing, self.manner.requirements, call)
        return self._noted(result)

    def may_read(self, engine: str, datasets: Sequence[str]) -> bool:
        """Tell whether an engine may still answer for datasets, as a plan that was made before wants it to."""
        return self._freshness(engine, datasets) is not None

    def _holding(self, engine: str, op: BoundSelect) -> Placement | None:
        freshness = self._freshness(engine, op.datasets)
        if freshness is None:
            return None
        held = self.connection.engine(engine)
        return Placement(held, Dataset(op.dataset or "", held.kind, _NO_COLUMNS), freshness=freshness)

    def _freshness(self, engine: str, datasets: Sequence[str]) -> str | None:
        """Return how old what an engine holds of datasets may be, or None where a replica among them is too old."""
        freshness = "current"
        for name in datasets if self.catalog.has_copies else ():
            entry = self.catalog.find(f"{engine}.{name}")
            placement = None if entry is None else readable(entry, engine, self.manner.requirements)
            if placement is None:
                return None
            if placement.freshness != "current":
                freshness = placement.freshness
        return freshness

    def _noted(self, result: QueryResult) -> QueryResult:
        if result.freshness != "current":
            self.freshness = result.freshness
        return result


_NO_COLUMNS = pa.schema([])

"""Tables of one connection, in memory: what `db.register` makes askable beside the stored datasets.

An Arrow table per dataset, scanned by the shared local evaluation; nothing outlives the connection.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Self

import pyarrow as pa

from polyroute.engines.call import Call
from polyroute.engines.contract import BoundScan, Dataset, Engine, LoadSpec, Pushed, Statistics, Traits
from polyroute.engines.local import evaluate_scan
from polyroute.engines.resources import Resource
from polyroute.engines.sampling import sample_of
from polyroute.engines.url import EngineURL
from polyroute.errors import COMMON


class MemoryEngine(Engine):
    """Arrow tables by name."""

    traits = Traits(cancellable=True, durable=False)
    errors = COMMON
    kind = "relational"

    def __init__(self) -> None:
        self._tables: dict[str, pa.Table] = {}
        self._datasets: dict[str, Dataset] = {}
        self._lock = threading.RLock()
        self._resource: Resource[None] = Resource(
            "memory", Path(f"memory-{id(self)}"), None, lambda _: None, read_only=False, temporary=False
        )

    @classmethod
    def open(cls, url: EngineURL, *, read_only: bool = False) -> Self:
        """Open an empty store."""
        return cls()

    @property
    def resource(self) -> Resource[None]:
        """The store itself."""
        return self._resource

    def datasets(self) -> Mapping[str, Dataset]:
        """Return the registered tables."""
        return self._datasets

    def negotiate(self, op: BoundScan) -> Pushed:
        """Promise everything: the local evaluation is the reference."""
        return Pushed(columns=True, where=op.where, order=True, limit=True)

    def scan(self, op: BoundScan, call: Call) -> pa.Table:
        """Read a table."""
        return evaluate_scan(self._tables[op.dataset.name], op, call)

    def load(self, spec: LoadSpec, call: Call) -> int:
        """Take a table in, whole; an earlier one of the name goes away, unless the rows are to be appended to it."""
        table = pa.Table.from_batches(list(spec.batches()), spec.dataset.schema)
        rows = table.num_rows
        with self._lock:
            held = self._tables.get(spec.dataset.name)
            if spec.mode == "append" and held is not None:
                table = pa.concat_tables([held, table])
            spec.before_commit()
            self._tables[spec.dataset.name] = table
            self._datasets = {**self._datasets, spec.dataset.name: spec.dataset}
        return int(rows)

    def drop(self, dataset: str, call: Call) -> None:
        """Forget a table."""
        self.dataset(dataset)
        self._datasets = {n: d for n, d in self._datasets.items() if n != dataset}
        del self._tables[dataset]

    def statistics(self, dataset: str, part: str | None = None) -> Statistics:
        """Return the row count."""
        return Statistics(self._tables[dataset].num_rows)

    def sample(self, dataset: str, part: str | None, rows: int, call: Call) -> pa.Table:
        """Return rows from all over a table."""
        return sample_of(self._tables[dataset], rows)

    def close(self) -> None:
        """Forget everything."""
        self._tables.clear()
        self._datasets = {}

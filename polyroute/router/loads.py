"""Bringing data in and taking it out: the part of the coordinator that defines datasets, with its effect on the
catalog.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from polyroute.engines import Engine
from polyroute.engines.call import UNBOUNDED
from polyroute.engines.execution import translated
from polyroute.engines.resources.shared import naming
from polyroute.errors import invalid, unknown_name
from polyroute.query import DEFAULT_REQUIREMENTS
from polyroute.router.cancellation import new_call
from polyroute.router.catalog import Catalog, Placement
from polyroute.router.guard import Guard

if TYPE_CHECKING:
    import pyarrow as pa

    from polyroute.engines.loading.loader import Definition, LoadReport

MEMORY = "memory"


class DataMethods:
    """Load, register, drop and index datasets; the coordinator inherits it."""

    read_only: bool
    catalog: Catalog
    _engines: dict[str, Engine]
    _guard: Guard

    def load(
        self,
        name: str,
        data: object,
        /,
        *,
        engine: str | Sequence[str],
        mode: str = "create",
        key: str | Sequence[str] | None = None,
        vector: str | None = None,
        metric: str | None = None,
        time: str | None = None,
        source: str | None = None,
        target: str | None = None,
        directed: bool | None = None,
        nodes: object = None,
        node_key: str | None = None,
        label: str | None = None,
        type: str | None = None,
        null_values: Sequence[str] = ("",),
        delimiter: str | None = None,
        types: Mapping[str, pa.DataType] | None = None,
        show_progress: bool | None = None,
        timeout_s: float | None = None,
    ) -> LoadReport:
        """Load data under a name into one engine, or into several as placements of one dataset (the first is the
        primary).

        `data` is an Arrow table, a pandas or Polars DataFrame, a list of dicts, or the path of a Parquet, CSV, JSON
        Lines, JSON or Arrow file. `mode` is create, append, upsert or replace. `key` names the key columns; `vector`
        and `metric` belong to vector engines, `time` to time series, `source`, `target`, `directed`, `nodes`,
        `node_key`, `label` and `type` to graphs; `null_values`, `delimiter` and `types` to CSV files. All or nothing,
        in all engines.

        Raises QUERY_INVALID for wrong names, roles or types, naming the column, and CONSISTENCY_VIOLATION for a
        duplicate key; nothing has changed then.

        >>> import polyroute
        >>> with polyroute.connect({"rel": "sqlite://", "olap": "duckdb://"}) as db:
        ...     db.load("points", [{"id": 1, "x": 0.5}], engine=("rel", "olap"), key="id").rows
        1
        """
        from polyroute.engines.loading.loader import load
        from polyroute.engines.loading.sources import CsvOptions, open_source

        if self.read_only:
            raise invalid("load writes, and the connection is read-only", hint="connect with read_only=False")
        engines = self._targets(name, engine)
        definition = self._definition(
            key,
            nodes,
            {
                "vector": vector,
                "metric": metric,
                "time": time,
                "source": source,
                "target": target,
                "directed": None if directed is None else str(directed).lower(),
                "node_key": node_key,
                "label": label,
                "type": type,
            },
        )
        ids = [e.id for e in engines]
        self.catalog.check_load(name, ids)
        stale, before = self.catalog.stale_copies(name), self.catalog.foreign_token(ids[0], name)
        with self._guard.monitor.noting(ids[0], "load"), self.catalog.writing([name]):
            report = load(
                engines,
                name,
                open_source(data, CsvOptions(null_values, delimiter, types)),
                mode=mode,
                definition=definition,
                show_progress=show_progress,
                call=new_call(DEFAULT_REQUIREMENTS, timeout_s),
            )
        self.catalog.refresh()
        self.catalog.record_load(name, ids, whole=mode in ("create", "replace"), stale=stale, before=before)
        return report

    def register(self, name: str, data: object) -> LoadReport:
        """Make a table, a DataFrame or a list of dicts a dataset of this connection only; an earlier one of the name is
        replaced.

        >>> import polyroute
        >>> with polyroute.connect() as db:
        ...     _ = db.register("mine", [{"a": 1}, {"a": 2}])
        ...     db.sql("SELECT sum(a) AS s FROM mine").scalar()
        3
        """
        from polyroute.engines.relational.memory import MemoryEngine

        held = self.catalog.find(name)
        if held is not None and held.primary.engine.id != MEMORY:
            raise invalid(f"{name!r} is a dataset of {held.primary.engine.id} already", hint="choose another name")
        if MEMORY not in self._engines:
            engine = MemoryEngine()
            engine.id = MEMORY
            self._engines[MEMORY] = engine
            self.catalog.add(engine)
        from polyroute.engines.loading.loader import load
        from polyroute.engines.loading.sources import open_source

        report = load([self._engines[MEMORY]], name, open_source(data), mode="replace", show_progress=False)
        self.catalog.refresh()
        return report

    def drop(self, dataset: str) -> None:
        """Remove a dataset from every engine that holds a placement of it.

        Raises QUERY_INVALID, naming the nearest, when there is none.
        """
        if self.read_only:
            raise invalid("drop writes, and the connection is read-only", hint="connect with read_only=False")
        entry = self.catalog.resolve(dataset)
        for placement in entry.placements:
            engine = placement.engine
            noting = self._guard.monitor.noting(engine.id, "drop")
            with noting, translated(engine), naming([entry.name]), engine.resource.writing():
                engine.drop(entry.name, UNBOUNDED)
        self.catalog.record_drop(entry.name)

    def create_index(self, dataset: str, columns: str | Sequence[str], *, engine: str | None = None) -> None:
        """Make an index on columns, or on nested paths of documents, in the primary or in the engine named.

        Raises QUERY_INVALID for an unknown column, and where the engine has no indexes of the kind.
        """
        if self.read_only:
            raise invalid("create_index writes, and the connection is read-only", hint="connect with read_only=False")
        entry = self.catalog.resolve(dataset)
        placement = self._placement(entry.placements, engine)
        wanted = [columns] if isinstance(columns, str) else list(columns)
        # an index changes no data, so that replicas stay what they are
        held = placement.engine
        noting = self._guard.monitor.noting(held.id, "create_index")
        with noting, translated(held), naming(()), held.resource.writing():
            held.create_index(entry.name, wanted, UNBOUNDED)

    def _placement(self, placements: list[Placement], engine: str | None) -> Placement:
        if engine is None:
            return placements[0]
        for placement in placements:
            if placement.engine.id == engine:
                return placement
        raise unknown_name("engine with this dataset", engine, [p.engine.id for p in placements])

    def _targets(self, name: str, engine: str | Sequence[str]) -> list[Engine]:
        ids = [engine] if isinstance(engine, str) else list(engine)
        if not ids or len(set(ids)) != len(ids):
            raise invalid(
                "a load needs one engine or several different ones", hint=f"engines: {', '.join(self._engines)}"
            )
        for engine_id in ids:
            if engine_id not in self._engines:
                raise unknown_name("engine", engine_id, self._engines)
        return [self._engines[i] for i in ids]

    def _definition(
        self, key: str | Sequence[str] | None, nodes: object, roles: Mapping[str, str | None]
    ) -> Definition:
        from polyroute.engines.loading.loader import Definition
        from polyroute.engines.loading.sources import open_source

        table = None
        if nodes is not None:
            import pyarrow as pa

            held = open_source(nodes)
            table = pa.Table.from_batches(list(held.batches()), held.schema)
        keys = (key,) if isinstance(key, str) else tuple(key or ())
        return Definition(keys, {r: v for r, v in roles.items() if v is not None}, table)

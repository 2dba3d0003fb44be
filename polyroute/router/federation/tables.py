"""The tables of the connection itself: `polyroute.datasets`, `.columns`, `.engines`, `.executions`, and the answers to
SHOW and DESCRIBE.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import pyarrow as pa

from polyroute.engines import Engine
from polyroute.errors import invalid, unknown_name
from polyroute.optimizer import ExecutionRecords
from polyroute.router.catalog import Catalog

SCHEMA = "polyroute"


class Connection(Protocol):
    """What the tables tell about."""

    @property
    def catalog(self) -> Catalog:
        """The datasets."""

    @property
    def executions(self) -> ExecutionRecords:
        """The execution records."""

    @property
    def engines(self) -> Mapping[str, Engine]:
        """The engines by id."""


def system_table(name: str, connection: Connection) -> pa.Table:
    """Return one of the connection's own tables; QUERY_INVALID, naming the nearest, for an unknown one."""
    if name.lower() not in _TABLES:
        raise unknown_name(f"table of {SCHEMA!r}", name, _TABLES)
    return _TABLES[name.lower()](connection)


def described(name: str, connection: Connection) -> pa.Table:
    """Return the columns of a dataset, as DESCRIBE shows them."""
    entry = connection.catalog.find(name)
    if entry is None:
        raise unknown_name("dataset", name, connection.catalog.names())
    schema, key = entry.dataset.schema, entry.dataset.key
    return pa.table(
        {
            "column_name": pa.array(schema.names, pa.string()),
            "column_type": pa.array([str(t) for t in schema.types], pa.string()),
            "key": pa.array([n in key for n in schema.names], pa.bool_()),
        }
    )


def _datasets(connection: Connection) -> pa.Table:
    rows = []
    for name, entry in connection.catalog.entries().items():
        primary = entry.primary
        count = primary.engine.statistics(entry.name).row_count
        replicas = ", ".join(p.engine.id for p in entry.placements[1:]) or None
        key = ", ".join(entry.dataset.key) or None
        rows.append((name, entry.dataset.kind, primary.engine.id, replicas, key, count))
    return _table(rows, ["name", "kind", "engine", "replicas", "key", "row_count"], integers=("row_count",))


def _columns(connection: Connection) -> pa.Table:
    rows = []
    for name, entry in connection.catalog.entries().items():
        roles = {column: role for role, column in entry.dataset.roles.items()}
        for position, field in enumerate(entry.dataset.schema, 1):
            role = "key" if field.name in entry.dataset.key else roles.get(field.name)
            rows.append((name, field.name, position, str(field.type), role))
    return _table(rows, ["dataset", "name", "position", "type", "role"], integers=("position",))


def _engines(connection: Connection) -> pa.Table:
    rows = [
        (engine.id, engine.kind, type(engine).__name__, ", ".join(sorted(engine.operations)))
        for engine in connection.engines.values()
    ]
    return _table(rows, ["id", "kind", "adapter", "operations"])


def _executions(connection: Connection) -> pa.Table:
    return connection.executions.to_arrow()


_TABLES: Mapping[str, Callable[[Connection], pa.Table]] = {
    "datasets": _datasets,
    "columns": _columns,
    "engines": _engines,
    "executions": _executions,
}


def _table(rows: Sequence[tuple[object, ...]], names: list[str], *, integers: tuple[str, ...] = ()) -> pa.Table:
    columns = list(zip(*rows, strict=True)) or [()] * len(names)
    types = [pa.int64() if n in integers else pa.string() for n in names]
    return pa.table([pa.array(c, t) for c, t in zip(columns, types, strict=True)], names=names)


def shown_tables(what: str, connection: Connection) -> pa.Table:
    """Return what SHOW TABLES shows; QUERY_INVALID for another SHOW."""
    if what.upper() not in ("TABLES", "ALL TABLES"):
        raise invalid(f"SHOW {what} is not known here", hint="SHOW TABLES, or SELECT * FROM polyroute.datasets")
    return pa.table({"name": pa.array(connection.catalog.names(), pa.string())})

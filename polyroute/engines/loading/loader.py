"""Load a source into one engine or several at once, all or nothing.

Names, types, keys and roles are checked here against the source and against what the engine holds, so that an adapter
only stores. Several engines are nested: the first stores everything, and before it commits the second stores and
commits; a failure anywhere undoes all that is not yet visible.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc

from polyroute.engines.call import UNBOUNDED, Call
from polyroute.engines.contract import MODES, Dataset, Engine, LoadSpec
from polyroute.engines.execution import translated
from polyroute.engines.loading.progress import Advance, progress
from polyroute.engines.loading.sources import Source, from_table
from polyroute.errors import invalid, unknown_name
from polyroute.sql.types import conform

COLUMN_ROLES = ("vector", "time", "source", "target")


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What a load did: `rows` stored in each of `engines`, in `elapsed_s` seconds."""

    dataset: str
    engines: tuple[str, ...]
    mode: str
    rows: int
    elapsed_s: float

    @property
    def rows_per_s(self) -> float:
        """Rows stored per second in each engine."""
        return self.rows / self.elapsed_s if self.elapsed_s else 0.0

    def __str__(self) -> str:
        return (
            f"{self.dataset}: {self.rows:,} rows into {', '.join(self.engines)} in {self.elapsed_s:.2f} s ({self.mode})"
        )


@dataclass(frozen=True, slots=True)
class Definition:
    """What a person says about the data: key columns, roles, and the node table of a graph."""

    key: tuple[str, ...] = ()
    roles: Mapping[str, str] | None = None
    nodes: pa.Table | None = None


def load(
    engines: Sequence[Engine],
    name: str,
    source: Source,
    *,
    mode: str = "create",
    definition: Definition = Definition(),
    show_progress: bool | None = None,
    call: Call = UNBOUNDED,
) -> LoadReport:
    """Load a source into engines under a name.

    `mode` is create (the name must be free), append, upsert (by key) or replace. Raises QUERY_INVALID for wrong names,
    roles and types, naming the column, CONSISTENCY_VIOLATION for a duplicate key, and whatever an engine fails with;
    then nothing has changed in any of them.
    """
    if mode not in MODES:
        raise unknown_name("load mode", mode, MODES)
    if not name or name.startswith("_polyroute") or "\0" in name:
        raise invalid(
            f"a dataset cannot be named {name!r}",
            hint="choose a name that is not empty and does not begin with _polyroute",
        )
    specs = []
    for engine in engines:
        with translated(engine, call):
            specs.append(_spec(engine, name, source, mode, definition))
    started = time.perf_counter()
    total = None if source.rows is None else source.rows * len(engines)
    with progress(f"loading {name}", total, show=show_progress) as advance:
        rows = _load_nested(list(zip(engines, specs, strict=True)), advance, call)
    return LoadReport(name, tuple(e.id for e in engines), mode, rows, time.perf_counter() - started)


def _load_nested(targets: list[tuple[Engine, LoadSpec]], advance: Advance, call: Call) -> int:
    (engine, spec), *rest = targets
    if rest:
        spec = replace(spec, before_commit=lambda: _load_nested(rest, advance, call))
    with translated(engine, call), engine.resource.writing():
        return engine.load(replace(spec, advance=advance), call)


def _spec(engine: Engine, name: str, source: Source, mode: str, definition: Definition) -> LoadSpec:
    held = engine.datasets().get(name)
    if held is not None and mode == "create":
        raise invalid(
            f"{engine.id or 'the engine'} holds a dataset {name!r} already",
            hint="load with mode='append', 'upsert' or 'replace', or choose another name",
        )
    if held is not None and mode != "replace":
        return _held_spec(engine, held, source, mode, definition)
    dataset, source = _new_dataset(engine, name, source, definition, held)
    if mode == "upsert" and not dataset.key and engine.kind != "graph":
        raise invalid(f"{name!r} cannot be upserted without a key", hint="load it with key='column'")
    _check_types(engine, dataset)
    documents = source.documents if engine.kind == "document" else None
    return LoadSpec(dataset, mode, source.batches, documents, definition.nodes)


def _held_spec(engine: Engine, held: Dataset, source: Source, mode: str, definition: Definition) -> LoadSpec:
    if definition.key and definition.key != held.key:
        raise invalid(
            f"{held.name!r} has the key {', '.join(held.key) or 'none'}",
            hint="leave key= out, or load with mode='replace'",
        )
    for role, column in (definition.roles or {}).items():
        if held.roles.get(role) != column:
            raise invalid(
                f"{held.name!r} has {role} {held.roles.get(role)!r}",
                hint=f"leave {role}= out, or load with mode='replace'",
            )
    if mode == "upsert" and not held.key and engine.kind != "graph":
        raise invalid(
            f"{held.name!r} cannot be upserted, it has no key", hint="load it anew with key='column' and mode='replace'"
        )
    nodes = None if definition.nodes is None else conform(definition.nodes, held.part_schema("nodes"))
    if engine.kind == "document":
        return LoadSpec(held, mode, source.batches, source.documents, nodes)
    for column in source.schema.names:
        if column not in held.schema.names:
            raise unknown_name(f"column of {held.name!r}", column, held.schema.names)

    def batches() -> Iterator[pa.RecordBatch]:
        for batch in source.batches():
            yield from conform(pa.Table.from_batches([batch]), held.schema).to_batches()

    return LoadSpec(held, mode, batches, None, nodes)


def _new_dataset(
    engine: Engine, name: str, source: Source, definition: Definition, held: Dataset | None
) -> tuple[Dataset, Source]:
    columns = source.schema.names
    key = definition.key or (held.key if held else ())
    roles = {**(held.roles if held else {}), **(definition.roles or {})}
    roles = {r: v for r, v in roles.items() if v is not None}
    if engine.kind == "document" and not key:
        key = ("_id",)
    if engine.kind != "document" or source.documents is None:
        for column in key:
            if column not in columns and not (engine.kind == "document" and column == "_id"):
                raise unknown_name("key column", column, columns)
    for role in COLUMN_ROLES:
        if role in roles and roles[role] not in columns:
            raise unknown_name(f"{role} column", roles[role], columns)
    for role in _NEEDED.get(engine.kind, ()):
        if role not in roles:
            raise invalid(
                f"{engine.id or 'the engine'} needs to know the {role} column of {name!r}",
                hint=f"load it with {role}='column', or write CREATE TABLE ... WITH (\"{role}\" = column) AS ...; "
                f"the columns are {', '.join(columns)}",
            )
    if engine.kind == "vector":
        source = _fixed_vectors(source, roles["vector"])
    parts = {}
    if engine.kind == "graph":
        parts = {"edges": source.schema, "nodes": _node_schema(source.schema, roles, definition.nodes)}
        roles.setdefault("directed", "true")
        roles.setdefault("node_key", "id")
    return Dataset(name, engine.kind, source.schema, key, roles, parts), source


_NEEDED = {"vector": ("vector",), "graph": ("source", "target"), "timeseries": ("time",)}


def _node_schema(edges: pa.Schema, roles: Mapping[str, str], nodes: pa.Table | None) -> pa.Schema:
    key = roles.get("node_key", "id")
    source, target = (edges.field(roles[r]).type for r in ("source", "target"))
    if source != target:
        raise invalid(
            f"the ends of the edges have two types, {source} and {target}",
            hint="convert one of the columns before loading",
        )
    if nodes is None:
        return pa.schema([(key, source)])
    if key not in nodes.schema.names:
        raise unknown_name("node key column", key, nodes.schema.names)
    if nodes.schema.field(key).type != source:
        raise invalid(
            f"the node key {key!r} is of type {nodes.schema.field(key).type}, the edges' ends of type {source}",
            hint="convert one of them before loading",
        )
    return nodes.schema


def _fixed_vectors(source: Source, column: str) -> Source:
    """Give a plain list column the fixed size that all its rows have; double lists from Python become float32, as
    vectors are kept.
    """
    held = source.schema.field(column).type
    if pa.types.is_fixed_size_list(held):
        return source
    if not pa.types.is_list(held) or (
        not pa.types.is_floating(held.value_type) and not pa.types.is_integer(held.value_type)
    ):
        raise invalid(
            f"the vector column {column!r} is of type {held}", hint="a vector is a list of numbers of one length"
        )
    table = pa.Table.from_batches(list(source.batches()), source.schema)
    first = next((v for v in table[column] if v.is_valid), None)
    if first is None:
        raise invalid(f"the vector column {column!r} holds no vector", hint="load at least one row with a vector")
    size = len(first)
    lengths = pc.list_value_length(table[column])
    wrong = pc.fill_null(pc.not_equal(lengths, size), False)
    if pc.any(wrong).as_py():
        row = pc.index(wrong, True).as_py()
        raise invalid(
            f"vectors of {column!r} have {size} dimensions in the first row, {lengths[row].as_py()} in row {row}",
            hint="all vectors need one length",
        )
    position = source.schema.get_field_index(column)
    try:
        fixed = table[column].cast(pa.list_(pa.float32())).cast(pa.list_(pa.float32(), size))
    except pa.ArrowInvalid:
        fixed = pa.chunked_array([pa.array(table[column].to_pylist(), pa.list_(pa.float32(), size))])
    return from_table(table.set_column(position, column, fixed))


def _check_types(engine: Engine, dataset: Dataset) -> None:
    schemas = [dataset.schema, *dataset.parts.values()]
    for schema in schemas:
        for field in schema:
            reason = _refusal(engine, field.type)
            if reason:
                raise invalid(
                    f"column {field.name!r} ({field.type}) cannot be loaded into {engine.id or engine.kind}: {reason}",
                    hint="convert the column, or choose another engine",
                )


def _refusal(engine: Engine, arrow_type: pa.DataType) -> str | None:
    reason = engine.refusal(arrow_type)
    if reason:
        return reason
    if isinstance(arrow_type, pa.BaseExtensionType) or not pa.types.is_nested(arrow_type):
        return None
    inner = (
        [arrow_type.key_type, arrow_type.item_type]
        if pa.types.is_map(arrow_type)
        else [arrow_type.field(i).type for i in range(arrow_type.num_fields)]
    )
    return next((r for r in (_refusal(engine, t) for t in inner) if r), None)

"""Engines that lose types."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pyarrow as pa

from polyroute.engines.call import Call
from polyroute.engines.contract import Answer, BoundScan, LoadSpec
from polyroute.engines.resources import Resource
from polyroute.errors import invalid
from polyroute.operations import DocumentGet, RelationalGet, VectorGet
from polyroute.result import Rows
from polyroute.values import rows_from_table
from tests.engines.reference.document import ReferenceDocuments
from tests.engines.reference.engine import ReferenceEngine
from tests.engines.reference.faults import ALL_KINDS, fault
from tests.engines.reference.place import Place, State
from tests.engines.reference.relational import ReferenceRelational
from tests.engines.reference.vector import ReferenceVector

_TYPES = "test_every_type_comes_back_or_is_refused_by_name"


class Casting(ReferenceEngine):
    """Answer with the types that `kept` gives."""

    def kept(self, arrow_type: pa.DataType) -> pa.DataType:
        """Return the type that comes back."""
        raise NotImplementedError

    def scan(self, op: BoundScan, call: Call) -> Answer:
        found = super().scan(op, call)
        return found.cast(pa.schema([f.with_type(self.kept(f.type)) for f in found.schema]), safe=False)


class Converting(ReferenceEngine):
    """Answer with tuples whose values went through `converted`."""

    def converted(self, value: Any, arrow_type: pa.DataType) -> Any:
        """Return the value that comes back."""
        raise NotImplementedError

    def scan(self, op: BoundScan, call: Call) -> Answer:
        found = super().scan(op, call)
        kinds = found.schema.types
        rows = [
            tuple(v if v is None else self.converted(v, k) for v, k in zip(row, kinds, strict=True))
            for row in rows_from_table(found)
        ]
        return Rows(found.column_names, rows, found.schema)


@fault(_TYPES, kinds=ALL_KINDS)
class AnswersDatesAsText(Casting):
    def kept(self, arrow_type: pa.DataType) -> pa.DataType:
        return pa.string() if pa.types.is_date(arrow_type) else arrow_type


@fault(_TYPES)
class CutsToMilliseconds(Casting):
    def scan(self, op: BoundScan, call: Call) -> Answer:
        return super().scan(op, call).cast(op.schema)

    def kept(self, arrow_type: pa.DataType) -> pa.DataType:
        return pa.timestamp("ms", arrow_type.tz) if pa.types.is_timestamp(arrow_type) else arrow_type


@fault(_TYPES)
class LosesTimeZones(Casting):
    def kept(self, arrow_type: pa.DataType) -> pa.DataType:
        return pa.timestamp(arrow_type.unit) if pa.types.is_timestamp(arrow_type) else arrow_type


@fault(_TYPES)
class KeepsNumbersAsFloats(Casting):
    def scan(self, op: BoundScan, call: Call) -> Answer:
        return super().scan(op, call).cast(op.schema, safe=False)

    def kept(self, arrow_type: pa.DataType) -> pa.DataType:
        return pa.float64() if pa.types.is_integer(arrow_type) else arrow_type


@fault("test_a_scan_gives_back_every_row_as_loaded", _TYPES)
class AnswersNumbersForTruth(Converting):
    def converted(self, value: Any, arrow_type: pa.DataType) -> Any:
        return int(value) if isinstance(value, bool) else value


@fault(_TYPES)
class ShortensFloats(Converting):
    """A float32 of 0.1 is no double of 0.1."""

    def converted(self, value: Any, arrow_type: pa.DataType) -> Any:
        return round(value, 7) if pa.types.is_float32(arrow_type) and value == value else value


@fault("test_times_finer_than_microseconds_are_kept_or_refused", kinds=("relational", "vector", "graph", "timeseries"))
class AnswersInPython(Converting):
    """Small answers it gives as tuples, whose times are only as fine as Python's."""

    def converted(self, value: Any, arrow_type: pa.DataType) -> Any:
        return value


@fault(_TYPES)
class TakesEmptyTextForNull(ReferenceEngine):
    def read(self, spec: LoadSpec, call: Call) -> Any:
        table = super().read(spec, call)
        for place, column in enumerate(table.columns):
            if pa.types.is_string(column.type):
                values = [v or None for v in column.to_pylist()]
                table = table.set_column(place, table.schema.field(place), pa.array(values, column.type))
        return table


@fault(_TYPES, kinds=("relational", "vector", "timeseries"))
class RefusesWithoutNamingTheColumn(ReferenceEngine):
    def load(self, spec: LoadSpec, call: Call) -> int:
        if any(pa.types.is_map(t) for t in spec.dataset.schema.types):
            raise invalid("maps cannot be kept", hint="make lists of them")
        return super().load(spec, call)


@fault(_TYPES)
class RefusesAndKeeps(ReferenceEngine):
    def load(self, spec: LoadSpec, call: Call) -> int:
        rows = super().load(spec, call)
        maps = [f.name for f in spec.dataset.schema if pa.types.is_map(f.type)]
        if maps:
            raise invalid(f"column {maps[0]!r} cannot be kept", hint="make a list of it")
        return rows


@fault("test_types_survive_a_restart", kinds=("relational", "vector", "timeseries"))
class ForgetsTypesOnRestart(ReferenceEngine):
    """Opened again, it reads unsigned numbers as signed ones."""

    def __init__(self, resource: Resource[Place]) -> None:
        super().__init__(resource)
        known = {}
        for name, held in self._place.state.held.items():
            fields = [f.with_type(pa.int64()) if f.type == pa.uint32() else f for f in held.dataset.schema]
            schema = pa.schema(fields)
            known[name] = replace(held, dataset=replace(held.dataset, schema=schema), content=held.content.cast(schema))
        self._place.state = State(known, self._place.state.done)


def cut(key: Any) -> Any:
    """Return a time to the millisecond, as a careless encoding would."""
    return key.replace(microsecond=0) if isinstance(key, dt.datetime) else key


@fault("test_keys_of_every_type_find_their_rows")
class LooksForCutKeys(ReferenceRelational):
    def relational_get(self, op: RelationalGet, call: Call) -> Answer:
        return super().relational_get(replace(op, key=tuple(map(cut, op.key))), call)


@fault("test_keys_of_every_type_find_their_rows")
class LooksForCutVectorKeys(ReferenceVector):
    def vector_get(self, op: VectorGet, call: Call) -> Answer:
        return super().vector_get(replace(op, keys=list(map(cut, op.keys))), call)


@fault("test_keys_of_every_type_find_their_rows")
class LooksForKeysAsPythonShowsThem(ReferenceDocuments):
    def document_get(self, op: DocumentGet, call: Call) -> Answer:
        shown: Callable[[Any], Any] = lambda key: key if isinstance(key, int | float) else str(key)  # noqa: E731
        return super().document_get(replace(op, key=list(map(shown, op.key))), call)


@fault("test_tuples_and_arrow_agree")
class AnswersRowsAsLists(ReferenceEngine):
    def scan(self, op: BoundScan, call: Call) -> Answer:
        found = super().scan(op, call)
        return Rows(found.column_names, [list(row) for row in rows_from_table(found)], found.schema)

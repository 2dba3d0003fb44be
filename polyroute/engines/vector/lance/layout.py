"""How a dataset lies in a Lance table: stored names and types, and what is remembered beside the data.

Most columns lie as they are. A name that Lance cannot hold (dots, backquotes, a leading underscore) gets a stand-in;
JSON lies as text; a fixed-size list of floats that is not the vector lies inside a struct, because LanceDB takes every
such column for a vector and would refuse or blank its NaN. The dataset's name, key, roles and logical schema lie in the
table's own metadata, so they change in the same commit as the rows. A table that another program made has none of this
and is read as it is.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import pyarrow as pa
from sqlglot import exp

from polyroute.engines.contract import Dataset
from polyroute.sql.filters import Filter, Unsupported, to_lance
from polyroute.sql.types import cast_exact, is_json, logical_schema, pack_schema, unpack_schema

_MARK = b"polyroute"
_FORMAT = 1
_WRAPPED = "values"
_NAME = re.compile(r"[^\W\d_][\w \-]*")
_FOLDER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]{0,199}")
_TAKEN_FOR_VECTORS = ("vector", "embedding")


@dataclass(frozen=True, slots=True)
class Layout:
    """A dataset and the Lance schema it is stored under; `stored` gives the stored name of each column, `owned` tells
    that polyroute made the table.
    """

    dataset: Dataset
    schema: pa.Schema
    stored: Mapping[str, str] = field(default_factory=dict)
    owned: bool = True

    def names(self, columns: tuple[str, ...]) -> list[str]:
        """Return the stored names of some columns."""
        return [self.stored[c] for c in columns]

    def encode(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return a batch of the dataset's logical schema as it is stored."""
        arrays = [_to_stored(column, f.type) for column, f in zip(batch.columns, self.schema, strict=True)]
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)

    def decode(self, table: pa.Table, columns: tuple[str, ...]) -> pa.Table:
        """Return some columns of a stored table in the logical types."""
        fields = [self.dataset.schema.field(c) for c in columns]
        arrays = [_from_stored(table[self.stored[f.name]], f.type) for f in fields]
        return pa.table(arrays, schema=pa.schema(fields)) if fields else table.select([])

    def to_lance(self, where: Filter) -> str:
        """Write a filter over the dataset as Lance's filter over the stored columns.

        Raises `Unsupported` when Lance would not give exactly the same rows, as for a column that is stored as another
        type.
        """
        for column in where.columns:
            held = self.schema.field(self.stored[column]).type
            if held != where.schema.field(column).type and not pa.types.is_large_string(held):
                raise Unsupported("a column that is stored as another type")
        return to_lance(self._over_stored(where))

    def _over_stored(self, where: Filter) -> Filter:
        renamed = {c: self.stored[c] for c in where.columns if self.stored[c] != c}
        if not renamed:
            return where
        tree = where.expression.copy()
        for node in tree.find_all(exp.Column):
            if node.name in renamed:
                node.set("this", exp.to_identifier(renamed[node.name], quoted=True))
        return Filter(tree, where.values, pa.schema([f.with_name(self.stored[f.name]) for f in where.schema]))


def lay_out(dataset: Dataset) -> Layout:
    """Decide how a new dataset is stored."""
    vector = dataset.roles.get("vector")
    stored = _stored_names(dataset.schema, vector)
    fields = [pa.field(stored[f.name], stored_type(f.type, vector=f.name == vector)) for f in dataset.schema]
    mark = {
        "format": _FORMAT,
        "name": dataset.name,
        "key": list(dataset.key),
        "roles": dict(dataset.roles),
        "schema": pack_schema(dataset.schema),
        "columns": list(stored.values()),
    }
    return Layout(dataset, pa.schema(fields, metadata={_MARK: json.dumps(mark).encode()}), stored)


def read_layout(name: str, schema: pa.Schema) -> Layout:
    """Find out how an existing table is laid out, and what dataset it holds.

    Columns that another program added to a table of ours are taken as they are, those it removed are gone. Raises
    QUERY_INVALID when two columns have names that SQL cannot tell apart.
    """
    packed = (schema.metadata or {}).get(_MARK)
    if packed is None:
        return _foreign(name, schema)
    mark = json.loads(packed)
    logical = unpack_schema(mark["schema"])
    vector = mark["roles"].get("vector")
    known = dict(zip(mark["columns"], logical, strict=True))
    pairs = []
    for f in schema:
        ours = known.get(f.name)
        if ours is not None and stored_type(ours.type, vector=ours.name == vector) == f.type:
            pairs.append((ours, f.name))
        else:
            pairs.append((logical_schema(pa.schema([f])).field(0), f.name))
    held = {f.name for f, _ in pairs}
    key = tuple(mark["key"]) if held.issuperset(mark["key"]) else ()
    roles = {r: c for r, c in mark["roles"].items() if r != "vector" or c in held}
    dataset = Dataset(name, "vector", logical_schema(pa.schema([f for f, _ in pairs])), key, MappingProxyType(roles))
    return Layout(dataset, schema, {f.name: stored for f, stored in pairs})


def table_name(dataset: str) -> str:
    """Return the name of a dataset's table: its own where Lance can hold it, otherwise a digest of it."""
    if _FOLDER.fullmatch(dataset):
        return dataset
    return "dataset-" + hashlib.blake2b(dataset.encode(), digest_size=16).hexdigest()


def dataset_name(table: str, schema: pa.Schema) -> str:
    """Return the name of the dataset in a table: the remembered one where the table bears a digest, otherwise the
    table's own.
    """
    packed = (schema.metadata or {}).get(_MARK)
    name = table if packed is None else str(json.loads(packed)["name"])
    return name if table_name(name) == table else table


def stored_type(logical: pa.DataType, *, vector: bool = False) -> pa.DataType:
    """Return the type that a column of a logical type is stored as."""
    if pa.types.is_fixed_size_list(logical) and pa.types.is_floating(logical.value_type) and not vector:
        return pa.struct([(_WRAPPED, logical)])
    return _without_json(logical)


def refusal(logical: pa.DataType) -> str | None:
    """Tell why Lance cannot give a logical type back, or None; every case was seen to fail with LanceDB 0.40."""
    t = pa.types
    if is_json(logical):
        return None
    if t.is_fixed_size_list(logical):
        fixed = _innermost(logical)
        if t.is_null(fixed) or not (t.is_primitive(fixed) or t.is_fixed_size_binary(fixed) or t.is_boolean(fixed)):
            return "Lance keeps lists of a fixed size only of numbers, dates, times and other values of a fixed width"
        return "a list of size 0 cannot be kept" if 0 in _sizes(logical) else None
    if t.is_struct(logical):
        if logical.num_fields == 0:
            return "Lance keeps no structs without fields"
        if any(t.is_null(f.type) for f in logical):
            return "Lance keeps no struct field of type null"
        return "a field name holds a NUL character" if any("\0" in f.name for f in logical) else None
    return None if _leaf(logical) or t.is_list(logical) or t.is_map(logical) else "Lance does not keep this type"


def _leaf(logical: pa.DataType) -> bool:
    t = pa.types
    if t.is_interval(logical):
        return False
    return bool(
        t.is_null(logical)
        or t.is_primitive(logical)
        or t.is_decimal(logical)
        or t.is_string(logical)
        or t.is_binary(logical)
        or t.is_fixed_size_binary(logical)
    )


def _innermost(logical: pa.DataType) -> pa.DataType:
    while pa.types.is_fixed_size_list(logical):
        logical = logical.value_type
    return logical


def _sizes(logical: pa.DataType) -> list[int]:
    sizes = []
    while pa.types.is_fixed_size_list(logical):
        sizes.append(logical.list_size)
        logical = logical.value_type
    return sizes


def _without_json(logical: pa.DataType) -> pa.DataType:
    t = pa.types
    if is_json(logical):
        return pa.string()
    if t.is_list(logical):
        return pa.list_(_without_json(logical.value_type))
    if t.is_struct(logical):
        return pa.struct([pa.field(f.name, _without_json(f.type)) for f in logical])
    if t.is_map(logical):
        return pa.map_(_without_json(logical.key_type), _without_json(logical.item_type))
    return logical


def _stored_names(schema: pa.Schema, vector: str | None) -> dict[str, str]:
    taken = {n.lower() for n in schema.names}
    stored = {}
    for position, f in enumerate(schema):
        name = f.name
        if f.name != vector and not _keeps_name(f):
            name = _free(f"column_{position + 1}", taken)
        elif f.name == vector and not _NAME.fullmatch(f.name):
            name = _free("vector", taken)
        taken.add(name.lower())
        stored[f.name] = name
    return stored


def _keeps_name(f: pa.Field) -> bool:
    """Tell whether a column that is not the vector may keep its name; LanceDB pads or blanks lists of floats that
    bear a vector's name.
    """
    listed = pa.types.is_list(f.type) or pa.types.is_fixed_size_list(f.type)
    return _NAME.fullmatch(f.name) is not None and not (listed and f.name.lower() in _TAKEN_FOR_VECTORS)


def _free(stem: str, taken: set[str]) -> str:
    name, number = stem, 2
    while name in taken:
        name, number = f"{stem}_{number}", number + 1
    return name


def _foreign(name: str, schema: pa.Schema) -> Layout:
    logical = logical_schema(schema)
    vectors = [
        f.name for f in logical if pa.types.is_fixed_size_list(f.type) and pa.types.is_floating(f.type.value_type)
    ]
    roles = {"vector": vectors[0]} if len(vectors) == 1 else {}
    dataset = Dataset(name, "vector", logical, (), MappingProxyType(roles))
    return Layout(dataset, schema, {n: n for n in logical.names}, owned=False)


def _to_stored(column: pa.Array, stored: pa.DataType) -> pa.Array:
    t = pa.types
    if t.is_fixed_size_list(column.type) and t.is_struct(stored):
        return pa.StructArray.from_arrays([pa.concat_arrays([column])], fields=list(stored), mask=column.is_null())
    column = column if column.type == stored else column.cast(stored)
    # Lance's reader panics on slices of nested structs
    plain = not t.is_nested(stored) or t.is_fixed_size_list(stored)
    return column if plain else pa.concat_arrays([column])


def _from_stored(column: pa.ChunkedArray, logical: pa.DataType) -> pa.ChunkedArray:
    if pa.types.is_fixed_size_list(logical) and pa.types.is_struct(column.type):
        return pa.chunked_array([chunk.flatten()[0] for chunk in column.chunks], logical)
    return cast_exact(column, logical)

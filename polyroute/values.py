"""How logical values look in Python: one conversion between Arrow tables and tuples, the same for every engine.

Arrow's own conversion depends on what is installed (nanosecond timestamps become pandas objects where pandas is there),
so the types are first brought to those with one Python form: `datetime`, `date`, `time`, `timedelta` to the
microsecond, `Decimal`, `bytes`, `list`, `dict` for a struct, a list of pairs for a map. What is finer than a
microsecond is cut in tuples and kept in Arrow.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import pyarrow as pa

MIXED: Final = {b"polyroute": b"mixed"}
"""Field metadata of a JSON column whose tuples hold plain values of several types, not their JSON text."""


def unique_names(names: Sequence[str]) -> tuple[str, ...]:
    """Return the names with `_1`, `_2` ... appended to repeated ones.

    >>> unique_names(["a", "b", "a"])
    ('a', 'b', 'a_1')
    """
    if len(set(names)) == len(names):
        return tuple(names)
    taken: set[str] = set(names)
    seen: set[str] = set()
    unique = []
    for name in names:
        if name in seen:
            suffix = 1
            while f"{name}_{suffix}" in taken:
                suffix += 1
            name = f"{name}_{suffix}"
            taken.add(name)
        seen.add(name)
        unique.append(name)
    return tuple(unique)


def python_type(arrow_type: pa.DataType) -> pa.DataType:
    """Return the type with the same values, cut to microseconds, whose Python form is the same on every machine."""
    import pyarrow as pa

    types = pa.types
    if types.is_timestamp(arrow_type) and arrow_type.unit == "ns":
        return pa.timestamp("us", arrow_type.tz)
    if types.is_time64(arrow_type) and arrow_type.unit == "ns":
        return pa.time64("us")
    if types.is_duration(arrow_type) and arrow_type.unit == "ns":
        return pa.duration("us")
    if types.is_fixed_size_list(arrow_type):
        return pa.list_(_python_field(arrow_type.value_field), arrow_type.list_size)
    if types.is_list(arrow_type):
        return pa.list_(_python_field(arrow_type.value_field))
    if types.is_large_list(arrow_type):
        return pa.large_list(_python_field(arrow_type.value_field))
    if types.is_struct(arrow_type):
        return pa.struct([_python_field(f) for f in arrow_type])
    if types.is_map(arrow_type):
        return pa.map_(_python_field(arrow_type.key_field), _python_field(arrow_type.item_field))
    return arrow_type


def _python_field(field: pa.Field) -> pa.Field:
    return field.with_type(python_type(field.type))


def column_values(column: pa.ChunkedArray | pa.Array) -> list[object]:
    """Return one column as Python values."""
    wanted = python_type(column.type)
    if wanted != column.type:
        column = column.cast(wanted, safe=False)
    values: list[object] = column.to_pylist()
    return values


def rows_from_table(table: pa.Table | pa.RecordBatch) -> list[tuple[object, ...]]:
    """Return the rows of an Arrow table as tuples of Python values."""
    if table.num_columns == 0:
        return [()] * int(table.num_rows)
    return list(zip(*(column_values(c) for c in table.columns), strict=True))


def table_from_rows(columns: Sequence[str], rows: Iterable[Sequence[object]], schema: pa.Schema | None) -> pa.Table:
    """Build an Arrow table from tuples; without a schema the types are read off the values."""
    import pyarrow as pa

    names = unique_names(columns)
    data = list(zip(*rows, strict=True)) or [()] * len(names)
    if schema is None:
        return pa.table([pa.array(values) for values in data], names=list(names))
    arrays = [_array_of_field(values, field) for values, field in zip(data, schema, strict=True)]
    fields = [f.with_name(n).remove_metadata() for f, n in zip(schema, names, strict=True)]
    return pa.table(arrays, schema=pa.schema(fields))


def _array_of_field(values: Sequence[object], field: pa.Field) -> pa.Array:
    if field.metadata == MIXED:
        values = [None if value is None else json_text(value) for value in values]
    return array_from_values(values, field.type)


def json_text(value: object) -> str:
    """Return plain values as JSON text; NaN and the infinities, which JSON has not, become their names.

    >>> json_text({"a": [1, float("nan"), "x"]})
    '{"a": [1, "NaN", "x"]}'
    """
    return json.dumps(_finite(value), ensure_ascii=False, default=str)


def _finite(value: object) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, dict):
        return {str(key): _finite(item) for key, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, (list, tuple)) else value


def array_from_values(values: Sequence[object], arrow_type: pa.DataType) -> pa.Array:
    """Build an Arrow array of a logical type, the JSON type included at any depth, from Python values."""
    import pyarrow as pa

    # pyarrow builds no extension type inside a nested one, but casts to it
    stored = _stored_type(arrow_type)
    array = pa.array(values, stored)
    return array if stored is arrow_type else array.cast(arrow_type)


def _stored_type(arrow_type: pa.DataType) -> pa.DataType:
    """Return the type with its extension types replaced by what they are stored as; itself where there is none."""
    import pyarrow as pa

    types = pa.types
    if isinstance(arrow_type, pa.BaseExtensionType):
        return arrow_type.storage_type
    if not types.is_nested(arrow_type):
        return arrow_type
    if types.is_map(arrow_type):
        key, item = _stored_type(arrow_type.key_type), _stored_type(arrow_type.item_type)
        same = key == arrow_type.key_type and item == arrow_type.item_type
        return arrow_type if same else pa.map_(key, item)
    fields = [arrow_type.field(i) for i in range(arrow_type.num_fields)]
    stored = [f.with_type(_stored_type(f.type)) for f in fields]
    if stored == fields:
        return arrow_type
    if types.is_struct(arrow_type):
        return pa.struct(stored)
    if types.is_fixed_size_list(arrow_type):
        return pa.list_(stored[0], arrow_type.list_size)
    return pa.large_list(stored[0]) if types.is_large_list(arrow_type) else pa.list_(stored[0])

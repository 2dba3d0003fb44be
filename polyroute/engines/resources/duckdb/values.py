"""Arrow values on their way into DuckDB and back: exact, or refused by the name of the column.

DuckDB reads and writes Arrow itself; here is what it would do inexactly. It cuts durations to microseconds and shows
them as intervals of months, days and nanoseconds, labels zoned timestamps with its own zone, and gives JSON as plain
text.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from polyroute.engines.resources.duckdb.types import wire_type
from polyroute.errors import DatabaseErrorCode, QueryError, invalid, make_error
from polyroute.sql.types import is_json

Column: TypeAlias = "pa.Array | pa.ChunkedArray"

_DAY_US = 86_400_000_000
_MONTH_DAYS = 30
_MAX_DAYS = 106_751
"""The days of a duration whose nanoseconds still fit 64 bits: Arrow's intervals, in which DuckDB answers, hold no
more.
"""
_INTERVAL = np.dtype([("months", "<i4"), ("days", "<i4"), ("nanoseconds", "<i8")])


def encode(batch: pa.RecordBatch | pa.Table, schema: pa.Schema) -> pa.Table:
    """Return rows of a logical schema in the types in which DuckDB reads them exactly.

    Raises QUERY_INVALID, naming the column, for a value that DuckDB cannot keep.
    """
    columns = [_encoded(batch.column(i), field) for i, field in enumerate(schema)]
    return pa.Table.from_arrays(columns, names=schema.names)


def _encoded(column: Column, field: pa.Field) -> Column:
    wire = wire_type(field.type)
    if wire != column.type:
        try:
            column = column.cast(wire)
        except pa.ArrowInvalid as exc:
            raise _unkept(field) from exc
    if _has_interval(wire):
        for leaf in _leaves(column):
            if not _fits(leaf):
                raise _unkept(field)
    return column


def _unkept(field: pa.Field) -> QueryError:
    return invalid(
        f"a value of column {field.name!r} ({field.type}) is finer or larger than DuckDB keeps",
        hint="DuckDB keeps microseconds, and durations of at most 292 years",
    )


def _has_interval(arrow_type: pa.DataType) -> bool:
    t = pa.types
    if t.is_duration(arrow_type) or t.is_interval(arrow_type):
        return True
    if is_json(arrow_type) or not t.is_nested(arrow_type):
        return False
    return any(_has_interval(arrow_type.field(i).type) for i in range(arrow_type.num_fields))


def _leaves(column: Column) -> Iterator[pa.Array]:
    if isinstance(column, pa.ChunkedArray):
        for chunk in column.chunks:
            yield from _leaves(chunk)
        return
    t = pa.types
    if t.is_map(column.type):
        yield from _leaves(column.keys)
        yield from _leaves(column.items)
    elif t.is_list(column.type) or t.is_fixed_size_list(column.type):
        yield from _leaves(column.flatten())
    elif t.is_struct(column.type):
        for child in column.flatten():
            yield from _leaves(child)
    else:
        yield column


def _fits(leaf: pa.Array) -> bool:
    if pa.types.is_duration(leaf.type):
        reach = pc.min_max(leaf.cast(pa.int64()))
        low, high = reach["min"].as_py(), reach["max"].as_py()
        return low is None or max(-low, high) <= _MAX_DAYS * _DAY_US
    if pa.types.is_interval(leaf.type):
        return not (_intervals(leaf)["nanoseconds"] % 1_000).any()
    return True


def decode(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Return DuckDB's Arrow answer in a logical schema, column by column in the same order.

    Raises QUERY_EXECUTION_FAILED, naming the column, for a stored value that is none of the logical type.
    """
    columns = [_decoded(column, field) for column, field in zip(table.columns, schema, strict=True)]
    return pa.Table.from_arrays(columns, schema=schema)


def _decoded(column: pa.ChunkedArray, field: pa.Field) -> pa.ChunkedArray:
    if column.type.equals(field.type, check_metadata=True):  # which compares the names of list items too
        return column
    try:
        return pa.chunked_array([_rebuilt(chunk, field.type) for chunk in column.chunks], field.type)
    except (pa.ArrowInvalid, OverflowError) as exc:
        raise make_error(
            DatabaseErrorCode.QUERY_EXECUTION_FAILED,
            f"column {field.name!r} holds a value that is no {field.type}",
            hint="another program wrote it; correct it in DuckDB, or load the dataset anew",
        ) from exc


def _rebuilt(array: pa.Array, wanted: pa.DataType) -> pa.Array:
    """Cast an array, also where Arrow has no cast: from intervals to durations, however deep they lie."""
    t = pa.types
    if array.type.equals(wanted, check_metadata=True):
        return array
    if t.is_duration(wanted):
        return _durations(array).cast(wanted)
    if not _has_interval(wanted):
        return array.cast(wanted)
    nulls = array.is_null()
    if t.is_map(wanted):
        keys, items = _rebuilt(array.keys, wanted.key_type), _rebuilt(array.items, wanted.item_type)
        return pa.MapArray.from_arrays(array.offsets, keys, items, type=wanted, mask=nulls)
    if t.is_struct(wanted):
        children = [_rebuilt(array.field(i), f.type) for i, f in enumerate(wanted)]
        return pa.StructArray.from_arrays(children, fields=list(wanted), mask=nulls)
    values = _rebuilt(array.values, wanted.value_type)
    if t.is_fixed_size_list(wanted):
        return pa.FixedSizeListArray.from_arrays(values, type=wanted, mask=nulls)
    return pa.ListArray.from_arrays(array.offsets, values, type=wanted, mask=nulls)


def _durations(array: pa.Array) -> pa.Array:
    """Return intervals as durations; a month counts 30 days, as everywhere in DuckDB."""
    parts = _intervals(array)
    days = parts["months"].astype(np.int64) * _MONTH_DAYS + parts["days"]
    if (np.abs(days) > _MAX_DAYS).any():
        raise OverflowError("an interval of more than 292 years")
    microseconds = days * _DAY_US + parts["nanoseconds"] // 1_000
    nulls = array.is_null().to_numpy(zero_copy_only=False)
    return pa.array(microseconds, pa.int64(), mask=nulls).cast(pa.duration("us"))


def _intervals(array: pa.Array) -> np.ndarray[tuple[int], np.dtype[np.void]]:
    """Return the parts of an interval array; those of NULLs are 0."""
    buffer = array.buffers()[1]
    if buffer is None or not len(array):
        return np.zeros(len(array), _INTERVAL)
    parts = np.frombuffer(buffer, _INTERVAL, count=array.offset + len(array))[array.offset :].copy()
    parts[array.is_null().to_numpy(zero_copy_only=False)] = np.zeros((), _INTERVAL)
    return parts

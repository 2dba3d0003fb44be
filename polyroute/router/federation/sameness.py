"""Whether two answers are the same: as sequences or as multisets of rows, floats within a relative tolerance.

The run-time check asks this of a query's pushed and plain answers. Every column becomes one whole number per row, equal
where the values are equal, and its floats are laid aside to be compared by tolerance: all of it in bulk, nested types
included. What is told of a difference names columns, types and counts, never a value of the data.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from polyroute.router.federation.pairing import close, pair_up
from polyroute.sql.types import cast_exact, is_json, logical_type

Codes = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Floats:
    """The floats that lie at one place of a column: row i has `values[offsets[i]:offsets[i + 1]]`."""

    values: Numbers
    offsets: Codes


@dataclass(frozen=True, slots=True)
class _Column:
    """A column of both answers, one below the other: a code per row for all but its floats, and the floats."""

    codes: Codes
    floats: tuple[_Floats, ...] = ()


def same_answer(left: pa.Table, right: pa.Table, ordered: bool, *, order_by: Sequence[int] = ()) -> str | None:
    """Return None when two answers are the same, otherwise what differs, without values of the data.

    `ordered` answers are compared row by row. With `order_by`, the positions of the columns that the answer was
    ordered by, only these are: rows that tie may come in any order. Floats may differ by 1e-9 relative, NaN equals NaN,
    JSON is compared by value.

    >>> left = pa.table({"city": ["Paris", "Lyon"], "m": [0.1 + 0.2, None]})
    >>> same_answer(left, pa.table({"city": ["Lyon", "Paris"], "m": [None, 0.3]}), ordered=False)
    >>> same_answer(left, left.slice(1), ordered=False)
    'there are 2 rows and 1'
    """
    told = _headers(left, right)
    if told is not None or left.equals(right):
        return told
    told = _compared(left, right, ordered, order_by, canonical=False)
    if told is not None and any(_holds_json(logical_type(f.type)) for f in left.schema):
        told = _compared(left, right, ordered, order_by, canonical=True)
    return told


def _headers(left: pa.Table, right: pa.Table) -> str | None:
    if left.num_columns != right.num_columns:
        return f"there are {left.num_columns} columns and {right.num_columns}"
    for i, (a, b) in enumerate(zip(left.schema, right.schema, strict=True), 1):
        if a.name != b.name:
            return f"column {i} is named {a.name!r} and {b.name!r}"
        if logical_type(a.type) != logical_type(b.type):
            return f"column {a.name!r} is of type {logical_type(a.type)} and of type {logical_type(b.type)}"
    if left.num_rows != right.num_rows:
        return f"there are {left.num_rows:,} rows and {right.num_rows:,}"
    return None


def _compared(
    left: pa.Table, right: pa.Table, ordered: bool, order_by: Sequence[int], *, canonical: bool
) -> str | None:
    names, columns = left.column_names, []
    for i in range(left.num_columns):
        both = [*_logical(left.column(i)).chunks, *_logical(right.column(i)).chunks]
        columns.append(_coded(pa.concat_arrays(both) if both else pa.nulls(0), canonical))
    for i in order_by if ordered and order_by else range(len(columns)) if ordered else ():
        told = _in_order(columns[i], names[i])
        if told is not None:
            return told
    return None if ordered and not order_by else _in_any_order(columns, names)


def _in_order(column: _Column, name: str) -> str | None:
    rows = len(column.codes) // 2
    wrong = column.codes[:rows] != column.codes[rows:]
    if not wrong.any():
        for floats in column.floats:
            # the codes agree, so there are as many floats in each row of both
            middle = floats.offsets[rows]
            unlike = ~close(floats.values[:middle], floats.values[middle:])
            starts = np.searchsorted(floats.offsets[1 : rows + 1], np.nonzero(unlike)[0], side="right")
            wrong[starts] = True
    if not wrong.any():
        return None
    return f"column {name!r} differs in {wrong.sum():,} of {rows:,} rows, first in row {int(wrong.argmax()) + 1:,}"


def _in_any_order(columns: Sequence[_Column], names: Sequence[str]) -> str | None:
    if not columns or _alike(columns):
        return None
    for column, name in zip(columns, names, strict=True):
        if not _alike([column]):
            return f"column {name!r} holds other values, or other numbers of them"
    return "every column holds the same values, but the rows put them together differently"


def _alike(columns: Sequence[_Column]) -> bool:
    """Tell whether the two halves of columns hold the same rows, each as often."""
    groups = reduce(_combined, [c.codes for c in columns])
    rows = len(groups) // 2
    if not np.array_equal(np.sort(groups[:rows]), np.sort(groups[rows:])):
        return False
    floats = [f for c in columns for f in c.floats]
    if not floats:
        return True
    width = sum((np.diff(f.offsets) for f in floats), np.zeros(len(groups), np.int64))
    for wide in np.unique(width):
        chosen = np.nonzero(width == wide)[0]
        numbers = _gathered(floats, chosen, int(wide))
        is_left = chosen < rows
        own = groups[chosen]
        if wide and not pair_up(own[is_left], numbers[is_left], own[~is_left], numbers[~is_left]):
            return False
    return True


def _gathered(floats: Sequence[_Floats], rows: Codes, width: int) -> Numbers:
    """Return the floats of some rows, which have `width` each, as a matrix."""
    flat = np.empty(len(rows) * width)
    place = np.arange(len(rows), dtype=np.int64) * width
    for leaf in floats:
        starts, lengths = leaf.offsets[rows], leaf.offsets[rows + 1] - leaf.offsets[rows]
        within = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        flat[np.repeat(place, lengths) + within] = leaf.values[np.repeat(starts, lengths) + within]
        place += lengths
    return flat.reshape(len(rows), width)


def _logical(column: pa.ChunkedArray) -> pa.ChunkedArray:
    wanted = logical_type(column.type)
    return column if is_json(wanted) and is_json(column.type) else cast_exact(column, wanted)


def _holds_json(arrow_type: pa.DataType) -> bool:
    if is_json(arrow_type) or not pa.types.is_nested(arrow_type):
        return is_json(arrow_type)
    return any(_holds_json(arrow_type.field(i).type) for i in range(arrow_type.num_fields))


def _coded(array: pa.Array, canonical: bool) -> _Column:
    types = pa.types
    if isinstance(array, pa.ExtensionArray):
        return _coded(_canonical(array) if canonical and is_json(array.type) else array.storage, canonical)
    if types.is_map(array.type):
        entry = pa.struct([("key", array.type.key_type), ("value", array.type.item_type)])
        array = array.cast(pa.list_(entry))
    if types.is_struct(array.type):
        return _struct(array, canonical)
    if types.is_list(array.type) or types.is_fixed_size_list(array.type):
        return _list(array, canonical)
    valid = array.is_valid().to_numpy(zero_copy_only=False).astype(np.int64)
    if types.is_floating(array.type):
        values = pc.fill_null(array.cast(pa.float64()), 0.0).to_numpy(zero_copy_only=False)
        return _Column(valid, (_Floats(values, np.arange(len(array) + 1)),))
    return _Column(_numbered(array))


def _numbered(array: pa.Array) -> Codes:
    """Return a whole number per value, equal where the values are: NULL is 0."""
    indices = array.dictionary_encode().indices
    numbers: Codes = pc.fill_null(indices.cast(pa.int64()), -1).to_numpy(zero_copy_only=False) + 1
    return numbers


def _struct(array: pa.StructArray, canonical: bool) -> _Column:
    valid = array.is_valid().to_numpy(zero_copy_only=False).astype(np.int64)
    parts = [_coded(part, canonical) for part in array.flatten()]
    return _Column(reduce(_combined, [p.codes for p in parts], valid), tuple(f for p in parts for f in p.floats))


def _list(array: pa.Array, canonical: bool) -> _Column:
    lengths = pc.fill_null(pc.list_value_length(array).cast(pa.int64()), 0).to_numpy(zero_copy_only=False)
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
    items = _coded(array.flatten(), canonical)
    # a list is the bytes of the codes of its items, in as few bytes as hold the largest code
    codes = items.codes.astype(np.min_scalar_type(int(items.codes.max(initial=0))))
    buffers = [None, pa.py_buffer(offsets * codes.itemsize), pa.py_buffer(np.ascontiguousarray(codes))]
    texts = pa.LargeBinaryArray.from_buffers(pa.large_binary(), len(array), buffers)
    valid = array.is_valid().to_numpy(zero_copy_only=False).astype(np.int64)
    floats = tuple(_Floats(f.values, f.offsets[offsets]) for f in items.floats)
    return _Column(_combined(valid, _numbered(texts)), floats)


def _combined(a: Codes, b: Codes) -> Codes:
    """Return one number for every pair of two."""
    pairs = a * (int(b.max(initial=0)) + 1) + b
    numbers: Codes = np.unique(pairs, return_inverse=True)[1].astype(np.int64)
    return numbers


def _canonical(array: pa.ExtensionArray) -> pa.Array:
    """Return JSON texts with their keys sorted and their spaces gone, one that is no JSON as it is."""
    encoded = array.storage.dictionary_encode()
    return pa.array([_sorted(t) for t in encoded.dictionary.to_pylist()], pa.string()).take(encoded.indices)


def _sorted(text: str) -> str:
    try:
        return json.dumps(json.loads(text), sort_keys=True, ensure_ascii=False)
    except ValueError:
        return text

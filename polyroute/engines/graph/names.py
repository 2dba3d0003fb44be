"""Node ids and their numbers: how any column of ids becomes 0..n-1, and what to say about an id that no node bears.

Text, integers, dates go through Arrow's dictionary encoding; ids that Arrow has no one type for (text beside integers)
are numbered one by one. NULL and NaN are no node: their number is -1.
"""

from __future__ import annotations

import bisect
import difflib
from collections.abc import Hashable, Iterable, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from polyroute.errors import QueryError, invalid, unknown_name

Node: TypeAlias = Hashable
Numbers: TypeAlias = npt.NDArray[np.int64]

_COMPARED_NAMES = 5_000
_SHOWN_NEIGHBOURS = 3


def number_nodes(columns: Sequence[Any]) -> tuple[list[Node], Numbers]:
    """Number the distinct ids of some columns in order of first appearance.

    Returns the ids by number, and the numbers of all columns' values one column after the other.

    >>> names, numbers = number_nodes([["b", "a"], ["a", None, "c"]])
    >>> names, numbers.tolist()
    (['b', 'a', 'c'], [0, 1, 1, -1, 2])
    """
    try:
        arrays = [_plain(column) for column in columns if len(column)]
        if len({array.type for array in arrays}) != 1:
            return _number_one_by_one(columns)
        encoded = pa.concat_arrays(arrays).dictionary_encode()
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError):
        return _number_one_by_one(columns)
    return encoded.dictionary.to_pylist(), np.asarray(encoded.indices.fill_null(-1), dtype=np.int64)


def _plain(column: Any) -> pa.Array:
    """Return a column of ids as one Arrow array, in one type per kind so that int32 edges meet int64 nodes."""
    array = column if isinstance(column, (pa.Array, pa.ChunkedArray)) else pa.array(column, from_pandas=True)
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pa.types.is_integer(array.type) and not pa.types.is_uint64(array.type):
        return array.cast(pa.int64())
    if pa.types.is_floating(array.type):
        return pa.array(array.cast(pa.float64()).to_numpy(zero_copy_only=False), from_pandas=True)
    if pa.types.is_large_string(array.type) or pa.types.is_string_view(array.type):
        return array.cast(pa.string())
    return array


def _number_one_by_one(columns: Sequence[Any]) -> tuple[list[Node], Numbers]:
    numbers: dict[Node, int] = {}
    codes: list[int] = []
    for column in columns:
        for value in column.to_pylist() if isinstance(column, (pa.Array, pa.ChunkedArray)) else column:
            if not isinstance(value, Hashable):
                raise invalid(f"a graph node cannot be a {type(value).__name__}", hint="node ids are single values")
            missing = value is None or (isinstance(value, float) and value != value)
            codes.append(-1 if missing else numbers.setdefault(value, len(numbers)))
    return list(numbers), np.array(codes, dtype=np.int64)


def unknown_node(node: object, names: Sequence[Node]) -> QueryError:
    """Make the QUERY_INVALID error for an id that no node bears, with the ids nearest to it."""
    kinds = {type(name) for name in names}
    if isinstance(node, str) and str in kinds:
        return unknown_name("node", node, _comparable(node, (name for name in names if isinstance(name, str))))
    if isinstance(node, (int, float)) and not isinstance(node, bool) and kinds & {int, float}:
        nearest = _nearest_numbers(node, (name for name in names if isinstance(name, (int, float))))
        return invalid(f"no node {node!r}; the nearest are {', '.join(map(repr, nearest))}")
    if type(node) in kinds:
        return invalid(f"no node {node!r}", hint=_example(names))
    return invalid(f"no node of type {type(node).__name__}", hint=_example(names))


def _example(names: Sequence[Node]) -> str:
    if not names:
        return "the graph has no nodes"
    return f"node ids are {type(names[0]).__name__}, such as {names[0]!r}"


def _nearest_numbers(node: float, numbers: Iterable[float]) -> list[float]:
    ordered = sorted(numbers)
    at = bisect.bisect(ordered, node)
    around = ordered[max(0, at - _SHOWN_NEIGHBOURS) : at + _SHOWN_NEIGHBOURS]
    return sorted(around, key=lambda number: abs(number - node))[:_SHOWN_NEIGHBOURS]


def _comparable(node: str, names: Iterable[str]) -> list[str]:
    """Choose the names worth comparing letter by letter: in a large graph those of like length and beginning."""
    held = list(names)
    if len(held) <= _COMPARED_NAMES:
        return held
    folded = node.casefold()
    near = [name for name in held if abs(len(name) - len(node)) <= 2 and name[:1].casefold() == folded[:1]]
    close = [name for name in near if difflib.SequenceMatcher(None, folded, name.casefold()).quick_ratio() > 0.6]
    return close[:_COMPARED_NAMES] or held[:_COMPARED_NAMES]

"""Hold the values of an IN list, of which a semi-join may send tens of thousands: looked at once, shared by renderers.

A list whose values all are of the column's own kind is taken as it is; no Python code runs per value. What a renderer
makes of the list (JSON text, an Arrow array) is kept with it, so that negotiating a scan and running it make it once.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Hashable, Iterable
from functools import cached_property
from typing import TypeVar, cast

import numpy as np
import pyarrow as pa

from polyroute.sql.filters.exact import Domain, domain

T = TypeVar("T")

_PLAIN: dict[Domain, type] = {
    "integer": int,
    "float": float,
    "string": str,
    "bool": bool,
    "date": dt.date,
    "timestamp": dt.datetime,
    "zoned": dt.datetime,
    "time": dt.time,
    "binary": bytes,
}
_LARGEST_INTEGER = 2**127 - 1


class InList(tuple[object, ...]):
    """The values of an IN list, without NULLs: a tuple that remembers what was found out about it.

    >>> listed = InList((3, -7))
    >>> listed.kinds, listed.reach
    (frozenset({<class 'int'>}), 7)
    """

    @cached_property
    def kinds(self) -> frozenset[type]:
        """The types of the values."""
        return frozenset(map(type, self))

    @cached_property
    def reach(self) -> int:
        """The largest magnitude among whole numbers, to be asked of nothing else; 0 where there are none."""
        numbers = cast("tuple[int, ...]", self)
        return max(max(numbers), -min(numbers)) if numbers else 0

    @cached_property
    def has_nul(self) -> bool:
        """Whether one of the texts, to be asked of nothing else, holds a NUL character."""
        return "\0" in "".join(cast("tuple[str, ...]", self))

    @cached_property
    def _made(self) -> dict[Hashable, object]:
        return {}

    def once(self, form: Hashable, make: Callable[[], T]) -> T:
        """Return the list in another form, made when it is first asked for; `form` names it and all it depends on."""
        if form not in self._made:
            self._made[form] = make()
        return cast("T", self._made[form])


def in_list_of_kind(given: object, type_: pa.DataType | None) -> InList | None:
    """Return a parameter as the list of an IN where its values are of the kind of the column's type, NULLs left out.

    None means that the values need a closer look, one by one, or that the parameter is no list.

    >>> in_list_of_kind(pa.array([1, None, 2]), pa.int64()), in_list_of_kind(["1"], pa.int64())
    ((1, 2), None)
    """
    kind = None if type_ is None else domain(type_)
    if kind is None or kind not in _PLAIN:
        return None
    values = _values(given, kind)
    if values is None:
        return None
    listed = InList(values)
    if type(None) in listed.kinds:
        listed = InList(value for value in listed if value is not None)
    return listed if listed.kinds <= {_PLAIN[kind]} and _is_settled(listed, kind) else None


def _values(given: object, kind: Domain) -> Iterable[object] | None:
    if isinstance(given, InList | list | tuple | set | frozenset):
        return given
    if isinstance(given, np.ndarray) and given.ndim == 1:
        return cast("list[object]", given.tolist())
    if isinstance(given, pa.Array | pa.ChunkedArray):
        return _of_arrow(given, kind)
    return None


def _of_arrow(array: pa.Array | pa.ChunkedArray, kind: Domain) -> Iterable[object] | None:
    if pa.types.is_dictionary(array.type):
        array = array.cast(array.type.value_type)
    if domain(array.type) != kind:
        return None
    held = array.drop_null()
    # numpy makes these Python values several times faster than Arrow does
    fast = kind in ("integer", "string", "date", "timestamp")
    values: list[object] = held.to_numpy(zero_copy_only=False).tolist() if fast else held.to_pylist()
    return values


def _is_settled(values: InList, kind: Domain) -> bool:
    """Tell whether looking at the values one by one would change or refuse none of them."""
    match kind:
        case "integer":
            return values.reach <= _LARGEST_INTEGER
        case "string":
            return _is_utf8("".join(cast("tuple[str, ...]", values)))
        case "timestamp" | "zoned":
            zone = None if kind == "timestamp" else dt.UTC
            return all(value.tzinfo is zone for value in cast("tuple[dt.datetime, ...]", values))
        case _:
            return True


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True

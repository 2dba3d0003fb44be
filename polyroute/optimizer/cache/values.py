"""Values of a question as texts that are equal only where the values are: 1, 1.0, True and '1' stay apart."""

from __future__ import annotations

import datetime as dt
import hashlib
from array import array
from collections.abc import Hashable, Mapping
from decimal import Decimal
from typing import cast
from uuid import UUID

import numpy as np

_BY_REPR = frozenset({
    str, int, float, bool, type(None), bytes, Decimal, UUID, dt.datetime, dt.date, dt.time, dt.timedelta,
})  # fmt: skip


_SHORT = 16


class Uncacheable(Exception):
    """Say that a question cannot be told from others by its values, so its answer is not kept."""


def exact(value: object) -> str:
    """Return a text for a value; two values of one text mean the same in every question.

    Raises Uncacheable for a type whose values cannot be compared so.

    >>> [exact(v) for v in (1, 1.0, True, "1", [1, None])]
    ['1', '1.0', 'True', "'1'", '[1,None]']
    """
    kind = type(value)
    if kind in _BY_REPR:
        return repr(value)
    if isinstance(value, np.ndarray) and value.dtype != object:
        digest = hashlib.blake2b(np.ascontiguousarray(value).tobytes(), digest_size=16).hexdigest()
        return f"array({value.dtype.str},{value.shape},{digest})"
    if isinstance(value, np.generic):
        return f"numpy({value.dtype.str},{value.item()!r})"
    if isinstance(value, list):
        return f"[{','.join(map(exact, value))}]"
    if isinstance(value, tuple):
        return f"({','.join(map(exact, value))})"
    if isinstance(value, set | frozenset):
        return f"set({','.join(sorted(map(exact, value)))})"
    if isinstance(value, Mapping):
        return f"{{{','.join(f'{exact(k)}:{exact(v)}' for k, v in value.items())}}}"
    raise Uncacheable(kind.__name__)


def _digest(values: list[object]) -> str:
    """Return a digest of a long list, a query vector for instance, so that its key is short."""
    if set(map(type, values)) == {float}:
        return "floats " + hashlib.blake2b(array("d", cast("list[float]", values)), digest_size=16).hexdigest()
    text = exact(values).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(text, digest_size=16).hexdigest()


def as_given(value: object) -> Hashable:
    """Return a value as it was given in a form that can be looked up fast; equal forms mean the same value.

    Raises Uncacheable as `exact` does.
    """
    kind = type(value)
    if kind is str or value is None or kind is bool:
        # True is not 1 here, because whole numbers never stand alone
        return value
    if kind is int:
        return (kind, value)
    if kind is float:
        # 0.0 and -0.0 are equal, NaN is not equal to itself
        return (kind, repr(value))
    if kind is list or kind is tuple:
        values = cast("list[object]", value)
        return (kind, _digest(values)) if len(values) > _SHORT else (kind, *map(as_given, values))
    if kind is dict:
        items = cast("dict[object, object]", value).items()
        return (kind, *[(key if type(key) is str else (exact(key),), as_given(held)) for key, held in items])
    return (exact(value), kind)

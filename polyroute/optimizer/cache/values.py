"""Values of a question as texts that are equal only where the values are: 1, 1.0, True and '1' stay apart."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Hashable, Mapping
from decimal import Decimal
from uuid import UUID

import numpy as np

_BY_REPR = frozenset({
    str, int, float, bool, type(None), bytes, Decimal, UUID, dt.datetime, dt.date, dt.time, dt.timedelta,
})  # fmt: skip


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


def as_given(value: object) -> Hashable:
    """Return a value as it was given in a form that can be looked up fast; equal forms mean the same value.

    Raises Uncacheable as `exact` does.
    """
    kind = type(value)
    if kind is str or value is None:
        return value
    if kind is int or kind is bool:
        return (kind, value)
    if kind is float:
        # 0.0 and -0.0 are equal, NaN is not equal to itself
        return (kind, repr(value))
    if kind is tuple or kind is list:
        return (kind, *map(as_given, value))  # type: ignore[call-overload]
    return exact(value), kind

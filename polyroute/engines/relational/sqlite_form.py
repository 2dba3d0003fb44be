"""What a stored form is: the declaration of a column and the two ways between logical and stored values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

Encode = Callable[[pa.Array], list[Any]]
Decode = Callable[[Sequence[Any]], pa.Array]
Value = Callable[[Any], Any]


class OutOfRange(ValueError):
    """Say why a value of a column cannot be stored, without showing it."""


@dataclass(frozen=True, slots=True)
class Form:
    """How one type is stored.

    Attributes:
        type: the logical type.
        declared: the column's type in a STRICT table; 'ANY' converts nothing.
        check: a condition on the column, written `{}`, or None.
        encode: from an Arrow array to stored values; raises `OutOfRange` for one that SQLite cannot hold.
        decode: from stored values to an Arrow array.
        encode_value: the same for one value that is not None; None where the two are the same.
        decode_value: the same for one value that is not None; None where the two are the same.
        ordered: whether stored values compare and order as the logical values do.
    """

    type: pa.DataType
    declared: str
    check: str | None
    encode: Encode
    decode: Decode
    encode_value: Value | None = None
    decode_value: Value | None = None
    ordered: bool = True


def listed(array: pa.Array) -> list[Any]:
    """Return the values of an array whose Python form is the stored form."""
    values: list[Any] = array.to_pylist()
    return values


def by_int64(arrow_type: pa.DataType) -> Decode:
    """Decode whole numbers by a cast."""
    return lambda values: pa.array(values, pa.int64()).cast(arrow_type)


def by_text(arrow_type: pa.DataType) -> Decode:
    """Decode texts by a cast."""
    return lambda values: pa.array(values, pa.string()).cast(arrow_type)

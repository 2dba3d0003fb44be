"""Logical values as JSON, and back: for engines that keep nested or typed values as text.

The logical type drives both ways, so no marker is needed: a date is ISO text, a decimal its digits, bytes base64, NaN
and the infinities their names. What comes back equals what went in, in value and type.
"""

from __future__ import annotations

import base64
import datetime as dt
import math
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any

import pyarrow as pa

from polyroute.sql.types import is_json

Convert = Callable[[Any], Any]

_NOT_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def encode_float(value: float) -> float | str:
    """Return a finite float as it is, and the others as text.

    >>> encode_float(1.5), encode_float(float("nan"))
    (1.5, 'NaN')
    """
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def decode_float(value: float | str) -> float:
    """Read back a float written by `encode_float`."""
    return _NOT_FINITE[value] if isinstance(value, str) else float(value)


def encode_timestamp(value: dt.datetime) -> str:
    """Return a timestamp as text that sorts in time order: UTC, a space, six digits of fraction.

    >>> encode_timestamp(dt.datetime(2013, 1, 1, 5, 15))
    '2013-01-01 05:15:00.000000'
    """
    if value.tzinfo is not None:
        value = value.astimezone(dt.UTC).replace(tzinfo=None)
    return value.isoformat(" ", "microseconds")


def _decode_zoned(value: str) -> dt.datetime:
    return dt.datetime.fromisoformat(value).replace(tzinfo=dt.UTC)


def _encode_duration(value: dt.timedelta) -> int:
    return (value.days * 86_400 + value.seconds) * 1_000_000 + value.microseconds


def _decode_duration(value: int) -> dt.timedelta:
    return dt.timedelta(microseconds=value)


def _encode_bytes(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")


@lru_cache(maxsize=512)
def encoder(arrow_type: pa.DataType) -> Convert | None:
    """Return the function from a non-NULL logical value to its JSON form, or None where they are the same."""
    t = pa.types
    if t.is_floating(arrow_type):
        return encode_float
    if t.is_date(arrow_type) or t.is_time(arrow_type):
        return _isoformat
    if t.is_timestamp(arrow_type):
        return encode_timestamp
    if t.is_decimal(arrow_type):
        return str
    if t.is_duration(arrow_type):
        return _encode_duration
    if t.is_binary(arrow_type) or t.is_fixed_size_binary(arrow_type):
        return _encode_bytes
    return _nested(arrow_type, encoder, encoding=True)


@lru_cache(maxsize=512)
def decoder(arrow_type: pa.DataType) -> Convert | None:
    """Return the function from the JSON form of a non-NULL value back to it, or None where they are the same."""
    t = pa.types
    if t.is_floating(arrow_type):
        return decode_float
    if t.is_date(arrow_type):
        return dt.date.fromisoformat
    if t.is_time(arrow_type):
        return dt.time.fromisoformat
    if t.is_timestamp(arrow_type):
        return dt.datetime.fromisoformat if arrow_type.tz is None else _decode_zoned
    if t.is_decimal(arrow_type):
        return Decimal
    if t.is_duration(arrow_type):
        return _decode_duration
    if t.is_binary(arrow_type) or t.is_fixed_size_binary(arrow_type):
        return base64.b64decode
    return _nested(arrow_type, decoder, encoding=False)


def _isoformat(value: dt.date | dt.time) -> str:
    return value.isoformat()


def _nested(
    arrow_type: pa.DataType, convert: Callable[[pa.DataType], Convert | None], *, encoding: bool
) -> Convert | None:
    t = pa.types
    if is_json(arrow_type):
        return None
    if t.is_list(arrow_type) or t.is_fixed_size_list(arrow_type):
        return _for_list(convert(arrow_type.value_type))
    if t.is_struct(arrow_type):
        return _for_struct({f.name: convert(f.type) for f in arrow_type})
    if t.is_map(arrow_type):
        return _for_map(convert(arrow_type.key_type), convert(arrow_type.item_type), encoding=encoding)
    return None


def _for_list(item: Convert | None) -> Convert | None:
    if item is None:
        return None
    return lambda values: [None if v is None else item(v) for v in values]


def _for_struct(converters: Mapping[str, Convert | None]) -> Convert:
    def convert(value: Mapping[str, Any]) -> dict[str, Any]:
        return {
            name: held if held is None or function is None else function(held)
            for name, function in converters.items()
            for held in (value.get(name),)
        }

    return convert


def _for_map(key: Convert | None, item: Convert | None, *, encoding: bool) -> Convert:
    def convert(pairs: Any) -> list[Any]:
        entries = pairs.items() if isinstance(pairs, Mapping) else pairs
        made = [(key(k) if key else k, v if v is None or item is None else item(v)) for k, v in entries]
        return [list(pair) for pair in made] if encoding else made

    return convert

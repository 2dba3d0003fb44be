"""Give a value the type of what it is compared with, as DuckDB's implicit cast would.

A value stays as it is wherever converting it might change an answer: DuckDB then converts it, and the other renderers
decline. A text that is no value of the type, and a value that no cast brings together with the type, are refused
here, before any engine is asked.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING
from uuid import UUID

import pyarrow as pa

from polyroute.errors import invalid
from polyroute.sql.filters.casts import duckdb_type, read_as
from polyroute.sql.types import is_json

if TYPE_CHECKING:
    from polyroute.errors import QueryError

_SCALARS = (bool, int, float, Decimal, str, bytes, dt.date, dt.time, dt.timedelta, UUID)
_NUMBERS = (bool, int, float, Decimal)
_LARGEST_INTEGER = 2**127 - 1
_EXACT_DOUBLE = 2**53

_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\d(?:[ T]\d\d:\d\d:\d\d(?:\.\d{1,6})?)?")
_ZONED = re.compile(_TIMESTAMP.pattern + r"(?:\+00)?")
_TIME = re.compile(r"\d\d:\d\d:\d\d(?:\.\d{1,6})?")
_INTEGER = re.compile(r"-?\d{1,39}")
_DECIMAL = re.compile(r"-?\d{1,38}(?:\.\d{1,38})?")
_FLOAT = re.compile(r"-?(?:\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|inf|nan)")


def normalise(value: object, what: str) -> object:
    """Bring a parameter to plain Python: numpy and Arrow scalars to their values, sequences to tuples.

    Raises:
        QueryError: QUERY_INVALID for what is no value of SQL.
    """
    if value is None or type(value) in (bool, int, float):
        return value
    if isinstance(value, int | float):  # a subclass, such as numpy's float64 or an IntEnum
        return int(value) if isinstance(value, int) else float(value)
    if isinstance(value, str):
        return _checked_text(value, what)
    if isinstance(value, dt.datetime):
        return _plain_datetime(value, what)
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise invalid(f"{what} is a decimal that is not finite", hint="give float('nan') or float('inf') instead")
        return value
    if isinstance(value, _SCALARS):
        return value
    if isinstance(value, bytearray | memoryview):
        return bytes(value)
    if isinstance(value, list | tuple | set | frozenset):
        return tuple(normalise(item, what) for item in value)
    return _foreign(value, what)


def coerce(value: object, type_: pa.DataType | None, what: str, *, alone: bool = True) -> object:
    """Give a normalised value the type it is compared with.

    Args:
        value: the value; None stays NULL.
        type_: the Arrow type of the other side, or None where it is not known.
        what: how a message calls the value; values are never shown.
        alone: whether nothing else is compared in the same IN or BETWEEN, where DuckDB would look for a type common
            to all.

    Raises:
        QueryError: QUERY_INVALID when the value cannot be compared with the type.
    """
    if value is None or type_ is None:
        return value
    if pa.types.is_nested(type_):
        return value
    if isinstance(value, tuple):
        raise invalid(f"{what} is a list, compared with a single {type_}", hint="write IN instead of =")
    if isinstance(value, str):
        return _from_text(value, type_, what, alone=alone)
    if not _comparable(value, type_):
        raise invalid(
            f"{what} is of type {type(value).__name__}, which cannot be compared with a {type_}",
            hint=f"give a value of type {type_}, or CAST one side",
        )
    return _converted(value, type_)


def is_exact_double(value: Decimal) -> bool:
    """Tell whether DuckDB's DECIMAL to DOUBLE cast, a division by a power of ten, rounds as Python's float() does."""
    _, digits, exponent = value.as_tuple()
    unscaled = int("".join(map(str, digits)))
    return isinstance(exponent, int) and -22 <= exponent <= 0 and unscaled < _EXACT_DOUBLE


def _converted(value: object, type_: pa.DataType) -> object:
    """Convert between kinds where the result compares the same beside any other value."""
    if pa.types.is_timestamp(type_) and isinstance(value, dt.date):
        return _as_timestamp(value, zoned=type_.tz is not None)
    if isinstance(value, Decimal) and pa.types.is_floating(type_) and is_exact_double(value):
        number = float(value)
        if pa.types.is_float64(type_) or (Decimal(number) == value and _is_single(number)):
            return number
    return value


def _as_timestamp(value: dt.date, *, zoned: bool) -> dt.datetime:
    stamp = value if isinstance(value, dt.datetime) else dt.datetime.combine(value, dt.time())
    if zoned:
        return stamp.astimezone(dt.UTC) if stamp.tzinfo else stamp.replace(tzinfo=dt.UTC)
    return stamp.astimezone(dt.UTC).replace(tzinfo=None) if stamp.tzinfo else stamp


def _is_single(number: float) -> bool:
    mantissa, _ = math.frexp(number)
    return (mantissa * 2**24).is_integer() and (number == 0 or 1e-30 < abs(number) < 1e30)


def _comparable(value: object, type_: pa.DataType) -> bool:
    """Tell whether DuckDB has a cast that brings the two together at all."""
    if is_json(type_) or isinstance(type_, pa.BaseExtensionType) or pa.types.is_null(type_):
        return True
    if pa.types.is_string(type_) or pa.types.is_large_string(type_):
        return not isinstance(value, UUID | bytes)
    if pa.types.is_boolean(type_):
        return isinstance(value, _NUMBERS)
    if pa.types.is_integer(type_) or pa.types.is_floating(type_) or pa.types.is_decimal(type_):
        return isinstance(value, _NUMBERS) and (not isinstance(value, int) or abs(value) <= _LARGEST_INTEGER)
    if pa.types.is_date(type_) or pa.types.is_timestamp(type_):
        return isinstance(value, dt.date)
    if pa.types.is_time(type_):
        return isinstance(value, dt.time)
    if pa.types.is_duration(type_) or pa.types.is_interval(type_):
        return isinstance(value, dt.timedelta)
    if pa.types.is_binary(type_) or pa.types.is_large_binary(type_) or pa.types.is_fixed_size_binary(type_):
        return isinstance(value, bytes | UUID)
    return True


def _from_text(text: str, type_: pa.DataType, what: str, *, alone: bool) -> object:
    name = duckdb_type(type_)
    if name is None:
        return text
    plain = _plain_reader(type_)
    value = plain(text)
    if value is not None:
        return value
    spelled = read_as(text, name)
    if spelled is None:
        if not alone and _is_number(type_) and read_as(text, "DOUBLE") is not None:
            return text
        raise _unreadable(type_, what)
    value = plain(spelled) if alone else None
    return text if value is None else value


def _is_number(type_: pa.DataType) -> bool:
    return bool(pa.types.is_integer(type_) or pa.types.is_decimal(type_) or pa.types.is_floating(type_))


def _plain_reader(type_: pa.DataType) -> Callable[[str], object | None]:
    """Give the reader of a type's plain spellings, those that DuckDB and Python read alike."""
    if pa.types.is_date(type_):
        return _read_date
    if pa.types.is_timestamp(type_):
        read = _read_zoned if type_.tz is not None else _read_timestamp
        return lambda text: _whole(read(text), type_.unit)
    if pa.types.is_time(type_):
        return _read_time
    if pa.types.is_boolean(type_):
        return {"true": True, "false": False}.get
    if pa.types.is_decimal(type_):
        return lambda text: _read_decimal(text, type_)
    if pa.types.is_integer(type_):
        return lambda text: _read_integer(text, type_)
    return _read_float if pa.types.is_float64(type_) else _read_single


def _read_date(text: str) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text) if _DATE.fullmatch(text) else None
    except ValueError:
        return None


def _read_timestamp(text: str) -> dt.datetime | None:
    try:
        return dt.datetime.fromisoformat(text) if _TIMESTAMP.fullmatch(text) else None
    except ValueError:
        return None


def _whole(stamp: dt.datetime | None, unit: str) -> dt.datetime | None:
    """Keep what a coarser clock can show; DuckDB rounds the rest."""
    steps = {"s": 1_000_000, "ms": 1_000, "us": 1}
    return stamp if stamp is not None and stamp.microsecond % steps[unit] == 0 else None


def _read_zoned(text: str) -> dt.datetime | None:
    stamp = _read_timestamp(text.removesuffix("+00")) if _ZONED.fullmatch(text) else None
    return None if stamp is None else stamp.replace(tzinfo=dt.UTC)


def _read_time(text: str) -> dt.time | None:
    try:
        return dt.time.fromisoformat(text) if _TIME.fullmatch(text) else None
    except ValueError:
        return None


def _read_integer(text: str, type_: pa.DataType) -> int | None:
    if not _INTEGER.fullmatch(text):
        return None
    value = int(text)
    bits = type_.bit_width
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1)) if pa.types.is_signed_integer(type_) else (0, 2**bits)
    return value if low <= value < high else None


def _read_decimal(text: str, type_: pa.DataType) -> Decimal | None:
    if not _DECIMAL.fullmatch(text):
        return None
    whole, _, fraction = text.lstrip("-").partition(".")
    fits = len(fraction) <= type_.scale and len(whole.lstrip("0")) <= type_.precision - type_.scale
    return Decimal(text) if fits else None


def _read_float(text: str) -> float | None:
    return float(text) if _FLOAT.fullmatch(text) else None


def _read_single(text: str) -> float | None:
    number = _read_float(text)
    return number if number is not None and (not math.isfinite(number) or _is_single(number)) else None


def _checked_text(value: str, what: str) -> str:
    try:
        return value.encode().decode()
    except UnicodeEncodeError as error:
        raise invalid(f"{what} is a text with half of a surrogate pair", hint="give valid Unicode text") from error


def _plain_datetime(value: dt.datetime, what: str) -> dt.datetime:
    """Unwrap subclasses such as pandas.Timestamp, whose nanoseconds Python cannot hold."""
    if getattr(value, "nanosecond", 0):
        raise invalid(f"{what} has nanoseconds, which a filter value cannot hold", hint="round it to microseconds")
    if type(value) is dt.datetime:
        return value
    if value != value:
        raise invalid(f"{what} is not a time", hint="give None for NULL")
    return dt.datetime(*value.timetuple()[:6], value.microsecond, tzinfo=value.tzinfo)


def _foreign(value: object, what: str) -> object:
    """Unwrap the scalars and arrays of Arrow, numpy and their like; refuse what is no value."""
    for method in ("as_py", "to_pylist", "tolist"):
        unwrap = getattr(value, method, None)
        if callable(unwrap) and not isinstance(value, Mapping):
            plain = unwrap()
            if type(plain) is not type(value):
                return normalise(plain, what)
    raise invalid(
        f"{what} is of type {type(value).__name__}, which is no value of a filter",
        hint="give numbers, texts, bytes, dates, times, or a list of them",
    )


def _unreadable(type_: pa.DataType, what: str) -> QueryError:
    return invalid(
        f"{what} is a text that does not spell a {type_}",
        hint="write dates as '2024-12-31', timestamps as '2024-12-31 23:59:59', numbers with a point",
    )

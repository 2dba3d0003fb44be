"""The stored forms of dates, times, timestamps and durations: text of one width per type, in time order, or ticks."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from polyroute.engines.relational.sqlite_form import Decode, Form, OutOfRange, Value, by_int64, by_text, listed
from polyroute.sql import codec

_DAYS = (-719_162, 2_932_896)  # 0001-01-01 and 9999-12-31: what Python and text order can hold
_SECONDS = (-62_135_596_800, 253_402_300_800)
_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}


def time_form(arrow_type: pa.DataType) -> Form | None:
    """Return the form of a type of time, or None for another type."""
    t = pa.types
    if t.is_date(arrow_type):
        decode = by_text(arrow_type)
        return Form(arrow_type, "TEXT", "{} GLOB '????-??-??'", _dates, decode, _iso, dt.date.fromisoformat)
    if t.is_timestamp(arrow_type):
        check = f"{{}} GLOB '????-??-?? ??:??:??.{_digits(arrow_type)}'"
        encode_value = _padded(codec.encode_timestamp, arrow_type)
        return Form(
            arrow_type,
            "TEXT",
            check,
            _timestamps,
            _as_timestamps(arrow_type),
            encode_value,
            _read_timestamp(arrow_type),
        )
    if t.is_time(arrow_type):
        check = f"{{}} GLOB '??:??:??.{_digits(arrow_type)}'"
        encode_value = _padded(_time_text, arrow_type)
        return Form(arrow_type, "TEXT", check, _times, _as_times(arrow_type), encode_value, dt.time.fromisoformat)
    if t.is_duration(arrow_type):
        ticks = _duration_ticks(arrow_type)
        return Form(arrow_type, "INTEGER", None, _durations, by_int64(arrow_type), ticks, _read_duration(arrow_type))
    return None


def _iso(value: dt.date) -> str:
    return value.isoformat()


def _dates(array: pa.Array) -> list[Any]:
    _require_within(array.cast(pa.int32()), _DAYS[0], _DAYS[1], "a date outside the years 1 to 9999")
    return listed(array.cast(pa.string()))


def _timestamps(array: pa.Array) -> list[Any]:
    unit = array.type.unit
    low, high = (s * _PER_SECOND[unit] for s in _SECONDS)
    if unit != "ns":  # whose whole range lies within
        _require_within(array.cast(pa.int64()), low, high - 1, "a timestamp outside the years 1 to 9999")
    wide = pa.timestamp("ns" if unit == "ns" else "us")
    return listed(array.cast(pa.timestamp(unit)).cast(wide).cast(pa.string()))


def _as_timestamps(arrow_type: pa.TimestampType) -> Decode:
    wide = pa.timestamp("ns" if arrow_type.unit == "ns" else "us")

    def decode(values: Sequence[Any]) -> pa.Array:
        return pa.array(values, pa.string()).cast(wide).cast(pa.timestamp(arrow_type.unit)).cast(arrow_type)

    return decode


def _read_timestamp(arrow_type: pa.TimestampType) -> Value:
    if arrow_type.tz is None:
        return dt.datetime.fromisoformat
    zone = pa.lib.string_to_tzinfo(arrow_type.tz)
    return lambda text: dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC).astimezone(zone)


def _times(array: pa.Array) -> list[Any]:
    unit = array.type.unit
    ticks = array.cast(pa.int32() if array.type.bit_width == 32 else pa.int64())
    _require_within(ticks, 0, 86_400 * _PER_SECOND[unit] - 1, "a time outside 00:00 to 24:00")
    return listed(array.cast(pa.time64("ns" if unit == "ns" else "us")).cast(pa.string()))


def _as_times(arrow_type: pa.DataType) -> Decode:
    unit = "ns" if arrow_type.unit == "ns" else "us"

    def decode(values: Sequence[Any]) -> pa.Array:
        # Arrow reads no times from text, but timestamps
        moments = pc.binary_join_element_wise("1970-01-01", pa.array(values, pa.string()), " ")
        return moments.cast(pa.timestamp(unit)).cast(pa.time64(unit)).cast(arrow_type)

    return decode


def _time_text(value: dt.time) -> str:
    return value.isoformat("microseconds")


def _digits(arrow_type: pa.DataType) -> str:
    return "?" * (9 if arrow_type.unit == "ns" else 6)


def _padded(text_of: Value, arrow_type: pa.DataType) -> Value:
    if arrow_type.unit != "ns":
        return text_of
    return lambda value: text_of(value) + "000"


def _durations(array: pa.Array) -> list[Any]:
    return listed(array.cast(pa.int64()))


def _duration_ticks(arrow_type: pa.DataType) -> Value:
    return lambda value: pa.scalar(value, arrow_type).cast(pa.int64()).as_py()


def _read_duration(arrow_type: pa.DataType) -> Value:
    microseconds, divisor = {"s": (1_000_000, 1), "ms": (1_000, 1), "us": (1, 1), "ns": (1, 1_000)}[arrow_type.unit]
    return lambda ticks: dt.timedelta(microseconds=ticks * microseconds // divisor)


def _require_within(ticks: pa.Array, low: int, high: int, otherwise: str) -> None:
    found = pc.min_max(ticks)
    least, greatest = found["min"].as_py(), found["max"].as_py()
    if least is not None and (least < low or greatest > high):
        raise OutOfRange(otherwise)

"""Dates and times of openCypher: to the nanosecond, with the zone as an offset, compared and shown as ISO 8601.

Python's own stop at the microsecond. A temporal value leaves a query as its text, so nothing is lost; inside a query it
has components (`d.year`) and an order.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

DATE, TIME, LOCAL_TIME, DATE_TIME, LOCAL_DATE_TIME = "date", "time", "localtime", "datetime", "localdatetime"

NANOS_PER_DAY: Final = 86_400_000_000_000
_NANOS = {"hour": 3_600_000_000_000, "minute": 60_000_000_000, "second": 1_000_000_000}
_FRACTIONS = {"millisecond": 1_000_000, "microsecond": 1_000, "nanosecond": 1}
_COMPONENTS = frozenset(("year", "month", "day", *_NANOS, *_FRACTIONS, "timezone"))
_DATE_KINDS = (DATE, DATE_TIME, LOCAL_DATE_TIME)
_ZONED_KINDS = (TIME, DATE_TIME)

_DATE_TEXT = r"(?P<year>\d{4})(?:-?(?P<month>\d{2})(?:-?(?P<day>\d{2}))?)?"
_CLOCK_TEXT = r"(?P<hour>\d{2})(?::?(?P<minute>\d{2})(?::?(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9}))?)?)?"
_ZONE_TEXT = r"(?P<zone>Z|[+-]\d{2}(?::?\d{2})?)?"
_TEXTS = {
    DATE: re.compile(_DATE_TEXT),
    TIME: re.compile(_CLOCK_TEXT + _ZONE_TEXT),
    LOCAL_TIME: re.compile(_CLOCK_TEXT),
    DATE_TIME: re.compile(f"{_DATE_TEXT}(?:T{_CLOCK_TEXT}{_ZONE_TEXT})?"),
    LOCAL_DATE_TIME: re.compile(f"{_DATE_TEXT}(?:T{_CLOCK_TEXT})?"),
}


@dataclass(frozen=True, slots=True)
class Temporal:
    """One date or time: days since 0001-01-01 (0 without a date), nanoseconds of the day, offset in seconds or None."""

    kind: str
    days: int
    nanos: int
    offset: int | None = None

    @property
    def order(self) -> tuple[int, int]:
        """What values of one kind are compared by: the moment, then the offset."""
        moment = self.days * NANOS_PER_DAY + self.nanos - (self.offset or 0) * 1_000_000_000
        return moment, self.offset or 0

    def component(self, name: str) -> int | str | None:
        """Return a part such as year, month, day, hour, minute, second, nanosecond, timezone; None for one it lacks."""
        if name in ("year", "month", "day") and self.kind in _DATE_KINDS:
            date = dt.date.fromordinal(self.days + 1)
            return {"year": date.year, "month": date.month, "day": date.day}[name]
        if name in _NANOS and self.kind != DATE:
            return self.nanos // _NANOS[name] % (24 if name == "hour" else 60)
        if name in _FRACTIONS and self.kind != DATE:
            return self.nanos % 1_000_000_000 // _FRACTIONS[name]
        if name in ("timezone", "offset") and self.offset is not None:
            return _zone(self.offset)
        return None

    def __str__(self) -> str:
        shown = dt.date.fromordinal(self.days + 1).isoformat() if self.kind in _DATE_KINDS else ""
        if self.kind == DATE:
            return shown
        return f"{shown}{'T' if shown else ''}{_clock(self.nanos)}{'' if self.offset is None else _zone(self.offset)}"


def from_python(value: dt.date | dt.time) -> Temporal:
    """Return a Python date, time or datetime as a temporal value."""
    if isinstance(value, dt.datetime):
        offset = _offset_of(value)
        kind = LOCAL_DATE_TIME if offset is None else DATE_TIME
        return Temporal(kind, value.toordinal() - 1, _nanos_of(value), offset)
    if isinstance(value, dt.date):
        return Temporal(DATE, value.toordinal() - 1, 0)
    offset = _offset_of(value)
    return Temporal(LOCAL_TIME if offset is None else TIME, 0, _nanos_of(value), offset)


def from_components(kind: str, parts: Mapping[str, object]) -> Temporal:
    """Build a value from a map such as {year: 1984, month: 10, day: 11}; raises ValueError for what makes none."""
    unknown = sorted(set(parts) - _COMPONENTS)
    if unknown:
        raise ValueError(f"there is no component {unknown[0]!r}")
    whole = {name: value for name, value in parts.items() if name != "timezone"}
    if not all(isinstance(value, int) and not isinstance(value, bool) for value in whole.values()):
        raise ValueError("the components are integers")
    numbers = {name: int(str(value)) for name, value in whole.items()}
    days = 0
    if kind in _DATE_KINDS:
        if "year" not in numbers:
            raise ValueError("a year is needed")
        days = dt.date(numbers["year"], numbers.get("month", 1), numbers.get("day", 1)).toordinal() - 1
    nanos = sum(_checked(name, numbers.get(name, 0)) * size for name, size in _NANOS.items())
    nanos += sum(numbers.get(name, 0) * size for name, size in _FRACTIONS.items())
    offset = _parse_zone(str(parts.get("timezone", "Z"))) if kind in _ZONED_KINDS else None
    return Temporal(kind, days, 0 if kind == DATE else nanos, offset)


def from_text(kind: str, text: str) -> Temporal:
    """Read ISO 8601 text; raises ValueError for what is none of this kind.

    >>> str(from_text("datetime", "2015-07-21T21:40:32.142+0100"))
    '2015-07-21T21:40:32.142+01:00'
    """
    found = _TEXTS[kind].fullmatch(text)
    if found is None:
        raise ValueError(f"the text is no {kind} in ISO 8601")
    held = {name: part for name, part in found.groupdict().items() if part is not None}
    numbers: dict[str, object] = {name: int(held[name]) for name in ("year", "month", "day", *_NANOS) if name in held}
    if "fraction" in held:
        numbers["nanosecond"] = int(held["fraction"].ljust(9, "0"))
    return from_components(kind, {**numbers, **({"timezone": held["zone"]} if "zone" in held else {})})


def convert(kind: str, value: Temporal) -> Temporal:
    """Return another temporal value as this kind, taking the parts that it has."""
    days = value.days if kind in _DATE_KINDS else 0
    if kind in _DATE_KINDS and value.kind not in _DATE_KINDS:
        raise ValueError(f"a {value.kind} has no date to make a {kind} of")
    offset = (value.offset or 0) if kind in _ZONED_KINDS else None
    return Temporal(kind, days, 0 if kind == DATE else value.nanos, offset)


def _checked(name: str, value: int) -> int:
    if not 0 <= value < (24 if name == "hour" else 60):
        raise ValueError(f"{name} {value} does not exist")
    return value


def _clock(nanos: int) -> str:
    hour, rest = divmod(nanos, _NANOS["hour"])
    minute, rest = divmod(rest, _NANOS["minute"])
    second, fraction = divmod(rest, _NANOS["second"])
    shown = f"{hour:02}:{minute:02}"
    if fraction:
        return f"{shown}:{second:02}.{fraction:09}".rstrip("0")
    return f"{shown}:{second:02}" if second else shown


def _zone(offset: int) -> str:
    if offset == 0:
        return "Z"
    sign, minutes = "-" if offset < 0 else "+", abs(offset) // 60
    return f"{sign}{minutes // 60:02}:{minutes % 60:02}"


def _parse_zone(text: str) -> int:
    if text == "Z":
        return 0
    found = re.fullmatch(r"([+-])(\d{2})(?::?(\d{2}))?", text)
    if found is None:
        raise ValueError("a time zone is written as an offset, such as +01:00, or Z")
    seconds = int(found[2]) * 3600 + int(found[3] or 0) * 60
    return -seconds if found[1] == "-" else seconds


def _offset_of(value: dt.datetime | dt.time) -> int | None:
    offset = value.utcoffset()
    return None if offset is None else int(offset.total_seconds())


def _nanos_of(value: dt.datetime | dt.time) -> int:
    return ((value.hour * 60 + value.minute) * 60 + value.second) * 1_000_000_000 + value.microsecond * 1_000

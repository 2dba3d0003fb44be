"""The width of a time window, read from a text such as '15 minutes', '1 day' or '3 months'.

Months have no fixed length, so a width is either months or microseconds, never both.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from polyroute.errors import QueryError, invalid, unknown_name

DAY_US = 86_400_000_000

_MAX_MONTHS = 120_000
_MAX_MICROSECONDS = 3_650_000 * DAY_US

_MICROSECONDS = {
    "microsecond": 1,
    "millisecond": 1_000,
    "second": 1_000_000,
    "minute": 60_000_000,
    "hour": 3_600_000_000,
    "day": DAY_US,
    "week": 7 * DAY_US,
}
_MONTHS = {"month": 1, "quarter": 3, "year": 12, "decade": 120, "century": 1_200}
_SHORT = {
    "us": "microsecond",
    "ms": "millisecond",
    "s": "second",
    "sec": "second",
    "m": "minute",
    "min": "minute",
    "h": "hour",
    "hr": "hour",
    "d": "day",
    "w": "week",
    "mon": "month",
    "q": "quarter",
    "y": "year",
    "yr": "year",
    "centurie": "century",
}
_PART = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]+)\s*,?")
_CLOCK = re.compile(r"(\d+):([0-5]\d)(?::([0-5]\d(?:\.\d+)?))?")


@dataclass(frozen=True, slots=True)
class Width:
    """A positive width: `months`, or `microseconds`; the other is 0."""

    months: int = 0
    microseconds: int = 0

    @property
    def whole_days(self) -> bool:
        """Whether windows begin at midnights, and so last as long as the calendar says."""
        return self.months > 0 or self.microseconds % DAY_US == 0


def parse_width(text: str) -> Width:
    """Read a width: a sum of numbers with units, or hours and minutes as 1:30.

    Raises QUERY_INVALID when the text is no interval, is not positive, is finer than a microsecond, or mixes months
    with shorter units.

    >>> parse_width("1 hour 30 minutes"), parse_width("1 quarter")
    (Width(months=0, microseconds=5400000000), Width(months=3, microseconds=0))
    """
    clock = _CLOCK.fullmatch(text.strip())
    if clock:
        hours, minutes, seconds = clock.groups(default="0")
        parts = [(hours, "hour"), (minutes, "minute"), (seconds, "second")]
    else:
        parts = _parts(text)
    months = sum((Fraction(n) * _MONTHS[unit] for n, unit in parts if unit in _MONTHS), Fraction())
    microseconds = sum((Fraction(n) * _MICROSECONDS[unit] for n, unit in parts if unit in _MICROSECONDS), Fraction())
    if months and microseconds:
        raise _unreadable("mixes months with days or hours, which have no common length")
    if months + microseconds <= 0:
        raise _unreadable("is not longer than nothing")
    if months.denominator != 1 or microseconds.denominator != 1:
        raise _unreadable("is not a whole number of months or of microseconds")
    if months > _MAX_MONTHS or microseconds > _MAX_MICROSECONDS:
        raise _unreadable("is longer than any series")
    return Width(int(months), int(microseconds))


def _parts(text: str) -> list[tuple[str, str]]:
    parts = []
    rest = text
    while rest.strip():
        found = _PART.match(rest)
        if found is None:
            raise _unreadable("is no interval")
        parts.append((found[1], _unit(found[2])))
        rest = rest[found.end() :]
    return parts


def _unit(word: str) -> str:
    unit = word.lower()
    for name in (unit, unit.removesuffix("s")):
        name = _SHORT.get(name, name)
        if name in _MONTHS or name in _MICROSECONDS:
            return name
    raise unknown_name("unit of time", word, [*_MICROSECONDS, *_MONTHS])


def _unreadable(why: str) -> QueryError:
    return invalid(
        f"the width of the windows (every) {why}", hint="write '15 minutes', '1 day', '3 months' or the like"
    )

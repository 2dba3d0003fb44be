"""Where windows begin: on a grid of local clock time, expressed as instants.

Windows of whole days, months or years follow the calendar of the zone: a day begins when clocks first show its
midnight (or when they skip it), so the days on which clocks change have 23 or 25 hours. Shorter windows begin whenever
clocks show a time of the grid: the hour that clocks show twice makes two windows, the hour that they skip none; a
longer one, six hours, is shorter or longer on that day. The grid begins at an origin, by default Monday 3 January
2000, or for months 1 January 2000, at midnight.

Times are microseconds since 1970: instants in UTC, or walls, which is what local clocks show.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from polyroute.engines.timeseries.interval import DAY_US, Width

if TYPE_CHECKING:
    from polyroute.engines.timeseries.zones import Instants, Zone

_MONDAY = 946_857_600_000_000  # 2000-01-03
_JANUARY = 946_684_800_000_000  # 2000-01-01


@dataclass(frozen=True)
class Grid:
    """The walls at which windows of a width begin; `origin` is one of them."""

    width: Width
    origin: int

    @classmethod
    def of(cls, width: Width, origin: int | None) -> Grid:
        """Return the grid of a width, on its usual origin unless another is given."""
        return cls(width, origin if origin is not None else _JANUARY if width.months else _MONDAY)

    def floor(self, walls: Instants) -> Instants:
        """Return the last point of the grid at or before each wall."""
        if not self.width.months:
            floors: Instants = walls - (walls - self.origin) % self.width.microseconds
            return floors
        number = self._month_number(walls)
        points = self._point(number)
        return np.where(points > walls, self._point(number - 1), points)

    def points(self, low: int, high: int) -> Instants:
        """Return the points from `low` to `high`, both included."""
        bounds = np.array([low, high], dtype=np.int64)
        if not self.width.months:
            first = self.origin - (self.origin - low) // self.width.microseconds * self.width.microseconds
            return np.arange(first, high + 1, self.width.microseconds, dtype=np.int64)
        first, last = self._month_number(bounds)
        points = self._point(np.arange(first - 1, last + 2, dtype=np.int64))
        return points[(points >= low) & (points <= high)]

    def sql(self, wall: str) -> str:
        """Return `floor` as SQL over a BIGINT expression."""
        if not self.width.months:
            width = self.width.microseconds
            return f"{wall} - (({wall} - {self.origin}) % {width} + {width}) % {width}"
        shown = f"make_timestamp({wall})"
        months = f"(year({shown}) * 12 + month({shown}) - 1 - {self._origin_month})"
        width = self.width.months
        number = f"(({months} - ({months} % {width} + {width}) % {width}) // {width})"
        point = f"epoch_us(make_timestamp({self.origin}) + to_months(({number} - {{}}) * {width}))"
        return f"CASE WHEN {point.format(0)} > {wall} THEN {point.format(1)} ELSE {point.format(0)} END"

    @cached_property
    def _origin_month(self) -> int:
        return int(np.datetime64(self.origin, "us").astype("datetime64[M]").astype(np.int64)) + 1970 * 12

    def _month_number(self, walls: Instants) -> Instants:
        months = walls.view("datetime64[us]").astype("datetime64[M]").astype(np.int64) + 1970 * 12
        numbers: Instants = (months - self._origin_month) // self.width.months
        return numbers

    def _point(self, number: Instants) -> Instants:
        """Return the origin moved by some widths; a day that a month lacks becomes its last, as in DuckDB."""
        start = np.datetime64(self.origin, "us")
        day = start.astype("datetime64[D]") - start.astype("datetime64[M]").astype("datetime64[D]")
        month = start.astype("datetime64[M]") + number * self.width.months
        last = (month + 1).astype("datetime64[D]") - month.astype("datetime64[D]") - np.timedelta64(1, "D")
        dates = month.astype("datetime64[D]") + np.minimum(day, last)
        points: Instants = dates.astype("datetime64[us]").astype(np.int64) + self.origin % DAY_US
        return points


@dataclass(frozen=True)
class Windows:
    """The windows of a grid in a zone."""

    grid: Grid
    zone: Zone

    @cached_property
    def _carried(self) -> Instants:
        """For each stretch of the zone, the start of the window that goes on across its beginning."""
        since, offset = self.zone.since, self.zone.offset
        carried = since.copy()
        for i in range(1, len(since)):
            shown, skipped_to = since[i] + offset[i - 1], since[i] + offset[i]
            # a point of the grid that clocks skip begins its window when they skip it
            if skipped_to > shown and self.grid.points(int(shown), int(skipped_to) - 1).size:
                continue
            before = self.grid.floor(np.array([shown - 1]))[0] - offset[i - 1]
            carried[i] = before if before >= since[i - 1] else carried[i - 1]
        return carried

    def place(self, instants: Instants) -> Instants:
        """Return the start of the window that holds each instant."""
        floors = self.grid.floor(self.zone.wall(instants))
        if self.grid.width.whole_days:
            return self.zone.instant(floors)
        stretch = np.searchsorted(self.zone.since, instants, "right") - 1
        starts = floors - self.zone.offset[stretch]
        return np.where(starts >= self.zone.since[stretch], starts, self._carried[stretch])

    def starts(self, low: int, high: int) -> Instants:
        """Return the starts of all windows from one start to another, both included."""
        zone = self.zone
        if self.grid.width.whole_days:
            first, last = (int(w) for w in zone.wall(np.array([low, high], dtype=np.int64)))
            found = zone.instant(self.grid.points(int(self.grid.floor(np.array([first]))[0]), last))
        else:
            parts = [zone.since[1:][self._carried[1:] == zone.since[1:]]]
            ends = np.append(zone.since[1:], np.iinfo(np.int64).max)
            for since, end, offset in zip(zone.since, ends, zone.offset, strict=True):
                begin, stop = max(int(since), low), min(int(end) - 1, high)
                if begin <= stop:
                    parts.append(self.grid.points(begin + int(offset), stop + int(offset)) - offset)
            found = np.concatenate(parts)
        # np.unique hashes, which takes seconds for millions of equally spaced numbers
        found.sort()
        new = np.ones(len(found), dtype=np.bool_)
        new[1:] = found[1:] != found[:-1]
        starts: Instants = found[new & (found >= low) & (found <= high)]
        return starts

    def sql(self, rows: str, instant: str, shown: str, wall: str, start: str) -> str:
        """Return a SELECT with `place` as a further column.

        `rows` is a SELECT with the BIGINT column `instant`, the others are free names; the start of the window comes
        under the last.
        """
        zone = self.zone
        if len(zone.since) == 1:
            offset = int(zone.offset[0])
            columns = [f"{instant} + {offset} AS {shown}", f"({self.grid.sql(shown)}) - {offset} AS {start}"]
        else:
            offset_sql = _stretch(instant, zone.since, zone.offset)
            columns = [f"{instant} + {offset_sql} AS {shown}", f"{self.grid.sql(shown)} AS {wall}"]
            columns.append(f"{self._start_sql(instant, wall, offset_sql)} AS {start}")
        # a SELECT for each, because DuckDB copies what stands behind a name that is used again in the same one
        for column in columns:
            rows = f"SELECT *, {column} FROM ({rows})"
        return rows

    def _start_sql(self, instant: str, wall: str, offset: str) -> str:
        zone = self.zone
        if self.grid.width.whole_days:
            moved = _stretch(wall, zone.wall_since, zone.offset)
            return f"greatest({wall} - {moved}, {_stretch(wall, zone.wall_since, zone.since)})"
        begun = f"({wall} - {offset})"
        carried = _stretch(instant, zone.since, self._carried)
        return f"CASE WHEN {begun} >= {_stretch(instant, zone.since, zone.since)} THEN {begun} ELSE {carried} END"


def _stretch(value: str, since: Instants, held: Instants) -> str:
    """Return, as SQL, what holds in the stretch of a zone that a value lies in."""
    cases = " ".join(f"WHEN {value} >= {s} THEN {h}" for s, h in zip(since[:0:-1], held[:0:-1], strict=True))
    return f"(CASE {cases} ELSE {held[0]} END)"

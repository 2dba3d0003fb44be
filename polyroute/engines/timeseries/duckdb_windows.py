"""Run timeseries_window in DuckDB: place rows into windows, aggregate, fill what is missing.

Up to the aggregates it is one statement. A fill needs the windows in which nothing happened, too: the aggregates go
into a temporary table, the windows between `start` and `stop` are counted out, or where these are not given between
the first and the last of the whole answer, and every group gets all of them. `previous` carries the last value of the
group forward, `linear` goes straight from one value to the next by time; both fill any NULL, whether the window was
empty or held only NULLs, and neither reaches beyond the first and the last value. Counts are filled like everything
else: an empty window has none.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, cast

import duckdb
import numpy as np
import pyarrow as pa

from polyroute.engines.resources.duckdb.answers import query_table
from polyroute.engines.resources.duckdb.values import decode
from polyroute.engines.resources.duckdb.writes import free_name
from polyroute.engines.timeseries.aggregates import parse_aggregates
from polyroute.engines.timeseries.interval import Width, parse_width
from polyroute.engines.timeseries.windows import Grid, Windows
from polyroute.engines.timeseries.zones import zone_between
from polyroute.errors import invalid
from polyroute.sql.filters.to_sql import quote_double as quote

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from polyroute.engines.resources.duckdb import Stored
    from polyroute.engines.timeseries.zones import Instants
    from polyroute.operations import TimeseriesWindow

START = "window_start"
MAX_FILLED_ROWS = 20_000_000

_HELD = "__polyroute_held"
_STARTS = "__polyroute_starts"
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_INTEGERS = ("tinyint", "smallint", "integer", "bigint", "hugeint")
_NUMBERS = frozenset((*_INTEGERS, *(f"u{name}" for name in _INTEGERS), "float", "double", "decimal"))
_BACK = "ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW"
_AHEAD = "ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING"


class WindowQuery:
    """A bound timeseries_window over a stored series; `where` is its WHERE clause with the parameters `params`.

    Making one raises QUERY_INVALID for a width, a zone or aggregates that cannot be.
    """

    def __init__(self, op: TimeseriesWindow, stored: Stored, where: str, params: Mapping[str, object]) -> None:
        schema = stored.dataset.schema
        self.op = op
        self.stored = stored
        self.where = where
        self.params = dict(params)
        self.time = schema.field(stored.dataset.role("time"))
        self.by = tuple(dict.fromkeys(cast("tuple[str, ...]", op.by or ())))
        if START in (name.lower() for name in self.by):
            raise invalid(f"the answer has a column {START!r} of its own", hint="group by another column, or rename it")
        self.width = parse_width(str(op.every))
        self.row = free_name("row", schema.names)
        order = f"{quote(self.time.name)}, {self.row}"
        self.aggregates = parse_aggregates(op.aggregates, schema, order, (*self.by, START))
        self.groups = tuple(f"by{i}" for i in range(len(self.by)))
        self.items = tuple(f"item{i}" for i in range(len(self.aggregates.items)))
        _check_dates(self.time, self.width, op.tz)

    def run(self, cursor: duckdb.DuckDBPyConnection) -> pa.Table:
        """Return the `by` columns, window_start and the aggregates, in the order of the first two."""
        cursor.begin()
        windows = self._windows(cursor)
        columns = (*self.groups, "start", *self.items)
        if self.op.fill == "none":
            found = query_table(cursor, self._ordered(columns, f"({self._aggregated(windows)})"), self.params)
            return self._answer(found)
        cursor.execute(f"CREATE TEMP TABLE {_HELD} AS {self._aggregated(windows)}", self.params or None)
        self._register_starts(cursor, windows)
        filled = (*self.groups, "start", *self._fills(cursor))
        return self._answer(query_table(cursor, self._ordered(filled, f"({self._with_gaps()})")))

    def _rows(self) -> str:
        """Return the SELECT of the rows: what the aggregates read, the instant of each row, its place in the table."""
        read = sorted({*self.aggregates.columns, *self.by, self.time.name})
        instant = instant_sql(self.stored.column(self.time.name), self.time.type)
        extra = f"{instant} AS {self._free('instant')}, rowid AS {self.row}"
        return f"SELECT {self.stored.columns(read)}, {extra} FROM {self.stored.table}{self.where}"

    def _aggregated(self, windows: Windows) -> str:
        """Return the SELECT of the aggregates per group and window."""
        placed = windows.sql(self._rows(), *(self._free(name) for name in ("instant", "shown", "wall", "start")))
        keys = [f"{quote(b)} AS {g}" for b, g in zip(self.by, self.groups, strict=True)]
        calls = [f"{call} AS agg{i}" for i, call in enumerate(self.aggregates.calls)]
        numbers = ", ".join(str(i + 1) for i in range(len(keys) + 1))
        start = f"{self._free('start')} AS start"
        grouped = f"SELECT {', '.join((*keys, start, *calls))} FROM ({placed}) GROUP BY {numbers}"
        items = (f"{sql} AS {item}" for (_, sql), item in zip(self.aggregates.items, self.items, strict=True))
        return f"SELECT {', '.join((*self.groups, 'start', *items))} FROM ({grouped})"

    def _free(self, stem: str) -> str:
        return free_name(stem, self.stored.dataset.schema.names)

    def _ordered(self, columns: Sequence[str], source: str) -> str:
        keys = ", ".join(f"{column} NULLS LAST" for column in (*self.groups, "start"))
        return f"SELECT {', '.join(columns)} FROM {source} ORDER BY {keys}"

    def _windows(self, cursor: duckdb.DuckDBPyConnection) -> Windows:
        """Return the windows, in the zone as it is wherever there are rows or gaps to fill."""
        marks = [] if self.op.origin is None else [instant_of(self.op.origin)]
        low, high = None, None
        if self.op.tz != "UTC":
            name = self._free("instant")
            low, high = cursor.execute(
                f"SELECT min({name}), max({name}) FROM ({self._rows()})", self.params or None
            ).fetchall()[0]
        marks += [mark for mark in (low, high) if mark is not None]
        if self.op.fill != "none" or not marks:
            marks += [instant_of(bound) for bound in (self.op.start, self.op.stop) if bound is not None]
        zone = zone_between(self.op.tz, min(marks, default=0), max(marks, default=0))
        origin = None
        if self.op.origin is not None:
            origin = int(zone.wall(np.array([instant_of(self.op.origin)], dtype=np.int64))[0])
        return Windows(Grid.of(self.width, origin), zone)

    def _register_starts(self, cursor: duckdb.DuckDBPyConnection, windows: Windows) -> None:
        """Make the starts of all windows of the answer known to the cursor."""
        groups = f"SELECT DISTINCT {', '.join(self.groups) or 1} FROM {_HELD}"
        first, last, count = cursor.execute(
            f"SELECT min(start), max(start), (SELECT count(*) FROM ({groups})) FROM {_HELD}"
        ).fetchall()[0]
        if self.op.start is not None:
            first = _placed(windows, instant_of(self.op.start))
        if self.op.stop is not None:
            last = _placed(windows, instant_of(self.op.stop) - 1)
        starts = np.array([], dtype=np.int64)
        if first is not None and last is not None and first <= last and (count or not self.groups):
            self._refuse_too_many(first, last, max(count, 1))
            starts = windows.starts(first, last)
        cursor.register(_STARTS, pa.table({"start": starts}))

    def _refuse_too_many(self, first: int, last: int, groups: int) -> None:
        width_us = self.width.microseconds or self.width.months * 28 * 86_400_000_000
        windows = (last - first) // width_us + 1
        if windows * groups > MAX_FILLED_ROWS:
            raise invalid(
                f"filling {windows:,} windows for {groups:,} groups gives more than {MAX_FILLED_ROWS:,} rows",
                hint="narrow start and stop, widen every, or use fill='none'",
            )

    def _with_gaps(self) -> str:
        """Return the SELECT of every window for every group, with NULLs where nothing was."""
        items = ", ".join(f"held.{item}" for item in self.items)
        if not self.groups:
            return f"SELECT starts.start, {items} FROM {_STARTS} AS starts LEFT JOIN {_HELD} AS held USING (start)"
        names = ", ".join(self.groups)
        same = " AND ".join(f"held.{g} IS NOT DISTINCT FROM groups.{g}" for g in self.groups)
        keys = ", ".join(f"groups.{g}" for g in self.groups)
        return (
            f"SELECT {keys}, starts.start, {items} FROM (SELECT DISTINCT {names} FROM {_HELD}) AS groups "
            f"CROSS JOIN {_STARTS} AS starts LEFT JOIN {_HELD} AS held ON held.start = starts.start AND {same}"
        )

    def _fills(self, cursor: duckdb.DuckDBPyConnection) -> list[str]:
        """Return the aggregates of the answer as SQL over all windows."""
        if self.op.fill == "null":
            return list(self.items)
        partition = f"PARTITION BY {', '.join(self.groups)} " if self.groups else ""
        order = f"OVER ({partition}ORDER BY start"
        if self.op.fill == "previous":
            return [f"last_value({i} IGNORE NULLS) {order} {_BACK}) AS {i}" for i in self.items]
        kinds = cursor.sql(f"SELECT {', '.join(self.items)} FROM {_HELD}").types
        for (name, _), kind in zip(self.aggregates.items, kinds, strict=True):
            if kind.id not in _NUMBERS:
                raise invalid(
                    f"{name!r} is of type {kind.id}, which has no values in between",
                    hint="fill='linear' takes numbers; use fill='previous' or 'null'",
                )
        return [_between(i, order) for i in self.items]

    def _answer(self, found: pa.Table) -> pa.Table:
        schema = self.stored.dataset.schema
        keys = (
            decode(found.select(self.groups), pa.schema([schema.field(b) for b in self.by])).columns if self.by else []
        )
        start = found["start"].cast(
            pa.timestamp("us", self.time.type.tz if pa.types.is_timestamp(self.time.type) else None)
        )
        if pa.types.is_date(self.time.type):
            start = start.cast(self.time.type)
        columns = [*keys, start, *(found[item] for item in self.items)]
        return pa.Table.from_arrays(columns, names=[*self.by, START, *(name for name, _ in self.aggregates.items)])


def _between(item: str, order: str) -> str:
    """Return a number, or what lies between its neighbours at the time of the window."""
    known = f"CASE WHEN {item} IS NOT NULL THEN start END"
    value, time = (
        f"last_value({item} IGNORE NULLS) {order} {_BACK})",
        f"last_value({known} IGNORE NULLS) {order} {_BACK})",
    )
    later, then = (
        f"first_value({item} IGNORE NULLS) {order} {_AHEAD})",
        f"first_value({known} IGNORE NULLS) {order} {_AHEAD})",
    )
    step = f"({later}::DOUBLE - {value}::DOUBLE) * ((start - {time}) / ({then} - {time}))"
    return f"CASE WHEN {item} IS NOT NULL THEN {item}::DOUBLE ELSE {value}::DOUBLE + {step} END AS {item}"


def instant_sql(column: str, arrow_type: pa.DataType) -> str:
    """Return a time column as microseconds since 1970, UTC; finer times are rounded down."""
    if pa.types.is_timestamp(arrow_type) and arrow_type.unit == "ns":
        finer = f"epoch_ns({column}::TIMESTAMP_NS)"
        return f"({finer} - (({finer} % 1000) + 1000) % 1000) // 1000"
    return f"epoch_us({column})"


def instant_of(value: object) -> int:
    """Return a bound of time as microseconds since 1970; a date is its midnight, a time without zone is UTC."""
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        value = dt.datetime.combine(value, dt.time())
    moment = cast("dt.datetime", value)
    return ((moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)) - _EPOCH) // dt.timedelta(microseconds=1)


def _placed(windows: Windows, instant: int) -> int:
    placed: Instants = windows.place(np.array([instant], dtype=np.int64))
    return int(placed[0])


def _check_dates(time: pa.Field, width: Width, tz: str) -> None:
    if not pa.types.is_date(time.type):
        return
    if not width.whole_days:
        raise invalid(
            f"column {time.name!r} holds dates, windows of part of a day need times", hint="every='1 day' or longer"
        )
    if tz != "UTC":
        raise invalid(f"column {time.name!r} holds dates, which are the same in every zone", hint="leave tz out")

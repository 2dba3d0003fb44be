"""The time-series reference: rows sorted by time in Python, windows placed one by one."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa

from polyroute.engines.call import Call
from polyroute.engines.contract import Answer, Dataset
from polyroute.engines.local import evaluate, filter_mask, filter_table
from polyroute.engines.resources.scratch import query_arrow
from polyroute.engines.timeseries.aggregates import Aggregates, parse_aggregates
from polyroute.engines.timeseries.interval import parse_width
from polyroute.engines.timeseries.windows import Grid, Windows
from polyroute.engines.timeseries.zones import zone_between
from polyroute.errors import invalid
from polyroute.operations import (
    TimeseriesAppend,
    TimeseriesDelete,
    TimeseriesLatest,
    TimeseriesRange,
    TimeseriesWindow,
)
from polyroute.result import Row, Rows
from polyroute.sql.filters import parse_order
from polyroute.values import rows_from_table
from tests.engines.reference.engine import ReferenceEngine, affected, appended
from tests.engines.reference.place import Held

_EPOCH = dt.datetime(1970, 1, 1)
_WINDOWS_AT_ONCE = 1000
_MONTH_US = 28 * 86_400_000_000


class ReferenceTimeseries(ReferenceEngine):
    """Series."""

    kind = "timeseries"

    def checked(self, dataset: Dataset, table: pa.Table) -> Held:
        """Refuse rows without a time."""
        time = dataset.role("time")
        if table[time].null_count:
            raise invalid(f"column {time!r} is the time and holds NULL", hint="give every row its time")
        return super().checked(dataset, table)

    def within(self, time: Any, start: Any, stop: Any) -> bool:
        """Tell whether a time lies between two bounds, the first included."""
        return (start is None or time >= start) and (stop is None or time < stop)

    def selected(self, held: Held, op: Any, call: Call) -> pa.Table:
        """Return the rows between `start` and `stop` that pass the filter, in the order of time."""
        call.check()
        time = held.dataset.role("time")
        mask = [self.within(t, op.start, op.stop) for t in held.content[time].to_pylist()]
        rows = held.content.filter(pa.array(mask, pa.bool_()))
        rows = rows if op.where is None else filter_table(rows, op.where, call)
        return evaluate(rows, columns=rows.column_names, order=parse_order([time], rows.schema), call=call)

    def timeseries_range(self, op: TimeseriesRange, call: Call) -> Answer:
        """Read the rows of a time."""
        rows = self.selected(self.held(op.dataset), op, call)
        return rows.slice(0, op.limit).select(list(op.columns or rows.column_names))

    def timeseries_latest(self, op: TimeseriesLatest, call: Call) -> Answer:
        """Keep the last row of each group, and of those at one time the one that was written last."""
        held = self.held(op.dataset)
        rows = self.selected(held, TimeseriesRange(op.dataset, where=op.where), call)
        times = rows[held.dataset.role("time")].to_pylist()
        groups = groups_of(rows, op.by)
        last = {g: n for n, (g, t) in enumerate(zip(groups, times, strict=True)) if op.at is None or t <= op.at}
        return rows.take(pa.array(list(last.values()), pa.int64()))

    def timeseries_window(self, op: TimeseriesWindow, call: Call) -> Answer:
        """Give each row its window, aggregate by group and window, fill what is missing."""
        held = self.held(op.dataset)
        time = held.dataset.role("time")
        aggregates = parse_aggregates(op.aggregates, held.dataset.schema, f'"{time}"', (*op.by, "window_start"))
        marks = [m for m in (op.start, op.stop, op.origin) if m is not None]
        rows = self.selected(held, op, call)
        marks += rows[time].to_pylist()
        windows = windows_of(op, [instant(m) for m in marks])
        places = windows.place(np.array([instant(t) for t in rows[time].to_pylist()], dtype=np.int64))
        found = _aggregated(rows.append_column("__window", pa.array(places, pa.int64())), op.by, aggregates, call)
        if op.fill != "none":
            found = self._filled(found, windows, op, call)
        start = _start_column(found["__window"], rows.schema.field(time).type)
        found = found.set_column(len(op.by), "window_start", start)
        names = [*op.by, "window_start", *(name for name, _ in aggregates.items)]
        return found.rename_columns(names)

    def _filled(self, found: pa.Table, windows: Windows, op: TimeseriesWindow, call: Call) -> pa.Table:
        """Give every group all windows from the first to the last of the answer."""
        width = len(op.by)
        held: dict[Row, dict[int, Row]] = {}
        for row in rows_from_table(found):
            held.setdefault(row[:width], {})[int(str(row[width]))] = row[width + 1 :]
        starts = {start for group in held.values() for start in group}
        bounds = [min(starts, default=0), max(starts, default=0)]
        if op.start is not None:
            bounds[0] = int(windows.place(np.array([instant(op.start)]))[0])
        if op.stop is not None:
            bounds[1] = int(windows.place(np.array([instant(op.stop) - 1]))[0])
        rows: list[Row] = []
        for group, values in held.items():
            rows += [(*group, *row) for row in self.filled(values, _counted(windows, bounds, call), op.fill, call)]
        columns = list(zip(*rows, strict=True)) or [()] * found.num_columns
        kinds = [
            f.with_type(pa.float64()) if op.fill == "linear" and n > width else f for n, f in enumerate(found.schema)
        ]
        return pa.table([pa.array(c, k.type) for c, k in zip(columns, kinds, strict=True)], schema=pa.schema(kinds))

    def filled(self, values: dict[int, Row], starts: Iterator[int], fill: str, call: Call) -> list[Row]:
        """Return a row per window of one group, NULL where it has none, carried or drawn as `fill` says."""
        empty = (None,) * len(next(iter(values.values())))
        rows = [[start, *values.get(start, empty)] for start in starts]
        for column in range(1, len(empty) + 1):
            known = [n for n, row in enumerate(rows) if row[column] is not None]
            for before, after in pairwise([*known, len(rows)]):
                for n in range(before + 1, after):
                    if n % 1000 == 0:
                        call.check()
                    if fill == "previous":
                        rows[n][column] = rows[before][column]
                    elif fill == "linear" and after < len(rows):
                        rows[n][column] = between(rows[before], rows[after], rows[n], column)
        return [tuple(row) for row in rows]

    def timeseries_append(self, op: TimeseriesAppend, call: Call) -> Rows:
        """Add rows."""
        given: pa.Table = op.rows
        return self.write(
            op, call, lambda held: (self.checked(held.dataset, appended(held, given)), affected(given.num_rows))
        )

    def timeseries_delete(self, op: TimeseriesDelete, call: Call) -> Rows:
        """Keep the rows of other times, or those that do not pass the filter."""

        def change(held: Held) -> tuple[Held, Rows]:
            times = held.content[held.dataset.role("time")].to_pylist()
            passes = [True] * len(times) if op.where is None else filter_mask(held.content, op.where, call).tolist()
            gone = [p and self.within(t, op.start, op.stop) for p, t in zip(passes, times, strict=True)]
            return Held(held.dataset, held.content.filter(pa.array([not g for g in gone], pa.bool_()))), affected(
                sum(gone)
            )

        return self.write(op, call, change)


def groups_of(rows: pa.Table, by: Any) -> list[tuple[object, ...]]:
    """Return the group of each row."""
    return rows_from_table(rows.select(list(by or ())))


def instant(value: Any) -> int:
    """Return a time as microseconds since 1970, UTC."""
    if not isinstance(value, dt.datetime):
        value = dt.datetime.combine(value, dt.time())
    if value.tzinfo is not None:
        value = value.astimezone(dt.UTC).replace(tzinfo=None)
    return (value - _EPOCH) // dt.timedelta(microseconds=1)


def windows_of(op: TimeseriesWindow, marks: list[int]) -> Windows:
    """Return the windows of a question, in its zone from the first of some instants to the last."""
    zone = zone_between(op.tz, min(marks, default=0), max(marks, default=0))
    origin = None if op.origin is None else int(zone.wall(np.array([instant(op.origin)]))[0])
    return Windows(Grid.of(parse_width(str(op.every)), origin), zone)


def between(before: list[Any], after: list[Any], row: list[Any], column: int) -> float:
    """Return the value on the straight line from one window's value to another's."""
    step = (row[0] - before[0]) / (after[0] - before[0])
    return float(before[column] + (after[column] - before[column]) * step)


def _start_column(starts: pa.ChunkedArray, time: pa.DataType) -> pa.ChunkedArray:
    """Return instants as dates where the time column holds dates, else as timestamps in its zone."""
    if pa.types.is_date(time):
        return starts.cast(pa.timestamp("us")).cast(time)
    return starts.cast(pa.timestamp("us", time.tz))


def _counted(windows: Windows, bounds: list[int], call: Call) -> Iterator[int]:
    """Give the starts of windows between two bounds, some at a time: there may be millions."""
    low, high = bounds
    stretch = _WINDOWS_AT_ONCE * (windows.grid.width.microseconds or _MONTH_US)
    while low <= high:
        call.check()
        yield from windows.starts(low, min(high, low + stretch)).tolist()
        low += stretch + 1


def _aggregated(rows: pa.Table, by: Any, aggregates: Aggregates, call: Call) -> pa.Table:
    keys = ", ".join([*('"' + b.replace('"', '""') + '"' for b in by), "__window"])
    calls = "".join(f", {call_} AS agg{n}" for n, call_ in enumerate(aggregates.calls))
    items = "".join(f", {sql} AS item{n}" for n, (_, sql) in enumerate(aggregates.items))
    inner = f"SELECT {keys}{calls} FROM __rows GROUP BY ALL"
    return query_arrow(f"SELECT {keys}{items} FROM ({inner}) ORDER BY {keys}", {"__rows": rows}, None, call)

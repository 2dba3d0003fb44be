"""Time-series engines with one fault."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pyarrow as pa

from polyroute.engines.call import Call
from polyroute.engines.contract import Answer, Dataset
from polyroute.errors import PolyrouteError
from polyroute.operations import TimeseriesAppend, TimeseriesDelete, TimeseriesLatest, TimeseriesRange, TimeseriesWindow
from polyroute.result import Row, Rows
from tests.engines.reference.engine import affected
from tests.engines.reference.faults import fault
from tests.engines.reference.place import Held
from tests.engines.reference.timeseries import ReferenceTimeseries

_RANGE = "test_timeseries_range_is_half_open_and_in_time_order"
_ORDER = "test_rows_of_one_time_keep_their_order"
_WINDOW = "test_timeseries_window_aggregates"
_FILL = "test_timeseries_window_fills_gaps"
_GROUPS = "test_timeseries_window_fills_each_group_by_itself"
_CLOCKS = "test_windows_begin_where_clocks_say"
_DATES = "test_series_of_dates_and_of_zoned_times"
_REFUSES = "test_timeseries_window_refuses_wrong_aggregates"
_LATEST = "test_timeseries_latest_is_the_last_row_at_or_before"
_WRITES = "test_timeseries_append_and_delete"
_TIMES = "test_a_series_without_times_is_refused"


@fault(_RANGE, _WRITES)
class IncludesTheStop(ReferenceTimeseries):
    def within(self, time: Any, start: Any, stop: Any) -> bool:
        return (start is None or time >= start) and (stop is None or time <= stop)


@fault(_RANGE)
class ExcludesTheStart(ReferenceTimeseries):
    def within(self, time: Any, start: Any, stop: Any) -> bool:
        return (start is None or time > start) and (stop is None or time < stop)


@fault(_RANGE, _ORDER)
class AnswersAsWritten(ReferenceTimeseries):
    """In the order of writing, and backwards at that."""

    def selected(self, held: Held, op: Any, call: Call) -> pa.Table:
        table = super().selected(held, op, call)
        return table.take(pa.array(range(table.num_rows - 1, -1, -1), pa.int64()))


@fault(_RANGE)
class CutsBeforeItSelects(ReferenceTimeseries):
    def timeseries_range(self, op: TimeseriesRange, call: Call) -> Answer:
        held = self.held(op.dataset)
        rows = self.selected(replace(held, content=held.content.slice(0, op.limit)), op, call)
        return rows.select(list(op.columns or rows.column_names))


@fault(_ORDER)
class OrdersEqualTimesByValue(ReferenceTimeseries):
    def selected(self, held: Held, op: Any, call: Call) -> pa.Table:
        table = super().selected(held, op, call)
        return table.sort_by([(name, "ascending") for name in table.column_names])


@fault(_ORDER)
class TakesTheFirstOfEqualTimesForTheLatest(ReferenceTimeseries):
    def timeseries_latest(self, op: TimeseriesLatest, call: Call) -> Answer:
        table: Any = super().timeseries_latest(op, call)
        rows: Any = self.timeseries_range(TimeseriesRange(op.dataset, where=op.where), call)
        time = self.dataset(str(op.dataset)).role("time")
        first = {t: n for n, t in reversed(list(enumerate(rows[time].to_pylist())))}
        return rows.take(pa.array([first[t] for t in table[time].to_pylist()], pa.int64()))


@fault(_WINDOW, _CLOCKS)
class BeginsWindowsAtTheFirstRow(ReferenceTimeseries):
    def timeseries_window(self, op: TimeseriesWindow, call: Call) -> Answer:
        rows: Any = self.timeseries_range(TimeseriesRange(op.dataset, op.start), call)
        first = rows[self.dataset(str(op.dataset)).role("time")].to_pylist()[0]
        return super().timeseries_window(replace(op, origin=first), call)


@fault(_WINDOW)
class AggregatesWithoutBounds(ReferenceTimeseries):
    def timeseries_window(self, op: TimeseriesWindow, call: Call) -> Answer:
        return super().timeseries_window(replace(op, start=None, stop=None), call)


@fault(_WINDOW)
class PutsGroupsAfterWindows(ReferenceTimeseries):
    def timeseries_window(self, op: TimeseriesWindow, call: Call) -> Answer:
        table: Any = super().timeseries_window(op, call)
        by: Any = op.by
        return table.select(["window_start", *by, *table.column_names[len(by) + 1 :]])


@fault(_FILL)
class FillsWithZero(ReferenceTimeseries):
    def filled(self, values: dict[int, Row], starts: Iterator[int], fill: str, call: Call) -> list[Row]:
        rows = super().filled(values, starts, "null", call)
        return [tuple(0 if value is None else value for value in row) for row in rows]


@fault(_FILL)
class KeepsNullsOfWindowsWithRows(ReferenceTimeseries):
    """It fills windows without rows only, and leaves those whose aggregate is NULL."""

    def filled(self, values: dict[int, Row], starts: Iterator[int], fill: str, call: Call) -> list[Row]:
        rows = super().filled(values, starts, fill, call)
        return [(row[0], *values.get(int(str(row[0])), row[1:])) for row in rows]


@fault(_FILL)
class StepsInsteadOfDrawing(ReferenceTimeseries):
    def filled(self, values: dict[int, Row], starts: Iterator[int], fill: str, call: Call) -> list[Row]:
        return super().filled(values, starts, "previous" if fill == "linear" else fill, call)


@fault(_GROUPS)
class FillsAcrossGroups(ReferenceTimeseries):
    _last: dict[int, Row]

    def timeseries_window(self, op: TimeseriesWindow, call: Call) -> Answer:
        self._last = {}
        return super().timeseries_window(op, call)

    def filled(self, values: dict[int, Row], starts: Iterator[int], fill: str, call: Call) -> list[Row]:
        both = {start: row for start, row in self._last.items() if start not in values} if fill != "null" else {}
        self._last = values
        return super().filled({**both, **values}, starts, fill, call)


@fault(_GROUPS)
class FillsEachGroupFromItsOwnFirstWindow(ReferenceTimeseries):
    def filled(self, values: dict[int, Row], starts: Iterator[int], fill: str, call: Call) -> list[Row]:
        inner = [start for start in starts if min(values) <= start <= max(values)]
        return super().filled(values, iter(inner), fill, call)


@fault(_GROUPS)
class FillsOnlyBetweenRows(ReferenceTimeseries):
    """`start` and `stop` choose rows, but not the windows to fill."""

    def timeseries_window(self, op: TimeseriesWindow, call: Call) -> Answer:
        if op.fill == "none" or op.start is None:
            return super().timeseries_window(op, call)
        table: Any = super().timeseries_window(op, call)
        return table.slice(0, 1)


@fault(_CLOCKS)
class IgnoresZones(ReferenceTimeseries):
    def timeseries_window(self, op: TimeseriesWindow, call: Call) -> Answer:
        return super().timeseries_window(replace(op, tz="UTC" if "/" in op.tz and op.tz[0] == "A" else op.tz), call)


@fault(_CLOCKS)
class IgnoresOrigins(ReferenceTimeseries):
    def timeseries_window(self, op: TimeseriesWindow, call: Call) -> Answer:
        return super().timeseries_window(replace(op, origin=None), call)


@fault(_DATES)
class AnswersDatesAsTimes(ReferenceTimeseries):
    def timeseries_window(self, op: TimeseriesWindow, call: Call) -> Answer:
        table: Any = super().timeseries_window(op, call)
        place = table.schema.get_field_index("window_start")
        return table.set_column(place, "window_start", table["window_start"].cast(pa.timestamp("us")))


@fault(_REFUSES)
class CountsForWrongAggregates(ReferenceTimeseries):
    def timeseries_window(self, op: TimeseriesWindow, call: Call) -> Answer:
        try:
            return super().timeseries_window(op, call)
        except PolyrouteError:
            return super().timeseries_window(replace(op, aggregates="count(*)"), call)


@fault(_LATEST)
class IgnoresAt(ReferenceTimeseries):
    def timeseries_latest(self, op: TimeseriesLatest, call: Call) -> Answer:
        return super().timeseries_latest(replace(op, at=None), call)


@fault(_LATEST)
class ExcludesAt(ReferenceTimeseries):
    def timeseries_latest(self, op: TimeseriesLatest, call: Call) -> Answer:
        if op.at is None:
            return super().timeseries_latest(op, call)
        time = self.dataset(str(op.dataset)).role("time")
        held = self.held(op.dataset)
        earlier = [t < op.at for t in held.content[time].to_pylist()]
        with self._place.changing() as draft:
            draft.held[str(op.dataset)] = replace(held, content=held.content.filter(pa.array(earlier, pa.bool_())))
        answer = super().timeseries_latest(op, call)
        with self._place.changing() as draft:
            draft.held[str(op.dataset)] = held
        return answer


@fault(_LATEST)
class GivesOneRowForAllGroups(ReferenceTimeseries):
    def timeseries_latest(self, op: TimeseriesLatest, call: Call) -> Answer:
        return super().timeseries_latest(replace(op, by=()), call)


@fault(_LATEST)
class FiltersTheLatestAfterwards(ReferenceTimeseries):
    def timeseries_latest(self, op: TimeseriesLatest, call: Call) -> Answer:
        table: Any = super().timeseries_latest(replace(op, where=None), call)
        kept: Any = super().timeseries_latest(op, call)
        return table.filter(pa.array([row in kept.to_pylist() for row in table.to_pylist()], pa.bool_()))


@fault(_WRITES)
class AppendsOneRowOnly(ReferenceTimeseries):
    def timeseries_append(self, op: TimeseriesAppend, call: Call) -> Rows:
        given: Any = op.rows
        super().timeseries_append(replace(op, rows=given.slice(0, 0)), call)
        return affected(given.num_rows)


@fault(_WRITES)
class DeletesWithoutTheFilter(ReferenceTimeseries):
    def timeseries_delete(self, op: TimeseriesDelete, call: Call) -> Rows:
        return super().timeseries_delete(replace(op, where=None, start=op.start or dt.datetime.min), call)


@fault(_TIMES)
class KeepsRowsWithoutTime(ReferenceTimeseries):
    def checked(self, dataset: Dataset, table: pa.Table) -> Held:
        return Held(dataset, table)

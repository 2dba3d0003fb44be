"""The time-series engine on a DuckDB file: rows in the order of time, windows, the last row of each group.

A series is a table that was loaded with `time='column'`, a timestamp or a date that is never NULL. It lists the series
of its file and nothing else; the relational engine on the same file lists all the rest. Rows of equal time keep the
order in which they were written, and the last written is the latest; an upsert writes its rows anew.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, cast

import pyarrow as pa

from polyroute.engines.resources.duckdb import DuckDBTables, Stored
from polyroute.engines.resources.duckdb.writes import delete_rows, insert
from polyroute.engines.timeseries.duckdb_windows import WindowQuery
from polyroute.errors import invalid
from polyroute.sql.filters import DUCKDB
from polyroute.sql.filters.to_sql import quote_double as quote

if TYPE_CHECKING:
    from polyroute.engines.call import Call
    from polyroute.engines.contract import LoadSpec
    from polyroute.operations import (
        TimeseriesAppend,
        TimeseriesDelete,
        TimeseriesLatest,
        TimeseriesRange,
        TimeseriesWindow,
    )
    from polyroute.result import Rows
    from polyroute.sql.filters import Filter

_ROW = "rowid"
_NS_FIRST = dt.datetime(1677, 9, 21, 0, 12, 44)
_NS_LAST = dt.datetime(2262, 4, 11, 23, 47, 16)


class TimeseriesDuckDBEngine(DuckDBTables):
    """Time series in a DuckDB file."""

    kind = "timeseries"

    def load(self, spec: LoadSpec, call: Call) -> int:
        """Store batches, all or nothing; the time column must hold timestamps or dates, without NULLs."""
        time = spec.dataset.role("time")
        held = spec.dataset.schema.field(time).type
        if not pa.types.is_timestamp(held) and not pa.types.is_date(held):
            raise invalid(
                f"the time column {time!r} is of type {held}, not a timestamp or a date",
                hint="convert it before loading, or choose another column as time",
            )
        for name in spec.dataset.schema.names:
            if name.lower() == _ROW:
                raise invalid(
                    f"a time series in DuckDB cannot have a column {name!r}, which is how DuckDB names its row numbers",
                    hint="rename the column before loading",
                )
        return super().load(spec, call)

    def timeseries_range(self, op: TimeseriesRange, call: Call) -> pa.Table | pa.RecordBatchReader:
        """Read the rows from `start` (included) to `stop` (not included), in the order of time and of writing."""
        stored = self._stored(op.dataset)
        conditions, params = _bounds(stored, op.start, op.stop)
        return self._select(
            stored,
            op.columns or tuple(stored.dataset.schema.names),
            conditions=conditions,
            params=params,
            where=cast("Filter | None", op.where),
            order=f"{_time(stored)}, {_ROW}",
            limit=op.limit,
            call=call,
        )

    def timeseries_window(self, op: TimeseriesWindow, call: Call) -> pa.Table:
        """Aggregate into windows of time.

        The answer has the `by` columns, `window_start`, the aggregates, ordered by the first two. `window_start` is an
        instant: a timestamp in UTC where the time column has no zone, in the column's own zone where it has one, a
        date where it holds dates. Only rows from `start` to `stop` count, so the first and the last window may be cut.
        """
        stored = self._stored(op.dataset)
        conditions, bounds = _bounds(stored, op.start, op.stop)
        where, values = self._where(stored, cast("Filter | None", op.where), conditions)
        query = WindowQuery(op, stored, where, {**bounds, **values})
        with self._file.reading(call) as cursor:
            return query.run(cursor)

    def timeseries_latest(self, op: TimeseriesLatest, call: Call) -> pa.Table | pa.RecordBatchReader:
        """Read the last row at or before `at`, of every group of `by`, in the order of the groups."""
        stored = self._stored(op.dataset)
        conditions, params = _bounds(stored, None, op.at, closed=True)
        where = cast("Filter | None", op.where)
        columns = tuple(stored.dataset.schema.names)
        by = cast("tuple[str, ...]", op.by or ())
        if not by:
            order = f"{_time(stored)} DESC, {_ROW} DESC"
            return self._select(
                stored, columns, conditions=conditions, params=params, where=where, order=order, limit=1, call=call
            )
        text, values = self._where(stored, where, conditions)
        keys = ", ".join(stored.column(name) for name in by)
        last = f"SELECT max({{'at': {_time(stored)}, 'row': {_ROW}}}).row FROM {stored.table}{text} GROUP BY {keys}"
        order = ", ".join(f"{stored.column(name)} NULLS LAST" for name in by)
        conditions = [f"{_ROW} IN ({last})"]
        return self._select(stored, columns, conditions=conditions, params={**params, **values}, order=order, call=call)

    def timeseries_append(self, op: TimeseriesAppend, call: Call) -> Rows:
        """Append rows."""
        stored = self._writable(op.dataset)
        return self._change(op, call, lambda cursor: insert(cursor, stored, cast("pa.Table", op.rows)))

    def timeseries_delete(self, op: TimeseriesDelete, call: Call) -> Rows:
        """Delete the rows from `start` (included) to `stop` (not included) that pass the filter."""
        stored = self._writable(op.dataset)
        conditions, params = _bounds(stored, op.start, op.stop)
        text, values = self._where(stored, cast("Filter | None", op.where), conditions)
        return self._change(op, call, lambda cursor: delete_rows(cursor, stored, text, {**params, **values}))


def _time(stored: Stored) -> str:
    return quote(stored.dataset.role("time"))


def _bounds(
    stored: Stored, start: object, stop: object, *, closed: bool = False
) -> tuple[list[str], dict[str, object]]:
    """Return the conditions of a stretch of time, with their parameters; `closed` takes the stop in."""
    arrow_type = stored.dataset.schema.field(stored.dataset.role("time")).type
    conditions: list[str] = []
    params: dict[str, object] = {}
    for name, value, sign in (("start", start, ">="), ("stop", stop, "<=" if closed else "<")):
        if value is None:
            continue
        beyond = _beyond_nanoseconds(value, arrow_type)
        if beyond:
            conditions.append("true" if (beyond > 0) == (name == "stop") else "false")
            continue
        conditions.append(f"{_time(stored)} {sign} ${name}")
        params[name] = DUCKDB.encode(value, arrow_type)
    return conditions, params


def _beyond_nanoseconds(value: object, arrow_type: pa.DataType) -> int:
    """Tell whether a bound lies before (-1) or after (1) all times in nanoseconds, with which DuckDB could not compare
    it.
    """
    if not pa.types.is_timestamp(arrow_type) or arrow_type.unit != "ns" or not isinstance(value, dt.datetime):
        return 0
    moment = value.astimezone(dt.UTC).replace(tzinfo=None) if value.tzinfo else value
    return -1 if moment < _NS_FIRST else 1 if moment > _NS_LAST else 0

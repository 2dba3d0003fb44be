"""Time-series operations, bound to their dataset."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from polyroute import operations as ops
from polyroute.arguments import names_from
from polyroute.engines.binding.names import bind_columns, where_of
from polyroute.engines.binding.values import bind_time
from polyroute.engines.contract import Dataset
from polyroute.engines.loading.rows import table_from
from polyroute.errors import invalid


def _bounds(dataset: Dataset, op: Any) -> dict[str, object]:
    return {
        "start": bind_time(op.start, dataset),
        "stop": bind_time(op.stop, dataset),
        "where": where_of(dataset, op),
        "params": None,
    }


def bind_range(dataset: Dataset, op: ops.TimeseriesRange) -> ops.TimeseriesRange:
    """Bind a range: its bounds in the type of the time column."""
    columns = bind_columns(op.columns, dataset.schema, dataset.name)
    return replace(op, **_bounds(dataset, op), columns=columns)  # type: ignore[arg-type]


def _by(dataset: Dataset, by: str | Sequence[str] | None) -> tuple[str, ...]:
    if isinstance(by, str):
        by = [part.strip() for part in by.split(",")]
    return bind_columns(names_from("by", by), dataset.schema, dataset.name) or ()


def bind_window(dataset: Dataset, op: ops.TimeseriesWindow) -> ops.TimeseriesWindow:
    """Bind windows: bounds, origin, columns to group by, the width as text."""
    origin = bind_time(op.origin, dataset)
    return replace(op, **_bounds(dataset, op), by=_by(dataset, op.by), origin=origin, every=_interval(op.every))  # type: ignore[arg-type]


def _interval(value: object) -> str:
    if isinstance(value, dt.timedelta):
        return f"{value.days * 86_400_000_000 + value.seconds * 1_000_000 + value.microseconds} microseconds"
    if isinstance(value, str) and value.strip():
        return value.strip()
    raise invalid("every is neither an interval text nor a timedelta", hint="write every='1 hour'")


def bind_latest(dataset: Dataset, op: ops.TimeseriesLatest) -> ops.TimeseriesLatest:
    """Bind a search for the latest rows."""
    return replace(op, by=_by(dataset, op.by), at=bind_time(op.at, dataset), where=where_of(dataset, op), params=None)


def bind_append(dataset: Dataset, op: ops.TimeseriesAppend) -> ops.TimeseriesAppend:
    """Bind an append: the rows as a table, none without its time."""
    table = table_from(op.rows, dataset.schema)
    time = dataset.role("time")
    if table[time].null_count:
        raise invalid(f"column {time!r} is the time and holds NULL", hint="give every row its time")
    return replace(op, rows=table)


def bind_series_delete(dataset: Dataset, op: ops.TimeseriesDelete) -> ops.TimeseriesDelete:
    """Bind a delete from a series."""
    return replace(op, **_bounds(dataset, op))  # type: ignore[arg-type]

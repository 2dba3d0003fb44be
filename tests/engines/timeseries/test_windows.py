"""Where windows begin: by hand around the days on which clocks change, and the same in numpy and in SQL."""

from __future__ import annotations

import datetime as dt

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polyroute.engines.timeseries.interval import parse_width
from polyroute.engines.timeseries.windows import Grid, Windows
from polyroute.engines.timeseries.zones import zone_between

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
NEW_YORK = "America/New_York"


def us(text: str) -> int:
    moment = dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)
    return (moment - EPOCH) // dt.timedelta(microseconds=1)


def shown(instants: np.ndarray) -> list[str]:  # type: ignore[type-arg]
    return [str(i.astype("datetime64[m]")) for i in instants.view("datetime64[us]")]


def windows(
    every: str, tz: str = "UTC", origin: str | None = None, low: str = "2010-01-01", high: str = "2016-01-01"
) -> Windows:
    zone = zone_between(tz, us(low), us(high))
    return Windows(Grid.of(parse_width(every), None if origin is None else us(origin)), zone)


def starts(every: str, low: str, high: str, tz: str = NEW_YORK) -> list[str]:
    made = windows(every, tz)
    return shown(made.starts(us(low), us(high)))


def hours(day: str, *numbers: int) -> list[str]:
    return [f"{day}T{number:02}:00" for number in numbers]


@pytest.mark.parametrize(
    ("every", "time", "start"),
    [
        ("1 hour", "2013-05-06 07:59:59", "2013-05-06T07:00"),
        ("1 hour", "1969-12-31 23:59:59", "1969-12-31T23:00"),
        ("15 minutes", "2013-05-06 07:44", "2013-05-06T07:30"),
        ("7 hours", "2000-01-03 06:59", "2000-01-03T00:00"),
        ("1 day", "2013-05-06 00:00", "2013-05-06T00:00"),
        ("1 week", "2013-05-12 23:59", "2013-05-06T00:00"),
        ("2 weeks", "2000-01-16 23:59", "2000-01-03T00:00"),
        ("1 month", "2013-02-28 12:00", "2013-02-01T00:00"),
        ("1 quarter", "2013-06-30 12:00", "2013-04-01T00:00"),
        ("1 year", "1999-12-31 23:59", "1999-01-01T00:00"),
        ("5 years", "2014-12-31 00:00", "2010-01-01T00:00"),
        ("1 decade", "2013-01-01 00:00", "2010-01-01T00:00"),
    ],
)
def test_windows_in_utc(every: str, time: str, start: str) -> None:
    assert shown(windows(every).place(np.array([us(time)]))) == [start]


def test_an_origin_moves_the_grid() -> None:
    times = np.array([us("2013-02-28 12:00"), us("2013-03-30 23:00"), us("2013-03-31 00:00")])
    made = windows("1 month", origin="2013-01-31")
    # a day that a month lacks is its last, and the next month has the 31st again
    assert shown(made.place(times)) == ["2013-02-28T00:00", "2013-02-28T00:00", "2013-03-31T00:00"]
    assert shown(made.starts(us("2013-01-31"), us("2013-05-01"))) == [
        "2013-01-31T00:00",
        "2013-02-28T00:00",
        "2013-03-31T00:00",
        "2013-04-30T00:00",
    ]
    assert shown(windows("1 day", origin="1990-01-01 06:00").place(times[:1])) == ["2013-02-28T06:00"]


def test_days_have_23_and_25_hours_where_clocks_change() -> None:
    assert starts("1 day", "2013-03-09 05:00", "2013-03-12 04:00") == [
        "2013-03-09T05:00",
        "2013-03-10T05:00",
        "2013-03-11T04:00",
        "2013-03-12T04:00",
    ]
    assert starts("1 day", "2013-11-02 04:00", "2013-11-04 05:00") == [
        "2013-11-02T04:00",
        "2013-11-03T04:00",
        "2013-11-04T05:00",
    ]


def test_a_repeated_hour_makes_two_windows_and_a_skipped_one_none() -> None:
    assert starts("1 hour", "2013-03-10 05:00", "2013-03-10 08:00") == hours("2013-03-10", 5, 6, 7, 8)
    assert starts("1 hour", "2013-11-03 04:00", "2013-11-03 08:00") == hours("2013-11-03", 4, 5, 6, 7, 8)
    assert len(starts("30 minutes", "2013-11-03 04:00", "2013-11-04 04:59")) == 50
    assert len(starts("30 minutes", "2013-03-10 05:00", "2013-03-11 03:59")) == 46


def test_longer_windows_stay_on_the_clock_across_a_change() -> None:
    assert starts("6 hours", "2013-03-10 05:00", "2013-03-10 22:00") == hours("2013-03-10", 5, 10, 16, 22)
    assert starts("6 hours", "2013-11-03 04:00", "2013-11-03 23:00") == hours("2013-11-03", 4, 11, 17, 23)
    # 02:00 is skipped: its window begins at the moment of the change
    assert starts("2 hours", "2013-03-10 05:00", "2013-03-10 08:00") == hours("2013-03-10", 5, 7, 8)


def test_months_and_years_begin_at_local_midnights() -> None:
    assert starts("1 month", "2013-02-01 05:00", "2013-12-01 05:00")[:3] == [
        "2013-02-01T05:00",
        "2013-03-01T05:00",
        "2013-04-01T04:00",
    ]
    assert starts("1 year", "2012-01-01 05:00", "2014-01-01 05:00") == [f"{y}-01-01T05:00" for y in (2012, 2013, 2014)]


def test_a_day_whose_midnight_is_skipped_begins_when_it_does() -> None:
    assert starts("1 day", "2013-10-19 00:00", "2013-10-21 12:00", "America/Sao_Paulo") == [
        "2013-10-19T03:00",
        "2013-10-20T03:00",
        "2013-10-21T02:00",
    ]
    # Samoa had no 30 December 2011
    assert starts("1 day", "2011-12-28 12:00", "2012-01-01 00:00", "Pacific/Apia") == [
        "2011-12-29T10:00",
        "2011-12-30T10:00",
        "2011-12-31T10:00",
    ]


def test_days_are_those_of_pandas() -> None:
    for tz in (NEW_YORK, "Europe/London", "Asia/Kolkata", "Australia/Lord_Howe"):
        local = pd.date_range("2011-01-01", "2015-01-01", freq="D", tz=tz)
        expected = local.tz_convert("UTC").tz_localize(None).astype("datetime64[us]").to_numpy().view(np.int64)
        assert windows("1 day", tz).starts(int(expected[0]), int(expected[-1])).tolist() == expected.tolist()


AMERICA = [NEW_YORK, "America/St_Johns", "America/Sao_Paulo"]
ZONES = ["UTC", *AMERICA, "Pacific/Apia", "Australia/Lord_Howe", "Asia/Kathmandu"]
SHORT = ["45 minutes", "1 hour", "90 minutes", "6 hours", "7 hours", "36 hours"]
WIDTHS = [*SHORT, "1 day", "10 days", "1 week", "1 month", "5 months", "1 year"]
MOMENTS = st.datetimes(dt.datetime(1986, 1, 1), dt.datetime(2013, 1, 1))


@settings(deadline=None)
@given(
    tz=st.sampled_from(ZONES),
    every=st.sampled_from(WIDTHS),
    origin=st.none() | MOMENTS,
    moments=st.lists(MOMENTS, min_size=1, max_size=20),
    near=st.integers(-7_200, 7_200),
)
def test_numpy_and_sql_agree_and_every_window_holds_its_times(
    tz: str, every: str, origin: dt.datetime | None, moments: list[dt.datetime], near: int
) -> None:
    made = windows(every, tz, None if origin is None else origin.isoformat(), "1985-01-01")
    times = np.array([us(m.isoformat()) for m in moments] + [int(s) + near * 1_000_000 for s in made.zone.since[1:6]])
    placed = made.place(times)
    given_times = pa.table({"i": times})
    sql = made.sql("SELECT i FROM given_times", "i", "shown", "wall", "start")
    found = duckdb.sql(f"SELECT start FROM ({sql})").fetchnumpy()["start"]
    assert found.tolist() == placed.tolist()
    begun = made.starts(int(placed.min()), int(placed.max()))
    assert set(placed.tolist()) <= set(begun.tolist())
    assert made.place(begun).tolist() == begun.tolist()
    assert (np.diff(begun) > 0).all()
    if not made.grid.width.whole_days:
        assert begun[np.searchsorted(begun, times, "right") - 1].tolist() == placed.tolist()
    assert given_times.num_rows == len(times)

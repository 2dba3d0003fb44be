"""timeseries_window on DuckDB: windows, zones, fills, against answers worked out by hand and by pandas."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from polyroute.engines import open_engine
from polyroute.engines.testing.store import Store
from polyroute.operations import Scan, TimeseriesWindow

NEW_YORK = "America/New_York"


def at(hour: int, minute: int = 0, day: int = 1) -> dt.datetime:
    return dt.datetime(2013, 1, day, hour, minute)


SERIES = pa.table(
    {
        "obs": pa.array([at(0, 10), at(0, 50), at(3, 5), at(5), at(2), at(3, 30)], pa.timestamp("us")),
        "place": ["a", "a", "a", "a", "b", "b"],
        "v": [1.0, 3.0, None, 8.0, 10.0, 20.0],
        "n": pa.array([1, 2, 3, 4, 5, 6], pa.int32()),
    }
)


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    store = Store(lambda: open_engine("timeseries+duckdb://"))
    store.load("s", SERIES, time="obs")
    yield store
    store.close()


def ask(store: Store, aggregates: str, every: str = "1 hour", **kwargs: object) -> list[tuple[object, ...]]:
    return store.rows(TimeseriesWindow("s", aggregates, every, **kwargs))  # type: ignore[arg-type]


def test_windows_without_a_fill_are_those_with_rows(store: Store) -> None:
    assert ask(store, "count(*) AS n, avg(v) AS v") == [
        (at(0), 2, 2.0),
        (at(2), 1, 10.0),
        (at(3), 2, 20.0),
        (at(5), 1, 8.0),
    ]
    assert ask(store, "sum(n)", "2 hours", by="place") == [
        ("a", at(0), 3),
        ("a", at(2), 3),
        ("a", at(4), 4),
        ("b", at(2), 11),
    ]
    assert ask(store, "count(*) AS n", where="place = 'c'") == []
    assert ask(store, "max(n) AS n", start=at(0, 30), stop=at(3, 30)) == [(at(0), 2), (at(2), 5), (at(3), 3)]


def test_the_answer_has_its_types_also_when_it_is_empty(store: Store) -> None:
    expected = pa.schema(
        [("place", pa.string()), ("window_start", pa.timestamp("us")), ("avg(v)", pa.float64()), ("sum(n)", pa.int64())]
    )
    for fill in ("none", "null", "previous"):
        for where in (None, "place = 'c'"):
            op = TimeseriesWindow("s", "avg(v), sum(n)", by="place", fill=fill, where=where)
            assert store.ask(op).to_arrow().schema == expected
    linear = TimeseriesWindow("s", "avg(v), sum(n)", by="place", fill="linear")
    assert store.ask(linear).to_arrow().schema.field("sum(n)").type == pa.float64()


def test_every_group_is_filled_from_the_first_to_the_last_window_of_all(store: Store) -> None:
    assert ask(store, "avg(v) AS v, count(*) AS n", by="place", fill="null") == [
        ("a", at(0), 2.0, 2),
        ("a", at(1), None, None),
        ("a", at(2), None, None),
        ("a", at(3), None, 1),
        ("a", at(4), None, None),
        ("a", at(5), 8.0, 1),
        ("b", at(0), None, None),
        ("b", at(1), None, None),
        ("b", at(2), 10.0, 1),
        ("b", at(3), 20.0, 1),
        ("b", at(4), None, None),
        ("b", at(5), None, None),
    ]


def values(store: Store, fill: str, place: str, aggregate: str = "avg(v)", **kwargs: object) -> list[object]:
    found = ask(store, f"{aggregate} AS v", by="place", fill=fill, **kwargs)
    return [v for p, _, v in found if p == place]


def test_previous_carries_the_last_value_of_the_group_forward(store: Store) -> None:
    assert values(store, "previous", "a") == [2.0, 2.0, 2.0, 2.0, 2.0, 8.0]
    assert values(store, "previous", "b") == [None, None, 10.0, 20.0, 20.0, 20.0]
    assert values(store, "previous", "a", "count(*)") == [2, 2, 2, 1, 1, 1]
    assert values(store, "previous", "a", "last(place)") == ["a"] * 6


def test_linear_goes_straight_from_one_value_to_the_next(store: Store) -> None:
    assert values(store, "linear", "a") == pytest.approx([2.0, 3.2, 4.4, 5.6, 6.8, 8.0])
    assert values(store, "linear", "b") == [None, None, 10.0, 20.0, None, None]
    assert values(store, "linear", "a", "sum(n)") == [3.0, 3.0, 3.0, 3.0, 3.5, 4.0]
    assert values(store, "linear", "a", "sum(n)::DECIMAL(5, 1)") == [3.0, 3.0, 3.0, 3.0, 3.5, 4.0]


def test_linear_is_by_time_where_windows_differ_in_length() -> None:
    store = Store(lambda: open_engine("timeseries+duckdb://"))
    times = [dt.datetime(2013, 1, 1), dt.datetime(2013, 4, 1)]
    store.load("s", pa.table({"obs": times, "v": [0.0, 90.0]}), time="obs")
    assert [v for _, v in ask(store, "avg(v) AS v", "1 month", fill="linear")] == [0.0, 31.0, 59.0, 90.0]
    store.close()


def test_start_and_stop_bound_the_fill(store: Store) -> None:
    assert ask(store, "count(*) AS n", fill="null", start=at(4, 30), stop=at(7)) == [
        (at(4), None),
        (at(5), 1),
        (at(6), None),
    ]
    assert ask(store, "count(*) AS n", fill="previous", stop=at(1)) == [(at(0), 2)]
    assert ask(store, "count(*) AS n", fill="null", start=at(5), stop=at(5)) == []
    # without groups the windows are there although no row is
    assert ask(store, "count(*) AS n", fill="null", start=at(10), stop=at(12)) == [(at(10), None), (at(11), None)]
    assert ask(store, "count(*) AS n", by="place", fill="null", start=at(10), stop=at(12)) == []
    assert ask(store, "count(*) AS n", fill="null", start=at(10)) == []


def test_null_is_a_group_of_its_own() -> None:
    store = Store(lambda: open_engine("timeseries+duckdb://"))
    table = pa.table({"obs": [at(0), at(2), at(1)], "g": pa.array([None, None, 1.0]), "h": ["x", "x", None]})
    store.load("s", table, time="obs")
    assert ask(store, "count(*) AS n", by=("g", "h"), fill="previous") == [
        (1.0, None, at(0), None),
        (1.0, None, at(1), 1),
        (1.0, None, at(2), 1),
        (None, "x", at(0), 1),
        (None, "x", at(1), 1),
        (None, "x", at(2), 1),
    ]
    store.close()


def test_order_sensitive_aggregates_read_in_the_order_of_time_then_of_writing() -> None:
    store = Store(lambda: open_engine("timeseries+duckdb://"))
    count = 50_000
    times = np.datetime64("2013-01-01", "us") + np.arange(count)[::-1] % 1_000
    store.load("s", pa.table({"obs": times, "i": range(count)}), time="obs")
    order = np.lexsort((np.arange(count), times))
    [(_, first, last, listed)] = ask(store, "first(i), last(i), list(i)")
    assert (first, last) == (order[0], order[-1])
    assert listed == order.tolist()
    store.close()


@pytest.fixture(scope="module")
def hourly() -> Iterator[Store]:
    """Give a row at every quarter of an hour of 2013, by UTC, with gaps, two places."""
    store = Store(lambda: open_engine("timeseries+duckdb://"))
    rng = np.random.default_rng(7)
    times = pd.date_range("2013-01-01", "2013-12-31 23:45", freq="15min").to_numpy().astype("datetime64[us]")
    kept = rng.random(len(times)) > 0.2
    frame = {
        "obs": times[kept],
        "place": rng.choice(["ewr", "jfk"], kept.sum()),
        "v": rng.normal(size=kept.sum()).round(3),
    }
    store.load("s", pa.table(frame), time="obs")
    store.load("z", pa.table({**frame, "obs": pa.array(times[kept]).cast(pa.timestamp("ns", NEW_YORK))}), time="obs")
    yield store
    store.close()


FREQUENCIES = {"1 day": "D", "1 hour": "h", "1 week": "W-MON", "1 month": "MS", "1 quarter": "QS"}


@pytest.mark.parametrize("every", FREQUENCIES)
@pytest.mark.parametrize("tz", ["UTC", NEW_YORK, "Europe/London", "Asia/Kolkata"])
def test_windows_are_those_of_pandas(hourly: Store, every: str, tz: str) -> None:
    frame = hourly.ask(TimeseriesWindow("s", "count(*) AS n, sum(v) AS v, max(v) AS m", every, tz=tz)).to_pandas()
    raw = hourly.ask(Scan("s", ("obs", "v"))).to_pandas()
    local = raw.set_index(pd.DatetimeIndex(raw["obs"]).tz_localize("UTC").tz_convert(tz))["v"]
    expected = local.resample(FREQUENCIES[every], label="left", closed="left").agg(["count", "sum", "max"])
    expected = expected[expected["count"] > 0]
    assert (pd.DatetimeIndex(frame["window_start"]).tz_localize("UTC") == expected.index).all()
    assert frame["n"].tolist() == expected["count"].tolist()
    assert np.allclose(frame["v"], expected["sum"])
    assert frame["m"].tolist() == expected["max"].tolist()


@pytest.mark.parametrize(
    ("day", "begins", "hours"),
    [
        ("2013-03-09", "2013-03-09T05", 24),
        ("2013-03-10", "2013-03-10T05", 23),
        ("2013-03-11", "2013-03-11T04", 24),
        ("2013-11-02", "2013-11-02T04", 24),
        ("2013-11-03", "2013-11-03T04", 25),
        ("2013-11-04", "2013-11-04T05", 24),
    ],
)
def test_the_days_on_which_clocks_change_have_23_and_25_hours(hourly: Store, day: str, begins: str, hours: int) -> None:
    start = dt.datetime.fromisoformat(f"{begins}:00")
    stop = start + dt.timedelta(hours=hours)
    around = {"start": start - dt.timedelta(days=1), "stop": stop + dt.timedelta(days=1), "tz": NEW_YORK}
    days = [s for s, _ in ask(hourly, "count(*) AS n", "1 day", **around)]
    assert days[days.index(start) + 1] == stop
    within = ask(hourly, "count(*) AS n", "1 hour", start=start, stop=stop, tz=NEW_YORK, fill="null")
    assert [s for s, _ in within] == [start + dt.timedelta(hours=i) for i in range(hours)]
    [(_, total)] = ask(hourly, "count(*) AS n", "1 day", start=start, stop=stop, tz=NEW_YORK)
    assert sum(n or 0 for _, n in within) == total


def test_a_zoned_column_gives_instants_in_its_zone(hourly: Store) -> None:
    plain = hourly.ask(TimeseriesWindow("s", "count(*) AS n", "1 day", tz=NEW_YORK)).to_arrow()
    zoned = hourly.ask(TimeseriesWindow("z", "count(*) AS n", "1 day", tz=NEW_YORK)).to_arrow()
    assert zoned.schema.field("window_start").type == pa.timestamp("us", NEW_YORK)
    assert zoned["window_start"].cast(pa.timestamp("us", "UTC")) == plain["window_start"].cast(
        pa.timestamp("us", "UTC")
    )
    assert zoned["n"] == plain["n"]


def test_dates_have_days_and_no_zones() -> None:
    store = Store(lambda: open_engine("timeseries+duckdb://"))
    days = [dt.date(2013, 1, 31), dt.date(2013, 2, 1), dt.date(2013, 4, 30)]
    store.load("s", pa.table({"obs": pa.array(days), "v": [1, 2, 3]}), time="obs")
    assert ask(store, "sum(v) AS v", "1 month", fill="null") == [
        (dt.date(2013, 1, 1), 1),
        (dt.date(2013, 2, 1), 2),
        (dt.date(2013, 3, 1), None),
        (dt.date(2013, 4, 1), 3),
    ]
    assert ask(store, "sum(v) AS v", "1 week", stop=dt.date(2013, 3, 1)) == [(dt.date(2013, 1, 28), 3)]
    moved = ask(store, "sum(v) AS v", "1 month", origin=dt.date(2000, 1, 31))
    assert moved == [(dt.date(2013, 1, 31), 3), (dt.date(2013, 4, 30), 3)]
    for kwargs, told in (({"every": "1 hour"}, "part of a day"), ({"every": "1 day", "tz": NEW_YORK}, "every zone")):
        with store.refused(told=told):
            ask(store, "sum(v)", **kwargs)
    store.close()


def test_an_origin_is_an_instant_that_begins_a_window(store: Store) -> None:
    assert ask(store, "count(*) AS n", "2 hours", origin=at(1)) == [
        (at(23, day=1) - dt.timedelta(days=1), 2),
        (at(1), 1),
        (at(3), 2),
        (at(5), 1),
    ]
    local = ask(store, "count(*) AS n", "1 day", origin=dt.datetime(2012, 6, 1, 11), tz=NEW_YORK)
    # 07:00 in New York in summer, and so 12:00 UTC in winter
    assert local == [(dt.datetime(2012, 12, 31, 12), 6)]


def test_times_before_1970_and_finer_than_a_microsecond_fall_into_their_window() -> None:
    store = Store(lambda: open_engine("timeseries+duckdb://"))
    times = pa.array([-1, 0, 999, -3_600_000_000_001]).cast(pa.timestamp("ns"))
    store.load("s", pa.table({"obs": times, "i": range(4)}), time="obs")
    assert ask(store, "list(i) AS i") == [
        (dt.datetime(1969, 12, 31, 22), [3]),
        (dt.datetime(1969, 12, 31, 23), [0]),
        (dt.datetime(1970, 1, 1), [1, 2]),
    ]
    assert ask(store, "list(i) AS i", "1 month", tz=NEW_YORK) == [(dt.datetime(1969, 12, 1, 5), [3, 0, 1, 2])]
    store.close()


@pytest.mark.parametrize(
    ("kwargs", "told"),
    [
        ({"aggregates": "avg(vv)"}, "did you mean 'v'"),
        ({"aggregates": "avg(place)"}, ""),
        ({"every": "1 fortnight"}, "unit of time"),
        ({"every": "1 month 1 day"}, "mixes months"),
        ({"by": "plac"}, "did you mean 'place'"),
        ({"aggregates": "max(v) AS place", "by": "place"}, "two columns"),
        ({"fill": "nil"}, "fill"),
        ({"aggregates": "max(place)", "fill": "linear"}, "no values in between"),
        ({"tz": "New_York"}, "time zone"),
        ({"start": "soon"}, "obs"),
        ({"every": "1 second", "fill": "null", "start": "1900-01-01"}, "more than"),
        ({"where": "v >"}, "parse"),
    ],
)
def test_what_is_refused(store: Store, kwargs: dict[str, str], told: str) -> None:
    with store.refused(told=told):
        store.ask(TimeseriesWindow("s", **{"aggregates": "avg(v)", **kwargs}))  # type: ignore[arg-type]


def test_a_series_with_its_own_window_start_cannot_be_grouped_by_it() -> None:
    store = Store(lambda: open_engine("timeseries+duckdb://"))
    store.load("s", pa.table({"window_start": [at(0)], "v": [1]}), time="window_start")
    assert ask(store, "max(v) AS v") == [(at(0), 1)]
    with store.refused(told="window_start"):
        ask(store, "max(v) AS v", by="window_start")
    store.close()

"""Time series operations: ranges, windows with gap fill, latest rows; changes."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pyarrow as pa

from polyroute.engines.testing.store import Store
from polyroute.operations import (
    Scan,
    TimeseriesAppend,
    TimeseriesDelete,
    TimeseriesLatest,
    TimeseriesRange,
    TimeseriesWindow,
)

_SCHEMA = pa.schema([("at", pa.timestamp("us")), ("place", pa.string()), ("temp", pa.float64())])


def _at(hour: int, minute: int = 0) -> dt.datetime:
    return dt.datetime(2013, 1, 1, hour, minute)


_ROWS = [
    (_at(0), "ewr", 1.0),
    (_at(0, 30), "ewr", 3.0),
    (_at(0), "jfk", 10.0),
    (_at(3), "ewr", None),
    (_at(3, 59), "jfk", 20.0),
    (_at(4), "ewr", 6.0),
]


def _load(store: Store) -> None:
    columns = [pa.array(c, f.type) for c, f in zip(zip(*_ROWS, strict=True), _SCHEMA, strict=True)]
    store.load("weather", pa.table(columns, schema=_SCHEMA), time="at")


class TimeseriesTests:
    """What a series can be asked for and how it is changed."""

    def test_timeseries_range_is_half_open_and_in_time_order(self, store: Store) -> None:
        _load(store)
        found = store.ask(TimeseriesRange("weather", _at(0, 30), _at(4)))
        assert [r[0] for r in found] == [_at(0, 30), _at(3), _at(3, 59)]
        assert found.to_arrow().schema == _SCHEMA
        assert len(store.rows(TimeseriesRange("weather"))) == 6
        assert [r[0] for r in store.rows(TimeseriesRange("weather", "2013-01-01 03:00", columns=("at",), limit=2))] == [
            _at(3),
            _at(3, 59),
        ]
        assert store.rows(TimeseriesRange("weather", _at(0), where="temp > 9", columns=("temp",))) == [(10.0,), (20.0,)]
        empty = store.ask(TimeseriesRange("weather", _at(20)))
        assert (len(empty), empty.to_arrow().schema) == (0, _SCHEMA)
        assert store.column(TimeseriesRange("weather", stop=_at(0, 30), where="place = 'ewr'")) == [_at(0)]
        for start in ("not a time", 7, True):
            with store.refused(told="'at'"):
                store.ask(TimeseriesRange("weather", start))

    def test_rows_of_one_time_keep_their_order(self, store: Store) -> None:
        columns = [[_at(1)] * 4, ["c", "a", "b", "a"], [1.0, 2.0, 3.0, 4.0]]
        rows = pa.table([pa.array(c, f.type) for c, f in zip(columns, _SCHEMA, strict=True)], schema=_SCHEMA)
        store.load("weather", rows, time="at")
        assert [r[1:] for r in store.rows(TimeseriesRange("weather"))] == [
            ("c", 1.0),
            ("a", 2.0),
            ("b", 3.0),
            ("a", 4.0),
        ]
        assert store.rows(TimeseriesLatest("weather")) == [(_at(1), "a", 4.0)]
        assert (_at(1), "a", 4.0) in store.rows(TimeseriesLatest("weather", "place"))

    def test_timeseries_window_aggregates(self, store: Store) -> None:
        _load(store)
        found = store.ask(TimeseriesWindow("weather", "count(*) AS n, avg(temp) AS t", "1 hour"))
        assert found.columns == ("window_start", "n", "t")
        assert found.fetchall() == [(_at(0), 3, 14 / 3), (_at(3), 2, 20.0), (_at(4), 1, 6.0)]
        late = TimeseriesWindow("weather", "count(*) AS n", "1 hour", start=_at(0, 30), stop=_at(3, 30))
        assert store.rows(late) == [(_at(0), 1), (_at(3), 1)]
        by = store.ask(TimeseriesWindow("weather", "max(temp) AS t", "2 hours", "place", _at(0), _at(4)))
        assert by.columns == ("place", "window_start", "t")
        assert sorted(by, key=repr) == sorted(
            [("ewr", _at(0), 3.0), ("jfk", _at(0), 10.0), ("ewr", _at(2), None), ("jfk", _at(2), 20.0)], key=repr
        )

    def test_timeseries_window_fills_gaps(self, store: Store) -> None:
        _load(store)
        for fill, expected in (
            ("null", [(_at(0), 2.0), (_at(1), None), (_at(2), None), (_at(3), None), (_at(4), 6.0)]),
            ("previous", [(_at(0), 2.0), (_at(1), 2.0), (_at(2), 2.0), (_at(3), 2.0), (_at(4), 6.0)]),
            ("linear", [(_at(0), 2.0), (_at(1), 3.0), (_at(2), 4.0), (_at(3), 5.0), (_at(4), 6.0)]),
        ):
            op = TimeseriesWindow("weather", "avg(temp) AS t", "1 hour", fill=fill, where="place = 'ewr'")
            assert store.rows(op) == expected, fill

    def test_timeseries_window_fills_each_group_by_itself(self, store: Store) -> None:
        """Every group has all windows, and none takes a value from another."""
        _load(store)
        for fill, ewr, jfk in (
            ("null", [2.0, None, None, None, 6.0], [10.0, None, None, 20.0, None]),
            ("previous", [2.0, 2.0, 2.0, 2.0, 6.0], [10.0, 10.0, 10.0, 20.0, 20.0]),
            ("linear", [2.0, 3.0, 4.0, 5.0, 6.0], [10.0, 10 + 10 / 3, 10 + 20 / 3, 20.0, None]),
        ):
            found = store.rows(TimeseriesWindow("weather", "avg(temp) AS t", "1 hour", "place", fill=fill))
            expected = [(p, _at(n), v) for p, vs in (("ewr", ewr), ("jfk", jfk)) for n, v in enumerate(vs)]
            assert [r[:2] for r in found] == [e[:2] for e in expected], fill
            assert all(f[2] == e[2] or abs(f[2] - e[2]) < 1e-9 for f, e in zip(found, expected, strict=True)), fill  # type: ignore[operator]
        wide = TimeseriesWindow("weather", "count(*) AS n", "1 hour", "place", _at(0), _at(6), "null", where="temp = 3")
        assert store.rows(wide) == [("ewr", _at(n), 1 if n == 0 else None) for n in range(6)]

    def test_windows_begin_where_clocks_say(self, store: Store) -> None:
        """Days of a zone, also of 23 hours; months; an origin."""
        times = [dt.datetime(2013, 3, d, h) for d, h in ((9, 4), (9, 5), (10, 4), (10, 5), (11, 3), (11, 4))]
        store.load("clock", pa.table({"at": pa.array(times, pa.timestamp("us")), "n": [1.0] * 6}), time="at")
        fifth = [dt.datetime(2013, 3, d, 5) for d in (8, 9, 10)]
        cases: list[tuple[str, dict[str, Any], list[tuple[dt.datetime, int]]]] = [
            ("1 day", {}, [(dt.datetime(2013, 3, d), 2) for d in (9, 10, 11)]),
            (
                "1 day",
                {"tz": "America/New_York"},
                [(fifth[0], 1), (fifth[1], 2), (fifth[2], 2), (dt.datetime(2013, 3, 11, 4), 1)],
            ),
            ("1 month", {}, [(dt.datetime(2013, 3, 1), 6)]),
            ("1 day", {"origin": "2001-01-01 05:00"}, [(fifth[0], 1), (fifth[1], 2), (fifth[2], 3)]),
        ]
        for every, options, expected in cases:
            found = store.rows(TimeseriesWindow("clock", "count(*) AS n", every, **options))
            assert found == expected, (every, options)

    def test_series_of_dates_and_of_zoned_times(self, store: Store) -> None:
        days = [dt.date(2013, 1, d) for d in (3, 1, 2)]
        for kind, values in (
            (pa.date32(), days),
            (pa.timestamp("us", "UTC"), [dt.datetime(d.year, d.month, d.day, tzinfo=dt.UTC) for d in days]),
            (pa.timestamp("s"), [dt.datetime(d.year, d.month, d.day) for d in days]),
        ):
            table = pa.table({"t": pa.array(values, kind), "n": [3, 1, 2]})
            store.load("days", table, time="t", mode="replace")
            assert [r[1] for r in store.rows(TimeseriesRange("days"))] == [1, 2, 3], kind
            assert store.rows(TimeseriesRange("days", values[2], values[0])) == [(values[2], 2)], kind
            assert store.rows(TimeseriesRange("days", "2013-01-02", "2013-01-03")) == [(values[2], 2)], kind
            assert store.rows(TimeseriesLatest("days", at="2013-01-02")) == [(values[2], 2)], kind
            found = store.ask(TimeseriesWindow("days", "sum(n) AS n", "2 days", origin="2013-01-01"))
            assert [r[0] for r in found] == [values[1], values[0]], kind
            assert [int(str(r[1])) for r in found] == [3, 3], kind

    def test_timeseries_window_refuses_wrong_aggregates(self, store: Store) -> None:
        _load(store)
        for op, told in (
            (TimeseriesWindow("weather", "avg(tmp)"), "did you mean 'temp'"),
            (TimeseriesWindow("weather", "temp"), ""),
            (TimeseriesWindow("weather", "avg(temp"), ""),
            (TimeseriesWindow("weather", "avg(temp)", "1 parsec"), ""),
            (TimeseriesWindow("weather", "avg(temp)", by="plac"), "did you mean 'place'"),
            (TimeseriesWindow("weather", "avg(temp)", tz="Mars/Olympus"), "Mars/Olympus"),
            (TimeseriesWindow("weather", "(SELECT 1)"), ""),
        ):
            with store.refused(told=told):
                store.ask(op)

    def test_timeseries_latest_is_the_last_row_at_or_before(self, store: Store) -> None:
        _load(store)
        assert store.rows(TimeseriesLatest("weather")) == [(_at(4), "ewr", 6.0)]
        assert sorted(store.rows(TimeseriesLatest("weather", "place"))) == [
            (_at(3, 59), "jfk", 20.0),
            (_at(4), "ewr", 6.0),
        ]
        assert sorted(store.rows(TimeseriesLatest("weather", "place", _at(3))), key=repr) == sorted(
            [(_at(0), "jfk", 10.0), (_at(3), "ewr", None)], key=repr
        )
        assert store.rows(TimeseriesLatest("weather", at=dt.datetime(2012, 1, 1))) == []
        assert store.rows(TimeseriesLatest("weather", at=_at(3, 59), where="temp < 5")) == [(_at(0, 30), "ewr", 3.0)]

    def test_timeseries_append_and_delete(self, store: Store) -> None:
        _load(store)
        assert store.ask(TimeseriesAppend("weather", [{"at": _at(9), "place": "lga", "temp": 0.5}])).rows_affected == 1
        assert store.rows(TimeseriesLatest("weather")) == [(_at(9), "lga", 0.5)]
        assert store.ask(TimeseriesDelete("weather", _at(3), _at(4))).rows_affected == 2
        assert store.ask(TimeseriesDelete("weather", where="place = 'ewr'")).rows_affected == 3
        assert sorted(store.rows(Scan("weather"))) == [(_at(0), "jfk", 10.0), (_at(9), "lga", 0.5)]
        with store.refused(told="'at'"):
            store.ask(TimeseriesAppend("weather", [{"at": _at(1)}, {"at": None, "place": "x"}]))
        with store.refused(told="did you mean 'temp'"):
            store.ask(TimeseriesAppend("weather", [{"at": _at(1), "tmp": 1.0}]))
        assert store.ask(TimeseriesDelete("weather", _at(0), where="temp > 100")).rows_affected == 0
        assert store.ask(TimeseriesDelete("weather", stop=_at(9))).rows_affected == 1
        assert store.column(Scan("weather")) == [_at(9)]

    def test_a_series_without_times_is_refused(self, store: Store) -> None:
        table = pa.table({"at": pa.array([_at(0), None], pa.timestamp("us")), "n": [1, 2]})
        with store.refused(told="'at'"):
            store.load("broken", table, time="at")
        with store.refused(told="time="):
            store.load("broken", table)

"""The time-series engine on DuckDB: ranges, latest rows, appends, deletes, loads, and the file it shares."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pytest

from polyroute.engines import open_engine
from polyroute.engines.call import Call
from polyroute.engines.contract import LoadSpec
from polyroute.engines.testing.store import Store
from polyroute.errors import DatabaseErrorCode, PolyrouteError, make_error
from polyroute.operations import (
    RelationalExecute,
    RelationalQuery,
    Scan,
    TimeseriesAppend,
    TimeseriesDelete,
    TimeseriesLatest,
    TimeseriesRange,
    TimeseriesWindow,
)

UTC = dt.UTC


def at(hour: int, minute: int = 0) -> dt.datetime:
    return dt.datetime(2013, 1, 1, hour, minute)


WEATHER = pa.table(
    {
        "place": ["ewr", "jfk", "ewr", "jfk", "ewr", None],
        "obs": pa.array([at(2), at(1), at(0), at(1), at(1), at(1)], pa.timestamp("us")),
        "temp": [2.0, 11.0, 0.0, 12.0, 1.0, None],
    }
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(lambda: open_engine(f"timeseries+duckdb:////{tmp_path}/ts.duckdb"))
    yield store
    store.close()


@pytest.fixture
def weather(store: Store) -> Store:
    store.load("weather", WEATHER, time="obs")
    return store


def temps(store: Store, **kwargs: object) -> list[object]:
    return [t for (t,) in store.rows(TimeseriesRange("weather", columns=("temp",), **kwargs))]  # type: ignore[arg-type]


def test_a_range_is_half_open_in_time_order_ties_as_written(weather: Store) -> None:
    assert temps(weather) == [0.0, 11.0, 12.0, 1.0, None, 2.0]
    assert temps(weather, start=at(1), stop=at(2)) == [11.0, 12.0, 1.0, None]
    assert temps(weather, start=at(1), where="place = 'jfk'", limit=1) == [11.0]
    assert temps(weather, stop=at(0)) == []
    assert temps(weather, start=at(2), stop=at(1)) == []
    assert temps(weather, start="2013-01-01 01:30") == [2.0]
    assert weather.ask(TimeseriesRange("weather")).to_arrow().schema == WEATHER.schema


def test_latest_takes_the_last_written_of_equal_times(weather: Store) -> None:
    assert weather.rows(TimeseriesLatest("weather")) == [("ewr", at(2), 2.0)]
    assert weather.rows(TimeseriesLatest("weather", at=at(1))) == [(None, at(1), None)]
    assert weather.rows(TimeseriesLatest("weather", by="place", at=at(1))) == [
        ("ewr", at(1), 1.0),
        ("jfk", at(1), 12.0),
        (None, at(1), None),
    ]
    assert weather.rows(TimeseriesLatest("weather", by="place", where="temp < 12")) == [
        ("ewr", at(2), 2.0),
        ("jfk", at(1), 11.0),
    ]
    assert weather.rows(TimeseriesLatest("weather", at=at(0) - dt.timedelta(seconds=1))) == []
    assert weather.rows(TimeseriesLatest("weather", by=("place", "temp"), at=at(0))) == [("ewr", at(0), 0.0)]
    weather.ask(TimeseriesAppend("weather", [{"place": "jfk", "obs": at(1), "temp": 13.0}]))
    assert weather.rows(TimeseriesLatest("weather", by="place", where="place = 'jfk'")) == [("jfk", at(1), 13.0)]


def test_appended_rows_come_after_all_of_their_time(weather: Store) -> None:
    rows = pa.table({"obs": pa.array([at(1), at(0)], pa.timestamp("us")), "temp": [9.0, 8.0]})
    assert weather.ask(TimeseriesAppend("weather", rows)).rows_affected == 2
    assert temps(weather) == [0.0, 8.0, 11.0, 12.0, 1.0, None, 9.0, 2.0]
    with weather.refused(told="'obs'"):
        weather.ask(TimeseriesAppend("weather", [{"obs": at(3)}, {"temp": 1.0}]))
    with weather.refused(told="did you mean 'temp'"):
        weather.ask(TimeseriesAppend("weather", [{"obs": at(3), "tmp": 1.0}]))
    with weather.refused(told="temp"):
        weather.ask(TimeseriesAppend("weather", [{"obs": at(3), "temp": "warm"}]))


def test_deleting_a_stretch(weather: Store) -> None:
    assert weather.ask(TimeseriesDelete("weather", start=at(1), stop=at(2), where="place = 'jfk'")).rows_affected == 2
    assert weather.ask(TimeseriesDelete("weather", start=at(2))).rows_affected == 1
    assert weather.ask(TimeseriesDelete("weather", where="temp IS NULL")).rows_affected == 1
    assert temps(weather) == [0.0, 1.0]
    with weather.refused(told="bound"):
        weather.ask(TimeseriesDelete("weather"))


ZONED = dt.datetime(2013, 3, 10, 7, tzinfo=UTC)
TIMES: dict[str, tuple[pa.DataType, object, object]] = {
    "seconds": (pa.timestamp("s"), dt.datetime(2013, 3, 10, 7), dt.timedelta(seconds=1)),
    "milliseconds": (pa.timestamp("ms"), dt.datetime(2013, 3, 10, 7), dt.timedelta(milliseconds=1)),
    "nanoseconds": (pa.timestamp("ns"), dt.datetime(2013, 3, 10, 7), dt.timedelta(microseconds=1)),
    "zoned": (pa.timestamp("us", "America/New_York"), ZONED, dt.timedelta(microseconds=1)),
    "zoned nanoseconds": (pa.timestamp("ns", "UTC"), ZONED, dt.timedelta(microseconds=1)),
    "dates": (pa.date32(), dt.date(2013, 3, 10), dt.timedelta(days=1)),
}


@pytest.mark.parametrize("name", TIMES)
def test_times_of_every_type_bound_a_range(store: Store, name: str) -> None:
    arrow_type, moment, step = TIMES[name]
    table = pa.table({"t": pa.array([moment + step * i for i in range(4)], arrow_type), "n": range(4)})  # type: ignore[operator]
    store.load("s", table, time="t")
    found = store.ask(TimeseriesRange("s", start=moment + step, stop=moment + step * 3))  # type: ignore[operator]
    assert found.to_arrow() == table.slice(1, 2)
    assert store.rows(TimeseriesLatest("s", at=moment + step))[0][1] == 1  # type: ignore[operator]
    assert store.ask(TimeseriesLatest("s", by="n")).to_arrow() == table
    later = TimeseriesRange("s", where="t > $t OR (t IN ($t) AND n = 9)", params={"t": moment + step})  # type: ignore[operator]
    assert store.ask(later).to_arrow() == table.slice(2)
    assert store.ask(TimeseriesDelete("s", stop=moment + step * 2)).rows_affected == 2  # type: ignore[operator]


def test_bounds_beyond_nanoseconds_are_before_or_after_everything(store: Store) -> None:
    table = pa.table({"t": pa.array([0, 1]).cast(pa.timestamp("ns")), "n": [0, 1]})
    store.load("s", table, time="t")
    early, late = dt.datetime(1, 1, 1), dt.datetime(9999, 12, 31)
    assert len(store.rows(TimeseriesRange("s", start=early, stop=late))) == 2
    assert store.rows(TimeseriesRange("s", start=late)) == []
    assert store.rows(TimeseriesRange("s", stop=early)) == []
    assert store.rows(TimeseriesLatest("s", at=early)) == []
    assert [n for _, n in store.rows(TimeseriesLatest("s", at=late))] == [1]


def test_a_bound_with_a_zone_is_an_instant(weather: Store) -> None:
    new_york = dt.timezone(dt.timedelta(hours=-5))
    assert temps(weather, start=dt.datetime(2012, 12, 31, 21, tzinfo=new_york)) == [2.0]


@pytest.mark.parametrize(
    ("table", "time", "told"),
    [
        (pa.table({"t": ["2013-01-01"]}), "t", "not a timestamp or a date"),
        (pa.table({"t": [1]}), "t", "not a timestamp or a date"),
        (pa.table({"t": pa.array([at(0), None])}), "t", "'t'"),
        (pa.table({"t": [at(0)]}), "tt", "did you mean 't'"),
        (pa.table({"t": [at(0)], "RowId": [1]}), "t", "RowId"),
        (pa.table({"t": [at(0)]}), None, "time="),
    ],
)
def test_what_is_no_series_is_refused(store: Store, table: pa.Table, time: str | None, told: str) -> None:
    with store.refused(told=told):
        store.load("s", table, **({} if time is None else {"time": time}))
    assert not store.engine.datasets()


def test_loading_modes_keep_the_roles(weather: Store) -> None:
    weather.load("weather", WEATHER.slice(0, 1), mode="append")
    assert len(weather.rows(Scan("weather"))) == 7
    weather.load("weather", WEATHER.slice(0, 2), mode="replace")
    assert weather.engine.dataset("weather").roles == {"time": "obs"}
    assert len(weather.rows(TimeseriesRange("weather"))) == 2
    with weather.refused(told="key"):
        weather.load("weather", WEATHER, mode="upsert")
    keyed = pa.table({"id": [1, 2], "obs": [at(0), at(0)]})
    weather.load("keyed", keyed, key="id", time="obs")
    weather.load("keyed", pa.table({"id": [1, 3], "obs": [at(0), at(5)]}), mode="upsert")
    assert [i for i, _ in weather.rows(TimeseriesRange("keyed"))] == [2, 1, 3]
    with weather.refused("CONSISTENCY_VIOLATION", "id"):
        weather.ask(TimeseriesAppend("keyed", [{"id": 3, "obs": at(9)}]))


def test_a_load_that_fails_half_way_leaves_nothing(weather: Store) -> None:
    def broken() -> Iterator[pa.RecordBatch]:
        yield from pa.concat_tables([WEATHER] * 12_000).to_batches()
        raise make_error(DatabaseErrorCode.QUERY_INVALID, "the source broke", hint="mend it")

    for mode in ("append", "replace"):
        with weather.refused(told="the source broke"):
            weather.engine.load(LoadSpec(weather.engine.dataset("weather"), mode, broken), Call())


@pytest.fixture
def shared(tmp_path: Path) -> Iterator[tuple[Store, Store]]:
    path = tmp_path / "air.duckdb"
    series = Store(lambda: open_engine(f"timeseries+duckdb:////{path}"))
    tables = Store(lambda: open_engine(f"duckdb:////{path}"))
    series.load("weather", WEATHER, time="obs")
    tables.load("places", pa.table({"place": ["ewr", "jfk"], "city": ["Newark", "New York"]}), key="place")
    yield series, tables
    series.close()
    tables.close()


def test_each_engine_lists_its_own_datasets_of_a_shared_file(shared: tuple[Store, Store]) -> None:
    series, tables = shared
    assert (set(series.engine.datasets()), set(tables.engine.datasets())) == ({"weather"}, {"places"})
    assert series.engine.resource is tables.engine.resource
    with tables.refused(told="no dataset 'weather'"):
        tables.ask(Scan("weather"))
    with series.refused(told="no dataset 'places'"):
        series.ask(TimeseriesRange("places"))
    joined = "SELECT city, count(*) FROM weather JOIN places USING (place) GROUP BY ALL ORDER BY ALL"
    assert tables.rows(RelationalQuery(None, joined)) == [("New York", 2), ("Newark", 3)]


def test_a_name_is_held_once_in_a_shared_file(shared: tuple[Store, Store]) -> None:
    series, tables = shared
    for mode in ("create", "append", "replace"):
        with tables.refused(told="timeseries dataset 'weather'"):
            tables.load("weather", WEATHER, mode=mode)
        with series.refused(told="relational dataset 'places'"):
            series.load("places", WEATHER, mode=mode, time="obs")
    with tables.refused(told="timeseries dataset"):
        tables.ask(RelationalExecute(None, "INSERT INTO weather VALUES ('lga', NULL, 1.0)"))
    with series.refused(told="no dataset"):
        series.engine.drop("places", Call())


def test_a_write_through_one_engine_moves_the_version_of_both(shared: tuple[Store, Store]) -> None:
    series, tables = shared
    before = (series.engine.data_version("weather"), tables.engine.data_version("places"))
    assert before[0] == before[1]
    series.ask(TimeseriesAppend("weather", [{"obs": at(9)}]))
    assert tables.engine.data_version("places") not in (None, before[1])


RESTARTED = """
import sys
from polyroute.engines import open_engine
from polyroute.engines.execution import execute
from polyroute.operations import TimeseriesLatest, TimeseriesWindow
engine = open_engine(sys.argv[1])
print(dict(engine.dataset("weather").roles), execute(engine, TimeseriesLatest("weather")).to_pylist()[0]["temp"])
print(execute(engine, TimeseriesWindow("weather", "count(*) AS n", "1 day"))["n"].to_pylist())
engine.close()
"""


def test_a_series_is_there_in_another_process(weather: Store, tmp_path: Path) -> None:
    weather.engine.close()
    told = subprocess.run(
        [sys.executable, "-c", RESTARTED, f"timeseries+duckdb:////{tmp_path}/ts.duckdb"],
        check=True,
        capture_output=True,
        text=True,
    )
    assert (told.stdout, told.stderr) == ("{'time': 'obs'} 2.0\n[6]\n", "")


def test_a_read_only_series_answers_and_does_not_change(weather: Store, tmp_path: Path) -> None:
    weather.close()
    store = Store(lambda: open_engine(f"timeseries+duckdb:////{tmp_path}/ts.duckdb", read_only=True))
    window = TimeseriesWindow("weather", "count(*) AS n", "1 hour", start=at(0), stop=at(4), fill="null")
    assert [n for _, n in store.rows(window)] == [1, 4, 1, None]
    with store.refused(told="read-only"):
        store.ask(TimeseriesAppend("weather", [{"obs": at(9)}]))
    store.close()


def test_a_deadline_stops_a_window_and_the_engine_goes_on(store: Store) -> None:
    rows = pa.table({"t": pa.array(range(200_000)).cast(pa.timestamp("s")), "v": range(200_000)})
    store.load("s", rows, time="t")
    slow = TimeseriesWindow("s", "max(length(repeat(v::VARCHAR, 2000))) AS n", "1 second", fill="linear")
    started = time.monotonic()
    with pytest.raises(PolyrouteError) as caught:
        store.ask(slow, Call(timeout_s=0.2))
    assert caught.value.code == "QUERY_TIMEOUT"
    assert time.monotonic() - started < 1
    assert len(store.rows(TimeseriesRange("s", limit=3))) == 3


def test_threads_append_and_read_side_by_side(weather: Store) -> None:
    def work(number: int) -> int:
        moment = at(3) + dt.timedelta(seconds=number)
        weather.ask(TimeseriesAppend("weather", [{"obs": moment, "place": "t"}]))
        return len(weather.rows(TimeseriesRange("weather", moment, moment + dt.timedelta(seconds=1))))

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(work, range(64))) == {1}
    assert weather.rows(TimeseriesWindow("weather", "count(*) AS n", "1 day", where="place = 't'"))[0][1] == 64


@pytest.mark.parametrize("name", ["select", 'a "b"', "x'; --", "é💥", "row", "__row", "start", "by0", "instant"])
def test_any_name_is_a_name(store: Store, name: str) -> None:
    quoted = '"' + name.replace('"', '""') + '"'
    table = pa.table({name: pa.array([at(0), at(1)], pa.timestamp("us")), "__start": [1, 2], "agg0": ["x", "y"]})
    store.load(name, table, time=name)
    assert store.rows(TimeseriesRange(name, columns=("__start",), where=f"{quoted} >= '2013-01-01 01:00'")) == [(2,)]
    assert store.rows(TimeseriesLatest(name, by="agg0")) == [(at(0), 1, "x"), (at(1), 2, "y")]
    window = TimeseriesWindow(
        name, f"last({quoted}) AS {quoted}, sum(__start) AS item0", "2 hours", by="agg0", fill="null"
    )
    assert store.rows(window) == [("x", at(0), at(0), 1), ("y", at(0), at(1), 2)]


def test_a_keyed_append_is_done_once(weather: Store) -> None:
    append = TimeseriesAppend("weather", [{"obs": at(9)}, {"obs": at(10)}])
    assert [weather.ask(append, Call(idempotency_key="a")).rows_affected for _ in range(3)] == [2, 2, 2]
    assert len(temps(weather, start=at(9))) == 2

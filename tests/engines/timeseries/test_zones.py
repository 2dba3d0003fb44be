"""Zones as DuckDB knows them: offsets, changes to the second, skipped and repeated times."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polyroute.engines.timeseries.zones import Zone, zone_between
from polyroute.errors import QueryError

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def us(*parts: int) -> int:
    return (dt.datetime(*parts, tzinfo=dt.UTC) - EPOCH) // dt.timedelta(microseconds=1)  # type: ignore[misc, arg-type]


def walls(zone: Zone, *instants: int) -> list[int]:
    return [int(w) for w in zone.wall(np.array(instants))]


def instants(zone: Zone, *shown: int) -> list[int]:
    return [int(i) for i in zone.instant(np.array(shown))]


def test_new_york_changes_its_clocks_in_2013() -> None:
    zone = zone_between("America/New_York", us(2013, 1, 1), us(2013, 12, 31))
    changes = dict(zip(zone.since.tolist(), (zone.offset // 3_600_000_000).tolist(), strict=True))
    assert (changes[us(2013, 3, 10, 7)], changes[us(2013, 11, 3, 6)]) == (-4, -5)
    assert sum(us(2013, 1, 1) <= since < us(2014, 1, 1) for since in changes) == 2
    assert walls(zone, us(2013, 3, 10, 6, 59), us(2013, 3, 10, 7)) == [us(2013, 3, 10, 1, 59), us(2013, 3, 10, 3)]


def test_a_skipped_time_is_the_moment_of_the_change_and_a_repeated_one_its_first() -> None:
    zone = zone_between("America/New_York", us(2013, 1, 1), us(2013, 12, 31))
    assert instants(zone, us(2013, 3, 10, 2, 30), us(2013, 3, 10, 3)) == [us(2013, 3, 10, 7)] * 2
    assert instants(zone, us(2013, 11, 3, 1, 30), us(2013, 11, 3, 2)) == [us(2013, 11, 3, 5, 30), us(2013, 11, 3, 7)]


@pytest.mark.parametrize("name", ["UTC", "Etc/GMT+5", "Asia/Kolkata"])
def test_a_zone_without_changes_is_one_stretch(name: str) -> None:
    assert len(zone_between(name, us(2000, 1, 1), us(2020, 1, 1)).since) == 1


def test_before_the_first_rule_there_is_one_offset() -> None:
    zone = zone_between("Europe/Zurich", us(1, 1, 1), us(1, 1, 2))
    assert len(zone.since) == 1
    assert 0 < zone.offset[0] < 3_600_000_000


def test_a_zone_is_found_in_any_case_and_an_unknown_one_refused() -> None:
    assert (
        zone_between("america/new_york", 0, 1).offset.tolist() == zone_between("America/New_York", 0, 1).offset.tolist()
    )
    for name, told in (
        ("America/NewYork", "did you mean 'America/New_York'"),
        ("'; --", "no time zone"),
        ("", "no time zone"),
    ):
        with pytest.raises(QueryError, match=told):
            zone_between(name, 0, 1)


NAMES = [
    "America/New_York",
    "America/St_Johns",
    "America/Sao_Paulo",
    "Europe/London",
    "Australia/Lord_Howe",
    "Pacific/Apia",
]


@settings(deadline=None)
@given(name=st.sampled_from(NAMES), moment=st.datetimes(dt.datetime(1975, 1, 1), dt.datetime(2024, 1, 1)))
def test_offsets_are_those_of_the_machine(name: str, moment: dt.datetime) -> None:
    try:
        theirs = ZoneInfo(name)
    except ZoneInfoNotFoundError:
        pytest.skip("this machine has no time zone files")
    instant = (moment.replace(tzinfo=dt.UTC) - EPOCH) // dt.timedelta(microseconds=1)
    zone = zone_between(name, us(1975, 1, 1), us(2024, 1, 1))
    offset = moment.replace(tzinfo=dt.UTC).astimezone(theirs).utcoffset()
    assert offset is not None
    assert walls(zone, instant) == [instant + offset // dt.timedelta(microseconds=1)]

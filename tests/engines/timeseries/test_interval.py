"""Widths of windows: what is read, what is refused."""

from __future__ import annotations

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polyroute.engines.timeseries.interval import DAY_US, Width, parse_width
from polyroute.errors import QueryError

HOUR = 3_600_000_000


@pytest.mark.parametrize(
    ("text", "width"),
    [
        ("1 hour", Width(0, HOUR)),
        ("15 minutes", Width(0, HOUR // 4)),
        (" 15MIN ", Width(0, HOUR // 4)),
        ("1.5 hours", Width(0, HOUR * 3 // 2)),
        ("1h30m", Width(0, HOUR * 3 // 2)),
        ("1:30", Width(0, HOUR * 3 // 2)),
        ("00:00:00.5", Width(0, 500_000)),
        ("1 day, 2 hours", Width(0, DAY_US + 2 * HOUR)),
        ("2 weeks", Width(0, 14 * DAY_US)),
        ("250 microseconds", Width(0, 250)),
        ("0.25 ms", Width(0, 250)),
        ("1 month", Width(1)),
        ("1 quarter", Width(3)),
        ("1.5 years", Width(18)),
        ("2 decades", Width(240)),
        ("1 century", Width(1_200)),
        ("1 year 1 month", Width(13)),
    ],
)
def test_widths_are_read(text: str, width: Width) -> None:
    assert parse_width(text) == width


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "nothing"),
        ("0 hours", "nothing"),
        ("-1 hour", "no interval"),
        ("hour", "no interval"),
        ("1", "no interval"),
        ("1 hour; DROP TABLE x", "no interval"),
        ("1 hr ago", "no interval"),
        ("1 month 1 day", "mixes months"),
        ("0.5 months", "whole number"),
        ("0.1 us", "whole number"),
        ("1 huor", "did you mean 'hour'"),
        ("1 nanosecond", "no unit of time"),
        ("99999999999 years", "longer than any"),
        ("1:75", "no interval"),
    ],
)
def test_what_is_no_width_is_refused(text: str, told: str) -> None:
    with pytest.raises(QueryError, match=told) as caught:
        parse_width(text)
    assert caught.value.code == "QUERY_INVALID"


UNITS = ["microseconds", "milliseconds", "seconds", "minutes", "hours", "days", "weeks", "months", "quarters", "years"]


@settings(deadline=None)
@given(number=st.integers(1, 1_000), unit=st.sampled_from(UNITS))
def test_widths_are_as_long_as_in_duckdb(number: int, unit: str) -> None:
    months, days, rest = duckdb.execute(
        "SELECT datepart('year', i) * 12 + datepart('month', i), datepart('day', i), "
        "epoch_us(i - to_days(datepart('day', i)::INTEGER)) FROM (SELECT $1::INTERVAL AS i)",
        [f"{number} {unit}"],
    ).fetchall()[0]
    width = parse_width(f"{number} {unit}")
    assert width == (Width(months) if months else Width(0, days * DAY_US + rest))


def test_whole_days_follow_the_calendar() -> None:
    assert all(parse_width(text).whole_days for text in ("1 day", "24 hours", "2 weeks", "1 month"))
    assert not any(parse_width(text).whole_days for text in ("36 hours", "1 hour", "1 second"))

"""Dividing a filter: what an engine takes is pushed, the rest is kept, and nothing is lost."""

from __future__ import annotations

import pyarrow as pa
import pytest

from polyroute.sql.filters import SQLITE, Unsupported, parse_filter, split, to_lance, to_sql

SCHEMA = pa.schema({"i": pa.int64(), "f": pa.float64(), "name": pa.string()})


def divided(text: str, render) -> tuple[str | None, str | None]:
    parts = split(parse_filter(text, SCHEMA), render)
    return tuple(None if part is None else to_sql(part).text for part in parts)


def by_sqlite(filter_):
    return to_sql(filter_, SQLITE)


@pytest.mark.parametrize(
    ("text", "render", "pushed", "residual"),
    [
        ("i = 1 AND f > 2", by_sqlite, '"i" = $p1 AND "f" > $p2', None),
        ("i + 1 = 2", by_sqlite, None, '"i" + 1 = 2'),
        ("i = 1 AND i + 1 = 2 AND f > 2", by_sqlite, '"i" = $p1 AND "f" > $p2', '"i" + 1 = 2'),
        ("i = 1 OR i + 1 = 2", by_sqlite, None, '"i" = $p1 OR "i" + 1 = 2'),
        ("NOT (i = 1 AND i + 1 = 2)", by_sqlite, None, 'NOT ("i" = $p1 AND "i" + 1 = 2)'),
        ("name LIKE 'a%' AND name ILIKE 'b%'", to_lance, '"name" LIKE $p1', '"name" ILIKE $p1'),
    ],
)
def test_parts(text, render, pushed, residual):
    assert divided(text, render) == (pushed, residual)


def test_no_filter_is_nothing_to_divide():
    assert split(None, by_sqlite) == (None, None)


def test_other_errors_are_not_taken_for_a_refusal():
    def broken(filter_):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        split(parse_filter("i = 1", SCHEMA), broken)


def test_a_refusal_says_why():
    with pytest.raises(Unsupported, match="certain"):
        by_sqlite(parse_filter("i + 1 = 2", SCHEMA))

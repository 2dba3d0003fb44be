"""Orders: plain columns, NULLs last unless said, nothing smuggled."""

from __future__ import annotations

import pyarrow as pa
import pytest

from polyroute.errors import QueryError
from polyroute.sql.filters import OrderKey, parse_order

SCHEMA = pa.schema({"year": pa.int64(), "Name": pa.string(), "s": pa.struct({"a": pa.int64()})})


@pytest.mark.parametrize(
    ("order", "keys"),
    [
        (None, ()),
        ("year", (OrderKey("year"),)),
        ("YEAR asc", (OrderKey("year"),)),
        ("year DESC, name", (OrderKey("year", descending=True), OrderKey("Name"))),
        ("year NULLS FIRST", (OrderKey("year", nulls_first=True),)),
        ("year DESC NULLS FIRST", (OrderKey("year", descending=True, nulls_first=True),)),
        ("year DESC NULLS LAST", (OrderKey("year", descending=True),)),
        (["year", '"Name" DESC'], (OrderKey("year"), OrderKey("Name", descending=True))),
        ([OrderKey("year")], (OrderKey("year"),)),
        ([], ()),
    ],
)
def test_orders(order, keys):
    assert parse_order(order, SCHEMA) == keys


@pytest.mark.parametrize(
    "order",
    [
        "",
        "  ",
        "nam",
        "year LIMIT 1",
        "year OFFSET 1",
        "year; DROP TABLE x",
        "year UNION SELECT 1",
        "year + 1",
        "lower(name)",
        "1",
        "ALL",
        "s.a",
        "name COLLATE nocase",
        "(SELECT 1)",
        "year USING SAMPLE 1",
        "random()",
        [""],
        [1],
        "year year",
        "-- x",
    ],
)
def test_anything_else_is_refused(order):
    with pytest.raises(QueryError):
        parse_order(order, SCHEMA)


def test_the_nearest_column_is_named():
    with pytest.raises(QueryError, match="Name"):
        parse_order("nme", SCHEMA)

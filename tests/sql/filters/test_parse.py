"""Filters parse once: columns spelled as stored, values bound and typed, equal filters equal."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from polyroute.errors import QueryError
from polyroute.sql.filters import Filter, InList, and_, conjuncts, parse_filter, reference, to_sql
from polyroute.sql.filters.reference import references

SCHEMA = pa.schema(
    {
        "id": pa.int64(),
        "Name": pa.string(),
        "price": pa.float64(),
        "single": pa.float32(),
        "cost": pa.decimal128(9, 2),
        "day": pa.date32(),
        "at": pa.timestamp("us"),
        "zoned": pa.timestamp("us", "UTC"),
        "second": pa.timestamp("s"),
        "hour": pa.time64("us"),
        "flag": pa.bool_(),
        "profile": pa.struct({"Economy": pa.struct({"partners": pa.list_(pa.struct({"pct": pa.float64()}))})}),
        "raw": pa.json_(pa.string()),
    }
)


def parsed(text: str, **params: object) -> Filter:
    return parse_filter(text, SCHEMA, params)


def value(text: str, **params: object) -> object:
    [only] = parsed(text, **params).values.values()
    return only


@pytest.mark.parametrize("text", ["name = 'x'", "NAME = 'x'", "\"Name\" = 'x'", "\"nAmE\" = 'x'", "(name) = ('x')"])
def test_columns_are_spelled_as_stored(text):
    assert parsed(text).columns == {"Name"}
    assert '"Name"' in to_sql(parsed(text)).text


def test_paths_are_resolved_to_column_path_and_type():
    found = parsed("PROFILE.economy.Partners[1].pct > 0.5 AND profile['Economy'] IS NOT NULL")
    deep, struct = references(found.expression, SCHEMA)
    assert (deep.column, deep.path, deep.type) == ("profile", ("Economy", "partners", 1, "pct"), pa.float64())
    assert struct.path == ("Economy",)
    assert found.columns == {"profile"}
    assert to_sql(found).text.startswith('("profile")."Economy"."partners"[1]."pct" > ')


def test_list_items_may_be_counted_from_the_end():
    schema = pa.schema({"l": pa.list_(pa.int64())})
    tree = parse_filter("l[-2] = 1", schema).expression
    assert reference(tree.this, schema).path == (-2,)


def test_paths_into_json_stay_json():
    found = parsed("raw.a.b = 'x'")
    [read] = references(found.expression, SCHEMA)
    assert (read.column, read.path, read.type) == ("raw", ("a", "b"), SCHEMA.field("raw").type)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("id = 5", 5),
        ("id = -5", -5),
        ("5 < id", 5),
        ("id = '5'", 5),
        ("id = ' 5 '", 5),
        ("id = '1e3'", 1000),
        ("id = 1.5", Decimal("1.5")),
        ("id = 1e0", 1.0),
        ("price = 1", 1),
        ("price = 0.1", 0.1),
        ("price = '0.1'", 0.1),
        ("price = 'inf'", float("inf")),
        ("single = 0.5", 0.5),
        ("cost = 1.5", Decimal("1.5")),
        ("cost = '1.504'", Decimal("1.50")),
        ("cost = 2", 2),
        ("day = '2024-12-31'", dt.date(2024, 12, 31)),
        ("day = '2024-1-1'", dt.date(2024, 1, 1)),
        ("day = DATE '2024-12-31'", dt.date(2024, 12, 31)),
        ("at = '2024-12-31'", dt.datetime(2024, 12, 31)),
        ("at = '2024-12-31 10:11:12.5'", dt.datetime(2024, 12, 31, 10, 11, 12, 500_000)),
        ("at = '2024-12-31T10:11:12'", dt.datetime(2024, 12, 31, 10, 11, 12)),
        ("at = '2024-12-31 10:11:12+02'", dt.datetime(2024, 12, 31, 10, 11, 12)),  # as DuckDB casts it
        ("at = DATE '2024-12-31'", dt.datetime(2024, 12, 31)),
        ("at = TIMESTAMP '2024-12-31 01:02:03'", dt.datetime(2024, 12, 31, 1, 2, 3)),
        ("zoned = '2024-12-31 10:11:12'", dt.datetime(2024, 12, 31, 10, 11, 12, tzinfo=dt.UTC)),
        ("zoned = '2024-12-31 10:11:12+02:00'", dt.datetime(2024, 12, 31, 8, 11, 12, tzinfo=dt.UTC)),
        ("second = '2024-12-31 10:11:12.7'", dt.datetime(2024, 12, 31, 10, 11, 13)),  # as DuckDB rounds it
        ("hour = '10:11:12'", dt.time(10, 11, 12)),
        ("flag = TRUE", True),
        ("flag = 'yes'", True),
        ("name = 'it''s'", "it's"),
        ("name LIKE 'a%'", "a%"),
        ("id IN (1, 2, NULL)", (1, 2, None)),
        ("id IN [1, 2, NULL]", (1, 2)),
        ("day IN ('2024-12-31', '2024-1-1')", (dt.date(2024, 12, 31), dt.date(2024, 1, 1))),
        ("lower(name) = 'x'", "x"),
        ("length(name) > '3'", 3),
    ],
)
def test_compared_constants_become_values_of_the_columns_type(text, expected):
    found = value(text)
    assert found == expected
    assert type(found) is type(expected) or isinstance(found, InList)


@pytest.mark.parametrize(
    "text",
    [
        "single = 0.1",  # DuckDB rounds 0.1 to a FLOAT here, and would not round a bound one
        "id = 99999999999999999999999999999999999999999",
        "name = 5",
        "flag = 1",
        "price = 12345678901234567890.5",
        "id + 1 = 2",
        "day = TIMESTAMP '2024-12-31 10:00:00'",
        "day < 'infinity'",
    ],
)
def test_constants_whose_conversion_is_not_certain_stay_in_the_text(text):
    assert not [held for held in parsed(text).values.values() if not isinstance(held, str)]


@pytest.mark.parametrize(
    ("text", "given", "expected"),
    [
        ("id = $p", 5, 5),
        ("id = $p", "5", 5),
        ("id = $p", np.int64(5), 5),
        ("id = $p", pa.scalar(5), 5),
        ("id = $p", None, None),
        ("price = $p", np.float64(0.5), 0.5),
        ("price = $p", Decimal("0.5"), 0.5),
        ("cost = $p", "1.25", Decimal("1.25")),
        ("day = $p", "2024-12-31", dt.date(2024, 12, 31)),
        ("day = $p", dt.date(2024, 12, 31), dt.date(2024, 12, 31)),
        ("at = $p", dt.date(2024, 12, 31), dt.datetime(2024, 12, 31)),
        ("at = $p", np.datetime64("2024-12-31T01:02:03"), dt.datetime(2024, 12, 31, 1, 2, 3)),
        ("at = $p", pd.Timestamp("2024-12-31 01:02:03"), dt.datetime(2024, 12, 31, 1, 2, 3)),
        ("at = $p", dt.datetime(2024, 12, 31, 2, tzinfo=dt.timezone(dt.timedelta(hours=2))), dt.datetime(2024, 12, 31)),
        ("zoned = $p", dt.datetime(2024, 12, 31), dt.datetime(2024, 12, 31, tzinfo=dt.UTC)),
        ("name = $p", np.str_("x"), "x"),
        ("id IN $p", [1, "2", None], (1, 2)),
        ("id IN $p", {7}, (7,)),
        ("id IN $p", np.array([1, 2]), (1, 2)),
        ("id IN $p", pa.array([1, 2]), (1, 2)),
        ("id IN $p", [], ()),
        ("day IN $p", ["2024-1-1"], (dt.date(2024, 1, 1),)),
        ("name IN $p", ("a", "b"), ("a", "b")),
        ("id = $1", None, None),
    ],
)
def test_parameters_become_values_of_the_columns_type(text, given, expected):
    found = value(text, **{"p": given, "1": given})
    assert found == expected
    assert type(found) is (InList if isinstance(expected, tuple) else type(expected))


def test_one_parameter_compared_with_two_types_has_two_values():
    found = parsed("day = $p OR name = $p OR lower($p) = 'x'", p="2024-12-31")
    assert sorted(map(str, found.values.values())) == ["2024-12-31"] * 3
    assert {type(held) for held in found.values.values()} == {dt.date, str}


def test_a_parameter_used_twice_alike_is_bound_once():
    assert parsed("id = $p OR id > $p", p=1).values == {"p": 1}


def test_names_of_constants_keep_clear_of_parameters():
    assert parsed("id = $_1 AND id < 9", _1=3).values == {"_1": 3, "_2": 9}


def test_now_is_one_moment():
    moment = dt.datetime(2024, 12, 31, 23, 59, tzinfo=dt.UTC)
    found = parse_filter("at < now() AND zoned < now() AND day = current_date", SCHEMA, now=moment)
    expected = {dt.datetime(2024, 12, 31, 23, 59), moment, dt.date(2024, 12, 31)}
    assert set(found.values.values()) == expected


def test_the_same_text_is_parsed_once_and_bound_again():
    first, second = parsed("id = $p", p=1), parsed("id = $p", p=2)
    assert first.expression is second.expression
    assert (first.values, second.values) == ({"p": 1}, {"p": 2})


def test_another_schema_is_another_parse():
    other = pa.schema({"id": pa.string()})
    assert parse_filter("id = $p", other, {"p": "1"}).values == {"p": "1"}
    assert parse_filter("id = $p", SCHEMA, {"p": "1"}).values == {"p": 1}


def test_equal_filters_are_equal_keys():
    assert parsed("ID = $p", p=1) == parsed("id = $p", p=1)
    assert hash(parsed("ID = $p", p=1)) == hash(parsed("id = $p", p=1))


@pytest.mark.parametrize("other", [2, 1.0, True, None, Decimal(1)])
def test_different_values_are_different_keys(other):
    assert parsed("price = $p", p=1) != parsed("price = $p", p=other)
    assert parsed("price = $p", p=1).key != parsed("price = $p", p=other).key


def test_nan_is_the_same_key():
    assert parsed("price = $p", p=float("nan")) == parsed("price = $p", p=float("nan"))


def test_conjuncts_are_the_conditions_of_and_with_their_own_values():
    parts = conjuncts(parsed("(id = $a AND (name = 'x' AND flag)) AND (id = 1 OR flag)", a=7))
    assert [part.columns for part in parts] == [{"id"}, {"Name"}, {"flag"}, {"id", "flag"}]
    assert list(parts[0].values.values()) == [7]
    assert parts[2].values == {}


@pytest.mark.parametrize("text", ["id = 1 OR flag", "NOT (id = 1 AND flag)", "flag"])
def test_nothing_below_or_and_not_is_a_conjunct(text):
    assert len(conjuncts(parsed(text))) == 1


def test_and_renames_values_that_meet():
    joined = and_(parsed("id = $p", p=1), parsed("id < $p OR flag", p=2), parsed("id > $p", p=1))
    assert sorted(joined.values.values()) == [1, 2]
    rendered = to_sql(joined)
    assert rendered.text == '"id" = $p1 AND ("id" < $p2 OR "flag") AND "id" > $p3'
    assert list(rendered.params.values()) == [1, 2, 1]


def test_and_needs_filters_of_one_schema():
    with pytest.raises(ValueError, match="at least one"):
        and_()
    with pytest.raises(ValueError, match="one schema"):
        and_(parsed("id = 1"), parse_filter("id = 1", pa.schema({"id": pa.int64()})))


def test_a_thousand_conditions_are_no_deep_tree():
    text = " OR ".join(f"(id = {number} AND flag)" for number in range(3000))
    found = parsed(text)
    assert len(found.values) == 3000
    assert len(conjuncts(found)) == 1
    assert to_sql(found).text.count(" OR ") == 2999


def test_columns_named_like_values_and_words():
    schema = pa.schema({"select": pa.int64(), 'a"b': pa.int64(), "now": pa.int64(), "$x": pa.int64(), "": pa.int64()})
    found = parse_filter('"select" = 1 AND "a""b" = 2 AND "now" = 3 AND "$x" = 4', schema)
    assert found.columns == {"select", 'a"b', "now", "$x"}
    assert '"a""b"' in to_sql(found).text


def test_parameters_named_like_words():
    assert parsed("id = $select AND id < $from", **{"select": 1, "from": 2}).values == {"select": 1, "from": 2}


def test_a_bad_text_beside_other_types_is_refused():
    with pytest.raises(QueryError):
        parsed("id IN (1.5, 'x')")

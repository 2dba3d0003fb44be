from __future__ import annotations

import datetime
import json
from collections.abc import Callable

import pytest

from polyroute.errors import DatabaseErrorCode, QueryError
from polyroute.sql.selectors.parse import OPERATORS, parse_selector
from polyroute.sql.selectors.place import MAX_DEPTH
from polyroute.sql.selectors.tree import EVERYTHING, And, Compare, ElemMatch, Exists, Field, In, Not, Or, Regex


def refused(selector: object) -> str:
    with pytest.raises(QueryError) as caught:
        parse_selector(selector)  # type: ignore[arg-type]
    assert caught.value.code is DatabaseErrorCode.QUERY_INVALID
    return str(caught.value)


def test_plain_value_is_equality() -> None:
    assert parse_selector({"name": "Ann"}) == Field(("name",), Compare("$eq", "Ann"))


def test_json_text_is_read_as_the_object_it_says() -> None:
    assert parse_selector('{"year": {"$gte": 2000}}') == parse_selector({"year": {"$gte": 2000}})


@pytest.mark.parametrize("selector", [None, {}, "{}", {"$or": []}, {"$and": [{}]}])
def test_empty_selectors_match_everything(selector: object) -> None:
    tree = parse_selector(selector)  # type: ignore[arg-type]
    assert tree in (EVERYTHING, And((EVERYTHING,)))


def test_several_members_mean_all_of_them() -> None:
    assert parse_selector({"a": 1, "b": 2}) == And((Field(("a",), Compare("$eq", 1)), Field(("b",), Compare("$eq", 2))))


def test_nested_objects_are_subfields() -> None:
    assert parse_selector({"imdb": {"rating": {"$gt": 8}}}) == parse_selector({"imdb.rating": {"$gt": 8}})
    assert parse_selector({"a": {"$exists": True, "b": 1}}) == And(
        (Field(("a",), Exists(True)), Field(("a", "b"), Compare("$eq", 1)))
    )


def test_combinations_below_a_field_keep_the_field() -> None:
    assert parse_selector({"a": {"$or": [1, {"$in": [2, 3]}]}}) == Or(
        (Field(("a",), Compare("$eq", 1)), Field(("a",), In((2, 3))))
    )
    assert parse_selector({"a": {"$not": {"$regex": "x"}}}) == Not(Field(("a",), Regex("x")))


def test_element_selectors_start_their_own_paths() -> None:
    assert parse_selector({"friends": {"$elemMatch": {"name.first": "Ann"}}}) == Field(
        ("friends",), ElemMatch(Field(("name", "first"), Compare("$eq", "Ann")))
    )
    assert parse_selector({"tags": {"$elemMatch": {"$eq": "x"}}}) == Field(
        ("tags",), ElemMatch(Field((), Compare("$eq", "x")))
    )


def test_escaped_dollar_is_a_field() -> None:
    assert parse_selector({r"\$key": "peso"}) == Field(("$key",), Compare("$eq", "peso"))
    assert parse_selector({"deep.$key": "peso"}) == Field(("deep", "$key"), Compare("$eq", "peso"))


def test_tree_keeps_its_own_copy_of_values() -> None:
    wanted = ["a", {"b": [1]}]
    tree = parse_selector({"x": wanted})
    wanted[1]["b"].append(2)  # type: ignore[index]
    assert tree == Field(("x",), Compare("$eq", ["a", {"b": [1]}]))


@pytest.mark.parametrize("name", OPERATORS)
def test_misspelt_operator_names_the_nearest(name: str) -> None:
    message = refused({"age": {name[:2] + name[1:]: 1}})
    assert "selector operator" in message
    assert "$" in message


def test_misspelt_operator_message() -> None:
    assert refused({"age": {"$gtt": 1}}) == "no selector operator '$gtt'; did you mean '$gt'?"


@pytest.mark.parametrize("name", ["$text", "$where", "$options", "$expr", "$near"])
def test_operators_that_are_not_offered_say_what_to_do(name: str) -> None:
    message = refused({"a": {name: "x"}})
    assert f"{name} at the field 'a' is not offered" in message
    assert "hint:" in message


SECRET = "s3cret-value"


@pytest.mark.parametrize(
    "selector",
    [
        {"$and": {"a": SECRET}},
        {"$or": SECRET},
        {"$nor": SECRET},
        {"$not": [SECRET]},
        {"a": {"$not": SECRET}},
        {"a": {"$in": SECRET}},
        {"a": {"$nin": {"b": SECRET}}},
        {"a": {"$all": SECRET}},
        {"a": {"$exists": SECRET}},
        {"a": {"$exists": 1}},
        {"a": {"$type": 3}},
        {"a": {"$size": -1}},
        {"a": {"$size": True}},
        {"a": {"$size": 1.0}},
        {"a": {"$mod": [0, 1]}},
        {"a": {"$mod": [2]}},
        {"a": {"$mod": [2.0, 1]}},
        {"a": {"$mod": SECRET}},
        {"a": {"$regex": 7}},
        {"a": {"$regex": f"({SECRET}"}},
        {"a": {"$beginsWith": 7}},
        {"a": {"$elemMatch": SECRET}},
        {"a": {"$allMatch": [SECRET]}},
        {"a": {"$keyMapMatch": SECRET}},
        {"a": float("nan")},
        {"a": {"$lt": float("inf")}},
        {"a": datetime.date(2020, 1, 1)},
        {"a": [object()]},
        {"a": {"b": {1: SECRET}}},
        {1: SECRET},
        {"a..b": SECRET},
        {"": SECRET},
        {"a\\": SECRET},
        {"$gt": SECRET},
        {"$and": [SECRET]},
        {"a": "\ud800"},
        {"\ud800": 1},
        [SECRET],
        7,
        "{not json}",
        "[1]",
        '{"a": NaN}',
    ],
)
def test_malformed_selectors_are_refused_without_telling_values(selector: object) -> None:
    assert SECRET not in refused(selector)


def test_unknown_type_names_the_nearest() -> None:
    assert "did you mean 'string'" in refused({"a": {"$type": "strng"}})


@pytest.mark.parametrize(
    "wrap", [lambda inner: {"a": inner}, lambda inner: {"$and": [inner]}, lambda inner: {"$not": inner}]
)
def test_depth_is_limited(wrap: Callable[[object], dict[str, object]]) -> None:
    selector: dict[str, object] = {"x": 1}
    for _ in range(MAX_DEPTH + 1):
        selector = wrap(selector)
    assert "deep" in refused(selector)


def test_depth_of_values_and_of_text_is_limited() -> None:
    value: object = 1
    for _ in range(MAX_DEPTH + 1):
        value = [value]
    assert "deep" in refused({"a": value})
    assert "deep" in refused('{"a":' * 100_000 + "1" + "}" * 100_000)


def test_every_operator_is_accepted_from_json() -> None:
    selectors: list[dict[str, object]] = [
        {"a": {"$eq": 1, "$ne": None, "$gt": [], "$gte": {}, "$lt": "x", "$lte": True}},
        {"a": {"$in": [1], "$nin": [], "$all": [[1]], "$size": 0, "$exists": False, "$type": "null"}},
        {"a": {"$mod": [-3, 1], "$regex": "^x", "$beginsWith": ""}},
        {"a": {"$elemMatch": {"b": 1}, "$allMatch": {"$gt": 1}, "$keyMapMatch": {"$eq": "k"}, "$not": {"$size": 2}}},
        {"$nor": [{"a": 1}], "$not": {"b": 2}},
    ]
    for selector in selectors:
        parse_selector(json.dumps(selector))

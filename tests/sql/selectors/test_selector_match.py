from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyroute.sql.selectors import compile_selector, parse_selector
from polyroute.sql.selectors.collation import sort_key
from polyroute.sql.selectors.tree import Not

DOCUMENT: dict[str, object] = {
    "_id": "B",
    "name": {"first": "Ann", "last": "Lee"},
    "dotted.name": "d",
    "age": 42,
    "score": 4.0,
    "nothing": None,
    "yes": True,
    "tags": ["x", "y", 3],
    "matrix": [[1, 2], [3]],
    "friends": [{"name": "Bob", "age": 7}, {"name": "Cid", "age": 9}],
    "empty": [],
    "object": {},
    "cameras": {"main": 1, "secondary": 2},
    "back\\slash": 1,
}


@pytest.mark.parametrize(
    "selector",
    [
        {},
        {"age": 42},
        {"age": 42.0},
        {"score": 4},
        {"name": {"first": "Ann"}},
        {"name.first": "Ann", "age": {"$gt": 40, "$lt": 43}},
        {r"dotted\.name": "d"},
        {"back\\\\slash": 1},
        {"nothing": None},
        {"yes": True},
        {"tags.0": "x"},
        {"matrix.0.1": 2},
        {"friends.1.name": "Cid"},
        {"tags": ["x", "y", 3]},
        {"object": {}},
        {"cameras": {"$eq": {"main": 1, "secondary": 2}}},
        {"age": {"$ne": "42"}},
        {"nothing": {"$ne": 1}},
        {"nothing": {"$lt": False}},
        {"yes": {"$lt": -1}},
        {"age": {"$lt": ""}},
        {"name.first": {"$lt": []}},
        {"tags": {"$lt": {}}},
        {"cameras": {"$gt": ["anything"]}},
        {"_id": {"$lt": "a"}},
        {"name.first": {"$gt": "ann"}},
        {"age": {"$in": ["42", 42]}},
        {"tags": {"$in": [3, "z"]}},
        {"tags": {"$nin": ["z"]}},
        {"tags": {"$nin": []}},
        {"nothing": {"$in": [None]}},
        {"age": {"$exists": True}},
        {"nope": {"$exists": False}},
        {"name.middle": {"$exists": False}},
        {"nothing": {"$type": "null"}},
        {"yes": {"$type": "boolean"}},
        {"age": {"$type": "number"}},
        {"tags": {"$all": [3, "x"]}},
        {"matrix": {"$all": [[1, 2]]}},
        {"matrix": {"$all": [[[1, 2], [3]]]}},
        {"friends": {"$elemMatch": {"name": "Bob", "age": {"$lt": 8}}}},
        {"friends": {"$allMatch": {"age": {"$gte": 7}}}},
        {"tags": {"$elemMatch": {"$gt": 2, "$lt": 4}}},
        {"matrix": {"$elemMatch": {"0": 3}}},
        {"cameras": {"$keyMapMatch": {"$eq": "secondary"}}},
        {"cameras": {"$keyMapMatch": {"$regex": "^sec"}}},
        {"tags": {"$size": 3}},
        {"empty": {"$size": 0}},
        {"age": {"$mod": [5, 2]}},
        {"name.first": {"$regex": "n+$"}},
        {"name.first": {"$beginsWith": "An"}},
        {"$not": {"age": 41}},
        {"$nor": [{"age": 41}, {"name.first": "Bob"}]},
        {"$or": [{"age": 41}, {"age": 42}]},
        {"age": {"$not": {"$mod": [5, 3]}}},
        {"name.first": {"$not": {"$regex": "^B"}}},
        {"$not": {"$not": {"age": 42}}},
        {"friends": {"$elemMatch": {"$nor": [{"name": "Bob"}]}}},
    ],
)
def test_matches(selector: dict[str, object]) -> None:
    assert compile_selector(parse_selector(selector))(DOCUMENT)


@pytest.mark.parametrize(
    "selector",
    [
        {"age": True},
        {"yes": 1},
        {"yes": {"$in": [1]}},
        {"nothing": {"$exists": False}},
        {"nope": None},
        {"nope": {"$ne": 1}},
        {"nope": {"$lt": 5}},
        {"nope": {"$nin": [1]}},
        {"nope": {"$not": {"$regex": "x"}}},
        {"$not": {"nope": 1}},
        {"$nor": [{"nope": 1}]},
        {"age.below": {"$exists": False}},
        {"tags.name": {"$exists": False}},
        {"tags.3": "x"},
        {"tags.-1": 3},
        {"friends.name": "Bob"},
        {"dotted.name": "d"},
        {"nothing": {"$lt": None}},
        {"object": {"$gt": {}}},
        {"cameras": {"$eq": {"secondary": 2, "main": 1}}},
        {"location": {}},
        {"_id": {"$gt": "a"}},
        {"age": {"$in": []}},
        {"tags": {"$in": [["x", "y", 3]]}},
        {"tags": {"$all": []}},
        {"age": {"$all": [42]}},
        {"empty": {"$allMatch": {"$gt": 0}}},
        {"empty": {"$elemMatch": {"$gt": 0}}},
        {"age": {"$elemMatch": {"$eq": 42}}},
        {"tags": {"$keyMapMatch": {"$eq": "x"}}},
        {"score": {"$mod": [2, 0]}},
        {"yes": {"$mod": [1, 0]}},
        {"age": {"$regex": "42"}},
        {"age": {"$beginsWith": "4"}},
        {"name.first": {"$beginsWith": "an"}},
        {"cameras": {"$size": 2}},
        {"$not": {}},
        {"$not": {"$or": []}},
    ],
)
def test_does_not_match(selector: dict[str, object]) -> None:
    assert not compile_selector(parse_selector(selector))(DOCUMENT)


@pytest.mark.parametrize(
    ("value", "divisor", "remainder"), [(-7, 3, -1), (7, -3, 1), (-7, -3, -1), (10**30 + 1, 10, 1)]
)
def test_remainder_has_the_sign_of_the_value(value: int, divisor: int, remainder: int) -> None:
    assert compile_selector(parse_selector({"n": {"$mod": [divisor, remainder]}}))({"n": value})


SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=3)
)
VALUES = SCALARS | st.lists(SCALARS, max_size=3) | st.dictionaries(st.sampled_from("ab"), SCALARS, max_size=2)


@given(VALUES, VALUES)
def test_comparisons_agree_with_the_collation(one: object, other: object) -> None:
    def holds(operator: str) -> bool:
        return compile_selector(parse_selector({"x": {operator: other}}))({"x": one})

    left, right = sort_key(one), sort_key(other)
    assert holds("$eq") == (left == right)
    assert holds("$ne") == (left != right)
    assert holds("$lt") == (left < right)
    assert holds("$lte") == (left <= right)
    assert holds("$gt") == (left > right)
    assert holds("$gte") == (left >= right)


@given(VALUES, VALUES, st.sampled_from(["$eq", "$ne", "$gt", "$gte", "$lt", "$lte"]))
def test_negation_is_the_opposite_where_the_field_exists(one: object, other: object, operator: str) -> None:
    tree = parse_selector({"x": {operator: other}})
    document = {"x": one}
    assert compile_selector(Not(tree))(document) != compile_selector(tree)(document)
    assert not compile_selector(Not(tree))({"z": one})

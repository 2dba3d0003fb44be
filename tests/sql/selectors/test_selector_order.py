from __future__ import annotations

import pytest

from polyroute.errors import QueryError
from polyroute.sql.selectors import compile_fields, in_order, parse_fields, parse_find, parse_sort

DOCUMENTS: list[dict[str, object]] = [
    {"_id": "c", "age": 30, "name": {"last": "Lee"}},
    {"_id": "a", "age": 30, "name": {"last": "lee"}},
    {"_id": "b", "age": 25},
    {"_id": "D", "age": None, "name": {"last": 5}},
    {"_id": "e", "name": "plain"},
    {"_id": "f", "age": "old", "title:string": "t"},
]


def ids(documents: list[dict[str, object]]) -> str:
    return "".join(str(document["_id"]) for document in documents)


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        (None, "Dabcef"),
        ([], "Dabcef"),
        (["_id"], "Dabcef"),
        ([{"_id": "desc"}], "fecbaD"),
        (["age"], "Dbacf"),
        ([{"age": "desc"}], "fcabD"),
        (["name.last"], "Dac"),
        (["age", {"name.last": "desc"}], "Dca"),
        (["age:number"], "bac"),
        ([{"age:string": "desc"}], "f"),
        ([r"title\:string"], "f"),
        (["title:string"], ""),
        (["age:other"], ""),
        (["nowhere"], ""),
    ],
)
def test_order(sort: list[object] | None, expected: str) -> None:
    assert ids(in_order(DOCUMENTS, parse_sort(sort), "_id")) == expected


def test_documents_without_a_key_come_first() -> None:
    assert in_order([{"_id": 1}, {"x": 1}], (), "_id") == [{"x": 1}, {"_id": 1}]


@pytest.mark.parametrize(
    "sort",
    [
        "age",
        {"age": "desc"},
        [5],
        [{}],
        [{"a": "asc", "b": "asc"}],
        [{"age": "down"}],
        [""],
        ["a", {"a": "desc"}],
        [{5: "asc"}],
    ],
)
def test_malformed_sorts_are_refused(sort: object) -> None:
    with pytest.raises(QueryError):
        parse_sort(sort)  # type: ignore[arg-type]


def test_skip_and_limit_cut_after_the_order() -> None:
    assert ids(parse_find(sort=["age"], skip=1, limit=2).of(DOCUMENTS, "_id")) == "ba"
    assert parse_find(limit=0).of(DOCUMENTS, "_id") == []
    assert parse_find(skip=10).of(DOCUMENTS, "_id") == []


def test_fields_show_a_part_and_leave_the_document_alone() -> None:
    document: dict[str, object] = {"a": {"b": 1, "c": [10, 20]}, "d": None, "e.f": 2}
    show = compile_fields(parse_fields(["a.c.1", "d", r"e\.f", "nope", "d.x", "a.b"]))
    assert show(document) == {"a": {"c": {"1": 20}, "b": 1}, "d": None, "e.f": 2}
    assert compile_fields(parse_fields(["a.b", "a"]))(document) == {"a": {"b": 1, "c": [10, 20]}}
    assert compile_fields(parse_fields([]))(document) is document
    assert document == {"a": {"b": 1, "c": [10, 20]}, "d": None, "e.f": 2}


@pytest.mark.parametrize("fields", ["a", [1], [""], ["a..b"], {"a": 1}])
def test_malformed_fields_are_refused(fields: object) -> None:
    with pytest.raises(QueryError):
        parse_fields(fields)  # type: ignore[arg-type]

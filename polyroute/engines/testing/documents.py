"""Document operations: selectors, keys, changes, and the original JSON."""

from __future__ import annotations

import copy
from collections.abc import Mapping

from polyroute.engines.testing.store import Store
from polyroute.operations import (
    DocumentCount,
    DocumentDelete,
    DocumentFind,
    DocumentGet,
    DocumentInsert,
    DocumentUpdate,
    Scan,
)

_PEOPLE: list[dict[str, object]] = [
    {"_id": "a", "name": "Ann", "age": 31, "tags": ["x", "y"], "home": {"city": "Paris", "zip": 75001}},
    {"_id": "b", "name": "Bob", "age": None, "tags": [], "home": {"city": "Lyon"}},
    {"_id": "c", "name": "Cleo", "age": 45.5, "extra": {"deep": [{"n": 1}, {"n": 2}]}},
    {"_id": "d", "name": "dan", "mixed": 1, "big": 2**70},
    {"_id": "e", "name": "Eve", "mixed": "one", "home": None},
]


def _load(store: Store) -> None:
    store.load("people", _PEOPLE, key="_id")


def _ids(store: Store, selector: Mapping[str, object], **options: object) -> list[object]:
    return [d["_id"] for d in store.ask(DocumentFind("people", selector, **options)).to_dicts()]  # type: ignore[arg-type]


class DocumentTests:
    """What a collection can be asked for and how it is changed."""

    def test_documents_come_back_as_they_were(self, store: Store) -> None:
        _load(store)
        found = store.ask(DocumentFind("people", {})).to_dicts()
        assert sorted(found, key=lambda d: str(d["_id"])) == _PEOPLE

    def test_an_answer_is_the_callers_own(self, store: Store) -> None:
        """Changing what an engine gave out, or took in, changes nothing that it holds."""
        _load(store)
        given: dict[str, object] = {"_id": "new", "tags": ["x"], "home": {"city": "Rome"}}
        store.ask(DocumentInsert("people", given))
        before = store.ask(DocumentFind("people", {})).to_dicts()
        kept = copy.deepcopy(before)
        for document in [given, *before, *store.ask(DocumentGet("people", ["a", "new"])).to_dicts()]:
            for inner in (document.get("tags"), document.get("home")):
                if isinstance(inner, (list, dict)):
                    inner.clear()
            document["name"] = "changed"
        assert store.ask(DocumentFind("people", {})).to_dicts() == kept
        assert store.ask(DocumentGet("people", "new")).to_dicts()[0]["tags"] == ["x"]

    def test_document_find_selects(self, store: Store) -> None:
        _load(store)
        for selector, expected in (
            ({"name": "Ann"}, ["a"]),
            ({"age": {"$gt": 30}}, ["a", "c"]),
            ({"age": None}, ["b"]),
            ({"age": {"$exists": False}}, ["d", "e"]),
            ({"home.city": "Paris"}, ["a"]),
            ({"home": {"city": "Lyon"}}, ["b"]),
            ({"tags": {"$all": ["x"]}}, ["a"]),
            ({"tags": {"$size": 0}}, ["b"]),
            ({"$or": [{"name": "Bob"}, {"mixed": 1}]}, ["b", "d"]),
            ({"$not": {"age": {"$exists": True}}}, ["d", "e"]),
            ({"name": {"$regex": "^[A-C]"}}, ["a", "b", "c"]),
            ({"extra.deep": {"$elemMatch": {"n": 2}}}, ["c"]),
            ({"mixed": {"$type": "string"}}, ["e"]),
            ({"name": {"$in": ["Eve", "nobody"]}}, ["e"]),
            ({"big": {"$gte": 2**70}}, ["d"]),
            ({"name": {"$ne": "Ann"}, "age": {"$exists": True}}, ["b", "c"]),
            ({"name": {"$lt": "Cleo"}}, ["a", "b"]),
            ({"age": {"$gte": 31, "$lte": 45.5}}, ["a", "c"]),
            ({"$and": [{"age": {"$gt": 1}}, {"home.zip": 75001}]}, ["a"]),
            ({"$nor": [{"name": "Ann"}, {"name": "Bob"}]}, ["c", "d", "e"]),
            ({"name": {"$nin": ["Ann", "Bob", "Cleo"]}}, ["d", "e"]),
            ({"mixed": 1}, ["d"]),
            ({"mixed": "1"}, []),
            ({"home": None}, ["e"]),
            ({"_id": "c"}, ["c"]),
            ({"_id": {"$in": ["a", "zz", "e"]}}, ["a", "e"]),
            ({}, ["a", "b", "c", "d", "e"]),
        ):
            assert sorted(map(str, _ids(store, selector))) == expected, selector
            assert store.ask(DocumentCount("people", selector)).scalar() == len(expected), selector

    def test_document_find_sorts_skips_and_cuts(self, store: Store) -> None:
        _load(store)
        assert _ids(store, {"_id": {"$gt": "a"}}, sort=[{"_id": "desc"}], limit=2) == ["e", "d"]
        assert _ids(store, {"_id": {"$gt": "a"}}, sort=["_id"], skip=1, limit=2) == ["c", "d"]
        assert _ids(store, {"age": {"$gt": 1}}, sort=[{"age": "desc"}]) == ["c", "a"]
        assert _ids(store, {"_id": {"$gt": "a"}}, sort=["name"], limit=1) == ["b"]
        assert _ids(store, {}, limit=0) == []
        assert _ids(store, {}, skip=5) == []

    def test_document_find_projects_fields(self, store: Store) -> None:
        _load(store)
        found = store.ask(DocumentFind("people", {"_id": "a"}, ["_id", "home.city"]))
        assert found.to_dicts() == [{"_id": "a", "home": {"city": "Paris"}}]
        assert found.to_arrow().column_names == ["_id", "home"]
        lacking = store.ask(DocumentFind("people", {"_id": "d"}, ["name", "home"])).to_dicts()
        assert lacking == [{"name": "dan"}]

    def test_document_find_refuses_wrong_selectors(self, store: Store) -> None:
        _load(store)
        for selector, told in (
            ({"age": {"$gtt": 1}}, "$gt"),
            ({"$orr": []}, "$or"),
            ({"name": {"$regex": "("}}, "regex"),
        ):
            with store.refused(told=told):
                store.ask(DocumentFind("people", selector))

    def test_document_get_and_count(self, store: Store) -> None:
        _load(store)
        assert store.ask(DocumentGet("people", "c")).to_dicts() == [_PEOPLE[2]]
        assert [d["_id"] for d in store.ask(DocumentGet("people", ["e", "nobody", "a"])).to_dicts()] == ["e", "a"]
        assert store.ask(DocumentGet("people", "nobody")).to_dicts() == []
        assert store.ask(DocumentCount("people")).scalar() == 5
        assert store.ask(DocumentCount("people", {"age": {"$exists": True}})).scalar() == 3

    def test_a_collection_is_a_table(self, store: Store) -> None:
        _load(store)
        table = store.ask(Scan("people", order="_id")).to_arrow()
        assert table.column_names == ["_id", "name", "age", "tags", "home", "extra", "mixed", "big"]
        kinds = {f.name: str(f.type) for f in table.schema}
        assert kinds["age"] == "double"
        assert kinds["mixed"] == kinds["big"] == "extension<arrow.json>"
        assert table["home"].to_pylist() == [
            {"city": "Paris", "zip": 75001},
            {"city": "Lyon", "zip": None},
            None,
            None,
            None,
        ]
        assert table["mixed"].to_pylist() == [None, None, None, "1", '"one"']
        assert store.column(Scan("people", ("_id",), "home.zip = 75001")) == ["a"]
        assert store.column(Scan("people", ("_id",), "age > 40")) == ["c"]

    def test_the_columns_follow_the_documents(self, store: Store) -> None:
        _load(store)
        store.ask(DocumentInsert("people", {"_id": "z", "age": "old", "extra": None, "when": True}))
        kinds = {f.name: str(f.type) for f in store.engine.dataset("people").schema}
        assert (kinds.get("age"), kinds.get("when")) == ("extension<arrow.json>", "bool")
        assert store.rows(Scan("people", ("age", "when"), "_id = 'z'")) == [('"old"', True)]
        store.ask(DocumentDelete("people", ["z", "c"]))
        schema = store.engine.dataset("people").schema
        assert str(schema.field("age").type) == "int64"
        assert "extra" not in schema.names
        assert store.ask(Scan("people")).to_arrow().schema == schema

    def test_document_insert(self, store: Store) -> None:
        _load(store)
        new: list[dict[str, object]] = [{"name": "New"}, {"name": "New"}, {"_id": "z", "name": "Zoe", "age": 1}]
        made = store.ask(DocumentInsert("people", new))
        assert made.rows_affected == 3
        assert made.keys is not None
        assert made.keys[2] == "z"
        assert made.keys[0] != made.keys[1]
        assert store.ask(DocumentGet("people", made.keys[0])).to_dicts()[0]["name"] == "New"
        for twice in ([{"_id": "y"}, {"_id": "a"}], [{"_id": "s3ntinel"}, {"_id": "s3ntinel"}]):
            with store.refused("CONSISTENCY_VIOLATION", hidden="s3ntinel"):
                store.ask(DocumentInsert("people", twice))
        for wrong, told in (
            ({"_id": "q", "when": object()}, "when"),
            ({"_id": "q", "x": float("nan")}, "x"),
            ([{"_id": "q"}, {"_id": None}], "'_id'"),
            ({"_id": ["q"]}, "'_id'"),
            ("text", "str"),
        ):
            with store.refused(told=told):
                store.ask(DocumentInsert("people", wrong))

    def test_document_update_merges(self, store: Store) -> None:
        _load(store)
        changed = store.ask(
            DocumentUpdate("people", {"name": "Ann"}, {"age": 32, "home": {"zip": None, "floor": 2}, "tags": None})
        )
        assert changed.rows_affected == 1
        expected = {"_id": "a", "name": "Ann", "age": 32, "home": {"city": "Paris", "floor": 2}}
        assert store.ask(DocumentGet("people", "a")).to_dicts() == [expected]
        assert store.ask(DocumentUpdate("people", {"age": {"$exists": True}}, {"seen": [1]})).rows_affected == 3
        assert sorted(map(str, _ids(store, {"seen": [1]}))) == ["a", "b", "c"]
        assert store.ask(DocumentUpdate("people", {"name": "nobody"}, {"seen": 2})).rows_affected == 0
        for changes in ({"_id": "other"}, {"_id": None}):
            with store.refused(told="'_id'"):
                store.ask(DocumentUpdate("people", {"name": "Ann"}, changes))

    def test_document_delete(self, store: Store) -> None:
        _load(store)
        assert store.ask(DocumentDelete("people", ["a", "nobody", "a", "e"])).rows_affected == 2
        assert store.ask(DocumentDelete("people", selector={"age": {"$exists": True}})).rows_affected == 2
        assert _ids(store, {}) == ["d"]
        assert store.ask(DocumentDelete("people", selector={})).rows_affected == 1
        assert store.ask(DocumentCount("people")).scalar() == 0

    def test_documents_survive_a_restart(self, store: Store) -> None:
        if not store.engine.traits.durable:
            return
        _load(store)
        store.ask(DocumentInsert("people", {"_id": "z", "deep": {"er": [1, "two", None]}}))
        store.reopen()
        assert store.ask(DocumentGet("people", "z")).to_dicts() == [{"_id": "z", "deep": {"er": [1, "two", None]}}]
        assert store.ask(DocumentCount("people")).scalar() == 6

"""What every document engine does, on real files: operations, loads, restarts, refusals."""

from __future__ import annotations

import datetime as dt
import json
import os
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from polyroute.engines import UNBOUNDED, Call, Engine, EngineURL, LoadSpec, engine_class, open_engine
from polyroute.engines.execution import as_table, execute, translate
from polyroute.engines.loading.loader import Definition, load
from polyroute.engines.loading.sources import from_documents, from_table
from polyroute.errors import DatabaseErrorCode, PolyrouteError
from polyroute.operations import (
    DocumentCount,
    DocumentDelete,
    DocumentFind,
    DocumentGet,
    DocumentInsert,
    DocumentUpdate,
    Operation,
    Scan,
)
from polyroute.result import Documents, Rows
from polyroute.sql.types import JSON

Opener = Callable[..., Engine]
Doc = dict[str, Any]

PEOPLE: list[Doc] = [
    {"_id": "ann", "name": {"first": "Ann", "last": "Lee"}, "age": 31, "tags": ["x", "y"]},
    {"_id": "bob", "name": {"first": "Bob"}, "age": 44.5, "tags": []},
    {"_id": "cid", "name": {"first": "Cid", "last": "Ash"}, "age": None},
    {"_id": 7, "name": {"first": "Seven", "last": "Of"}, "age": 20, "extra": {"deep": [1, "a"]}},
]

SHARED = Path(os.environ.get("POLYROUTE_SHARED", Path(__file__).parents[4] / "shared"))
SUITE = SHARED / "suites" / "couchdb_mango"


def load_documents(
    engine: Engine, name: str, documents: list[Doc], mode: str = "create", key: str | None = "_id"
) -> int:
    definition = Definition(key=(key,) if key else ())
    return load([engine], name, from_documents(list(documents)), mode=mode, definition=definition).rows


def load_table(engine: Engine, name: str, table: pa.Table, mode: str = "create", key: str | None = None) -> int:
    return load([engine], name, from_table(table), mode=mode, definition=Definition(key=(key,) if key else ())).rows


def found(engine: Engine, op: Operation) -> list[Doc]:
    answer = execute(engine, op)
    assert isinstance(answer, Documents)
    return answer.documents


def wrote(engine: Engine, op: Operation) -> Rows:
    answer = execute(engine, op)
    assert isinstance(answer, Rows)
    return answer


def everything(engine: Engine, name: str) -> list[Doc]:
    return found(engine, DocumentFind(name, {}))


def refused(code: DatabaseErrorCode, work: Callable[[], object]) -> str:
    with pytest.raises(PolyrouteError) as caught:
        work()
    assert caught.value.code is code, caught.value
    return str(caught.value)


@pytest.fixture
def people(engine: Engine) -> Engine:
    assert load_documents(engine, "people", PEOPLE) == 4
    return engine


def test_find_answers_in_key_order_with_the_original_documents(people: Engine) -> None:
    assert everything(people, "people") == [PEOPLE[3], *PEOPLE[:3]]
    op = DocumentFind("people", {"age": {"$gte": 20}}, fields=["name.first"], sort=[{"age": "desc"}], skip=1, limit=1)
    assert found(people, op) == [{"name": {"first": "Ann"}}]


def test_answers_have_columns_too(people: Engine) -> None:
    answer = execute(people, DocumentFind("people", {"_id": "bob"}))
    assert isinstance(answer, Documents)
    assert list(answer.columns) == people.dataset("people").schema.names
    assert answer.table().schema == people.dataset("people").schema
    assert answer.table().to_pylist() == [
        {"_id": '"bob"', "name": {"first": "Bob", "last": None}, "age": 44.5, "tags": [], "extra": None}
    ]
    empty = execute(people, DocumentFind("people", {"_id": "nobody"}))
    assert as_table(empty).schema == people.dataset("people").schema


def test_documents_of_an_answer_are_the_callers_own(people: Engine) -> None:
    for op in (DocumentFind("people", {"_id": "ann"}), DocumentGet("people", "ann")):
        [document] = found(people, op)
        document["name"]["first"] = "changed"
        document["tags"].append("changed")
    shown = found(people, DocumentFind("people", {"_id": "ann"}, fields=["name"]))[0]
    shown["name"]["first"] = "changed"
    assert found(people, DocumentGet("people", "ann")) == [PEOPLE[0]]


def test_get_answers_in_the_order_of_the_keys(people: Engine) -> None:
    assert found(people, DocumentGet("people", ["cid", "nobody", 7, 7.0])) == [PEOPLE[2], PEOPLE[3], PEOPLE[3]]
    assert found(people, DocumentGet("people", "7")) == []


@pytest.mark.parametrize(
    ("selector", "number"),
    [
        ({}, 4),
        (None, 4),
        ({"age": {"$gt": 20}}, 2),
        ({"age": None}, 1),
        ({"name.last": {"$exists": False}}, 1),
        ({"_id": {"$in": ["ann", 7, None, True, 10**30]}}, 2),
        ({"_id": 7.0}, 1),
        ({"_id": {"$gt": "ann"}}, 2),
        ({"tags": {"$elemMatch": {"$eq": "y"}}}, 1),
        ({"$or": [{"age": 31}, {"name.first": {"$regex": "^S"}}]}, 2),
        ('{"age": {"$lt": 32}}', 3),
    ],
)
def test_count(people: Engine, selector: Any, number: int) -> None:
    answer = wrote(people, DocumentCount("people", selector))
    assert answer.rows == [(number,)]
    assert as_table(answer).schema == pa.schema([("count", pa.int64())])


def test_schema_is_the_union_of_the_documents(people: Engine) -> None:
    assert people.dataset("people").schema == pa.schema(
        [
            ("_id", JSON),
            ("name", pa.struct([("first", pa.string()), ("last", pa.string())])),
            ("age", pa.float64()),
            ("tags", pa.list_(pa.string())),
            ("extra", pa.struct([("deep", pa.list_(JSON))])),
        ]
    )
    assert people.dataset("people").key == ("_id",)
    assert people.statistics("people").row_count == 4


def test_scan_filters_orders_and_cuts(people: Engine) -> None:
    op = Scan("people", columns=("age", "name"), where="age > $low", params={"low": 19}, order="age DESC", limit=2)
    table = as_table(execute(people, op))
    assert table.column_names == ["age", "name"]
    assert table["age"].to_pylist() == [44.5, 31.0]
    assert as_table(execute(people, Scan("people", where="name.last = 'Lee'"))).num_rows == 1
    assert as_table(execute(people, Scan("people", limit=0))).schema == people.dataset("people").schema


def test_insert_makes_up_ids_and_tells_them(people: Engine) -> None:
    answer = wrote(people, DocumentInsert("people", [{"_id": "dan"}, {"name": {"first": "New"}}]))
    assert answer.affected == 2
    assert answer.keys is not None
    first, made = answer.keys
    assert first == "dan"
    assert found(people, DocumentGet("people", made)) == [{"_id": made, "name": {"first": "New"}}]
    assert people.statistics("people").row_count == 6


def test_update_is_a_merge_patch(people: Engine) -> None:
    changes = {"name": {"last": None, "middle": "M"}, "tags": ["z"], "extra": None}
    assert wrote(people, DocumentUpdate("people", {"_id": {"$in": ["ann", 7]}}, changes)).affected == 2
    assert found(people, DocumentGet("people", ["ann", 7])) == [
        {"_id": "ann", "name": {"first": "Ann", "middle": "M"}, "age": 31, "tags": ["z"]},
        {"_id": 7, "name": {"first": "Seven", "middle": "M"}, "age": 20, "tags": ["z"]},
    ]
    assert "extra" not in people.dataset("people").schema.names
    assert wrote(people, DocumentUpdate("people", {"_id": "nobody"}, {"x": 1})).affected == 0


def test_delete_by_key_and_by_selector(people: Engine) -> None:
    assert wrote(people, DocumentDelete("people", keys=["ann", "nobody", "ann"])).affected == 1
    assert wrote(people, DocumentDelete("people", selector={"age": {"$gt": 30}})).affected == 1
    assert [d["_id"] for d in everything(people, "people")] == [7, "cid"]
    assert wrote(people, DocumentDelete("people", selector={})).affected == 2
    assert everything(people, "people") == []
    assert people.statistics("people").row_count == 0
    assert wrote(people, DocumentInsert("people", {"_id": "again"})).affected == 1


def test_data_version_follows_every_write(people: Engine) -> None:
    versions = [people.data_version("people")]
    for op in (
        DocumentInsert("people", {"_id": "x"}),
        DocumentUpdate("people", {"_id": "x"}, {"age": 1}),
        DocumentDelete("people", keys="x"),
    ):
        execute(people, op)
        versions.append(people.data_version("people"))
    assert len(set(versions)) == 4
    everything(people, "people")
    assert people.data_version("people") == versions[-1]


def test_everything_survives_a_restart(opened: Opener) -> None:
    first = opened()
    load_documents(first, "people", PEOPLE)
    load_table(first, "typed", TYPED, key="id")
    execute(first, DocumentUpdate("people", {"_id": "ann"}, {"age": 32}))
    before = {name: (d.schema, d.key, dict(d.roles)) for name, d in first.datasets().items()}
    documents = everything(first, "people")
    first.close()
    again = opened()
    assert {name: (d.schema, d.key, dict(d.roles)) for name, d in again.datasets().items()} == before
    assert everything(again, "people") == documents
    comparable = TYPED.drop_columns(["x"])  # NaN equals nothing
    assert as_table(execute(again, Scan("typed"))).drop_columns(["x"]).equals(comparable)


def test_roles_survive_a_restart(opened: Opener) -> None:
    first = opened()
    load([first], "people", from_documents(list(PEOPLE)), definition=Definition(key=("_id",), roles={"label": "name"}))
    first.close()
    assert dict(opened().dataset("people").roles) == {"label": "name"}


TYPED = pa.table(
    {
        "id": pa.array([1, 2, 3], pa.int32()),
        "flag": pa.array([True, None, False]),
        "day": pa.array([dt.date(2020, 2, 29), None, dt.date(1, 1, 1)]),
        "at": pa.array([dt.datetime(2020, 1, 1, 1, 2, 3, 4), None, None], pa.timestamp("us")),
        "zoned": pa.array([dt.datetime(2020, 1, 1, 1, 2, 3, 4), None, None], pa.timestamp("us", "Europe/Berlin")),
        "coarse": pa.array([1577836800000, None, None], pa.timestamp("ms")),
        "fine": pa.array([1577836800000001000, None, None], pa.timestamp("ns")),
        "time": pa.array([dt.time(1, 2, 3, 4), None, None], pa.time64("us")),
        "lasts": pa.array([dt.timedelta(days=-1, microseconds=5), None, None], pa.duration("us")),
        "price": pa.array([Decimal("1.50"), None, Decimal("-99999999.99")], pa.decimal128(10, 2)),
        "wide": pa.array([Decimal("1"), None, None], pa.decimal256(50, 0)),
        "big": pa.array([2**64 - 1, None, 0], pa.uint64()),
        "x": pa.array([float("nan"), None, float("-inf")]),
        "f": pa.array([0.1, None, 1e30], pa.float32()),
        "raw": pa.array([b"\x00\xff", None, b""]),
        "fixed": pa.array([b"ab", None, b"cd"], pa.binary(2)),
        "text": pa.array(["a\0b", None, ""]),
        "json": pa.ExtensionArray.from_storage(JSON, pa.array(['{"a": 1}', None, "null"])),
        "list": pa.array([[1, None], None, []], pa.list_(pa.int16())),
        "vector": pa.array([[1.5, 2.5], None, [0.0, 0.0]], pa.list_(pa.float32(), 2)),
        "deep": pa.array(
            [{"day": dt.date(2020, 1, 1), "l": [dt.timedelta(1)]}, None, {"day": None, "l": None}],
            pa.struct([("day", pa.date32()), ("l", pa.list_(pa.duration("us")))]),
        ),
        "map": pa.array([[("a", 1)], None, []], pa.map_(pa.string(), pa.int64())),
        "nothing": pa.nulls(3),
        "mostly": pa.array([None, None, None], pa.string()),
    }
)


@pytest.mark.parametrize("name", TYPED.column_names)
def test_every_type_comes_back_as_loaded(engine: Engine, name: str) -> None:
    table = TYPED.select([name])
    load_table(engine, "t", table)
    back = as_table(execute(engine, Scan("t")))
    assert back.schema == table.schema
    assert str(back[name].to_pylist()) == str(table[name].to_pylist())
    assert engine.dataset("t").key == ()


def test_keys_of_typed_tables(engine: Engine) -> None:
    table = pa.table({"day": pa.array([dt.date(2020, 1, 2), dt.date(2020, 1, 1)]), "n": [1, 2]})
    load_table(engine, "days", table, key="day")
    assert found(engine, DocumentGet("days", dt.date(2020, 1, 1))) == [{"day": "2020-01-01", "n": 2}]
    assert found(engine, DocumentGet("days", ["2020-01-02"])) == [{"day": "2020-01-02", "n": 1}]
    assert wrote(engine, DocumentInsert("days", {"day": "2020-01-03", "n": 3, "note": "new"})).affected == 1
    table = as_table(execute(engine, Scan("days", order="day DESC", limit=1)))
    assert table.to_pylist() == [{"day": dt.date(2020, 1, 3), "n": 3, "note": "new"}]
    refused(DatabaseErrorCode.QUERY_INVALID, lambda: execute(engine, DocumentInsert("days", {"day": "soon"})))


def test_append_upsert_and_replace(engine: Engine) -> None:
    load_documents(engine, "people", PEOPLE)
    assert load_documents(engine, "people", [{"_id": "dan", "age": 1}], mode="append") == 1
    upserts = [{"_id": "ann", "age": 0}, {"_id": "eve", "age": 2}, {"_id": "eve", "age": 3}]
    assert load_documents(engine, "people", upserts, mode="upsert") == 3
    ages = {d["_id"]: d.get("age") for d in everything(engine, "people")}
    assert ages == {7: 20, "ann": 0, "bob": 44.5, "cid": None, "dan": 1, "eve": 3}
    assert engine.statistics("people").row_count == 6
    assert load_documents(engine, "people", [{"_id": "only", "other": True}], mode="replace") == 1
    assert engine.dataset("people").schema == pa.schema([("_id", pa.string()), ("other", pa.bool_())])
    for mode in ("append", "upsert", "replace"):
        assert load_documents(engine, f"new_{mode}", PEOPLE, mode=mode) == 4


def test_append_of_tables(engine: Engine) -> None:
    load_documents(engine, "docs", [{"_id": 1, "n": 1, "mixed": 1}, {"_id": 2, "n": 2, "mixed": "a"}])
    table = pa.table({"_id": [3], "n": pa.array([3], pa.int16()), "day": [dt.date(2020, 1, 1)], "mixed": ["text"]})
    load_table(engine, "docs", table, mode="append")
    schema = engine.dataset("docs").schema
    assert dict(zip(schema.names, schema.types, strict=True)) == {
        "_id": pa.int64(), "n": pa.int64(), "day": pa.date32(), "mixed": JSON
    }  # fmt: skip
    rows = as_table(execute(engine, Scan("docs", columns=("_id", "day", "mixed"), order="_id"))).to_pylist()
    assert rows[2] == {"_id": 3, "day": dt.date(2020, 1, 1), "mixed": '"text"'}
    for bad in (
        pa.table({"_id": [4], "n": ["text"]}),
        pa.table({"_id": [4], "N": [1]}),
        pa.table({"_id": [4], "mixed": [dt.date(2020, 1, 1)]}),
    ):
        refused(DatabaseErrorCode.QUERY_INVALID, lambda bad=bad: load_table(engine, "docs", bad, mode="append"))
    assert engine.statistics("docs").row_count == 3


def test_dicts_with_more_than_json_keep_their_types(engine: Engine) -> None:
    load_documents(engine, "days", [{"day": dt.date(2020, 1, 1), "n": 1}, {"n": 2}], key=None)
    assert engine.dataset("days").schema == pa.schema([("day", pa.date32()), ("n", pa.int64())])
    rows = as_table(execute(engine, Scan("days", where="day = DATE '2020-01-01'"))).to_pylist()
    assert rows == [{"day": dt.date(2020, 1, 1), "n": 1}]


def test_a_load_without_a_key_adds_no_column(engine: Engine) -> None:
    load_documents(engine, "plain", [{"a": 2}, {"a": 1}], key=None)
    load_table(engine, "rows", pa.table({"a": [2, 1, 2]}))
    assert engine.dataset("plain").schema.names == ["a"]
    assert everything(engine, "plain") == [{"a": 2}, {"a": 1}]
    assert as_table(execute(engine, Scan("rows"))).to_pydict() == {"a": [2, 1, 2]}
    assert wrote(engine, DocumentInsert("plain", [{"a": 3}])).keys == []
    assert wrote(engine, DocumentDelete("rows", selector={"a": 2})).affected == 2
    for op in (DocumentGet("plain", 1), DocumentDelete("plain", keys=[1])):
        assert "no key" in refused(DatabaseErrorCode.QUERY_INVALID, lambda op=op: execute(engine, op))
    refused(
        DatabaseErrorCode.QUERY_INVALID, lambda: load_documents(engine, "plain", [{"a": 1}], mode="upsert", key=None)
    )


def test_some_documents_without_an_id_get_one(engine: Engine) -> None:
    load_documents(engine, "some", [{"_id": "a"}, {"n": 1}], key=None)
    ids = [d["_id"] for d in everything(engine, "some")]
    assert "a" in ids
    assert len(ids) == 2


DUPLICATES: list[Callable[[Engine], object]] = [
    lambda engine: execute(engine, DocumentInsert("people", [{"_id": "new"}, {"_id": "ann"}])),
    lambda engine: execute(engine, DocumentInsert("people", [{"_id": "new"}, {"_id": "new"}])),
    lambda engine: execute(engine, DocumentInsert("people", [{"_id": 7.0}])),
    lambda engine: load_documents(engine, "people", [{"_id": "new"}, {"_id": "cid"}], mode="append"),
    lambda engine: load_documents(engine, "twins", [{"_id": 1}, {"_id": 1}]),
    lambda engine: load_documents(engine, "people", [{"_id": 1}, {"_id": 1}], mode="replace"),
    lambda engine: load_table(engine, "twins", pa.table({"k": ["x", "x"]}), key="k"),
]

WRONG: list[Callable[[Engine], object]] = [
    lambda engine: execute(engine, DocumentInsert("people", [{"_id": "new"}, {"_id": None}])),
    lambda engine: execute(engine, DocumentInsert("people", [{"_id": "new"}, {"_id": [1]}])),
    lambda engine: execute(engine, DocumentInsert("people", [{"_id": "new"}, {"_id": True}])),
    lambda engine: execute(engine, DocumentInsert("people", [{"_id": "new"}, {"_id": 2**64}])),
    lambda engine: execute(engine, DocumentInsert("people", [{"_id": "new"}, {"_id": "\ud800"}])),
    lambda engine: execute(engine, DocumentInsert("people", [{"_id": "new"}, {"_id": "x", "y": "\ud800"}])),
    lambda engine: execute(engine, DocumentInsert("people", [{"_id": "new"}, {"_id": "x", "y": dt.date(2020, 1, 1)}])),
    lambda engine: execute(engine, DocumentInsert("people", [{"_id": "new"}, {"_id": "x", "y": float("nan")}])),
    lambda engine: execute(engine, DocumentInsert("people", [{"_id": "new"}, {"_id": "x", "y": object()}])),
    lambda engine: execute(engine, DocumentInsert("people", [{"_id": "new"}, {"_id": "x", "y": {1: 2}}])),
    lambda engine: execute(engine, DocumentInsert("people", [{"_id": "new"}, {"_id": "x", "y": 10**5000}])),
    lambda engine: execute(engine, DocumentInsert("people", ["no document"])),
    lambda engine: execute(engine, DocumentUpdate("people", {}, {"age": float("inf")})),
    lambda engine: execute(engine, DocumentUpdate("people", {}, {"age": "\ud800"})),
    lambda engine: execute(engine, DocumentUpdate("people", {"_id": "ann"}, {"_id": "amy"})),
    lambda engine: execute(engine, DocumentUpdate("people", {"_id": "ann"}, {"_id": None})),
    lambda engine: execute(engine, DocumentUpdate("people", {"age": {"$gtt": 1}}, {"x": 1})),
    lambda engine: execute(engine, DocumentDelete("people", selector={"$where": "1"})),
    lambda engine: execute(engine, DocumentDelete("people", keys=[None])),
    lambda engine: execute(engine, DocumentGet("people", [["a"]])),
    lambda engine: execute(engine, DocumentFind("people", {"age": {"$regex": "("}})),
    lambda engine: execute(engine, DocumentFind("people", {}, sort=[{"age": "down"}])),
    lambda engine: execute(engine, DocumentFind("people", {}, fields=["a..b"])),
    lambda engine: execute(engine, DocumentFind("peple", {})),
    lambda engine: execute(engine, DocumentInsert("peple", {"a": 1})),
    lambda engine: execute(engine, Scan("people", columns=("agee",))),
    lambda engine: engine.drop("peple", UNBOUNDED),
    lambda engine: load_documents(engine, "people", PEOPLE),
    lambda engine: load_documents(engine, "people", [{"_id": "new"}, {"_id": None}], mode="append"),
    lambda engine: load_documents(engine, "people", [{"_id": "new"}, {"_id": "x", "y": "\ud800"}], mode="replace"),
    lambda engine: load_documents(engine, "other", [{"iata": "x"}, {"n": 1}], key="iata"),
    lambda engine: load_table(engine, "other", pa.table({"k": ["x", None]}), key="k"),
    lambda engine: load_table(engine, "other", pa.table({"k": [True]}), key="k"),
    lambda engine: load_table(engine, "other", pa.table({"k": ["x"]}), key="kk"),
    lambda engine: load_table(engine, "other", pa.table({"t": pa.array([1], pa.timestamp("ns"))})),
    lambda engine: load_table(engine, "other", pa.table({"t": pa.array([None], pa.month_day_nano_interval())})),
]


def _state(engine: Engine) -> object:
    return {
        name: (dataset.schema, everything(engine, name), engine.statistics(name).row_count)
        for name, dataset in engine.datasets().items()
    }


@pytest.mark.parametrize("work", DUPLICATES)
def test_a_duplicate_key_changes_nothing(people: Engine, work: Callable[[Engine], object]) -> None:
    before, version = _state(people), people.data_version("people")
    message = refused(DatabaseErrorCode.CONSISTENCY_VIOLATION, lambda: work(people))
    assert "same key" in message
    assert (_state(people), people.data_version("people")) == (before, version)


@pytest.mark.parametrize("work", WRONG)
def test_what_is_wrong_is_refused_and_changes_nothing(people: Engine, work: Callable[[Engine], object]) -> None:
    before, version = _state(people), people.data_version("people")
    message = refused(DatabaseErrorCode.QUERY_INVALID, lambda: work(people))
    assert len(message) > 20
    assert (_state(people), people.data_version("people")) == (before, version)


@pytest.mark.parametrize("mode", ["create", "append", "upsert", "replace"])
def test_a_load_that_fails_half_way_changes_nothing(people: Engine, mode: str) -> None:
    name = "new" if mode == "create" else "people"
    before, version = _state(people), people.data_version("people")

    def broken() -> Any:
        yield pa.record_batch({"_id": ["p", "q"]})
        raise OSError("the disk went away")

    source = from_table(pa.table({"_id": ["p", "q"]}))
    failing = type(source)(source.schema, broken, None)
    with pytest.raises(PolyrouteError):
        load([people], name, failing, mode=mode, definition=Definition(key=("_id",)))
    assert (_state(people), people.data_version("people")) == (before, version)


def test_a_refused_commit_undoes_a_load(people: Engine) -> None:
    before = _state(people)

    def refuse() -> None:
        raise KeyError("somebody else failed")

    spec = LoadSpec(
        people.dataset("people"), "append", lambda: iter(()), lambda: iter([{"_id": "z"}]), before_commit=refuse
    )
    with pytest.raises(KeyError):
        people.load(spec, UNBOUNDED)
    assert _state(people) == before


def test_one_source_into_the_same_file_twice_is_refused(opened: Opener) -> None:
    one, two = opened(), opened()
    refused(
        DatabaseErrorCode.QUERY_INVALID,
        lambda: load([one, two], "people", from_documents(list(PEOPLE)), definition=Definition(key=("_id",))),
    )
    assert one.datasets() == {}


def test_a_write_with_an_idempotency_key_happens_once(opened: Opener) -> None:
    engine = opened()
    load_documents(engine, "people", PEOPLE)
    writes: list[Operation] = [
        DocumentInsert("people", [{"n": 1}, {"_id": "dan"}]),
        DocumentUpdate("people", {"_id": "dan"}, {"n": 2}),
        DocumentDelete("people", keys=["dan", "bob"]),
    ]
    told = []
    for op in writes:
        answer = execute(engine, op, Call(idempotency_key="k1"))
        assert isinstance(answer, Rows)
        told.append((answer.affected, answer.keys))
    documents, version = everything(engine, "people"), engine.data_version("people")
    engine.close()
    again = opened()
    for op, expected in zip(writes, told, strict=True):
        answer = execute(again, op, Call(idempotency_key="k1"))
        assert isinstance(answer, Rows)
        assert (answer.affected, answer.keys) == expected
    assert everything(again, "people") == documents
    assert again.data_version("people") == version
    execute(again, writes[0], Call(idempotency_key="k2"))
    assert len(everything(again, "people")) == len(documents) + 2
    refused(DatabaseErrorCode.CONSISTENCY_VIOLATION, lambda: execute(again, writes[0], Call(idempotency_key="k3")))
    refused(DatabaseErrorCode.CONSISTENCY_VIOLATION, lambda: execute(again, writes[0], Call(idempotency_key="k3")))
    assert list(again.datasets()) == ["people"]


def test_a_repeated_load_with_an_idempotency_key_happens_once(engine: Engine) -> None:
    source = from_documents([{"n": 1}])
    for _ in range(2):
        report = load([engine], "plain", source, mode="append", call=Call(idempotency_key="k"))
        assert report.rows == 1
    assert everything(engine, "plain") == [{"n": 1}]


def test_drop(people: Engine) -> None:
    load_documents(people, "other", PEOPLE)
    people.drop("people", UNBOUNDED)
    assert list(people.datasets()) == ["other"]
    load_documents(people, "people", [{"_id": 1}])
    assert everything(people, "people") == [{"_id": 1}]


def test_read_only_refuses_writes_and_reads_on(opened: Opener) -> None:
    first = opened()
    load_documents(first, "people", PEOPLE)
    first.close()
    reader = opened(read_only=True)
    assert len(everything(reader, "people")) == 4
    for op in (DocumentInsert("people", {"a": 1}), DocumentDelete("people", selector={})):
        assert "read-only" in refused(DatabaseErrorCode.QUERY_INVALID, lambda op=op: execute(reader, op))
    assert len(everything(reader, "people")) == 4


def test_places_that_cannot_be_opened(scheme: str, tmp_path: Path) -> None:
    code = DatabaseErrorCode.ENGINE_CONNECTION_FAILED
    assert "folder" in refused(code, lambda: open_engine(f"{scheme}:///{tmp_path}"))
    assert "folder" in refused(code, lambda: open_engine(f"{scheme}:///{tmp_path}/missing/x"))
    assert "no file" in refused(code, lambda: open_engine(f"{scheme}:///{tmp_path}/x", read_only=True))


@pytest.mark.parametrize(
    "content", [b"\x00\x01garbage" * 100, b"{not json", b"SQLite format 3\x00" + b"\xff" * 5000, b"[1, 2]"]
)
def test_a_corrupt_file_is_unavailable_and_left_alone(scheme: str, store: Path, content: bytes) -> None:
    store.write_bytes(content)
    with pytest.raises(PolyrouteError) as caught:
        _open_as_the_router_does(f"{scheme}:///{store}")
    assert caught.value.code is DatabaseErrorCode.ENGINE_UNAVAILABLE
    assert store.read_bytes() == content
    assert [p.name for p in store.parent.iterdir() if "tmp" in p.name] == []


def _open_as_the_router_does(url: str) -> Engine:
    address = EngineURL.parse(url)
    cls = engine_class(address.scheme)
    try:
        return cls.open(address)
    except Exception as exc:
        raise translate(cls.__new__(cls), exc) from exc


def test_temporary_stores_go_away(scheme: str) -> None:
    engine = open_engine(f"{scheme}://")
    load_documents(engine, "people", PEOPLE)
    folder = engine.resource.path.parent
    assert folder.is_dir()
    engine.close()
    engine.close()
    assert not folder.exists()


@pytest.fixture
def mango(engine: Engine) -> Engine:
    if not SUITE.is_dir():
        pytest.skip("the shared suite couchdb_mango is not here")
    for name, documents in json.loads((SUITE / "collections.json").read_text()).items():
        load_documents(engine, name, documents)
    return engine


def test_couchdb_mango_cases(mango: Engine) -> None:
    """CouchDB's own cases (Apache-2.0); one test for all, because loading is most of the work."""
    wrong = []
    for case in json.loads((SUITE / "cases.json").read_text()):
        op = DocumentFind(
            case["collection"], case["selector"], sort=case["sort"], skip=case["skip"] or 0, limit=case["limit"]
        )
        ids = [d["_id"] for d in found(mango, op)]
        expected = case["expected_ids"]
        if ids != expected if case["ordered"] else sorted(ids) != sorted(expected):
            wrong.append(case["id"])
        number = wrote(mango, DocumentCount(case["collection"], case["selector"])).rows[0][0]
        if case["skip"] is None and case["limit"] is None and case["sort"] is None and number != len(expected):
            wrong.append(case["id"])
        if case["fields"]:
            shown = found(mango, DocumentFind(case["collection"], case["selector"], fields=case["fields"]))
            if any(set(document) - set(case["fields"]) for document in shown):
                wrong.append(case["id"])
    assert wrong == []

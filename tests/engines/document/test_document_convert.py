from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pyarrow as pa
import pytest

from polyroute.engines.document.convert import documents_of, refusal, table_of
from polyroute.engines.document.definition import Definition
from polyroute.engines.document.fitting import fitted
from polyroute.engines.document.projection import pruned
from polyroute.engines.document.schema import Layout, layout_of, shape_of
from polyroute.errors import QueryError
from polyroute.sql.selectors import compile_fields, parse_fields
from polyroute.sql.types import JSON

LAYOUT_FIELDS = pa.schema(
    [
        ("name", pa.struct([("first", pa.string()), ("last", pa.string())])),
        ("scores", pa.list_(pa.int64())),
        ("friends", pa.list_(pa.struct([("id", pa.int64()), ("who", pa.string())]))),
        ("any", JSON),
        ("day", pa.date32()),
    ]
)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ([], LAYOUT_FIELDS),
        (["day", "name.last"], pa.schema([("day", pa.date32()), ("name", pa.struct([("last", pa.string())]))])),
        (["scores.1"], pa.schema([("scores", pa.struct([("1", pa.int64())]))])),
        (
            ["friends.0.who", "friends.1"],
            pa.schema(
                [
                    (
                        "friends",
                        pa.struct(
                            [
                                ("0", pa.struct([("who", pa.string())])),
                                ("1", pa.struct([("id", pa.int64()), ("who", pa.string())])),
                            ]
                        ),
                    )
                ]
            ),
        ),
        (["any.x.y"], pa.schema([("any", JSON)])),
        (["name.middle", "nowhere", "day.x"], pa.schema([])),
    ],
)
def test_shown_fields_have_columns_of_their_own(fields: list[str], expected: pa.Schema) -> None:
    layout = Layout(LAYOUT_FIELDS, declared=frozenset({"day"}))
    projection = parse_fields(fields)
    shown = pruned(layout, projection)
    assert shown.schema == expected
    document: dict[str, object] = {
        "name": {"first": "Ann", "last": "Lee"},
        "scores": [1, 2],
        "friends": [{"id": 1, "who": "Bob"}, {"id": 2, "who": "Cid"}],
        "any": {"x": {"y": 1}, "z": 2},
        "day": "2020-01-01",
    }
    table = table_of([compile_fields(projection)(document)], shown)
    assert table.num_rows == 1
    assert table.schema == expected


def test_types_that_documents_cannot_give_back_are_refused() -> None:
    assert refusal(pa.month_day_nano_interval())
    assert refusal(pa.dense_union([pa.field("a", pa.int8())]))
    assert refusal(pa.decimal256(50, 3)) is None


@pytest.mark.parametrize(
    "column",
    [
        pa.array([1], pa.timestamp("ns")),
        pa.array([1], pa.duration("ns")),
        pa.array([1], pa.time64("ns")),
        pa.array([10**14], pa.timestamp("s")),
        pa.array([[1]], pa.list_(pa.timestamp("ns"))),
    ],
    ids=str,
)
def test_values_that_documents_cannot_keep_are_refused_by_column(column: pa.Array) -> None:
    with pytest.raises(QueryError, match="column 'when'"):
        documents_of(pa.record_batch([column], ["when"]))


DECLARED = pa.schema(
    [
        ("n", pa.int8()),
        ("x", pa.float64()),
        ("f", pa.float32()),
        ("s", pa.string()),
        ("b", pa.bool_()),
        ("day", pa.date32()),
        ("at", pa.timestamp("us")),
        ("zoned", pa.timestamp("us", "UTC")),
        ("price", pa.decimal128(5, 2)),
        ("raw", pa.binary()),
        ("tags", pa.list_(pa.int64())),
        ("pair", pa.list_(pa.float32(), 2)),
        ("deep", pa.struct([("day", pa.date32()), ("n", pa.int64())])),
        ("map", pa.map_(pa.string(), pa.int64())),
        ("any", JSON),
    ]
)
DEFINITION = Definition("things", "_id", declared=DECLARED)


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        ("n", 127, 127),
        ("x", 5, 5.0),
        ("x", "NaN", None),
        ("f", 0.1, pytest.approx(0.1, rel=1e-7)),
        ("s", "text", "text"),
        ("b", True, True),
        ("day", "2020-02-29", dt.date(2020, 2, 29)),
        ("at", "2020-02-29 10:00:00", dt.datetime(2020, 2, 29, 10)),
        ("zoned", "2020-02-29 10:00:00", dt.datetime(2020, 2, 29, 10, tzinfo=dt.UTC)),
        ("zoned", "2020-02-29T10:00:00+02:00", dt.datetime(2020, 2, 29, 8, tzinfo=dt.UTC)),
        ("price", "1.50", Decimal("1.50")),
        ("price", 0.1, Decimal("0.10")),
        ("raw", "YWI=", b"ab"),
        ("tags", [1, None], [1, None]),
        ("pair", [1, 2.5], [1.0, 2.5]),
        ("deep", {"day": "2020-01-01"}, {"day": dt.date(2020, 1, 1), "n": None}),
        ("map", [["a", 1]], [("a", 1)]),
        ("any", {"q": [1]}, '{"q":[1]}'),
        ("any", '{"q": 1}', '{"q": 1}'),
        ("free", {"any": "thing"}, {"any": "thing"}),
        ("n", None, None),
    ],
)
def test_new_documents_are_read_by_the_declared_types(name: str, given: object, expected: object) -> None:
    document = fitted({name: given}, DEFINITION)
    layout = layout_of(shape_of([document]), DECLARED)
    [value] = table_of([document], layout)[name].to_pylist()
    assert value != value if given == "NaN" else value == expected


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("n", 128),
        ("n", "1"),
        ("n", 1.5),
        ("n", True),
        ("x", True),
        ("x", "much"),
        ("s", 1),
        ("b", 1),
        ("day", "2020-02-30"),
        ("day", 20200101),
        ("at", "noon"),
        ("price", "1000.00"),
        ("price", "1.505"),
        ("raw", "?"),
        ("raw", 7),
        ("tags", [1, "x"]),
        ("tags", 1),
        ("tags", [True]),
        ("pair", [1.0]),
        ("deep", {"day": "x"}),
        ("deep", {"unknown": 1}),
        ("deep", []),
        ("map", [["a"]]),
        ("any", "no json"),
        ("DAY", "2020-01-01"),
    ],
)
def test_documents_that_do_not_fit_a_declared_column_are_refused(name: str, given: object) -> None:
    with pytest.raises(QueryError, match="field"):
        fitted({name: given}, DEFINITION)

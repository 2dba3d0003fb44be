from __future__ import annotations

import json

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyroute.engines.document.convert import table_of
from polyroute.engines.document.schema import Shape, layout_of, shape_of
from polyroute.sql.types import JSON

NAMES = st.sampled_from(["a", "A", "b", "c", ""])
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([2**53 + 1, 2**60, 2**63, -(2**63)])
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=3)
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=5
)
DOCUMENTS = st.lists(st.dictionaries(NAMES, VALUES, max_size=4), max_size=5)


def type_of(*values: object) -> pa.DataType:
    return layout_of(shape_of({"x": value} for value in values)).schema.field("x").type


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([True, None], pa.bool_()),
        ([1, None, -(2**63)], pa.int64()),
        ([1, 2.5], pa.float64()),
        ([2**60, 2.5], pa.float64()),
        ([2**53 + 1, 2.5], JSON),
        ([2**53 + 1, 1], pa.int64()),
        ([2**63, 1], JSON),
        ([2**63], JSON),
        ([1.0], pa.float64()),
        (["2020-01-01"], pa.string()),
        ([None], JSON),
        ([1, "1"], JSON),
        ([True, 1], JSON),
        ([{}], JSON),
        ([{"a": 1}, {}], pa.struct([("a", pa.int64())])),
        ([{"b": 1}, {"a": None, "b": 2}], pa.struct([("b", pa.int64()), ("a", JSON)])),
        ([{"a": 1, "A": 2}], JSON),
        ([{"": 1}], JSON),
        ([[]], pa.list_(JSON)),
        ([[1], [2.5, None]], pa.list_(pa.float64())),
        ([[1, "x"]], pa.list_(JSON)),
        ([[{"a": 1}], [{"b": [True]}]], pa.list_(pa.struct([("a", pa.int64()), ("b", pa.list_(pa.bool_()))]))),
        ([[1], 1], JSON),
    ],
)
def test_type_of_a_field(values: list[object], expected: pa.DataType) -> None:
    assert type_of(*values) == expected


def test_columns_come_in_the_order_of_the_documents() -> None:
    documents = [{"b": 1, "a": 1}, {"c": 1, "a": None}, {"d": 1}]
    assert layout_of(shape_of(documents)).schema.names == ["b", "a", "c", "d"]


def test_names_that_differ_in_case_share_a_json_column_of_all_of_them() -> None:
    documents = [{"Name": "x", "id": 1}, {"name": 2, "id": 2}, {"name": 3, "NAME": None, "id": 3}, {"id": 4}]
    table = table_of(documents, layout_of(shape_of(documents)))
    assert table.column_names == ["Name", "id"]
    assert table["Name"].to_pylist() == ['{"Name":"x"}', '{"name":2}', '{"name":3,"NAME":null}', None]


def test_a_member_without_a_name_has_a_column() -> None:
    documents = [{"": 1, "_empty": 2}]
    table = table_of(documents, layout_of(shape_of(documents)))
    assert table.to_pylist() == [{"_empty_": 1, "_empty": 2}]


def test_no_documents_have_the_key_for_a_column() -> None:
    assert layout_of(Shape(), None, "_id").schema == pa.schema([("_id", pa.string())])


def test_declared_columns_come_first_and_keep_their_types() -> None:
    declared = pa.schema([("day", pa.date32()), ("n", pa.int8())])
    layout = layout_of(shape_of([{"x": 1, "n": 5, "day": "2020-01-01"}]), declared)
    assert layout.schema == pa.schema([("day", pa.date32()), ("n", pa.int8()), ("x", pa.int64())])
    assert layout.declared == {"day", "n"}


@given(DOCUMENTS, DOCUMENTS)
def test_taking_away_what_was_added_changes_nothing(
    kept: list[dict[str, object]], gone: list[dict[str, object]]
) -> None:
    shape = shape_of(kept)
    for document in gone:
        shape.add(document)
    for document in gone:
        shape.remove(document)
    assert shape.pack() == shape_of(kept).pack()


@given(DOCUMENTS)
def test_a_packed_shape_is_the_same_shape(documents: list[dict[str, object]]) -> None:
    shape = shape_of(documents)
    assert layout_of(Shape.unpack(json.loads(json.dumps(shape.pack())))) == layout_of(shape)


@given(DOCUMENTS)
def test_a_table_holds_every_value_of_every_document(documents: list[dict[str, object]]) -> None:
    layout = layout_of(shape_of(documents))
    table = table_of(documents, layout)
    assert table.schema == layout.schema
    assert table.num_rows == len(documents)
    for row, document in zip(table.to_pylist(), documents, strict=True):
        for column, field in zip(layout.schema.names, layout.schema, strict=True):
            assert _same(row[column], _member(document, column, layout.members), field.type)


def _member(document: dict[str, object], column: str, members: object) -> object:
    group = members.get(column, (column,))  # type: ignore[attr-defined]
    if len(group) == 1:
        return document.get(group[0])
    return {name: document[name] for name in group if name in document} or None


def _same(shown: object, held: object, arrow_type: pa.DataType) -> bool:
    """Compare what a table shows with what a document holds; a missing member of a struct is NULL."""
    if held is None or shown is None:
        return shown is held
    if arrow_type == JSON:
        return json.loads(shown) == held and type(json.loads(shown)) is type(held)  # type: ignore[arg-type]
    if pa.types.is_struct(arrow_type):
        return all(_same(shown[f.name], held.get(f.name), f.type) for f in arrow_type)  # type: ignore[index, attr-defined]
    if pa.types.is_list(arrow_type):
        pairs = zip(shown, held, strict=True)  # type: ignore[call-overload]
        return all(_same(one, other, arrow_type.value_type) for one, other in pairs)
    return shown == held and isinstance(shown, bool) == isinstance(held, bool)

"""Documents as Arrow tables, and the rows of Arrow tables as documents.

Columns whose types a table declared go through `polyroute.sql.codec`; the others hold plain JSON, which Arrow takes
as it is, but for JSON columns, whose values become their text, and for whole numbers among fractions. Arrow cannot
build a nested JSON type from Python values, so arrays are built with plain text in its place and then told their
type.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Any

import pyarrow as pa

from polyroute.engines.call import UNBOUNDED, Call
from polyroute.engines.document.definition import Document, json_text
from polyroute.engines.document.schema import Layout
from polyroute.errors import invalid
from polyroute.sql.codec import decoder, encoder
from polyroute.sql.types import JSON, is_json
from polyroute.values import python_type

# Small enough that a cancelled call stops between two batches within a tenth of a second.
BATCH_DOCUMENTS = 512

_Convert = Callable[[Any], Any]


def table_of(documents: Iterable[Document], layout: Layout, call: Call = UNBOUNDED) -> pa.Table:
    """Return documents as a table with the columns of a layout; what a document lacks is NULL.

    >>> import pyarrow as pa
    >>> table_of([{"a": 1}, {"a": 2.5}, {}], Layout(pa.schema([("a", pa.float64())])))["a"].to_pylist()
    [1.0, 2.5, None]
    """
    builders = [_column_builder(field, layout) for field in layout.schema]
    batches = []
    remaining = iter(documents)
    while chunk := list(islice(remaining, BATCH_DOCUMENTS)):
        call.check()
        if not builders:
            return _without_columns(len(chunk) + sum(1 for _ in remaining))
        batches.append(pa.record_batch([build(chunk) for build in builders], schema=layout.schema))
    return pa.Table.from_batches(batches, schema=layout.schema)


def documents_of(batch: pa.RecordBatch) -> list[Document]:
    """Return the rows of a batch as documents in their stored form.

    Raises QUERY_INVALID, naming the column, for a time finer than a microsecond or outside the years 1 to 9999.
    """
    columns = [_stored_values(batch.column(place), field) for place, field in enumerate(batch.schema)]
    names = batch.schema.names
    if not names:
        return [{} for _ in range(batch.num_rows)]
    return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]


def refusal(arrow_type: pa.DataType) -> str | None:
    """Tell why documents cannot give back values of a type, or None when they can."""
    if pa.types.is_interval(arrow_type):
        return "a JSON document has no form for months and days that are not added up"
    if pa.types.is_union(arrow_type):
        return "a JSON document does not tell the members of a union apart"
    return None


def _without_columns(rows: int) -> pa.Table:
    return pa.table({"": pa.nulls(rows)}).select([])


def _column_builder(field: pa.Field, layout: Layout) -> Callable[[Sequence[Document]], pa.Array]:
    read = _reader(field.name, layout)
    convert = decoder(field.type) if field.name in layout.declared else _from_json(field.type)

    def build(documents: Sequence[Document]) -> pa.Array:
        values = [read(document) for document in documents]
        if convert is not None:
            values = [None if value is None else convert(value) for value in values]
        return _array(values, field.type)

    return build


def _reader(column: str, layout: Layout) -> _Convert:
    members = layout.members.get(column)
    if members is None:
        return lambda document: document.get(column)
    if len(members) == 1:
        [member] = members
        return lambda document: document.get(member)
    return lambda document: {name: document[name] for name in members if name in document} or None


def _from_json(arrow_type: pa.DataType) -> _Convert | None:
    """Return the function from a JSON value that is not null to what Arrow takes for the type, or None where they
    are the same.
    """
    if is_json(arrow_type):
        return json_text
    if pa.types.is_float64(arrow_type):
        return float
    if pa.types.is_list(arrow_type):
        item = _from_json(arrow_type.value_type)
        return None if item is None else lambda values: [None if value is None else item(value) for value in values]
    if pa.types.is_struct(arrow_type):
        inner = [(field.name, _from_json(field.type)) for field in arrow_type]
        if all(convert is None for _, convert in inner):
            return None
        return lambda value: {name: _converted(value.get(name), convert) for name, convert in inner}
    return None


def _converted(value: Any, convert: _Convert | None) -> Any:
    return value if value is None or convert is None else convert(value)


def _array(values: list[Any], arrow_type: pa.DataType) -> pa.Array:
    plain = _without_json(arrow_type)
    array = pa.array(values, plain)
    if plain == arrow_type:
        return array
    return pa.ExtensionArray.from_storage(JSON, array) if is_json(arrow_type) else array.cast(arrow_type)


def _without_json(arrow_type: pa.DataType) -> pa.DataType:
    if is_json(arrow_type):
        return pa.string()
    if pa.types.is_list(arrow_type):
        return pa.list_(_plain_field(arrow_type.value_field))
    if pa.types.is_fixed_size_list(arrow_type):
        return pa.list_(_plain_field(arrow_type.value_field), arrow_type.list_size)
    if pa.types.is_struct(arrow_type):
        return pa.struct([_plain_field(field) for field in arrow_type])
    if pa.types.is_map(arrow_type):
        return pa.map_(_plain_field(arrow_type.key_field), _plain_field(arrow_type.item_field))
    return arrow_type


def _plain_field(field: pa.Field) -> pa.Field:
    return field.with_type(_without_json(field.type))


def _stored_values(column: pa.Array, field: pa.Field) -> list[Any]:
    encode = encoder(field.type)
    wanted = python_type(field.type)
    try:
        values = (column if wanted == field.type else column.cast(wanted)).to_pylist()
        return values if encode is None else [None if value is None else encode(value) for value in values]
    except (pa.ArrowInvalid, ValueError, OverflowError) as exc:
        raise invalid(
            f"column {field.name!r} of type {field.type} holds a value that a document cannot keep",
            hint="documents keep times to the microsecond, in the years 1 to 9999",
        ) from exc

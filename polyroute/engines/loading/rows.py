"""Rows and documents as people hand them to a write, brought to the form that engines take.

Rows become an Arrow table in the dataset's schema, documents a list of JSON objects of their own; whatever does not fit
is refused by name before an engine sees anything.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa

from polyroute.errors import invalid, unknown_name
from polyroute.sql.filters.coerce import coerce
from polyroute.sql.types import conform, is_json, logical_schema
from polyroute.values import array_from_values

_MAX_DEPTH = 100


def table_from(rows: object, schema: pa.Schema) -> pa.Table:
    """Return rows as an Arrow table in a logical schema.

    `rows` is one dict, a list of dicts, an Arrow table or batch, a DataFrame, or anything with `__arrow_c_stream__`. A
    column left out is NULL. Raises QUERY_INVALID naming the column for one that is unknown or a value that does not
    fit.
    """
    if isinstance(rows, Mapping):
        rows = [rows]
    if isinstance(rows, (list, tuple)):
        return _from_dicts(rows, schema)
    table = arrow_table(rows)
    if table is None:
        raise invalid(
            f"rows cannot be read from a {type(rows).__name__}",
            hint="give a dict, a list of dicts, an Arrow table or a DataFrame",
        )
    return conform(_logical(table), schema)


def arrow_table(source: object) -> pa.Table | None:
    """Return tabular data of any library as an Arrow table, or None when it is none.

    In pandas NaN means missing, so it becomes NULL.
    """
    if isinstance(source, pa.Table):
        return source
    if isinstance(source, pa.RecordBatch):
        return pa.Table.from_batches([source])
    if isinstance(source, pa.RecordBatchReader):
        return source.read_all()
    if type(source).__module__.partition(".")[0] == "pandas":
        return pa.Table.from_pandas(source, preserve_index=False)
    if hasattr(source, "__arrow_c_stream__"):
        return pa.table(source)
    return None


def _logical(table: pa.Table) -> pa.Table:
    return conform(table, logical_schema(table.schema))


def _from_dicts(rows: Sequence[object], schema: pa.Schema) -> pa.Table:
    names = set(schema.names)
    for row in rows:
        if not isinstance(row, Mapping):
            raise invalid(f"a row is a dict, not {type(row).__name__}", hint="give a list of dicts, or an Arrow table")
        for name in row:
            if name not in names:
                raise unknown_name("column", str(name), schema.names)
    columns = [_column([row.get(f.name) for row in rows], f) for f in schema]  # type: ignore[attr-defined]
    return pa.table(columns, schema=schema) if columns else pa.table({})


def _column(values: list[object], field: pa.Field) -> pa.Array:
    what = f"a value of column {field.name!r}"
    if is_json(field.type):
        values = [_json_text(v, field.name) for v in values]
    elif pa.types.is_nested(field.type):
        for value in values:
            _check_fields(value, field.type, field.name)
    elif not pa.types.is_string(field.type):
        values = [coerce(v, field.type, what) if isinstance(v, str) else v for v in values]
    try:
        return array_from_values(values, field.type)
    except (
        pa.ArrowInvalid,
        pa.ArrowTypeError,
        pa.ArrowNotImplementedError,
        OverflowError,
        ValueError,
        TypeError,
    ) as exc:
        raise invalid(f"{what} does not fit its type {field.type}", hint="convert it before writing") from exc


def _json_text(value: object, name: str) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        return json.dumps(_document_value(value, name, 0), ensure_ascii=False)
    try:
        json.loads(value)
    except json.JSONDecodeError as exc:
        raise invalid(
            f"a value of column {name!r} is not JSON text", hint="give JSON, such as '\"a string\"' or a dict"
        ) from exc
    return value


def _check_fields(value: object, arrow_type: pa.DataType, path: str) -> None:
    """Refuse a dict key that the struct does not know: Arrow would drop it without a word."""
    if value is None:
        return
    if pa.types.is_struct(arrow_type) and isinstance(value, Mapping):
        fields = {f.name: f.type for f in arrow_type}
        for name, inner in value.items():
            if name not in fields:
                raise unknown_name(f"field of {path!r}", str(name), fields)
            _check_fields(inner, fields[name], f"{path}.{name}")
    elif pa.types.is_list(arrow_type) and pa.types.is_nested(arrow_type.value_type) and isinstance(value, Sequence):
        for inner in value:
            _check_fields(inner, arrow_type.value_type, path)


def documents_from(documents: object) -> list[dict[str, object]]:
    """Return one document or many as new JSON objects, sharing nothing with what was given.

    Raises QUERY_INVALID with the path of a value that JSON cannot hold: dates, bytes, NaN, keys that are no text.

    >>> documents_from({"_id": "a", "tags": ("x", "y")})
    [{'_id': 'a', 'tags': ['x', 'y']}]
    """
    if isinstance(documents, Mapping):
        documents = [documents]
    if isinstance(documents, (str, bytes)) or not isinstance(documents, Iterable):
        raise invalid(
            f"documents cannot be read from a {type(documents).__name__}", hint="give a dict or a list of dicts"
        )
    made = []
    for number, document in enumerate(documents):
        if not isinstance(document, Mapping):
            raise invalid(
                f"document {number} is a {type(document).__name__}, not an object",
                hint="give a dict or a list of dicts",
            )
        made.append(_document_object(document, f"document {number}", 0))
    return made


def _document_object(value: Mapping[Any, object], path: str, depth: int) -> dict[str, object]:
    made: dict[str, object] = {}
    for name, inner in value.items():
        if not isinstance(name, str):
            raise invalid(f"{path} has a key of type {type(name).__name__}", hint="keys of JSON objects are text")
        made[name] = _document_value(inner, f"{path}, {name}", depth + 1)
    return made


def _document_value(value: object, path: str, depth: int) -> object:
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        if math.isfinite(value):
            return value
        raise invalid(f"{path} is not a finite number, which JSON cannot hold", hint="use null instead")
    if depth > _MAX_DEPTH:
        raise invalid(f"the document is nested more than {_MAX_DEPTH} levels deep", hint="flatten it")
    if isinstance(value, Mapping):
        return _document_object(value, path, depth)
    if isinstance(value, (list, tuple)):
        return [_document_value(v, path, depth + 1) for v in value]
    raise invalid(f"{path} is a {type(value).__name__}, which JSON cannot hold", hint="convert it to text or a number")

"""Logical types: the one Arrow schema that a dataset has in every engine.

Arrow knows several physical forms of the same values (large strings, views, dictionaries, run ends). The logical type
is the plain one; an engine decodes to it whatever it stores. `JSON` marks text that holds one JSON value of any shape:
fields of mixed type, or too large integers.
"""

from __future__ import annotations

import base64
from functools import lru_cache

import pyarrow as pa

from polyroute.errors import invalid

JSON: pa.DataType = pa.json_(pa.string())


def is_json(arrow_type: pa.DataType) -> bool:
    """Tell whether a type is the JSON logical type.

    >>> is_json(JSON), is_json(pa.string())
    (True, False)
    """
    return isinstance(arrow_type, pa.JsonType)


def logical_type(arrow_type: pa.DataType) -> pa.DataType:
    """Return the plain type with the same values.

    >>> logical_type(pa.dictionary(pa.int8(), pa.large_string()))
    DataType(string)
    """
    t = pa.types
    if is_json(arrow_type):
        return JSON
    if isinstance(arrow_type, pa.BaseExtensionType):
        return logical_type(arrow_type.storage_type)
    if t.is_dictionary(arrow_type) or t.is_run_end_encoded(arrow_type):
        return logical_type(arrow_type.value_type)
    if t.is_large_string(arrow_type) or t.is_string_view(arrow_type):
        return pa.string()
    if t.is_large_binary(arrow_type) or t.is_binary_view(arrow_type):
        return pa.binary()
    if t.is_date64(arrow_type):
        return pa.date32()
    if t.is_decimal32(arrow_type) or t.is_decimal64(arrow_type):
        return pa.decimal128(arrow_type.precision, arrow_type.scale)
    if t.is_fixed_size_list(arrow_type):
        return pa.list_(_logical_item(arrow_type.value_field), arrow_type.list_size)
    if (
        t.is_list(arrow_type)
        or t.is_large_list(arrow_type)
        or t.is_list_view(arrow_type)
        or t.is_large_list_view(arrow_type)
    ):
        return pa.list_(_logical_item(arrow_type.value_field))
    if t.is_struct(arrow_type):
        return pa.struct([pa.field(f.name, logical_type(f.type)) for f in arrow_type])
    if t.is_map(arrow_type):
        return pa.map_(logical_type(arrow_type.key_type), logical_type(arrow_type.item_type))
    return arrow_type


def _logical_item(field: pa.Field) -> pa.Field:
    return pa.field("item", logical_type(field.type))


def logical_schema(schema: pa.Schema) -> pa.Schema:
    """Return the schema in logical types, every column nullable, without metadata.

    Raises QUERY_INVALID when two columns have one name, or names that differ only in case: SQL could not tell them
    apart.
    """
    names: dict[str, str] = {}
    for name in schema.names:
        other = names.setdefault(name.lower(), name)
        if other is not name or schema.names.count(name) > 1:
            raise invalid(
                f"columns {other!r} and {name!r} have the same name in SQL", hint="rename one of them before loading"
            )
    return pa.schema([pa.field(f.name, logical_type(f.type)) for f in schema])


def conform(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Return the table with exactly the columns and types of a logical schema.

    Columns are found by name; one that the table lacks is NULL. Raises QUERY_INVALID, naming the column, for one that
    the schema does not know or whose values do not fit its type without loss.
    """
    if table.schema == schema:
        return table
    extra = [n for n in table.column_names if n not in schema.names]
    if extra:
        raise invalid(f"the dataset has no column {extra[0]!r}", hint=f"its columns are {', '.join(schema.names)}")
    held = set(table.column_names)
    columns = [conform_column(table[f.name], f) if f.name in held else pa.nulls(table.num_rows, f.type) for f in schema]
    return pa.table(columns, schema=schema) if columns else table.select([])


def conform_column(column: pa.ChunkedArray | pa.Array, field: pa.Field) -> pa.ChunkedArray | pa.Array:
    """Return one column in a logical type, or raise QUERY_INVALID naming it when a value would be lost."""
    if column.type == field.type:
        return column
    try:
        return cast_exact(column, field.type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError, OverflowError) as exc:
        raise invalid(
            f"column {field.name!r} does not fit its type {field.type} (given {column.type})",
            hint="convert the column before loading, or load into a new dataset",
        ) from exc


def cast_exact(column: pa.ChunkedArray | pa.Array, wanted: pa.DataType) -> pa.ChunkedArray | pa.Array:
    """Cast without loss; the JSON type is reached through its text, and a float column only gives integers that are
    whole.

    Raises pyarrow's own errors when a value does not fit.
    """
    if column.type == wanted:
        return column
    if isinstance(column, pa.ChunkedArray):
        return pa.chunked_array([cast_exact(c, wanted) for c in column.chunks], wanted)
    if isinstance(column.type, pa.BaseExtensionType):
        return cast_exact(column.storage, wanted)
    if pa.types.is_dictionary(column.type):
        return cast_exact(column.dictionary_decode(), wanted)
    if is_json(wanted):
        return pa.ExtensionArray.from_storage(wanted, column.cast(pa.string()))
    if pa.types.is_struct(wanted) and pa.types.is_struct(column.type):
        return _cast_struct(column, wanted)
    return column.cast(wanted)


def _cast_struct(column: pa.StructArray, wanted: pa.StructType) -> pa.StructArray:
    held = {column.type.field(i).name: i for i in range(column.type.num_fields)}
    unknown = set(held) - {f.name for f in wanted}
    if unknown:
        raise pa.ArrowTypeError(f"unknown field {min(unknown)}")
    # flatten() carries the parent's NULLs into the children, which a slice of the struct needs
    flat = column.flatten()
    children = [
        cast_exact(flat[held[f.name]], f.type) if f.name in held else pa.nulls(len(column), f.type) for f in wanted
    ]
    return pa.StructArray.from_arrays(children, fields=list(wanted), mask=column.is_null())


def pack_schema(schema: pa.Schema) -> str:
    """Return a schema as text that an engine can keep beside its data."""
    return base64.b64encode(schema.serialize().to_pybytes()).decode("ascii")


@lru_cache(maxsize=1024)
def unpack_schema(text: str) -> pa.Schema:
    """Read back a schema written by `pack_schema`.

    >>> schema = pa.schema([("a", pa.decimal128(10, 2)), ("j", JSON)])
    >>> unpack_schema(pack_schema(schema)) == schema
    True
    """
    return pa.ipc.read_schema(pa.py_buffer(base64.b64decode(text)))

"""Bring a new document to the columns that a loaded table declared.

A column loaded from a table keeps its type: a date stays a date although the document says it as text. So a
document that comes later is read by the declared types, its dates and numbers written in the one form that is read
back, and refused where it does not fit; fields that no table declared are free.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pyarrow as pa

from polyroute.engines.document.definition import Definition, Document, json_text
from polyroute.errors import PolyrouteError, invalid
from polyroute.sql.codec import decoder, encoder
from polyroute.sql.filters.coerce import coerce
from polyroute.sql.types import is_json

_MISFITS = (pa.ArrowException, TypeError, ValueError, OverflowError, ArithmeticError, LookupError, AttributeError)


def fitted(document: Document, definition: Definition) -> Document:
    """Return the document with its declared fields in their stored form.

    Raises QUERY_INVALID, naming the field, where a value does not fit its column or a name differs from a column's
    only in case.
    """
    if definition.declared is None:
        return document
    spellings = {name.lower(): name for name in definition.declared.names}
    made = dict(document)
    for name, value in document.items():
        column = spellings.get(name.lower())
        if column is None:
            continue
        if column != name:
            raise invalid(f"the field {name!r} is the column {column!r} in other letters", hint=f"write it {column!r}")
        wanted = definition.declared.field(column).type
        try:
            made[name] = _stored(value, wanted)
        except (*_MISFITS, PolyrouteError) as exc:
            raise invalid(
                f"the field {column!r} of a document does not fit its type {wanted}",
                hint="write dates and times as ISO text, or load the documents anew with mode='replace'",
            ) from exc
    return made


def _stored(value: Any, wanted: pa.DataType) -> Any:
    """Return the JSON form of a value under a type, or raise one of the misfits."""
    types = pa.types
    if value is None:
        return None
    if is_json(wanted):
        return _json_column(value)
    if types.is_struct(wanted):
        return _struct(value, wanted)
    if types.is_list(wanted) or types.is_fixed_size_list(wanted):
        if not isinstance(value, list) or (types.is_fixed_size_list(wanted) and len(value) != wanted.list_size):
            raise TypeError("not such a list")
        return [_stored(item, wanted.value_type) for item in value]
    if isinstance(value, bool) != bool(types.is_boolean(wanted)):
        raise TypeError("a truth value where there is none, or none where there is one")
    if isinstance(value, str) and types.is_temporal(wanted):
        return _temporal(value, wanted)
    if types.is_decimal(wanted) and isinstance(value, int | float):
        value = str(value)
    return _through(value, wanted)


def _json_column(value: Any) -> str:
    if not isinstance(value, str):
        return json_text(value)
    json.loads(value)
    return value


def _struct(value: Any, wanted: pa.StructType) -> Document:
    if not isinstance(value, dict):
        raise TypeError("not an object")
    fields = {field.name: field.type for field in wanted}
    return {name: _stored(inner, fields[name]) for name, inner in value.items()}


def _temporal(text: str, wanted: pa.DataType) -> Any:
    """Return the stored spelling of a time that is spelt in one of the ways that filters read."""
    typed = coerce(text, wanted, "a time")
    encode = encoder(wanted)
    return _through(text if encode is None or isinstance(typed, str) else encode(typed), wanted)


def _through(value: Any, wanted: pa.DataType) -> Any:
    """Send a value the whole way, to Arrow and back: it fits when it is the same afterwards."""
    decode, encode = decoder(wanted), encoder(wanted)
    logical = value if decode is None else decode(value)
    [back] = pa.array([logical], wanted).to_pylist()
    if pa.types.is_floating(wanted):
        return value
    same = (
        back == logical
        if isinstance(logical, int | float | Decimal)
        else (back if encode is None else encode(back)) == value
    )
    if not same:
        raise ValueError("not the same any more")
    return value

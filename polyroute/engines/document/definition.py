"""What is known of a collection beside its documents: its key, roles, and the types that a loaded table gave to its
columns.

The definition is kept with the data and survives a restart. The key of a document is one field of it, text or a
number, by which it is found, unique in its collection; a collection that was loaded without one has no key.
"""

from __future__ import annotations

import json
import math
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import pyarrow as pa

from polyroute.errors import DatabaseErrorCode, PolyrouteError, invalid, make_error
from polyroute.sql.types import pack_schema, unpack_schema

Document = dict[str, Any]
Key = str | int | float

DEFAULT_KEY = "_id"
_LARGEST = 2**63


@dataclass(frozen=True, slots=True)
class Definition:
    """The name of a collection, its key field (None: it has none), its roles, and the columns whose types a table
    declared.
    """

    name: str
    key_field: str | None = DEFAULT_KEY
    roles: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    declared: pa.Schema | None = None

    def pack(self) -> Document:
        """Return the definition as a JSON object."""
        declared = None if self.declared is None else pack_schema(self.declared)
        return {"collection": self.name, "key": self.key_field, "roles": dict(self.roles), "declared": declared}

    @classmethod
    def unpack(cls, packed: Mapping[str, Any]) -> Definition:
        """Read back a definition written by `pack`."""
        declared = packed["declared"]
        schema = None if declared is None else unpack_schema(declared)
        return cls(packed["collection"], packed["key"], MappingProxyType(dict(packed["roles"])), schema)


@dataclass(frozen=True, slots=True)
class Written:
    """What a write did, remembered under its idempotency key so that a repetition changes nothing."""

    affected: int
    keys: list[Key] | None = None


REMEMBERED_WRITES = 1000


def checked_key(value: object, key_field: str) -> Key:
    """Return a value that can be a key; QUERY_INVALID for null, booleans, arrays, objects and numbers beyond 64
    bits.
    """
    if isinstance(value, str) and _is_text(value):
        return value
    if isinstance(value, int) and not isinstance(value, bool) and -_LARGEST <= value < _LARGEST:
        return value
    if isinstance(value, float) and math.isfinite(value):
        return int(value) if value.is_integer() and abs(value) < _LARGEST else value
    raise invalid(
        f"a document has no usable key in {key_field!r}",
        hint="a key is a text or a number of at most 64 bits, in every document",
    )


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def with_key(document: Document, definition: Definition) -> tuple[Key | None, Document]:
    """Return a document and its key, made up where the collection's key is `_id` and the document has none.

    Raises QUERY_INVALID where a document lacks any other key.
    """
    key_field = definition.key_field
    if key_field is None:
        return None, document
    if key_field not in document and key_field == DEFAULT_KEY:
        made = uuid.uuid4().hex
        return made, {DEFAULT_KEY: made, **document}
    return checked_key(document.get(key_field), key_field), document


def duplicate_key(definition: Definition) -> PolyrouteError:
    """Return the error for a key that is held already, or given twice."""
    return make_error(
        DatabaseErrorCode.CONSISTENCY_VIOLATION,
        f"two documents of {definition.name!r} have the same key in {definition.key_field!r}",
        hint="give every document a key of its own, or load with mode='upsert'",
    )


def json_body(document: Document, definition: Definition) -> str:
    """Return a document as compact JSON text; QUERY_INVALID for what JSON text cannot hold."""
    try:
        text = json_text(document)
        text.encode()
    except (TypeError, ValueError, RecursionError) as exc:
        raise invalid(
            f"a document for {definition.name!r} cannot be written as JSON",
            hint="it may hold text, finite numbers, true, false, null, arrays, objects with text keys",
        ) from exc
    return text


def json_text(value: object) -> str:
    """Return a value as JSON text in the one form that documents and JSON columns have here: compact, in plain
    Unicode.
    """
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))

"""Which columns may be bound to which, and their values.

Keys travel only between types whose values are equal in every engine as they are in DuckDB.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from polyroute.sql.types import is_json


def key_class(arrow_type: pa.DataType) -> str | None:
    """Return the class of types whose values are equal in every engine as they are in DuckDB."""
    if is_json(arrow_type):
        return None
    if pa.types.is_integer(arrow_type):
        return "integer"
    if pa.types.is_string(arrow_type) or pa.types.is_large_string(arrow_type):
        return "text"
    return "date" if pa.types.is_date32(arrow_type) else None


def field_type(arrow_type: pa.DataType, fields: Sequence[str]) -> pa.DataType | None:
    """Return the type of a field in a column, or None where there is no such field."""
    for name in fields:
        position = _position(arrow_type, name)
        if position is None:
            return None
        arrow_type = arrow_type.field(position).type
    return arrow_type


def distinct_values(column: pa.ChunkedArray, fields: Sequence[str]) -> pa.Array | None:
    """Return the different values of a column, or of a field in it, without NULL; None where there is no such field."""
    for name in fields:
        position = _position(column.type, name)
        if position is None:
            return None
        column = pc.struct_field(column, position)
    return pc.unique(column).drop_null()


def _position(arrow_type: pa.DataType, name: str) -> int | None:
    if not pa.types.is_struct(arrow_type):
        return None
    folded = [arrow_type.field(i).name.lower() for i in range(arrow_type.num_fields)]
    return folded.index(name.lower()) if folded.count(name.lower()) == 1 else None

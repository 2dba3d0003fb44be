"""Which columns may be bound to which: keys travel only between types that are equal in every engine as in DuckDB."""

from __future__ import annotations

import pyarrow as pa

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

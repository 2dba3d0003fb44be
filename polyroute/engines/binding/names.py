"""Names and filters of an operation: columns as stored, whatever case they were written in; the filter parsed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa

from polyroute.arguments import names_from
from polyroute.engines.contract import Dataset
from polyroute.errors import invalid, unknown_name
from polyroute.sql.filters import Filter, parse_filter


def bind_filter(where: str | Filter | None, params: Mapping[str, object] | None, schema: pa.Schema) -> Filter | None:
    """Return the parsed filter of an operation, or None."""
    if where is None or isinstance(where, Filter):
        return where
    if not isinstance(where, str):
        raise invalid(
            f"a filter is a text, not {type(where).__name__}", hint="write where=\"country = $c\", params={'c': 'FR'}"
        )
    return parse_filter(where, schema, params)


def bind_columns(columns: Iterable[str] | str | None, schema: pa.Schema, dataset: str) -> tuple[str, ...] | None:
    """Return column names as stored, whatever case they were written in."""
    wanted = names_from("columns", columns)
    return None if wanted is None else tuple(bind_column(name, schema, dataset) for name in wanted)


def bind_column(name: object, schema: pa.Schema, dataset: str) -> str:
    """Return one column name as stored; QUERY_INVALID, naming the nearest, when there is none."""
    if isinstance(name, str):
        if name in schema.names:
            return name
        for held in schema.names:
            if held.lower() == name.lower():
                return str(held)
    raise unknown_name(f"column of {dataset!r}", str(name), schema.names)


def where_of(dataset: Dataset, op: Any) -> Filter | None:
    """Return the parsed filter of an operation over its dataset's own columns."""
    return bind_filter(op.where, op.params, dataset.schema)

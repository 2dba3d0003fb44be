"""Values of an operation in the types of their columns: keys, query vectors, bounds of time."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import cast

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from polyroute.engines.contract import Dataset
from polyroute.errors import invalid
from polyroute.sql.filters.coerce import coerce


def bind_key(value: object, field: pa.Field) -> object:
    """Return a key value in its column's type; QUERY_INVALID when it cannot be one."""
    t = pa.types
    if type(value) is str and t.is_string(field.type):
        return value
    if type(value) is int and t.is_integer(field.type):
        return value
    typed = coerce(value, field.type, f"the key {field.name!r}")
    if typed is None:
        raise invalid(f"the key {field.name!r} is NULL, which no row has", hint="give a value")
    if t.is_floating(field.type) and isinstance(typed, (int, float)) and not isinstance(typed, bool):
        return float(typed)
    if t.is_decimal(field.type) and isinstance(typed, int):
        return Decimal(typed)
    fits = _python_type(field.type)
    if fits is not None and (not isinstance(typed, fits) or isinstance(typed, bool) != t.is_boolean(field.type)):
        raise invalid(
            f"the key {field.name!r} is of type {field.type}, not {type(value).__name__}", hint=f"give a {field.type}"
        )
    return typed


def _python_type(arrow_type: pa.DataType) -> type | None:
    t = pa.types
    if t.is_boolean(arrow_type):
        return bool
    if t.is_integer(arrow_type):
        return int
    if t.is_string(arrow_type):
        return str
    if t.is_timestamp(arrow_type):
        return dt.datetime
    if t.is_date(arrow_type):
        return dt.date
    if t.is_decimal(arrow_type):
        return Decimal
    return None


def bind_keys(values: object, dataset: Dataset) -> list[tuple[object, ...]]:
    """Return one key or many as tuples in key-column order."""
    many = values if isinstance(values, list) else as_list(values) if is_collection(values) else [values]
    return [bind_key_tuple(v, dataset) for v in many]


def bind_key_tuple(value: object, dataset: Dataset) -> tuple[object, ...]:
    """Return a key as a tuple of typed values, one per key column."""
    if type(value) is dataset.plain_key:
        return (value,)
    if not dataset.key:
        raise invalid(
            f"dataset {dataset.name!r} has no key", hint="load it with key='column', or use a filter (where=...)"
        )
    parts = value if isinstance(value, tuple) else (value,)
    if isinstance(value, Mapping):
        parts = tuple(value.get(k) for k in dataset.key)
    if len(parts) != len(dataset.key):
        raise invalid(
            f"the key of {dataset.name!r} has {len(dataset.key)} columns, {len(parts)} values were given",
            hint=f"give ({', '.join(dataset.key)})",
        )
    schema = dataset.schema
    return tuple([bind_key(v, schema.field(k)) for v, k in zip(parts, dataset.key, strict=True)])


def bind_vector(value: object, dataset: Dataset) -> NDArray[np.float32]:
    """Return a query vector as float32; QUERY_INVALID when it is no vector, not finite, or of the wrong dimension."""
    column = dataset.role("vector")
    size = dataset.schema.field(column).type.list_size
    try:
        vector = np.asarray(value.as_py() if isinstance(value, pa.Scalar) else value, dtype=np.float32)
    except (TypeError, ValueError) as exc:
        raise invalid(
            "the query vector is not a list of numbers", hint=f"give {size} numbers, none of them None"
        ) from exc
    if vector.shape != (size,):
        shown = " x ".join(str(n) for n in vector.shape) or "a single number"
        raise invalid(
            f"the query vector has dimension {shown}, column {column!r} of {dataset.name!r} has {size}",
            hint=f"give {size} numbers",
        )
    if not np.isfinite(vector).all():
        raise invalid("the query vector holds NaN, None or infinity", hint="replace them, or leave the query out")
    return vector


def bind_time(value: object, dataset: Dataset) -> object:
    """Return a bound of time in the type of the dataset's time column."""
    column = dataset.role("time")
    wanted = dataset.schema.field(column).type
    typed = coerce(value, wanted, f"the time for {column!r}")
    if typed is None:
        return None
    if pa.types.is_timestamp(wanted):
        return _as_timestamp(typed, wanted, column)
    if pa.types.is_date(wanted) and isinstance(typed, dt.datetime):
        if typed.time() != dt.time():
            raise invalid(f"column {column!r} holds dates, a time of day was given", hint="give a date")
        return typed.date()
    if (pa.types.is_date(wanted) and not isinstance(typed, dt.date)) or (
        pa.types.is_integer(wanted) and not isinstance(typed, int)
    ):
        raise invalid(f"column {column!r} is of type {wanted}, not {type(value).__name__}", hint=f"give a {wanted}")
    return typed


def _as_timestamp(typed: object, wanted: pa.TimestampType, column: str) -> dt.datetime:
    if isinstance(typed, dt.date) and not isinstance(typed, dt.datetime):
        typed = dt.datetime.combine(typed, dt.time())
    if not isinstance(typed, dt.datetime):
        raise invalid(
            f"column {column!r} holds timestamps, not {type(typed).__name__}",
            hint="give a datetime, or text such as '2013-01-31 12:00'",
        )
    if wanted.tz is None:
        return typed.astimezone(dt.UTC).replace(tzinfo=None) if typed.tzinfo else typed
    return typed if typed.tzinfo else typed.replace(tzinfo=dt.UTC)


def is_collection(value: object) -> bool:
    """Tell whether a value is a collection other than a list or a tuple."""
    return isinstance(value, (set, frozenset, np.ndarray, pa.Array, pa.ChunkedArray, range))


def as_list(value: object) -> list[object]:
    """Return one value or many as a list."""
    if isinstance(value, (pa.Array, pa.ChunkedArray)):
        return list(value.to_pylist())
    if isinstance(value, (list, tuple)) or is_collection(value):
        return list(cast("Iterable[object]", value))
    return [value]

"""Compute what a change writes: the values of an INSERT, the new values of an UPDATE, with DuckDB's meaning.

Plain literals and parameters are taken as they are; anything else is computed by the in-process DuckDB, which
also makes the cast that an assignment implies.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import duckdb
import numpy as np
import pyarrow as pa
from sqlglot import exp

from polyroute.engines.resources.scratch import query_arrow
from polyroute.errors import DatabaseErrorClassifier, PolyrouteError, invalid
from polyroute.sql.dialect import render
from polyroute.sql.filters.casts import duckdb_type
from polyroute.sql.filters.coerce import coerce, normalise
from polyroute.sql.filters.literals import NO_LITERAL, literal
from polyroute.sql.filters.reference import resolve
from polyroute.sql.types import conform_column, is_json
from polyroute.values import array_from_values

if TYPE_CHECKING:
    from polyroute.engines.call import Call

_CLASSIFIER = DatabaseErrorClassifier()
_PYTHON = (
    (pa.types.is_boolean, bool),
    (pa.types.is_string, str),
    (is_json, str),
    (pa.types.is_float64, float),
    (pa.types.is_date32, dt.date),
    (pa.types.is_time, dt.time),
    (pa.types.is_duration, dt.timedelta),
    (pa.types.is_binary, bytes),
)
_FINEST = {"s": 1_000_000, "ms": 1_000, "us": 1, "ns": 1}


def compute_rows(
    fields: Sequence[pa.Field], rows: Sequence[Sequence[exp.Expr]], params: Mapping[str, object], call: Call
) -> pa.Table:
    """Return the rows of an INSERT as a table with the given columns.

    Raises QUERY_INVALID, naming the column, for a value that does not become its type.
    """
    schema = pa.schema(fields)
    plain = [_plain_values([row[i] for row in rows], field, params) for i, field in enumerate(fields)]
    if all(values is not None for values in plain):
        arrays = [array_from_values(values or [], f.type) for values, f in zip(plain, fields, strict=True)]
        return pa.table(arrays, schema=schema)
    selects = [f"SELECT {', '.join(_cast(v, f) for v, f in zip(row, fields, strict=True))}" for row in rows]
    return _conformed(_run(" UNION ALL ".join(selects), rows, {}, params, call), schema)


def compute_columns(
    table: pa.Table, fields: Sequence[pa.Field], values: Sequence[exp.Expr], params: Mapping[str, object], call: Call
) -> pa.Table:
    """Return new columns computed from the rows of a table, one expression per column, in the order of the rows."""
    resolved = [resolve(value, table.schema) for value in values]
    items = ", ".join(_cast(v, f) for v, f in zip(resolved, fields, strict=True))
    numbered = table.append_column("__row", pa.array(np.arange(table.num_rows, dtype=np.int64)))
    sql = f'SELECT {items} FROM __rows ORDER BY "__row"'
    return _conformed(_run(sql, [resolved], {"__rows": numbered}, params, call), pa.schema(fields))


def is_constant(value: exp.Expr) -> bool:
    """Tell whether an expression reads no column."""
    return value.find(exp.Column) is None


def _plain_values(values: Sequence[exp.Expr], field: pa.Field, params: Mapping[str, object]) -> list[object] | None:
    """Return literals and parameters that are of a column's type as they stand, or None when one is not."""
    found = []
    for value in values:
        if isinstance(value, exp.Placeholder):
            known = _parameter(value, params)
            if pa.types.is_nested(field.type):
                found.append(known)
                continue
            known = normalise(known, f"${value.name}")
        elif (known := literal(value)) is NO_LITERAL:
            return None
        typed = coerce(known, field.type, f"the value for {field.name!r}")
        if typed is not None and not _is_of_type(typed, field.type):
            return None
        found.append(typed)
    return found


def _is_of_type(value: object, arrow_type: pa.DataType) -> bool:
    if pa.types.is_integer(arrow_type):
        low = 0 if pa.types.is_unsigned_integer(arrow_type) else -(2 ** (arrow_type.bit_width - 1))
        return type(value) is int and low <= value < low + 2**arrow_type.bit_width
    if pa.types.is_float32(arrow_type):
        return type(value) is float and (not math.isfinite(value) or float(np.float32(value)) == value)
    if pa.types.is_timestamp(arrow_type):
        if not isinstance(value, dt.datetime) or value.microsecond % _FINEST[arrow_type.unit]:
            return False
        return (value.tzinfo is None) == (arrow_type.tz is None)
    if pa.types.is_time(arrow_type):
        return type(value) is dt.time and value.microsecond % _FINEST[arrow_type.unit] == 0
    return any(test(arrow_type) and type(value) is kind for test, kind in _PYTHON)


def _parameter(node: exp.Placeholder, params: Mapping[str, object]) -> object:
    if node.name not in params:
        raise invalid(
            f"the statement uses ${node.name} but it was not given", hint=f"give params={{{node.name!r}: ...}}"
        )
    return params[node.name]


def _cast(value: exp.Expr, field: pa.Field) -> str:
    name = duckdb_type(field.type)
    return render(value) if name is None else f"CAST({render(value)} AS {name})"


def _run(
    sql: str,
    rows: Sequence[Sequence[exp.Expr]],
    tables: Mapping[str, pa.Table],
    params: Mapping[str, object],
    call: Call,
) -> pa.Table:
    used = {node.name: _parameter(node, params) for row in rows for v in row for node in v.find_all(exp.Placeholder)}
    try:
        return query_arrow(sql, tables, used, call)
    except duckdb.Error as exc:
        if call.cancelled or call.expired:
            raise call.stopped() from exc
        raise _told(exc) from exc


def _told(exc: duckdb.Error) -> PolyrouteError:
    return _CLASSIFIER.translate(exc, engine="duckdb")


def _conformed(table: pa.Table, schema: pa.Schema) -> pa.Table:
    arrays = [conform_column(table.column(i), field) for i, field in enumerate(schema)]
    return pa.table([_plain(a) for a in arrays], schema=schema)


def _plain(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column

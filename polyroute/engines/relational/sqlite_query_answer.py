"""The answer to a SELECT that SQLite ran: DuckDB's names and types, read off DuckDB itself, and the rows in them.

DuckDB binds the statement over empty tables of the same schemas, which costs a millisecond once. What it says of every
column is compared with what was inferred while the statement was written; where the two disagree, nothing is run.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import duckdb
import pyarrow as pa

from polyroute.engines.call import Call
from polyroute.engines.contract import Answer, Dataset
from polyroute.engines.relational.sqlite_decoding import DecodeRow, batch_of, fits_tuples, row_decoder, rows_at_once
from polyroute.engines.relational.sqlite_form import Form
from polyroute.engines.relational.sqlite_forms import form_of
from polyroute.engines.relational.sqlite_query_decimals import units_form
from polyroute.engines.relational.sqlite_query_values import Value
from polyroute.engines.relational.sqlite_tables import KIND, Column, Table
from polyroute.engines.resources.duckdb.answers import read
from polyroute.engines.resources.scratch import scratch
from polyroute.result import Rows
from polyroute.sql.filters import Unsupported
from polyroute.sql.types import is_json
from polyroute.values import unique_names

_FEW_ROWS = 64


def answer_schema(
    sql: str, tables: Sequence[Table], params: Mapping[str, object], values: Sequence[Value]
) -> pa.Schema:
    """Return the names and logical types that DuckDB gives to the columns of a statement.

    Raises `Unsupported` where DuckDB does not take the statement, or sees another type in a column than was inferred.
    """
    empty = {table.name: table.dataset.schema.empty_table() for table in tables}
    try:
        with scratch(empty) as cursor:
            found = read(cursor, sql, {name: _shortened(value) for name, value in params.items()})
            schema, sums = found.schema, found.sums
    except duckdb.Error as exc:
        raise Unsupported("DuckDB does not take this statement as it stands") from exc
    if len(schema) != len(values):
        raise Unsupported("a number of columns that was not foreseen")
    fields = []
    for position, (field, value) in enumerate(zip(schema, values, strict=True)):
        if not _agree(value, field.type, is_sum=position in sums):
            raise Unsupported(f"column {field.name!r}, whose type {field.type} was not foreseen")
        # a sum that does not fit 64 bits is an error in SQLite, and answered elsewhere
        fields.append(field.with_type(pa.int64()) if position in sums else field)
    return pa.schema(fields)


def _shortened(value: object) -> object:
    """Return a parameter as far as its type can depend on it."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    return list(value)[:1] if isinstance(value, list | tuple | set | frozenset) else value


def _agree(value: Value, found: pa.DataType, *, is_sum: bool) -> bool:
    """Tell whether values in the stored form of the inferred type are in that of the type that DuckDB sees."""
    held = value.type
    if value.scale is not None:
        return bool(pa.types.is_decimal(found) and found.scale == value.scale)
    if pa.types.is_null(held):
        return True
    if is_sum or value.wide:
        return is_sum and value.kind == "integer"
    if value.kind == "integer":
        return bool(pa.types.is_integer(found) and (not value.column or held == found))
    if is_json(held) or is_json(found) or pa.types.is_nested(held) or pa.types.is_decimal(held):
        return bool(held == found)
    if pa.types.is_timestamp(held) and held.tz is not None:
        same_width = pa.types.is_timestamp(found) and (found.unit == "ns") == (held.unit == "ns")
        return bool(same_width and found.tz is not None)
    if pa.types.is_time(held):
        return bool(pa.types.is_time(found) and (found.unit == "ns") == (held.unit == "ns"))
    if pa.types.is_fixed_size_binary(held):
        return bool(pa.types.is_binary(found))
    return bool(held == found)


def _form(arrow_type: pa.DataType, value: Value) -> Form:
    return form_of(arrow_type) if value.scale is None else units_form(arrow_type)


@dataclass(frozen=True, slots=True)
class AnswerForm:
    """How the rows of a statement become its answer: the schema, a table that they are decoded as those of, its names.

    `decode` makes a logical row of a stored one where Python values hold all that the types do (`few`), `size` rows are
    converted at once.
    """

    schema: pa.Schema
    columns: tuple[str, ...]
    table: Table
    names: tuple[str, ...]
    few: bool
    decode: DecodeRow | None
    size: int

    @classmethod
    def of(cls, schema: pa.Schema, values: Sequence[Value]) -> AnswerForm:
        """Return the form of an answer whose columns are the given values."""
        names = unique_names(schema.names)
        columns = {n: Column(n, _form(f.type, v)) for n, f, v in zip(names, schema, values, strict=True)}
        unique = pa.schema([f.with_name(n) for n, f in zip(names, schema, strict=True)])
        table = Table(Dataset("the answer", KIND, unique), MappingProxyType(columns), "view", None, "")
        few = fits_tuples(schema)
        decode = row_decoder(table, names) if few else None
        return cls(schema, tuple(schema.names), table, names, few, decode, rows_at_once(schema))

    def fetched(self, cursor: sqlite3.Cursor, call: Call) -> Answer:
        """Return all rows of a statement: a few as tuples, many as a table."""
        rows = cursor.fetchmany(self.size)
        if self.few and len(rows) <= _FEW_ROWS:
            decode = self.decode
            return Rows(self.columns, rows if decode is None else [decode(row) for row in rows], self.schema)
        batches = []
        while rows:
            batches.append(batch_of(rows, self.table, self.names, self.schema))
            call.check()
            rows = cursor.fetchmany(self.size)
        return pa.Table.from_batches(batches, self.schema)

"""The answer to a SQL text in logical types, whatever DuckDB types its columns have.

Most types are brought to their logical ones in Arrow; those that Arrow cannot carry (UNION, VARIANT, BIT and their
like) are cast in SQL around the text. Whole-number sums come as HUGEINT; they become 64-bit integers wherever all
values fit. The engine and the merge site both answer through here, so a type never depends on the route.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import duckdb
import pyarrow as pa

from polyroute.engines.resources.duckdb.types import logical_of, storage_type
from polyroute.engines.resources.duckdb.values import decode
from polyroute.errors import DatabaseErrorCode, make_error

if TYPE_CHECKING:
    from duckdb.sqltypes import DuckDBPyType

Params: TypeAlias = "Mapping[str, object] | Sequence[object] | None"

_SUM = "hugeint"


@dataclass(frozen=True, slots=True)
class Reading:
    """A query that was bound and whose answer can be fetched once: its logical schema, and which columns are sums."""

    relation: duckdb.DuckDBPyRelation
    schema: pa.Schema
    sums: frozenset[int]

    @property
    def schema_without_rows(self) -> pa.Schema:
        """The schema of an answer without rows: all its sums fit 64 bits."""
        return pa.schema([f.with_type(pa.int64()) if i in self.sums else f for i, f in enumerate(self.schema)])

    def table(self) -> pa.Table:
        """Fetch the whole answer."""
        table = self.relation.to_arrow_table()
        return self._logical(table, _fitting(table, self.sums))

    def batches(self, rows: int) -> Iterator[pa.RecordBatch]:
        """Fetch the answer in batches of about so many rows, all of one schema.

        Raises QUERY_EXECUTION_FAILED when a sum fits 64 bits in the first batch and not in a later one.
        """
        narrow: frozenset[int] | None = None
        for batch in self.relation.to_arrow_reader(rows):
            table = pa.Table.from_batches([batch])
            if narrow is None:
                narrow = _fitting(table, self.sums)
            elif not narrow <= _fitting(table, self.sums):
                raise make_error(
                    DatabaseErrorCode.QUERY_EXECUTION_FAILED,
                    "a whole number in a later batch needs more than the 64 bits of the batches before it",
                    hint="cast it, as in CAST(sum(x) AS DECIMAL(38, 0)), or ask with sql() instead of stream()",
                )
            yield from self._logical(table, narrow).to_batches()

    def _logical(self, table: pa.Table, narrow: frozenset[int]) -> pa.Table:
        fields = [f.with_type(pa.int64()) if i in narrow else f for i, f in enumerate(self.schema)]
        table = pa.Table.from_arrays(table.columns, names=self.schema.names)
        for i in narrow:
            table = table.set_column(i, fields[i], table.column(i).cast(pa.int64()))
        return decode(table, pa.schema(fields))


def query_table(cursor: duckdb.DuckDBPyConnection, sql: str, params: Params = None) -> pa.Table:
    """Run a query on a cursor and return its answer in logical types; names are DuckDB's, also repeated ones."""
    return read(cursor, sql, params).table()


def read(cursor: duckdb.DuckDBPyConnection, sql: str, params: Params = None) -> Reading:
    """Bind one query on a cursor, so that its answer can be fetched in logical types."""
    relation = cursor.sql(sql, params=params or None)
    names, types = relation.columns, relation.types
    logical = [logical_of(kind) for kind in types]
    if any(is_cast and kind.id != _SUM for (_, is_cast), kind in zip(logical, types, strict=True)):
        items = [_item(i, kind, *found) for i, (kind, found) in enumerate(zip(types, logical, strict=True), 1)]
        relation = cursor.sql(f"SELECT {', '.join(items)} FROM ({_unended(sql)}\n)", params=params or None)
        types = relation.types
    schema = pa.schema([pa.field(n, t) for n, (t, _) in zip(names, logical, strict=True)])
    return Reading(relation, schema, frozenset(i for i, kind in enumerate(types) if kind.id == _SUM))


def _item(position: int, kind: DuckDBPyType, arrow_type: pa.DataType, is_cast: bool) -> str:
    if kind.id in (_SUM, "uhugeint"):
        # DuckDB hands the upper half of UHUGEINT to Arrow as negative numbers
        return f"CAST(#{position} AS HUGEINT)"
    return f"CAST(#{position} AS {storage_type(arrow_type)})" if is_cast else f"#{position}"


def _unended(sql: str) -> str:
    """Return the text of a statement up to the semicolon that ends it."""
    text = sql.encode()
    for offset, kind in duckdb.tokenize(sql):
        if kind == duckdb.token_type.operator and text[offset : offset + 1] == b";":
            return text[:offset].decode()
    return sql


def _fitting(table: pa.Table, sums: frozenset[int]) -> frozenset[int]:
    """Return the positions of the sums whose values all fit 64 bits."""
    return frozenset(i for i in sums if _fits(table.column(i)))


def _fits(column: pa.ChunkedArray) -> bool:
    try:
        column.cast(pa.int64())
    except pa.ArrowInvalid:
        return False
    return True

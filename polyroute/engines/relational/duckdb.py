"""The relational engine on a DuckDB file: analytic questions in SQL, and point reads and writes by key.

It lists every table of the file but the time series, also tables and views that another program made. DuckDB's dialect
is polyroute's, so a question in it runs as it was written.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, cast

import duckdb
import pyarrow as pa

from polyroute.engines.call import Call
from polyroute.engines.relational.duckdb_statements import (
    asking,
    change,
    changing,
    defines,
    question,
    returns_rows,
    used_params,
)
from polyroute.engines.resources.duckdb import DuckDBTables, Stored
from polyroute.engines.resources.duckdb.answers import query_table
from polyroute.engines.resources.duckdb.catalog import remove_orphans
from polyroute.engines.resources.duckdb.writes import delete_keys, delete_rows, upsert
from polyroute.errors import invalid
from polyroute.operations import RelationalDelete, RelationalExecute, RelationalGet, RelationalQuery, RelationalUpsert
from polyroute.result import Row, Rows
from polyroute.sql.filters import DUCKDB, Unsupported
from polyroute.values import array_from_values

if TYPE_CHECKING:
    from polyroute.sql.filters import Filter


_NEEDS_STATISTICS = "required statistics"


class DuckDBEngine(DuckDBTables):
    """Relational datasets in a DuckDB file."""

    kind = "relational"

    def relational_query(self, op: RelationalQuery, call: Call) -> pa.Table:
        """Ask in SQL; nothing that the text does can change the data."""
        native = op.dialect == "native"
        sql = op.sql if native else question(op.sql, self._tables())
        with self._file.reading(call) as cursor:
            params = used_params(asking(cursor, sql), op.params)
            cursor.execute("BEGIN TRANSACTION READ ONLY")
            try:
                return query_table(cursor, sql, params)
            except duckdb.BinderException as exc:
                # bitstring_agg without bounds asks for what an unsound optimizer would tell (see `opening`)
                if native or _NEEDS_STATISTICS not in str(exc):
                    raise
                raise Unsupported("it needs the statistics of a column") from exc
            except duckdb.TransactionException as exc:
                raise invalid("relational_query asks, this changes something", hint="use relational_execute") from exc

    def relational_get(self, op: RelationalGet, call: Call) -> Rows | pa.Table | pa.RecordBatchReader:
        """Read the row of one key."""
        stored = self._stored(op.dataset)
        schema = stored.dataset.schema
        columns = op.columns or tuple(schema.names)
        conditions, params = _key_conditions(stored, cast("Sequence[object]", op.key))
        if stored.plain:
            sql = f"SELECT {stored.columns(columns)} FROM {stored.table} WHERE {' AND '.join(conditions)}"
            with self._file.reading(call) as cursor:
                rows = cursor.execute(sql, params).fetchall()
            types = [schema.field(c).type for c in columns]
            if not any(_out_of_python(v, t) for row in rows for v, t in zip(row, types, strict=True)):
                return Rows(columns, rows, lambda: pa.schema([schema.field(c) for c in columns]))
        return self._select(stored, columns, conditions=conditions, params=params, call=call)

    def relational_execute(self, op: RelationalExecute, call: Call) -> Rows:
        """Run one INSERT, UPDATE or DELETE, and natively also MERGE, CREATE, ALTER or DROP.

        The rows of RETURNING come back, but not from the repetition of a write that was done already.
        """
        native = op.dialect == "native"
        sql = op.sql if native else change(op.sql, self._tables(), self.kind)
        answer = Rows((), [])

        def run(cursor: duckdb.DuckDBPyConnection) -> int:
            statement = changing(cursor, sql)
            cursor.execute(sql, used_params(statement, op.params) or None)
            rows: list[Row] = cursor.fetchall()
            if defines(statement):
                remove_orphans(cursor)
                return 0
            if not returns_rows(sql):
                return int(rows[0][0]) if rows else 0  # type: ignore[call-overload]
            answer.columns, answer.rows = [column[0] for column in cursor.description or ()], rows
            return len(rows)

        answer.affected = self._change(op, call, run, defines=native).affected
        return answer

    def relational_upsert(self, op: RelationalUpsert, call: Call) -> Rows:
        """Insert rows, or replace those whose key is held already."""
        stored = self._writable(op.dataset)
        return self._change(op, call, lambda cursor: upsert(cursor, stored, cast("pa.Table", op.rows)))

    def relational_delete(self, op: RelationalDelete, call: Call) -> Rows:
        """Delete the rows of some keys, or those that pass a filter."""
        stored = self._writable(op.dataset)
        if op.keys is not None:
            keys = _key_table(stored, cast("list[tuple[object, ...]]", op.keys))
            return self._change(op, call, lambda cursor: delete_keys(cursor, stored, keys))
        where, params = self._where(stored, cast("Filter | None", op.where))
        return self._change(op, call, lambda cursor: delete_rows(cursor, stored, where, params))


def _out_of_python(value: object, arrow_type: pa.DataType) -> bool:
    """Tell whether a time may be beyond Python's types: DuckDB then gives a text, or the first or last day there is."""
    if not pa.types.is_temporal(arrow_type):
        return False
    return isinstance(value, str) or (isinstance(value, dt.date) and value.year in (dt.MINYEAR, dt.MAXYEAR))


def _key_conditions(stored: Stored, key: Sequence[object]) -> tuple[list[str], Mapping[str, object]]:
    conditions, params = [], {}
    for i, (name, value) in enumerate(zip(stored.dataset.key, key, strict=True)):
        arrow_type = stored.dataset.schema.field(name).type
        # a Python float is a double, and no double equals the float nearest to 0.1
        given = f"CAST($k{i} AS FLOAT)" if pa.types.is_float32(arrow_type) else f"$k{i}"
        conditions.append(f"{stored.column(name)} = {given}")
        params[f"k{i}"] = DUCKDB.encode(value, arrow_type)
    return conditions, params


def _key_table(stored: Stored, keys: Sequence[Sequence[object]]) -> pa.Table:
    schema = pa.schema([stored.dataset.schema.field(k) for k in stored.dataset.key])
    columns = list(zip(*keys, strict=True)) or [()] * len(schema)
    arrays = [array_from_values(values, field.type) for values, field in zip(columns, schema, strict=True)]
    return pa.Table.from_arrays(arrays, schema=schema)

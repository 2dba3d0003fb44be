"""Run whole SELECTs in a DuckDB file: over its own tables, and over Arrow tables that are shipped to it.

DuckDB's dialect is polyroute's, so nothing is refused. What is shipped is known to one cursor only, under a name of its
own, and no setting is changed; the statement runs in a READ ONLY transaction.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa
from sqlglot import exp

from polyroute.engines.call import UNBOUNDED
from polyroute.engines.resources.duckdb.answers import query_table
from polyroute.engines.resources.duckdb.placing import in_place, renamed
from polyroute.engines.resources.scratch import readable
from polyroute.errors import invalid
from polyroute.sql.dialect import parse_statement

if TYPE_CHECKING:
    from polyroute.engines.call import Call
    from polyroute.engines.contract import BoundSelect
    from polyroute.engines.resources.duckdb.catalog import Stored
    from polyroute.engines.resources.duckdb.file import DuckDBFile

_REMEMBERED = 256


class Words:
    """Remembers in which words DuckDB runs a SELECT in polyroute's dialect, as long as the tables are the same."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, tuple[Mapping[str, Stored], str]] = OrderedDict()

    def of(self, sql: str, tables: Mapping[str, Stored]) -> str:
        """Return the text that DuckDB runs."""
        if not renamed(tables):
            return sql
        known = self._known.get(sql)
        if known is not None and known[0] is tables:
            return known[1]
        tree = parse_statement(sql)
        text = (in_place(tree, tables) or sql) if isinstance(tree, exp.Query) else sql
        self._known[sql] = (tables, text)
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return text


def prepare(file: DuckDBFile, words: Words, tables: Mapping[str, Stored], op: BoundSelect) -> None:
    """Bind a SELECT without running it; raises what DuckDB finds wrong with it."""
    with file.reading(UNBOUNDED) as cursor:
        sql = words.of(op.sql, tables)
        cursor.sql(sql, params=_used(cursor, sql, op.params))


def select(file: DuckDBFile, words: Words, tables: Mapping[str, Stored], op: BoundSelect, call: Call) -> pa.Table:
    """Run a SELECT and return its whole answer in logical types."""
    with file.reading(call) as cursor:
        for name, table in op.inputs.items():
            cursor.register(name, readable(table))
        cursor.execute("BEGIN TRANSACTION READ ONLY")
        sql = words.of(op.sql, tables)
        return query_table(cursor, sql, _used(cursor, sql, op.params))


def _used(cursor: duckdb.DuckDBPyConnection, sql: str, params: Mapping[str, object]) -> dict[str, object] | None:
    if "$" not in sql:
        return None
    used: dict[str, object] = {}
    for statement in cursor.extract_statements(sql):
        for name in statement.named_parameters:
            if name not in params:
                given = ", ".join(f"${n}" for n in params) or "none"
                raise invalid(f"the parameter ${name} has no value", hint=f"given are: {given}")
            value = params[name]
            used[name] = value.tolist() if hasattr(value, "tolist") else value
    return used or None

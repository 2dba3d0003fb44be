"""The relational reference: rows by key in plain Python, SQL in the in-process DuckDB over the tables."""

from __future__ import annotations

from typing import Any, ClassVar

import pyarrow as pa
from sqlglot import exp

from polyroute.engines.call import Call
from polyroute.engines.contract import Answer, Traits
from polyroute.engines.describe import describe
from polyroute.engines.local import filter_mask
from polyroute.engines.resources.scratch import query_arrow, scratch
from polyroute.errors import DUCKDB, ErrorTable, invalid, unknown_name
from polyroute.operations import RelationalDelete, RelationalExecute, RelationalGet, RelationalQuery, RelationalUpsert
from polyroute.result import Rows
from polyroute.sql.dialect import parse_statement
from polyroute.sql.types import conform
from tests.engines.reference.engine import ReferenceEngine, affected, keys_of, upserted
from tests.engines.reference.place import Held


class ReferenceRelational(ReferenceEngine):
    """Tables."""

    kind = "relational"
    traits: ClassVar[Traits] = Traits(dialect="duckdb", cancellable=True, idempotent_writes=True)
    errors: ClassVar[ErrorTable] = DUCKDB

    def relational_get(self, op: RelationalGet, call: Call) -> Answer:
        """Look at every row for the key."""
        call.check()
        held = self.held(op.dataset)
        mask = [key == op.key for key in keys_of(held.content, held.dataset.key)]
        return held.content.filter(pa.array(mask, pa.bool_())).select(describe(held.dataset, op).names)

    def relational_query(self, op: RelationalQuery, call: Call) -> Answer:
        """Ask DuckDB, which has nothing but the tables that the text names."""
        tree = parse_statement(op.sql)
        if not isinstance(tree, exp.Query):
            raise invalid("relational_query asks one question", hint="use relational_execute for changes")
        return query_arrow(op.sql, self._named(tree), _params(op.params), call)

    def relational_execute(self, op: RelationalExecute, call: Call) -> Rows:
        """Let DuckDB change a copy of the table, and keep the copy."""
        tree = parse_statement(op.sql)
        if not isinstance(tree, exp.DML):
            raise invalid("relational_execute runs one INSERT, UPDATE or DELETE", hint="ask with relational_query")
        name = self._target(tree)
        return self.write(
            RelationalUpsert(name, None), call, lambda held: self._executed(held, op.sql, _params(op.params))
        )

    def relational_upsert(self, op: RelationalUpsert, call: Call) -> Rows:
        """Put rows in the place of those that have their keys."""

        def change(held: Held) -> tuple[Held, Rows]:
            given: pa.Table = op.rows
            count = len(set(keys_of(given, held.dataset.key)))
            return self.checked(held.dataset, upserted(held, given)), affected(count)

        return self.write(op, call, change)

    def relational_delete(self, op: RelationalDelete, call: Call) -> Rows:
        """Keep the rows that have other keys, or do not pass the filter."""
        return self.write(op, call, lambda held: deleted(held, op, call))

    def _named(self, tree: exp.Expr) -> dict[str, pa.Table]:
        named = {table.name.lower() for table in tree.find_all(exp.Table)}
        return {name: held.content for name, held in self.state.held.items() if name.lower() in named}

    def _target(self, tree: exp.Expr) -> str:
        wanted = tree.find(exp.Table)
        assert wanted is not None
        for name in self.state.held:
            if name.lower() == wanted.name.lower():
                return name
        raise unknown_name("dataset", wanted.name, self.state.held)

    def _executed(self, held: Held, sql: str, params: dict[str, object] | None) -> tuple[Held, Rows]:
        name = '"' + held.dataset.name.replace('"', '""') + '"'
        with scratch({"__held": held.content}) as cursor:
            cursor.execute(f"CREATE TEMP TABLE {name} AS SELECT * FROM __held")
            [(count,)] = cursor.execute(sql, params).fetchall()
            after = cursor.sql(f"SELECT * FROM {name}").to_arrow_table()
        return self.checked(held.dataset, conform(after, held.dataset.schema)), affected(count)


def deleted(held: Held, op: Any, call: Call) -> tuple[Held, Rows]:
    """Return a table without the rows of some keys, or without those that pass a filter."""
    if op.keys is None:
        gone = filter_mask(held.content, op.where, call).tolist()
    else:
        doomed = {key if isinstance(key, tuple) else (key,) for key in op.keys}
        gone = [key in doomed for key in keys_of(held.content, held.dataset.key)]
    kept = held.content.filter(pa.array([not g for g in gone], pa.bool_()))
    return Held(held.dataset, kept), affected(sum(gone))


def _params(params: object) -> dict[str, object] | None:
    return dict(params) if isinstance(params, dict) else None

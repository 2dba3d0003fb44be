"""Relational engines with one fault."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import duckdb
import pyarrow as pa

from polyroute.engines.call import Call
from polyroute.engines.contract import Answer, Dataset
from polyroute.operations import RelationalDelete, RelationalExecute, RelationalGet, RelationalQuery, RelationalUpsert
from polyroute.result import Rows
from polyroute.sql.dialect import parse_statement
from tests.engines.reference.engine import affected, keys_of
from tests.engines.reference.faults import fault
from tests.engines.reference.place import Held
from tests.engines.reference.relational import ReferenceRelational, deleted

_GET = "test_relational_get_reads_the_row_of_a_key"
_COMPOSITE = "test_relational_get_reads_composite_keys"
_NATIVE = "test_relational_query_native_runs_the_text"
_EXECUTE = "test_relational_execute_changes_rows"
_UPSERT = "test_relational_upsert_inserts_and_replaces"
_DELETE = "test_relational_delete_by_key_and_filter"


@fault(_GET)
class GetsTheNextRow(ReferenceRelational):
    def relational_get(self, op: RelationalGet, call: Call) -> Answer:
        keys = keys_of(self.held(op.dataset).content, self.dataset(str(op.dataset)).key)
        key: Any = op.key
        return super().relational_get(replace(op, key=min((k for k in keys if k >= key), default=max(keys))), call)


@fault(_GET)
class GetsAllColumns(ReferenceRelational):
    def relational_get(self, op: RelationalGet, call: Call) -> Answer:
        return super().relational_get(replace(op, columns=None), call)


@fault(_COMPOSITE)
class LooksAtTheFirstKeyColumn(ReferenceRelational):
    def relational_get(self, op: RelationalGet, call: Call) -> Answer:
        held = self.held(op.dataset)
        key: Any = op.key
        firsts = {k[:1]: k for k in keys_of(held.content, held.dataset.key)}
        return super().relational_get(replace(op, key=firsts.get(key[:1], key)), call)


@fault(_COMPOSITE)
class KeepsTheFirstKeyColumnUnique(ReferenceRelational):
    def checked(self, dataset: Dataset, table: pa.Table) -> Held:
        checked = super().checked(replace(dataset, key=dataset.key[:1]), table)
        return Held(dataset, checked.content)


@fault("test_relational_get_refuses_wrong_keys")
class InventsKeys(ReferenceRelational):
    def datasets(self) -> Mapping[str, Dataset]:
        return {n: replace(d, key=d.key or tuple(d.schema.names[:1])) for n, d in super().datasets().items()}

    def relational_get(self, op: RelationalGet, call: Call) -> Answer:
        if self.held(op.dataset).dataset.key:
            return super().relational_get(op, call)
        return self.dataset(str(op.dataset)).schema.empty_table()


@fault("test_relational_query_has_our_semantics_or_leaves_it_to_others")
class DividesAsItLikes(ReferenceRelational):
    def relational_query(self, op: RelationalQuery, call: Call) -> Answer:
        return super().relational_query(replace(op, sql=op.sql.replace("/", "//")), call)


@fault("test_relational_query_has_our_semantics_or_leaves_it_to_others")
class SortsNaNLast(ReferenceRelational):
    def relational_query(self, op: RelationalQuery, call: Call) -> Answer:
        return super().relational_query(replace(op, sql=op.sql.replace("BY x DESC", "BY nullif(x, 'nan') DESC")), call)


@fault(_NATIVE)
class AdmitsChangesInQueries(ReferenceRelational):
    def relational_query(self, op: RelationalQuery, call: Call) -> Answer:
        if op.sql.startswith("DELETE"):
            return self.relational_execute(RelationalExecute(None, op.sql), call)
        return super().relational_query(op, call)


@fault(_NATIVE, _EXECUTE)
class RunsOneStatementAfterAnother(ReferenceRelational):
    def relational_query(self, op: RelationalQuery, call: Call) -> Answer:
        parts = op.sql.split(";")
        for part in parts[1:]:
            self.relational_execute(RelationalExecute(None, part), call)
        return super().relational_query(replace(op, sql=parts[0]), call)

    def relational_execute(self, op: RelationalExecute, call: Call) -> Rows:
        return [super(RunsOneStatementAfterAnother, self).relational_execute(replace(op, sql=s), call)
                for s in op.sql.split(";")][-1]  # fmt: skip


@fault(_NATIVE)
class IgnoresParameters(ReferenceRelational):
    def relational_query(self, op: RelationalQuery, call: Call) -> Answer:
        return super().relational_query(replace(op, sql=op.sql.replace("$n", "'n'"), params=None), call)


@fault(_EXECUTE)
class TellsNoCount(ReferenceRelational):
    def relational_execute(self, op: RelationalExecute, call: Call) -> Rows:
        super().relational_execute(op, call)
        return affected(0)


@fault(_EXECUTE)
class InsertsDuplicates(ReferenceRelational):
    def checked(self, dataset: Dataset, table: pa.Table) -> Held:
        return Held(dataset, table)


@fault("test_relational_execute_keeps_types")
class WritesNothingForWhatDoesNotFit(ReferenceRelational):
    def relational_execute(self, op: RelationalExecute, call: Call) -> Rows:
        try:
            return super().relational_execute(op, call)
        except duckdb.ConversionException:
            return affected(0)


@fault("test_relational_execute_keeps_types")
class ShowsWhatDoesNotFit(ReferenceRelational):
    def relational_execute(self, op: RelationalExecute, call: Call) -> Rows:
        try:
            return super().relational_execute(op, call)
        except duckdb.ConversionException as exc:
            raise duckdb.ConversionException(
                f"cannot run: {parse_statement(op.sql).sql().replace(chr(39), '')}"
            ) from exc


@fault(_UPSERT)
class MergesOnUpsert(ReferenceRelational):
    def relational_upsert(self, op: RelationalUpsert, call: Call) -> Rows:
        held = {row["k"]: row for row in self.held(op.dataset).content.to_pylist()}
        given: Any = op.rows
        rows = [{n: held.get(r["k"], {}).get(n) if v is None else v for n, v in r.items()} for r in given.to_pylist()]
        return super().relational_upsert(replace(op, rows=pa.Table.from_pylist(rows, given.schema)), call)


@fault(_UPSERT)
class UpdatesOnly(ReferenceRelational):
    def relational_upsert(self, op: RelationalUpsert, call: Call) -> Rows:
        held = self.held(op.dataset)
        known = set(keys_of(held.content, held.dataset.key))
        given: Any = op.rows
        mask = [key in known for key in keys_of(given, held.dataset.key)]
        return super().relational_upsert(replace(op, rows=given.filter(pa.array(mask, pa.bool_()))), call)


@fault(_DELETE)
class DeletesWhereNull(ReferenceRelational):
    def relational_delete(self, op: RelationalDelete, call: Call) -> Rows:
        where: Any = op.where
        if where is None:
            return super().relational_delete(op, call)

        def change(held: Held) -> tuple[Held, Rows]:
            after, _ = deleted(held, op, call)
            rows = [r for r in after.content.to_pylist() if all(r[c] is not None for c in where.columns)]
            kept = pa.Table.from_pylist(rows, held.dataset.schema)
            return Held(held.dataset, kept), affected(held.content.num_rows - kept.num_rows)

        return self.write(op, call, change)


@fault(_DELETE)
class CountsKeysAsked(ReferenceRelational):
    def relational_delete(self, op: RelationalDelete, call: Call) -> Rows:
        answer = super().relational_delete(op, call)
        keys: Any = op.keys
        return answer if keys is None else affected(len(keys))

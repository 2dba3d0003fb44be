"""Run a statement in the plain form: fetch what it reads whole, and let DuckDB answer it.

This is the oracle, and the way out where the planner cannot follow a statement or an engine refuses a part of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial

import pyarrow as pa

from polyroute.operations import Operation
from polyroute.plan import Fragment, Plan
from polyroute.result import QueryResult
from polyroute.router.federation.connection import Access
from polyroute.router.federation.functions import call_schema, no_rows, without_rows
from polyroute.router.federation.inputs import ScanInput, SystemInput
from polyroute.router.federation.lateral import LateralCall, fetch_lateral
from polyroute.router.federation.merge import MERGE_SITE, merge, merge_batches
from polyroute.router.federation.native import native_text
from polyroute.router.federation.plain import CallInput, LateralInput, PlainPlan, PlainPlanner
from polyroute.router.federation.statement import Statement
from polyroute.router.federation.tables import system_table
from polyroute.sql.dialect import render


class PlainRun:
    """One execution of a statement in the plain form."""

    def __init__(self, statement: Statement, access: Access, params: Mapping[str, object]) -> None:
        self._text = statement.text
        self._access = access
        self._params = params
        self._call = access.manner.call
        planner = PlainPlanner(access.catalog, list(access.engines), params, self._call)
        self._plan: PlainPlan = planner.plan(statement)
        self.measured: list[Fragment] = []

    @property
    def freshness(self) -> str:
        """How old what was read may be."""
        return self._access.freshness

    def answer(self) -> pa.Table:
        """Fetch everything and return the merged answer."""
        return merge(self._plan.residual, self._fetch(), self._params, self._call)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Fetch everything and give the merged answer once, batch by batch."""
        return merge_batches(self._plan.residual, self._fetch(), self._params, self._call)

    def plan(self) -> Plan:
        """Return the plan before it is run."""
        fragments = [self._fragment(i) for i in self._plan.inputs]
        return Plan(self._text, self._plan.residual, MERGE_SITE, fragments)

    def shown(self) -> Callable[[int, float], Plan]:
        """Return what makes the plan as it was run, out of the rows and seconds of the answer; it holds no data."""
        return partial(_as_run, self._text, self._plan.residual, self.measured)

    def _fetch(self) -> dict[str, pa.Table]:
        tables: dict[str, pa.Table] = {}
        for item in self._plan.inputs:
            self._call.check()
            if isinstance(item, SystemInput):
                tables[item.name] = system_table(item.table, self._access)
            elif isinstance(item, LateralInput):
                tables[item.name] = self._lateral(item, tables)
            elif isinstance(item, CallInput) and item.operation is None:
                tables[item.name] = without_rows(no_rows(item.function))
            else:
                assert item.operation is not None  # noqa: S101 - only calls have none
                tables[item.name] = self._one(item.name, item.operation)
        return tables

    def _one(self, name: str, op: Operation) -> pa.Table:
        result = self._access.fetch(op, self._call)
        table = result.to_arrow()
        self.measured.append(_measured(name, op, result, table))
        return table

    def _lateral(self, item: LateralInput, tables: Mapping[str, pa.Table]) -> pa.Table:
        distinct = merge(render(item.distinct), tables, self._params, self._call)
        constants = dict(item.constants)
        dataset = constants.pop("dataset")
        schema = call_schema(item.call.name, self._access.catalog.resolve(str(dataset)).dataset)
        call = LateralCall(item.call.name, dataset, list(item.arguments), constants, self._params, schema)
        return fetch_lateral(call, distinct, lambda op: self._one(item.name, op), self._call)

    def _fragment(self, item: ScanInput | SystemInput | CallInput | LateralInput) -> Fragment:
        if isinstance(item, SystemInput):
            return Fragment(item.name, "polyroute", "scan", f"polyroute.{item.table}", f"polyroute.{item.table}")
        if isinstance(item, LateralInput):
            return Fragment(
                item.name,
                "?",
                item.call.name,
                str(item.constants["dataset"]),
                render(item.distinct),
                bind_keys=", ".join(item.arguments),
            )
        if item.operation is None:
            return Fragment(item.name, "polyroute", "none", None, "no rows: a NULL argument")
        dataset = item.operation.dataset or ""
        entry = self._access.catalog.resolve(dataset)
        return Fragment(item.name, entry.primary.engine.id, item.operation.name, dataset, native_text(item.operation))


def _as_run(text: str, residual: str, measured: list[Fragment], rows: int, elapsed_s: float) -> Plan:
    return Plan(text, residual, MERGE_SITE, measured, rows, elapsed_s * 1e3, analyzed=True)


def _measured(name: str, op: Operation, result: QueryResult, table: pa.Table) -> Fragment:
    return Fragment(
        name,
        result.engine or "",
        op.name,
        op.dataset,
        native_text(op),
        columns=tuple(table.column_names),
        rows=table.num_rows,
        bytes=table.nbytes,
        ms=result.elapsed_s * 1e3,
    )

"""Run a federated plan: fetch its parts in the order that lets keys travel, then merge.

Small parts are fetched first; the values of their columns narrow the parts that follow, wherever an edge leads and it
pays. Each choice is made when a part is about to start, with what came back so far: a part that gave far more than was
estimated changes what is done next, not what was done. Parts that are long and wait for nothing run side by side. A
part whose keys are known to be none is not fetched at all.
"""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

import pyarrow as pa

from polyroute.engines import UNBOUNDED, BoundSelect, Call
from polyroute.engines.describe import SCORE
from polyroute.errors import PolyrouteError
from polyroute.operations import Operation, Scan
from polyroute.plan import Fragment, Plan
from polyroute.result import QueryResult
from polyroute.router.catalog import Entry
from polyroute.router.federation.bind_joins import BindGate
from polyroute.router.federation.estimates import UNKNOWN_ROWS, Estimator
from polyroute.router.federation.fragments import (
    CallFragment,
    Part,
    QueryPlan,
    ScanFragment,
    SelectFragment,
    SystemFragment,
)
from polyroute.router.federation.functions import call_schema, no_rows, without_rows
from polyroute.router.federation.implied import Edge
from polyroute.router.federation.inputs import constant
from polyroute.router.federation.keys import distinct_values, key_class
from polyroute.router.federation.lateral import LateralCall, fetch_lateral, operation_of
from polyroute.router.federation.merge import merge
from polyroute.router.federation.native import native_text
from polyroute.router.federation.showing import as_run, pushed_of
from polyroute.router.federation.tables import Connection as SystemTables
from polyroute.router.federation.tables import system_table
from polyroute.sql.filters import parse_filter
from polyroute.sql.filters.to_sql import quote_double

_SIDE_BY_SIDE_ROWS = 20_000
_WORKERS = 4
_KEY_QUERY_S = 0.002
_ROW_IN_PLACE_S = 1e-8


class Lane(SystemTables, Protocol):
    """What a run needs of the connection: lane A for its fragments, and the rooms that learn."""

    estimator: Estimator
    gate: BindGate
    freshness: str

    def fetch(self, op: Operation, call: Call) -> QueryResult:
        """Run one operation through lane A."""

    def select(self, engines: Sequence[str], op: BoundSelect, call: Call) -> QueryResult:
        """Run a whole SELECT on one of the engines that hold all it reads, under the guard."""


@dataclass(frozen=True, slots=True)
class Keys:
    """The values that narrow a part: of which column, from where."""

    column: str
    values: pa.Array
    origin: str


class Run:
    """One execution of a plan; `measured` are its fragments as explain shows them."""

    def __init__(self, plan: QueryPlan, lane: Lane, params: Mapping[str, object], call: Call) -> None:
        self._plan = plan
        self._lane = lane
        self._params = params
        self._call = call
        self._tables: dict[str, pa.Table] = {}
        self._in_place = {s.name: s for s in plan.site.in_place} if plan.site else {}
        self.measured: list[Fragment] = []

    @property
    def freshness(self) -> str:
        """How old what was read may be."""
        return self._lane.freshness

    def answer(self) -> pa.Table:
        """Fetch everything and return the merged answer."""
        self.fetch()
        plan = self._plan
        if plan.residual is None:
            [part] = plan.parts
            return self._tables[part.name]
        return self._ask(plan.residual)

    def fetch(self) -> dict[str, pa.Table]:
        """Fetch all parts and return them by name."""
        waiting = list(self._plan.parts)
        while waiting:
            self._call.check()
            batch = self._next(waiting)
            for part in batch:
                waiting.remove(part)
            if len(batch) == 1:
                self._store(batch[0], *self._fetched(batch[0], self._call))
            else:
                self._side_by_side(batch)
        return self._tables

    def _next(self, waiting: Sequence[Part]) -> list[Part]:
        """Return what to fetch now: the smallest part, and with it every long one that waits for no keys."""
        ready = [p for p in waiting if not (isinstance(p, CallFragment) and p.lateral)] or list(waiting[:1])
        smallest = min(ready, key=self._expected)
        if self._expected(smallest) < _SIDE_BY_SIDE_ROWS:
            return [smallest]
        long: list[Part] = [p for p in ready if isinstance(p, (ScanFragment, SelectFragment))]
        return long[:_WORKERS] or [smallest]

    def _expected(self, part: Part) -> int:
        if part.estimated_rows is not None:
            return part.estimated_rows
        return 0 if isinstance(part, SystemFragment) else UNKNOWN_ROWS

    def _side_by_side(self, batch: Sequence[Part]) -> None:
        """Fetch long parts at once; when one fails the others are cancelled, and its error is raised."""
        call = Call() if self._call is UNBOUNDED else self._call
        with ThreadPoolExecutor(len(batch), "polyroute-fragment") as pool:
            started: dict[Future[tuple[pa.Table, Fragment]], Part] = {}
            for part in batch:
                context = contextvars.copy_context()
                started[pool.submit(context.run, self._fetched, part, call)] = part
            done, running = wait(started, return_when=FIRST_EXCEPTION)
            failed = next((f for f in done if f.exception() is not None), None)
            if failed is not None and running:
                call.cancel()
        if failed is not None:
            failed.result()
        for future, part in started.items():
            self._store(part, *future.result())

    def _store(self, part: Part, table: pa.Table, fragment: Fragment) -> None:
        self._tables[part.name] = table
        fragment.estimated_rows = part.estimated_rows
        self.measured.append(fragment)

    def _fetched(self, part: Part, call: Call) -> tuple[pa.Table, Fragment]:
        if isinstance(part, ScanFragment):
            return self._scan(part, call)
        if isinstance(part, SelectFragment):
            return self._select(part, call)
        if isinstance(part, CallFragment):
            return self._called(part, call)
        table = system_table(part.table, self._lane)
        name = f"polyroute.{part.table}"
        return table, Fragment(part.name, "polyroute", "scan", name, name, rows=table.num_rows, bytes=table.nbytes)

    # scans and the keys that narrow them

    def _scan(self, part: ScanFragment, call: Call) -> tuple[pa.Table, Fragment]:
        entry = self._lane.catalog.resolve(part.dataset)
        keys = self._keys(part, entry, call)
        schema = entry.dataset.part_schema(part.part)
        columns = part.columns or tuple(schema.names)
        texts = self._holding(part.conditions, schema)
        fragment = Fragment(part.name, entry.primary.engine.id, "scan", part.dataset, "", columns=columns)
        fragment.pushed = pushed_of(part, texts, len(schema))
        fragment.kept = part.kept
        if keys:
            fragment.bind_keys = ", ".join(f"{k.column} from {k.origin}" for k in keys)
            fragment.keys = sum(len(k.values) for k in keys)
        if any(len(k.values) == 0 for k in keys):
            fragment.native, fragment.rows, fragment.bytes, fragment.ms = "not asked: no keys", 0, 0, 0.0
            return without_rows(pa.schema([schema.field(c) for c in columns])), fragment
        params = {**self._params, **{f"__k{i}": k.values for i, k in enumerate(keys)}}
        texts += [f"{quote_double(k.column)} IN $__k{i}" for i, k in enumerate(keys)]
        where = " AND ".join(f"({t})" for t in texts) if texts else None
        # below a condition that these parameters make no filter of, a cut would cut the wrong rows
        whole = len(texts) == len(part.conditions) and not keys
        order, limit = (part.order, part.limit) if whole else (None, None)
        op = Scan(part.dataset, part.columns, where, params if texts else None, order, limit, part.part)
        table = self._run(op, fragment, call)
        self._lane.gate.observe(fragment.engine, fragment.keys, table.num_rows, (fragment.ms or 0.0) / 1e3)
        if not keys and part.limit is None:
            self._lane.estimator.observe((entry.name, part.part, part.conditions), table.num_rows)
        return table, fragment

    def _holding(self, conditions: Sequence[str], schema: pa.Schema) -> list[str]:
        """Return the conditions that these parameters make filters of; the residual applies the others alone."""
        held = []
        for text in conditions:
            if "$" in text:
                try:
                    parse_filter(text, schema, self._params)
                except PolyrouteError:
                    continue
            held.append(text)
        return held

    def _keys(self, part: ScanFragment, entry: Entry, call: Call) -> list[Keys]:
        """Return the keys that pay for themselves: for each column the fewest that what was fetched has to give.

        The merge site is only asked for those of a column that has none yet.
        """
        keys: dict[str, Keys] = {}
        edges = [edge for edge in self._plan.edges if edge.target.input == part.name]
        for edge in edges:
            found = self._values(edge, entry, part) if edge.source.input in self._tables else None
            held = keys.get(edge.target.name)
            if found is not None and (held is None or len(found) < len(held.values)):
                keys[edge.target.name] = Keys(edge.target.name, found, str(edge.source))
        for edge in edges:
            if edge.source.input in self._in_place and edge.target.name not in keys:
                found = self._values_in_place(edge, entry, part, call)
                if found is not None:
                    keys[edge.target.name] = Keys(edge.target.name, found, str(edge.source))
        return list(keys.values())

    def _values(self, edge: Edge, entry: Entry, part: ScanFragment) -> pa.Array | None:
        values = distinct_values(self._tables[edge.source.input].column(edge.source.name), edge.source.fields)
        target = entry.dataset.part_schema(part.part).field(edge.target.name).type
        if values is None or key_class(values.type) != key_class(target):
            return None
        rows = part.estimated_rows or self._lane.estimator.rows(entry, part.part)
        if len(values) and len(values) < rows:
            different = self._lane.estimator.distinct(entry, part.part, edge.target.name)
        else:
            different = rows
        return values if self._lane.gate.pays(entry.primary.engine.id, len(values), different, rows) else None

    def _values_in_place(self, edge: Edge, entry: Entry, part: ScanFragment, call: Call) -> pa.Array | None:
        """Ask the merge site for the keys of one of its own tables, when what they save takes longer than asking."""
        source = self._in_place[edge.source.input]
        held = self._lane.catalog.resolve(source.dataset)
        engine = entry.primary.engine.id
        rows = part.estimated_rows or self._lane.estimator.rows(entry, part.part)
        cost_s = _KEY_QUERY_S + _ROW_IN_PLACE_S * self._lane.estimator.rows(held)
        nested = sum(pa.types.is_nested(f.type) for f in entry.dataset.part_schema(part.part) if _reads(part, f.name))
        if not self._lane.gate.worth_asking(engine, rows, cost_s, nested=nested):
            return None
        expected = self._lane.estimator.distinct(held, None, edge.source.name)
        expected = min(expected, source.estimated_rows or expected)
        different = self._lane.estimator.distinct(entry, part.part, edge.target.name)
        # a count from a sample is rough, and asking for keys that leave nothing out costs twice
        if 2 * expected >= different or not self._lane.gate.pays(engine, expected, different, rows):
            return None
        column = ".".join(quote_double(name) for name in (edge.source.name, *edge.source.fields))
        texts = self._holding(source.conditions, held.dataset.schema)
        where = f" WHERE {' AND '.join(f'({t})' for t in texts)}" if texts else ""
        name = quote_double(held.placements[0].dataset.name)
        found = self._ask(f"SELECT DISTINCT {column} AS k FROM {name}{where}", call)
        values = found["k"].drop_null().combine_chunks()
        return values if self._lane.gate.pays(engine, len(values), different, rows) else None

    # whole SELECTs, table functions, the merge

    def _select(self, part: SelectFragment, call: Call) -> tuple[pa.Table, Fragment]:
        op = BoundSelect(part.sql, part.datasets, self._params)
        result = self._lane.select(part.engines, op, call)
        fragment = Fragment(part.name, result.engine or part.engines[0], "select", ", ".join(part.datasets), part.sql)
        return _measured(result, fragment), fragment

    def _called(self, part: CallFragment, call: Call) -> tuple[pa.Table, Fragment]:
        dataset = constant(part.dataset, self._params, call)
        named = part.arguments.items()
        values = {n: constant(a, self._params, call) for n, a in named if n not in part.lateral}
        fragment = Fragment(part.name, "", part.function, str(dataset), "")
        if part.distinct is not None:
            return self._lateral(part, dataset, values, fragment, call), fragment
        op = operation_of(part.function, dataset, values, self._params)
        if op is None:
            fragment.engine, fragment.native = "polyroute", "no rows: a NULL argument"
            fragment.rows, fragment.bytes, fragment.ms = 0, 0, 0.0
            return without_rows(no_rows(part.function)), fragment
        return self._run(_narrowed(op, part), fragment, call), fragment

    def _lateral(
        self, part: CallFragment, dataset: object, values: Mapping[str, object], fragment: Fragment, call: Call
    ) -> pa.Table:
        distinct = self._ask(part.distinct or "", call)
        fragment.bind_keys, fragment.keys = ", ".join(part.lateral), distinct.num_rows
        fragment.native = f"{part.function} for {distinct.num_rows} distinct arguments"
        fragment.rows, fragment.bytes, fragment.ms = 0, 0, 0.0

        def fetch(op: Operation) -> pa.Table:
            result = self._lane.fetch(_narrowed(op, part), call)
            table = result.to_arrow()
            fragment.engine = result.engine or fragment.engine
            fragment.rows = (fragment.rows or 0) + table.num_rows
            fragment.bytes = (fragment.bytes or 0) + table.nbytes
            fragment.ms = (fragment.ms or 0.0) + result.elapsed_s * 1e3
            return table

        schema = _narrowed_schema(call_schema(part.function, self._lane.catalog.resolve(str(dataset)).dataset), part)
        item = LateralCall(part.function, dataset, part.lateral, values, self._params, schema)
        return fetch_lateral(item, distinct, fetch, call)

    def _run(self, op: Operation, fragment: Fragment, call: Call) -> pa.Table:
        fragment.native = native_text(op)
        return _measured(self._lane.fetch(op, call), fragment)

    def _ask(self, sql: str, call: Call | None = None) -> pa.Table:
        """Run a SQL text over what was fetched, and over what lies at the merge site."""
        call = self._call if call is None else call
        site = self._plan.site
        tables = {n: t for n, t in self._tables.items() if n in sql}
        if site is None:
            return merge(sql, tables, self._params, call)
        return self._lane.select([site.engine], BoundSelect(sql, site.datasets, self._params, tables), call).to_arrow()

    def shown(self) -> Callable[[int, float], Plan]:
        """Return what makes the plan as it was run, out of the rows and seconds of the answer; it holds no data."""
        return partial(as_run, self._plan, self._lane.catalog, self.measured)


def _reads(part: ScanFragment, column: str) -> bool:
    return part.columns is None or column in part.columns


def _narrowed(op: Operation, part: CallFragment) -> Operation:
    return op if part.columns is None else replace(op, columns=part.columns)  # type: ignore[call-arg]


def _narrowed_schema(schema: pa.Schema | None, part: CallFragment) -> pa.Schema | None:
    if schema is None or part.columns is None:
        return schema
    return pa.schema([f for f in schema if f.name in part.columns or f.name == SCORE])


def _measured(result: QueryResult, fragment: Fragment) -> pa.Table:
    table = result.to_arrow()
    fragment.engine = result.engine or fragment.engine
    fragment.columns = tuple(table.column_names)
    fragment.rows, fragment.bytes, fragment.ms = table.num_rows, table.nbytes, result.elapsed_s * 1e3
    return table

"""Lane B: a SQL statement over any engines.

Read the statement, plan it, fetch its inputs through lane A, run the residual at the merge site, give the answer
logical types. INSERT, UPDATE and DELETE on one dataset go to the engine that holds its primary.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

import pyarrow as pa
from sqlglot import exp

from polyroute.engines import Call, Dataset, Engine
from polyroute.errors import invalid
from polyroute.operations import Operation, RelationalExecute, RelationalQuery
from polyroute.optimizer import ExecutionRecords
from polyroute.plan import Fragment, Plan
from polyroute.query import Requirements, Routing
from polyroute.result import QueryResult
from polyroute.router.catalog import Catalog, Entry, Placement
from polyroute.router.federation.inputs import ScanInput, SystemInput
from polyroute.router.federation.merge import MERGE_SITE, merge, merge_batches
from polyroute.router.federation.plain import CallInput, LateralInput, PlainPlan, PlainPlanner, fetch_lateral
from polyroute.router.federation.statement import Statement, named_parameters, parameters, read_statement
from polyroute.router.federation.tables import described, shown, system_table
from polyroute.router.limits import Limits
from polyroute.sql.dialect import render
from polyroute.sql.filters import Unsupported

Params = Mapping[str, object] | Sequence[object] | None


class Connection(Protocol):
    """What lane B needs of the coordinator: lane A, the catalog, and what its own tables tell."""

    catalog: Catalog
    executions: ExecutionRecords
    read_only: bool
    limits: Limits

    @property
    def engines(self) -> Mapping[str, Engine]:
        """The engines by id."""

    def engine(self, id: str) -> Engine:
        """Return an engine."""

    def run(self, op: Operation, requirements: Requirements, routing: Routing, call: Call) -> QueryResult:
        """Run one operation through lane A."""

    def run_on(
        self,
        op: Operation,
        placements: list[Placement],
        written: Sequence[str],
        routing: Routing,
        requirements: Requirements,
        call: Call,
    ) -> QueryResult:
        """Run a SQL operation on placements that hold all that it names; `written` are the datasets that it changes."""


class SqlLane:
    """Runs SQL statements for a coordinator."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def run(self, sql: str, params: Params, requirements: Requirements, routing: Routing, call: Call) -> QueryResult:
        """Run a statement and return its materialised answer."""
        started = time.perf_counter()
        sql, params = named_parameters(sql, params)
        statement = read_statement(sql, read_only=self._connection.read_only)
        if statement.changes:
            return self._connection.run(RelationalExecute(None, sql, params), requirements, routing, call)
        told = self._told(statement)
        if told is not None:
            return QueryResult(told)
        result = self._merged(statement, parameters(params), requirements, routing, call, started)
        if self._connection.limits.bounds_answers:
            self._connection.limits.apply(result)
        return result

    def explain(
        self, sql: str, params: Params, requirements: Requirements, routing: Routing, call: Call, *, analyze: bool
    ) -> Plan:
        """Return the plan of a query, run and measured if asked for."""
        if analyze:
            result = self.run(sql, params, requirements, routing, call)
            if result.plan is None:
                raise invalid("only queries have a plan", hint="explain a SELECT")
            return result.plan
        sql, params = named_parameters(sql, params)
        statement = read_statement(sql, read_only=self._connection.read_only)
        if statement.changes:
            raise invalid("only queries have a plan", hint="explain a SELECT")
        plain = self._plan(statement, parameters(params), call)
        return Plan(sql, plain.residual, MERGE_SITE, [self._fragment(i) for i in plain.inputs])

    def stream(
        self, sql: str, params: Params, requirements: Requirements, routing: Routing, call: Call
    ) -> Iterator[pa.RecordBatch]:
        """Run a query and give its answer once, batch by batch."""
        sql, params = named_parameters(sql, params)
        statement = read_statement(sql, read_only=self._connection.read_only)
        if statement.changes:
            raise invalid("only queries can be streamed", hint="use sql() for INSERT, UPDATE and DELETE")
        values = parameters(params)
        plan = self._plan(statement, values, call)
        tables = self._fetch(plan, values, requirements, routing, call, [])
        return merge_batches(plan.residual, tables, values, call)

    def run_operation(self, op: Operation, requirements: Requirements, routing: Routing, call: Call) -> QueryResult:
        """Run a SQL operation: the whole statement in one engine that holds all it names."""
        if not isinstance(op, RelationalQuery | RelationalExecute):
            raise invalid(f"{op.name} needs a dataset", hint="name it as the first argument")
        if op.dialect == "native":
            return self._native(op, requirements, routing, call)
        sql, params = named_parameters(op.sql, op.params)
        op = replace(op, sql=sql, params=params)
        statement = read_statement(op.sql, read_only=self._connection.read_only)
        if isinstance(op, RelationalExecute):
            return self._change(op, statement, requirements, routing, call)
        placements = self._placements(statement, op, routing)
        try:
            if statement.tree is None:
                raise Unsupported("only DuckDB can parse the text, so no engine's reading of it can be checked")
            return self._connection.run_on(
                replace(op, sql=_bare(statement)), placements, (), routing, requirements, call
            )
        except Unsupported:
            pinned = replace(routing, engine=None)
            return self._merged(statement, parameters(op.params), requirements, pinned, call, time.perf_counter())

    def _native(
        self, op: RelationalQuery | RelationalExecute, requirements: Requirements, routing: Routing, call: Call
    ) -> QueryResult:
        if routing.engine is None:
            raise invalid("a native statement needs its engine", hint="pass routing=Routing(engine='id')")
        engine = self._connection.engine(routing.engine)
        if op.name not in engine.operations:
            raise invalid(f"{engine.id} has no {op.name}", hint=f"it offers {', '.join(sorted(engine.operations))}")
        placement = Placement(engine, Dataset("", engine.kind, pa.schema([])))
        if isinstance(op, RelationalQuery):
            return self._connection.run_on(op, [placement], (), routing, requirements, call)
        # a native text may change any dataset of its engine
        held = [e.name for e in self._connection.catalog.entries().values() if e.primary.engine is engine]
        result = self._connection.run_on(op, [placement], held, routing, requirements, call)
        self._connection.catalog.refresh()
        return result

    def _change(
        self, op: RelationalExecute, statement: Statement, requirements: Requirements, routing: Routing, call: Call
    ) -> QueryResult:
        if not statement.changes:
            raise invalid(
                "relational_execute runs INSERT, UPDATE and DELETE", hint="ask with sql() or relational_query()"
            )
        placements = self._placements(statement, op, routing, write=True)
        target = self._connection.catalog.resolve(".".join(statement.tables[0].parts))
        bare = replace(op, sql=_bare(statement))
        try:
            return self._connection.run_on(bare, placements[:1], [target.name], routing, requirements, call)
        except Unsupported as exc:
            raise invalid(
                f"{placements[0].engine.id} cannot run this change: {exc}",
                hint="write plain values and conditions, or the engine's own SQL with dialect='native'",
            ) from exc

    def _placements(
        self, statement: Statement, op: Operation, routing: Routing, *, write: bool = False
    ) -> list[Placement]:
        """Return the placements whose engine holds every dataset that a statement names."""
        if statement.calls or not statement.names:
            raise invalid(
                f"{op.name} runs in one engine, on its own datasets",
                hint="use sql() for table functions and expressions",
            )
        entries = [self._connection.catalog.resolve(".".join(parts)) for parts in sorted(statement.names)]
        shared: list[Placement] = []
        for placement in entries[0].placements:
            engine_id = placement.engine.id
            usable = [_usable(e, engine_id, write=write) for e in entries]
            if (
                all(usable)
                and op.name in placement.engine.operations
                and routing.engine in (None, engine_id)
                and engine_id not in routing.exclude
            ):
                shared.append(placement)
        if not shared:
            if write and not entries[0].primary.primary:
                raise invalid(f"{entries[0].name!r} is written in its primary", hint="leave the engine out of the name")
            raise invalid(
                f"no one engine can run {op.name} on {', '.join(e.name for e in entries)}",
                hint="use sql(), which joins across engines",
            )
        return shared

    def _told(self, statement: Statement) -> pa.Table | None:
        """Answer SHOW TABLES and DESCRIBE of a dataset from the catalog."""
        tree = statement.tree
        if isinstance(tree, exp.Show):
            return shown(str(tree.this), self._connection)
        if isinstance(tree, exp.Describe) and isinstance(tree.this, exp.Table) and statement.tables:
            parts = statement.tables[0].parts
            if parts[:-1] != ("polyroute",):
                return described(".".join(parts), self._connection)
        return None

    def _plan(self, statement: Statement, params: Mapping[str, object], call: Call) -> PlainPlan:
        return PlainPlanner(self._connection.catalog, list(self._connection.engines), params, call).plan(statement)

    def _merged(
        self,
        statement: Statement,
        params: Mapping[str, object],
        requirements: Requirements,
        routing: Routing,
        call: Call,
        started: float,
    ) -> QueryResult:
        plan = self._plan(statement, params, call)
        fragments: list[Fragment] = []
        tables = self._fetch(plan, params, requirements, routing, call, fragments)
        answer = merge(plan.residual, tables, params, call)
        result = QueryResult(answer)
        result.elapsed_s = time.perf_counter() - started
        engines = {f.engine for f in fragments}
        result.engine = engines.pop() if len(engines) == 1 else None
        result.attempts = max(1, len(fragments))
        result.plan = Plan(
            statement.text, plan.residual, MERGE_SITE, fragments, answer.num_rows, result.elapsed_s * 1e3, analyzed=True
        )
        return result

    def _fetch(
        self,
        plan: PlainPlan,
        params: Mapping[str, object],
        requirements: Requirements,
        routing: Routing,
        call: Call,
        fragments: list[Fragment],
    ) -> dict[str, pa.Table]:
        tables: dict[str, pa.Table] = {}

        def fetch(name: str, op: Operation) -> pa.Table:
            result = self._connection.run(op, requirements, routing, call)
            table = result.to_arrow()
            fragments.append(_measured(name, op, result, table))
            return table

        for item in plan.inputs:
            call.check()
            if isinstance(item, SystemInput):
                tables[item.name] = system_table(item.table, self._connection)
            elif isinstance(item, LateralInput):
                tables[item.name] = fetch_lateral(item, tables, params, fetch, call)
            elif isinstance(item, CallInput):
                if item.operation is None:
                    tables[item.name] = _NO_ROWS[item.function].empty_table()
                else:
                    tables[item.name] = fetch(item.name, item.operation)
            else:
                tables[item.name] = fetch(item.name, item.operation)
        return tables

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
        entry = self._connection.catalog.resolve(dataset)
        return Fragment(item.name, entry.primary.engine.id, item.operation.name, dataset, _native_text(item.operation))


# what a call with a NULL start or goal gives: the columns that its SQL reference names, without rows
_NO_ROWS = {
    "graph_neighbors": pa.schema([("start", pa.string()), ("node", pa.string()), ("hops", pa.int64())]),
    "graph_shortest_path": pa.schema(
        [
            ("start", pa.string()),
            ("goal", pa.string()),
            ("step", pa.int64()),
            ("node", pa.string()),
            ("cost", pa.float64()),
        ]
    ),
}


def _usable(entry: Entry, engine_id: str, *, write: bool) -> bool:
    return any(p.engine.id == engine_id and not p.stale and (p.primary or not write) for p in entry.placements)


def _bare(statement: Statement) -> str:
    """Return the statement with bare dataset names, as its one engine knows them."""
    if statement.tree is None or all(len(parts) == 1 for parts in statement.names):
        return statement.text
    for reference in statement.tables:
        if not reference.node.alias:
            reference.node.set("alias", exp.TableAlias(this=exp.to_identifier(reference.parts[-1], quoted=True)))
        reference.node.set("db", None)
        reference.node.set("catalog", None)
    return render(statement.tree)


def _measured(name: str, op: Operation, result: QueryResult, table: pa.Table) -> Fragment:
    return Fragment(
        name,
        result.engine or "",
        op.name,
        op.dataset,
        _native_text(op),
        columns=tuple(table.column_names),
        rows=table.num_rows,
        bytes=table.nbytes,
        ms=result.elapsed_s * 1e3,
    )


def _native_text(op: Operation) -> str:
    """Return an operation in one line: its dataset and the arguments that were given, long values cut."""
    from dataclasses import fields

    shown = [
        f"{f.name}={_short(getattr(op, f.name))}"
        for f in fields(op)
        if f.name not in ("dataset", "params") and getattr(op, f.name) != f.default
    ]
    return f"{op.name}({', '.join([op.dataset or '', *shown])})"


def _short(value: object) -> str:
    if hasattr(value, "__len__") and not isinstance(value, str) and len(value) > 8:
        return f"<{len(value)} values>"
    return repr(value)

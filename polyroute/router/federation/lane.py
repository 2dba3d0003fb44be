"""Lane B: a SQL statement over any engines.

Read the statement, plan it, run the plan's fragments through lane A and the residual at the merge site, give the answer
logical types. A plan is remembered by its text. The plain form answers what the planner cannot follow, and whenever a
pushed run fails on the query itself: pushing may never be the reason for an error. Statements that change data are
those of `writes`: they go to the engine that holds the primary, with rows from anywhere.
"""

from __future__ import annotations

import time
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

import pyarrow as pa
from sqlglot import exp

from polyroute.arguments import check_text
from polyroute.engines import Call
from polyroute.errors import DatabaseErrorCode, PolyrouteError, invalid
from polyroute.operations import Operation, RelationalExecute
from polyroute.plan import Plan
from polyroute.query import Requirements, Routing
from polyroute.result import QueryResult
from polyroute.router.federation.bind_joins import BindGate
from polyroute.router.federation.checking import (
    Checks,
    decided,
    order_of,
    pushdowns_of,
    versions_of,
    versions_of_datasets,
    without_values,
)
from polyroute.router.federation.connection import Access, Connection, Manner
from polyroute.router.federation.estimates import Estimator
from polyroute.router.federation.fragments import QueryPlan, SelectFragment
from polyroute.router.federation.merge import merge_batches
from polyroute.router.federation.plain_run import PlainRun
from polyroute.router.federation.plan_cache import PlanCache
from polyroute.router.federation.planner import NotPlanned, Planner
from polyroute.router.federation.remembered import RememberedAnswers
from polyroute.router.federation.runner import Run
from polyroute.router.federation.showing import shown
from polyroute.router.federation.statement import Statement, named_parameters, parameters, read_statement
from polyroute.router.federation.tables import described, shown_tables
from polyroute.router.federation.verification import Pushdown
from polyroute.router.federation.verification import verify as verify_answers
from polyroute.router.federation.whole import WholeStatements
from polyroute.router.federation.writes import SqlWrite
from polyroute.sql.filters import Unsupported
from polyroute.values import unique_names

Params = Mapping[str, object] | Sequence[object] | None

# what may come of pushing alone: the plain form then has the last word
_OF_THE_QUERY = frozenset({DatabaseErrorCode.QUERY_INVALID, DatabaseErrorCode.QUERY_EXECUTION_FAILED})
# how often a plan is run while somebody writes what it reads more than once
_RUNS = 3
# what another placement may still answer, fragment by fragment
_OF_THE_SITE = frozenset({DatabaseErrorCode.ENGINE_UNAVAILABLE, DatabaseErrorCode.ENGINE_CONNECTION_FAILED})


class SqlLane:
    """Runs SQL statements for a coordinator."""

    def __init__(self, connection: Connection, checks: Checks) -> None:
        self._connection = connection
        self._plans = PlanCache()
        self.checks = checks
        self._estimator = Estimator()
        self._gate = BindGate()
        self._answers = RememberedAnswers(connection.cache, connection.catalog, lambda: checks.quarantine.epoch)
        self._whole = WholeStatements(connection, self._elsewhere)

    def run(
        self,
        sql: str,
        params: Params,
        requirements: Requirements,
        routing: Routing,
        call: Call,
        *,
        pushdown: bool = True,
        verify: bool = False,
        cache: bool = True,
    ) -> QueryResult:
        """Run a statement and return its materialised answer, or one that was kept and is still true.

        Without `pushdown` it is run in the plain form; with `verify` both ways, and answered in the plain form when the
        two differ. Both are always answered anew, and so is everything without `cache`.
        """
        check_text("sql", sql, "'SELECT * FROM airports'")
        manner = Manner(requirements, routing, call)
        written = None
        if cache and pushdown and not verify and self._answers.enabled:
            written = self._answers.written(sql, params, manner)
            kept = None if written is None else self._answers.hit(written, manner)
            if kept is not None:
                return self._within_limits(kept)
        started = time.perf_counter()
        sql, named = named_parameters(sql, params)
        values = parameters(named)
        plan = self._remembered(sql, manner) if pushdown else None
        if plan is None:
            statement = read_statement(sql, read_only=self._connection.read_only)
            if statement.changes:
                return self._written(statement, parameters(named), manner)
            told = self._told(statement)
            if told is not None:
                return QueryResult(told)
            plan = self._planned(statement, values, manner) if pushdown else None

        def load() -> QueryResult:
            return self._run(plan, sql, values, manner, started, verify=verify)

        if written is None or plan is None or plan.question is None:
            return self._within_limits(load())
        return self._within_limits(self._answers.answer(plan.question, plan.epoch, values, written, manner, load))

    def _run(
        self,
        plan: QueryPlan | None,
        sql: str,
        params: Mapping[str, object],
        manner: Manner,
        started: float,
        *,
        verify: bool,
    ) -> QueryResult:
        if plan is not None and (verify or self.checks.due()):
            return self._checked(plan, sql, params, manner, required=verify)
        return self._answered(plan, sql, params, manner, started)

    def _within_limits(self, result: QueryResult) -> QueryResult:
        if self._connection.limits.bounds_answers:
            self._connection.limits.apply(result)
        return result

    def explain(
        self,
        sql: str,
        params: Params,
        requirements: Requirements,
        routing: Routing,
        call: Call,
        *,
        analyze: bool,
        pushdown: bool = True,
    ) -> Plan:
        """Return the plan of a query, run and measured if asked for."""
        if analyze:
            result = self.run(sql, params, requirements, routing, call, pushdown=pushdown, cache=False)
            if result.plan is None:
                raise invalid("only queries have a plan", hint="explain a SELECT")
            return result.plan
        sql, named = named_parameters(sql, params)
        statement = self._question(sql, "only queries have a plan", "explain a SELECT")
        manner, values = Manner(requirements, routing, call), parameters(named)
        plan = self._planned(statement, values, manner) if pushdown else None
        if plan is None:
            return PlainRun(self._reread(sql), self._access(manner), values).plan()
        return shown(plan, self._connection.catalog)

    def stream(
        self,
        sql: str,
        params: Params,
        requirements: Requirements,
        routing: Routing,
        call: Call,
        *,
        pushdown: bool = True,
    ) -> Iterator[pa.RecordBatch]:
        """Run a query and give its answer once, batch by batch."""
        sql, named = named_parameters(sql, params)
        statement = self._question(sql, "only queries can be streamed", "use sql() for INSERT, UPDATE and DELETE")
        manner, values = Manner(requirements, routing, call), parameters(named)
        plan = self._planned(statement, values, manner, in_place=False) if pushdown else None
        if plan is not None:
            run = Run(plan, self._access(manner), values, call)
            try:
                if plan.residual is None:
                    return _batches(run.answer())
                return merge_batches(plan.residual, run.fetch(), values, call)
            except Unsupported:
                pass
            except PolyrouteError as exc:
                if exc.code not in _OF_THE_QUERY:
                    raise
        return PlainRun(self._reread(sql), self._access(manner), values).batches()

    def _written(self, statement: Statement, params: Mapping[str, object], manner: Manner) -> QueryResult:
        requirements, routing, call = manner.requirements, manner.routing, manner.call

        def stream(sql: str, values: Mapping[str, object], pushdown: bool) -> Iterator[pa.RecordBatch]:
            return self.stream(sql, values, requirements, routing, call, pushdown=pushdown)

        def execute(sql: str, values: Mapping[str, object]) -> QueryResult:
            return self._connection.run(RelationalExecute(None, sql, values or None), requirements, routing, call)

        write = SqlWrite(self._connection, stream, execute, call)
        return write.run(statement.text, statement.changed, params)

    def run_operation(self, op: Operation, requirements: Requirements, routing: Routing, call: Call) -> QueryResult:
        """Run a SQL operation: the whole statement in one engine that holds all it names."""
        return self._whole.run(op, requirements, routing, call)

    # plans

    def _remembered(self, sql: str, manner: Manner) -> QueryPlan | None:
        return self._held(_key(sql, manner, in_place=True, held=self.checks.quarantine.epoch), manner)

    def _held(self, key: Hashable, manner: Manner) -> QueryPlan | None:
        """Return a remembered plan if the replicas that it reads are still current enough."""
        plan = self._plans.get(key, self._connection.catalog.current_epoch())
        if plan is None or not self._connection.catalog.has_copies:
            return plan
        access = self._access(manner)
        wanted = [(e, p.datasets) for p in plan.parts if isinstance(p, SelectFragment) for e in p.engines]
        if plan.site is not None:
            wanted.append((plan.site.engine, plan.site.datasets))
        return plan if all(access.may_read(engine, datasets) for engine, datasets in wanted) else None

    def _planned(
        self,
        statement: Statement,
        params: Mapping[str, object],
        manner: Manner,
        *,
        in_place: bool = True,
        without: Pushdown | None = None,
    ) -> QueryPlan | None:
        """Return the plan of a statement, or None for what only the plain form answers."""
        key = _key(statement.text, manner, in_place=in_place, held=self.checks.quarantine.epoch)
        held = self._held(key, manner) if without is None else None
        if held is not None:
            return held
        connection = self._connection
        planner = Planner(
            connection.catalog,
            connection.engines,
            self._estimator,
            params,
            manner.requirements,
            manner.routing,
            manner.call,
            self._blocked if without is None else partial(self._blocked_with, without),
        )
        question = self._answers.question(statement)
        try:
            plan = replace(planner.plan(statement, in_place=in_place), question=question)
        except NotPlanned:
            return None
        if without is None:
            self._plans.put(key, plan)
        return plan

    def _blocked(self, engine: str, kind: str, dataset: str, expression: str) -> bool:
        quarantine = self.checks.quarantine
        return bool(quarantine.epoch) and quarantine.blocks(*_pushdown(engine, kind, dataset, expression))

    def _blocked_with(self, without: Pushdown, engine: str, kind: str, dataset: str, expression: str) -> bool:
        blocked = self._blocked(engine, kind, dataset, expression)
        return blocked or Pushdown(*_pushdown(engine, kind, dataset, expression)) == without

    def _checked(
        self, plan: QueryPlan, sql: str, params: Mapping[str, object], manner: Manner, *, required: bool
    ) -> QueryResult:
        """Run a statement with and without pushdown, and hold what changed its answer."""
        statement = self._reread(sql)
        positions = order_of(statement)

        def without(pushdown: Pushdown) -> QueryResult:
            rest = self._planned(self._reread(sql), params, manner, without=pushdown)
            return self._answered(rest, sql, params, manner, time.perf_counter())

        verified = verify_answers(
            lambda: self._pushed(plan, sql, params, manner),
            lambda: self._answered(None, sql, params, manner, time.perf_counter()),
            versions_of(statement, self._connection.catalog),
            pushdowns_of(plan, self._connection.catalog) if decided(statement) else (),
            self.checks.quarantine,
            ordered=positions is not None,
            order_by=positions or (),
            without=without,
            required=required,
        )
        return verified.answer

    # answers

    def _answered(
        self, plan: QueryPlan | None, sql: str, params: Mapping[str, object], manner: Manner, started: float
    ) -> QueryResult:
        if plan is not None:
            try:
                answered = self._in_one_state(plan, params, manner, started)
                if answered is not None:
                    return answered
            except Unsupported:
                pass
            except PolyrouteError as exc:
                if exc.code in _OF_THE_SITE and plan.site is not None and exc.engine == plan.site.engine:
                    apart = self._planned(self._reread(sql), params, manner, in_place=False)
                    return self._answered(apart, sql, params, manner, started)
                if exc.code not in _OF_THE_QUERY:
                    raise
        return _result(PlainRun(self._reread(sql), self._access(manner), params), started)

    def _in_one_state(
        self, plan: QueryPlan, params: Mapping[str, object], manner: Manner, started: float
    ) -> QueryResult | None:
        """Run a plan until all that it reads more than once was the same each time; None when that never happens."""
        again = plan.read_twice
        versions = versions_of_datasets(again, self._connection.catalog) if again else None
        for _ in range(_RUNS):
            before = None if versions is None else versions()
            result = _result(Run(plan, self._access(manner), params, manner.call), started)
            if versions is None or versions() == before:
                return result
        return None

    def _pushed(self, plan: QueryPlan, sql: str, params: Mapping[str, object], manner: Manner) -> QueryResult:
        """Run a plan alone, whatever comes of it; the plain form only where an engine refuses a part."""
        try:
            return _result(Run(plan, self._access(manner), params, manner.call), time.perf_counter())
        except Unsupported:
            return self._answered(None, sql, params, manner, time.perf_counter())

    def _elsewhere(
        self, sql: str, params: Params, requirements: Requirements, routing: Routing, call: Call
    ) -> QueryResult:
        return self.run(sql, params, requirements, routing, call)

    def _access(self, manner: Manner) -> Access:
        return Access(self._connection, self._estimator, self._gate, manner)

    def _reread(self, sql: str) -> Statement:
        """Read a statement again: planning changes its tree."""
        return read_statement(sql, read_only=self._connection.read_only)

    def _question(self, sql: str, refusal: str, hint: str) -> Statement:
        statement = read_statement(sql, read_only=self._connection.read_only)
        if statement.changes:
            raise invalid(refusal, hint=hint)
        return statement

    def _told(self, statement: Statement) -> pa.Table | None:
        """Answer SHOW TABLES and DESCRIBE of a dataset from the catalog."""
        tree = statement.tree
        if isinstance(tree, exp.Show):
            return shown_tables(str(tree.this), self._connection)
        if isinstance(tree, exp.Describe) and isinstance(tree.this, exp.Table) and statement.tables:
            parts = statement.tables[0].parts
            if parts[:-1] != ("polyroute",):
                return described(".".join(parts), self._connection)
        return None


def _batches(table: pa.Table) -> Iterator[pa.RecordBatch]:
    """Give a table batch by batch, at least one; repeated column names get `_1`."""
    named = table.rename_columns(list(unique_names(table.column_names)))
    yield from named.to_batches() or [pa.RecordBatch.from_pylist([], schema=named.schema)]


def _pushdown(engine: str, kind: str, dataset: str, expression: str) -> tuple[str, str, str, str]:
    if kind == "merge":
        return engine, kind, "", ""
    return engine, kind, dataset, expression if kind == "keys" else without_values(expression, kind)


def _key(sql: str, manner: Manner, *, in_place: bool, held: int) -> Hashable:
    requirements, routing = manner.requirements, manner.routing
    where = (routing.engine, routing.exclude) if routing.engine is not None or routing.exclude else None
    return sql, in_place, held, where, requirements.consistency, requirements.max_staleness_s


def _result(run: Run | PlainRun, started: float) -> QueryResult:
    answer = run.answer()
    result = QueryResult(answer)
    result.elapsed_s = time.perf_counter() - started
    engines = {f.engine for f in run.measured}
    result.engine = engines.pop() if len(engines) == 1 else None
    result.attempts = max(1, len(run.measured))
    result.freshness = run.freshness
    result._plan = partial(run.shown(), answer.num_rows, result.elapsed_s)
    return result

"""The coordinator: one connection over all engines, and the story of a query on one page.

An operation is resolved against the catalog, bound to its dataset, offered to the placements that can answer, ordered
by the routing strategy, run under the guard, recorded and learned from. SQL goes to the federation, which comes back
here for each of its fragments. What a person configures, loads or asks about the state of things is in the rooms beside
this one.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from polyroute.engines import BoundSelect, Call, Engine
from polyroute.engines.binding import Bound, bind
from polyroute.engines.contract import SchemaChanged
from polyroute.engines.registry import open_engine
from polyroute.errors import DatabaseErrorCode, PolyrouteError, invalid, make_error, unknown_name
from polyroute.operations import Operation
from polyroute.optimizer import ExecutionRecords, Learned, RoutingPolicies, fingerprint
from polyroute.optimizer.cache import CacheSettings, ResultCache
from polyroute.query import DEFAULT_REQUIREMENTS, DEFAULT_ROUTING, Query, Requirements, Routing
from polyroute.result import QueryResult
from polyroute.router.caching import Asked, CachedReads
from polyroute.router.cancellation import new_call
from polyroute.router.catalog import Catalog, Entry, Placement
from polyroute.router.federation import Checks, SqlLane
from polyroute.router.learned import run_chosen
from polyroute.router.limits import Limits
from polyroute.router.loads import DataMethods
from polyroute.router.methods import How, OperationMethods
from polyroute.router.observing import ObservingMethods
from polyroute.router.placements.refreshing import Refresher
from polyroute.router.placements.replicas import ReplicaMethods
from polyroute.router.probes import Prober
from polyroute.router.resilience import Resilience
from polyroute.router.selection import candidates
from polyroute.router.state import StateFolder
from polyroute.router.strategies import Strategies, group

if TYPE_CHECKING:
    import pyarrow as pa

    from polyroute.plan import Plan

Params = Mapping[str, object] | Sequence[object] | None

_ONLY = "the only engine that can answer"

# a file whose columns turn out wider than they were declared may say so one column at a time
_BINDINGS = 16


class DatabaseCoordinator(DataMethods, ReplicaMethods, ObservingMethods, OperationMethods[QueryResult]):
    """One connection over many engines; safe to share between threads.

    `state_dir` keeps what only the coordinator knows (None: a temporary folder); `read_only` refuses every write;
    `max_rows` and `max_bytes` cut answers, which then say `truncated`; `timeout_s` is the time limit of queries that
    bring none; `cache` holds the sizes and times of the result cache; `verify_rate` is the share of SQL statements
    whose pushdown is verified unasked.

    >>> import polyroute
    >>> with polyroute.connect({"rel": "sqlite://"}) as db:
    ...     _ = db.load("airports", [{"iata": "JFK", "city": "New York"}], engine="rel", key="iata")
    ...     db.relational_get("airports", "JFK").one()
    ('JFK', 'New York')
    """

    def __init__(
        self,
        *,
        state_dir: str | Path | None = None,
        read_only: bool = False,
        max_rows: int | None = None,
        max_bytes: int | None = None,
        timeout_s: float | None = None,
        routing: Routing = DEFAULT_ROUTING,
        resilience: Resilience = Resilience(),
        cache: CacheSettings = CacheSettings(),
        verify_rate: float = 0.0,
    ) -> None:
        self.read_only = read_only
        self.limits = Limits(max_rows, max_bytes, timeout_s)
        self._routing = routing
        self._state = StateFolder(None if state_dir is None else Path(state_dir))
        self.catalog = Catalog(self._state.path)
        self.cache = ResultCache(cache)
        self._reads = CachedReads(self.cache, self.catalog)
        self._refresher = Refresher(self.catalog)
        self.catalog.on_change = self._refresher.wake
        self.executions = ExecutionRecords(None if state_dir is None else self._state.path / "executions.db")
        self._policies = RoutingPolicies(self.executions)
        self._guard = resilience.guard()
        self._guard.monitor.watch_cache(self._lookups)
        self._strategies = Strategies(self._policies, self._guard.in_flight)
        self._engines: dict[str, Engine] = {}
        self._prober = None
        if resilience.probe_every_s is not None:
            self._prober = Prober(self._engines.copy, self._guard.monitor, every_s=resilience.probe_every_s)
            self._prober.start()
        self._sql = SqlLane(self, Checks(verify_rate))
        self._closed = False

    # the story of one operation

    def _operate(self, op: Operation, how: How, query: Query | None = None) -> QueryResult:
        requirements, routing, call = self._how(how.get("requirements"), how.get("routing"), how.get("timeout_s"))
        asked = self._reads.asked(op, routing, query) if how.get("cache", True) else None
        result = None if asked is None else self._reads.hit(asked, requirements)
        return self._within_limits(result or self.run(op, requirements, routing, call, asked=asked))

    def _within_limits(self, result: QueryResult) -> QueryResult:
        if self.limits.bounds_answers:
            self.limits.apply(result)
        return result

    def run(
        self, op: Operation, requirements: Requirements, routing: Routing, call: Call, *, asked: Asked | None = None
    ) -> QueryResult:
        """Run one operation on the best placement that can answer; lane A of the architecture.

        The federation fetches its fragments here too, so limits on answers are applied by those who give answers out.
        `asked` is the question as the cache knows it; without it the cache is left alone.
        """
        if op.dataset is None:
            return self._sql.run_operation(op, requirements, routing, call)
        for _ in range(_BINDINGS):
            try:
                return self._run(op, requirements, routing, call, asked)
            except SchemaChanged:
                self.catalog.refresh()
        return self._run(op, requirements, routing, call, asked)

    def _run(
        self, op: Operation, requirements: Requirements, routing: Routing, call: Call, asked: Asked | None
    ) -> QueryResult:
        started = time.perf_counter()
        self._admit(op)
        epoch = self.catalog.epoch
        entry = self.catalog.resolve(op.dataset or "")
        if entry.name != op.dataset:
            op = replace(op, dataset=entry.name)
        # versions come before all that is read: an answer kept under them can be too new for them, never too old
        reading = None if asked is None else self._reads.begin(entry, requirements)
        placements = candidates(entry, op, requirements, routing, self._engines)
        bound = bind(entry.dataset, op)
        if not type(op).writes:
            if asked is None or reading is None:
                return self._run_bound(op, bound, placements, routing, requirements, call, started)
            load = partial(self._run_bound, op, bound, placements, routing, requirements, call, started)
            return self._reads.answer(asked, reading, entry, bound, routing, epoch, load, call)
        with self.catalog.writing([entry.name]):
            return self._run_bound(op, bound, placements, routing, requirements, call, started)

    def run_on(
        self,
        op: Operation | BoundSelect,
        placements: list[Placement],
        written: Sequence[str],
        routing: Routing,
        requirements: Requirements,
        call: Call,
    ) -> QueryResult:
        """Run a SQL operation, which names its datasets in its text, on placements that hold all of them.

        `written` are the datasets that it changes.
        """
        self._admit(op)
        with self.catalog.writing(written):
            return self._run_bound(op, op, placements, routing, requirements, call, time.perf_counter())

    def _run_bound(
        self,
        op: Operation | BoundSelect,
        bound: Bound,
        placements: list[Placement],
        routing: Routing,
        requirements: Requirements,
        call: Call,
        started: float,
    ) -> QueryResult:
        learned = None
        try:
            if len(placements) == 1 or type(op).writes:
                kind, reason = None, _ONLY
                idempotent = requirements.idempotency_key is not None
                guarded = self._guard.run(placements, bound, call, write=type(op).writes, idempotent=idempotent)
            else:
                kind = fingerprint(op)
                choice = self._strategies.choose(routing.load_balancing, placements, op, bound, kind)
                placements = choice.placements
                urgent = requirements.priority == "high"
                guarded, runs, reason = run_chosen(self._guard, choice, bound, call, urgent=urgent)
                learned = Learned(group(placements), kind, runs)
                self._policies.observe(learned)
        except PolyrouteError as exc:
            self._record(op, exc.engine, started, 1, exc.code)
            raise
        answer, placement, attempts = guarded.answer, guarded.placement, guarded.attempts
        engine_id = placement.engine.id
        result = QueryResult(answer)
        result.engine = engine_id
        result.attempts = attempts
        if placement.freshness != "current":
            result.freshness = placement.freshness
        result._route = partial(self._strategies.explain, placements, engine_id, kind, reason)
        result.elapsed_s = self._record(op, engine_id, started, attempts, None, learned)
        return result

    def _lookups(self) -> tuple[int, int]:
        """Return how many questions the cache has answered, and how many not."""
        seen = self.cache.statistics()
        return seen.hits + seen.shared, seen.misses

    def _check_open(self) -> None:
        if self._closed:
            raise make_error(DatabaseErrorCode.COORDINATION_FAILED, "the connection is closed", hint="connect again")

    def _admit(self, op: Operation | BoundSelect) -> None:
        self._check_open()
        if self.read_only and type(op).writes:
            raise invalid(f"{op.name} writes, and the connection is read-only", hint="connect with read_only=False")

    def _record(
        self,
        op: Operation | BoundSelect,
        engine: str | None,
        started: float,
        attempts: int,
        code: str | None,
        learned: Learned | None = None,
    ) -> float:
        elapsed = time.perf_counter() - started
        self.executions.append((time.time(), op.name, op.dataset, engine, elapsed, attempts, code, learned))
        return elapsed

    # asking

    def query(self, query: Query) -> QueryResult:
        """Run a structured query."""
        if not self._closed:
            result = self._reads.hit_query(query)
            if result is not None:
                return self._within_limits(result)
        routing = query.routing if query.routing is not DEFAULT_ROUTING else None
        how = How(requirements=query.requirements, routing=routing, cache=query.cache)
        return self._operate(query.to_operation(), how, query)

    def sql(
        self,
        sql: str,
        params: Params = None,
        *,
        requirements: Requirements | None = None,
        routing: Routing | None = None,
        timeout_s: float | None = None,
        pushdown: bool = True,
        verify: bool = False,
        cache: bool = True,
    ) -> QueryResult:
        """Run a SQL statement in DuckDB's dialect over any engines.

        `params` are values for `$name` (a mapping) or `?` (a sequence). `pushdown=False` fetches every dataset whole
        and answers in process: the plain form, which the planner must always agree with; `verify=True` asks both ways
        and holds whatever was pushed and changed the answer in quarantine; `cache=False` asks anew.

        Raises QUERY_INVALID for a statement that is wrong, QUERY_TIMEOUT past the limit, and the errors of the engines
        that it reads.

        >>> import polyroute
        >>> with polyroute.connect({"rel": "sqlite://"}) as db:
        ...     db.sql("SELECT 7 / $n AS x", {"n": 2}).scalar()
        3.5
        """
        requirements, routing, call = self._how(requirements, routing, timeout_s)
        return self._sql.run(sql, params, requirements, routing, call, pushdown=pushdown, verify=verify, cache=cache)

    def explain(
        self,
        sql: str,
        params: Params = None,
        *,
        analyze: bool = False,
        requirements: Requirements | None = None,
        routing: Routing | None = None,
        timeout_s: float | None = None,
        pushdown: bool = True,
    ) -> Plan:
        """Return the plan of a SQL statement; with `analyze` it is also run and measured."""
        requirements, routing, call = self._how(requirements, routing, timeout_s)
        return self._sql.explain(sql, params, requirements, routing, call, analyze=analyze, pushdown=pushdown)

    def stream(self, sql: str, params: Params = None, *, timeout_s: float | None = None) -> Iterator[pa.RecordBatch]:
        """Run a SQL statement and give its answer once, in Arrow batches."""
        requirements, routing, call = self._how(None, None, timeout_s)
        return self._sql.stream(sql, params, requirements, routing, call)

    def _how(
        self, requirements: Requirements | None, routing: Routing | None, timeout_s: float | None
    ) -> tuple[Requirements, Routing, Call]:
        self._check_open()
        if requirements is None:
            requirements = DEFAULT_REQUIREMENTS
        elif not isinstance(requirements, Requirements):
            raise invalid(
                f"requirements are Requirements(...), not {type(requirements).__name__}",
                hint="write requirements=Requirements(timeout_s=2)",
            )
        if routing is None:
            routing = self._routing
        elif not isinstance(routing, Routing):
            raise invalid(
                f"routing is Routing(...), not {type(routing).__name__}", hint="write routing=Routing(engine='id')"
            )
        call = new_call(requirements, self.limits.timeout_s if timeout_s is None else timeout_s)
        return requirements, routing, call

    # engines and datasets

    def register_engine(self, engine: Engine | str, id: str | None = None) -> Engine:
        """Register an engine, open or as an address, under an id; its datasets can be asked at once.

        Raises QUERY_INVALID when the id is taken, reserved or no name, and whatever opening the address raises.
        """
        opened = isinstance(engine, str)
        made = open_engine(engine, read_only=self.read_only) if isinstance(engine, str) else engine
        try:
            engine_id = id or self._free_id(made)
            if not engine_id.isidentifier() or engine_id in ("polyroute", "memory"):
                raise invalid(
                    f"an engine cannot have the id {engine_id!r}", hint="choose a plain name, such as rel or docs"
                )
            if engine_id in self._engines:
                raise invalid(
                    f"there is an engine {engine_id!r} already", hint="unregister it first, or choose another id"
                )
            made.id = engine_id
            self._engines[engine_id] = made
            self.catalog.add(made)
            if not self.read_only:
                self._refresher.start()
        except BaseException:
            if opened:
                made.close()
            raise
        return made

    def unregister_engine(self, id: str) -> None:
        """Close an engine and forget it; its data stays where it is."""
        engine = self.engine(id)
        del self._engines[id]
        left = self.catalog.leave([id])
        self.catalog.remove(id)
        self._guard.forget(id)
        engine.close()
        left()
        # what is kept would hold on to the engine
        self.cache.clear()

    def engine(self, id: str) -> Engine:
        """Return an engine by its id; QUERY_INVALID, naming the nearest, when there is none."""
        if id not in self._engines:
            raise unknown_name("engine", id, self._engines)
        return self._engines[id]

    @property
    def engines(self) -> Mapping[str, Engine]:
        """The registered engines by id."""
        return dict(self._engines)

    @property
    def datasets(self) -> Mapping[str, Entry]:
        """Every dataset by name, with its placements; a name that two engines use for different data appears as
        `engine.name`.
        """
        return self.catalog.entries()

    def _free_id(self, engine: Engine) -> str:
        base = type(engine).__name__.removesuffix("Engine").lower() or "engine"
        if base not in self._engines:
            return base
        return next(f"{base}{n}" for n in range(2, 10_000) if f"{base}{n}" not in self._engines)

    def close(self) -> None:
        """Close all engines; closing twice is harmless."""
        if self._closed:
            return
        self._closed = True
        if self._prober is not None:
            self._prober.stop()
        self._refresher.stop()
        left = self.catalog.leave(self._engines)
        errors = []
        for engine in self._engines.values():
            try:
                engine.close()
            except Exception as exc:  # noqa: BLE001 - the others must be closed too
                errors.append(exc)
        left()
        self.cache.clear()
        self.executions.close()
        self._state.close()
        if errors:
            raise make_error(DatabaseErrorCode.COORDINATION_FAILED, "not every engine could be closed") from errors[0]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

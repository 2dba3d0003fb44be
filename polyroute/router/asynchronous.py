"""The same connection for coroutines: every method as an awaitable, over a bounded pool of threads.

Cancelling a coroutine cancels the engine's work: the worker's context holds a token to which each call is attached.
Loading and closing are awaitable too.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, ParamSpec, Self, TypeVar

from polyroute.engines import Engine
from polyroute.errors import PerformanceError
from polyroute.monitoring import PerformanceMetrics
from polyroute.operations import Operation
from polyroute.optimizer.cache import ResultCache
from polyroute.query import Query, Requirements, Routing
from polyroute.result import QueryResult
from polyroute.router.cancellation import CURRENT, CancelToken
from polyroute.router.catalog import Catalog, Entry
from polyroute.router.connecting import Config, connect
from polyroute.router.coordinator import DatabaseCoordinator
from polyroute.router.health import HealthReport
from polyroute.router.methods import How, OperationMethods

if TYPE_CHECKING:
    import pyarrow as pa

    from polyroute.engines.loading.loader import LoadReport
    from polyroute.plan import Plan

P = ParamSpec("P")
T = TypeVar("T")

MAX_THREADS = 8


class AsyncDatabaseCoordinator(OperationMethods[Awaitable[QueryResult]]):
    """One connection over many engines, for coroutines; made by `connect_async`.

    >>> import asyncio
    >>> async def main():
    ...     async with await connect_async({"rel": "sqlite://"}) as db:
    ...         return (await db.sql("SELECT 1 AS one")).scalar()
    >>> asyncio.run(main())
    1
    """

    def __init__(self, db: DatabaseCoordinator, *, max_threads: int = MAX_THREADS) -> None:
        self._db = db
        self._pool = ThreadPoolExecutor(max_threads, thread_name_prefix="polyroute-async")

    def _operate(self, op: Operation, how: How) -> Awaitable[QueryResult]:
        return self._run(self._db._operate, op, how)

    async def query(self, query: Query) -> QueryResult:
        """Run a structured query."""
        return await self._run(self._db.query, query)

    async def sql(
        self,
        sql: str,
        params: Mapping[str, object] | Sequence[object] | None = None,
        *,
        requirements: Requirements | None = None,
        routing: Routing | None = None,
        timeout_s: float | None = None,
        pushdown: bool = True,
        verify: bool = False,
        cache: bool = True,
    ) -> QueryResult:
        """Run a SQL statement in DuckDB's dialect over any engines."""
        return await self._run(
            self._db.sql,
            sql,
            params,
            requirements=requirements,
            routing=routing,
            timeout_s=timeout_s,
            pushdown=pushdown,
            verify=verify,
            cache=cache,
        )

    async def explain(
        self,
        sql: str,
        params: Mapping[str, object] | Sequence[object] | None = None,
        *,
        analyze: bool = False,
        pushdown: bool = True,
    ) -> Plan:
        """Return the plan of a SQL statement; with `analyze` it is also run and measured."""
        return await self._run(self._db.explain, sql, params, analyze=analyze, pushdown=pushdown)

    async def stream(
        self, sql: str, params: Mapping[str, object] | Sequence[object] | None = None, *, timeout_s: float | None = None
    ) -> AsyncIterator[pa.RecordBatch]:
        """Run a SQL statement and give its answer once, in Arrow batches."""
        batches: Iterator[pa.RecordBatch] = await self._run(self._db.stream, sql, params, timeout_s=timeout_s)
        while (batch := await self._run(next, batches, None)) is not None:
            yield batch

    async def load(self, name: str, data: object, /, **options: Any) -> LoadReport:
        """Load data under a name; the options are those of `DatabaseCoordinator.load`."""
        return await self._run(self._db.load, name, data, **options)

    async def register(self, name: str, data: object) -> LoadReport:
        """Make a table or DataFrame a dataset of this connection only."""
        return await self._run(self._db.register, name, data)

    async def replicate(
        self, dataset: str, *, to: str, refresh: str = "on_write", timeout_s: float | None = None
    ) -> LoadReport:
        """Copy a dataset into another engine, which may then answer for it as long as the copy is current."""
        return await self._run(self._db.replicate, dataset, to=to, refresh=refresh, timeout_s=timeout_s)

    async def refresh(self, dataset: str, *, timeout_s: float | None = None) -> list[LoadReport]:
        """Bring the replicas of a dataset up to its primary."""
        return await self._run(self._db.refresh, dataset, timeout_s=timeout_s)

    async def unreplicate(self, dataset: str, *, engine: str) -> None:
        """Remove the replica of a dataset from an engine."""
        await self._run(self._db.unreplicate, dataset, engine=engine)

    async def drop(self, dataset: str) -> None:
        """Remove a dataset from every engine that holds a placement of it."""
        await self._run(self._db.drop, dataset)

    async def create_index(self, dataset: str, columns: str | Sequence[str], *, engine: str | None = None) -> None:
        """Make an index on columns, or on nested paths of documents."""
        await self._run(self._db.create_index, dataset, columns, engine=engine)

    async def register_engine(self, engine: Engine | str, id: str | None = None) -> Engine:
        """Register an engine, open or as an address, under an id."""
        return await self._run(self._db.register_engine, engine, id)

    async def unregister_engine(self, id: str) -> None:
        """Close an engine and forget it."""
        await self._run(self._db.unregister_engine, id)

    async def health_report(self) -> HealthReport:
        """Ask every engine for a sign of life."""
        return await self._run(self._db.health_report)

    async def performance_metrics(self, window_s: float | None = None) -> PerformanceMetrics:
        """Return the figures per engine and operation, of the last `window_s` seconds or of all time."""
        return await self._run(self._db.performance_metrics, window_s)

    def error_statistics(self, window_s: float | None = None) -> Mapping[str, Mapping[str, int]]:
        """Return how often each engine failed with which code, in the last `window_s` seconds or ever."""
        return self._db.error_statistics(window_s)

    def on_signal(self, callback: Callable[[PerformanceError], object]) -> Callable[[], None]:
        """Call back at performance signals, in the thread that found out; what is returned ends that."""
        return self._db.on_signal(callback)

    @property
    def engines(self) -> Mapping[str, Engine]:
        """The registered engines by id."""
        return self._db.engines

    @property
    def datasets(self) -> Mapping[str, Entry]:
        """Every dataset by name, with its placements."""
        return self._db.datasets

    @property
    def cache(self) -> ResultCache:
        """The result cache, which the synchronous connection beneath keeps."""
        return self._db.cache

    @property
    def catalog(self) -> Catalog:
        """The catalog of datasets and placements."""
        return self._db.catalog

    async def close(self) -> None:
        """Close all engines."""
        await self._run(self._db.close)
        self._pool.shutdown(wait=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        token = CancelToken()
        context = contextvars.copy_context()
        context.run(CURRENT.set, token)
        loop = asyncio.get_running_loop()
        future = loop.run_in_executor(self._pool, partial(context.run, work, *args, **kwargs))
        try:
            return await future
        except asyncio.CancelledError:
            token.cancel()
            raise


async def connect_async(
    config: Config = None,
    *,
    state_dir: str | Path | None = None,
    read_only: bool | None = None,
    max_rows: int | None = None,
    max_bytes: int | None = None,
    timeout_s: float | None = None,
    cache: bool | None = None,
    max_threads: int = MAX_THREADS,
) -> AsyncDatabaseCoordinator:
    """Open one connection over many engines for coroutines; the arguments are those of `connect`, and the size of the
    thread pool.
    """
    make = partial(
        connect,
        config,
        state_dir=state_dir,
        read_only=read_only,
        max_rows=max_rows,
        max_bytes=max_bytes,
        timeout_s=timeout_s,
        cache=cache,
    )
    db = await asyncio.get_running_loop().run_in_executor(None, make)
    return AsyncDatabaseCoordinator(db, max_threads=max_threads)

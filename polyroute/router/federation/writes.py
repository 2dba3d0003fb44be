"""Writes in SQL whose rows come from anywhere: INSERT ... SELECT and CREATE TABLE ... AS SELECT into any engine that
takes them.

What one engine can do alone stays with it, as `relational_execute`. Otherwise the query runs like any other, over all
engines, into a spool; then the loading floor takes the rows, all or nothing, with the checks and the progress of
`db.load`. The target is written in its primary, and its copies are stale from then on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import TypeAlias

import pyarrow as pa
from sqlglot import exp

from polyroute.engines import Call, Engine
from polyroute.engines.execution import translated
from polyroute.engines.loading.loader import Definition, load
from polyroute.engines.loading.sources import Source
from polyroute.errors import DatabaseErrorCode, PolyrouteError, invalid, unknown_name
from polyroute.result import QueryResult, Rows
from polyroute.router.catalog import Entry
from polyroute.router.federation.connection import Connection
from polyroute.router.federation.statement import read_statement
from polyroute.router.federation.writes_columns import (
    create_columns,
    defined,
    insert_columns,
    no_rows,
    renamed,
    target_column,
)
from polyroute.router.federation.writes_conflicts import check_distinct, conflict_columns, new_only
from polyroute.router.federation.writes_spool import Spool, spooled
from polyroute.router.federation.writes_statement import (
    Create,
    Insert,
    queries,
    read_create,
    read_insert,
    sources,
    target,
)
from polyroute.router.federation.writes_subqueries import Evaluated, by_keys, localised
from polyroute.sql.dialect import render
from polyroute.sql.filters import Unsupported

Params: TypeAlias = "Mapping[str, object]"

Stream: TypeAlias = "Callable[[str, Params, bool], Iterator[pa.RecordBatch]]"
Execute: TypeAlias = "Callable[[str, Params], QueryResult]"

# what may come of pushing alone
_OF_THE_QUERY = frozenset({DatabaseErrorCode.QUERY_INVALID, DatabaseErrorCode.QUERY_EXECUTION_FAILED})


class SqlWrite:
    """One statement that changes data: INSERT, UPDATE, DELETE, CREATE TABLE ... AS.

    `stream` runs a query over all engines, with pushdown or without, and gives its batches, at least one, also of an
    empty answer; `execute` runs a change whole in the one engine that holds all it names, as `relational_execute` does.
    """

    def __init__(self, connection: Connection, stream: Stream, execute: Execute, call: Call) -> None:
        self._connection = connection
        self._stream = stream
        self._execute = execute
        self._call = call

    def run(self, sql: str, tree: exp.Expr, params: Params) -> QueryResult:
        """Run the statement and tell how many rows it wrote.

        Raises QUERY_INVALID for a wrong target, wrong columns or types, naming them, and for what cannot be done across
        engines, with the way out; CONSISTENCY_VIOLATION for a key that is held; and what the query raises. Then nothing
        has changed.
        """
        if self._connection.read_only:
            raise invalid("the statement writes, and the connection is read-only", hint="connect with read_only=False")
        if isinstance(tree, exp.Create):
            return self._create(read_create(tree), params)
        if isinstance(tree, exp.Insert):
            return self._insert_anywhere(sql, tree, params)
        return self._change(sql, tree, params)

    def _insert_anywhere(self, sql: str, tree: exp.Insert, params: Params) -> QueryResult:
        if not self._is_local(tree):
            return self._insert(read_insert(tree), params)
        try:
            return self._execute(sql, params)
        except PolyrouteError as exc:
            if not _has_not_the_words(exc):
                raise
        return self._insert(read_insert(tree), params)

    # what one engine can do alone

    def _is_local(self, tree: exp.Expr) -> bool:
        """Tell whether the engine of the target can run the whole statement."""
        engine = self._entry(target(tree)[0])[0].primary.engine
        if "relational_execute" not in engine.operations:
            return False
        return all(self._holds(engine, query) for query in queries(tree)) and all(
            self._has(engine, tuple(p.name for p in table.parts)) for table in sources(tree)
        )

    def _holds(self, engine: Engine, query: exp.Expr) -> bool:
        statement = read_statement(render(query))
        return not statement.calls and all(self._has(engine, parts) for parts in statement.names)

    def _has(self, engine: Engine, parts: tuple[str, ...]) -> bool:
        entry = self._connection.catalog.find(".".join(parts))
        return entry is not None and entry.primary.engine is engine and entry.primary.primary

    @contextmanager
    def _spooled(self, query: exp.Expr, params: Params) -> Iterator[Spool]:
        """Give all rows of a query; pushing may never be the reason for an error, so the plain form has the last
        word.
        """
        sql = render(query)
        with ExitStack() as stack:
            try:
                spool = stack.enter_context(spooled(self._stream(sql, params, True), self._call))
            except (Unsupported, PolyrouteError) as exc:
                if isinstance(exc, PolyrouteError) and exc.code not in _OF_THE_QUERY:
                    raise
                spool = stack.enter_context(spooled(self._stream(sql, params, False), self._call))
            yield spool

    # rows into a dataset that is there

    def _insert(self, write: Insert, params: Params) -> QueryResult:
        started = time.perf_counter()
        entry, part = self._entry(write.target)
        engine, dataset = self._writable(entry), entry.dataset
        held = dataset.part_schema(part)
        if part == "nodes" and write.conflict != "error":
            raise invalid("the nodes of a graph take no ON CONFLICT", hint="write them with graph_upsert(nodes=...)")
        self._check_repeatable(engine, write)
        if write.conflict != "error":
            conflict_columns(write, dataset)
        columns = None if write.columns is None else [target_column(c, held, dataset) for c in write.columns]
        query = write.query
        if write.conflict == "nothing":
            query = new_only(query, _dotted(engine.id, entry.name), columns or held.names, dataset, write.by_name)
        with self._spooled(query, params) as spool:
            names = insert_columns(write, columns, spool.schema.names, held, dataset)
            if write.conflict == "replace":
                check_distinct(spool, names, dataset)
            mode = "upsert" if write.conflict == "replace" else "append"
            source, definition = renamed(spool, names), Definition()
            if part == "nodes":
                nodes = pa.Table.from_batches(list(source.batches()), source.schema)
                source, definition = no_rows(dataset.schema), Definition(nodes=nodes)
            self._load(engine, entry.name, source, mode, definition, started, "insert")
            return self._result(engine, spool.rows, started)

    def _entry(self, parts: tuple[str, ...]) -> tuple[Entry, str | None]:
        """Return the dataset that a statement writes, and the part of it where it is a graph's."""
        catalog = self._connection.catalog
        if parts[0] == "polyroute" and len(parts) > 1:
            raise invalid("polyroute's own tables are read only", hint="write to a dataset of an engine")
        name = ".".join(parts)
        if len(parts) > 1 and catalog.find(name) is None:
            graph = catalog.find(".".join(parts[:-1]))
            if graph is not None and graph.dataset.parts:
                part = next((p for p in graph.dataset.parts if p.lower() == parts[-1].lower()), parts[-1])
                graph.dataset.part_schema(part)
                return graph, (part if part != "edges" else None)
        return catalog.resolve(name), None

    def _writable(self, entry: Entry) -> Engine:
        placement = entry.primary
        if not placement.primary:
            raise invalid(f"{entry.name!r} is written in its primary", hint="leave the engine out of the name")
        return placement.engine

    def _check_repeatable(self, engine: Engine, write: Insert) -> None:
        if self._call.idempotency_key is not None and write.conflict == "error" and not engine.traits.idempotent_writes:
            raise invalid(
                f"{engine.id} keeps no idempotency keys, so a repeated INSERT would write its rows twice",
                hint="leave the key out, or write ON CONFLICT DO NOTHING, which may be repeated",
            )

    # a dataset out of rows

    def _create(self, write: Create, params: Params) -> QueryResult:
        started = time.perf_counter()
        engine, name = self._new_target(write)
        with translated(engine, self._call):
            held = engine.datasets().get(name)
        if held is not None and write.if_not_exists:
            return self._result(engine, 0, started)
        if held is not None and not write.replace:
            raise invalid(
                f"{engine.id} holds a dataset {name!r} already",
                hint="write CREATE OR REPLACE TABLE or IF NOT EXISTS, INSERT INTO it, or choose another name",
            )
        self._connection.catalog.check_load(name, [engine.id])
        with self._spooled(write.query, params) as spool:
            names = create_columns(write.columns, spool.schema.names)
            mode, definition = "replace" if write.replace else "create", defined(write, names)
            self._load(engine, name, renamed(spool, names), mode, definition, started, "create")
            return self._result(engine, spool.rows, started)

    def _new_target(self, write: Create) -> tuple[Engine, str]:
        """Return the engine and the name of a table to create."""
        *prefix, name = write.target
        engines = self._connection.engines
        if len(prefix) == 1 and prefix[0] in engines:
            return engines[prefix[0]], name
        if prefix:
            raise unknown_name("engine", ".".join(prefix), engines)
        held = self._connection.catalog.find(name)
        if held is not None:
            return self._writable(held), held.name
        if len(engines) == 1:
            return next(iter(engines.values())), name
        raise invalid(
            f"in which engine {name!r} is to be made is not said",
            hint=f"write CREATE TABLE engine.{name} AS ...; the engines are {', '.join(engines)}",
        )

    def _load(
        self,
        engine: Engine,
        name: str,
        source: Source,
        mode: str,
        definition: Definition,
        started: float,
        operation: str,
    ) -> None:
        code: str | None = None
        catalog = self._connection.catalog
        try:
            with catalog.writing([name]):
                load([engine], name, source, mode=mode, definition=definition, call=self._call)
        except PolyrouteError as exc:
            code = exc.code
            raise
        finally:
            catalog.refresh()
            elapsed = time.perf_counter() - started
            self._connection.executions.append((time.time(), operation, name, engine.id, elapsed, 1, code))

    def _result(self, engine: Engine, rows: int, started: float) -> QueryResult:
        result = QueryResult(Rows((), [], affected=rows))
        result.engine = engine.id
        result.elapsed_s = time.perf_counter() - started
        return result

    # rows that are there, by what other engines say

    def _change(self, sql: str, tree: exp.Expr, params: Params) -> QueryResult:
        """Run an UPDATE or DELETE; subqueries that read other engines are answered first."""
        entry = self._entry(target(tree)[0])[0]
        engine = self._writable(entry)
        if "relational_execute" not in engine.operations:
            raise invalid(
                f"{engine.id} runs no UPDATE or DELETE", hint=f"it offers {', '.join(sorted(engine.operations))}"
            )
        evaluated = self._evaluated(params)
        if not self._is_local(tree):
            sql = render(localised(tree, entry.dataset, lambda query: self._holds(engine, query), evaluated))
        try:
            return self._execute(sql, params)
        except PolyrouteError as exc:
            if not _has_not_the_words(exc):
                raise
            sql = render(by_keys(tree, entry.dataset, evaluated, exc))
        return self._execute(sql, params)

    def _evaluated(self, params: Params) -> Evaluated:
        def evaluated(query: exp.Expr) -> pa.Table:
            with self._spooled(query, params) as spool:
                return pa.Table.from_batches(list(spool.batches()), spool.schema)

        return evaluated


def _has_not_the_words(failure: PolyrouteError) -> bool:
    """Tell whether an engine refused a change because it cannot run it exactly, not because it is wrong."""
    return isinstance(failure.__cause__, Unsupported)


def _dotted(*parts: str) -> exp.Table:
    names = [exp.to_identifier(p, quoted=True) for p in parts]
    return exp.Table(this=names[-1], db=names[0])

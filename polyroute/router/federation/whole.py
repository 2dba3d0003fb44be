"""SQL operations, which run in one engine as a whole: relational_query and relational_execute.

A question that its engine cannot read exactly as DuckDB would is answered by the federation; a native text goes to its
engine as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import pyarrow as pa
from sqlglot import exp

from polyroute.engines import Call, Dataset
from polyroute.errors import invalid
from polyroute.operations import Operation, RelationalExecute, RelationalQuery
from polyroute.query import Requirements, Routing
from polyroute.result import QueryResult
from polyroute.router.catalog import Placement
from polyroute.router.federation.connection import Connection
from polyroute.router.federation.statement import Statement, named_parameters, read_statement
from polyroute.router.selection import readable
from polyroute.sql.dialect import render
from polyroute.sql.filters import Unsupported

Params = Mapping[str, object] | Sequence[object] | None
Elsewhere = Callable[[str, Params, Requirements, Routing, Call], QueryResult]


class WholeStatements:
    """Runs SQL operations; `elsewhere` answers a question that its engine cannot."""

    def __init__(self, connection: Connection, elsewhere: Elsewhere) -> None:
        self._connection = connection
        self._elsewhere = elsewhere

    def run(self, op: Operation, requirements: Requirements, routing: Routing, call: Call) -> QueryResult:
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
        placements = self._placements(statement, op, requirements, routing)
        try:
            if statement.tree is None:
                raise Unsupported("only DuckDB can parse the text, so no engine's reading of it can be checked")
            return self._connection.run_on(
                replace(op, sql=_bare(statement)), placements, (), routing, requirements, call
            )
        except Unsupported:
            pinned = replace(routing, engine=None)
            return self._elsewhere(op.sql, op.params, requirements, pinned, call)

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
        if not statement.changes or isinstance(statement.tree, exp.Create):
            raise invalid(
                "relational_execute runs INSERT, UPDATE and DELETE",
                hint="use sql() for the others",
            )
        placements = self._placements(statement, op, requirements, routing, write=True)
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
        self,
        statement: Statement,
        op: Operation,
        requirements: Requirements,
        routing: Routing,
        *,
        write: bool = False,
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
            held = [p for e in entries if (p := readable(e, engine_id, requirements)) is not None]
            if (
                len(held) == len(entries)
                and all(p.primary or not write for p in held)
                and op.name in placement.engine.operations
                and routing.engine in (None, engine_id)
                and engine_id not in routing.exclude
            ):
                aged = [p.freshness for p in held if p.freshness != "current"]
                shared.append(replace(placement, freshness=aged[0]) if aged else placement)
        if not shared:
            if write and not entries[0].primary.primary:
                raise invalid(f"{entries[0].name!r} is written in its primary", hint="leave the engine out of the name")
            raise invalid(
                f"no one engine can run {op.name} on {', '.join(e.name for e in entries)}",
                hint="use sql(), which joins across engines",
            )
        return shared


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

"""Run one bound operation on one engine: the engine floor's answer to the router.

Here an adapter's promises are kept: of a scan it gets what it promised to do exactly, and the rest, filter, order, cut,
is done over its Arrow answer, so every placement gives the same rows. Native exceptions leave as polyroute's own, and a
call with a deadline on an engine that cannot be stopped goes to a bounded worker.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pyarrow as pa

from polyroute.engines.binding import Bound, bind
from polyroute.engines.call import UNBOUNDED, Call
from polyroute.engines.contract import Answer, BoundScan, Engine, Pushed, SchemaChanged
from polyroute.engines.local import evaluate
from polyroute.engines.workers import run_bounded
from polyroute.errors import DatabaseErrorClassifier, Outcome, PolyrouteError, invalid
from polyroute.operations import Operation
from polyroute.result import Documents, Rows
from polyroute.sql.filters import Unsupported
from polyroute.values import table_from_rows

_CLASSIFIER = DatabaseErrorClassifier()


def execute(engine: Engine, op: Operation, call: Call = UNBOUNDED) -> Answer:
    """Bind an operation to the engine's own dataset and run it; see `run`.

    >>> from polyroute.engines import open_engine
    >>> from polyroute.operations import RelationalExecute, RelationalQuery
    >>> engine = open_engine("sqlite://")
    >>> _ = execute(engine, RelationalExecute(None, "CREATE TABLE t (a INTEGER)", dialect="native"))
    >>> execute(engine, RelationalQuery(None, "SELECT 1 AS one", dialect="native")).rows
    [(1,)]
    >>> engine.close()
    """
    if op.dataset is None:
        return run(engine, op, call)
    try:
        return run(engine, bind(engine.dataset(op.dataset), op), call)
    except SchemaChanged:
        return execute(engine, op, call)


def run(engine: Engine, op: Bound, call: Call = UNBOUNDED, *, write: bool = False) -> Answer:
    """Run a bound operation and return a materialised answer.

    A `write` makes the epoch of the engine's resource odd as long as it is at work; one that nobody could stop at its
    deadline goes on, so its outcome is unknown and the epoch stays odd until it has ended. Raises QUERY_INVALID when
    the engine does not offer it, QUERY_TIMEOUT when the call is stopped, and the engine's errors as `PolyrouteError`
    with the native one as cause.
    """
    try:
        work = _write if write else _run
        if call.deadline is None or engine.traits.cancellable:
            return work(engine, op, call)
        left_behind = Outcome.UNKNOWN if write else Outcome.NOT_EXECUTED
        return run_bounded(lambda: work(engine, op, call), call, left_behind=left_behind)
    except (PolyrouteError, Unsupported) as exc:
        if isinstance(exc, PolyrouteError):
            exc.engine = exc.engine or engine.id or None
        raise
    except Exception as exc:
        raise translate(engine, exc, call) from exc


@contextmanager
def translated(engine: Engine, call: Call = UNBOUNDED) -> Iterator[None]:
    """Let native exceptions leave the block as polyroute's own."""
    try:
        yield
    except PolyrouteError as exc:
        exc.engine = exc.engine or engine.id or None
        raise
    except Exception as exc:
        raise translate(engine, exc, call) from exc


def translate(engine: Engine, exc: Exception, call: Call = UNBOUNDED) -> PolyrouteError:
    """Return the polyroute error for what an engine raised; a stopped call is a time-out, whatever the engine made of
    it.
    """
    if call is not UNBOUNDED and (call.cancelled or call.expired) and not isinstance(exc, PolyrouteError):
        error = call.stopped()
        error.engine = engine.id or None
        return error
    table = type(engine).__qualname__
    _CLASSIFIER.register(table, engine.errors)
    error = _CLASSIFIER.translate(exc, engine=table)
    if error.engine in (None, table):
        error.engine = engine.id or None
    return error


def _write(engine: Engine, op: Bound, call: Call) -> Answer:
    with engine.resource.writing():
        return _run(engine, op, call)


def _run(engine: Engine, op: Bound, call: Call) -> Answer:
    if type(op) is BoundScan:
        return _scan(engine, op, call)
    method = getattr(engine, op.name, None)
    if method is None:
        offered = ", ".join(sorted(engine.operations))
        raise invalid(f"{engine.id or type(engine).__name__} has no {op.name}", hint=f"it offers {offered}")
    answer: Answer = method(op, call)
    return answer if type(answer) is Rows else materialise(answer)


def _scan(engine: Engine, op: BoundScan, call: Call) -> Answer:
    pushed = engine.negotiate(op)
    asked, whole = pushed_scan(op, pushed)
    answer = materialise(engine.scan(asked, call))
    if whole:
        return answer
    return evaluate(
        as_table(answer),
        columns=op.columns,
        where=pushed.residual,
        order=() if pushed.order and pushed.residual is None else op.order,
        limit=op.limit,
        call=call,
    )


def pushed_scan(op: BoundScan, pushed: Pushed) -> tuple[BoundScan, bool]:
    """Return what the engine is asked, and whether that is all of the scan.

    An order or a limit below a filter that is not applied yet would cut the wrong rows, so they go down only when
    nothing is left above them.
    """
    order = bool(op.order) and pushed.order and pushed.residual is None
    limit = op.limit is not None and pushed.limit and pushed.residual is None and (order or not op.order)
    columns = dict.fromkeys(op.columns)
    if pushed.residual is not None:
        columns.update(dict.fromkeys(sorted(pushed.residual.columns)))
    if not order:
        columns.update(dict.fromkeys(k.column for k in op.order))
    whole = (
        pushed.residual is None
        and (order or not op.order)
        and (limit or op.limit is None)
        and len(columns) == len(op.columns)
    )
    asked = replace(
        op,
        columns=tuple(columns),
        where=pushed.where,
        order=op.order if order else (),
        limit=op.limit if limit else None,
    )
    return asked, whole


def materialise(answer: Answer) -> Answer:
    """Read a stream to its end, inside the guarded call."""
    return answer.read_all() if isinstance(answer, pa.RecordBatchReader) else answer


def as_table(answer: Answer) -> pa.Table:
    """Return any answer as an Arrow table."""
    if isinstance(answer, Rows):
        schema = answer.schema() if callable(answer.schema) else answer.schema
        return table_from_rows(answer.columns, answer.rows, schema)
    if isinstance(answer, Documents):
        return answer.table()
    return materialise(answer)

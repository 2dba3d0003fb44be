"""Copy a dataset from its primary into another engine, whole and at once.

The primary is read in one statement, so the copy is one state of it (a graph, whose edges and nodes are two reads, is
read again when it was written in between). It is stored through the loading floor, which replaces an older copy as one
step: readers see the old one or the new one. An engine that would not give the same columns and types back is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from polyroute import operations as ops
from polyroute.engines import Call, Dataset, Engine
from polyroute.engines.execution import as_table, execute, translated
from polyroute.engines.resources.shared import naming
from polyroute.errors import DatabaseErrorCode, invalid, make_error
from polyroute.result import Documents
from polyroute.router.placements.copies import State, state_of

if TYPE_CHECKING:
    import pyarrow as pa

    from polyroute.engines.loading.loader import LoadReport
    from polyroute.engines.loading.sources import Source

_READS = 3


def check_target(name: str, dataset: Dataset, primary: Engine, target: Engine) -> None:
    """Refuse an engine that cannot hold a copy; QUERY_INVALID with the reason."""
    if target.resource.key == primary.resource.key:
        raise invalid(
            f"{target.id} stands on the same store as {primary.id}, which holds {name!r}",
            hint="a replica needs a store of its own",
        )
    if dataset.kind != target.kind and "graph" in (dataset.kind, target.kind):
        raise invalid(
            f"{name!r} is a {dataset.kind} dataset, {target.id} holds {target.kind} data",
            hint="a graph with its nodes is copied into another graph engine only",
        )


def copy_dataset(
    name: str, primary: Engine, target: Engine, call: Call, *, show_progress: bool | None = None
) -> tuple[LoadReport, State | None]:
    """Copy a dataset and return what was done, with the state of the primary that the copy holds at least.

    Raises what the engines raise, and QUERY_INVALID where the target cannot give the dataset back as it is; the target
    then holds what it held before.
    """
    from polyroute.engines.loading.loader import Definition, load

    dataset = primary.dataset(name)
    source, nodes, state = _read(name, dataset, primary, call)
    definition = Definition(dataset.key, dict(dataset.roles), nodes)
    new = name not in target.datasets()
    with naming([name]):
        report = load(
            [target], name, source, mode="replace", definition=definition, show_progress=show_progress, call=call
        )
        held = target.dataset(name).schema
        if not held.equals(dataset.schema):
            if new:
                with translated(target), target.resource.writing():
                    target.drop(name, call)
            difference = _difference(dataset, held)
            raise invalid(
                f"{target.id} would not give {name!r} back with the same columns and types ({difference})",
                hint="choose an engine of the primary's kind",
            )
    return report, state


def _read(name: str, dataset: Dataset, primary: Engine, call: Call) -> tuple[Source, pa.Table | None, State | None]:
    from polyroute.engines.loading.sources import from_documents, from_table

    for _ in range(_READS):
        state = state_of(primary, name)
        if dataset.kind == "document":
            answer = execute(primary, ops.DocumentFind(name), call)
            if isinstance(answer, Documents):
                return from_documents(list(answer.documents)), None, state
        table = as_table(execute(primary, ops.Scan(name), call))
        if dataset.kind != "graph":
            return from_table(table), None, state
        nodes = as_table(execute(primary, ops.Scan(name, part="nodes"), call))
        if state is not None and state_of(primary, name) == state:
            return from_table(table), nodes, state
    raise make_error(
        DatabaseErrorCode.ENGINE_OVERLOADED,
        f"{name!r} was written whenever it was read for a copy",
        engine=primary.id,
        hint="refresh it when it is written less",
    )


def _difference(dataset: Dataset, held: pa.Schema) -> str:
    for field in dataset.schema:
        if field.name not in held.names:
            return f"{field.name!r} is missing"
        if held.field(field.name).type != field.type:
            return f"{field.name!r} would be {held.field(field.name).type} instead of {field.type}"
    return "the order of the columns"

"""Change the rows of a Lance table: each change is one commit, made by the only writer of the table at that moment."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

import pyarrow as pa

from polyroute.engines.vector.lance.bridge import run
from polyroute.engines.vector.lance.keys import KeyCheck, key_array, key_filter
from polyroute.engines.vector.stored import check_vectors
from polyroute.errors import DatabaseErrorCode, Outcome, PolyrouteError, invalid, make_error
from polyroute.sql.filters import Unsupported, split

if TYPE_CHECKING:
    import lancedb

    from polyroute.engines.call import Call
    from polyroute.engines.vector.lance.folder import LanceFolder
    from polyroute.engines.vector.lance.layout import Layout
    from polyroute.engines.vector.lance.snapshot import Snapshot
    from polyroute.engines.vector.lance.store import LanceStore
    from polyroute.sql.filters import Filter

T = TypeVar("T")


def upsert(store: LanceStore, dataset: str, rows: pa.Table, call: Call) -> int:
    """Insert rows, or replace those whose key is held, and return how many; of rows with one key the last is kept.

    Raises QUERY_INVALID, naming column and row, for a key that is NULL or a vector that is not finite.
    """
    snapshot = store.snapshot(dataset)
    layout = snapshot.layout
    snapshot.dataset.single_key()
    batches = _checked(rows, layout)
    if not batches:
        return 0
    with store.folder.writing(snapshot.table_name, call):
        check_unchanged(layout, store.snapshot(dataset))
        reader = pa.RecordBatchReader.from_batches(layout.schema, batches)
        commit(_merge(store.folder, snapshot.table_name, layout, reader), call)
    store.upkeep.wrote(snapshot.table_name)
    return sum(b.num_rows for b in batches)


def delete(store: LanceStore, dataset: str, keys: list[object] | None, where: Filter | None, call: Call) -> int:
    """Delete the rows of some keys, or those that pass a filter, and return how many."""
    with store.folder.writing(store.snapshot(dataset).table_name, call):
        snapshot = store.snapshot(dataset)
        text = _condition(snapshot, keys, where, call)
        if text is None:
            return 0
        deleted = commit(_delete(store.folder, snapshot.table_name, text), call)
    if deleted:
        store.upkeep.wrote(snapshot.table_name)
    return deleted


def commit(work: Coroutine[Any, Any, T], call: Call) -> T:
    """Run a write; one that is stopped on its way may have committed or not."""
    call.check()
    try:
        return run(work, call)
    except PolyrouteError as error:
        error.outcome = Outcome.UNKNOWN
        raise


async def merge(table: lancedb.AsyncTable, layout: Layout, rows: pa.RecordBatchReader) -> None:
    """Insert rows, or replace those whose key is held, in one commit."""
    merging = table.merge_insert(layout.names(layout.dataset.key))
    # bad vectors were refused before; 'null' only keeps LanceDB from refusing rows without one
    await merging.when_matched_update_all().when_not_matched_insert_all().execute(rows, on_bad_vectors="null")


def _checked(rows: pa.Table, layout: Layout) -> list[pa.RecordBatch]:
    vector = layout.dataset.roles.get("vector")
    keys = KeyCheck(layout.dataset.key, last_wins=True)
    done = 0
    for batch in rows.to_batches():
        if vector is not None:
            check_vectors(vector, batch.column(vector), done)
        keys.add(batch, done)
        done += batch.num_rows
    keys.finish(layout.dataset.name)
    kept = rows if keys.kept is None else rows.filter(keys.kept)
    return [layout.encode(batch) for batch in kept.to_batches() if batch.num_rows]


def _condition(snapshot: Snapshot, keys: list[object] | None, where: Filter | None, call: Call) -> str | None:
    """Write what is to be deleted as Lance's filter, or None when it is nothing."""
    if keys is not None:
        name = snapshot.dataset.single_key()
        return _key_condition(snapshot, key_array(keys, snapshot.dataset.schema.field(name).type))
    _, residual = split(where, snapshot.layout.to_lance)
    if where is None or residual is None:
        return None if where is None else snapshot.layout.to_lance(where)
    if not snapshot.dataset.key:
        raise invalid(
            "LanceDB cannot apply this filter itself, and the rows have no key to delete them by",
            hint="compare columns with values only, or load the dataset with key='column'",
        )
    name = snapshot.dataset.single_key()
    found = snapshot.take(snapshot.matching(where, call), (name,), call)
    return _key_condition(snapshot, found[name].combine_chunks())


def _key_condition(snapshot: Snapshot, keys: pa.Array) -> str | None:
    if not len(keys):
        return None
    try:
        return snapshot.layout.to_lance(key_filter(snapshot.dataset, keys))
    except Unsupported as exc:
        raise invalid(
            f"LanceDB cannot name such a key: {exc}", hint="delete the rows by a filter on another column"
        ) from exc


async def _merge(folder: LanceFolder, table: str, layout: Layout, rows: pa.RecordBatchReader) -> None:
    await merge(await folder.connection.open_table(table), layout, rows)


async def _delete(folder: LanceFolder, table: str, condition: str) -> int:
    handle = await folder.connection.open_table(table)
    if not await handle.count_rows(condition):
        return 0
    done: Any = await handle.delete(condition)
    return int(done.num_deleted_rows)


def check_unchanged(layout: Layout, now: Snapshot) -> None:
    """Raise TRANSACTION_FAILED when a table is no longer laid out as it was."""
    if now.layout.schema != layout.schema:
        raise make_error(
            DatabaseErrorCode.TRANSACTION_FAILED,
            f"the columns of {layout.dataset.name!r} were changed meanwhile",
            hint="try again",
        )

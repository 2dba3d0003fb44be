"""Load a dataset into a Lance table, all or nothing.

The rows are spooled and checked first. A new table is then made in the staging directory, with its index where one
pays, and moved into place as a whole; an existing one takes the rows in a single commit. Until then nobody sees
anything, and what fails leaves nothing.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from polyroute.engines.describe import SCORE
from polyroute.engines.vector.lance.bridge import run
from polyroute.engines.vector.lance.folder import LanceFolder, connect
from polyroute.engines.vector.lance.index import build
from polyroute.engines.vector.lance.keys import KeyCheck
from polyroute.engines.vector.lance.layout import Layout, lay_out, table_name
from polyroute.engines.vector.lance.snapshot import Snapshot, open_snapshot
from polyroute.engines.vector.lance.spool import Spool
from polyroute.engines.vector.lance.writing import check_unchanged, commit, merge
from polyroute.engines.vector.stored import check_type, check_vectors
from polyroute.errors import invalid, unknown_name
from polyroute.operations import METRICS

if TYPE_CHECKING:
    import lancedb

    from polyroute.engines.call import Call
    from polyroute.engines.contract import Dataset, LoadSpec


def load(folder: LanceFolder, spec: LoadSpec, index_rows: int, call: Call) -> int:
    """Load as the spec says and return the rows stored.

    A new table of `index_rows` rows or more gets its index at once. Raises QUERY_INVALID for a column, role or value
    that cannot be stored, naming it, and CONSISTENCY_VIOLATION for a key that occurs twice; then nothing has changed.
    """
    table = table_name(spec.dataset.name)
    held = None if spec.mode == "create" else open_snapshot(folder, table)
    if held is None or spec.mode == "replace":
        check_definition(spec.dataset)
        layout = lay_out(spec.dataset)
    else:
        layout = held.layout
    keys = KeyCheck(layout.dataset.key, last_wins=spec.mode == "upsert")
    with folder.staging() as place:
        spool = Spool(place, layout.schema)
        try:
            _fill(spool, keys, layout, spec, call)
            with folder.writing(table, call):
                _store(_Target(folder, table, layout, index_rows), spool, keys, spec, place, call)
        finally:
            spool.close()
    return keys.kept_rows


def check_definition(dataset: Dataset) -> None:
    """Raise QUERY_INVALID for a dataset that no Lance table can be made for, naming the column or role."""
    column = dataset.role("vector")
    check_type(column, dataset.schema.field(column).type)
    metric = dataset.roles.get("metric")
    if metric is not None and metric not in METRICS:
        raise unknown_name("metric", metric, METRICS)
    for name in dataset.schema.names:
        if name.lower() == SCORE:
            raise invalid(
                f"column {name!r} bears the name under which a search returns its scores",
                hint="rename the column before loading, for instance to 'points'",
            )
    for name in dataset.key:
        _check_key_type(name, dataset.schema.field(name).type)


def _check_key_type(name: str, arrow_type: pa.DataType) -> None:
    t = pa.types
    if t.is_timestamp(arrow_type) and arrow_type.unit == "us":
        return
    if any(is_(arrow_type) for is_ in (t.is_integer, t.is_string, t.is_boolean, t.is_decimal128, t.is_date)):
        return
    raise invalid(
        f"column {name!r} of type {arrow_type} cannot be a key in LanceDB",
        hint="use a key of whole numbers, text, decimals, dates or timestamps in microseconds",
    )


@dataclass(frozen=True, slots=True)
class _Target:
    """Where a load goes, in what layout, and from how many rows a new table is indexed."""

    folder: LanceFolder
    table: str
    layout: Layout
    index_rows: int


def _fill(spool: Spool, keys: KeyCheck, layout: Layout, spec: LoadSpec, call: Call) -> None:
    vector = layout.dataset.roles.get("vector")
    for batch in spec.batches():
        call.check()
        if vector is not None:
            check_vectors(vector, batch.column(vector), spool.rows)
        keys.add(batch, spool.rows)
        spool.add(layout.encode(batch))
        spec.advance(batch.num_rows)
    keys.finish(layout.dataset.name)


def _store(target: _Target, spool: Spool, keys: KeyCheck, spec: LoadSpec, place: Path, call: Call) -> None:
    held = open_snapshot(target.folder, target.table)
    if held is None:
        _create(target, spool, keys, spec, place, call)
        return
    if spec.mode == "create":
        raise _exists(spec.dataset.name)
    if spec.mode != "replace":
        check_unchanged(target.layout, held)
    if spec.mode == "append" and held.dataset.key:
        keys.check_against(_held_keys(held, call), held.dataset.name)
    call.check()
    spec.before_commit()
    commit(_commit(target, spool, keys, spec.mode), call)


async def _commit(target: _Target, spool: Spool, keys: KeyCheck, mode: str) -> None:
    rows = spool.reader(keys.kept)
    if mode == "replace":
        # as in `merge`: every bad vector was refused, rows without one are kept
        await target.folder.connection.create_table(
            target.table, rows, schema=target.layout.schema, mode="overwrite", on_bad_vectors="null"
        )
        return
    table = await target.folder.connection.open_table(target.table)
    if mode == "append":
        await table.add(rows)
    else:
        await merge(table, target.layout, rows)


def _held_keys(snapshot: Snapshot, call: Call) -> pa.Table:
    """Return the key columns of all rows."""
    key = snapshot.dataset.key
    held = snapshot.held(key, call)
    return snapshot.gather(key, None, call) if held is None else held.table.select(list(key))


def _create(target: _Target, spool: Spool, keys: KeyCheck, spec: LoadSpec, place: Path, call: Call) -> None:
    connection = run(connect(place), call)
    try:
        table = run(_new_table(connection, target, spool, keys), call)
        vector = target.layout.dataset.role("vector")
        if keys.kept_rows >= target.index_rows:
            build(table, target.layout, vector, call)
        table.close()  # type: ignore[no-untyped-call]
    finally:
        connection.close()  # type: ignore[no-untyped-call]
    call.check()
    spec.before_commit()
    final = target.folder.table_path(target.table)
    if final.exists() and target.folder.state(target.table) is None:
        # what a program left that died before its first version
        os.rename(final, place / "abandoned")
    try:
        os.rename(place / final.name, final)
    except OSError as exc:
        if target.folder.state(target.table) is not None:
            raise _exists(spec.dataset.name) from exc
        raise


async def _new_table(
    connection: lancedb.AsyncConnection, target: _Target, spool: Spool, keys: KeyCheck
) -> lancedb.AsyncTable:
    table = await connection.create_table(target.table, schema=target.layout.schema)
    if keys.kept_rows:
        await table.add(spool.reader(keys.kept))
    return table


def _exists(name: str) -> Exception:
    return invalid(
        f"a dataset {name!r} is held already",
        hint="load with mode='append', 'upsert' or 'replace', or choose another name",
    )

"""One table in one state: everything read through a snapshot belongs together, whatever is written meanwhile.

A small table is kept in memory whole, and of a larger one the vectors, so that most searches touch no file; what is too
large for the bound is streamed from Lance. Rows are named by Lance's row ids, which are good for this state only.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, cast

import numpy as np
import pyarrow as pa

from polyroute.engines.call import UNBOUNDED, Call
from polyroute.engines.local import filter_table
from polyroute.engines.sampling import spread
from polyroute.engines.vector.exact import Ids, Matrix, Vectors, vectors
from polyroute.engines.vector.lance.bridge import iterate, run
from polyroute.engines.vector.lance.folder import ROWS, VECTOR_COLUMN, VECTORS
from polyroute.engines.vector.lance.layout import Layout, dataset_name, read_layout
from polyroute.engines.vector.stored import matrix_of
from polyroute.sql.filters import split

if TYPE_CHECKING:
    import lancedb

    from polyroute.engines.contract import Dataset
    from polyroute.engines.vector.lance.folder import LanceFolder, State
    from polyroute.sql.filters import Filter

ROW_ID = "_rowid"
BATCH_ROWS = 65_536
_WHOLE_SHARE = 4
_IDS = "\0ids"


class _TooLarge(Exception):
    """Say that a table that is small on disk is not small in memory."""


@dataclass(frozen=True, slots=True)
class Held:
    """The rows of a small table in memory, in the order of their ids; some of the columns, or all."""

    ids: Ids
    table: pa.Table

    @property
    def nbytes(self) -> int:
        """The bytes held."""
        return self.ids.nbytes + int(self.table.nbytes)


class Snapshot:
    """A table in one state, with how it is laid out and what is remembered of it."""

    def __init__(
        self, folder: LanceFolder, name: str, state: State, table: lancedb.AsyncTable, schema: pa.Schema
    ) -> None:
        self.table_name = name
        self.state = state
        self.layout: Layout = read_layout(dataset_name(name, schema), schema)
        self._folder = folder
        self._table = table

    @property
    def dataset(self) -> Dataset:
        """The dataset that the table holds."""
        return self.layout.dataset

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of all columns."""
        return tuple(self.dataset.schema.names)

    @cached_property
    def row_count(self) -> int:
        """The number of rows."""
        return run(self._table.count_rows())

    @cached_property
    def index_metric(self) -> str | None:
        """The metric of the vector column's index, or None when it has none."""
        return run(_index_metric(self._table, self.layout.stored[self.dataset.role("vector")]))

    @cached_property
    def is_small(self) -> bool:
        """Whether the whole table may be kept in memory."""
        # LanceDB declares a dataclass and gives a dict
        stats = cast("Mapping[str, int]", run(self._table.stats()))
        return stats["total_bytes"] * _WHOLE_SHARE <= self._folder.memory.limit

    @cached_property
    def vectors_fit(self) -> bool:
        """Whether the vectors alone may be kept in memory."""
        column = self.dataset.schema.field(self.dataset.role("vector")).type
        width = column.list_size * max(4, column.value_type.bit_width // 8) + 17
        return bool(self.row_count * width <= self._folder.memory.limit)

    def query(self) -> lancedb.AsyncQuery:
        """Begin a query of Lance on this state."""
        return self._table.query()

    def held(self, columns: Collection[str], call: Call = UNBOUNDED) -> Held | None:
        """Return all rows from memory, with at least some columns, or None when the table is too large for that.

        The vectors, most of the bytes, are only read and kept where they are among the columns.
        """
        if not self.is_small:
            return None
        vector = self.dataset.roles.get("vector")
        plain = tuple(c for c in self.columns if c != vector)
        try:
            if vector is None or (plain and vector not in columns):
                return self._recall(ROWS, plain, call)
            vectors = self._recall(VECTOR_COLUMN, (vector,), call)
            if not plain or set(columns) == {vector}:
                return vectors
            rows = self._recall(ROWS, plain, call)
            return Held(rows.ids, rows.table.append_column(vectors.table.schema.field(0), vectors.table.column(0)))
        except _TooLarge:
            self.is_small = False
            return None

    def _recall(self, what: str, columns: tuple[str, ...], call: Call) -> Held:
        make = lambda: self._load_rows(columns, call)  # noqa: E731
        return self._folder.memory.recall(what + self.table_name, self.state.token, make, call)

    def vectors(self, call: Call = UNBOUNDED) -> Vectors | None:
        """Return the vectors from memory, or None when they are too large for that."""
        if not self.vectors_fit:
            return None
        return self._folder.memory.recall(
            VECTORS + self.table_name, self.state.token, lambda: self._load_vectors(call), call
        )

    def matching(self, where: Filter, call: Call = UNBOUNDED) -> Ids:
        """Return the ids of the rows that pass a filter, in ascending order."""
        held = self.held(where.columns, call)
        if held is not None:
            read = held.table.select(sorted(where.columns))
            return _passing(held.ids, read, where, call)[0]
        found = [ids for ids, _ in self.stream((), where, call)]
        return np.sort(np.concatenate(found)) if found else np.empty(0, dtype=np.uint64)

    def stream(
        self, columns: tuple[str, ...], where: Filter | None, call: Call = UNBOUNDED, *, limit: int | None = None
    ) -> Iterator[tuple[Ids, pa.Table]]:
        """Read from Lance, batch by batch, the ids and some columns of the rows that pass a filter.

        `limit` may be passed on to Lance; more rows can come where a part of the filter is applied here.
        """
        pushed, residual = split(where, self.layout.to_lance)
        read = tuple(dict.fromkeys([*columns, *(sorted(residual.columns) if residual else ())]))
        for batch in self._batches(read, pushed, call, limit=None if residual else limit):
            stored = pa.Table.from_batches([batch])
            ids = stored[ROW_ID].to_numpy()
            table = self.layout.decode(stored, read)
            if residual is not None:
                ids, table = _passing(ids, table, residual, call)
            yield ids, table.select(list(columns))

    def gather(self, columns: tuple[str, ...], where: Filter | None, call: Call = UNBOUNDED) -> pa.Table:
        """Return some columns of the rows that pass a filter."""
        tables = [table for _, table in self.stream(columns, where, call)]
        schema = pa.schema([self.dataset.schema.field(c) for c in columns])
        return pa.concat_tables(tables) if tables else schema.empty_table()

    def take(self, ids: Ids, columns: tuple[str, ...], call: Call = UNBOUNDED) -> pa.Table:
        """Return some columns of the rows with these ids, in this order."""
        held = self.held(columns, call)
        if held is not None:
            positions = np.searchsorted(held.ids, ids)
            return held.table.select(list(columns)).take(pa.array(positions))
        wanted = self._table.take_row_ids(ids.tolist()).select(self.layout.names(columns)).with_row_id()
        stored = run(wanted.to_arrow(), call)
        found = stored[ROW_ID].to_numpy()
        order = np.argsort(found)
        positions = order[np.searchsorted(found, ids, sorter=order)]
        return self.layout.decode(stored, columns).take(pa.array(positions))

    def sample(self, columns: tuple[str, ...], rows: int, call: Call = UNBOUNDED) -> pa.Table:
        """Return some columns of at most so many rows from all over the table, the same ones every time."""
        held = self.held(columns, call)
        if held is not None:
            return held.table.select(list(columns)).take(pa.array(spread(held.table.num_rows, rows)))
        offsets = spread(self.row_count, rows).tolist()
        wanted = self._table.take_offsets(offsets).select(self.layout.names(columns))
        return self.layout.decode(run(wanted.to_arrow(), call), columns)

    def _batches(
        self, columns: tuple[str, ...], where: Filter | None, call: Call, *, limit: int | None = None
    ) -> Iterator[pa.RecordBatch]:
        query = self._table.query().select(self.layout.names(columns)).with_row_id()
        if where is not None:
            query = query.where(self.layout.to_lance(where))
        if limit is not None:
            query = query.limit(limit)
        yield from iterate(run(query.to_batches(max_batch_length=BATCH_ROWS), call), call)

    def _load_rows(self, columns: tuple[str, ...], call: Call) -> Held:
        batches: list[pa.RecordBatch] = []
        room = self._folder.memory.limit
        for batch in self._batches(columns, None, call):
            room -= batch.nbytes
            if room < 0:
                raise _TooLarge
            batches.append(batch)
        if not batches:
            schema = pa.schema([self.dataset.schema.field(c) for c in columns])
            return Held(np.empty(0, dtype=np.uint64), schema.empty_table())
        stored = pa.Table.from_batches(batches)
        ids = stored[ROW_ID].to_numpy()
        table = self.layout.decode(stored, columns).combine_chunks()
        if not _ascends(ids):
            order = np.argsort(ids)
            ids, table = ids[order], table.take(pa.array(order))
        return Held(ids, table)

    def _load_vectors(self, call: Call) -> Vectors:
        column = self.dataset.role("vector")
        held = self.held((column,), call)
        if held is not None:
            matrix, valid = matrix_of(_one_chunk(held.table[column]))
            return vectors(held.ids, matrix, valid)
        return self._stream_vectors(column, call)

    def _stream_vectors(self, column: str, call: Call) -> Vectors:
        kind = self.dataset.schema.field(column).type
        shape = (self.row_count, kind.list_size)
        wide = kind.value_type == pa.float64()
        matrix: Matrix = np.empty(shape, dtype=np.float64) if wide else np.empty(shape, dtype=np.float32)
        ids = np.empty(self.row_count, dtype=np.uint64)
        valid = np.empty(self.row_count, dtype=np.bool_)
        done = 0
        for some, table in self.stream((column,), None, call):
            part = slice(done, done + len(some))
            ids[part] = some
            matrix[part], valid[part] = matrix_of(_one_chunk(table[column]))
            done += len(some)
        if not _ascends(ids):
            order = np.argsort(ids)
            ids, matrix, valid = ids[order], matrix[order], valid[order]
        return vectors(ids, matrix, valid)


def open_snapshot(folder: LanceFolder, table: str) -> Snapshot | None:
    """Open a table in the state that it has now, or return None when there is none of this name."""
    while True:
        state = folder.state(table)
        if state is None:
            return None
        try:
            handle, schema = run(_pinned(folder, table, state.version))
        except Exception:
            if folder.state(table) != state:
                continue
            raise
        if folder.state(table) == state:
            return Snapshot(folder, table, state, handle, schema)


async def _pinned(folder: LanceFolder, table: str, version: int) -> tuple[lancedb.AsyncTable, pa.Schema]:
    handle = await folder.connection.open_table(table)
    await handle.checkout(version)
    return handle, await handle.schema()


async def _index_metric(table: lancedb.AsyncTable, column: str) -> str | None:
    for index in await table.list_indices():
        if list(index.columns) == [column] and isinstance(index.index_details, dict):
            metric = index.index_details.get("metric_type")
            if isinstance(metric, str):
                return metric.lower()
    return None


def _passing(ids: Ids, table: pa.Table, where: Filter, call: Call) -> tuple[Ids, pa.Table]:
    """Return the ids and the rows that pass a filter."""
    passed = filter_table(table.append_column(_IDS, pa.array(ids)), where, call)
    return passed[_IDS].to_numpy(), passed.drop_columns([_IDS])


def _one_chunk(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def _ascends(ids: Ids) -> bool:
    return bool((ids[1:] > ids[:-1]).all())

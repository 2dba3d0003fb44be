"""The vector engine: LanceDB tables in a folder.

Each operation takes a snapshot of its table, so that all it reads belongs together, and answers from memory where the
table fits there. Writes are single commits under a lock that all processes share.
`lancedb:///folder?memory_mb=1024&index_rows=500000` sets how much may be kept in memory and from how many rows an index
is built and used.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Self, cast

import pyarrow as pa
import pyarrow.compute as pc

from polyroute.engines.contract import Answer, Dataset, Engine, LoadSpec, Pushed, Statistics, Traits
from polyroute.engines.describe import SCORE
from polyroute.engines.local import columns_read, evaluate
from polyroute.engines.resources import Resource, acquire, acquire_temporary
from polyroute.engines.sampling import sampled_columns
from polyroute.engines.vector.cluster import k_means
from polyroute.engines.vector.lance.bridge import run
from polyroute.engines.vector.lance.index import build
from polyroute.engines.vector.lance.keys import key_array, key_filter
from polyroute.engines.vector.lance.layout import refusal as lance_refusal
from polyroute.engines.vector.lance.layout import table_name
from polyroute.engines.vector.lance.loading import load
from polyroute.engines.vector.lance.search import Wanted, matching_vectors, search
from polyroute.engines.vector.lance.store import LanceStore, Settings
from polyroute.engines.vector.lance.writing import delete, upsert
from polyroute.errors import LANCEDB, invalid, unknown_name
from polyroute.result import Rows

if TYPE_CHECKING:
    from polyroute.engines.call import Call
    from polyroute.engines.contract import BoundScan
    from polyroute.engines.url import EngineURL
    from polyroute.engines.vector.exact import Matrix
    from polyroute.engines.vector.lance.snapshot import Snapshot
    from polyroute.operations import VectorCluster, VectorDelete, VectorGet, VectorSearch, VectorUpsert
    from polyroute.sql.filters import Filter


class LanceDBEngine(Engine):
    """A folder of LanceDB tables; see the module's text for the address.

    >>> from polyroute.engines import open_engine
    >>> engine = open_engine("lancedb://")
    >>> dict(engine.datasets())
    {}
    >>> engine.close()
    """

    kind = "vector"
    traits = Traits(cancellable=True)
    errors = LANCEDB

    def __init__(self, resource: Resource[LanceStore], *, read_only: bool) -> None:
        self._resource = resource
        self._read_only = read_only
        self._closed = False

    @classmethod
    def open(cls, url: EngineURL, *, read_only: bool = False) -> Self:
        """Open a folder, made if it is missing; without a path, a temporary one.

        Raises QUERY_INVALID for an unknown option or one that differs from those the folder is open with.
        """
        settings = Settings.read(url.options)
        if url.path is None:
            resource = acquire_temporary(
                "lancedb", "vectors", lambda path: LanceStore(path, settings, read_only=False), LanceStore.close
            )
            return cls(resource, read_only=read_only)
        resource = acquire(
            "lancedb",
            url.path,
            lambda path: LanceStore(path, settings, read_only=read_only),
            LanceStore.close,
            read_only=read_only,
        )
        if resource.handle.settings != settings:
            resource.release()
            raise invalid(
                f"{url.path.name} is open already with other options", hint="give the same options in all places"
            )
        return cls(resource, read_only=read_only)

    @property
    def resource(self) -> Resource[LanceStore]:
        """The folder."""
        return self._resource

    def close(self) -> None:
        """Leave the folder; closing twice is harmless."""
        if not self._closed:
            self._closed = True
            self._resource.release()

    def datasets(self) -> Mapping[str, Dataset]:
        """Return the tables of the folder as datasets, whoever made them."""
        return self._store.datasets()

    def dataset(self, name: str) -> Dataset:
        """Return one dataset; ENGINE_UNAVAILABLE when its table cannot be read."""
        return self._store.snapshot(name).dataset

    def data_version(self, dataset: str) -> object | None:
        """Return a token of the table's newest manifest, which every commit replaces."""
        state = self._store.folder.state(table_name(dataset))
        return None if state is None else state.token

    def statistics(self, dataset: str, part: str | None = None) -> Statistics:
        """Return the number of rows, which Lance keeps."""
        return Statistics(self._store.snapshot(dataset).row_count)

    def sample(self, dataset: str, part: str | None, rows: int, call: Call) -> pa.Table:
        """Return rows from all over a table, without the vectors."""
        snapshot = self._store.snapshot(dataset)
        return snapshot.sample(sampled_columns(snapshot.dataset.schema), rows, call)

    def refusal(self, arrow_type: pa.DataType) -> str | None:
        """Tell why Lance cannot give a type back."""
        return lance_refusal(arrow_type)

    def negotiate(self, op: BoundScan) -> Pushed:
        """Promise everything: what Lance cannot do is done over its rows here, batch by batch."""
        return Pushed(columns=True, where=op.where, order=True, limit=True)

    def scan(self, op: BoundScan, call: Call) -> Answer:
        """Read a table, from memory where it is there, otherwise as a stream."""
        snapshot = self._snapshot(op.dataset.name)
        held = snapshot.held(columns_read(op), call)
        if held is not None:
            return evaluate(held.table, columns=op.columns, where=op.where, order=op.order, limit=op.limit, call=call)
        if op.order:
            needed = tuple(dict.fromkeys([*op.columns, *(k.column for k in op.order)]))
            table = snapshot.gather(needed, op.where, call)
            return evaluate(table, columns=op.columns, order=op.order, limit=op.limit, call=call)
        schema = pa.schema([snapshot.dataset.schema.field(c) for c in op.columns])
        return pa.RecordBatchReader.from_batches(schema, _cut(snapshot, op, call))

    def vector_search(self, op: VectorSearch, call: Call) -> Answer:
        """Return the nearest rows with their `score`, nearest first."""
        snapshot = self._snapshot(op.dataset)
        columns = snapshot.columns if op.columns is None else op.columns
        if SCORE in columns:
            raise invalid(
                f"dataset {op.dataset!r} has a column {SCORE!r}, and so has the answer",
                hint="name the wanted columns without it: columns=(...)",
            )
        query, where = cast("Matrix", op.vector), cast("Filter | None", op.where)
        wanted = Wanted(query, op.metric, op.k, where, op.exact)
        ids, scores = search(snapshot, wanted, self._store.settings.index_rows, call)
        table = snapshot.take(ids, columns, call)
        schema = table.schema.append(pa.field(SCORE, pa.float64()))
        return pa.table([*table.columns, pa.array(scores, pa.float64())], schema=schema)

    def vector_get(self, op: VectorGet, call: Call) -> Answer:
        """Return the rows of some keys, in the order of the keys; a key that no row has gives none."""
        snapshot = self._snapshot(op.dataset)
        columns = snapshot.columns if op.columns is None else op.columns
        key = snapshot.dataset.single_key()
        keys = key_array(cast("list[object]", op.keys), snapshot.dataset.schema.field(key).type)
        held = snapshot.held((*columns, key), call)
        if held is not None:
            table = held.table
        else:
            needed = tuple(dict.fromkeys([*columns, key]))
            table = snapshot.gather(needed, key_filter(snapshot.dataset, keys), call)
        places = pc.index_in(keys, value_set=table[key].combine_chunks())
        return table.select(list(columns)).take(places.drop_null().unique())

    def vector_cluster(self, op: VectorCluster, call: Call) -> Answer:
        """Return the key, the cluster and the distance to its centre of each row that has a vector, in key order.

        There are never more clusters than different vectors.
        """
        snapshot = self._snapshot(op.dataset)
        key = snapshot.dataset.single_key()
        ids, matrix = matching_vectors(snapshot, cast("Filter | None", op.where), call)
        keys = snapshot.take(ids, (key,), call)[key]
        order = pc.sort_indices(keys)
        numbers, distances = k_means(matrix[order.to_numpy()], op.clusters, op.seed, call)
        schema = pa.schema([snapshot.dataset.schema.field(key), ("cluster", pa.int64()), ("distance", pa.float64())])
        return pa.table([keys.take(order), pa.array(numbers), pa.array(distances)], schema=schema)

    def vector_upsert(self, op: VectorUpsert, call: Call) -> Answer:
        """Insert rows, or replace those whose key is held, in one commit."""
        self._check_writable()
        return Rows((), [], affected=upsert(self._store, _named(op.dataset), cast("pa.Table", op.rows), call))

    def vector_delete(self, op: VectorDelete, call: Call) -> Answer:
        """Delete the rows of some keys, or those that pass a filter, in one commit."""
        self._check_writable()
        keys, where = cast("list[object] | None", op.keys), cast("Filter | None", op.where)
        return Rows((), [], affected=delete(self._store, _named(op.dataset), keys, where, call))

    def load(self, spec: LoadSpec, call: Call) -> int:
        """Load a dataset, all or nothing, and return the rows stored."""
        self._check_writable()
        rows = load(self._store.folder, spec, self._store.settings.index_rows, call)
        self._store.upkeep.wrote(table_name(spec.dataset.name))
        return rows

    def drop(self, dataset: str, call: Call) -> None:
        """Remove a table, also one that cannot be read."""
        self._check_writable()
        table = table_name(dataset)
        folder = self._store.folder
        with folder.writing(table, call):
            if folder.state(table) is None:
                raise unknown_name("dataset", dataset, self.datasets())
            folder.remove(table)
        self._store.forget(table)

    def create_index(self, dataset: str, columns: Sequence[str], call: Call) -> None:
        """Build an index on the vector column for the dataset's metric, or a B-tree on another column, with a bar.

        A vector index is used from the number of rows set in the address; below it the exact search is quicker. Raises
        QUERY_INVALID for an unknown column or one that cannot be indexed.
        """
        self._check_writable()
        snapshot = self._snapshot(dataset)
        for column in columns:
            if column not in snapshot.columns:
                raise unknown_name(f"column of {dataset!r}", column, snapshot.columns)
        table = run(self._store.folder.connection.open_table(snapshot.table_name), call)
        for column in columns:
            build(table, snapshot.layout, column, call)

    @property
    def _store(self) -> LanceStore:
        return self._resource.handle

    def _snapshot(self, dataset: str | None) -> Snapshot:
        return self._store.snapshot(_named(dataset))

    def _check_writable(self) -> None:
        if self._read_only:
            raise invalid("the folder is open read-only", hint="open the engine without read_only to change data")


def _named(dataset: str | None) -> str:
    if dataset is None:
        raise invalid("a vector operation needs a dataset", hint="name the dataset to ask")
    return dataset


def _cut(snapshot: Snapshot, op: BoundScan, call: Call) -> Iterator[pa.RecordBatch]:
    """Give the batches of a scan up to its limit."""
    left = op.limit
    for _, table in snapshot.stream(op.columns, op.where, call, limit=op.limit):
        part = table if left is None else table.slice(0, left)
        yield from part.to_batches()
        if left is not None:
            left -= part.num_rows
            if not left:
                return

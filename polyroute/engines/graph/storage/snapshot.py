"""A graph at one version, in memory: its tables as loaded, and what is derived from them when first asked for.

A snapshot never changes; a write makes a new one that shares what it can. So a query works on one version from start to
end, whatever other threads and processes do meanwhile.
"""

from __future__ import annotations

import itertools
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from polyroute.engines.graph.csr import Floats, GraphIndex, Mask
from polyroute.engines.graph.weights import weights_of

if TYPE_CHECKING:
    from polyroute.engines.graph.storage.changes import Change
    from polyroute.engines.graph.storage.manifest import GraphEntry

_REMEMBERED_VIEWS = 16


@dataclass(frozen=True, eq=False)
class GraphSnapshot:
    """Hold the edges and the stored nodes of a graph; `entry` is its place in the manifest, `lookups` counts the scans
    that would have used an index.
    """

    entry: GraphEntry
    edges: pa.Table
    stored_nodes: pa.Table
    _views: OrderedDict[Hashable, GraphIndex] = field(default_factory=OrderedDict, init=False, repr=False)
    _weights: dict[str, Floats] = field(default_factory=dict, init=False, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)
    lookups: Iterator[int] = field(default_factory=itertools.count, init=False, repr=False)

    @property
    def source(self) -> str:
        """The column of the edges' sources."""
        return self.entry.roles["source"]

    @property
    def target(self) -> str:
        """The column of the edges' targets."""
        return self.entry.roles["target"]

    @property
    def node_key(self) -> str:
        """The column of the node ids in the node table."""
        return self.entry.roles["node_key"]

    @property
    def directed(self) -> bool:
        """Whether edges go one way."""
        return self.entry.roles.get("directed", "true").lower() != "false"

    @property
    def type_column(self) -> str | None:
        """The edge column that holds relationship types; None where the type is a constant."""
        column = self.entry.roles.get("type")
        return column if column in self.edges.column_names else None

    @property
    def label_column(self) -> str | None:
        """The node column that holds labels; None where the label is a constant."""
        column = self.entry.roles.get("label")
        return column if column in self.stored_nodes.column_names else None

    @cached_property
    def index(self) -> GraphIndex:
        """The edges as numbers; stored nodes come first, in the order of their table."""
        return GraphIndex.from_edges(
            self.edges[self.source],
            self.edges[self.target],
            nodes=self.stored_nodes[self.node_key],
            directed=self.directed,
        )

    @cached_property
    def nodes(self) -> pa.Table:
        """The node table: as stored where one was loaded, otherwise with the nodes that only occur in edges added."""
        missing = self.index.names[self.stored_nodes.num_rows :]
        if self.entry.listed or not missing:
            return self.stored_nodes
        kind = self.stored_nodes.schema.field(self.node_key).type
        found = pa.table({self.node_key: pa.array(missing, kind)})
        return pa.concat_tables([self.stored_nodes, found], promote_options="default")

    @cached_property
    def nodes_are_numbered(self) -> bool:
        """Whether the row of a node in the node table is its number in the index."""
        key = self.stored_nodes[self.node_key].combine_chunks()
        return bool(key.null_count == 0 and key.unique().equals(key))

    @cached_property
    def ids(self) -> pa.Array:
        """The node ids by number, in the type of the edges' ends."""
        return pa.array(self.index.names, self.edges.schema.field(self.source).type)

    def weights(self, column: str) -> Floats:
        """Return a numeric column of the edges as an array; remembered."""
        held = self._weights.get(column)
        if held is None:
            held = self._weights[column] = weights_of(self.edges[column], column)
        return held

    def view(self, key: Hashable | None, mask: Callable[[], Mask]) -> GraphIndex:
        """Return the index of the edges that pass a filter; the last few filters' views are remembered by their key."""
        if key is None:
            return self.index
        with self._lock:
            held = self._views.get(key)
            if held is not None:
                self._views.move_to_end(key)
                return held
        made = self.index.masked(mask())
        with self._lock:
            self._views[key] = made
            while len(self._views) > _REMEMBERED_VIEWS:
                self._views.popitem(last=False)
        return made

    def changed(self, change: Change, entry: GraphEntry) -> GraphSnapshot:
        """Return the snapshot after a change."""
        edges = _replaced(self.edges, change.removed_edges, change.added_edges)
        nodes = _replaced(self.stored_nodes, change.removed_nodes, change.added_nodes)
        return GraphSnapshot(entry, edges, nodes)


def _replaced(table: pa.Table, removed: np.ndarray[tuple[int], np.dtype[np.int64]], added: pa.Table) -> pa.Table:
    if len(removed):
        kept = np.ones(table.num_rows, dtype=np.bool_)
        kept[removed] = False
        table = table.filter(pa.array(kept))
    return pa.concat_tables([table, added]) if added.num_rows else table

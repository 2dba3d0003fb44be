"""Find the edges of some nodes, and nodes by their ids, through the index instead of a pass over the whole table.

A filter such as `src IN $keys` names the nodes whose rows of the compressed index hold the edges. The filter is still
applied to what is found, so this only narrows. The index costs some passes to build: it is used where traversal has
built it, and built for scans once they have asked often enough.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, cast

import numpy as np
import pyarrow as pa

from polyroute.engines.local import columns_read
from polyroute.sql.filters import Unsupported, conjuncts, reference
from polyroute.sql.filters.comparison import Comparison, Membership, comparison

if TYPE_CHECKING:
    from polyroute.engines.contract import BoundScan
    from polyroute.engines.graph.csr import Adjacency, GraphIndex
    from polyroute.engines.graph.names import Numbers
    from polyroute.engines.graph.storage import GraphSnapshot
    from polyroute.sql.filters import Filter

_BUILT_AFTER = 8
_ROWS_PER_KEY = 64
_SHARE = 8
"""Taking rows one by one is quicker than a pass only where they are few: one in eight."""


def narrowed(snapshot: GraphSnapshot, op: BoundScan) -> pa.Table:
    """Return the edges or the nodes among which those that pass a scan's filter are, with the columns that it reads."""
    nodes = op.part == "nodes"
    table = snapshot.nodes if nodes else snapshot.edges
    rows = _node_rows(snapshot, op.where) if nodes else _edge_rows(snapshot, op.where)
    read = columns_read(op) or table.column_names[:1]
    return table.select(read) if rows is None else table.select(read).take(pa.array(rows))


def named_values(where: Filter | None, column: str) -> Collection[object] | None:
    """Return the values, whole numbers or texts, to one of which a filter sets a column; None where it does not.

    >>> from polyroute.sql.filters import parse_filter
    >>> named_values(parse_filter("a IN (1, 2) AND b > 3", pa.schema([("a", pa.int64()), ("b", pa.int64())])), "a")
    (1, 2)
    """
    for part in conjuncts(where) if where is not None else ():
        try:
            found = comparison(part.expression, part)
        except Unsupported:
            continue
        if isinstance(found, Membership):
            values: Collection[object] = found.values
        elif isinstance(found, Comparison) and found.operator == "=" and found.other is None:
            values = (found.value,)
        else:
            continue
        place = reference(found.subject, part.schema)
        if place is not None and place.column == column and not place.path and _are_ids(values, place.type):
            return values
    return None


def _are_ids(values: Iterable[object], type_: pa.DataType) -> bool:
    kind = str if pa.types.is_string(type_) else int if pa.types.is_integer(type_) else None
    return kind is not None and set(map(type, values)) <= {kind, type(None)}


def _edge_rows(snapshot: GraphSnapshot, where: Filter | None) -> Numbers | None:
    for column, outwards in ((snapshot.source, True), (snapshot.target, False)):
        values = named_values(where, column)
        if values is None or not _pays(snapshot, snapshot.edges, values):
            continue
        index = snapshot.index
        # every edge is in a row: texts and whole numbers that are ends are never NULL
        rows = _edges_of(index.out if outwards else index.back, _numbers(index, values))
        return rows if len(rows) * _SHARE <= snapshot.edges.num_rows else None
    return None


def _edges_of(rows: Adjacency, nodes: Numbers) -> Numbers:
    """Return the edges in the rows of some nodes, in the order of the edge table."""
    starts = rows.offsets[nodes]
    lengths = rows.offsets[nodes + 1] - starts
    before = np.cumsum(lengths) - lengths
    places = np.arange(int(lengths.sum())) + np.repeat(starts - before, lengths)
    return np.sort(rows.edges[places])


def _node_rows(snapshot: GraphSnapshot, where: Filter | None) -> Numbers | None:
    values = named_values(where, snapshot.node_key)
    if values is None or not _pays(snapshot, snapshot.nodes, values) or not snapshot.nodes_are_numbered:
        return None
    found = _numbers(snapshot.index, values)
    return found[: np.searchsorted(found, snapshot.nodes.num_rows)]


def _numbers(index: GraphIndex, values: Collection[object]) -> Numbers:
    """Return the numbers of the nodes that bear these ids, each once, in ascending order."""
    held = index.numbers
    return np.unique(np.array([held[v] for v in cast("Collection[str]", values) if v in held], dtype=np.int64))


def _pays(snapshot: GraphSnapshot, table: pa.Table, values: Collection[object]) -> bool:
    if len(values) * _ROWS_PER_KEY > table.num_rows:
        return False
    return "index" in vars(snapshot) or next(snapshot.lookups) >= _BUILT_AFTER

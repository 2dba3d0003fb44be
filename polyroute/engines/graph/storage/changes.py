"""Changes: what a write adds to a graph and removes from it, worked out before anything is stored.

A removed row is named by its position in the table as it was before the change; changes are applied in the order of
their commits, so the positions mean the same in every process and after a restart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from polyroute.engines.graph.csr import Mask
from polyroute.engines.graph.names import Numbers
from polyroute.engines.graph.storage.segments import EDGES, NODES, REMOVED_EDGES, REMOVED_NODES
from polyroute.engines.graph.storage.snapshot import GraphSnapshot
from polyroute.errors import DatabaseErrorCode, invalid, make_error

_NONE = np.empty(0, dtype=np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """Rows to add, and positions of rows to remove; `affected` counts the rows written."""

    added_edges: pa.Table
    added_nodes: pa.Table
    removed_edges: Numbers
    removed_nodes: Numbers
    affected: int

    @property
    def rows(self) -> int:
        """Count the rows that the change holds."""
        return int(
            self.added_edges.num_rows + self.added_nodes.num_rows + len(self.removed_edges) + len(self.removed_nodes)
        )

    def parts(self) -> dict[str, pa.Table]:
        """Return the change as the parts of a segment."""
        return {
            EDGES: self.added_edges,
            NODES: self.added_nodes,
            REMOVED_EDGES: pa.table({"row": self.removed_edges}),
            REMOVED_NODES: pa.table({"row": self.removed_nodes}),
        }

    @classmethod
    def from_parts(cls, parts: Mapping[str, pa.Table], edges: pa.Schema, nodes: pa.Schema) -> Change:
        """Read a change back from the parts of a segment."""
        removed = [parts[part]["row"].to_numpy() if part in parts else _NONE for part in (REMOVED_EDGES, REMOVED_NODES)]
        return cls(
            parts.get(EDGES, edges.empty_table()),
            parts.get(NODES, nodes.empty_table()),
            removed[0],
            removed[1],
            0,
        )


def append(held: GraphSnapshot, edges: pa.Table, nodes: pa.Table | None) -> Change:
    """Add edges and nodes; raise CONSISTENCY_VIOLATION for a node key that is held already or given twice."""
    check_ends(edges, held.source, held.target)
    added = held.stored_nodes.schema.empty_table() if nodes is None else nodes
    check_node_keys(added, held.node_key)
    if (
        added.num_rows
        and pc.any(pc.is_in(added[held.node_key], held.stored_nodes[held.node_key].combine_chunks())).as_py()
    ):
        raise _duplicate(held.node_key)
    return Change(edges, added, _NONE, _NONE, edges.num_rows + added.num_rows)


def upsert(held: GraphSnapshot, edges: pa.Table | None, nodes: pa.Table | None) -> Change:
    """Replace nodes by key (the last of equal keys wins), and all edges that have the ends and type of a given one."""
    new_edges = held.edges.schema.empty_table() if edges is None else edges
    check_ends(new_edges, held.source, held.target)
    new_nodes = held.stored_nodes.schema.empty_table() if nodes is None else nodes
    if new_nodes[held.node_key].null_count:
        raise _null(held.node_key, "the node key")
    new_nodes = _last_of_each(new_nodes, held.node_key)
    replaced = np.flatnonzero(_is_in(held.stored_nodes[held.node_key], new_nodes[held.node_key]))
    rows = new_edges.num_rows + new_nodes.num_rows
    return Change(new_edges, new_nodes, _same_ends(held, new_edges), replaced, rows)


def delete_nodes(held: GraphSnapshot, keys: Sequence[object]) -> Change:
    """Remove nodes by id, and every edge that begins or ends there; ids that no node bears are passed over."""
    kind = held.edges.schema.field(held.source).type
    wanted = pa.chunked_array([pa.array(list(dict.fromkeys(keys)), kind)])
    at_source, at_target = (_is_in(held.edges[column], wanted) for column in (held.source, held.target))
    edges = np.flatnonzero(at_source | at_target)
    nodes = np.flatnonzero(_is_in(held.stored_nodes[held.node_key], wanted))
    gone = set(held.stored_nodes[held.node_key].take(pa.array(nodes)).to_pylist())
    gone.update(held.edges[held.source].filter(pa.array(at_source)).to_pylist())
    gone.update(held.edges[held.target].filter(pa.array(at_target)).to_pylist())
    return _removal(held, edges, nodes, len(edges) + len(gone))


def delete_edges(held: GraphSnapshot, mask: Mask) -> Change:
    """Remove the edges where the mask is True; nodes stay."""
    edges = np.flatnonzero(mask)
    return _removal(held, edges, _NONE, len(edges))


def check_ends(edges: pa.Table, source: str, target: str) -> None:
    """Raise QUERY_INVALID, naming the column, for an edge without both ends."""
    for column, what in ((source, "the source of an edge"), (target, "the target of an edge")):
        if edges[column].null_count:
            raise _null(column, what)


def check_node_keys(nodes: pa.Table, key: str) -> None:
    """Raise QUERY_INVALID for a NULL node key, CONSISTENCY_VIOLATION for one that occurs twice."""
    if nodes[key].null_count:
        raise _null(key, "the node key")
    if pc.count_distinct(nodes[key]).as_py() != nodes.num_rows:
        raise _duplicate(key)


def _removal(held: GraphSnapshot, edges: Numbers, nodes: Numbers, affected: int) -> Change:
    return Change(held.edges.schema.empty_table(), held.stored_nodes.schema.empty_table(), edges, nodes, affected)


def _same_ends(held: GraphSnapshot, edges: pa.Table) -> Numbers:
    """Find the held edges between the same ends, and of the same type where a column holds it."""
    if edges.num_rows == 0:
        return _NONE
    columns = [held.source, held.target, *([held.type_column] if held.type_column else [])]
    ends = [edges[held.source], edges[held.target]]
    if not held.directed:
        ends = [pa.chunked_array([*ends[0].chunks, *ends[1].chunks])] * 2
    near = _is_in(held.edges[held.source], ends[0]) & _is_in(held.edges[held.target], ends[1])
    candidates = np.flatnonzero(near)
    given = _identities(edges.select(columns), directed=held.directed)
    found = _identities(held.edges.select(columns).take(pa.array(candidates)), directed=held.directed)
    wanted = set(given)
    return candidates[np.fromiter((identity in wanted for identity in found), dtype=np.bool_, count=len(found))]


def _identities(edges: pa.Table, *, directed: bool) -> list[tuple[object, ...]]:
    """Return ends and type of each edge; for an undirected graph both ends as a set."""
    rows = list(zip(*(column.to_pylist() for column in edges.columns), strict=True))
    return rows if directed else [(frozenset(row[:2]), *row[2:]) for row in rows]


def _is_in(column: pa.ChunkedArray, values: pa.ChunkedArray) -> Mask:
    if len(column) == 0 or len(values) == 0:
        return np.zeros(len(column), dtype=np.bool_)
    found: Mask = pc.is_in(column, values.combine_chunks()).to_numpy()
    return found


def _last_of_each(nodes: pa.Table, key: str) -> pa.Table:
    if pc.count_distinct(nodes[key]).as_py() == nodes.num_rows:
        return nodes
    last = {value: row for row, value in enumerate(nodes[key].to_pylist())}
    return nodes.take(pa.array(sorted(last.values())))


def _null(column: str, what: str) -> Exception:
    return invalid(
        f"column {column!r} is {what} and holds NULL", hint="give every row a value there, or leave the row out"
    )


def _duplicate(column: str) -> Exception:
    return make_error(
        DatabaseErrorCode.CONSISTENCY_VIOLATION,
        f"the node key {column!r} has a value that is held already or given twice",
        hint="load with mode='upsert', or use graph_upsert, to replace nodes",
    )

"""A graph as openCypher sees it: nodes with labels and properties, relationships with a type and properties.

The tables stay columns; a column becomes a list of Cypher values when a query first reads it. Columns with a role
(source, target, label, type) are structure: a query may read them (`r.kind`), but they are not among the properties of
an element. The node key is a property, and it is what `id(n)` gives.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Hashable
from decimal import Decimal
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa

from polyroute.engines.graph.cypher.temporal import NANOS_PER_DAY, Temporal, from_python
from polyroute.engines.graph.cypher.values import Node, Relationship, Value, identity
from polyroute.engines.graph.storage.snapshot import GraphSnapshot
from polyroute.sql.types import is_json
from polyroute.values import column_values

DEFAULT_LABEL = "Node"
DEFAULT_TYPE = "EDGE"

_EPOCH_DAYS = dt.date(1970, 1, 1).toordinal() - 1
_PER_UNIT = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}


class CypherGraph:
    """The graph of one snapshot, read by queries; whatever it derives is kept for the next query."""

    def __init__(self, snapshot: GraphSnapshot) -> None:
        self._snapshot = snapshot
        self._index = snapshot.index
        self._node_table = snapshot.stored_nodes
        self._node_columns: dict[str, list[Value]] = {}
        self._edge_columns: dict[str, list[Value]] = {}
        self._by_value: dict[str, dict[Hashable, list[int]]] = {}
        roles = snapshot.entry.roles
        self._label = None if snapshot.label_column else roles.get("label", DEFAULT_LABEL)
        self._type = None if snapshot.type_column else roles.get("type", DEFAULT_TYPE)
        structure = {snapshot.source, snapshot.target, snapshot.type_column}
        self._edge_keys = [name for name in snapshot.edges.column_names if name not in structure]
        self._node_keys = [name for name in self._node_table.column_names if name != snapshot.label_column]

    @property
    def node_count(self) -> int:
        """Count the nodes."""
        return self._index.size

    def node(self, number: int) -> Node:
        """Return a node by its number."""
        return Node(self, number)

    def node_id(self, number: int) -> Value:
        """Return the node key of a node."""
        return _single(self._index.names[number])

    def node_property(self, number: int, key: str) -> Value:
        """Return one property of a node; None where it has none."""
        if key == self._snapshot.node_key:
            return self.node_id(number)
        if number >= self._node_table.num_rows or key not in self._node_table.column_names:
            return None
        return self._column(self._node_columns, self._node_table, key)[number]

    def node_properties(self, number: int) -> dict[str, Value]:
        """Return the properties of a node that are not null."""
        found = {key: self.node_property(number, key) for key in self._node_keys}
        return {key: value for key, value in found.items() if value is not None}

    def labels(self, number: int) -> tuple[str, ...]:
        """Return the labels of a node."""
        if self._label is not None:
            return (self._label,)
        return self._node_labels[number] if number < len(self._node_labels) else ()

    def label_nodes(self, label: str) -> range | list[int]:
        """Return the numbers of the nodes with a label."""
        if self._label is not None:
            return range(self.node_count if label == self._label else 0)
        return self._label_nodes.get(label, [])

    def nodes_with(self, key: str, value: Value) -> list[int]:
        """Return the numbers of the nodes that may have a property of this value; the caller compares again."""
        if key == self._snapshot.node_key:
            number = self._id_numbers.get(identity(value))
            return [] if number is None else [number]
        held = self._by_value.get(key)
        if held is None:
            held = {}
            if key in self._node_table.column_names:
                for number, found in enumerate(self._column(self._node_columns, self._node_table, key)):
                    held.setdefault(identity(found), []).append(number)
            self._by_value[key] = held
        return held.get(identity(value), [])

    def relationship(self, number: int) -> Relationship:
        """Return a relationship by the number of its edge."""
        return Relationship(self, number)

    def relationship_type(self, number: int) -> str:
        """Return the type of a relationship."""
        return self._type if self._type is not None else self._types[number]

    def relationship_property(self, number: int, key: str) -> Value:
        """Return one property of a relationship; None where it has none."""
        if key not in self._snapshot.edges.column_names:
            return None
        return self._column(self._edge_columns, self._snapshot.edges, key)[number]

    def relationship_properties(self, number: int) -> dict[str, Value]:
        """Return the properties of a relationship that are not null."""
        found = {key: self.relationship_property(number, key) for key in self._edge_keys}
        return {key: value for key, value in found.items() if value is not None}

    def ends(self, number: int) -> tuple[int, int]:
        """Return the numbers of the source and the target of a relationship."""
        return int(self._index.sources[number]), int(self._index.targets[number])

    def expander(self, direction: str, types: tuple[str, ...]) -> Callable[[int], list[tuple[int, int]]]:
        """Return a function from a node to its relationships of some types (all when empty) with their other ends.

        A loop is given once, also when both directions are followed.
        """
        sides = self._index.sides(direction)
        wanted = None if self._type is not None or not types else frozenset(types)
        if self._type is not None and types and self._type not in types:
            return lambda node: []
        names = self._types if wanted is not None else []

        def expand(node: int) -> list[tuple[int, int]]:
            found: list[tuple[int, int]] = []
            for place, rows in enumerate(sides):
                span = slice(rows.offsets[node], rows.offsets[node + 1])
                pairs = zip(rows.edges[span].tolist(), rows.nodes[span].tolist(), strict=True)
                if wanted is not None:
                    pairs = (pair for pair in pairs if names[pair[0]] in wanted)  # type: ignore[assignment]
                found.extend(pairs if place == 0 else (pair for pair in pairs if pair[1] != node))
            return found

        return expand

    @cached_property
    def _types(self) -> list[str]:
        held = self._snapshot.edges[self._snapshot.type_column or ""].to_pylist()
        return [DEFAULT_TYPE if name is None else str(name) for name in held]

    @cached_property
    def _node_labels(self) -> list[tuple[str, ...]]:
        held = self._node_table[self._snapshot.label_column or ""].to_pylist()
        return [_labels(value) for value in held]

    @cached_property
    def _label_nodes(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        for number, labels in enumerate(self._node_labels):
            for label in labels:
                found.setdefault(label, []).append(number)
        return found

    @cached_property
    def _id_numbers(self) -> dict[Hashable, int]:
        return {identity(_single(name)): number for number, name in enumerate(self._index.names)}

    def _column(self, held: dict[str, list[Value]], table: pa.Table, key: str) -> list[Value]:
        values = held.get(key)
        if values is None:
            values = held[key] = cypher_values(table[key])
        return values


def cypher_values(column: pa.ChunkedArray) -> list[Value]:
    """Return a column as Cypher values: dates and times to the nanosecond, decimals as floats, JSON as what it says."""
    kind = column.type
    if is_json(kind):
        return [None if text is None else from_value(json.loads(text)) for text in column.to_pylist()]
    if pa.types.is_timestamp(kind) and kind.unit == "ns":
        zone = kind.tz
        return [None if count is None else _moment(count, zone) for count in column.cast(pa.int64()).to_pylist()]
    if pa.types.is_time64(kind) and kind.unit == "ns":
        counts = column.cast(pa.int64()).to_pylist()
        return [None if count is None else Temporal("localtime", 0, count) for count in counts]
    values = column_values(column)
    if pa.types.is_string(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind):
        return values
    return [from_value(value) for value in values]


def from_value(value: Any) -> Value:
    """Return a Python value as a Cypher value; what Cypher has no type for (bytes, durations) passes as it is."""
    if isinstance(value, (list, tuple)):
        pairs = isinstance(value, list) and bool(value) and all(isinstance(item, tuple) for item in value)
        if pairs and all(len(item) == 2 and isinstance(item[0], str) for item in value):
            return {key: from_value(item) for key, item in value}
        return [from_value(item) for item in value]
    if isinstance(value, dict):
        return {str(key): from_value(item) for key, item in value.items()}
    return _single(value)


def _single(value: Any) -> Value:
    if isinstance(value, (dt.date, dt.time)):
        return from_python(value)
    if isinstance(value, Decimal):
        return float(value)
    return value.item() if isinstance(value, np.generic) else value


def _moment(count: int, zone: str | None) -> Temporal:
    days, nanos = divmod(count, NANOS_PER_DAY)
    return Temporal(
        "localdatetime" if zone is None else "datetime", _EPOCH_DAYS + days, nanos, None if zone is None else 0
    )


def _labels(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    if isinstance(value, list):
        return tuple(str(label) for label in value if label is not None)
    return (str(value),)

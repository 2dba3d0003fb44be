"""What leaves a query: plain Python values, and the Arrow types of the columns.

A node becomes {id, labels, properties}, a relationship {id, type, start, end, properties}, a path {nodes,
relationships}; ids of nodes are node keys, those of relationships rows of the edge table. Dates and times leave as ISO
8601 text. A column whose values have no common Arrow type is JSON in Arrow; its tuples hold the values as they are.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from polyroute.engines.graph.cypher.temporal import Temporal
from polyroute.engines.graph.cypher.values import Node, Path, Relationship, Value
from polyroute.result import Rows
from polyroute.sql.types import JSON
from polyroute.values import MIXED


def to_rows(columns: Sequence[str], rows: list[tuple[Value, ...]]) -> Rows:
    """Return the rows of a query as an engine's answer; the types are read off them when somebody asks."""
    shown = [tuple(map(to_python, row)) for row in rows]

    def schema() -> pa.Schema:
        return pa.schema([_field(name, [row[place] for row in shown]) for place, name in enumerate(columns)])

    return Rows(tuple(columns), shown, schema)


def to_python(value: Value) -> object:
    """Return a value as plain Python."""
    if isinstance(value, Node):
        return node_dict(value)
    if isinstance(value, Relationship):
        return relationship_dict(value)
    if isinstance(value, Path):
        return {
            "nodes": [node_dict(node) for node in value.nodes],
            "relationships": [relationship_dict(relationship) for relationship in value.relationships],
        }
    if isinstance(value, list):
        return [to_python(item) for item in value]
    if isinstance(value, dict):
        return {key: to_python(item) for key, item in value.items()}
    return str(value) if isinstance(value, Temporal) else value


def node_dict(node: Node) -> dict[str, object]:
    """Return a node as a dict."""
    graph, number = node.graph, node.number
    return {
        "id": to_python(graph.node_id(number)),
        "labels": list(graph.labels(number)),
        "properties": to_python(graph.node_properties(number)),
    }


def relationship_dict(relationship: Relationship) -> dict[str, object]:
    """Return a relationship as a dict."""
    graph, number = relationship.graph, relationship.number
    source, target = graph.ends(number)
    return {
        "id": number,
        "type": graph.relationship_type(number),
        "start": to_python(graph.node_id(source)),
        "end": to_python(graph.node_id(target)),
        "properties": to_python(graph.relationship_properties(number)),
    }


def _field(name: str, values: list[object]) -> pa.Field:
    """Return the Arrow field of a column: the type its values have in common, or JSON."""
    kinds = {type(value) for value in values if value is not None}
    if not (bool in kinds and len(kinds) > 1):
        try:
            return pa.field(name, pa.array(values).type)
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
            pass
    return pa.field(name, JSON, metadata=MIXED)

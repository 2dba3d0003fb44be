"""The values of openCypher at work: what equals what, what comes before what, what counts as the same when grouping.

Three rules live side by side. Equality (`=`) knows null and gives null; order (`<`) compares only like with like; and
ORDER BY, DISTINCT and grouping need an answer for any two values, so they have an order and an identity of their own.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from polyroute.engines.graph.cypher.temporal import Temporal

if TYPE_CHECKING:
    from polyroute.engines.graph.cypher.graph import CypherGraph


class Node:
    """A node: its graph and its number."""

    __slots__ = ("graph", "number")

    def __init__(self, graph: CypherGraph, number: int) -> None:
        self.graph = graph
        self.number = number

    def __eq__(self, other: object) -> bool:
        return type(other) is Node and other.number == self.number

    def __hash__(self) -> int:
        return hash(("node", self.number))


class Relationship:
    """A relationship: its graph and the number of its edge."""

    __slots__ = ("graph", "number")

    def __init__(self, graph: CypherGraph, number: int) -> None:
        self.graph = graph
        self.number = number

    def __eq__(self, other: object) -> bool:
        return type(other) is Relationship and other.number == self.number

    def __hash__(self) -> int:
        return hash(("relationship", self.number))


@dataclass(frozen=True, slots=True)
class Path:
    """A path: one node more than relationships."""

    nodes: tuple[Node, ...]
    relationships: tuple[Relationship, ...]


Value: TypeAlias = object
"""None, bool, int, float, str, list, dict (a map), bytes, Temporal, Node, Relationship or Path."""

_RANKS: dict[type, int] = {
    dict: 0,
    Node: 1,
    Relationship: 2,
    list: 3,
    Path: 4,
    Temporal: 5,
    str: 6,
    bool: 7,
    int: 8,
    float: 8,
}
_OTHER_RANK = 9
_NULL_RANK = 10
_TEMPORAL_RANKS = {"datetime": 0, "localdatetime": 1, "date": 2, "time": 3, "localtime": 4}


def is_number(value: Value) -> bool:
    """Tell whether a value is an integer or a float; a boolean is not."""
    return type(value) is int or type(value) is float


def equals(left: Value, right: Value) -> bool | None:
    """Compare by `=`: null where null takes part, at any depth, and nothing else decides.

    >>> equals(1, 1.0), equals([1, None], [1, 2]), equals([1, None], [2, None]), equals(1, True)
    (True, None, False, False)
    """
    if left is None or right is None:
        return None
    kind = type(left)
    if kind is not type(right):
        return is_number(left) and is_number(right) and left == right
    if isinstance(left, list) and isinstance(right, list):
        return _list_equals(left, right)
    if isinstance(left, dict) and isinstance(right, dict):
        return _map_equals(left, right)
    return left == right


def _list_equals(left: list[Value], right: list[Value]) -> bool | None:
    if len(left) != len(right):
        return False
    return _all(equals(a, b) for a, b in zip(left, right, strict=True))


def _map_equals(left: dict[str, Value], right: dict[str, Value]) -> bool | None:
    if left.keys() != right.keys():
        return False
    return _all(equals(left[key], right[key]) for key in left)


def _all(answers: object) -> bool | None:
    unknown = False
    for answer in answers:  # type: ignore[attr-defined]
        if answer is False:
            return False
        unknown = unknown or answer is None
    return None if unknown else True


def less(left: Value, right: Value) -> bool | None:
    """Compare by `<`: null unless both are numbers, strings, booleans, lists, or temporal values of one kind."""
    if is_number(left) and is_number(right):
        return bool(left < right)  # type: ignore[operator]
    if type(left) is not type(right):
        return None
    if isinstance(left, (str, bool)):
        return bool(left < right)  # type: ignore[operator]
    if isinstance(left, Temporal) and isinstance(right, Temporal):
        return left.order < right.order if left.kind == right.kind else None
    if isinstance(left, list) and isinstance(right, list):
        return _list_less(left, right)
    return None


def _list_less(left: list[Value], right: list[Value]) -> bool | None:
    for a, b in zip(left, right, strict=False):
        same = equals(a, b)
        if same is None:
            return None
        if not same:
            return less(a, b)
    return len(left) < len(right)


def identity(value: Value) -> Hashable:
    """Return what DISTINCT and grouping take for the same: null is null, NaN is NaN, 1 is 1.0 but not true."""
    kind = type(value)
    if kind is str or kind is int or value is None or kind is Node or kind is Relationship:
        return value
    if kind is bool:
        return ("boolean", value)
    if kind is float:
        return ("nan",) if value != value else value
    if isinstance(value, list):
        return ("list", *map(identity, value))
    if isinstance(value, dict):
        return ("map", frozenset((key, identity(item)) for key, item in value.items()))
    return value


def sort_key(value: Value) -> tuple[object, ...]:
    """Return the place of a value in the order that ORDER BY gives all values.

    Maps, nodes, relationships, lists, paths, dates and times, strings, booleans, numbers with NaN last, then null.

    >>> sorted([None, 1.5, "a", True, [1], {"k": 1}], key=sort_key)
    [{'k': 1}, [1], 'a', True, 1.5, None]
    """
    kind = type(value)
    if value is None:
        return (_NULL_RANK,)
    rank = _RANKS.get(kind, _OTHER_RANK)
    if kind is float and value != value:
        return (rank, 1, 0)
    if rank == 8:
        return (rank, 0, value)
    if isinstance(value, (Node, Relationship)):
        return (rank, value.number)
    if isinstance(value, list):
        return (rank, [sort_key(item) for item in value])
    if isinstance(value, dict):
        keys = sorted(value)
        return (rank, len(keys), keys, [sort_key(value[key]) for key in keys])
    if isinstance(value, Path):
        return (rank, [item.number for item in value.nodes], [item.number for item in value.relationships])
    if isinstance(value, Temporal):
        return (rank, _TEMPORAL_RANKS[value.kind], value.order)
    return (rank, value) if rank != _OTHER_RANK else (rank, kind.__name__, value)


def type_name(value: Value) -> str:
    """Name the type of a value, for messages."""
    names: dict[type, str] = {
        bool: "a boolean",
        int: "an integer",
        float: "a float",
        str: "a string",
        list: "a list",
        dict: "a map",
        Node: "a node",
        Relationship: "a relationship",
        Path: "a path",
    }
    if value is None:
        return "null"
    return f"a {value.kind}" if isinstance(value, Temporal) else names.get(type(value), type(value).__name__)

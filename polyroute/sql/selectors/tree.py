"""A selector as a value: a tree of frozen nodes that says what a document must be like.

`parse.py` builds the tree from MongoDB-style JSON, `negation.py` brings it to its normal form, `match.py` turns it
into a Python predicate and `to_filter.py` into SQL for the part that SQLite can decide. A node is either a
combination of nodes or one `Field`: a path into the document and a test of what stands there.
"""

from __future__ import annotations

from dataclasses import dataclass

from polyroute.sql.selectors.paths import Path

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]


@dataclass(frozen=True, slots=True)
class And:
    """Every part matches; without parts, anything does."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """At least one part matches; without parts, nothing does."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite of a part: its negation is carried down to the fields, which must still exist."""

    part: Node


@dataclass(frozen=True, slots=True)
class Nor:
    """The opposite of every part."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Field:
    """What stands at a path passes a test; the empty path is the value itself, inside `$elemMatch` and its kin."""

    path: Path
    test: Test


@dataclass(frozen=True, slots=True)
class Compare:
    """`$eq $ne $gt $gte $lt $lte`: the value compared with another in the collation of all JSON."""

    operator: str
    value: Json


@dataclass(frozen=True, slots=True)
class In:
    """`$in`: the value, or one element of an array, equals one of these."""

    values: tuple[Json, ...]


@dataclass(frozen=True, slots=True)
class NotIn:
    """`$nin`: neither the value nor an element of an array equals one of these."""

    values: tuple[Json, ...]


@dataclass(frozen=True, slots=True)
class Exists:
    """`$exists`: something stands at the path, null included, or nothing does."""

    wanted: bool


@dataclass(frozen=True, slots=True)
class TypeIs:
    """`$type`: the JSON type has this name."""

    name: str


@dataclass(frozen=True, slots=True)
class All:
    """`$all`: an array holds every one of these."""

    values: tuple[Json, ...]


@dataclass(frozen=True, slots=True)
class ElemMatch:
    """`$elemMatch`: at least one element of an array matches."""

    node: Node


@dataclass(frozen=True, slots=True)
class AllMatch:
    """`$allMatch`: an array has elements and every one matches."""

    node: Node


@dataclass(frozen=True, slots=True)
class KeyMapMatch:
    """`$keyMapMatch`: at least one key of an object matches."""

    node: Node


@dataclass(frozen=True, slots=True)
class Size:
    """`$size`: an array has this many elements."""

    length: int


@dataclass(frozen=True, slots=True)
class Mod:
    """`$mod`: a whole number leaves this remainder, which has the sign of the number."""

    divisor: int
    remainder: int


@dataclass(frozen=True, slots=True)
class Regex:
    """`$regex`: the pattern is found somewhere in a string."""

    pattern: str


@dataclass(frozen=True, slots=True)
class BeginsWith:
    """`$beginsWith`: a string starts with this one, case and all."""

    prefix: str


@dataclass(frozen=True, slots=True)
class Unless:
    """The opposite of a test that has no operator of its own for it; made by the normal form only."""

    test: Test


Test = (
    Compare
    | In
    | NotIn
    | Exists
    | TypeIs
    | All
    | ElemMatch
    | AllMatch
    | KeyMapMatch
    | Size
    | Mod
    | Regex
    | BeginsWith
    | Unless
)
Node = And | Or | Not | Nor | Field

EVERYTHING = And(())

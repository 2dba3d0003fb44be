"""The kinds of values that generated queries work with, and the columns and sources that have them.

A kind is coarser than a type: 32- and 64-bit integers are one, since an expression may mix them. Kinds without any
functions of their own (`WHOLE`, `NESTED`) are only compared, grouped, passed on. A domain says which columns hold keys
of the same things, so that joins find matches.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto


class Kind(Enum):
    """What may be done with a value."""

    INT = auto()
    WHOLE = auto()  # 64-bit integers too large for arithmetic
    FLOAT = auto()
    DECIMAL = auto()
    TEXT = auto()
    BOOL = auto()
    DATE = auto()
    TIMESTAMP = auto()
    LIST = auto()  # of texts
    NESTED = auto()  # structs, vectors, JSON: passed on, counted, tested for NULL


SCALARS = (Kind.INT, Kind.FLOAT, Kind.DECIMAL, Kind.TEXT, Kind.BOOL, Kind.DATE, Kind.TIMESTAMP)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a source: some of its values to make literals from, and the scalar fields of a struct.

    Sums of an `exact` float are the same in whatever order they are made.
    """

    name: str
    kind: Kind
    domain: str = ""
    samples: tuple[object, ...] = ()
    fields: tuple[Column, ...] = ()
    exact: bool = True


@dataclass(frozen=True, slots=True)
class Dataset:
    """A dataset that FROM may name, about how many rows it has, and whether a column has a value in every row once."""

    name: str
    columns: tuple[Column, ...]
    rows: int


@dataclass(frozen=True, slots=True)
class Source:
    """Something that stands in FROM: its text before the alias, its columns, and about how many rows it gives."""

    text: str
    columns: tuple[Column, ...]
    rows: int
    alias: str | None = None


@dataclass(frozen=True, slots=True)
class TableCall:
    """One of our table functions with its arguments as they are written, and as the method of the same name takes them.

    `lateral` is the column that the first argument after the dataset comes from; then `arguments` lack it.
    """

    function: str
    dataset: str
    written: str
    arguments: dict[str, object] = field(default_factory=dict)
    lateral: str | None = None

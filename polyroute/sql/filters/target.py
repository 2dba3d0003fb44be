"""Describe the SQL that an engine takes, for `to_sql` to write filters in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import pyarrow as pa
    from sqlglot import exp

    from polyroute.sql.filters.in_list import InList


def quote_double(name: str) -> str:
    """Quote an identifier as the SQL standard does.

    >>> print(quote_double('a "b" c'))
    "a ""b"" c"
    """
    return '"' + name.replace('"', '""') + '"'


def _as_is(value: object, type_: pa.DataType | None) -> object:
    return value


def _one_by_one(values: InList, type_: pa.DataType) -> None:
    return None


def _always(field: pa.Field) -> bool:
    return True


def _never(field: pa.Field) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class ListForm:
    """A long IN list as one parameter: `text` is what stands after IN, with `{}` where the parameter goes."""

    text: str
    param: object


@dataclass(frozen=True, slots=True, eq=False)
class SqlTarget:
    """Describe the SQL that one engine takes; adapt a ready one with `dataclasses.replace`.

    Keep a target for as long as it is used: what was written for it is remembered for this very object.

    Attributes:
        dialect: the name of the engine's dialect in sqlglot.
        placeholder: `named` ($p1, and a dict of parameters) or `qmark` (?, and a list).
        nodes: the node types that mean in the engine what they mean in DuckDB; None for every one.
        quote: quotes a root column, and may put a table's alias before it.
        encode: gives the stored form of a value compared with a type; raises `Unsupported` where there is none.
        comparable: tells whether a column's stored form compares as its logical type does.
        collate: tells whether a text column must be told to compare by bytes (COLLATE BINARY).
        max_params: how many parameters the engine takes.
        lists: gives a long list of values, all of the kind of the type that they are compared with, as one parameter;
            None where it is to be written value by value. May only depend on the types of the values, on whether the
            texts hold a NUL, and on whether the whole numbers fit 64 bits.
    """

    dialect: str
    placeholder: Literal["named", "qmark"] = "qmark"
    nodes: frozenset[type[exp.Expr]] | None = None
    quote: Callable[[str], str] = quote_double
    encode: Callable[[object, pa.DataType | None], object] = field(default=_as_is)
    comparable: Callable[[pa.Field], bool] = field(default=_always)
    collate: Callable[[pa.Field], bool] = field(default=_never)
    max_params: int | None = None
    lists: Callable[[InList, pa.DataType], ListForm | None] = field(default=_one_by_one)

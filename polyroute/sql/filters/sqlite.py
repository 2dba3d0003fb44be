"""Describe SQLite's SQL for `to_sql`: what SQLite computes as DuckDB does, over the forms in which values are stored.

Booleans are stored as 0 and 1, dates and times as ISO text, and NaN as the text 'NaN' in a REAL column, where SQLite
orders it after every number, as DuckDB does. Arithmetic, LIKE and functions are left out: SQLite divides integers,
has no NaN, and folds the case of ASCII letters only.
"""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from sqlglot import exp

from polyroute.sql.filters.exact import domain
from polyroute.sql.filters.filter import Unsupported
from polyroute.sql.filters.in_list import InList
from polyroute.sql.filters.target import ListForm, SqlTarget

if TYPE_CHECKING:
    import pyarrow as pa

_NODES: frozenset[type[exp.Expr]] = frozenset(
    {
        exp.And,
        exp.Or,
        exp.Not,
        exp.Paren,
        exp.EQ,
        exp.NEQ,
        exp.LT,
        exp.LTE,
        exp.GT,
        exp.GTE,
        exp.NullSafeEQ,
        exp.NullSafeNEQ,
        exp.In,
        exp.Between,
        exp.Is,
        exp.Column,
        exp.Boolean,
        exp.Null,
    }
)
_DOMAINS = frozenset({"integer", "float", "string", "bool", "date", "timestamp"})
_INT64 = 2**63


def encode_sqlite(value: object, type_: pa.DataType | None) -> object:
    """Give the form in which SQLite stores a value.

    >>> encode_sqlite(dt.datetime(2024, 12, 31, 23, 59), None), encode_sqlite(True, None), encode_sqlite(math.nan, None)
    ('2024-12-31 23:59:00', 1, 'NaN')

    Raises:
        Unsupported: for a value that SQLite cannot hold.
    """
    match value:
        case bool():
            return int(value)
        case int() if -_INT64 <= value < _INT64:
            return value
        case float():
            return "NaN" if math.isnan(value) else value
        case str():
            return value
        case dt.datetime() if value.tzinfo is None:
            return value.isoformat(" ")
        case dt.date() if not isinstance(value, dt.datetime):
            return value.isoformat()
    raise Unsupported(f"SQLite holds no {type(value).__name__} of this kind")


def comparable_sqlite(field: pa.Field) -> bool:
    """Tell whether the form in which polyroute stores a column in SQLite compares as its type does."""
    kind = domain(field.type)
    return kind in _DOMAINS and not (kind == "integer" and str(field.type) == "uint64")


def list_sqlite(values: InList, encode: Callable[[object, pa.DataType | None], object]) -> ListForm | None:
    """Return a long list as one JSON text, which SQLite looks up in an index like single values.

    Whole numbers of 64 bits are exact in it, and texts whole up to their first NUL. Floats stay single parameters: how
    well SQLite reads their digits varies with its version.

    >>> list_sqlite(InList((1, 2)), encode_sqlite).param
    '[1,2]'
    """
    fits = (
        (values.kinds == {int} and values.reach < _INT64)
        or (values.kinds == {str} and not values.has_nul)
        or values.kinds == {bool}
        or values.kinds == {dt.date}
    )
    if not fits:
        return None
    return ListForm("(SELECT value FROM json_each({}))", values.once(("json", encode), lambda: _json(values, encode)))


def _json(values: InList, encode: Callable[[object, pa.DataType | None], object]) -> str:
    stored = values if values.kinds <= {int, str} else [encode(value, None) for value in values]
    return json.dumps(stored, ensure_ascii=False, separators=(",", ":"))


SQLITE = SqlTarget(
    dialect="sqlite",
    placeholder="qmark",
    nodes=_NODES,
    encode=encode_sqlite,
    comparable=comparable_sqlite,
    max_params=30_000,
    lists=lambda values, _: list_sqlite(values, encode_sqlite),
)
"""SQLite with `?` parameters."""

"""Describe DuckDB's SQL for `to_sql`: it takes every filter, and long lists as one parameter."""

from __future__ import annotations

import datetime as dt

import pyarrow as pa

from polyroute.sql.filters.exact import domain
from polyroute.sql.filters.in_list import InList
from polyroute.sql.filters.target import ListForm, SqlTarget

_LISTED = frozenset({"integer", "string", "bool", "date"})
_INT64 = 2**63


def _encoded(value: object, type_: pa.DataType | None) -> object:
    # DuckDB compares TIMESTAMPTZ_NS with no other zoned timestamp, but reads one from a text
    finest = isinstance(value, dt.datetime) and str(type_).startswith("timestamp[ns, tz=")
    return str(value) if finest else value


def _listed(values: InList, type_: pa.DataType) -> ListForm | None:
    """Return a list to be looked up in a hash table: 10,000 values take 10 ms, as parameters of their own 350.

    Values without a type of their own beside the column (a DECIMAL's width, a FLOAT's) stay single parameters.
    """
    if domain(type_) not in _LISTED or (values.kinds == {int} and values.reach >= _INT64):
        return None
    return ListForm("(SELECT unnest({}))", list(values)) if len(values.kinds) == 1 else None


DUCKDB = SqlTarget("duckdb", "named", encode=_encoded, lists=_listed)
"""DuckDB itself, which takes every filter."""

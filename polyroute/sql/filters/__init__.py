"""One filter language for every engine: a SQL boolean expression, parsed once, rendered for each.

`parse_filter` makes a `Filter` from text. `to_sql`, `to_lance`, `to_predicate` and `to_arrow` write it for an engine,
and `mask_arrow` applies it to a table, or they raise `Unsupported` for what would not be exactly as in DuckDB; `split`
divides a filter between an engine and the rest. Engines of plugins use these too.
"""

from polyroute.sql.filters.duckdb import DUCKDB
from polyroute.sql.filters.filter import Filter, Unsupported, and_, conjuncts
from polyroute.sql.filters.in_list import InList
from polyroute.sql.filters.negotiate import split
from polyroute.sql.filters.order import OrderKey, parse_order
from polyroute.sql.filters.parse import parse_filter
from polyroute.sql.filters.reference import Reference, reference
from polyroute.sql.filters.sqlite import SQLITE, comparable_sqlite, encode_sqlite, list_sqlite
from polyroute.sql.filters.target import ListForm, SqlTarget
from polyroute.sql.filters.to_arrow import mask_arrow, to_arrow
from polyroute.sql.filters.to_lance import to_lance
from polyroute.sql.filters.to_predicate import to_predicate
from polyroute.sql.filters.to_sql import Rendered, to_sql

__all__ = [
    "DUCKDB",
    "SQLITE",
    "Filter",
    "InList",
    "ListForm",
    "OrderKey",
    "Reference",
    "Rendered",
    "SqlTarget",
    "Unsupported",
    "and_",
    "comparable_sqlite",
    "conjuncts",
    "encode_sqlite",
    "list_sqlite",
    "mask_arrow",
    "parse_filter",
    "parse_order",
    "reference",
    "split",
    "to_arrow",
    "to_lance",
    "to_predicate",
    "to_sql",
]

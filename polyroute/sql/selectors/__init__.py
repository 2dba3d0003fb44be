"""MongoDB-style selectors with the semantics of CouchDB's Mango: parsed to a tree, compiled to Python, rendered to
SQLite where that is exact.
"""

from __future__ import annotations

from polyroute.sql.selectors.fields import compile_fields, parse_fields
from polyroute.sql.selectors.find import Find, parse_find
from polyroute.sql.selectors.match import compile_selector
from polyroute.sql.selectors.order import in_order, parse_sort
from polyroute.sql.selectors.parse import parse_selector
from polyroute.sql.selectors.to_filter import SQL_FUNCTIONS, Split, json_path, split_selector
from polyroute.sql.selectors.tree import EVERYTHING, Node

__all__ = [
    "EVERYTHING",
    "SQL_FUNCTIONS",
    "Find",
    "Node",
    "Split",
    "compile_fields",
    "compile_selector",
    "in_order",
    "json_path",
    "parse_fields",
    "parse_find",
    "parse_selector",
    "parse_sort",
    "split_selector",
]

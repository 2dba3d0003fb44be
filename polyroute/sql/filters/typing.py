"""Know the Arrow type of an expression where that needs no guess.

References have the type of the schema; the few functions that renderers compute themselves have a known result. For
everything else the answer is None: its type is DuckDB's business.
"""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa
from sqlglot import exp

from polyroute.sql.filters.exact import domain
from polyroute.sql.filters.literals import NO_LITERAL, literal
from polyroute.sql.filters.reference import is_list, reference

_OF_TEXTS: Mapping[type[exp.Expr], pa.DataType] = {
    exp.Lower: pa.string(),
    exp.Upper: pa.string(),
    exp.Length: pa.int64(),
    exp.StartsWith: pa.bool_(),
    exp.EndsWith: pa.bool_(),
    exp.Contains: pa.bool_(),
}
_CONDITIONS = (exp.Predicate, exp.Connector, exp.Not)


def type_of(node: exp.Expr, schema: pa.Schema) -> pa.DataType | None:
    """Give the type of an expression over a schema, or None where it is not certain.

    >>> from polyroute.sql.dialect import parse_expression
    >>> from polyroute.sql.filters.reference import resolve
    >>> schema = pa.schema({"name": pa.string()})
    >>> type_of(resolve(parse_expression("length(name)"), schema), schema)
    DataType(int64)
    """
    node = node.unnest()
    found = reference(node, schema)
    if found is not None:
        return found.type
    if type(node) in _OF_TEXTS:
        return _OF_TEXTS[type(node)] if _is_text(node.this, schema) else None
    if isinstance(node, exp.Abs):
        inner = type_of(node.this, schema)
        return inner if inner is not None and domain(inner) in ("integer", "float") else None
    if isinstance(node, exp.Coalesce):
        return _of_coalesce(node, schema)
    if isinstance(node, exp.ArrayContains):
        return None if item_type(node, schema) is None else pa.bool_()
    return pa.bool_() if isinstance(node, _CONDITIONS) else None


def item_type(node: exp.Expr, schema: pa.Schema) -> pa.DataType | None:
    """Give the type of the items that `list_contains` looks through, or None when the node is something else."""
    if not isinstance(node, exp.ArrayContains):
        return None
    type_ = type_of(node.this, schema)
    return type_.value_type if type_ is not None and is_list(type_) else None


def _is_text(node: exp.Expr, schema: pa.Schema) -> bool:
    type_ = type_of(node, schema)
    return type_ is not None and domain(type_) == "string"


def _of_coalesce(node: exp.Coalesce, schema: pa.Schema) -> pa.DataType | None:
    """Require one type of all alternatives; a literal has it only where it needs no conversion."""
    type_ = type_of(node.this, schema)
    if type_ is None or (kind := domain(type_)) is None:
        return None
    for other in node.expressions:
        value = literal(other)
        same = type_of(other, schema) == type_ if value is NO_LITERAL else type(value) is _PYTHON.get(kind)
        if not same:
            return None
    return type_


_PYTHON = {"integer": int, "float": float, "string": str, "bool": bool}

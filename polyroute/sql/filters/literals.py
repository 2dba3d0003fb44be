"""Read the literals of a SQL tree as Python values, kept apart by the type that DuckDB gives them."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from enum import Enum

import pyarrow as pa
from sqlglot import exp

from polyroute.sql.filters.coerce import coerce

_TYPED = {
    exp.DType.DATE: pa.date32(),
    exp.DType.TIMESTAMPNTZ: pa.timestamp("us"),
    exp.DType.TIMESTAMP: pa.timestamp("us"),
}


class NoLiteral(Enum):
    """Mark what is no literal; None is one, NULL."""

    MARK = "no literal"


NO_LITERAL = NoLiteral.MARK


def literal(node: exp.Expr) -> object:
    """Give the Python value of a literal (Decimal for 1.5, as in DuckDB, float for 1e5), or a mark that it is none."""
    node = node.unnest()
    if isinstance(node, exp.Null):
        return None
    if isinstance(node, exp.Boolean):
        return bool(node.this)
    if isinstance(node, exp.Neg):
        value = literal(node.this)
        return -value if isinstance(value, int | float | Decimal) and not isinstance(value, bool) else NO_LITERAL
    if isinstance(node, exp.Cast) and not isinstance(node, exp.TryCast):
        return _typed_literal(node)
    if not isinstance(node, exp.Literal):
        return NO_LITERAL
    return node.name if node.is_string else _number(node.name)


def _number(text: str) -> object:
    if text.isdigit():
        return int(text) if len(text) <= 38 else NO_LITERAL
    if "e" in text.lower():
        return float(text)
    return Decimal(text) if sum(map(str.isdigit, text)) <= 38 else NO_LITERAL


def _typed_literal(node: exp.Cast) -> object:
    """Read DATE '2024-12-31' and TIMESTAMP '2024-12-31 23:59:59'."""
    type_ = _TYPED.get(node.to.this)
    if type_ is None or not isinstance(node.this, exp.Literal) or not node.this.is_string:
        return NO_LITERAL
    value = coerce(node.this.name, type_, "the constant")
    return value if isinstance(value, dt.date) else NO_LITERAL

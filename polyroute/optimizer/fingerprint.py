"""The class of a query: what makes two operations alike for routing, values left out.

Operation, dataset, the shape of the filter, the columns and the order of magnitude of the limit decide how long an
engine takes; the values of parameters and literals do so far less. The class is a short text, so that records can keep
it over restarts. `features` are the numbers by which a class that was never seen is compared with others.
"""

from __future__ import annotations

import math
import re
from collections.abc import Hashable
from hashlib import blake2b

from polyroute.engines.contract import BoundSelect
from polyroute.operations import Operation, RelationalGet

_LITERAL = re.compile(r"'(?:[^']|'')*'|\b\d+(?:\.\d+)?(?:[eE][+-]?\d+)?\b")
_MAX_REMEMBERED = 10_000
_shapes: dict[str, str] = {}
_names: dict[Hashable, str] = {}


def fingerprint(op: Operation | BoundSelect) -> str:
    """Return the class of an operation as it was written, before it is bound.

    >>> from polyroute.operations import RelationalGet, Scan
    >>> fingerprint(RelationalGet("airports", "JFK")) == fingerprint(RelationalGet("airports", "LGA"))
    True
    >>> fingerprint(Scan("flights", where="delay > 60")) == fingerprint(Scan("flights", where="delay > 15"))
    True
    >>> fingerprint(Scan("flights", where="delay > 60")) == fingerprint(Scan("flights", where="delay < 60"))
    False
    """
    key = _class_of(op)
    name = _names.get(key)
    if name is None:
        _make_room(_names)
        name = _names[key] = blake2b(repr(key).encode(), digest_size=12).hexdigest()
    return name


def features(op: Operation | BoundSelect, rows: int | None) -> tuple[float, ...]:
    """Return numbers that tell how much work an operation is: size, width, selectivity, its kind.

    `rows` is the size of the dataset where it is known.

    >>> from polyroute.operations import RelationalGet
    >>> features(RelationalGet("airports", "JFK"), 1000)[1]
    1.0
    """
    limit = getattr(op, "limit", None) or getattr(op, "k", None)
    columns = getattr(op, "columns", None)
    text = _text_of(op)
    return (
        math.log1p(rows or 0),
        float(type(op) is RelationalGet),
        math.log1p(len(columns) if columns else 0),
        float(getattr(op, "where", None) is not None),
        float(limit is not None),
        math.log1p(limit or 0),
        math.log1p(len(text)),
        float("GROUP BY" in text.upper()),
    )


def _class_of(op: Operation | BoundSelect) -> Hashable:
    if type(op) is RelationalGet:
        return ("relational_get", op.dataset)
    where = getattr(op, "where", None)
    shape = where if where is None or isinstance(where, str) else where.expression.sql()
    text = _text_of(op)
    columns = getattr(op, "columns", None)
    limit = getattr(op, "limit", None) or getattr(op, "k", None)
    return (
        op.name,
        op.dataset,
        shape and _shape(shape),
        text and _shape(text),
        columns and len(columns),
        limit and limit.bit_length(),
        getattr(op, "max_hops", None),
    )


def _text_of(op: Operation | BoundSelect) -> str:
    return str(getattr(op, "sql", None) or getattr(op, "cypher", None) or getattr(op, "aggregates", None) or "")


def _shape(text: str) -> str:
    """Return a text with its literals taken out."""
    shape = _shapes.get(text)
    if shape is None:
        _make_room(_shapes)
        shape = _shapes[text] = _LITERAL.sub("?", text)
    return shape


def _make_room(remembered: dict[str, str] | dict[Hashable, str]) -> None:
    if len(remembered) >= _MAX_REMEMBERED:
        remembered.clear()

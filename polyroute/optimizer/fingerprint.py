"""The class of a query: what makes two operations alike for routing, values left out.

Operation, dataset, the shape of the filter, the columns and the order of magnitude of the limit decide how long an
engine takes; the values of parameters do so far less. It is computed on every query, so it reads attributes and hashes
texts, no more.
"""

from __future__ import annotations

from collections.abc import Hashable

from polyroute.operations import Operation, RelationalGet


def query_class(op: Operation) -> Hashable:
    """Return the class of an operation as it was written, before it is bound.

    >>> from polyroute.operations import RelationalGet
    >>> query_class(RelationalGet("airports", "JFK")) == query_class(RelationalGet("airports", "LGA"))
    True
    """
    if type(op) is RelationalGet:
        return ("relational_get", op.dataset)
    where = getattr(op, "where", None)
    shape = where if isinstance(where, str) or where is None else where.expression.sql()
    text = getattr(op, "sql", None) or getattr(op, "cypher", None) or getattr(op, "aggregates", None)
    columns = getattr(op, "columns", None)
    limit = getattr(op, "limit", None) or getattr(op, "k", None)
    return (
        op.name,
        op.dataset,
        shape,
        text,
        columns and len(columns),
        limit and limit.bit_length(),
        getattr(op, "max_hops", None),
    )

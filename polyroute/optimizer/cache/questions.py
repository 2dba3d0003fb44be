"""Questions as keys: as they were written, for a look-up in a microsecond, and as they were understood.

The first key is made of the arguments as they are, so it differs where only the writing does; the second is made of the
bound operation, in which names are those stored, defaults are filled in, values have the types of their columns, and
filters have their canonical form (see `filters`). Equal canonical keys mean equal answers.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping
from dataclasses import fields
from typing import Any

from polyroute import operations as ops
from polyroute.engines import BoundScan, BoundSelect
from polyroute.engines.binding import Bound
from polyroute.operations import Operation
from polyroute.optimizer.cache.filters import canonical_filter
from polyroute.optimizer.cache.selectors import canonical_selector
from polyroute.optimizer.cache.values import Uncacheable, as_given, exact
from polyroute.sql.filters import Filter

# answers of these depend on their arguments and the data only; what a plugin's operation does nobody here knows
_REPEATABLE = frozenset({
    ops.Scan, ops.RelationalGet,
    ops.VectorSearch, ops.VectorGet, ops.VectorCluster,
    ops.GraphQuery, ops.GraphNeighbors, ops.GraphShortestPath, ops.GraphCentrality,
    ops.DocumentFind, ops.DocumentGet, ops.DocumentCount,
    ops.TimeseriesRange, ops.TimeseriesWindow, ops.TimeseriesLatest,
})  # fmt: skip

_CLOCK = re.compile(r"\b(now|today|random|uuid\w*|gen_random_uuid|(get_)?current_\w+)\b", re.IGNORECASE)
_CHANCE = re.compile(r"\b(rand|randomuuid|timestamp|date|time|datetime|localtime|localdatetime)\s*\(", re.IGNORECASE)

_NAMES: dict[type, tuple[str, ...]] = {}


def written_key(name: str, dataset: str | None, arguments: Mapping[str, object]) -> Hashable | None:
    """Return the key of a question as it was written, or None where its values cannot be looked up.

    >>> written_key("relational_get", "airports", {"key": "JFK"})
    ('relational_get', 'airports', 'key', 'JFK')
    """
    try:
        parts: list[Hashable] = [as_given(name), as_given(dataset)]
        for argument, value in arguments.items():
            # spelled out for the two kinds that most keys have: this is most of what a hit costs
            kind = type(value)
            parts += (argument, value if kind is str else (kind, value) if kind is int else as_given(value))
    except Uncacheable:
        return None
    return tuple(parts)


def written_operation_key(op: Operation) -> Hashable | None:
    """Return the key of an operation as it was written, or None where its values cannot be looked up."""
    cls = type(op)
    names = _NAMES.get(cls)
    if names is None:
        names = _NAMES[cls] = tuple(f.name for f in fields(cls))
    parts: list[Hashable] = [cls.name]
    try:
        for name in names:
            value = getattr(op, name)
            parts.append(value if type(value) is str else as_given(value))
    except Uncacheable:
        return None
    return tuple(parts)


def cacheable(op: Operation) -> bool:
    """Tell whether asking an operation again of unchanged data gives the same answer: no clock, no chance, no write.

    >>> cacheable(ops.Scan("flights", where="dep < now()")), cacheable(ops.Scan("flights", where="dep < $t"))
    (False, True)
    """
    if type(op) not in _REPEATABLE:
        return False
    if type(op) is ops.GraphQuery:
        return _CHANCE.search(op.cypher) is None
    texts = (getattr(op, "where", None), getattr(op, "aggregates", None))
    return not any(isinstance(text, str) and _CLOCK.search(text) for text in texts)


def canonical_key(op: Bound) -> str | None:
    """Return the canonical key of a bound operation, or None where its values cannot be told from others."""
    try:
        if isinstance(op, BoundScan):
            return _scan_key(op)
        if isinstance(op, BoundSelect):
            return None
        return f"{op.name} {exact(op.dataset)} " + " ".join(
            f"{f.name}={_argument(f.name, getattr(op, f.name))}" for f in fields(op) if f.name != "dataset"
        )
    except Uncacheable:
        return None


def _scan_key(op: BoundScan) -> str:
    part = None if op.part == "edges" else op.part
    where = None if op.where is None else canonical_filter(op.where)
    order: dict[str, str] = {}
    for key in op.order:
        # a column that orders already orders nothing a second time
        order.setdefault(key.column, f"{key.column!r}{'v' if key.descending else '^'}{'n' if key.nulls_first else ''}")
    return f"scan {op.dataset.name!r} {part} {op.columns!r} {where} {','.join(order.values())} {op.limit}"


def _argument(name: str, value: Any) -> str:
    if isinstance(value, Filter):
        return canonical_filter(value)
    if name == "selector":
        return canonical_selector(value)
    if name == "params" and isinstance(value, Mapping):
        return exact(dict(sorted(value.items())))
    return exact(value)

"""Divide a filter between an engine and the residual: what the engine does exactly is pushed, the rest comes after.

Conditions joined by AND may be divided freely; below an OR or a NOT nothing is taken apart, since half of a condition
is another condition.
"""

from __future__ import annotations

from collections.abc import Callable

from polyroute.sql.filters.filter import Filter, Unsupported, conjuncts


def split(filter_: Filter | None, renderable: Callable[[Filter], object]) -> tuple[Filter | None, Filter | None]:
    """Divide a filter into the part an engine takes and the part that is left.

    Args:
        filter_: the filter, or None for all rows.
        renderable: a renderer such as `to_lance`, or `lambda f: to_sql(f, target)`; it raises `Unsupported` for what
            it cannot do.

    Returns:
        The pushed part and the residual; either is None where nothing stands on that side.

    >>> import pyarrow as pa
    >>> from polyroute.sql.filters import SQLITE, parse_filter, to_sql
    >>> parsed = parse_filter("a > 1 AND sqrt(a) < 9", pa.schema({"a": pa.int64()}))
    >>> pushed, residual = split(parsed, lambda part: to_sql(part, SQLITE))
    >>> to_sql(pushed, SQLITE).text, to_sql(residual).text
    ('"a" > ?', 'SQRT("a") < 9')
    """
    if filter_ is None:
        return None, None
    if _renders(filter_, renderable):
        return filter_, None
    template = filter_.template
    pushed: list[int] = []
    kept: list[int] = []
    for place, part in enumerate(conjuncts(filter_)):
        (pushed if part is not filter_ and _renders(part, renderable) else kept).append(place)
    return (
        Filter.of_template(template.joined(pushed), filter_.values) if pushed else None,
        Filter.of_template(template.joined(kept), filter_.values) if kept else None,
    )


def _renders(filter_: Filter, renderable: Callable[[Filter], object]) -> bool:
    try:
        renderable(filter_)
    except Unsupported:
        return False
    return True

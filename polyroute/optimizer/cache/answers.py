"""An answer as the cache keeps it: whole, weighed, and out of everybody's reach.

Whoever gets an answer may do with it what he likes, so nothing that can be changed is shared: Arrow tables are shared,
lists of rows are copied, and rows or documents that hold lists and dicts are kept as bytes and made anew each time.
"""

from __future__ import annotations

import datetime as dt
import pickle
import sys
from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from polyroute.result import Documents, QueryResult, Route, Row

_SAMPLE = 256
_SLOT = 8
_UNCHANGING = frozenset({
    str, int, float, bool, type(None), bytes, Decimal, UUID, dt.datetime, dt.date, dt.time, dt.timedelta,
})  # fmt: skip
_REASON = "answered from the cache, its data have not changed since"

_new = QueryResult.__new__


class KeptAnswer:
    """The answer of one execution; `fresh()` gives it out, a result of its own each time.

    >>> from polyroute.result import Rows
    >>> kept = KeptAnswer(QueryResult(Rows(("n", "tags"), [(1, ["a"])])))
    >>> kept.fresh().rows()[0][1].append("b")
    >>> kept.fresh().rows(), kept.fresh().from_cache
    ([(1, ['a'])], True)
    """

    __slots__ = ("_documents", "_packed", "_rows", "_state", "size_bytes")

    def __init__(self, result: QueryResult) -> None:
        self._rows: list[Row] | None = None
        self._packed: bytes | None = None
        self._documents: Documents | None = None
        self._state: dict[str, object] = {
            "columns": result.columns,
            "engine": result.engine,
            "_plan": result._plan,
            "attempts": 0,
            "from_cache": True,
            "_route": Route((), result.engine, _REASON),
        }
        if result._documents is not None:
            self._documents = result._documents
            self._packed = pickle.dumps(result._documents.documents, pickle.HIGHEST_PROTOCOL)
            # beside the bytes the documents themselves stay, which make the Arrow form
            self.size_bytes = 4 * len(self._packed)
        elif result._table is not None:
            self._state["_table"] = result._table
            self._state["_schema"] = result._table.schema
            self.size_bytes = int(result._table.get_total_buffer_size())
        else:
            rows = result.rows()
            self._state["_schema"] = None if result._schema is None else result.schema
            self.size_bytes = rows_size(rows)
            if _changeless(rows):
                self._rows = rows.copy()
            else:
                self._packed = pickle.dumps(rows, pickle.HIGHEST_PROTOCOL)
        self.size_bytes += 512

    def fresh(self) -> QueryResult:
        """Return the answer as a result of the caller's own."""
        result = _new(QueryResult)
        own = result.__dict__
        own.update(self._state)
        if self._rows is not None:
            own["_rows"] = self._rows.copy()
        elif self._packed is not None:
            # these bytes were made above and never left the process
            values: Any = pickle.loads(self._packed)  # noqa: S301
            if self._documents is None:
                own["_rows"] = values
            else:
                own["_documents"] = Documents(values, self._documents.table, self._documents.columns)
        return result


def rough_size(result: QueryResult) -> int:
    """Return about how many bytes an answer holds, without copying any of it."""
    if result._documents is not None:
        return rows_size([(document,) for document in _spread(result._documents.documents)]) * max(
            1, len(result._documents.documents) // _SAMPLE
        )
    if result._table is not None:
        return int(result._table.get_total_buffer_size())
    return rows_size(result.rows())


def rows_size(rows: Sequence[Row]) -> int:
    """Return about how many bytes rows hold, from a sample of them.

    >>> 100 < rows_size([(1, "a")]) < 300
    True
    """
    sample = _spread(rows)
    if not sample:
        return 0
    size = sum(_size(row) for row in sample)
    return _SLOT * len(rows) + size * len(rows) // len(sample)


def _spread(values: Sequence[Any]) -> Sequence[Any]:
    return values if len(values) <= _SAMPLE else values[:: len(values) // _SAMPLE]


def _size(value: object) -> int:
    size = sys.getsizeof(value)
    if isinstance(value, dict):
        return size + sum(_size(k) + _size(v) for k, v in value.items())
    if isinstance(value, list | tuple):
        return size + sum(_size(item) for item in value)
    return size


def _changeless(rows: Sequence[Row]) -> bool:
    """Tell whether no row holds a value that could be changed in place."""
    kinds: set[type] = set()
    for row in rows:
        kinds.update(map(type, row))
    return kinds <= _UNCHANGING

"""The columns of one state of a collection, each made from the documents when it is first asked for, and then kept.

A scan reads few of a collection's fields, and the same ones again; so a column is made alone, and a second scan of the
same state makes none. What is kept is bounded: the columns used least recently go first.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence

import pyarrow as pa

from polyroute.engines.call import Call
from polyroute.engines.document.convert import table_of
from polyroute.engines.document.definition import Document
from polyroute.engines.document.schema import Layout

MAX_BYTES = 256 * 2**20


class Columns:
    """Columns by name; safe to use from many threads.

    >>> from polyroute.engines.call import UNBOUNDED
    >>> columns = Columns(Layout(pa.schema([("a", pa.int64()), ("b", pa.string())])))
    >>> columns.table(["b"], lambda: [{"a": 1, "b": "x"}], UNBOUNDED).to_pydict()
    {'b': ['x']}
    >>> columns.holds(["b"]), columns.holds(["a", "b"])
    (True, False)
    """

    def __init__(self, layout: Layout, *, max_bytes: int = MAX_BYTES) -> None:
        self.layout = layout
        self._max_bytes = max_bytes
        self._held: OrderedDict[str, pa.ChunkedArray] = OrderedDict()
        self._lock = threading.Lock()

    def holds(self, names: Iterable[str]) -> bool:
        """Tell whether some columns are there already."""
        return all(name in self._held for name in names)

    def table(self, names: Sequence[str], documents: Callable[[], Iterable[Document]], call: Call) -> pa.Table:
        """Return at least one column as a table; `documents` gives all documents, once, where a column is missing."""
        held = dict(self._held)
        missing = [name for name in names if name not in held]
        if missing:
            made = table_of(documents(), some_columns(self.layout, missing), call)
            held.update(zip(missing, made.columns, strict=True))
        self._keep(names, held)
        schema = pa.schema([self.layout.schema.field(name) for name in names])
        return pa.Table.from_arrays([held[name] for name in names], schema=schema)

    def _keep(self, names: Sequence[str], columns: dict[str, pa.ChunkedArray]) -> None:
        with self._lock:
            for name in names:
                self._held[name] = columns[name]
                self._held.move_to_end(name)
            while self._held and sum(column.nbytes for column in self._held.values()) > self._max_bytes:
                self._held.popitem(last=False)


def some_columns(layout: Layout, names: Iterable[str]) -> Layout:
    """Return a layout with some of its columns only, in the order asked for."""
    wanted = [layout.schema.field(name) for name in names]
    return Layout(pa.schema(wanted), layout.members, layout.declared)

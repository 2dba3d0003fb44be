"""A long answer, read batch by batch while other work goes on.

DuckDB hands its answer out as an Arrow stream as it computes it, in a transaction of its own. The stream here stops
when its call does, gives errors the class that they have elsewhere, and can be closed by whoever closes the file:
DuckDB does not open a file again before the last answer of its former instance is gone, and waits for that without an
end.
"""

from __future__ import annotations

import re
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa

if TYPE_CHECKING:
    from polyroute.engines.call import Call

_BATCH_ROWS = 122_880  # one row group

_ERRORS: dict[str, type[duckdb.Error]] = {
    "INTERRUPT": duckdb.InterruptException,
    "Conversion": duckdb.ConversionException,
    "Out of Range": duckdb.OutOfRangeException,
    "Invalid Input": duckdb.InvalidInputException,
    "Out of Memory": duckdb.OutOfMemoryException,
    "IO": duckdb.IOException,
}


class Stream:
    """The batches of one query, decoded; `schema` is theirs. It owns the cursor, and closes it after the last batch."""

    def __init__(
        self,
        cursor: duckdb.DuckDBPyConnection,
        sql: str,
        params: Mapping[str, object] | None,
        decode: Callable[[pa.Table], pa.Table],
        call: Call,
    ) -> None:
        self._cursor = cursor
        self._reader: pa.RecordBatchReader | None = None
        self._decode = decode
        self._call = call
        self._ready: deque[pa.RecordBatch] = deque()
        self._lock = threading.Lock()
        self._ended = False
        try:
            with call.on_cancel(cursor.interrupt), _native_errors():
                self._reader = cursor.sql(sql, params=params or None).to_arrow_reader(_BATCH_ROWS)
            self.schema: pa.Schema = decode(self._reader.schema.empty_table()).schema
        except BaseException:
            self.close()
            raise

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        return self

    def __next__(self) -> pa.RecordBatch:
        try:
            while not self._ready:
                batch = None if self._ended else self._next()
                if batch is None:
                    self._ended = True
                    raise StopIteration
                self._ready.extend(self._decode(pa.Table.from_batches([batch])).to_batches())
        except BaseException:
            self.close()
            raise
        return self._ready.popleft()

    def _next(self) -> pa.RecordBatch | None:
        with self._lock:
            if self._reader is None:
                raise duckdb.ConnectionException("the answer was closed before its end")
            with self._call.on_cancel(self._cursor.interrupt), _native_errors():
                return next(self._reader, None)

    def close(self) -> None:
        """Give the cursor and the rest of the answer back; whoever reads it is stopped."""
        with suppress(duckdb.Error):
            self._cursor.interrupt()
        with self._lock:
            if self._reader is not None:
                self._reader.close()
                self._reader = None
            self._cursor.close()

    def __del__(self) -> None:
        with suppress(Exception):  # the interpreter may be half gone
            self.close()


@contextmanager
def _native_errors() -> Iterator[None]:
    """Give DuckDB's errors their own class again: out of an Arrow stream they come as OSError."""
    try:
        yield
    except OSError as exc:
        kind = re.match(r"([\w ]+?) Error: ", str(exc))
        if kind is None:
            raise
        raise _ERRORS.get(kind[1], duckdb.Error)(str(exc)) from exc

"""One open DuckDB file: who may write, what is read from it, when it has changed, how it is closed.

All engine ids on a path share this one instance. Nobody else can write the file while it is open (see `opening`):
whatever changes the data passes through `writing` here, which is what makes the version token true. Reads take a
cursor each and never wait; writes take turns.
"""

from __future__ import annotations

import os
import tempfile
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import duckdb
import pyarrow as pa

from polyroute.engines.resources.duckdb.opening import OPTIONS, connect
from polyroute.engines.resources.duckdb.stream import Stream
from polyroute.engines.resources.shared import Resource, acquire, acquire_temporary
from polyroute.errors import invalid, unknown_name

if TYPE_CHECKING:
    from polyroute.engines.call import Call
    from polyroute.engines.url import EngineURL

KIND = "duckdb"
_BATCHES_AT_ONCE = 8
_TURN_S = 0.05

Value = TypeVar("Value")


class DuckDBFile:
    """An open DuckDB instance; `options` are the settings that its address asked for."""

    def __init__(self, path: Path, options: Mapping[str, str], *, read_only: bool) -> None:
        self.path = path
        self.read_only = read_only
        self.options = dict(options)
        self._spill = tempfile.TemporaryDirectory(prefix="polyroute-spill-") if read_only else None
        try:
            self._connection = connect(path, self._settings(), read_only=read_only)
        except BaseException:
            if self._spill is not None:
                self._spill.cleanup()
            raise
        self._opening = threading.Lock()
        self._turn = threading.RLock()
        self._open: weakref.WeakSet[duckdb.DuckDBPyConnection] = weakref.WeakSet()
        self._streams: weakref.WeakSet[Stream] = weakref.WeakSet()
        self._writes = 0
        self._definitions = 0
        self._remembered: tuple[int, object] | None = None

    def _settings(self) -> dict[str, str]:
        # beside a file that may not be written there may be no room to spill either
        spill = {} if self._spill is None else {"temp_directory": self._spill.name}
        return {**spill, **self.options}

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """Return a new cursor, to be closed by the caller."""
        with self._opening:
            cursor = self._connection.cursor()
            self._open.add(cursor)
            return cursor

    @contextmanager
    def reading(self, call: Call) -> Iterator[duckdb.DuckDBPyConnection]:
        """Give a cursor for as long as the block runs; the call's end interrupts it."""
        cursor = self.cursor()
        try:
            with call.on_cancel(cursor.interrupt):
                yield cursor
        finally:
            cursor.close()

    @contextmanager
    def writing(self, call: Call, *, defines: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
        """Give a cursor inside a transaction that is committed at the end of the block, and undone by whatever leaves
        it.

        `defines` tells that tables may come, go or change. Raises QUERY_INVALID when the file is open read-only.
        """
        if self.read_only:
            raise invalid(f"{self.path.name} is open read-only", hint="open it without read_only to change it")
        while not self._turn.acquire(timeout=_TURN_S):
            call.check()
        try:
            cursor = self.cursor()
            try:
                cursor.begin()
                try:
                    with call.on_cancel(cursor.interrupt):
                        yield cursor
                    cursor.commit()
                except BaseException:
                    with suppress(duckdb.Error):
                        cursor.rollback()
                    raise
            finally:
                cursor.close()
                self._writes += 1
                self._definitions += defines
        finally:
            self._turn.release()

    def read(
        self,
        sql: str,
        params: Mapping[str, object] | None,
        decode: Callable[[pa.Table], pa.Table],
        call: Call,
    ) -> pa.Table | pa.RecordBatchReader:
        """Run one query and return its answer: a table, or a reader when it is long.

        `decode` turns DuckDB's columns into the wanted ones, batch by batch. A reader keeps its cursor, and with it
        its view of the data, until it is read to the end or dropped.
        """
        stream = Stream(self.cursor(), sql, params, decode, call)
        self._streams.add(stream)
        first = list(islice(stream, _BATCHES_AT_ONCE))
        if len(first) < _BATCHES_AT_ONCE:
            return pa.Table.from_batches(first, stream.schema)
        return pa.RecordBatchReader.from_batches(stream.schema, chain(first, stream))

    def remembered(self, make: Callable[[], Value]) -> Value:
        """Return what `make` made of the tables of the file, made anew after they have changed."""
        known, now = self._remembered, self._definitions
        if known is None or known[0] != now:
            known = (now, make())
            self._remembered = known
        return known[1]  # type: ignore[return-value]

    def version(self) -> tuple[object, ...]:
        """Return a token that differs after every change of the data.

        It counts the writes of this process, the only ones there are while the file is held; the sizes and times of
        the file and its log stand beside the count, should an operating system not keep the lock.
        """
        return (self._writes, _footprint(self.path), _footprint(Path(f"{self.path}.wal")))

    def close(self) -> None:
        """Close the instance with everything that still reads; the log is folded into the file."""
        # DuckDB opens a file again only after all of its last instance is gone
        for stream in list(self._streams):
            stream.close()
        for cursor in list(self._open):
            with suppress(duckdb.Error):
                cursor.close()
        if not self.read_only:
            # a reader somewhere may forbid it; the log then stays beside the file, and nothing is lost
            with suppress(duckdb.Error):
                self._connection.execute("CHECKPOINT")
        self._connection.close()
        if self._spill is not None:
            self._spill.cleanup()


def open_file(url: EngineURL, *, read_only: bool = False) -> Resource[DuckDBFile]:
    """Return the file of an address, opened once per process; without a path a temporary one.

    Raises QUERY_INVALID for an unknown option and for settings that differ from those the file is open with,
    ENGINE_CONNECTION_FAILED when it cannot be reached, ENGINE_UNAVAILABLE when it is no DuckDB file, damaged, or held
    by somebody else.
    """
    for name in url.options:
        if name not in OPTIONS:
            raise unknown_name("option of a DuckDB address", name, OPTIONS)

    def make(path: Path) -> DuckDBFile:
        return DuckDBFile(path, url.options, read_only=read_only)

    if url.path is None:
        if read_only:
            raise invalid(
                "a temporary DuckDB cannot be read-only", hint="give the path of a file: duckdb:///air.duckdb"
            )
        return acquire_temporary(KIND, "data.duckdb", make, DuckDBFile.close)
    resource = acquire(KIND, url.path, make, DuckDBFile.close, read_only=read_only)
    if dict(url.options) != resource.handle.options and url.options:
        resource.release()
        raise invalid(
            f"{url.path.name} is open already with other settings",
            hint="give the same options in all addresses of the file, or in the first only",
        )
    return resource


def _footprint(path: Path) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    return found.st_size, found.st_mtime_ns

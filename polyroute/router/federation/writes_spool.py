"""The rows of a query on their way into an engine: in memory while they are few, otherwise in a temporary file.

A write reads its query to the end before the engine sees the first row. So a query that reads what it writes sees the
old rows only, one that fails half way has written nothing, no engine holds a lock while others are read, and a loader
may read the rows as often as it needs.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa

from polyroute.engines import Call
from polyroute.errors import DatabaseErrorClassifier, PolyrouteError

IN_MEMORY_BYTES = 64 * 2**20

_FILE = "rows.arrow"
_CLASSIFIER = DatabaseErrorClassifier()


class Spool:
    """Batches of one schema, written once and read as often as needed."""

    def __init__(self, schema: pa.Schema, path: Path, max_bytes: int) -> None:
        self.schema = schema
        self.rows = 0
        self._path = path
        self._max_bytes = max_bytes
        self._held: list[pa.RecordBatch] = []
        self._bytes = 0
        self._writer: pa.ipc.RecordBatchFileWriter | None = None

    @property
    def spilled(self) -> bool:
        """Whether the rows lie in a file."""
        return self._writer is not None

    def add(self, batch: pa.RecordBatch) -> None:
        """Append a batch."""
        self.rows += batch.num_rows
        self._bytes += batch.nbytes
        self._held.append(batch)
        if self._bytes > self._max_bytes:
            self._spill()

    def finish(self) -> None:
        """Close the file, if there is one: from now on the rows are read."""
        if self._writer is not None:
            self._spill()
            self._writer.close()

    def batches(self, names: list[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Give the rows from the start, the columns under other names where some are given."""
        if self._writer is None:
            for batch in self._held:
                yield batch if names is None else batch.rename_columns(names)
            return
        with pa.OSFile(str(self._path)) as file:
            reader = pa.ipc.open_file(file)
            for i in range(reader.num_record_batches):
                batch = reader.get_batch(i)
                yield batch if names is None else batch.rename_columns(names)

    def _spill(self) -> None:
        if self._writer is None:
            self._writer = pa.ipc.new_file(str(self._path), self.schema)
        for batch in self._held:
            self._writer.write_batch(batch)
        self._held.clear()
        self._bytes = 0


@contextmanager
def spooled(batches: Iterator[pa.RecordBatch], call: Call, *, max_bytes: int = IN_MEMORY_BYTES) -> Iterator[Spool]:
    """Read batches, at least one, to their end and give them as a spool, which is gone when the block ends.

    Raises what the batches raise, CAPACITY_EXCEEDED when the disk is full, and the code of the call's stop.
    """
    with tempfile.TemporaryDirectory(prefix="polyroute-write-") as folder:
        first = next(batches)
        spool = Spool(first.schema, Path(folder) / _FILE, max_bytes)
        try:
            spool.add(first)
            for batch in batches:
                call.check()
                spool.add(batch)
            spool.finish()
        except PolyrouteError:
            raise
        except OSError as exc:
            raise _CLASSIFIER.translate(exc, engine=None) from exc
        yield spool

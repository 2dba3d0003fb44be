"""What a load has read so far, in the form in which it will be stored: in memory while it is small, otherwise in a
file of the staging directory.

Lance commits a write as a whole, but reads its rows on threads of its own, where a person's generator must not run. So
the rows are gathered and checked first, in the caller's thread, and then handed over in one go.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

_IN_MEMORY = 64 * 2**20


class Spool:
    """Batches of one schema, written once and read as often as needed."""

    def __init__(self, place: Path, schema: pa.Schema) -> None:
        self.schema = schema
        self.rows = 0
        self._path = place / "spool.arrow"
        self._held: list[pa.RecordBatch] = []
        self._bytes = 0
        self._writer: pa.ipc.RecordBatchFileWriter | None = None

    def add(self, batch: pa.RecordBatch) -> None:
        """Append a batch."""
        self.rows += batch.num_rows
        self._held.append(batch)
        self._bytes += batch.nbytes
        if self._bytes > _IN_MEMORY:
            self._spill()

    def reader(self, keep: pa.BooleanArray | None = None) -> pa.RecordBatchReader:
        """Return the rows, or those that a mask over all rows keeps."""
        return pa.RecordBatchReader.from_batches(self.schema, self._kept(keep))

    def close(self) -> None:
        """Give the file back."""
        if self._writer is not None:
            self._writer.close()
        self._held.clear()

    def _spill(self) -> None:
        if self._writer is None:
            self._writer = pa.ipc.new_file(pa.OSFile(str(self._path), "wb"), self.schema)
        for batch in self._held:
            self._writer.write_batch(batch)
        self._held.clear()
        self._bytes = 0

    def _kept(self, keep: pa.BooleanArray | None) -> Iterator[pa.RecordBatch]:
        done = 0
        for batch in self._batches():
            yield batch if keep is None else batch.filter(keep.slice(done, batch.num_rows))
            done += batch.num_rows

    def _batches(self) -> Iterator[pa.RecordBatch]:
        if self._writer is None:
            yield from self._held
            return
        self._spill()
        self._writer.close()
        with pa.memory_map(str(self._path)) as file, pa.ipc.open_file(file) as stored:
            for number in range(stored.num_record_batches):
                yield stored.get_batch(number)

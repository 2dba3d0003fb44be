"""Execution records: the last executions, in memory, as rows of `polyroute.executions`.

Appending costs one tuple; everything else is done when somebody looks.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import pyarrow as pa

MAX_RECORDS = 10_000


class ExecutionRecord(NamedTuple):
    """One execution: when it ended (seconds since the epoch), what ran where, how long it took, and the error code if
    it failed.
    """

    ended_at: float
    operation: str
    dataset: str | None
    engine: str | None
    elapsed_s: float
    attempts: int
    code: str | None


class ExecutionRecords:
    """A bounded list of the latest executions; appending is safe from any thread."""

    def __init__(self, maximum: int = MAX_RECORDS) -> None:
        # plain tuples: naming the fields would cost a point read more than keeping them
        self._records: deque[tuple[float, str, str | None, str | None, float, int, str | None]] = deque(maxlen=maximum)
        self.append = self._records.append

    def __len__(self) -> int:
        return len(self._records)

    def latest(self, count: int | None = None) -> list[ExecutionRecord]:
        """Return the latest records, oldest first."""
        # a deque must not change while it is iterated: copy() is atomic under the interpreter lock
        records = list(map(ExecutionRecord._make, self._records.copy()))
        return records if count is None else records[-count:]

    def to_arrow(self) -> pa.Table:
        """Return the records as the table `polyroute.executions`."""
        import pyarrow as pa

        rows = self.latest()
        arrays = [
            pa.array([int(r.ended_at * 1e6) for r in rows], pa.int64()).cast(pa.timestamp("us", "UTC")),
            pa.array([r.operation for r in rows], pa.string()),
            pa.array([r.dataset for r in rows], pa.string()),
            pa.array([r.engine for r in rows], pa.string()),
            pa.array([r.elapsed_s * 1e3 for r in rows], pa.float64()),
            pa.array([r.attempts for r in rows], pa.int64()),
            pa.array([r.code for r in rows], pa.string()),
        ]
        names = ["ended_at", "operation", "dataset", "engine", "elapsed_ms", "attempts", "error_code"]
        return pa.table(arrays, names=names)

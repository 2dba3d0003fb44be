"""Execution records: what ran where, how long it took, and what routing learned from it; the rows of
`polyroute.executions`.

Appending costs one tuple on a bounded queue. With a state folder one thread carries the queue into a file, so that a
crash loses the queue at most and a restart starts with what was learned; without one the queue is all there is.
"""

from __future__ import annotations

import json
import logging
import threading
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from polyroute.optimizer.record_store import RecordStore, Stored

if TYPE_CHECKING:
    import pyarrow as pa

MAX_RECORDS = 10_000
MAX_STORED = 100_000
_WRITE_EVERY_S = 0.5
_LOG = logging.getLogger(__name__)


class Learned(NamedTuple):
    """What one read taught: the engines it could go to, its class, and for each engine that ran it the seconds and
    whether it was stopped.
    """

    engines: tuple[str, ...]
    fingerprint: str
    runs: tuple[tuple[str, float, bool], ...]


class ExecutionRecord(NamedTuple):
    """One execution: when it ended (seconds since the epoch), what ran where, how long it took, the error code if it
    failed, and what it taught.
    """

    ended_at: float
    operation: str
    dataset: str | None
    engine: str | None
    elapsed_s: float
    attempts: int
    code: str | None
    learned: Learned | None = None


Plain = (
    tuple[float, str, str | None, str | None, float, int, str | None]
    | tuple[float, str, str | None, str | None, float, int, str | None, Learned | None]
)


class ExecutionRecords:
    """The latest executions; appending is safe from any thread.

    `path` is the file that keeps them (None: only memory does, at most `maximum` of them).

    >>> records = ExecutionRecords()
    >>> records.append((0.0, "scan", "airports", "rel", 0.001, 1, None, None))
    >>> records.latest()[0].engine
    'rel'
    """

    def __init__(self, path: Path | None = None, *, maximum: int = MAX_RECORDS, max_stored: int = MAX_STORED) -> None:
        # plain tuples: naming the fields would cost a point read more than keeping them
        self._queue: deque[Plain] = deque(maxlen=maximum)
        self.append = self._queue.append
        self._store = None if path is None else RecordStore(path, max_stored)
        self._max_stored = max_stored
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._writer: threading.Thread | None = None
        if self._store is not None:
            self._writer = threading.Thread(target=self._write_on, name="polyroute-records", daemon=True)
            self._writer.start()

    @property
    def notices(self) -> tuple[str, ...]:
        """What a person should know of the file, such as that a damaged one was set aside."""
        return () if self._store is None else self._store.notices

    def latest(self, count: int | None = None) -> list[ExecutionRecord]:
        """Return the latest records, oldest first."""
        if self._store is None:
            # a deque must not change while it is iterated: copy() is atomic under the interpreter lock
            records = [ExecutionRecord(*row) for row in self._queue.copy()]
            return records if count is None else records[-count:]
        self.flush()
        with self._lock:
            rows = self._store.latest(self._max_stored if count is None else count)
        return [_record(row) for row in rows]

    def learned(self, count: int) -> list[Learned]:
        """Return what the latest executions taught, oldest first."""
        if self._store is None:
            return [r.learned for r in self.latest() if r.learned is not None][-count:]
        self.flush()
        with self._lock:
            rows = self._store.latest(count, learned=True)
        return [r.learned for r in map(_record, rows) if r.learned is not None]

    def flush(self) -> None:
        """Carry what is queued into the file."""
        if self._store is None:
            return
        with self._lock:
            rows: list[Stored] = []
            while self._queue:
                rows.append(_stored(self._queue.popleft()))
            if rows:
                self._store.append(rows)

    def close(self) -> None:
        """Flush and close the file; closing twice is harmless."""
        self._closing.set()
        if self._writer is not None:
            self._writer.join()
            self._writer = None
        if self._store is not None:
            self._carry()
            with self._lock:
                self._store.close()

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

    def _write_on(self) -> None:
        while not self._closing.wait(_WRITE_EVERY_S):
            if self._queue:
                self._carry()

    def _carry(self) -> None:
        """Flush, and only say so when the file refuses: records must never fail a query."""
        try:
            self.flush()
        except Exception as exc:  # noqa: BLE001 - a full disk or a locked file, said once per attempt
            _LOG.warning("execution records could not be written (%s); they are dropped", type(exc).__name__)


def _stored(row: Plain) -> Stored:
    record = ExecutionRecord(*row)
    learned = record.learned
    text = None if learned is None else json.dumps([learned.engines, learned.fingerprint, learned.runs])
    return (*record[:-1], text)


def _record(row: Stored) -> ExecutionRecord:
    learned = None
    if row[-1] is not None:
        engines, fingerprint, runs = json.loads(row[-1])
        learned = Learned(tuple(engines), fingerprint, tuple((e, s, bool(c)) for e, s, c in runs))
    return ExecutionRecord(*row[:-1], learned)

"""Keep tables quick after many small writes: join their fragments, bring indexes up to date, forget old versions.

Every write of Lance is a version with files of its own. After a number of writes, and once the table has been quiet for
a moment, one thread of the folder tidies it, under the table's write lock so that it never makes a writer start again.
Nothing waits for it, and what it cannot do now it does after a later write.
"""

from __future__ import annotations

import contextlib
import threading
import time
from datetime import timedelta

from polyroute.engines.call import Call
from polyroute.engines.vector.lance.bridge import run
from polyroute.engines.vector.lance.folder import LanceFolder
from polyroute.engines.vector.lance.index import build
from polyroute.engines.vector.lance.snapshot import open_snapshot

_WRITES = 32
_WRITES_AT_MOST = 256
_QUIET_S = 0.5
_LOCK_WAIT_S = 1.0
_KEEP_OURS = timedelta(hours=1)
_KEEP_FOREIGN = timedelta(days=36_500)


class Upkeep:
    """Counts the writes of each table and tidies the tables that had many."""

    def __init__(self, folder: LanceFolder, index_rows: int) -> None:
        self._folder = folder
        self._index_rows = index_rows
        self._writes: dict[str, int] = {}
        self._last = 0.0
        self._guard = threading.Lock()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self._call = Call()
        self._closed = False

    def wrote(self, table: str) -> None:
        """Count a write; when there were many, the thread begins."""
        with self._guard:
            self._writes[table] = self._writes.get(table, 0) + 1
            self._last = time.monotonic()
            if self._writes[table] < _WRITES or self._closed:
                return
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="polyroute-lance-upkeep", daemon=True)
                self._thread.start()

    def close(self) -> None:
        """Stop the work that is going on and begin no other."""
        with self._guard:
            self._closed = True
            thread = self._thread
        self._wake.set()
        self._call.cancel()
        if thread is not None:
            thread.join(timeout=5.0)

    def _run(self) -> None:
        while not self._closed:
            with self._guard:
                due = [t for t, n in self._writes.items() if n >= _WRITES]
                if not due:
                    self._thread = None
                    return
                hurry = any(self._writes[t] >= _WRITES_AT_MOST for t in due)
                quiet = time.monotonic() - self._last >= _QUIET_S
            if not (hurry or quiet):
                self._wake.wait(_QUIET_S)
                continue
            for table in due:
                with self._guard:
                    self._writes.pop(table, None)
                # a table that is in use or was dropped is left for the next time
                with contextlib.suppress(Exception):
                    self.tidy(table)

    def tidy(self, table: str) -> None:
        """Tidy one table now; one of ours that has grown large gets its index."""
        snapshot = open_snapshot(self._folder, table)
        if snapshot is None:
            return
        owned = snapshot.layout.owned
        with self._folder.writing(table, Call(timeout_s=_LOCK_WAIT_S)):
            run(_optimize(self._folder, table, _KEEP_OURS if owned else _KEEP_FOREIGN), self._call)
        if owned and snapshot.row_count >= self._index_rows and snapshot.index_metric is None:
            handle = run(self._folder.connection.open_table(table), self._call)
            build(handle, snapshot.layout, snapshot.dataset.role("vector"), self._call, show=False)


async def _optimize(folder: LanceFolder, table: str, keep: timedelta) -> None:
    handle = await folder.connection.open_table(table)
    await handle.optimize(cleanup_older_than=keep)

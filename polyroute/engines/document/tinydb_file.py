"""One open TinyDB file, shared by every engine of this process that stands on it, and safe beside other processes.

TinyDB itself is safe for one thread of one process. Here a file lock stands between processes and a re-entrant lock
between threads, both held for the whole of a write; readers need no lock, because a write replaces the file at
once. The state in memory belongs to one version of the file, and a look at the file's inode, time and size tells
whether it still is the newest, whoever wrote.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock

from polyroute.engines.call import UNBOUNDED, Call
from polyroute.engines.document.tinydb_change import TinyTransaction
from polyroute.engines.document.tinydb_state import State
from polyroute.engines.document.tinydb_storage import NO_FILE, AtomicJSONStorage
from polyroute.errors import DatabaseErrorCode, PolyrouteError, invalid, make_error

PATIENCE_S = 30.0
_STEP_S = 0.005


class TinyDBFile:
    """The state of a TinyDB file and the way to change it.

    Raises ENGINE_CONNECTION_FAILED when the place cannot be reached, ENGINE_UNAVAILABLE when the file is no TinyDB
    database; it is then left as it was.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self.path = path
        self.read_only = read_only
        self.storage = AtomicJSONStorage(path)
        self._between_processes = filelock.FileLock(f"{path}.lock", thread_local=False)
        self._between_threads = threading.RLock()
        self._reading = threading.Lock()
        self._transaction: TinyTransaction | None = None
        self._state: State | None = None
        _check_place(path, read_only)
        self.state()
        if not read_only:
            self._prepare()

    def state(self) -> State:
        """Return the newest state."""
        held = self._state
        if held is not None and held.version == self.storage.version():
            return held
        with self._reading:
            held = self._state
            if held is not None and held.version == self.storage.version():
                return held
            tables, version = self.storage.read_version()
            self._state = State(version, tables or {}, None)
            return self._state

    @contextmanager
    def transaction(self, call: Call = UNBOUNDED) -> Iterator[TinyTransaction]:
        """Give a transaction: written at the end as one state, forgotten when anything is raised.

        A transaction inside another one of the same thread joins it. Raises ENGINE_OVERLOADED when another process
        keeps the file for long, QUERY_INVALID when it is open read-only.
        """
        if self.read_only:
            raise invalid(f"{self.path.name} is open read-only", hint="connect without read_only to write")
        with self._locked(call):
            if self._transaction is not None:
                yield self._transaction
                return
            transaction = self._transaction = TinyTransaction(self.state())
            try:
                yield transaction
                if transaction.changed:
                    self._commit(transaction, call)
            finally:
                self._transaction = None

    def close(self) -> None:
        """Forget the state; the file needs no closing."""
        self._state = None

    def _commit(self, transaction: TinyTransaction, call: Call) -> None:
        tables = transaction.tables()
        call.check()
        version = self.storage.write_version(tables)
        self._state = transaction.next_state(version, tables)

    @contextmanager
    def _locked(self, call: Call) -> Iterator[None]:
        """Hold both locks, waiting in short steps as long as the call has time, at most `PATIENCE_S` seconds."""
        until = time.monotonic() + PATIENCE_S
        while not self._between_threads.acquire(timeout=_STEP_S):
            self._go_on_waiting(call, until)
        try:
            while True:
                try:
                    self._between_processes.acquire(timeout=_STEP_S, poll_interval=_STEP_S)
                    break
                except filelock.Timeout:
                    self._go_on_waiting(call, until)
            try:
                yield
            finally:
                self._between_processes.release()
        finally:
            self._between_threads.release()

    def _go_on_waiting(self, call: Call, until: float) -> None:
        call.check()
        if time.monotonic() >= until:
            raise make_error(
                DatabaseErrorCode.ENGINE_OVERLOADED,
                f"{self.path.name} was kept by another writer for {PATIENCE_S:g} seconds",
                hint="try again when it is done",
            )

    def _prepare(self) -> None:
        """Make the file where there is none, and remove what killed writers left behind."""
        with self._locked(UNBOUNDED):
            self.storage.sweep()
            if self.storage.version() == NO_FILE:
                self.storage.write({})


def _check_place(path: Path, read_only: bool) -> None:
    if path.is_dir():
        raise _unreachable(f"{path.name} is a folder, not a file", "give the path of a TinyDB file")
    if path.exists():
        return
    if read_only:
        raise _unreachable(f"there is no file {path.name} to read", "check the path; without read_only it is made")
    if not path.parent.is_dir():
        raise _unreachable(f"the folder of {path.name} does not exist", f"make the folder {path.parent.name!r} first")


def _unreachable(message: str, hint: str) -> PolyrouteError:
    return make_error(DatabaseErrorCode.ENGINE_CONNECTION_FAILED, message, hint=hint)

"""A folder of Lance tables: which there are, whether one has changed, who writes, where loads are prepared.

Lance makes a manifest file per version. What the newest one holds identifies the state of a table, whoever wrote it,
and costs a directory listing; so every call sees the writes of other connections and processes, and what is remembered
of a table is remembered for exactly one state of it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import lancedb
from filelock import FileLock, Timeout

from polyroute.engines.call import UNBOUNDED, Call
from polyroute.engines.vector.lance.bridge import run
from polyroute.engines.vector.lance.memory import Memory
from polyroute.errors import DatabaseErrorCode, make_error

ROWS, VECTOR_COLUMN, VECTORS = "rows of ", "vector column of ", "vectors of "
_SUFFIX = ".lance"
_OWN = ".polyroute"
_INVERTED = 2**64 - 1
_INVERTED_DIGITS = 20
_RACY_NS = 2_000_000_000
_LOOKS = 100
_STALE_S = 60.0
_POLL_S = 0.005


class State(NamedTuple):
    """A state of a table: Lance's version number, and a token that differs in every state."""

    version: int
    token: str


class _Seen(NamedTuple):
    signature: tuple[str, int, int, int]
    state: State
    settled: bool


class LanceFolder:
    """An open folder; `memory` keeps what is asked often, `connection` reaches the tables."""

    def __init__(self, path: Path, memory_bytes: int) -> None:
        self.path = path
        self.memory = Memory(memory_bytes)
        self.connection = run(connect(path))
        self._seen: dict[str, _Seen] = {}
        self._locks: dict[str, _WriteLock] = {}
        self._guard = threading.Lock()

    def states(self) -> dict[str, State]:
        """Return the state of every table now, by name; what has no version yet is no table."""
        with os.scandir(self.path) as entries:
            names = sorted(e.name.removesuffix(_SUFFIX) for e in entries if e.name.endswith(_SUFFIX))
        found = {name: self.state(name) for name in names if name}
        return {name: state for name, state in found.items() if state is not None}

    def forget(self, table: str) -> None:
        """Let go of what is remembered of a table."""
        self._seen.pop(table, None)
        for what in (ROWS, VECTOR_COLUMN, VECTORS):
            self.memory.forget(what + table)

    def table_path(self, table: str) -> Path:
        """Return the directory of a table."""
        return self.path / f"{table}{_SUFFIX}"

    def state(self, table: str) -> State | None:
        """Return the state of a table now, or None when there is no such table."""
        versions = self.table_path(table) / "_versions"
        for _ in range(_LOOKS):
            try:
                newest = _newest(os.listdir(versions))
                return None if newest is None else self._look(table, versions / newest[0], newest[1])
            except NotADirectoryError:
                return None
            except FileNotFoundError:
                # a manifest went away between two looks: it was pruned, or the table dropped
                if not versions.is_dir():
                    return None
        return None

    def _look(self, table: str, manifest: Path, version: int) -> State:
        found = manifest.stat()
        signature = (manifest.name, found.st_ino, found.st_size, found.st_mtime_ns)
        seen = self._seen.get(table)
        if seen is not None and seen.settled and seen.signature == signature:
            return seen.state
        digest = hashlib.blake2b(manifest.read_bytes(), digest_size=12).hexdigest()
        state = State(version, f"{version}-{digest}")
        # two files written within one tick of the clock look alike, so a young one is read again
        self._seen[table] = _Seen(signature, state, time.time_ns() - found.st_mtime_ns > _RACY_NS)
        return state

    @contextmanager
    def writing(self, table: str, call: Call = UNBOUNDED) -> Iterator[None]:
        """Be the only writer of a table among all threads and processes that use polyroute.

        Lance lets two writers insert the same new key at once; under this lock keys stay unique. Raises QUERY_TIMEOUT
        when the call ends before the lock is free.
        """
        with self._guard:
            lock = self._locks.get(table)
            if lock is None:
                (self.path / _OWN).mkdir(exist_ok=True)
                lock = self._locks[table] = _WriteLock(self.path / _OWN / f"{table}.lock")
        with lock.held(call):
            yield

    @contextmanager
    def staging(self) -> Iterator[Path]:
        """Give a new directory beside the tables, gone afterwards; `clear_staging` finds those of dead processes."""
        own = self.path / _OWN
        own.mkdir(exist_ok=True)
        place = Path(tempfile.mkdtemp(prefix="staging-", dir=own))
        try:
            with FileLock(place / "lock"):
                yield place
        finally:
            shutil.rmtree(place, ignore_errors=True)

    def clear_staging(self) -> None:
        """Remove the staging directories whose process is gone."""
        for place in (self.path / _OWN).glob("staging-*"):
            try:
                if time.time() - place.stat().st_mtime < _STALE_S:
                    continue
                with FileLock(place / "lock", timeout=0):
                    pass
            except (Timeout, OSError):
                continue
            shutil.rmtree(place, ignore_errors=True)

    def remove(self, table: str) -> None:
        """Remove a table at once: it is moved away as a whole before it is deleted."""
        with self.staging() as place:
            os.rename(self.table_path(table), place / "dropped")

    def close(self) -> None:
        """Give memory and files back."""
        self.memory.clear()
        self.connection.close()  # type: ignore[no-untyped-call]


class _WriteLock:
    """A lock between threads, and one between processes for whoever holds it; a thread may take it again."""

    def __init__(self, path: Path) -> None:
        self._threads = threading.RLock()
        self._file = FileLock(path, thread_local=False)

    @contextmanager
    def held(self, call: Call) -> Iterator[None]:
        while not self._threads.acquire(timeout=_POLL_S * 10):
            call.check()
        try:
            self._lock_file(call)
            try:
                yield
            finally:
                self._file.release()
        finally:
            self._threads.release()

    def _lock_file(self, call: Call) -> None:
        while True:
            try:
                self._file.acquire(timeout=_POLL_S * 10, poll_interval=_POLL_S)
            except Timeout:
                call.check()
            else:
                return


def open_folder(path: Path, *, memory_bytes: int, read_only: bool) -> LanceFolder:
    """Open a folder of Lance tables; a missing one is made, unless it is opened read-only.

    Raises ENGINE_CONNECTION_FAILED when the folder cannot be reached, ENGINE_UNAVAILABLE when its place is taken by a
    file.
    """
    if path.exists() and not path.is_dir():
        raise make_error(
            DatabaseErrorCode.ENGINE_UNAVAILABLE,
            f"{path.name} is a file, not a folder of Lance tables",
            hint="name a folder, such as lancedb:///vectors",
        )
    if not path.exists():
        if read_only:
            raise _unreachable(f"there is no folder {path.name!r}", "open it for writing once, or check the path")
        if not path.parent.is_dir():
            raise _unreachable(
                f"there is no folder {path.parent.name!r} to hold {path.name!r}", "make it, or check the path"
            )
        path.mkdir(exist_ok=True)
    folder = LanceFolder(path, memory_bytes)
    if not read_only:
        folder.clear_staging()
    return folder


def _unreachable(message: str, hint: str) -> Exception:
    return make_error(DatabaseErrorCode.ENGINE_CONNECTION_FAILED, message, hint=hint)


async def connect(path: Path) -> lancedb.AsyncConnection:
    """Connect to a folder; tables opened through it see the writes of others at once."""
    return await lancedb.connect_async(path, read_consistency_interval=timedelta(0))


def _newest(names: list[str]) -> tuple[str, int] | None:
    """Find the newest manifest: Lance counts down from 2^64 - 1 in 20 digits; older Lance counted up from 1."""
    newest: tuple[str, int] | None = None
    for name in names:
        stem, _, ending = name.partition(".")
        if ending != "manifest" or not stem.isdigit():
            continue
        version = _INVERTED - int(stem) if len(stem) == _INVERTED_DIGITS else int(stem)
        if newest is None or version > newest[1]:
            newest = (name, version)
    return newest

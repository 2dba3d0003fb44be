"""One resource per real path, process-wide: several engine ids may stand on one file, and they must not open it twice.

DuckDB refuses a second open of a file with other settings, and SQLite's `data_version` is per connection; so whoever
opens a path gets the instance that is open already, and the last one to leave closes it. The epoch counts writes made
through polyroute: it is odd while one is in progress. Beside it changes are counted by dataset, for replicas: whoever
knows which datasets a write may change says so (`naming`); a write of which nobody knows may change any.
"""

from __future__ import annotations

import itertools
import shutil
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Generic, TypeVar

from polyroute.errors import invalid

Handle = TypeVar("Handle")

_OPEN: dict[tuple[str, str], Resource[object]] = {}
_LOCK = threading.RLock()

# each opening counts from a start of its own, so an epoch that was seen never comes back, not even after a store was
# closed and opened again
_STARTS = itertools.count(0, 1 << 40)

_ANY = None
_NAMED: ContextVar[tuple[str | None, ...]] = ContextVar("polyroute_written_datasets", default=(_ANY,))
_LOGS = ("-wal", "-journal", ".wal")


@contextmanager
def naming(datasets: Iterable[str]) -> Iterator[None]:
    """Say which datasets the writes inside the block may change."""
    token = _NAMED.set(tuple(datasets))
    try:
        yield
    finally:
        _NAMED.reset(token)


class Resource(Generic[Handle]):
    """An open store and what belongs to it: `handle`, `path`, `epoch`; `opened` tells one opening from every other."""

    def __init__(
        self,
        kind: str,
        path: Path,
        handle: Handle,
        close: Callable[[Handle], object],
        *,
        read_only: bool,
        temporary: bool,
    ) -> None:
        self.kind = kind
        self.path = path
        self.handle = handle
        self.read_only = read_only
        self.epoch = self.opened = next(_STARTS)
        self._temporary = temporary
        self._close = close
        self._users = 1
        self._writers = 0
        self._changes: Counter[str | None] = Counter()
        self._changing: Counter[str | None] = Counter()
        self._lock = threading.Lock()

    @property
    def key(self) -> tuple[str, str]:
        """The identity of the store: two engines with one key are one engine."""
        return (self.kind, str(self.path))

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Mark a write: the epoch is odd inside and has grown afterwards, also when the write failed."""
        names = _NAMED.get()
        with self._lock:
            self._writers += 1
            self._changing.update(names)
            if self._writers == 1:
                self.epoch += 1
        try:
            yield
            self.note_changes(names)
        finally:
            with self._lock:
                self._writers -= 1
                self._changing.subtract(names)
                # a writer that ends while others go on moves the epoch by two: still odd, yet different
                self.epoch += 1 if self._writers == 0 else 2

    def note_changes(self, datasets: Iterable[str | None]) -> None:
        """Count a change of datasets; a write that failed is counted by whoever knows that it may have changed them."""
        with self._lock:
            self._changes.update(datasets)

    def changes_of(self, dataset: str | None) -> int | None:
        """Return how often a dataset (None: any) may have been changed since the store was opened; None while a write
        that may change it is in progress.
        """
        with self._lock:
            if dataset is None:
                return None if self._writers else self._changes.total()
            if self._changing[dataset] or self._changing[_ANY]:
                return None
            return self._changes[dataset] + self._changes[_ANY]

    def footprint(self) -> str | None:
        """Return what tells the state of a file that nobody has open, or None where its path alone cannot tell: for a
        folder, and while a log beside the file holds more.
        """
        try:
            if any(Path(f"{self.path}{log}").exists() and Path(f"{self.path}{log}").stat().st_size for log in _LOGS):
                return None
            found = self.path.stat()
        except OSError:
            return None
        return f"{found.st_ino} {found.st_size} {found.st_mtime_ns}" if self.path.is_file() else None

    def release(self) -> None:
        """Leave the store; the last user closes it."""
        with _LOCK:
            self._users -= 1
            if self._users > 0:
                return
            _OPEN.pop(self.key, None)
            self._close(self.handle)
            if self._temporary:
                shutil.rmtree(self.path.parent, ignore_errors=True)


def acquire(
    kind: str, path: Path, make: Callable[[Path], Handle], close: Callable[[Handle], object], *, read_only: bool = False
) -> Resource[Handle]:
    """Return the open resource of a real path, or open it with `make(path)`.

    Raises QUERY_INVALID when the path is open already, read-only in one place and writable in the other.
    """
    real = path.expanduser().resolve()
    with _LOCK:
        held = _OPEN.get((kind, str(real)))
        if held is None:
            made: Resource[Handle] = Resource(kind, real, make(real), close, read_only=read_only, temporary=False)
            _OPEN[made.key] = made  # type: ignore[assignment]
            return made
        if held.read_only != read_only:
            raise invalid(
                f"{real.name} is open already, {'read-only' if held.read_only else 'for writing'}",
                hint="open it the same way in all places of this process",
            )
        held._users += 1
        return held  # type: ignore[return-value]


def acquire_temporary(
    kind: str, name: str, make: Callable[[Path], Handle], close: Callable[[Handle], object]
) -> Resource[Handle]:
    """Open a resource in a new temporary folder, which goes away with it."""
    path = Path(tempfile.mkdtemp(prefix="polyroute-")).resolve() / name
    try:
        made: Resource[Handle] = Resource(kind, path, make(path), close, read_only=False, temporary=True)
    except BaseException:
        shutil.rmtree(path.parent, ignore_errors=True)
        raise
    with _LOCK:
        _OPEN[made.key] = made  # type: ignore[assignment]
    return made

"""A TinyDB storage that a crash cannot tear: every write makes a new file and puts it in the place of the old one.

TinyDB's own JSON storage overwrites the file and cuts it afterwards; what is killed in between leaves a file that
nobody can read. Here the new state is written to a temporary file beside it, forced to disk, and renamed over the
old one, so a reader finds the one state or the other. The new file is always younger than the old one by at least a
nanosecond, whatever the clock does, so (inode, time, size) tells two states apart.
"""

from __future__ import annotations

import json
import os
import secrets
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from tinydb.storages import Storage

from polyroute.errors import DatabaseErrorCode, PolyrouteError, make_error

Tables = dict[str, dict[str, Any]]

_TEMPORARY = ".polyroute-tmp"
_TRIES = 5
_PAUSE_S = 0.02


class Version(NamedTuple):
    """What tells one state of a file from another; all zero where there is no file."""

    inode: int
    modified_ns: int
    size: int


NO_FILE = Version(0, 0, 0)


class AtomicJSONStorage(Storage):
    """Keep a TinyDB database in one JSON file, replaced whole by every write.

    `read` raises ENGINE_UNAVAILABLE for a file that is no TinyDB database and leaves it as it is; `write` raises
    TypeError or ValueError for what JSON cannot hold and OSError where the disk refuses, and the old state stays.

    >>> import tempfile, tinydb
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "db.json"
    ...     _ = tinydb.TinyDB(path, storage=AtomicJSONStorage).insert({"a": 1})
    ...     tinydb.TinyDB(path, storage=AtomicJSONStorage).all()
    [{'a': 1}]
    """

    def __init__(self, path: str | Path) -> None:
        super().__init__()
        self.path = Path(path)

    def version(self) -> Version:
        """Return what tells the state of the file now."""
        try:
            return _version(os.stat(self.path))
        except FileNotFoundError:
            return NO_FILE

    def read(self) -> Tables | None:
        """Return the tables, None where there is no file or an empty one."""
        return self.read_version()[0]

    def read_version(self) -> tuple[Tables | None, Version]:
        """Return the tables and the version of the file they were read from.

        A program that writes the file in place may be met half-way, so a file that changes while it does not read
        is read again.
        """
        for last in (*[False] * (_TRIES - 1), True):
            text, version = self._content()
            try:
                return _parsed(text, self.path.name), version
            except PolyrouteError:
                if last or self.version() == version:
                    raise
                time.sleep(_PAUSE_S)
        raise AssertionError("the last try returns or raises")

    def write(self, data: Mapping[str, Mapping[str, Any]]) -> None:
        """Replace the state."""
        self.write_version(data)

    def write_version(self, data: Mapping[str, Mapping[str, Any]]) -> Version:
        """Replace the state and return its version."""
        content = json.dumps(data, allow_nan=False).encode("ascii")
        temporary = self.path.with_name(f".{self.path.name}.{secrets.token_hex(8)}{_TEMPORARY}")
        descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                self._follow_old_file(temporary)
                os.fsync(file.fileno())
            version = _version(os.stat(temporary))
            os.replace(temporary, self.path)
        except BaseException:
            with suppress(FileNotFoundError):
                os.unlink(temporary)
            raise
        _sync_folder(self.path.parent)
        return version

    def sweep(self) -> None:
        """Remove what writers that were killed left behind; only the holder of the lock may ask for it."""
        for left in self.path.parent.iterdir():
            if left.name.startswith(f".{self.path.name}.") and left.name.endswith(_TEMPORARY):
                with suppress(OSError):
                    left.unlink()

    def _content(self) -> tuple[bytes, Version]:
        try:
            with open(self.path, "rb") as file:
                return file.read(), _version(os.fstat(file.fileno()))
        except FileNotFoundError:
            return b"", NO_FILE

    def _follow_old_file(self, temporary: Path) -> None:
        """Give the new file the rights of the old one and a time after its."""
        now = time.time_ns()
        with suppress(FileNotFoundError):
            old = os.stat(self.path)
            os.chmod(temporary, old.st_mode & 0o7777)
            now = max(now, old.st_mtime_ns + 1)
        os.utime(temporary, ns=(now, now))


def _version(stat: os.stat_result) -> Version:
    return Version(stat.st_ino, stat.st_mtime_ns, stat.st_size)


def _parsed(content: bytes, name: str) -> Tables | None:
    if not content.strip():
        return None
    try:
        tables = json.loads(content)
    except (ValueError, RecursionError) as exc:
        raise _broken(name, "is not readable as JSON") from exc
    if not isinstance(tables, dict) or not all(_is_table(table) for table in tables.values()):
        raise _broken(name, "is JSON, but not a TinyDB database")
    return tables


def _is_table(table: object) -> bool:
    return isinstance(table, dict) and all(
        key.isascii() and key.isdigit() and isinstance(document, dict) for key, document in table.items()
    )


def _broken(name: str, what: str) -> PolyrouteError:
    return make_error(
        DatabaseErrorCode.ENGINE_UNAVAILABLE,
        f"{name} {what}; it was left as it was",
        hint="restore it from a copy, or move it away and load the documents anew with db.load",
    )


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

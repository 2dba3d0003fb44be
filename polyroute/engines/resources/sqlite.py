"""One open SQLite file, shared by every engine that stands on it: readers to borrow, one writer, one probe.

Readers may only read: an authorizer and `query_only` refuse everything else, so no text that a caller sends can write,
attach a file or change a setting. The writer stands behind a lock and works in `BEGIN IMMEDIATE` transactions; the file
becomes a WAL file with its first write, so a file that is only asked is not touched. The probe never writes, so its
`PRAGMA data_version` sees every commit, our own too. A locked file is waited for in short steps, because SQLite cannot
be interrupted while it waits.
"""

from __future__ import annotations

import itertools
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar
from urllib.parse import quote

from polyroute.engines.call import UNBOUNDED, Call
from polyroute.engines.resources.shared import Resource, acquire, acquire_temporary
from polyroute.engines.resources.sqlite_guard import authorize_reader, authorize_writer
from polyroute.engines.resources.sqlite_opening import check_place, told_at_opening, unreachable
from polyroute.errors import DatabaseErrorCode, invalid, make_error

if TYPE_CHECKING:
    from polyroute.engines.url import EngineURL

Parameters: TypeAlias = "Sequence[Any] | Mapping[str, Any]"

T = TypeVar("T")

KIND = "sqlite"
PATIENCE_S = 5.0
_STEP_S = 0.05
_STATEMENTS = 256
_SIGNAL_STEPS = 200_000

_opened = itertools.count(1)


class SQLiteFile:
    """The connections to one SQLite file; safe to use from many threads.

    `compiled` changes whenever a reader compiles a statement, and so whenever it runs one for the first time after the
    schema changed: a cheap sign for those who remember statements.

    Raises ENGINE_CONNECTION_FAILED when the place cannot be reached, ENGINE_UNAVAILABLE when the file is no database or
    a damaged one; it is then left as it was.

    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> file = SQLiteFile(Path(folder.name) / "a.db")
    >>> with file.transaction() as writer:
    ...     _ = writer.execute("CREATE TABLE t (a)")
    >>> with file.reading() as reader:
    ...     reader.execute("SELECT count(*) FROM t").fetchone()
    (0,)
    >>> file.close()
    >>> folder.cleanup()
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self.path = path
        self.read_only = read_only
        self._id = next(_opened)
        self._mode = "ro" if read_only else "rwc"
        self._idle: deque[sqlite3.Connection] = deque()
        self._all: list[sqlite3.Connection] = []
        self._lock = threading.RLock()
        self._probing = threading.Lock()
        self._closed = False
        self._wal = False
        self._own_moves = 0
        self._stamps = itertools.count(1)
        self.compiled = 0
        check_place(path, read_only=read_only)
        try:
            self._probe = self._connect_reader()
            # reading the schema finds a broken file before anything is written to it
            execute(self._probe, "SELECT count(*) FROM sqlite_master", ()).fetchone()
            self._writer = None if read_only else self._connect()
            if self._writer is not None:
                self._writer.execute("PRAGMA synchronous = FULL")
                self._writer.set_authorizer(authorize_writer)
        except sqlite3.DatabaseError as exc:
            self.close()
            raise told_at_opening(path, exc) from exc
        except BaseException:
            self.close()
            raise

    def borrow(self) -> sqlite3.Connection:
        """Take a reader; it must come back through `give_back`, by the same thread or another."""
        try:
            return self._idle.pop()
        except IndexError:
            return self._connect_reader()

    def give_back(self, reader: sqlite3.Connection) -> None:
        """Return a reader that has no statement and no transaction under way."""
        self._idle.append(reader)

    @contextmanager
    def reading(self, call: Call = UNBOUNDED) -> Iterator[sqlite3.Connection]:
        """Give a reader, whose work stops when the call is cancelled or late."""
        reader = self.borrow()
        try:
            with interruptible(reader, call):
                yield reader
        finally:
            if reader.in_transaction:
                reader.rollback()
            self.give_back(reader)

    @contextmanager
    def snapshot(self, call: Call = UNBOUNDED) -> Iterator[sqlite3.Connection]:
        """Give a reader that sees one state of the file in all its statements."""
        with self.reading(call) as reader:
            execute(reader, "BEGIN", (), call)
            yield reader

    @contextmanager
    def transaction(self, call: Call = UNBOUNDED) -> Iterator[sqlite3.Connection]:
        """Give the writer in a transaction: committed at the end, undone when anything is raised.

        A transaction inside another one of the same thread joins it. Raises SQLite's busy error (ENGINE_OVERLOADED)
        when the file stays locked, QUERY_INVALID when it is open read-only.
        """
        with self._alone(call) as writer:
            if writer.in_transaction:
                yield writer
                return
            try:
                with interruptible(writer, call):
                    self._use_wal(writer)
                    execute(writer, "BEGIN IMMEDIATE", (), call)
                    yield writer
                    execute(writer, "COMMIT", (), call)
            finally:
                # here nothing interrupts it any more
                writer.rollback()

    @contextmanager
    def writing(self, call: Call = UNBOUNDED) -> Iterator[sqlite3.Connection]:
        """Give the writer without a transaction, for what cannot run in one (`VACUUM`)."""
        with self._alone(call) as writer, interruptible(writer, call):
            self._use_wal(writer)
            yield writer

    @contextmanager
    def _alone(self, call: Call) -> Iterator[sqlite3.Connection]:
        writer = self._writer
        if writer is None:
            raise invalid(f"{self.path.name} is open read-only", hint="connect without read_only to write")
        left = call.time_left_s()
        if not self._lock.acquire(timeout=-1 if left is None else left):
            raise call.stopped()
        try:
            yield writer
        finally:
            self._lock.release()

    def data_version(self, call: Call = UNBOUNDED) -> tuple[int, int]:
        """Return a token that differs after every commit to the file, by whomever, and after every opening."""
        return patiently(self._read_version, call)

    def version_if_free(self) -> tuple[int, int] | None:
        """Return the same token without waiting: None while another program has the file locked."""
        try:
            return self._read_version()
        except sqlite3.OperationalError as exc:
            if is_busy(exc):
                return None
            raise

    def foreign_version(self) -> tuple[int, int] | None:
        """Return a token that differs after every commit of another program; None while the writer is at work or the
        file is locked.

        The writer's own commits do not move its `PRAGMA data_version`, and nobody else in this process writes.
        """
        writer = self._writer
        if writer is None:
            return self.version_if_free()
        if not self._lock.acquire(blocking=False):
            return None
        try:
            [version] = writer.execute("PRAGMA data_version").fetchone()
        except sqlite3.OperationalError as exc:
            if is_busy(exc):
                return None
            raise
        finally:
            self._lock.release()
        return self._id, version - self._own_moves

    def _read_version(self) -> tuple[int, int]:
        # two threads on one connection that has an authorizer wait for each other for ever: one for the GIL, one for it
        with self._probing:
            [version] = self._probe.execute("PRAGMA data_version").fetchone()
        return self._id, version

    def close(self) -> None:
        """Close every connection; a second time is harmless."""
        self._closed = True
        self._idle.clear()
        while self._all:
            self._all.pop().close()

    def _connect_reader(self) -> sqlite3.Connection:
        reader = self._connect()
        reader.execute("PRAGMA query_only = ON")
        reader.set_authorizer(self._authorize)
        return reader

    def _authorize(self, *what: Any) -> int:
        # never the same number twice, so that no thread can hide from another that something was compiled
        self.compiled = next(self._stamps)
        return authorize_reader(*what)

    def _connect(self) -> sqlite3.Connection:
        if self._closed:
            raise unreachable(f"{self.path.name} is closed", "connect again")
        connection = sqlite3.connect(
            f"file:{quote(str(self.path))}?mode={self._mode}",
            uri=True,
            timeout=_STEP_S,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=_STATEMENTS,
        )
        # Python handles a signal when it runs Python again: without this, Ctrl-C would wait for the statement to end
        connection.set_progress_handler(_go_on, _SIGNAL_STEPS)
        self._all.append(connection)
        connection.execute("PRAGMA foreign_keys = ON")
        _refuse_quoted_strings(connection)
        return connection

    def _use_wal(self, writer: sqlite3.Connection) -> None:
        if self._wal or writer.in_transaction:
            return
        try:
            [mode] = writer.execute("PRAGMA journal_mode").fetchone()
            [before] = writer.execute("PRAGMA data_version").fetchone()
            writer.execute("PRAGMA journal_mode = WAL").fetchone()
            [after] = writer.execute("PRAGMA data_version").fetchone()
            # the change of mode itself looks to the writer like the commit of another program, one only
            self._own_moves += mode != "wal" and after > before
            self._wal = True
        except sqlite3.OperationalError as exc:
            # where somebody reads in the old mode, that mode is right too: try again at the next write
            if not is_busy(exc):
                raise


def open_sqlite(url: EngineURL, *, read_only: bool = False) -> Resource[SQLiteFile]:
    """Open the file of an address, or join those who have it open; without a path a temporary one."""
    if url.path is None:
        return acquire_temporary(KIND, "polyroute.db", SQLiteFile, SQLiteFile.close)
    return acquire(
        KIND, url.path, lambda path: SQLiteFile(path, read_only=read_only), SQLiteFile.close, read_only=read_only
    )


def execute(connection: sqlite3.Connection, sql: str, parameters: Parameters, call: Call = UNBOUNDED) -> sqlite3.Cursor:
    """Run a statement, waiting for a locked file as long as the call has time, at most `PATIENCE_S` seconds."""
    try:
        return connection.execute(sql, parameters)
    except sqlite3.OperationalError as exc:
        if not is_busy(exc):
            raise
    return patiently(lambda: connection.execute(sql, parameters), call)


def patiently(attempt: Callable[[], T], call: Call) -> T:
    """Repeat what a locked file refuses, as long as the call has time, at most `PATIENCE_S` seconds."""
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            return attempt()
        except sqlite3.OperationalError as exc:
            if not is_busy(exc) or time.monotonic() >= until:
                raise
        call.check()


@contextmanager
def interruptible(connection: sqlite3.Connection, call: Call) -> Iterator[None]:
    """Stop a connection's work when the call is cancelled or late, and say so as the call does."""
    try:
        with call.on_cancel(connection.interrupt):
            yield
    except sqlite3.OperationalError as exc:
        interrupted = getattr(exc, "sqlite_errorcode", None) == sqlite3.SQLITE_INTERRUPT
        if interrupted and (call.cancelled or call.expired):
            raise call.stopped() from exc
        if interrupted and threading.current_thread() is threading.main_thread():
            # no call asked for it: a signal's handler raised while `_go_on` was called, and sqlite3 swallowed that
            raise KeyboardInterrupt from exc
        if str(exc).startswith("Could not decode to UTF-8"):  # and would go on to show the text
            raise make_error(
                DatabaseErrorCode.QUERY_EXECUTION_FAILED,
                "a text in the file is not UTF-8",
                hint="read it as bytes: CAST(column AS BLOB) in relational_query with dialect='native'",
            ) from exc
        raise


def _go_on() -> int:
    """Let a statement go on; being called is the point."""
    return 0


def is_busy(exc: sqlite3.OperationalError) -> bool:
    """Tell whether a statement failed only because somebody else holds the file, so that it may be run again."""
    code = getattr(exc, "sqlite_errorcode", None)
    if code is None or code == sqlite3.SQLITE_BUSY_SNAPSHOT:
        return False
    return code & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _refuse_quoted_strings(connection: sqlite3.Connection) -> None:
    """Make a misspelt quoted column an error instead of a text, where Python's sqlite3 can (3.12)."""
    setconfig = getattr(connection, "setconfig", None)
    if setconfig is not None:
        for option in ("SQLITE_DBCONFIG_DQS_DML", "SQLITE_DBCONFIG_DQS_DDL"):
            setconfig(getattr(sqlite3, option), False)

"""The file of execution records: SQLite in the state folder, written through sqlite-utils.

One table, bounded in rows. A file that turns out to be damaged is set aside under another name, said in the log and in
`notices`, and a new one is begun: what was learned is lost, no data is.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlite_utils import Database

T = TypeVar("T")
Stored = tuple[float, str, str | None, str | None, float, int, str | None, str | None]

COLUMNS = ("ended_at", "operation", "dataset", "engine", "elapsed_s", "attempts", "code", "learned")
_TYPES = (float, str, str, str, float, int, str, str)
_LOG = logging.getLogger(__name__)
_BUSY_S = 5.0


class RecordStore:
    """Appends and reads records; not safe between threads, its owner holds a lock.

    >>> import tempfile
    >>> store = RecordStore(Path(tempfile.mkdtemp()) / "executions.db", 2)
    >>> store.append([(float(i), "scan", "t", "rel", 0.1, 1, None, None) for i in range(3)])
    >>> [row[0] for row in store.latest(10)]
    [1.0, 2.0]
    >>> store.close()
    """

    def __init__(self, path: Path, maximum: int) -> None:
        self._path = path
        self._maximum = maximum
        self._database: Database | None = None
        self.notices: tuple[str, ...] = ()

    def append(self, rows: Sequence[Stored]) -> None:
        """Add rows in one transaction and drop the oldest beyond the maximum."""
        self._attempt(lambda database: self._append(database, rows))

    def latest(self, count: int, *, learned: bool = False) -> list[Stored]:
        """Return the latest rows, oldest first; with `learned` only those that carry something to learn from."""
        where = "WHERE learned IS NOT NULL" if learned else ""
        sql = f"SELECT {', '.join(COLUMNS)} FROM executions {where} ORDER BY id DESC LIMIT ?"
        rows = self._attempt(lambda database: database.execute(sql, (count,)).fetchall())
        return rows[::-1]

    def close(self) -> None:
        """Close the file; closing twice is harmless."""
        if self._database is not None:
            self._database.conn.close()
            self._database = None

    def _attempt(self, work: Callable[[Database], T]) -> T:
        try:
            return work(self._open())
        except sqlite3.DatabaseError as exc:
            # a file that is locked or a disk that is full is in order; anything else that SQLite cannot read is not
            if isinstance(exc, sqlite3.OperationalError | sqlite3.IntegrityError) and not _is_damage(exc):
                raise
            self._set_aside()
            return work(self._open())

    def _open(self) -> Database:
        if self._database is None:
            from sqlite_utils import Database

            connection = sqlite3.connect(
                self._path, timeout=_BUSY_S, check_same_thread=False, isolation_level="DEFERRED"
            )
            try:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = NORMAL")
                database = Database(connection)
                database.table("executions").create(
                    {"id": int, **dict(zip(COLUMNS, _TYPES, strict=True))}, pk="id", if_not_exists=True
                )
            except BaseException:
                connection.close()
                raise
            self._database = database
        return self._database

    def _append(self, database: Database, rows: Sequence[Stored]) -> None:
        table = database.table("executions")
        with database.conn:
            table.insert_all(dict(zip(COLUMNS, row, strict=True)) for row in rows)
            database.conn.execute(
                "DELETE FROM executions WHERE id <= (SELECT max(id) FROM executions) - ?", (self._maximum,)
            )

    def _set_aside(self) -> None:
        self.close()
        aside = self._path.with_suffix(".damaged")
        for name in (self._path, *(self._path.with_name(self._path.name + end) for end in ("-wal", "-shm"))):
            if name.exists():
                name.replace(aside if name == self._path else name.with_suffix(".damaged" + name.suffix[-4:]))
        notice = (
            f"the execution records ({self._path.name}) were damaged and are set aside as {aside.name}: "
            "routing learns anew; delete that file when you have looked at it"
        )
        self.notices = (*self.notices, notice)
        _LOG.warning(notice)


def _is_damage(exc: sqlite3.Error) -> bool:
    return exc.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR)

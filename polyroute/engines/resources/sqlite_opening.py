"""Tell before and at the opening of a SQLite file what is wrong with it, and leave it as it was."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from polyroute.errors import DatabaseErrorCode, PolyrouteError, make_error

_MAGIC = b"SQLite format 3\x00"
_NEEDED = (3, 37)  # STRICT tables, PRAGMA table_list


def check_place(path: Path, *, read_only: bool) -> None:
    """Refuse a place where no SQLite file is or can be made, before anything is opened.

    Raises ENGINE_CONNECTION_FAILED, or ENGINE_UNAVAILABLE for a file of another kind.
    """
    if sqlite3.sqlite_version_info < _NEEDED:
        raise unreachable(
            f"Python's SQLite is {sqlite3.sqlite_version}, polyroute needs 3.37", "use a Python with a newer SQLite"
        )
    if path.is_dir():
        raise unreachable(f"{path.name} is a folder, not a file", "give the path of a SQLite file")
    if path.exists():
        _check_magic(path)
    elif read_only:
        raise unreachable(f"there is no file {path.name} to read", "check the path; without read_only it is made")
    elif not path.parent.is_dir():
        raise unreachable(f"the folder of {path.name} does not exist", f"make the folder {path.parent.name!r} first")


def _check_magic(path: Path) -> None:
    try:
        with path.open("rb") as file:
            head = file.read(len(_MAGIC))
    except OSError as exc:
        raise unreachable(f"{path.name} cannot be read", "check who may read it") from exc
    if head and head != _MAGIC:
        raise _broken(f"{path.name} is not a SQLite database", "give the path of a SQLite file")


def told_at_opening(path: Path, exc: sqlite3.DatabaseError) -> Exception:
    """Return what an error at the opening means; a locked file stays SQLite's own error."""
    code = getattr(exc, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT):
        return _broken(f"{path.name} is damaged", "save what can be read with the .recover command of sqlite3")
    if code == sqlite3.SQLITE_CANTOPEN:
        return unreachable(f"{path.name} cannot be opened", "check who may read and write it and its folder")
    return exc


def _broken(message: str, way_out: str) -> PolyrouteError:
    hint = f"{way_out}, or restore it from a copy; it was left as it is"
    return make_error(DatabaseErrorCode.ENGINE_UNAVAILABLE, message, hint=hint)


def unreachable(message: str, hint: str) -> PolyrouteError:
    """Return the error for a file that cannot be reached."""
    return make_error(DatabaseErrorCode.ENGINE_CONNECTION_FAILED, message, hint=hint)

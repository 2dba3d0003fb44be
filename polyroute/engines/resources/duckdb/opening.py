"""How a DuckDB file is opened: for polyroute alone, and shut off from everything else.

The instance reaches no other file and no network, sees no Python variable, and its settings are locked; its time zone
is UTC. It is opened with a mark of its own: DuckDB gives one instance of a file to all who open it with equal settings
and refuses the rest, so other code of this process can neither join nor attach the file. Other processes are kept out
by DuckDB's lock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb

from polyroute.errors import DatabaseErrorCode, PolyrouteError, invalid, make_error

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

OPTIONS = ("memory_limit", "threads", "temp_directory", "max_temp_directory_size")

_MARK: dict[str, str | bool | int | float | list[str]] = {
    "custom_user_agent": "polyroute",
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}
# with these DuckDB 2.0.0 gives wrong rows, without a word: the first loses a LIMIT above a left join with an empty
# table, the second takes the keys of a join below a DISTINCT ON, where they choose other rows
UNSOUND_OPTIMIZERS = "statistics_propagation,join_filter_pushdown"
_LOCKDOWN = (
    f"SET disabled_optimizers = '{UNSOUND_OPTIMIZERS}'",
    "SET TimeZone = 'UTC'",
    "SET python_enable_replacements = false",
    "SET enable_external_access = false",
    "SET lock_configuration = true",
)


def connect(path: Path, settings: Mapping[str, str], *, read_only: bool) -> duckdb.DuckDBPyConnection:
    """Open a file with some settings and lock them.

    Raises ENGINE_CONNECTION_FAILED when the file cannot be reached, ENGINE_UNAVAILABLE when it is no DuckDB file,
    damaged, or held by somebody else, QUERY_INVALID for a setting that DuckDB refuses.
    """
    if not path.parent.is_dir():
        raise _unreachable(f"the folder of {path.name} does not exist", "create it, or correct the path")
    if path.is_dir():
        raise _unreachable(f"{path.name} is a folder, not a DuckDB file", "give the path of a file")
    if read_only and not path.exists():
        raise _unreachable(f"{path.name} does not exist, and read-only it cannot be created", "correct the path")
    try:
        connection = duckdb.connect(str(path), read_only=read_only, config=_MARK)
    except duckdb.Error as exc:
        raise _not_opened(path, exc) from exc
    try:
        # what an earlier owner left open here, a reader for one, keeps the instance and its locked settings alive
        if not connection.execute("SELECT current_setting('lock_configuration')").fetchall()[0][0]:
            for name, value in settings.items():
                connection.execute(f"SET {name} = {_literal(value)}")
            for statement in _LOCKDOWN:
                connection.execute(statement)
    except duckdb.Error as exc:
        connection.close()
        raise invalid(
            f"{path.name} cannot be opened with these options", hint="memory_limit=2GB&threads=4, for instance"
        ) from exc
    return connection


def _unreachable(message: str, hint: str) -> PolyrouteError:
    return make_error(DatabaseErrorCode.ENGINE_CONNECTION_FAILED, message, hint=hint)


def _not_opened(path: Path, exc: duckdb.Error) -> PolyrouteError:
    text = str(exc).lower()
    if "different configuration" in text or isinstance(exc, duckdb.ConnectionException):
        message, hint = "is open in this process outside polyroute", "close that DuckDB connection first"
    elif "could not set lock" in text:
        message, hint = "is open in another process", "close it there; DuckDB files have one writing process at a time"
    elif "permission denied" in text:
        return _unreachable(f"{path.name} may not be opened", "check the permissions of the file and its folder")
    else:
        message = "is no DuckDB file, is damaged, or was written by a newer DuckDB"
        hint = "restore it from a copy, or give another path; the file was not changed"
    return make_error(DatabaseErrorCode.ENGINE_UNAVAILABLE, f"{path.name} {message}", hint=hint)


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"

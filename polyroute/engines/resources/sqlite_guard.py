"""What a statement may do on a SQLite connection, decided while it is prepared.

An allow-list for readers, after attacks that pass a parser (`VACUUM INTO`, `ATTACH`, `PRAGMA writable_schema`): what a
later SQLite learns is refused until somebody has looked at it. The writer may change its own file and no other.
Readers have `PRAGMA query_only` beneath this, so what virtual tables prepare for themselves can be let through.
"""

from __future__ import annotations

import sqlite3

_OK = sqlite3.SQLITE_OK
_DENY = sqlite3.SQLITE_DENY

_READS = frozenset({sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_RECURSIVE, sqlite3.SQLITE_TRANSACTION})
_FUNCTIONS_REFUSED = frozenset({"load_extension", "fts3_tokenizer", "readfile", "writefile", "edit"})
_PRAGMAS_ABOUT_A_NAME = frozenset(
    {
        "foreign_key_list", "index_info", "index_list", "index_xinfo", "integrity_check", "quick_check", "table_info",
        "table_list", "table_xinfo",
    }
)  # fmt: skip
_PRAGMAS_READ = _PRAGMAS_ABOUT_A_NAME | {
    "application_id", "collation_list", "compile_options", "data_version", "database_list", "encoding",
    "freelist_count", "function_list", "page_count", "page_size", "schema_version", "user_version",
}  # fmt: skip
_PRAGMAS_WRITTEN = frozenset(
    {"analysis_limit", "application_id", "incremental_vacuum", "optimize", "user_version", "wal_checkpoint"}
)
_SHADOW_SUFFIXES = ("_node", "_rowid", "_parent")


def authorize_reader(
    action: int, first: str | None, second: str | None, database: str | None, trigger: str | None
) -> int:
    """Allow reading, and nothing else."""
    if action in _READS:
        return _DENY if first == "sqlite_stmt" else _OK  # which would show the statements of other callers
    if action == sqlite3.SQLITE_FUNCTION:
        return _DENY if second in _FUNCTIONS_REFUSED else _OK
    if action == sqlite3.SQLITE_PRAGMA and first in _PRAGMAS_READ:
        return _OK if second is None or first in _PRAGMAS_ABOUT_A_NAME else _DENY
    if action == sqlite3.SQLITE_UPDATE and first == "sqlite_master":
        return _OK  # how SQLite declares the columns of json_each and its kin; the table itself stays unwritable
    if action in (sqlite3.SQLITE_INSERT, sqlite3.SQLITE_DELETE) and first is not None:
        return _OK if first.endswith(_SHADOW_SUFFIXES) else _DENY  # an R-tree prepares its writes when it is read
    return _DENY


def authorize_writer(
    action: int, first: str | None, second: str | None, database: str | None, trigger: str | None
) -> int:
    """Allow everything within the one file, except what would change how its connections work."""
    if action == sqlite3.SQLITE_FUNCTION and second in _FUNCTIONS_REFUSED:
        return _DENY
    if action == sqlite3.SQLITE_ATTACH:
        return _OK if first == "" else _DENY  # VACUUM attaches a nameless temporary file
    if action == sqlite3.SQLITE_PRAGMA and second is not None:
        return _OK if first in _PRAGMAS_ABOUT_A_NAME | _PRAGMAS_WRITTEN or _is_wal(first, second) else _DENY
    return _OK


def _is_wal(pragma: str | None, value: str) -> bool:
    return pragma == "journal_mode" and value == "WAL"

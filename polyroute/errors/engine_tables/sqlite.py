"""What SQLite's result codes mean, whether they come through `sqlite3` or `apsw`.

Both carry the extended result code; it is named here by its primary code unless the extended one changes the meaning.
ERROR (1) is absent on purpose: syntax, a missing table, a foreign file format and a failing function of ours all say 1,
so only words and the type can tell them apart.
"""

from __future__ import annotations

from polyroute.errors.codes import DatabaseErrorCode as Code
from polyroute.errors.codes import Outcome
from polyroute.errors.tables import ErrorTable, Verdict

__all__ = ["SQLITE"]

_PRIMARY = (
    "OK", "ERROR", "INTERNAL", "PERM", "ABORT", "BUSY", "LOCKED", "NOMEM", "READONLY", "INTERRUPT", "IOERR", "CORRUPT",
    "NOTFOUND", "FULL", "CANTOPEN", "PROTOCOL", "EMPTY", "SCHEMA", "TOOBIG", "CONSTRAINT", "MISMATCH", "MISUSE",
    "NOLFS", "AUTH", "FORMAT", "RANGE", "NOTADB",
)  # fmt: skip
_EXTENDED = {517: "BUSY_SNAPSHOT", 1032: "READONLY_DBMOVED", 3082: "IOERR_NOMEM"}


def _code_of(exc: BaseException) -> str | None:
    number = getattr(exc, "sqlite_errorcode", None) or getattr(exc, "extendedresult", None)
    if not isinstance(number, int) or number <= 0:
        return None
    primary = number & 0xFF
    return _EXTENDED.get(number) or (_PRIMARY[primary] if primary < len(_PRIMARY) else None)


_INVALID = Verdict(Code.QUERY_INVALID, Outcome.NOT_EXECUTED)
_REFUSED = Verdict(Code.QUERY_INVALID, Outcome.ROLLED_BACK)
_BUSY = Verdict(Code.ENGINE_OVERLOADED, Outcome.NOT_EXECUTED)
_STALE = Verdict(Code.TRANSACTION_FAILED, Outcome.ROLLED_BACK)
_TOO_BIG = Verdict(Code.CAPACITY_EXCEEDED, Outcome.ROLLED_BACK)
_NO_MEMORY = Verdict(Code.MEMORY_LIMIT_EXCEEDED, Outcome.ROLLED_BACK)
_UNREACHABLE = Verdict(Code.ENGINE_CONNECTION_FAILED, Outcome.NOT_EXECUTED)
_NOT_OPENED = Verdict(Code.ENGINE_UNAVAILABLE, Outcome.NOT_EXECUTED)
_BROKEN = Verdict(Code.ENGINE_UNAVAILABLE, Outcome.UNKNOWN)
_FAILED = Verdict(Code.QUERY_EXECUTION_FAILED, Outcome.UNKNOWN)

SQLITE = ErrorTable(
    code_of=_code_of,
    exact={
        "BUSY": _BUSY,
        "BUSY_SNAPSHOT": _STALE,
        "LOCKED": _BUSY,
        "PROTOCOL": _BUSY,
        "ABORT": _STALE,
        "SCHEMA": _STALE,
        "READONLY": _INVALID,
        "READONLY_DBMOVED": _NOT_OPENED,
        "AUTH": _INVALID,
        "MISMATCH": _REFUSED,
        "NOTFOUND": _INVALID,
        "MISUSE": _INVALID,
        "RANGE": _INVALID,
        # An interrupted write is undone, and so is the transaction around it (sqlite.org/c3ref/interrupt.html).
        "INTERRUPT": Verdict(Code.QUERY_TIMEOUT, Outcome.ROLLED_BACK),
        "CONSTRAINT": Verdict(Code.CONSISTENCY_VIOLATION, Outcome.ROLLED_BACK),
        "FULL": _TOO_BIG,
        "TOOBIG": _TOO_BIG,
        "NOLFS": _TOO_BIG,
        "NOMEM": _NO_MEMORY,
        "IOERR_NOMEM": _NO_MEMORY,
        "CANTOPEN": _UNREACHABLE,
        "PERM": _UNREACHABLE,
        "IOERR": _BROKEN,
        "CORRUPT": _BROKEN,
        "INTERNAL": _BROKEN,
        "FORMAT": _NOT_OPENED,
        "NOTADB": _NOT_OPENED,
    },
    texts=(
        ("sqlite3.ProgrammingError", "closed", _UNREACHABLE),
        ("sqlite3.OperationalError", "unsupported file format", _NOT_OPENED),
        ("sqlite3.OperationalError", "could not decode to utf-8", _FAILED),
        ("sqlite3.OperationalError", "user-defined", _FAILED),
        ("apsw.SQLError", "unsupported file format", _NOT_OPENED),
        ("builtins.TypeError", "bad binding argument", _INVALID),
    ),
    types={
        "sqlite3.Error": _INVALID,
        "sqlite3.Warning": _INVALID,
        "apsw.Error": _INVALID,
        "apsw.ConnectionClosedError": _UNREACHABLE,
        "apsw.CursorClosedError": _UNREACHABLE,
        "apsw.ThreadingViolationError": _BUSY,
        "apsw.ForkingViolationError": _UNREACHABLE,
        "builtins.OverflowError": _INVALID,
        "builtins.UnicodeEncodeError": _INVALID,
        # sqlite3 raises NOMEM as a bare MemoryError.
        "builtins.MemoryError": _NO_MEMORY,
    },
)
"""The table of the SQLite engines: relational, documents, and the SQLite store behind graphs."""

"""What the operating system, Python, Arrow and the SQL parser raise, in whichever engine it happens.

The classifier reads this table beside an engine's own and takes the more specific row. TimeoutError is an OSError,
and stands nearer in the MRO.
"""

from __future__ import annotations

import errno

from polyroute.errors.codes import DatabaseErrorCode as Code
from polyroute.errors.codes import Outcome
from polyroute.errors.tables import ErrorTable, Verdict

__all__ = ["COMMON"]


def _code_of(exc: BaseException) -> int | None:
    # socket.gaierror and herror carry numbers of their own in errno; ssl.SSLError those of OpenSSL.
    if not isinstance(exc, OSError) or type(exc).__module__ in ("socket", "ssl"):
        return None
    return exc.errno


_INVALID = Verdict(Code.QUERY_INVALID, Outcome.NOT_EXECUTED)
_UNREACHABLE = Verdict(Code.ENGINE_CONNECTION_FAILED, Outcome.NOT_EXECUTED)
_LOST = Verdict(Code.ENGINE_CONNECTION_FAILED, Outcome.UNKNOWN)
_BROKEN = Verdict(Code.ENGINE_UNAVAILABLE, Outcome.UNKNOWN)
_READ_ONLY = Verdict(Code.ENGINE_UNAVAILABLE, Outcome.NOT_EXECUTED)
_FULL = Verdict(Code.CAPACITY_EXCEEDED, Outcome.UNKNOWN)
_EXHAUSTED = Verdict(Code.RESOURCE_EXHAUSTED, Outcome.NOT_EXECUTED)
_NO_MEMORY = Verdict(Code.MEMORY_LIMIT_EXCEEDED, Outcome.UNKNOWN)
_TIMEOUT = Verdict(Code.ENGINE_TIMEOUT, Outcome.UNKNOWN)

COMMON = ErrorTable(
    code_of=_code_of,
    exact={
        errno.ENOSPC: _FULL,
        errno.EDQUOT: _FULL,
        errno.EFBIG: _FULL,
        errno.EMFILE: _EXHAUSTED,
        errno.ENFILE: _EXHAUSTED,
        errno.EAGAIN: _EXHAUSTED,
        errno.ENOMEM: _NO_MEMORY,
        errno.ETIMEDOUT: _TIMEOUT,
        errno.EDEADLK: Verdict(Code.DEADLOCK_DETECTED, Outcome.NOT_EXECUTED),
        errno.ECONNREFUSED: _UNREACHABLE,
        errno.EHOSTUNREACH: _UNREACHABLE,
        errno.ENETUNREACH: _UNREACHABLE,
        errno.EPIPE: _LOST,
        errno.ECONNRESET: _LOST,
        errno.ECONNABORTED: _LOST,
        errno.ENOTCONN: _LOST,
        errno.ENOENT: _UNREACHABLE,
        errno.ENOTDIR: _UNREACHABLE,
        errno.EISDIR: _UNREACHABLE,
        errno.EEXIST: _UNREACHABLE,
        errno.EACCES: _UNREACHABLE,
        errno.EPERM: _UNREACHABLE,
        errno.EROFS: _READ_ONLY,
    },
    texts=(
        ("builtins.RuntimeError", "can't start new thread", _EXHAUSTED),
        ("builtins.RuntimeError", "cannot schedule new futures after", _UNREACHABLE),
        ("builtins.ValueError", "i/o operation on closed file", _UNREACHABLE),
    ),
    types={
        "builtins.TimeoutError": _TIMEOUT,
        "builtins.ConnectionRefusedError": _UNREACHABLE,
        "builtins.ConnectionError": _LOST,
        "builtins.FileNotFoundError": _UNREACHABLE,
        "builtins.FileExistsError": _UNREACHABLE,
        "builtins.NotADirectoryError": _UNREACHABLE,
        "builtins.IsADirectoryError": _UNREACHABLE,
        "builtins.PermissionError": _UNREACHABLE,
        "builtins.OSError": _BROKEN,
        "builtins.MemoryError": _NO_MEMORY,
        "builtins.NotImplementedError": _INVALID,
        "builtins.RecursionError": Verdict(Code.QUERY_INVALID, Outcome.UNKNOWN),
        "socket.gaierror": _UNREACHABLE,
        "socket.herror": _UNREACHABLE,
        "ssl.SSLError": _LOST,
        "json.decoder.JSONDecodeError": _INVALID,
        "concurrent.futures._base.BrokenExecutor": _BROKEN,
        "filelock._error.Timeout": Verdict(Code.ENGINE_OVERLOADED, Outcome.NOT_EXECUTED),
        "pyo3_runtime.PanicException": _BROKEN,
        "pyarrow.lib.ArrowInvalid": _INVALID,
        "pyarrow.lib.ArrowTypeError": _INVALID,
        "pyarrow.lib.ArrowKeyError": _INVALID,
        "pyarrow.lib.ArrowIndexError": _INVALID,
        "pyarrow.lib.ArrowNotImplementedError": _INVALID,
        "pyarrow.lib.ArrowSerializationError": _INVALID,
        "pyarrow.lib.ArrowCancelled": Verdict(Code.QUERY_TIMEOUT, Outcome.UNKNOWN),
        "pyarrow.lib.ArrowMemoryError": _NO_MEMORY,
        "pyarrow.lib.ArrowCapacityError": Verdict(Code.CAPACITY_EXCEEDED, Outcome.NOT_EXECUTED),
        "pyarrow.lib.ArrowException": Verdict(Code.QUERY_EXECUTION_FAILED, Outcome.UNKNOWN),
        "sqlglot.errors.ParseError": _INVALID,
        "sqlglot.errors.TokenError": _INVALID,
        "sqlglot.errors.UnsupportedError": _INVALID,
        "sqlglot.errors.SchemaError": _INVALID,
        "sqlglot.errors.OptimizeError": Verdict(Code.QUERY_OPTIMIZATION_FAILED, Outcome.NOT_EXECUTED),
    },
)
"""The table that stands beside every engine's own."""

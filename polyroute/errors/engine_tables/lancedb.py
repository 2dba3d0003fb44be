"""What LanceDB's exceptions mean: built-in classes around the words of its Rust core.

A ValueError is almost always the caller's, a RuntimeError almost always not; the words in between are those of Lance's
own error variants ("LanceError(IO)") and of the operating system ("os error 28").
"""

from __future__ import annotations

from polyroute.errors.codes import DatabaseErrorCode as Code
from polyroute.errors.codes import Outcome
from polyroute.errors.tables import ErrorTable, Verdict

__all__ = ["LANCEDB"]

_INVALID = Verdict(Code.QUERY_INVALID, Outcome.NOT_EXECUTED)
_BROKEN = Verdict(Code.ENGINE_UNAVAILABLE, Outcome.UNKNOWN)
_DISK_FULL = Verdict(Code.CAPACITY_EXCEEDED, Outcome.UNKNOWN)
_FAILED = Verdict(Code.QUERY_EXECUTION_FAILED, Outcome.UNKNOWN)
# The manifest of a new version is written last and only once: a conflict leaves the older version as it was.
_CONFLICT = Verdict(Code.TRANSACTION_FAILED, Outcome.ROLLED_BACK)

LANCEDB = ErrorTable(
    texts=(
        ("builtins.RuntimeError", "commit conflict", _CONFLICT),
        ("builtins.RuntimeError", "too many concurrent writers", _CONFLICT),
        ("builtins.RuntimeError", "query timeout", Verdict(Code.QUERY_TIMEOUT, Outcome.NOT_EXECUTED)),
        ("builtins.RuntimeError", "resources exhausted", Verdict(Code.MEMORY_LIMIT_EXCEEDED, Outcome.UNKNOWN)),
        ("builtins.RuntimeError", "(os error 28)", _DISK_FULL),
        ("builtins.RuntimeError", "(os error 27)", _DISK_FULL),
        ("builtins.RuntimeError", "(os error 122)", _DISK_FULL),
        ("builtins.RuntimeError", "(os error 24)", Verdict(Code.RESOURCE_EXHAUSTED, Outcome.UNKNOWN)),
        ("builtins.RuntimeError", "lanceerror(io)", _BROKEN),
        ("builtins.RuntimeError", "lanceerror(index)", _INVALID),
        ("builtins.RuntimeError", "lanceerror(schema)", _INVALID),
        ("builtins.RuntimeError", "lanceerror(arrow)", _INVALID),
        ("builtins.RuntimeError", "ref not found", _INVALID),
        ("builtins.ValueError", "does not appear to be a lance file", _BROKEN),
    ),
    types={
        "builtins.ValueError": _INVALID,
        "builtins.TypeError": _INVALID,
        "builtins.KeyError": _INVALID,
        "builtins.OverflowError": _INVALID,
        "builtins.RuntimeError": _FAILED,
        "pyo3_async_runtimes.RustPanic": _BROKEN,
    },
)
"""The table of the LanceDB engine."""

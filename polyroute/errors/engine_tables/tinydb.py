"""What fails in TinyDB: a file that no longer reads as its JSON, or a document that JSON cannot hold.

TinyDB has no exceptions of its own. A file that is JSON but not a database shows as a TypeError or AttributeError about
its shape, a document that cannot be written as another TypeError, and only the words tell them apart.
"""

from __future__ import annotations

from polyroute.errors.codes import DatabaseErrorCode as Code
from polyroute.errors.codes import Outcome
from polyroute.errors.tables import ErrorTable, Verdict

__all__ = ["TINYDB"]

_INVALID = Verdict(Code.QUERY_INVALID, Outcome.NOT_EXECUTED)
_CORRUPT = Verdict(Code.ENGINE_UNAVAILABLE, Outcome.NOT_EXECUTED)
_DUPLICATE = Verdict(Code.CONSISTENCY_VIOLATION, Outcome.NOT_EXECUTED)

TINYDB = ErrorTable(
    texts=(
        ("builtins.TypeError", "indices must be", _CORRUPT),
        ("builtins.TypeError", "not subscriptable", _CORRUPT),
        ("builtins.AttributeError", "has no attribute 'items'", _CORRUPT),
        ("builtins.ValueError", "dictionary update sequence", _CORRUPT),
        ("builtins.ValueError", "invalid literal for int()", _CORRUPT),
        ("builtins.ValueError", "already exists", _DUPLICATE),
        ("builtins.RecursionError", "while decoding", _CORRUPT),
        ("builtins.RuntimeError", "empty query", _INVALID),
        ("builtins.RuntimeError", "use truncate()", _INVALID),
    ),
    types={
        "json.decoder.JSONDecodeError": _CORRUPT,
        "builtins.UnicodeDecodeError": _CORRUPT,
        "builtins.TypeError": _INVALID,
        "builtins.ValueError": _INVALID,
        "builtins.KeyError": _INVALID,
        "builtins.RecursionError": _INVALID,
    },
)
"""The table of the TinyDB engine."""

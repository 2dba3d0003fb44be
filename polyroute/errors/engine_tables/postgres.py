"""What PostgreSQL's SQLSTATE codes mean, as psycopg and ADBC carry them.

The first two characters are the class of a code, and the server promises that a class keeps its meaning. An error
without a code never reached the server or lost it: psycopg says which only in words. A failed statement is undone, so
only a lost connection leaves the outcome open.
"""

from __future__ import annotations

from polyroute.errors.codes import DatabaseErrorCode as Code
from polyroute.errors.codes import Outcome, RetryStrategy
from polyroute.errors.tables import ErrorTable, Verdict

__all__ = ["POSTGRES"]


def _code_of(exc: BaseException) -> str | None:
    state = getattr(exc, "sqlstate", None)
    return state if isinstance(state, str) and state else None


_INVALID = Verdict(Code.QUERY_INVALID, Outcome.ROLLED_BACK)
_FAILED = Verdict(Code.QUERY_EXECUTION_FAILED, Outcome.UNKNOWN)
_LOST = Verdict(Code.ENGINE_CONNECTION_FAILED, Outcome.UNKNOWN)
_REFUSED = Verdict(Code.ENGINE_CONNECTION_FAILED, Outcome.NOT_EXECUTED)
_DENIED = Verdict(Code.ENGINE_CONNECTION_FAILED, Outcome.NOT_EXECUTED, RetryStrategy.NONE)
_DOWN = Verdict(Code.ENGINE_UNAVAILABLE, Outcome.UNKNOWN)
_STALE = Verdict(Code.TRANSACTION_FAILED, Outcome.ROLLED_BACK)
_WAITED = Verdict(Code.TRANSACTION_TIMEOUT, Outcome.ROLLED_BACK)
_EXHAUSTED = Verdict(Code.RESOURCE_EXHAUSTED, Outcome.ROLLED_BACK)
_BUSY = Verdict(Code.ENGINE_OVERLOADED, Outcome.ROLLED_BACK)
_UNPARSED = Verdict(Code.QUERY_INVALID, Outcome.NOT_EXECUTED)
_VIOLATED = Verdict(Code.CONSISTENCY_VIOLATION, Outcome.ROLLED_BACK)

POSTGRES = ErrorTable(
    code_of=_code_of,
    exact={
        "08001": _REFUSED,
        "08004": _REFUSED,
        "57P03": Verdict(Code.ENGINE_UNAVAILABLE, Outcome.NOT_EXECUTED),
        "25006": _INVALID,
        "40003": Verdict(Code.TRANSACTION_FAILED, Outcome.UNKNOWN),
        "40P01": Verdict(Code.DEADLOCK_DETECTED, Outcome.ROLLED_BACK),
        "55P03": _WAITED,
        "25P03": _WAITED,
        "25P04": _WAITED,
        "57014": Verdict(Code.QUERY_TIMEOUT, Outcome.ROLLED_BACK),
        "53100": Verdict(Code.CAPACITY_EXCEEDED, Outcome.ROLLED_BACK),
        "53200": Verdict(Code.MEMORY_LIMIT_EXCEEDED, Outcome.ROLLED_BACK),
        "53300": Verdict(Code.RESOURCE_EXHAUSTED, Outcome.NOT_EXECUTED),
    },
    prefixes={
        "08": _LOST,
        "0A": _INVALID,
        "21": _INVALID,
        "22": _INVALID,
        "23": _VIOLATED,
        "25": _STALE,
        "26": _INVALID,
        "28": _DENIED,
        "34": _INVALID,
        "3D": _DENIED,
        "3F": _INVALID,
        "40": _STALE,
        "42": _INVALID,
        "53": _EXHAUSTED,
        "54": _EXHAUSTED,
        "55": _BUSY,
        "57": _DOWN,
        "58": _DOWN,
        "72": _STALE,
        "XX": _DOWN,
    },
    texts=(
        ("psycopg.OperationalError", "authentication failed", _DENIED),
        ("psycopg.OperationalError", "no password supplied", _DENIED),
        ("psycopg.OperationalError", "too many clients", Verdict(Code.RESOURCE_EXHAUSTED, Outcome.NOT_EXECUTED)),
        ("psycopg.OperationalError", "starting up", Verdict(Code.ENGINE_UNAVAILABLE, Outcome.NOT_EXECUTED)),
        ("psycopg.OperationalError", "connection failed", _REFUSED),
        ("psycopg.OperationalError", "connection refused", _REFUSED),
        ("psycopg.OperationalError", "could not translate host name", _REFUSED),
        ("psycopg.OperationalError", "failed to resolve host", _REFUSED),
        ("psycopg.OperationalError", "connection is closed", _REFUSED),
        ("psycopg.OperationalError", "another command is already in progress", _BUSY),
    ),
    types={
        "psycopg.errors.ConnectionTimeout": _REFUSED,
        "psycopg_pool.PoolTimeout": Verdict(Code.RESOURCE_EXHAUSTED, Outcome.NOT_EXECUTED),
        "psycopg_pool.TooManyRequests": Verdict(Code.ENGINE_OVERLOADED, Outcome.NOT_EXECUTED),
        "psycopg_pool.PoolClosed": _REFUSED,
        "psycopg.OperationalError": _LOST,
        "psycopg.InterfaceError": _REFUSED,
        "psycopg.DataError": _INVALID,
        "psycopg.ProgrammingError": _UNPARSED,
        "psycopg.NotSupportedError": _UNPARSED,
        "psycopg.IntegrityError": _VIOLATED,
        "psycopg.Error": _FAILED,
        "adbc_driver_manager.OperationalError": _LOST,
        "adbc_driver_manager.ProgrammingError": _UNPARSED,
        "adbc_driver_manager.NotSupportedError": _UNPARSED,
        "adbc_driver_manager.DataError": _INVALID,
        "adbc_driver_manager.IntegrityError": _VIOLATED,
        "adbc_driver_manager.Error": _FAILED,
    },
)
"""The table of the PostgreSQL engines."""

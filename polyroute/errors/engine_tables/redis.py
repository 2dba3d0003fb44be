"""What redis-py's exceptions mean; its classes overlap, and the nearest in the MRO is the one that counts."""

from __future__ import annotations

from polyroute.errors.codes import DatabaseErrorCode as Code
from polyroute.errors.codes import Outcome, RetryStrategy
from polyroute.errors.tables import ErrorTable, Verdict

__all__ = ["REDIS"]

_E = "redis.exceptions."
_DENIED = Verdict(Code.ENGINE_CONNECTION_FAILED, Outcome.NOT_EXECUTED, RetryStrategy.NONE)
_AWAY = Verdict(Code.ENGINE_UNAVAILABLE, Outcome.NOT_EXECUTED)

REDIS = ErrorTable(
    texts=((f"{_E}ConnectionError", "connecting to", Verdict(Code.ENGINE_CONNECTION_FAILED, Outcome.NOT_EXECUTED)),),
    types={
        f"{_E}TimeoutError": Verdict(Code.ENGINE_TIMEOUT, Outcome.UNKNOWN),
        f"{_E}ConnectionError": Verdict(Code.ENGINE_CONNECTION_FAILED, Outcome.UNKNOWN),
        f"{_E}MaxConnectionsError": Verdict(Code.RESOURCE_EXHAUSTED, Outcome.NOT_EXECUTED),
        f"{_E}AuthenticationError": _DENIED,
        f"{_E}AuthorizationError": _DENIED,
        f"{_E}BusyLoadingError": _AWAY,
        f"{_E}ReadOnlyError": _AWAY,
        f"{_E}ClusterDownError": _AWAY,
        f"{_E}TryAgainError": _AWAY,
        f"{_E}OutOfMemoryError": Verdict(Code.MEMORY_LIMIT_EXCEEDED, Outcome.NOT_EXECUTED),
        f"{_E}WatchError": Verdict(Code.TRANSACTION_FAILED, Outcome.ROLLED_BACK),
        f"{_E}ExecAbortError": Verdict(Code.QUERY_INVALID, Outcome.ROLLED_BACK),
        f"{_E}LockNotOwnedError": Verdict(Code.TRANSACTION_FAILED, Outcome.UNKNOWN),
        f"{_E}LockError": Verdict(Code.ENGINE_OVERLOADED, Outcome.NOT_EXECUTED),
        f"{_E}NoPermissionError": Verdict(Code.QUERY_INVALID, Outcome.NOT_EXECUTED),
        f"{_E}NoScriptError": Verdict(Code.QUERY_INVALID, Outcome.NOT_EXECUTED),
        f"{_E}DataError": Verdict(Code.QUERY_INVALID, Outcome.NOT_EXECUTED),
        f"{_E}ResponseError": Verdict(Code.QUERY_INVALID, Outcome.UNKNOWN),
        f"{_E}RedisClusterException": Verdict(Code.ENGINE_UNAVAILABLE, Outcome.UNKNOWN),
        f"{_E}CrossSlotTransactionError": Verdict(Code.QUERY_INVALID, Outcome.NOT_EXECUTED),
        f"{_E}RedisError": Verdict(Code.QUERY_EXECUTION_FAILED, Outcome.UNKNOWN),
    },
)
"""The table of the Redis engine."""

"""Redis by the classes of redis-py; ones shaped like them where it is not installed."""

from __future__ import annotations

from pathlib import Path

from polyroute.errors import Outcome

from .case import Case, Code

try:
    import redis
except ImportError:
    redis = None  # type: ignore[assignment]

NOTHING, UNDONE, OPEN = Outcome.NOT_EXECUTED, Outcome.ROLLED_BACK, Outcome.UNKNOWN
LOST, AWAY = Code.ENGINE_CONNECTION_FAILED, Code.ENGINE_UNAVAILABLE

_BASES = {
    "RedisError": "",
    "ConnectionError": "RedisError",
    "TimeoutError": "RedisError",
    "ResponseError": "RedisError",
    "DataError": "RedisError",
    "WatchError": "RedisError",
    "LockError": "RedisError",
    "InvalidResponse": "RedisError",
    "MaxConnectionsError": "ConnectionError",
    "AuthenticationError": "ConnectionError",
    "BusyLoadingError": "ConnectionError",
    "ReadOnlyError": "ResponseError",
    "OutOfMemoryError": "ResponseError",
    "NoPermissionError": "ResponseError",
    "ExecAbortError": "ResponseError",
}


def error_class(name: str) -> type[Exception]:
    if redis is not None:
        return getattr(redis.exceptions, name)
    base = error_class(_BASES[name]) if _BASES[name] else Exception
    return type(name, (base,), {"__module__": "redis.exceptions", "__qualname__": name})


def case(name: str, message: str, code: Code, outcome: Outcome, retry: bool = False) -> Case:
    def act(directory: Path) -> object:
        raise error_class(name)(message)

    return Case(f"redis-{name}-{message.partition(' ')[0]}", "redis", act, code, outcome, retry)


CASES: tuple[Case, ...] = (
    case("TimeoutError", "Timeout reading from socket", Code.ENGINE_TIMEOUT, OPEN),
    case("ConnectionError", "Connection closed by server.", LOST, OPEN),
    case("ConnectionError", "Error 111 connecting to localhost:6379. Connection refused.", LOST, NOTHING, retry=True),
    case("AuthenticationError", "invalid username-password pair", LOST, NOTHING),
    case("MaxConnectionsError", "Too many connections", Code.RESOURCE_EXHAUSTED, NOTHING, retry=True),
    case("BusyLoadingError", "Redis is loading the dataset in memory", AWAY, NOTHING, retry=True),
    case("ReadOnlyError", "You can't write against a read only replica.", AWAY, NOTHING, retry=True),
    case("OutOfMemoryError", "command not allowed when used memory > maxmemory", Code.MEMORY_LIMIT_EXCEEDED, NOTHING),
    case("WatchError", "Watched variable changed.", Code.TRANSACTION_FAILED, UNDONE, retry=True),
    case("LockError", "Unable to acquire lock", Code.ENGINE_OVERLOADED, NOTHING, retry=True),
    case("NoPermissionError", "this user has no permissions", Code.QUERY_INVALID, NOTHING),
    case("DataError", "Invalid input of type", Code.QUERY_INVALID, NOTHING),
    case("ExecAbortError", "Transaction discarded", Code.QUERY_INVALID, UNDONE),
    case("ResponseError", "wrong number of arguments", Code.QUERY_INVALID, OPEN),
    case("InvalidResponse", "Protocol Error", Code.QUERY_EXECUTION_FAILED, OPEN),
)

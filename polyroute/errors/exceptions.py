"""The exceptions that polyroute raises: a base, a subclass per category, and time-outs that are `TimeoutError` too.

Every floor raises through `make_error`, `invalid` or `unknown_name`, so a caller can catch by class (`except
QueryError`), by code (`error.code`), or as a time-out of the standard library. All of them survive pickling with
every attribute, as process pools need.
"""

from __future__ import annotations

import copyreg
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from polyroute.errors.codes import POLICIES, Category, DatabaseErrorCode, Outcome

__all__ = [
    "CoordinationError",
    "EngineError",
    "EngineTimeoutError",
    "PerformanceError",
    "PolyrouteError",
    "QueryError",
    "QueryTimeoutError",
    "ResourceError",
    "TransactionError",
    "TransactionTimeoutError",
    "invalid",
    "make_error",
    "unknown_name",
]

_LISTED_NAMES = 10
_SHOWN_NAME_LENGTH = 80


class PolyrouteError(Exception):
    """Report a failure by its code, in words that hold no data values and no secrets.

    `engine` is the id of the engine that failed, `query_id` the execution it failed in, `hint` what to do about it,
    `outcome` what the failed work left behind. The native exception, where there is one, is `__cause__`.

    >>> error = QueryError(DatabaseErrorCode.QUERY_INVALID, "no column 'nam'", hint="did you mean 'name'?")
    >>> print(error)
    no column 'nam'
    hint: did you mean 'name'?
    """

    def __init__(
        self,
        code: DatabaseErrorCode,
        message: str,
        *,
        engine: str | None = None,
        query_id: str | None = None,
        hint: str | None = None,
        outcome: Outcome = Outcome.NOT_EXECUTED,
    ) -> None:
        super().__init__(message)
        self.code = DatabaseErrorCode(code)
        self.message = message
        self.engine = engine
        self.query_id = query_id
        self.hint = hint
        self.outcome = Outcome(outcome)

    def __str__(self) -> str:
        return self.message if self.hint is None else f"{self.message}\nhint: {self.hint}"

    def __repr__(self) -> str:
        attributes = f"engine={self.engine!r}, outcome={self.outcome.value!r}"
        return f"{type(self).__name__}({self.code.value!r}, {self.message!r}, {attributes})"

    def __reduce__(self) -> tuple[Any, ...]:
        # BaseException would call cls(*args), which keyword-only attributes do not survive.
        return copyreg.__newobj__, (type(self),), {**self.__dict__, "args": self.args}  # type: ignore[attr-defined]


class CoordinationError(PolyrouteError):
    """Report that the coordinator could not choose, route or hold its parts together."""


class EngineError(PolyrouteError):
    """Report that an engine is away, overloaded, too slow or cannot be reached."""


class QueryError(PolyrouteError):
    """Report that a query is invalid, took too long or failed while it ran."""


class TransactionError(PolyrouteError):
    """Report that a transaction failed, timed out, met a deadlock or would have broken a rule of the data."""


class PerformanceError(PolyrouteError):
    """Carry a performance signal; signals go to `db.on_signal` and never fail a query."""


class ResourceError(PolyrouteError):
    """Report that disk, memory, files, threads or connections ran out."""


class EngineTimeoutError(EngineError, TimeoutError):
    """Report that an engine did not answer in time."""


class QueryTimeoutError(QueryError, TimeoutError):
    """Report that a query was stopped at its deadline."""


class TransactionTimeoutError(TransactionError, TimeoutError):
    """Report that a transaction waited too long for a lock or stayed open too long."""


_BY_CATEGORY: Mapping[Category, type[PolyrouteError]] = MappingProxyType(
    {
        Category.COORDINATION: CoordinationError,
        Category.ENGINE: EngineError,
        Category.QUERY: QueryError,
        Category.TRANSACTION: TransactionError,
        Category.PERFORMANCE: PerformanceError,
        Category.RESOURCE: ResourceError,
    }
)

_BY_CODE: Mapping[DatabaseErrorCode, type[PolyrouteError]] = MappingProxyType(
    {
        **{code: _BY_CATEGORY[policy.category] for code, policy in POLICIES.items()},
        DatabaseErrorCode.ENGINE_TIMEOUT: EngineTimeoutError,
        DatabaseErrorCode.QUERY_TIMEOUT: QueryTimeoutError,
        DatabaseErrorCode.TRANSACTION_TIMEOUT: TransactionTimeoutError,
    }
)


def make_error(
    code: DatabaseErrorCode,
    message: str,
    *,
    engine: str | None = None,
    query_id: str | None = None,
    hint: str | None = None,
    outcome: Outcome = Outcome.NOT_EXECUTED,
) -> PolyrouteError:
    """Make the exception whose class belongs to the code, to be raised `from` the native one where there is one.

    >>> isinstance(make_error(DatabaseErrorCode.QUERY_TIMEOUT, "stopped after 0.2 s"), TimeoutError)
    True
    """
    return _BY_CODE[code](code, message, engine=engine, query_id=query_id, hint=hint, outcome=outcome)


def invalid(message: str, *, engine: str | None = None, hint: str | None = None) -> QueryError:
    """Make the error for a request that cannot be run as it stands (QUERY_INVALID); nothing was executed."""
    return QueryError(DatabaseErrorCode.QUERY_INVALID, message, engine=engine, hint=hint)


def unknown_name(kind: str, name: str, valid: Iterable[str], *, engine: str | None = None) -> QueryError:
    """Make the error for a name that nothing bears, with the nearest valid name, or else up to ten of the valid ones.

    >>> print(unknown_name("dataset", "airport", ["airports", "routes"]))
    no dataset 'airport'; did you mean 'airports'?
    """
    name = str(name)
    names = list(dict.fromkeys(str(candidate) for candidate in valid))
    shown = name if len(name) <= _SHOWN_NAME_LENGTH else name[:_SHOWN_NAME_LENGTH] + "..."
    return invalid(f"no {kind} {shown!r}; {_way_out(name, names)}", engine=engine)


def _way_out(name: str, names: list[str]) -> str:
    """Find the nearest valid name, whatever its case; failing that, list the valid names."""
    import difflib  # only a mistake needs it

    by_folded: dict[str, str] = {}
    for candidate in names:
        by_folded.setdefault(candidate.casefold(), candidate)
    nearest = difflib.get_close_matches(name[:_SHOWN_NAME_LENGTH].casefold(), by_folded, n=1)
    if nearest:
        return f"did you mean {by_folded[nearest[0]]!r}?"
    if not names:
        return "there are none"
    listed = ", ".join(repr(candidate) for candidate in names[:_LISTED_NAMES])
    rest = len(names) - _LISTED_NAMES
    return f"there are {listed}" + (f" and {rest} more" if rest > 0 else "")

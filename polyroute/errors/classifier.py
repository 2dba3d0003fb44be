"""From a native exception to a code and what it asks for: the one place where engines' errors become polyroute's.

The guard classifies what an engine raised in order to decide on a replay, and translates it into the exception that
the caller sees. Look-up is by exact code, prefix, words, type and default (see `tables`), never by the words alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from polyroute.errors.codes import POLICIES, Category, DatabaseErrorCode, Outcome, RetryStrategy, Severity
from polyroute.errors.engine_tables import COMMON, DUCKDB, LANCEDB, NETWORKX, POSTGRES, REDIS, SQLITE, TINYDB
from polyroute.errors.exceptions import PolyrouteError, make_error
from polyroute.errors.redaction import redact
from polyroute.errors.tables import ErrorTable, Match, Verdict, qualified_names

__all__ = ["READY_TABLES", "DatabaseErrorClassifier", "ErrorClassification"]

READY_TABLES: Mapping[str, ErrorTable] = MappingProxyType(
    {
        "sqlite": SQLITE,
        "document+sqlite": SQLITE,
        "duckdb": DUCKDB,
        "timeseries+duckdb": DUCKDB,
        "lancedb": LANCEDB,
        "networkx": NETWORKX,
        "tinydb": TINYDB,
        "postgresql": POSTGRES,
        "redis": REDIS,
    }
)
"""The tables that every classifier knows from the start, by URL scheme."""

_DEFAULT = Verdict(DatabaseErrorCode.QUERY_EXECUTION_FAILED, Outcome.UNKNOWN)
_LONGEST_CHAIN = 4
_NEVER_CLASSIFIED = (KeyboardInterrupt, SystemExit, GeneratorExit)
_CANCELLED_NAMES = frozenset({"asyncio.exceptions.CancelledError", "concurrent.futures._base.CancelledError"})


@dataclass(frozen=True, slots=True)
class ErrorClassification:
    """Hold what is known of one failure, and what may be done about it.

    `recoverable` says that a replay may help; `outcome` whether a replay of a write is safe.
    """

    code: DatabaseErrorCode
    category: Category
    severity: Severity
    recoverable: bool
    retry_strategy: RetryStrategy
    outcome: Outcome
    suggested_actions: tuple[str, ...]
    action_required: bool


class DatabaseErrorClassifier:
    """Classify native exceptions of any engine, and translate them into polyroute's own.

    >>> import sqlite3
    >>> try:
    ...     sqlite3.connect(":memory:").execute("select * from nothing")
    ... except sqlite3.Error as error:
    ...     found = DatabaseErrorClassifier().classify(error, engine="sqlite")
    >>> found.code.value, found.outcome.value, found.recoverable
    ('QUERY_INVALID', 'not_executed', False)
    """

    def __init__(self, tables: Mapping[str, ErrorTable] | None = None) -> None:
        self._tables: dict[str, ErrorTable] = dict(READY_TABLES if tables is None else tables)

    def register(self, engine: str, table: ErrorTable) -> None:
        """Bring an engine's table under its id; a table already there is replaced."""
        self._tables = {**self._tables, engine: table}

    def classify(self, exc: BaseException, engine: str | None = None) -> ErrorClassification:
        """Say what an exception means; `engine` is the id under which the table was registered, where it is known.

        Raises the exception itself when it is a cancellation or an exit: those are never failures of an engine.
        """
        if isinstance(exc, PolyrouteError):
            return _classification(self._own_verdict(exc))
        _let_through(exc)
        return _classification(self._verdict(exc, engine))

    def translate(
        self, exc: BaseException, *, engine: str | None = None, query_id: str | None = None
    ) -> PolyrouteError:
        """Make the exception to raise `from exc`: its message holds no values, its hint the first suggested action.

        A PolyrouteError is returned as it is, with engine and query id filled in where it had none.
        """
        if isinstance(exc, PolyrouteError):
            exc.engine = exc.engine or engine
            exc.query_id = exc.query_id or query_id
            return exc
        found = self.classify(exc, engine)
        hint = found.suggested_actions[0] if found.suggested_actions else None
        return make_error(found.code, _message(exc), engine=engine, query_id=query_id, hint=hint, outcome=found.outcome)

    def _own_verdict(self, exc: PolyrouteError) -> Verdict:
        """Take a PolyrouteError at its word; only the strategy of the native row it came from may still be narrower."""
        cause = exc.__cause__
        native = self._verdict(cause, exc.engine) if cause is not None else None
        strategy = native.strategy if native is not None and native.code is exc.code else None
        return Verdict(exc.code, exc.outcome, strategy)

    def _verdict(self, exc: BaseException, engine: str | None) -> Verdict:
        current: BaseException | None = exc
        for _ in range(_LONGEST_CHAIN):
            if current is None:
                break
            match = self._match(current, engine)
            if match is not None:
                return match.verdict
            current = current.__cause__
        return _DEFAULT

    def _match(self, exc: BaseException, engine: str | None) -> Match | None:
        """Ask the engine's own table and the common one; where they know nothing, or no engine is named, ask all."""
        own = self._tables.get(engine) if engine is not None else None
        best = _better(own.look_up(exc) if own is not None else None, COMMON.look_up(exc))
        if own is not None and best is not None:
            return best
        for table in self._tables.values():
            found = table.look_up(exc)
            # What a built-in class means in another engine says nothing about this one.
            if found is not None and not (found.generic and own is not None):
                best = _better(best, found)
        return best


def _better(first: Match | None, second: Match | None) -> Match | None:
    """Choose the more specific match, the first where they are equal."""
    if first is None or second is None:
        return first or second
    return second if (second.rank, second.nearness) > (first.rank, first.nearness) else first


def _let_through(exc: BaseException) -> None:
    if isinstance(exc, _NEVER_CLASSIFIED) or not _CANCELLED_NAMES.isdisjoint(qualified_names(type(exc))):
        raise exc


def _classification(verdict: Verdict) -> ErrorClassification:
    policy = POLICIES[verdict.code]
    strategy = policy.strategy if verdict.strategy is None else verdict.strategy
    return ErrorClassification(
        code=verdict.code,
        category=policy.category,
        severity=policy.severity,
        recoverable=strategy is not RetryStrategy.NONE,
        retry_strategy=strategy,
        outcome=verdict.outcome,
        suggested_actions=policy.suggested_actions,
        action_required=policy.action_required,
    )


def _message(exc: BaseException) -> str:
    return redact(_words(exc)) or type(exc).__name__


def _words(exc: BaseException) -> str:
    """Read an exception's own words, where `str` would show a bare key or the repr of its parts."""
    if type(exc) is KeyError:
        text = str(exc.args[0]) if exc.args else ""
        return text if text.endswith("in schema") else "a key that was asked for does not exist"
    if len(exc.args) == 2 and exc.args[0] is exc:
        return str(exc.args[1])
    return str(exc)

"""The vocabulary of failure: twenty-one codes, and what each of them asks for.

Everything that can go wrong in polyroute, in whichever engine, ends in one `DatabaseErrorCode`. A code has one
`CodePolicy`: its category, how severe it is, how a replay may be tried, and what a person can do about it. Orthogonal
to the code stands the `Outcome`: whether the failed work left anything behind, which alone decides if a write may be
replayed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

__all__ = ["POLICIES", "Category", "CodePolicy", "DatabaseErrorCode", "Outcome", "RetryStrategy", "Severity"]


class Category(StrEnum):
    """Name the part of the house that a code speaks of; each category has one exception class."""

    COORDINATION = "coordination"
    ENGINE = "engine"
    QUERY = "query"
    TRANSACTION = "transaction"
    PERFORMANCE = "performance"
    RESOURCE = "resource"


class Severity(StrEnum):
    """Rank how urgently a person is needed: from high on, somebody has to act."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class RetryStrategy(StrEnum):
    """Say how a replay may be tried, where a replay is safe at all."""

    NONE = "none"
    IMMEDIATE = "immediate"
    EXPONENTIAL_BACKOFF = "exponential_backoff"
    CIRCUIT_BREAKER = "circuit_breaker"


class Outcome(StrEnum):
    """Say what the failed work left behind.

    The precedents are FoundationDB's maybe-committed errors, SQLSTATE 40003 and MongoDB's NoWritesPerformed label.
    """

    NOT_EXECUTED = "not_executed"
    ROLLED_BACK = "rolled_back"
    UNKNOWN = "unknown"
    COMMITTED = "committed"


class DatabaseErrorCode(StrEnum):
    """Name one of the twenty-one ways in which work can fail."""

    COORDINATION_FAILED = "COORDINATION_FAILED"
    ENGINE_SELECTION_FAILED = "ENGINE_SELECTION_FAILED"
    ROUTING_FAILED = "ROUTING_FAILED"
    ENGINE_UNAVAILABLE = "ENGINE_UNAVAILABLE"
    ENGINE_OVERLOADED = "ENGINE_OVERLOADED"
    ENGINE_TIMEOUT = "ENGINE_TIMEOUT"
    ENGINE_CONNECTION_FAILED = "ENGINE_CONNECTION_FAILED"
    QUERY_INVALID = "QUERY_INVALID"
    QUERY_TIMEOUT = "QUERY_TIMEOUT"
    QUERY_OPTIMIZATION_FAILED = "QUERY_OPTIMIZATION_FAILED"
    QUERY_EXECUTION_FAILED = "QUERY_EXECUTION_FAILED"
    TRANSACTION_FAILED = "TRANSACTION_FAILED"
    TRANSACTION_TIMEOUT = "TRANSACTION_TIMEOUT"
    DEADLOCK_DETECTED = "DEADLOCK_DETECTED"
    CONSISTENCY_VIOLATION = "CONSISTENCY_VIOLATION"
    PERFORMANCE_DEGRADED = "PERFORMANCE_DEGRADED"
    CACHE_MISS_RATE_HIGH = "CACHE_MISS_RATE_HIGH"
    LATENCY_THRESHOLD_EXCEEDED = "LATENCY_THRESHOLD_EXCEEDED"
    RESOURCE_EXHAUSTED = "RESOURCE_EXHAUSTED"
    CAPACITY_EXCEEDED = "CAPACITY_EXCEEDED"
    MEMORY_LIMIT_EXCEEDED = "MEMORY_LIMIT_EXCEEDED"


@dataclass(frozen=True, slots=True)
class CodePolicy:
    """Hold what one code asks for; of the suggested actions the first is the likeliest to help."""

    category: Category
    severity: Severity
    strategy: RetryStrategy
    suggested_actions: tuple[str, ...]

    @property
    def action_required(self) -> bool:
        """Tell whether somebody has to act: at high and critical severity."""
        return self.severity in (Severity.HIGH, Severity.CRITICAL)


def _policy(category: Category, severity: Severity, strategy: RetryStrategy, *actions: str) -> CodePolicy:
    return CodePolicy(category, severity, strategy, actions)


_Code = DatabaseErrorCode
_LOW, _MEDIUM, _HIGH, _CRITICAL = Severity.LOW, Severity.MEDIUM, Severity.HIGH, Severity.CRITICAL
_NONE, _IMMEDIATE = RetryStrategy.NONE, RetryStrategy.IMMEDIATE
_BACKOFF, _BREAKER = RetryStrategy.EXPONENTIAL_BACKOFF, RetryStrategy.CIRCUIT_BREAKER

POLICIES: Mapping[DatabaseErrorCode, CodePolicy] = MappingProxyType({
    _Code.COORDINATION_FAILED: _policy(
        Category.COORDINATION, _HIGH, _NONE,
        "check db.health_report() and that the coordinator is still open",
        "reconnect; what was committed in the engines is kept",
    ),
    _Code.ENGINE_SELECTION_FAILED: _policy(
        Category.COORDINATION, _MEDIUM, _NONE,
        "loosen the requirements, or register an engine that offers the operation",
        "see db.engines for what each engine offers",
    ),
    _Code.ROUTING_FAILED: _policy(
        Category.COORDINATION, _MEDIUM, _IMMEDIATE,
        "try another engine that holds the dataset; db.replicate makes one",
        "see db.explain(...) for the engines that were considered",
    ),
    _Code.ENGINE_UNAVAILABLE: _policy(
        Category.ENGINE, _HIGH, _BREAKER,
        "check that the engine's file or server is whole, and that no other process holds it",
        "restore it from a copy, or read from a replica (db.replicate)",
    ),
    _Code.ENGINE_OVERLOADED: _policy(
        Category.ENGINE, _MEDIUM, _BACKOFF,
        "try again shortly: another writer holds the engine",
        "shorten write transactions, or send reads to a replica",
    ),
    _Code.ENGINE_TIMEOUT: _policy(
        Category.ENGINE, _MEDIUM, _BACKOFF,
        "raise timeout_s, or check the engine's load in db.health_report()",
    ),
    _Code.ENGINE_CONNECTION_FAILED: _policy(
        Category.ENGINE, _HIGH, _BREAKER,
        "check the engine's URL, that its file or server can be reached, and its access rights",
        "register the engine again where its connection was closed",
    ),
    _Code.QUERY_INVALID: _policy(
        Category.QUERY, _LOW, _NONE,
        "correct the query, its parameters or its names; db.datasets lists what there is",
    ),
    _Code.QUERY_TIMEOUT: _policy(
        Category.QUERY, _MEDIUM, _BACKOFF,
        "raise timeout_s, or narrow the query with a filter or a limit",
        "see db.explain(...) for the slow part, and db.recommendations()",
    ),
    _Code.QUERY_OPTIMIZATION_FAILED: _policy(
        Category.QUERY, _LOW, _IMMEDIATE,
        "run it unoptimised with pushdown=False; the answer is the same",
    ),
    _Code.QUERY_EXECUTION_FAILED: _policy(
        Category.QUERY, _MEDIUM, _NONE,
        "read the native error in __cause__: the query is well formed, but these data or this engine cannot run it",
        "try routing=Routing(exclude=...) where another engine holds the dataset",
    ),
    _Code.TRANSACTION_FAILED: _policy(
        Category.TRANSACTION, _HIGH, _IMMEDIATE,
        "run the whole transaction again; another one changed the same rows",
        "where the outcome is unknown, look first whether the write is there",
    ),
    _Code.TRANSACTION_TIMEOUT: _policy(
        Category.TRANSACTION, _MEDIUM, _BACKOFF,
        "run the transaction again, shorter or with a longer timeout_s",
    ),
    _Code.DEADLOCK_DETECTED: _policy(
        Category.TRANSACTION, _MEDIUM, _IMMEDIATE,
        "run the transaction again; touch rows and tables in one fixed order to avoid it",
    ),
    _Code.CONSISTENCY_VIOLATION: _policy(
        Category.TRANSACTION, _CRITICAL, _NONE,
        "correct the data: a key, uniqueness, NOT NULL, check or foreign-key rule refused it",
        "use mode='upsert' where existing keys are to be replaced",
    ),
    _Code.PERFORMANCE_DEGRADED: _policy(
        Category.PERFORMANCE, _MEDIUM, _NONE,
        "see db.performance_metrics() and db.recommendations()",
    ),
    _Code.CACHE_MISS_RATE_HIGH: _policy(
        Category.PERFORMANCE, _LOW, _NONE,
        "enlarge the cache in [cache], or bind values as parameters so that queries repeat",
    ),
    _Code.LATENCY_THRESHOLD_EXCEEDED: _policy(
        Category.PERFORMANCE, _MEDIUM, _NONE,
        "see db.explain(..., analyze=True) for the slow part, and db.recommendations()",
    ),
    _Code.RESOURCE_EXHAUSTED: _policy(
        Category.RESOURCE, _HIGH, _BACKOFF,
        "close idle connections and files, or raise the limit on open files, threads or connections",
    ),
    _Code.CAPACITY_EXCEEDED: _policy(
        Category.RESOURCE, _HIGH, _NONE,
        "free or add disk space, or raise the engine's size limit",
    ),
    _Code.MEMORY_LIMIT_EXCEEDED: _policy(
        Category.RESOURCE, _CRITICAL, _NONE,
        "narrow the query, or raise the engine's memory_limit",
        "send it to an engine that spills to disk (DuckDB with a temp_directory)",
    ),
})  # fmt: skip
"""The policy of every code, as the specification's table has it."""

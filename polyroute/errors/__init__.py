"""The errors floor: codes, exceptions, the classifier; and the guard's pure state machines: retry policy, retry budget,
circuit breaker, concurrency limiter.
"""

from __future__ import annotations

from polyroute.errors.breaker import BreakerConfig, BreakerSnapshot, BreakerState, CircuitBreaker, counts_against
from polyroute.errors.budget import BudgetConfig, RetryBudget
from polyroute.errors.classifier import DatabaseErrorClassifier, ErrorClassification
from polyroute.errors.codes import POLICIES, Category, CodePolicy, DatabaseErrorCode, Outcome, RetryStrategy, Severity
from polyroute.errors.engine_tables import COMMON, DUCKDB, LANCEDB, NETWORKX, POSTGRES, REDIS, SQLITE, TINYDB
from polyroute.errors.exceptions import (
    CoordinationError,
    EngineError,
    EngineTimeoutError,
    PerformanceError,
    PolyrouteError,
    QueryError,
    QueryTimeoutError,
    ResourceError,
    TransactionError,
    TransactionTimeoutError,
    invalid,
    make_error,
    unknown_name,
)
from polyroute.errors.limiter import ConcurrencyLimiter, LimiterConfig, tells_of_overload
from polyroute.errors.redaction import redact
from polyroute.errors.retry import RetryPolicy, Step
from polyroute.errors.tables import ErrorTable, Verdict

__all__ = [
    "COMMON",
    "DUCKDB",
    "LANCEDB",
    "NETWORKX",
    "POLICIES",
    "POSTGRES",
    "REDIS",
    "SQLITE",
    "TINYDB",
    "BreakerConfig",
    "BreakerSnapshot",
    "BreakerState",
    "BudgetConfig",
    "Category",
    "CircuitBreaker",
    "CodePolicy",
    "ConcurrencyLimiter",
    "CoordinationError",
    "DatabaseErrorClassifier",
    "DatabaseErrorCode",
    "EngineError",
    "EngineTimeoutError",
    "ErrorClassification",
    "ErrorTable",
    "LimiterConfig",
    "Outcome",
    "PerformanceError",
    "PolyrouteError",
    "QueryError",
    "QueryTimeoutError",
    "ResourceError",
    "RetryBudget",
    "RetryPolicy",
    "RetryStrategy",
    "Severity",
    "Step",
    "TransactionError",
    "TransactionTimeoutError",
    "Verdict",
    "counts_against",
    "invalid",
    "make_error",
    "redact",
    "tells_of_overload",
    "unknown_name",
]

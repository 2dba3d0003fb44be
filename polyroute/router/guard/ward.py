"""What the guard keeps of one operation of one engine, and what it shares with the engine's other operations.

A breaker and the timings belong to the operation; the concurrency limit and the retry budget belong to the engine,
whose connections and cores all its operations share.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from polyroute.engines import Engine
from polyroute.errors import (
    BreakerState,
    CircuitBreaker,
    ConcurrencyLimiter,
    DatabaseErrorCode,
    EngineError,
    RetryBudget,
)
from polyroute.monitoring import Timings

_WELL = 0.1


class NotSent(EngineError):
    """Say that the guard did not let a call out: nothing reached the engine, so going elsewhere repeats nothing."""


@dataclass(frozen=True, slots=True)
class Ward:
    """One operation of one engine under guard."""

    engine: Engine
    operation: str
    breaker: CircuitBreaker
    timings: Timings
    limiter: ConcurrencyLimiter
    budget: RetryBudget

    @property
    def admits(self) -> bool:
        """Whether a call would not be refused outright."""
        return self.breaker.state is not BreakerState.OPEN

    @property
    def well(self) -> bool:
        """Whether nearly all of its latest calls went well; true of one that was never called."""
        seen = self.breaker.snapshot()
        return seen.state is BreakerState.CLOSED and seen.failure_rate <= _WELL

    def left_alone(self) -> NotSent:
        """Return the error for a call that the breaker holds back."""
        return NotSent(
            DatabaseErrorCode.ENGINE_UNAVAILABLE,
            f"{self.engine.id} failed too often with {self.operation} and is left alone for "
            f"{self.breaker.retry_after_s:.1f} s more",
            engine=self.engine.id,
            hint="see health_report() for the errors; another placement would answer meanwhile",
        )

    def crowded(self) -> NotSent:
        """Return the error for a call that found no place in time."""
        return NotSent(
            DatabaseErrorCode.ENGINE_OVERLOADED,
            f"{self.engine.id} is at its limit of {self.limiter.limit} calls at once",
            engine=self.engine.id,
            hint="ask again later, or spread the reads over replicas (db.replicate)",
        )


class InFlight(Mapping[str, int]):
    """The calls under way by engine; 0 for one that was never called."""

    def __init__(self, limiters: Mapping[str, ConcurrencyLimiter]) -> None:
        self._limiters = limiters

    def __getitem__(self, engine: str) -> int:
        limiter = self._limiters.get(engine)
        return 0 if limiter is None else limiter.in_flight

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._limiters))

    def __len__(self) -> int:
        return len(self._limiters)

"""What to do after a failure: try again, go to another placement, or give up.

This is a pure policy: it decides, and the guard does the waiting.

Three questions are asked in turn. Is a replay safe: a write may be replayed only where it left nothing behind or is
idempotent. Is there time: nothing starts after the deadline. And what does the failure ask for: its strategy says
whether the same engine may be asked again, at once or after a pause, and whether another one should be asked instead.

Pauses are exponential with full jitter (M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015).
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Literal

from polyroute.errors.classifier import ErrorClassification
from polyroute.errors.codes import Category, DatabaseErrorCode, Outcome, RetryStrategy

__all__ = ["RetryPolicy", "Step"]

_LEFT_NOTHING = frozenset({Outcome.NOT_EXECUTED, Outcome.ROLLED_BACK})


@dataclass(frozen=True, slots=True)
class Step:
    """Say what to do next, and after how many seconds."""

    kind: Literal["retry", "failover", "give_up"]
    delay_s: float = 0.0


_GIVE_UP = Step("give_up")
_FAILOVER = Step("failover")


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Decide on replays: at most `max_attempts` on one placement, after pauses that double from `base_s` up to `cap_s`.

    >>> import random
    >>> from polyroute.errors import DatabaseErrorClassifier
    >>> lost = DatabaseErrorClassifier().classify(ConnectionResetError(), engine="postgresql")
    >>> policy, rng = RetryPolicy(), random.Random(7)
    >>> def kind(write, alternative):
    ...     return policy.next_step(
    ...         lost, write=write, idempotent=False, attempt=1, time_left_s=1.0, alternative=alternative, rng=rng
    ...     ).kind
    >>> kind(write=False, alternative=True), kind(write=False, alternative=False), kind(write=True, alternative=False)
    ('failover', 'retry', 'give_up')
    """

    max_attempts: int = 4
    base_s: float = 0.02
    cap_s: float = 1.0

    def __post_init__(self) -> None:
        if self.max_attempts < 1:
            raise ValueError("max_attempts must be at least 1")
        if not 0.0 <= self.base_s <= self.cap_s:
            raise ValueError("base_s must lie between 0 and cap_s")

    def next_step(
        self,
        classification: ErrorClassification,
        *,
        write: bool,
        idempotent: bool,
        attempt: int,
        time_left_s: float | None,
        alternative: bool,
        rng: random.Random,
    ) -> Step:
        """Decide what follows a failed attempt.

        `attempt` counts the attempts made so far on this placement, from 1; `time_left_s` is None without a deadline;
        `alternative` says that another placement may do the same work.
        """
        if time_left_s is not None and time_left_s <= 0.0:
            return _GIVE_UP
        if write and not (idempotent or classification.outcome in _LEFT_NOTHING):
            return _GIVE_UP
        if _asks_nobody_again(classification, write=write):
            return _GIVE_UP
        if alternative and _asks_another_first(classification):
            return _FAILOVER
        if self._may_repeat(classification, attempt):
            delay_s = self._delay_s(classification, attempt, rng)
            if time_left_s is None or delay_s < time_left_s:
                return Step("retry", delay_s)
        return _FAILOVER if alternative else _GIVE_UP

    def _may_repeat(self, classification: ErrorClassification, attempt: int) -> bool:
        if classification.retry_strategy is RetryStrategy.NONE:
            return False
        # Routing again meets the same placements: only another one can help.
        return attempt < self.max_attempts and classification.code is not DatabaseErrorCode.ROUTING_FAILED

    def _delay_s(self, classification: ErrorClassification, attempt: int, rng: random.Random) -> float:
        if classification.retry_strategy is not RetryStrategy.IMMEDIATE:
            # The exponent is bounded because a float is not: 2.0 ** 1024 overflows.
            return rng.uniform(0.0, min(self.cap_s, self.base_s * 2.0 ** min(attempt - 1, 64)))
        if classification.code is DatabaseErrorCode.DEADLOCK_DETECTED:
            return rng.uniform(0.0, self.base_s)
        return 0.0


def _asks_nobody_again(classification: ErrorClassification, *, write: bool) -> bool:
    """Tell whether neither this engine nor another may be asked again."""
    match classification.code:
        case DatabaseErrorCode.QUERY_TIMEOUT | DatabaseErrorCode.MEMORY_LIMIT_EXCEEDED:
            return write
        case _ if classification.retry_strategy is RetryStrategy.NONE:
            # An engine may forbid a repetition (a refused password) and still leave the way to another one open.
            return classification.category is not Category.ENGINE
        case _:
            return False


def _asks_another_first(classification: ErrorClassification) -> bool:
    """Tell whether another placement is to be preferred to a repetition."""
    if classification.retry_strategy in (RetryStrategy.CIRCUIT_BREAKER, RetryStrategy.NONE):
        return True
    return classification.code is DatabaseErrorCode.ROUTING_FAILED

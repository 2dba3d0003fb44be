"""The guard: one operation, run on the best placement that can answer, and on the next where the error's strategy
allows it.

A breaker per engine and operation keeps calls away from an engine that is ill; the retry policy of the error floor
decides by code and outcome whether to try again, to go to another placement, or to give up. Only the success path is
hot: a breaker look-up, the call, a note of the time.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

from polyroute.engines import Answer, Call
from polyroute.engines.binding import Bound
from polyroute.engines.contract import SchemaChanged
from polyroute.engines.execution import run
from polyroute.errors import (
    BreakerConfig,
    CircuitBreaker,
    DatabaseErrorClassifier,
    DatabaseErrorCode,
    PolyrouteError,
    RetryPolicy,
    Step,
    counts_against,
    make_error,
)
from polyroute.router.catalog import Placement

_CLASSIFIER = DatabaseErrorClassifier()


class Guarded(NamedTuple):
    """What came of a guarded operation: the answer, who gave it, how many calls it took, and how long the last one
    took.
    """

    answer: Answer
    placement: Placement
    attempts: int
    seconds: float


class Guard:
    """Runs operations under breakers and the retry policy; clock, sleep and randomness are injected."""

    def __init__(
        self,
        *,
        breaker: BreakerConfig = BreakerConfig(),
        retry: RetryPolicy = RetryPolicy(),
        clock: Callable[[], float] = time.perf_counter,
        sleep: Callable[[float], object] = time.sleep,
        rng: random.Random | None = None,
    ) -> None:
        self._config = breaker
        self._retry = retry
        self._clock = clock
        self._sleep = sleep
        self._rng = rng or random.Random()  # noqa: S311 - jitter, no secret
        self._breakers: dict[tuple[str, str], CircuitBreaker] = {}
        self._lock = threading.Lock()
        self.in_flight: Counter[str] = Counter()
        self.errors: Counter[tuple[str, str]] = Counter()

    def run(
        self, placements: Sequence[Placement], op: Bound, call: Call, *, write: bool, idempotent: bool = False
    ) -> Guarded:
        """Run a bound operation on the first placement that answers.

        Raises the last error when none does; it carries the engine that failed.
        """
        position = attempts = on_placement = 0
        while True:
            placement = placements[position]
            attempts += 1
            on_placement += 1
            try:
                answer, seconds = self._attempt(placement, op, call, write)
            except SchemaChanged:
                raise
            except PolyrouteError as exc:
                more = position + 1 < len(placements)
                # a key makes a replay safe only where the engine remembers it together with the write
                safe = idempotent and placement.engine.traits.idempotent_writes
                step = self._next(exc, call, on_placement, write=write, idempotent=safe, more=more)
                if step.kind == "give_up":
                    raise
                if step.kind == "failover":
                    position += 1
                    on_placement = 0
                elif step.delay_s:
                    self._sleep(step.delay_s)
            else:
                return Guarded(answer, placement, attempts, seconds)

    def breakers(self) -> dict[tuple[str, str], CircuitBreaker]:
        """Return the breakers by engine and operation, for health reports."""
        return dict(self._breakers)

    def _attempt(self, placement: Placement, op: Bound, call: Call, write: bool) -> tuple[Answer, float]:
        engine = placement.engine
        breaker = self._breakers.get((engine.id, op.name)) or self._new_breaker(engine.id, op.name)
        if not breaker.allow():
            raise make_error(
                DatabaseErrorCode.ENGINE_UNAVAILABLE,
                f"{engine.id} failed too often with {op.name} and is left alone for {breaker.retry_after_s:.1f} s more",
                engine=engine.id,
                hint="see health_report() for the errors; another placement would answer meanwhile",
            )
        self.in_flight[engine.id] += 1
        started = self._clock()
        try:
            if write:
                with engine.resource.writing():
                    answer = run(engine, op, call)
            else:
                answer = run(engine, op, call)
        except PolyrouteError as exc:
            breaker.record(not counts_against(exc.code), self._clock() - started)
            self.errors[engine.id, exc.code] += 1
            raise
        except BaseException:
            breaker.release()
            raise
        finally:
            self.in_flight[engine.id] -= 1
        seconds = self._clock() - started
        breaker.record(True, seconds)
        return answer, seconds

    def _next(
        self, exc: PolyrouteError, call: Call, attempt: int, *, write: bool, idempotent: bool, more: bool
    ) -> Step:
        if call.cancelled:
            return Step("give_up", 0.0)
        return self._retry.next_step(
            _CLASSIFIER.classify(exc),
            write=write,
            idempotent=idempotent,
            attempt=attempt,
            time_left_s=call.time_left_s(),
            alternative=more,
            rng=self._rng,
        )

    def _new_breaker(self, engine: str, operation: str) -> CircuitBreaker:
        with self._lock:
            return self._breakers.setdefault((engine, operation), CircuitBreaker(self._config))

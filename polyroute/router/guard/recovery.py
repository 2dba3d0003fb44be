"""After a failed attempt: try again, go to the next placement, or give up, as the retry policy and the budget allow.

Repeating a call on an engine costs a token of that engine's budget, and so does moving to a placement that fails
itself; moving to one that is well costs nothing, because it takes work from the failing engine and repeats none. A call
that the guard did not let out costs nothing either.

A failure carries the worst of what all attempts may have left behind: a write whose first reply was lost is not known
to be undone because its repetition was refused.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from polyroute.engines import Call
from polyroute.engines.binding import Bound
from polyroute.engines.contract import SchemaChanged
from polyroute.errors import DatabaseErrorClassifier, Outcome, PolyrouteError, RetryPolicy
from polyroute.router.catalog import Placement
from polyroute.router.guard.attempts import Attempts, Guarded
from polyroute.router.guard.ward import NotSent, Ward

_CLASSIFIER = DatabaseErrorClassifier()
_FROM_BEST_TO_WORST = (Outcome.NOT_EXECUTED, Outcome.ROLLED_BACK, Outcome.UNKNOWN, Outcome.COMMITTED)


class Recovery:
    """Goes on with one operation after its first attempt has failed.

    `idempotent` says that the write bears an idempotency key; that makes a replay safe only where the engine remembers
    the key together with the write.
    """

    def __init__(
        self,
        attempts: Attempts,
        policy: RetryPolicy,
        placements: Sequence[Placement],
        op: Bound,
        call: Call,
        *,
        write: bool,
        idempotent: bool,
        pause: Callable[[float, Call], None],
        rng: random.Random,
    ) -> None:
        self._attempts = attempts
        self._policy = policy
        self._wards = [attempts.ward(p.engine, op.name) for p in placements]
        self._placements = placements
        self._op = op
        self._call = call
        self._write = write
        self._idempotent = idempotent
        self._pause = pause
        self._rng = rng
        self._position = 0
        self._sent = 0
        self._sent_here = 0
        self._outcome = Outcome.NOT_EXECUTED
        self._answered: PolyrouteError | None = None

    def run(self, error: PolyrouteError) -> Guarded:
        """Go on until a placement answers; raise the last error that an engine gave when nothing is left to try."""
        while True:
            self._note(error)
            if not self._advance(error):
                raise self._final(error)
            try:
                answer, seconds = self._attempts.attempt(self._ward, self._op, self._call, self._write)
            except SchemaChanged:
                raise
            except PolyrouteError as exc:
                error = exc
            else:
                return Guarded(answer, self._placements[self._position], self._sent + 1, seconds)

    @property
    def _ward(self) -> Ward:
        return self._wards[self._position]

    def _note(self, error: PolyrouteError) -> None:
        if isinstance(error, NotSent):
            return
        self._sent += 1
        self._sent_here += 1
        self._answered = error
        self._outcome = max(self._outcome, error.outcome, key=_FROM_BEST_TO_WORST.index)

    def _advance(self, error: PolyrouteError) -> bool:
        """Make ready for the next attempt; false where there is to be none."""
        call = self._call
        if call.cancelled or call.expired:
            return False
        following = self._following()
        if isinstance(error, NotSent):
            return self._move(following)
        step = self._policy.next_step(
            _CLASSIFIER.classify(error),
            write=self._write,
            idempotent=self._idempotent and self._ward.engine.traits.idempotent_writes,
            attempt=self._sent_here,
            time_left_s=call.time_left_s(),
            alternative=following is not None,
            rng=self._rng,
        )
        if step.kind == "give_up":
            return False
        if step.kind == "retry" and self._ward.budget.withdraw():
            if step.delay_s:
                self._pause(step.delay_s, call)
            return not call.cancelled
        if following is None or not (self._wards[following].well or self._ward.budget.withdraw()):
            return False
        return self._move(following)

    def _following(self) -> int | None:
        """Find the next placement that would not refuse outright."""
        return next((i for i in range(self._position + 1, len(self._wards)) if self._wards[i].admits), None)

    def _move(self, position: int | None) -> bool:
        if position is None:
            return False
        self._position = position
        self._sent_here = 0
        return True

    def _final(self, error: PolyrouteError) -> PolyrouteError:
        """Return the error to raise: what an engine said tells more than that the next one was not asked."""
        final = self._answered or error
        final.outcome = max(self._outcome, final.outcome, key=_FROM_BEST_TO_WORST.index)
        return final

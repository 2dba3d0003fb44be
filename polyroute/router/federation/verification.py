"""The run-time check of pushdown: the same query with and without it, and a quarantine for a pushdown that changes
answers.

Two answers may also differ because somebody wrote in between. So a difference counts only when the versions of all that
was read are the same before and after, when it shows a second time, and when the plain form agrees with itself. Whoever
asked gets the plain answer whenever the two differ. The quarantine lasts as long as the connection: the planner asks
`blocks` before it pushes, and puts `epoch` into the key of its plans.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from polyroute.errors import DatabaseErrorCode, PolyrouteError
from polyroute.router.federation.sameness import same_answer

if TYPE_CHECKING:
    import pyarrow as pa


class Tabular(Protocol):
    """An answer that can be looked at as a table, such as QueryResult."""

    def to_arrow(self) -> pa.Table:
        """Return the answer as a table."""


A = TypeVar("A", bound=Tabular)

# what depends on the query and the data alone; a time-out or a lost engine says nothing about pushdown
_OF_THE_QUERY = frozenset({DatabaseErrorCode.QUERY_INVALID, DatabaseErrorCode.QUERY_EXECUTION_FAILED})


@dataclass(frozen=True, slots=True, order=True)
class Pushdown:
    """Something pushed into an engine: the kind of it (filter, limit, aggregate, ...), the dataset, and the fingerprint
    of the expression, without its values.
    """

    engine: str
    kind: str
    dataset: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A pushdown that is not done any more, and how the answers with and without it differed."""

    pushdown: Pushdown
    difference: str

    def __str__(self) -> str:
        pushed = self.pushdown
        return (
            f"{pushed.engine} answers otherwise with the {pushed.kind} of {pushed.dataset!r} pushed than without: "
            f"{self.difference}; it is not pushed any more ({pushed.fingerprint})"
        )


class Quarantine:
    """The pushdowns that were seen to change an answer; safe to share between threads.

    `signal` is told of each new one, once, outside the lock.

    >>> quarantine = Quarantine()
    >>> quarantine.add([Pushdown("rel", "filter", "airports", "city < ?")], "there are 3 rows and 2")
    >>> quarantine.blocks("rel", "filter", "airports", "city < ?"), quarantine.epoch
    (True, 1)
    """

    def __init__(self, signal: Callable[[Quarantined], object] | None = None) -> None:
        self._held: dict[Pushdown, Quarantined] = {}
        self._signal = signal
        self._lock = threading.Lock()

    @property
    def epoch(self) -> int:
        """A number that grows with every new pushdown held, for keys of plans."""
        return len(self._held)

    def blocks(self, engine: str, kind: str, dataset: str, fingerprint: str) -> bool:
        """Tell whether something must not be pushed."""
        return bool(self._held) and Pushdown(engine, kind, dataset, fingerprint) in self._held

    def add(self, pushdowns: Iterable[Pushdown], difference: str) -> None:
        """Hold pushdowns from now on."""
        with self._lock:
            fresh = [Quarantined(p, difference) for p in dict.fromkeys(pushdowns) if p not in self._held]
            # a new dict, so that readers need no lock
            self._held = {**self._held, **{q.pushdown: q for q in fresh}}
        if self._signal is not None:
            for quarantined in fresh:
                self._signal(quarantined)

    def report(self) -> list[Quarantined]:
        """Return what is held, in the order in which it was found."""
        return list(self._held.values())


@dataclass(frozen=True, slots=True)
class Verified(Generic[A]):
    """The answer to give out, and what the check found.

    `difference` is None where both ways agree; `quarantined` are the pushdowns held from now on. `inconclusive` says
    why nothing could be concluded, which is None where something was.
    """

    answer: A
    difference: str | None = None
    quarantined: tuple[Pushdown, ...] = ()
    inconclusive: str | None = None


def verify(
    run_pushed: Callable[[], A],
    run_plain: Callable[[], A],
    versions: Callable[[], Mapping[str, object]],
    pushdowns: Sequence[Pushdown],
    quarantine: Quarantine,
    *,
    ordered: bool = False,
    order_by: Sequence[int] = (),
    without: Callable[[Pushdown], A] | None = None,
    required: bool = True,
) -> Verified[A]:
    """Run a query with and without pushdown, and hold the pushdowns that change its answer.

    `versions` gives a token for everything the query reads, which differs after every change; one that an engine cannot
    tell counts as unchanged. `pushdowns` are those of the plan, `without` runs it without one of them, which finds out
    the guilty ones; else all are held. `ordered` and `order_by` are those of `same_answer`. When the check is not
    `required`, as for a sample of queries, a plain run that fails leaves the pushed answer standing.

    The query must have one right answer: an unordered LIMIT or a volatile function differs without any fault. Raises
    what the plain form raises, and what the pushed one raises unless the query itself is at fault.
    """
    comparing = _Comparing(ordered, tuple(order_by))
    before = versions()
    pushed = _attempted(run_pushed)
    try:
        plain = run_plain()
    except PolyrouteError as exc:
        if required or isinstance(pushed, PolyrouteError):
            raise
        return Verified(pushed, inconclusive=f"the plain form failed with {exc.code}")
    difference = comparing.told(pushed, plain)
    if difference is None:
        return Verified(plain if isinstance(pushed, PolyrouteError) else pushed)
    if versions() != before:
        return Verified(plain, difference, inconclusive="the data changed meanwhile")
    reason = _not_repeated(run_pushed, run_plain, plain, comparing)
    if reason is None and versions() != before:
        reason = "the data changed meanwhile"
    if reason is not None:
        return Verified(plain, difference, inconclusive=reason)
    guilty = _guilty(pushdowns, plain, comparing, without)
    if versions() != before:
        return Verified(plain, difference, inconclusive="the data changed meanwhile")
    quarantine.add(guilty, difference)
    return Verified(plain, difference, guilty)


@dataclass(frozen=True, slots=True)
class _Comparing:
    ordered: bool
    order_by: tuple[int, ...]

    def told(self, pushed: Tabular | PolyrouteError, plain: Tabular) -> str | None:
        """Return how an attempt differs from the plain answer, or None."""
        if isinstance(pushed, PolyrouteError):
            return f"pushed, it fails with {pushed.code}"
        return same_answer(pushed.to_arrow(), plain.to_arrow(), self.ordered, order_by=self.order_by)


def _attempted(run: Callable[[], A]) -> A | PolyrouteError:
    """Run a pushed form; an error that comes of the query is an answer to compare."""
    try:
        return run()
    except PolyrouteError as exc:
        if exc.code not in _OF_THE_QUERY:
            raise
        return exc


def _not_repeated(
    run_pushed: Callable[[], A], run_plain: Callable[[], A], plain: A, comparing: _Comparing
) -> str | None:
    """Return why a difference cannot be held against pushdown after a second run of both, or None when it can."""
    try:
        pushed_again = _attempted(run_pushed)
        plain_again = run_plain()
    except PolyrouteError as exc:
        return f"the second run failed with {exc.code}"
    if comparing.told(plain_again, plain) is not None:
        return "the plain form differs from itself"
    if comparing.told(pushed_again, plain_again) is None:
        return "the difference did not show again"
    return None


def _guilty(
    pushdowns: Sequence[Pushdown], plain: A, comparing: _Comparing, without: Callable[[Pushdown], A] | None
) -> tuple[Pushdown, ...]:
    """Return the pushdowns without any one of which the answer is right, or all when no single one is to blame."""
    if without is None or len(pushdowns) < 2:
        return tuple(pushdowns)
    found = []
    for pushdown in pushdowns:
        try:
            answer = _attempted(partial(without, pushdown))
        except PolyrouteError:
            return tuple(pushdowns)
        if comparing.told(answer, plain) is None:
            found.append(pushdown)
    return tuple(found or pushdowns)

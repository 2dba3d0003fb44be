"""One call of an engine: its deadline, its cancellation, its key.

There is one mechanism for a time limit, Ctrl-C, a cancelled coroutine and a lost race: `Call.cancel`. An engine with a
cancel of its own wraps long work in `with call.on_cancel(stop):`; one that loops in Python polls `call.check()`. A
single watchdog thread fires the stops of calls whose deadline has passed, so a call that has none costs nothing, and no
query hops to another thread.
"""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import TracebackType

from polyroute.errors import DatabaseErrorCode, PolyrouteError, make_error

_REPEAT_S = 0.01
_SWEEP_AT = 1024
_LONGEST_S = threading.TIMEOUT_MAX / 2


class Call:
    """The context that an engine gets with an operation.

    `deadline` is a value of `time.monotonic()`, or None; `idempotency_key` is committed together with the write it
    belongs to.

    >>> call = Call(timeout_s=60)
    >>> call.check(), call.time_left_s() > 59
    (None, True)
    """

    __slots__ = ("_cancelled", "_stops", "deadline", "idempotency_key", "timeout_s")

    def __init__(self, *, timeout_s: float | None = None, idempotency_key: str | None = None) -> None:
        self.timeout_s = timeout_s
        # a limit of centuries is none: threads cannot wait for longer than this
        self.deadline = None if timeout_s is None or timeout_s > _LONGEST_S else time.monotonic() + timeout_s
        self.idempotency_key = idempotency_key
        self._cancelled = False
        self._stops: list[_Stop] = []

    @property
    def cancelled(self) -> bool:
        """Whether somebody gave the call up."""
        return self._cancelled

    @property
    def expired(self) -> bool:
        """Whether the deadline has passed."""
        return self.deadline is not None and time.monotonic() >= self.deadline

    def time_left_s(self) -> float | None:
        """Return the seconds until the deadline, at least 0, or None without one."""
        return None if self.deadline is None else max(0.0, self.deadline - time.monotonic())

    def check(self) -> None:
        """Raise QUERY_TIMEOUT when the deadline has passed or the call was cancelled."""
        if self._cancelled or self.expired:
            raise self.stopped()

    def stopped(self) -> PolyrouteError:
        """Return the error that tells why the call was stopped."""
        if self._cancelled:
            return make_error(
                DatabaseErrorCode.QUERY_TIMEOUT, "the query was cancelled", hint="run it again if it was not meant"
            )
        return make_error(
            DatabaseErrorCode.QUERY_TIMEOUT,
            f"the query took longer than timeout_s={self.timeout_s:g}",
            hint="give it more time, or narrow it",
        )

    def on_cancel(self, stop: Callable[[], object]) -> _Stop:
        """Return a context in which `stop`, callable from any thread, is called when the call is cancelled or late."""
        return _Stop(self, stop)

    def cancel(self) -> None:
        """Give the call up: the engine's work is stopped as soon as it can be."""
        self._cancelled = True
        for stop in list(self._stops):
            _WATCHDOG.watch(stop, time.monotonic())


class _Stop:
    """A stop that may fire only while its block runs: leaving the block and firing exclude one another."""

    __slots__ = ("_active", "_call", "_lock", "_stop")

    def __init__(self, call: Call, stop: Callable[[], object]) -> None:
        self._call = call
        self._stop = stop
        self._lock = threading.Lock()
        self._active = False

    def __enter__(self) -> None:
        self._call.check()
        self._active = True
        self._call._stops.append(self)
        if self._call.deadline is not None:
            _WATCHDOG.watch(self, self._call.deadline)
        elif self._call.cancelled:
            _WATCHDOG.watch(self, time.monotonic())

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._active = False
            # the watchdog may keep this object for long, but must not keep a connection alive with it
            self._stop = _ended
        self._call._stops.remove(self)

    @property
    def active(self) -> bool:
        """Whether the block still runs."""
        return self._active

    def fire(self) -> bool:
        """Call the stop if the block still runs; tell whether it does."""
        with self._lock:
            if self._active:
                self._stop()
            return self._active


class _Later(_Stop):
    """Something to do while a block still runs after a while."""

    __slots__ = ("_delay_s",)

    def __init__(self, delay_s: float, action: Callable[[], object]) -> None:
        super().__init__(Call(), action)
        self._delay_s = delay_s

    def __enter__(self) -> None:
        super().__enter__()
        _WATCHDOG.watch(self, time.monotonic() + self._delay_s)


def later(delay_s: float, action: Callable[[], object]) -> AbstractContextManager[None]:
    """Return a context in which `action` is called, by the watchdog, if its block still runs after `delay_s`.

    It is called again and again until the block ends, and must be quick. No thread is made for it.

    >>> done = threading.Event()
    >>> with later(0.0, done.set):
    ...     done.wait()
    True
    """
    return _Later(delay_s, action)


def _ended() -> None:
    """Stop nothing: the block has ended."""


class _Watchdog:
    """The one thread that fires stops in time.

    An engine may miss an interrupt that comes just before its work, so it fires again until the block ends.
    """

    def __init__(self) -> None:
        self._due: list[tuple[float, int, _Stop]] = []
        self._wake = threading.Condition()
        self._order = itertools.count()
        self._thread: threading.Thread | None = None
        self._sweep_at = _SWEEP_AT

    def watch(self, stop: _Stop, when: float) -> None:
        with self._wake:
            if len(self._due) >= self._sweep_at:
                self._sweep()
            heapq.heappush(self._due, (when, next(self._order), stop))
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="polyroute-watchdog", daemon=True)
                self._thread.start()
            elif self._due[0][2] is stop:
                self._wake.notify()

    def _sweep(self) -> None:
        """Forget the stops of calls that ended long before their deadline."""
        self._due = [entry for entry in self._due if entry[2].active]
        heapq.heapify(self._due)
        self._sweep_at = max(_SWEEP_AT, 2 * len(self._due))

    def _run(self) -> None:
        while True:
            with self._wake:
                while not self._due or self._due[0][0] > time.monotonic():
                    self._wake.wait(self._due[0][0] - time.monotonic() if self._due else None)
                stop = heapq.heappop(self._due)[2]
            if stop.fire():
                self.watch(stop, time.monotonic() + _REPEAT_S)


class _Unbounded(Call):
    """The call without deadline, key or cancellation: one shared instance, because a point read should not pay for what
    it does not use.
    """

    __slots__ = ()

    def check(self) -> None:
        """Do nothing: there is no deadline."""

    def on_cancel(self, stop: Callable[[], object]) -> _Stop:
        """Return a context that does nothing."""
        return _NOTHING

    def cancel(self) -> None:
        """Refuse: the instance is shared."""
        raise RuntimeError("the shared unbounded call cannot be cancelled")


class _Nothing(_Stop):
    __slots__ = ()

    def __init__(self) -> None:
        pass

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass


_WATCHDOG = _Watchdog()
_NOTHING = _Nothing()
UNBOUNDED = _Unbounded()

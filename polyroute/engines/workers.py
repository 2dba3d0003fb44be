"""Run a call on a worker thread when its engine cannot be stopped and the caller has a deadline.

The caller returns in time; the orphan goes on and holds its place among a bounded number of workers until it ends, so
orphans count as load and cannot pile up. Engines that can be cancelled never come here: a thread hop costs more than a
point read.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextvars import copy_context
from typing import Generic, TypeVar

from polyroute.engines.call import Call
from polyroute.errors import DatabaseErrorCode, Outcome, make_error

T = TypeVar("T")

MAX_WORKERS = 16
_PLACES = threading.BoundedSemaphore(MAX_WORKERS)


class _Job(Generic[T]):
    def __init__(self, work: Callable[[], T]) -> None:
        self._work = work
        self._done = threading.Event()
        self._value: list[T] = []
        self._error: BaseException | None = None

    def run(self) -> None:
        try:
            self._value.append(self._work())
        except BaseException as exc:  # noqa: BLE001 - handed to the caller's thread
            self._error = exc
        finally:
            _PLACES.release()
            self._done.set()

    def wait(self, call: Call, left_behind: Outcome) -> T:
        with call.on_cancel(self._done.set):
            self._done.wait()
        if self._error is not None:
            raise self._error
        if not self._value:
            stopped = call.stopped()
            stopped.outcome = left_behind
            raise stopped
        return self._value[0]


def run_bounded(work: Callable[[], T], call: Call, *, left_behind: Outcome = Outcome.NOT_EXECUTED) -> T:
    """Run `work` on a worker and wait until it is done or the call is stopped.

    Raises QUERY_TIMEOUT when the call is stopped first, with `left_behind` as its outcome, and ENGINE_OVERLOADED when
    every worker is held by work that nobody waits for any more.
    """
    if not _PLACES.acquire(timeout=call.time_left_s()):
        raise make_error(
            DatabaseErrorCode.ENGINE_OVERLOADED,
            f"all {MAX_WORKERS} workers are busy with calls that cannot be stopped",
            hint="wait until they end, or ask with a longer timeout_s",
        )
    job = _Job(work)
    # the context tells which datasets a write changes
    threading.Thread(target=copy_context().run, args=(job.run,), name="polyroute-worker", daemon=True).start()
    return job.wait(call, left_behind)

"""How a cancelled coroutine reaches the call that runs for it in another thread.

The asynchronous coordinator puts a token into the context of the worker thread; every call made there is attached to
it, so cancelling the token stops whatever engine is at work just then.
"""

from __future__ import annotations

import threading
from contextvars import ContextVar

from polyroute.arguments import check_seconds
from polyroute.engines import UNBOUNDED, Call
from polyroute.query import Requirements


class CancelToken:
    """Cancels the calls attached to it, those that come later included."""

    def __init__(self) -> None:
        self._calls: list[Call] = []
        self._cancelled = False
        self._lock = threading.Lock()

    def attach(self, call: Call) -> None:
        """Bind a call's life to the token."""
        with self._lock:
            self._calls.append(call)
            cancelled = self._cancelled
        if cancelled:
            call.cancel()

    def cancel(self) -> None:
        """Cancel all calls of the token."""
        with self._lock:
            self._cancelled = True
            calls = list(self._calls)
        for call in calls:
            call.cancel()


CURRENT: ContextVar[CancelToken | None] = ContextVar("polyroute_cancel_token", default=None)


def new_call(requirements: Requirements, timeout_s: float | None) -> Call:
    """Return the call for one query; the shared unbounded one where nothing limits it."""
    token = CURRENT.get()
    if timeout_s is None:
        timeout_s = requirements.timeout_s
    else:
        check_seconds("timeout_s", timeout_s)
    if token is None and timeout_s is None and requirements.idempotency_key is None:
        return UNBOUNDED
    call = Call(timeout_s=timeout_s, idempotency_key=requirements.idempotency_key)
    if token is not None:
        token.attach(call)
    return call

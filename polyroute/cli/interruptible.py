"""Let Ctrl-C stop a statement at once, whichever engine runs it.

Python looks at signals only between its own instructions, and DuckDB does not look at all while it works on the main
thread. So the statement runs on a thread of its own, under a token that cancels every call it makes, and the main
thread waits where a signal can reach it.
"""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

_LOOK_EVERY_S = 0.2
_STOP_WITHIN_S = 10.0


def interruptible(work: Callable[[], T]) -> T:
    """Run some work and return what it returns, or raise what it raises; KeyboardInterrupt stops the engines first."""
    from polyroute.router.cancellation import CURRENT, CancelToken

    token = CancelToken()
    context = contextvars.copy_context()
    context.run(CURRENT.set, token)
    done = threading.Event()
    values: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            values.append(context.run(work))
        except BaseException as exc:  # noqa: BLE001 - raised again on the main thread
            errors.append(exc)
        finally:
            done.set()

    threading.Thread(target=run, name="polyroute-statement", daemon=True).start()
    try:
        while not done.wait(_LOOK_EVERY_S):
            pass
    except KeyboardInterrupt:
        token.cancel()
        done.wait(_STOP_WITHIN_S)
        raise
    if errors:
        raise errors[0]
    return values[0]

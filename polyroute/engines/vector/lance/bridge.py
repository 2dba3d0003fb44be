"""Call LanceDB's asynchronous functions from any thread, and stop them with the call.

LanceDB runs one event loop in a thread of its own; its synchronous functions wait for it and cannot be stopped. Waiting
here instead lets a deadline cancel the coroutine, which drops the work in Lance's core too: an index being built stops
within a moment, a write that has not committed never does.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import CancelledError
from concurrent.futures import TimeoutError as WaitTimeout
from typing import Any, TypeVar

from lancedb.background_loop import LOOP

from polyroute.engines.call import UNBOUNDED, Call

# Lance warns at every tidying of an index until one says which statistics it shall gather; these are the coming ones
os.environ.setdefault("LANCE_INCLUDE_VECTOR_CENTROIDS", "false")

T = TypeVar("T")

_TICK_S = 0.5


def run(work: Coroutine[Any, Any, T], call: Call = UNBOUNDED, *, tick: Callable[[], object] | None = None) -> T:
    """Wait for a coroutine of LanceDB; `tick` is called twice a second meanwhile.

    Raises QUERY_TIMEOUT when the call is stopped, and what the coroutine raises.
    """
    future = asyncio.run_coroutine_threadsafe(work, LOOP.loop)
    try:
        with call.on_cancel(future.cancel):
            while True:
                try:
                    return future.result(_TICK_S if tick else None)
                except WaitTimeout:
                    if tick is None or future.done():
                        raise
                    tick()
    except CancelledError:
        raise call.stopped() from None
    except BaseException:
        future.cancel()
        raise


def iterate(stream: AsyncIterator[T], call: Call = UNBOUNDED) -> Iterator[T]:
    """Give the items of an asynchronous iterator one by one."""

    async def following() -> tuple[T] | None:
        try:
            return (await anext(stream),)
        except StopAsyncIteration:
            return None

    while (item := run(following(), call)) is not None:
        yield item[0]

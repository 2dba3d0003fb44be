"""One load per key: while an answer is computed, others who ask the same wait for it instead of computing it too."""

from __future__ import annotations

import threading
from typing import TypeAlias

from polyroute.engines.call import Call
from polyroute.optimizer.cache.answers import KeptAnswer
from polyroute.optimizer.cache.versions import Versions

Place: TypeAlias = "tuple[str, Versions]"


class Flight:
    """One load in progress, led by the thread that made it.

    Who asks while it flies may share its answer only if the versions have not moved since it began; that is why it is
    found by key and versions.
    """

    __slots__ = ("_changed", "_landed", "answer", "leader", "place", "waiting")

    def __init__(self, place: Place) -> None:
        self.place = place
        self.leader = threading.get_ident()
        self.waiting = 0
        self.answer: KeptAnswer | None = None
        self._landed = False
        self._changed = threading.Condition()

    def land(self, answer: KeptAnswer | None) -> None:
        """End the flight with its answer, or with None when it failed: those who wait then try themselves."""
        with self._changed:
            self.answer = answer
            self._landed = True
            self._changed.notify_all()

    def wait(self, call: Call) -> KeptAnswer | None:
        """Return the answer when it is there, None when there will be none.

        Raises QUERY_TIMEOUT when the waiting call is late or cancelled; the flight goes on.
        """
        with call.on_cancel(self._wake), self._changed:
            self._changed.wait_for(lambda: self._landed or call.cancelled or call.expired)
        if not self._landed:
            call.check()
        return self.answer

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()

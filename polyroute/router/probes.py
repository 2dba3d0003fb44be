"""Probes in the background: every engine is asked for a sign of life now and then, and the thresholds are checked.

Queries know nothing of it. Without a setting there are no probes; with one there is a single thread, which ends with
the connection.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

from polyroute.engines import Engine
from polyroute.monitoring import Monitor
from polyroute.router.health import ping


class Prober:
    """Looks at the engines of one connection; what it finds wrong is signalled.

    >>> prober = Prober(lambda: {}, Monitor(), every_s=60.0)
    >>> prober.look()
    >>> prober.unanswered
    frozenset()
    """

    def __init__(self, engines: Callable[[], Mapping[str, Engine]], monitor: Monitor, *, every_s: float) -> None:
        self._engines = engines
        self._monitor = monitor
        self._every_s = every_s
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self.unanswered: frozenset[str] = frozenset()

    def start(self) -> None:
        """Look every so many seconds from now on."""
        self._thread = threading.Thread(target=self._run, name="polyroute-prober", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Look no more; return when the look that is under way has ended."""
        self._stopped.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def look(self) -> None:
        """Ask every engine once, and check the thresholds."""
        silent = set()
        for engine_id, engine in self._engines().items():
            if self._stopped.is_set():
                return
            error = ping(engine)[1]
            if error is not None:
                silent.add(engine_id)
                self._monitor.tell_degraded(engine_id, f"{engine_id} does not answer: {error.code}")
        self.unanswered = frozenset(silent)
        self._monitor.check_when_due()

    def _run(self) -> None:
        while not self._stopped.wait(self._every_s):
            self.look()

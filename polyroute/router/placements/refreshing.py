"""Keep replicas up to date in the background: one thread, off the way of queries, which ends with the connection.

What is due is decided by the policy of each replica: `on_write` when its primary is seen to have changed, by whomever;
a time such as `5m` when that time is over and the primary has changed. The thread wakes after a write through the
connection and looks at the stores of others once a second, if there is anything to look at. A refresh that fails is
noted at the replica, which is not read until one succeeds, and tried again after a growing pause.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from polyroute.engines import Call
from polyroute.errors import PolyrouteError
from polyroute.router.placements.copies import state_of
from polyroute.router.placements.copying import copy_dataset

if TYPE_CHECKING:
    from polyroute.engines.loading.loader import LoadReport
    from polyroute.router.catalog import Catalog, Placement

LOOK_EVERY_S = 1.0
_FIRST_PAUSE_S = 5.0
_LONGEST_PAUSE_S = 300.0


class Refresher:
    """Refreshes the replicas of one catalog; `refresh_due` is what its thread does, and may be called by anybody."""

    def __init__(self, catalog: Catalog, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._catalog = catalog
        self._clock = clock
        self._turn = threading.Lock()
        self._wake = threading.Condition()
        self._woken = False
        self._stopped = False
        self._call: Call | None = None
        self._thread: threading.Thread | None = None
        self._refreshed: dict[tuple[str, str], float] = {}

    def start(self) -> None:
        """Begin to look after replicas, if there are any that want it; a second time is harmless."""
        with self._wake:
            wanted = any(p.copy is not None and p.copy.policy.automatic for _, p in self._catalog.copies())
            if self._thread is None and wanted and not self._stopped:
                self._thread = threading.Thread(target=self._run, name="polyroute-refresher", daemon=True)
                self._thread.start()

    def wake(self) -> None:
        """Look soon: a primary was written."""
        if self._thread is not None:
            with self._wake:
                self._woken = True
                self._wake.notify_all()

    def stop(self) -> None:
        """Look no more, give up a copy that is being made, and return when the thread has ended."""
        with self._wake:
            self._stopped = True
            self._wake.notify_all()
            call = self._call
        if call is not None:
            call.cancel()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def refresh_due(self) -> list[LoadReport]:
        """Refresh every replica that is due now, and return what was done; failures are noted at the replica."""
        reports = []
        for name, placement in self._catalog.copies():
            if self._stopped:
                break
            if self._is_due(name, placement):
                try:
                    reports += self.refresh(name, placement, Call())
                except Exception:  # noqa: BLE001, S110 - noted at the replica, for the health report
                    pass
        return reports

    def refresh(
        self, name: str, placement: Placement, call: Call, *, show_progress: bool | None = False
    ) -> list[LoadReport]:
        """Copy the primary into one replica unless that is current; raises what the engines raise."""
        copy, primary = placement.copy, placement.source
        if copy is None or primary is None:
            return []
        with self._turn:
            if not self._catalog.is_behind(name, placement.engine.id):
                return []
            self._call = call
            try:
                report, state = copy_dataset(name, primary, placement.engine, call, show_progress=show_progress)
                self._catalog.record_copy(name, placement.engine.id, copy.policy, state)
            except Exception as exc:
                copy.error = str(exc.code) if isinstance(exc, PolyrouteError) else type(exc).__name__
                copy.failures += 1
                pause_s = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2 ** min(copy.failures - 1, 10))
                copy.retry_at = self._clock() + pause_s
                raise
            finally:
                self._call = None
                self._refreshed[name, placement.engine.id] = self._clock()
        return [report]

    def _is_due(self, name: str, placement: Placement) -> bool:
        copy = placement.copy
        if copy is None or not copy.policy.automatic:
            return False
        now = self._clock()
        if copy.failures and now < copy.retry_at:
            return False
        every_s = copy.policy.every_s
        last = self._refreshed.setdefault((name, placement.engine.id), now) if every_s is not None else now
        if every_s is not None and not copy.failures and now - last < every_s:
            return False
        return self._catalog.is_behind(name, placement.engine.id) and _is_still(name, placement)

    def _run(self) -> None:
        while True:
            with self._wake:
                if not self._woken and not self._stopped:
                    self._wake.wait(LOOK_EVERY_S)
                self._woken = False
                if self._stopped:
                    return
            self.refresh_due()


def _is_still(name: str, placement: Placement) -> bool:
    """Tell whether the primary is in a state that can be copied; one that is being written is not, for a moment."""
    if placement.source is None:
        return False
    try:
        return state_of(placement.source, name) is not None
    except Exception:  # noqa: BLE001 - the copy will fail and tell why
        return True

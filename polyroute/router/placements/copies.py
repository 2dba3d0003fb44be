"""What is known of one replica: which state of the primary it holds, since when, and whether that is still the state.

A state joins what other programs did to a dataset (`Engine.foreign_version`) with what this process did to it
(`Resource.changes_of`). It is taken before the primary is read for a copy, so a copy may be newer than its state says,
never older. States mean nothing to another process: when a connection is closed, the footprint of the primary's file is
kept instead, and a copy is believed again only if the footprint is still the same at the next start.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from polyroute.engines import Engine
from polyroute.router.placements.policy import MANUAL, RefreshPolicy


class Lag(NamedTuple):
    """Why a copy may not stand for its primary, and whether it may for a caller who takes an older state."""

    reason: str
    tolerable: bool = False


class State(NamedTuple):
    """One state of a dataset in one engine, as long as its store is open."""

    store: int
    foreign: object | None
    changes: int


def state_of(engine: Engine, dataset: str) -> State | None:
    """Return the state of a dataset now, or None while it is written or cannot be told.

    Raises whatever an engine raises that does not answer.
    """
    changes = engine.resource.changes_of(None if engine.entangled(dataset) else dataset)
    if changes is None:
        return None
    foreign = engine.foreign_version(dataset)
    if foreign is None and type(engine).data_version is not Engine.data_version:
        return None
    return State(engine.resource.opened, foreign, changes)


def lasting_state(engine: Engine, dataset: str) -> Callable[[], str | None]:
    """Return what tells the state of a dataset to a later process, as a function that may be called after the engine
    was closed; it returns None where nothing can tell.

    A file is told by its footprint once nobody has it open; the versions of a folder are part of it, and are asked for
    while it is open.
    """
    try:
        resource = engine.resource
        if not resource.path.is_dir():
            return resource.footprint
        version = engine.data_version(dataset)
    except Exception:  # noqa: BLE001 - what cannot be told is not believed later
        return lambda: None
    return lambda: None if version is None else repr(version)


@dataclass(slots=True)
class Copy:
    """One replica of a dataset; the catalog keeps it.

    `source` is the state of the primary that it holds and `held` its own state since (None: not known); `lasting` are
    both for a later process. `copied_at` is in seconds since the epoch, `seen_current` the monotonic time at which the
    copy was last known to equal its primary. `error` tells why the last refresh failed.
    """

    policy: RefreshPolicy = field(default_factory=lambda: MANUAL)
    source: State | None = None
    held: State | None = None
    lasting: tuple[str, str] | None = None
    copied_at: float | None = None
    seen_current: float | None = None
    error: str | None = None
    failures: int = 0
    retry_at: float = 0.0

    def filled(self, source: State | None, held: State | None) -> None:
        """Note that the copy was made, of the primary in a state taken before it was read."""
        self.source = source
        self.held = held
        self.lasting = None
        self.copied_at = time.time()
        self.seen_current = time.monotonic()
        self.error = None
        self.failures = 0

    def behind(self, name: str, primary: Engine, own: Engine) -> Lag | None:
        """Tell why the copy may not stand for its primary now, or None when it holds the same.

        While the primary does not answer, the copy stands for it if it was current when that was last asked.
        """
        if self.error is not None:
            return Lag(f"its refresh failed ({self.error})")
        if self.source is None or self.held is None:
            return Lag("nobody knows whether its primary has changed since it was copied")
        try:
            if state_of(own, name) != self.held:
                return Lag("it was written past its primary")
        except Exception:  # noqa: BLE001 - a copy that does not answer is not read
            return Lag("it does not answer")
        try:
            state = state_of(primary, name)
        except Exception:  # noqa: BLE001 - nobody can write through a primary that is gone; its last state counts
            return None
        if state != self.source:
            return Lag("its copy is older than the primary", tolerable=True)
        self.seen_current = time.monotonic()
        return None

    def age_s(self) -> float | None:
        """Return the seconds since the copy was last known to equal its primary, or None when that is not known."""
        if self.seen_current is not None:
            return time.monotonic() - self.seen_current
        return None if self.copied_at is None else max(0.0, time.time() - self.copied_at)

    def trusted_again(self, name: str, primary: Engine, own: Engine) -> None:
        """Believe the copy again after a start, if both stores are as they were left."""
        if self.source is not None or self.lasting is None:
            return
        if self.lasting == (lasting_state(primary, name)(), lasting_state(own, name)()):
            try:
                self.source, self.held = state_of(primary, name), state_of(own, name)
            except Exception:  # noqa: BLE001 - not believed, then
                return
            self.lasting = None
            self.seen_current = time.monotonic()

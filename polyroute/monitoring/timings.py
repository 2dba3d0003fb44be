"""How long the calls of one operation of one engine took, in slots of ten seconds.

An observation appends one tuple to a buffer; the sketches are filled when the buffer is full or somebody looks. Slots
older than a quarter of an hour are merged into one, so figures since the start are kept for ever in little room.
"""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from polyroute.monitoring.sketch import QuantileSketch

__all__ = ["KEPT_S", "SLOT_S", "Sums", "Timings"]

SLOT_S = 10.0
_SLOTS = 90
KEPT_S = SLOT_S * _SLOTS
_BUFFERED = 256


@dataclass(slots=True)
class Sums:
    """What happened in some span of time: seconds of answered calls, failed calls, and seconds at work in both."""

    answered: QuantileSketch = field(default_factory=QuantileSketch)
    failed: int = 0
    failed_s: float = 0.0

    @property
    def calls(self) -> int:
        """All calls, answered or failed."""
        return self.answered.count + self.failed

    @property
    def busy_s(self) -> float:
        """The seconds that calls were at work, one after the other."""
        return self.answered.total + self.failed_s

    def merge(self, other: Sums) -> None:
        """Add what happened in another span."""
        self.answered.merge(other.answered)
        self.failed += other.failed
        self.failed_s += other.failed_s


class Timings:
    """Observe the calls of one operation of one engine.

    `limit_s` is the latency from which a call is told to `exceeded`; `checked` is called each time the buffer was
    emptied by an observation, for whoever wants to look at the figures now and then.

    >>> timings = Timings()
    >>> timings.observe(ended=5.0, seconds=0.25)
    >>> timings.fail(ended=12.0, seconds=0.5)
    >>> since = timings.sums(now=12.0)
    >>> since.calls, since.failed, since.busy_s
    (2, 1, 0.75)
    >>> timings.sums(now=12.0, window_s=2.0).calls
    1
    """

    __slots__ = ("__weakref__", "_before", "_buffer", "_checked", "_exceeded", "_limit_s", "_lock", "_slots")

    def __init__(
        self,
        *,
        limit_s: float = math.inf,
        exceeded: Callable[[float], object] = lambda seconds: None,
        checked: Callable[[], object] = lambda: None,
    ) -> None:
        self._buffer: deque[tuple[float, float]] = deque()
        self._slots: dict[int, Sums] = {}
        self._before = Sums()
        self._lock = threading.Lock()
        self._limit_s = limit_s
        self._exceeded = exceeded
        self._checked = checked

    def observe(self, ended: float, seconds: float) -> None:
        """Note a call that was answered."""
        self._buffer.append((ended, seconds))
        if seconds >= self._limit_s:
            self._exceeded(seconds)
        if len(self._buffer) >= _BUFFERED:
            with self._lock:
                self._empty()
            self._checked()

    def fail(self, ended: float, seconds: float) -> None:
        """Note a call that failed."""
        with self._lock:
            sums = self._slot(ended)
            sums.failed += 1
            sums.failed_s += seconds

    def sums(self, *, now: float, window_s: float | None = None) -> Sums:
        """Add up the last `window_s` seconds, rounded up to whole slots, or everything since the start."""
        earlier, recent = self.split(now=now, window_s=math.inf if window_s is None else window_s)
        if window_s is None:
            recent.merge(earlier)
        return recent

    def split(self, *, now: float, window_s: float) -> tuple[Sums, Sums]:
        """Add up what was before the last `window_s` seconds, and those."""
        earlier, recent = Sums(), Sums()
        first = (now - window_s) // SLOT_S
        with self._lock:
            self._empty()
            earlier.merge(self._before)
            for number, sums in self._slots.items():
                (recent if number >= first else earlier).merge(sums)
        return earlier, recent

    def _empty(self) -> None:
        buffer = self._buffer
        for _ in range(len(buffer)):
            ended, seconds = buffer.popleft()
            self._slot(ended).answered.add(seconds)

    def _slot(self, ended: float) -> Sums:
        number = int(ended // SLOT_S)
        sums = self._slots.get(number)
        if sums is None:
            sums = self._slots[number] = Sums()
            for old in sorted(self._slots)[:-_SLOTS]:
                self._before.merge(self._slots.pop(old))
        return sums

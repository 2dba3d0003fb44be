"""Which entry goes when the cache is full: greedy dual size frequency.

An entry is worth what it saves per byte: the seconds its answer took, times the uses seen, over its size. The worth is
counted from a floor that rises to the worth of whatever was thrown out last, so that an entry nobody asks for any more
is passed by newer ones. (Cherkasova, "Improving WWW Proxies Performance with Greedy-Dual-Size-Frequency Caching
Policy", HPL-98-69R1.) On a load whose costs are skewed this saves about twice the time that LRU saves.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from typing import Generic, TypeVar


class Weighed:
    """The base of what can be evicted: its size, the seconds it saves per use, the uses, and what follows from them."""

    __slots__ = ("cost_s", "frequency", "held", "priority", "size_bytes")

    def __init__(self, size_bytes: int, cost_s: float) -> None:
        self.size_bytes = max(1, size_bytes)
        self.cost_s = cost_s
        self.frequency = 0
        self.priority = 0.0
        self.held = False


EntryT = TypeVar("EntryT", bound=Weighed)


class GreedyDual(Generic[EntryT]):
    """Entries within a number and a size; `dropped` is told of each that has to go.

    Not thread-safe by itself, except `touch`, which at worst loses a use.

    >>> held = GreedyDual(max_entries=10, max_bytes=100)
    >>> cheap, dear = Weighed(60, 0.001), Weighed(60, 1.0)
    >>> held.add(dear), held.add(cheap)
    (True, False)
    >>> dear.held, cheap.held
    (True, False)
    """

    def __init__(
        self, *, max_entries: int, max_bytes: int, dropped: Callable[[EntryT], object] = lambda entry: None
    ) -> None:
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._dropped = dropped
        self._floor = 0.0
        # priorities only grow while an entry is held, so a pushed one that is too low is corrected when it comes up
        self._heap: list[tuple[float, int, EntryT]] = []
        self._order = itertools.count()
        self.entries = 0
        self.size_bytes = 0
        self.evictions = 0

    def touch(self, entry: EntryT) -> None:
        """Count a use of an entry."""
        entry.frequency = uses = entry.frequency + 1
        entry.priority = self._floor + uses * entry.cost_s / entry.size_bytes

    def add(self, entry: EntryT) -> bool:
        """Hold an entry, evicting the least worthy; tell whether it is held: it may itself be the least worthy."""
        if entry.size_bytes > self._max_bytes:
            return False
        self.touch(entry)
        entry.held = True
        self.entries += 1
        self.size_bytes += entry.size_bytes
        heapq.heappush(self._heap, (entry.priority, next(self._order), entry))
        while self.entries > self._max_entries or self.size_bytes > self._max_bytes:
            self._evict()
        return entry.held

    def remove(self, entry: EntryT) -> None:
        """Let go of an entry that is no longer true."""
        if entry.held:
            self._release(entry)
            if len(self._heap) > 64 + 2 * self.entries:
                self._heap = [item for item in self._heap if item[2].held]
                heapq.heapify(self._heap)

    def _evict(self) -> None:
        while True:
            pushed, _, entry = heapq.heappop(self._heap)
            if not entry.held:
                continue
            if entry.priority > pushed:
                heapq.heappush(self._heap, (entry.priority, next(self._order), entry))
                continue
            self._floor = entry.priority
            self.evictions += 1
            self._release(entry)
            self._dropped(entry)
            return

    def _release(self, entry: EntryT) -> None:
        entry.held = False
        self.entries -= 1
        self.size_bytes -= entry.size_bytes

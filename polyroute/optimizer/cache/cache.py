"""The result cache: an answer that is still true is not computed twice, and one that may not be true is never given.

Answers are found in two steps. `hit` looks a question up as it was written, which costs about a microsecond; it holds
as long as the catalog is the one in which the question was understood. Behind it stands the canonical key of the
understood question, under which differently written equal questions meet (`answer`). Both lead to an entry, which is
believed only while the versions of its read set are those that it was read under; see `versions`. One load per key and
versions runs at a time, errors are never kept, and `eviction` decides what goes when the cache is full.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from polyroute.engines.call import UNBOUNDED, Call
from polyroute.optimizer.cache.answers import KeptAnswer, rough_size
from polyroute.optimizer.cache.eviction import GreedyDual, Weighed
from polyroute.optimizer.cache.flights import Flight, Place
from polyroute.optimizer.cache.settings import CacheSettings
from polyroute.optimizer.cache.versions import (
    Reading,
    ReadSet,
    Steady,
    Tellers,
    WriteRates,
    checks,
    epochs_hold,
    read_versions,
    still_holds,
)
from polyroute.result import QueryResult

_WRITINGS_PER_ENTRY = 8
_CURRENT = "current"


class _Entry(Weighed):
    """One answer, with what it was read from and when; `expires` is None where the engines tell of every change."""

    __slots__ = ("answer", "checks", "expires", "key", "read_at", "reading", "writings")

    def __init__(self, key: str, reading: Reading, answer: KeptAnswer, cost_s: float, read_at: float) -> None:
        super().__init__(answer.size_bytes + 2 * len(key), cost_s)
        self.key = key
        self.reading = reading
        self.checks = checks(reading)
        self.answer = answer
        self.read_at = read_at
        self.expires: float | None = None
        self.writings: list[Hashable] = []


@dataclass(frozen=True, slots=True)
class CacheStatistics:
    """What the cache did since it was made, and what it holds; counted without locks, so a few may be missing."""

    hits: int
    misses: int
    shared: int
    outdated: int
    evictions: int
    entries: int
    size_bytes: int

    @property
    def hit_rate(self) -> float:
        """The part of the questions that were answered without asking an engine."""
        answered = self.hits + self.shared
        asked = answered + self.misses
        return answered / asked if asked else 0.0


class ResultCache:
    """Answers by question, each tied to the versions of what it was read from; safe to share between threads.

    >>> from polyroute.result import Rows
    >>> class Engine:
    ...     class resource:
    ...         epoch = 0
    ...     def data_version(self, dataset):
    ...         return "v1"
    ...     def volatile(self, dataset):
    ...         return False
    >>> from polyroute.optimizer.cache.versions import Source
    >>> engine, cache = Engine(), ResultCache()
    >>> sources = (Source(engine, "airports", engine.resource),)
    >>> def ask():
    ...     reading = cache.begin(sources)
    ...     return cache.answer(reading, "count", lambda: QueryResult(Rows(("n",), [(5,)])))
    >>> ask().from_cache, ask().from_cache
    (False, True)
    >>> Engine.resource.epoch = 2
    >>> ask().from_cache
    False
    """

    def __init__(
        self, settings: CacheSettings = CacheSettings(), *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.settings = settings
        self.enabled = settings.enabled
        self._clock = clock
        self._lock = threading.Lock()
        self._written: dict[Hashable, tuple[object, _Entry]] = {}
        self._entries: dict[str, _Entry] = {}
        self._flights: dict[Place, Flight] = {}
        self._store: GreedyDual[_Entry] = GreedyDual(
            max_entries=settings.max_entries, max_bytes=settings.max_bytes, dropped=self._forget
        )
        self._tellers = Tellers()
        self._steady = Steady()
        self._rates = WriteRates(window_s=settings.ttl_s)
        self._hits = self._misses = self._shared = self._outdated = 0

    def hit(self, written: Hashable, epoch: object, *, strong: bool = False) -> QueryResult | None:
        """Return the answer to a question as it was written, or None where it must be looked at more closely.

        `epoch` is the catalog's: it tells that names mean what they meant. `strong` refuses what is only believed for a
        time.
        """
        found = self._written.get(written)
        if found is None or found[0] != epoch:
            return None
        entry = found[1]
        if not entry.held or (entry.expires is not None and (strong or not self._believed(entry))):
            return None
        return self._given(entry) if still_holds(entry.checks) else None

    def begin(self, sources: ReadSet, *, strong: bool = False) -> Reading | None:
        """Take the versions of a read set, which must come before anything of it is read.

        None means that the question must be answered without the cache: it is off, a write is in progress, a dataset
        differs from read to read, an engine does not answer, or cannot tell of changes while the caller wants `strong`
        consistency.
        """
        if not self.enabled:
            return None
        versions = read_versions(sources)
        if versions is None or not self._steady.holds_all(sources, versions):
            return None
        reading = Reading(sources, versions)
        if reading.checkable:
            self._tellers.note(sources)
            return reading
        # an engine that told before and does not now, because its file is locked say, is not one that cannot tell
        return None if strong or self._tellers.holds_any(sources, versions) else reading

    def answer(
        self,
        reading: Reading,
        key: str,
        load: Callable[[], QueryResult],
        *,
        written: Hashable | None = None,
        epoch: object = None,
        call: Call = UNBOUNDED,
    ) -> QueryResult:
        """Return the answer of a canonical key: from the cache, from a load in progress, or from `load`.

        `written` is the question as it was written, remembered for `hit` under the catalog's `epoch`. Raises what
        `load` raises, and QUERY_TIMEOUT when the call ends while another one's load is waited for.
        """
        entry, flight, leads = self._arrive(key, reading)
        if entry is not None:
            self._remember(written, epoch, entry)
            return self._given(entry)
        if leads:
            return self._lead(flight, reading, load, written, epoch)
        if flight.leader != threading.get_ident():
            shared = flight.wait(call)
            if shared is not None:
                self._shared += 1
                return shared.fresh()
        # the load that was waited for failed, or asks for itself: an error of others is not ours
        self._misses += 1
        return load()

    def clear(self) -> None:
        """Forget every answer."""
        with self._lock:
            for entry in list(self._entries.values()):
                self._store.remove(entry)
                self._forget(entry)

    def statistics(self) -> CacheStatistics:
        """Return what was counted since the cache was made."""
        return CacheStatistics(
            self._hits,
            self._misses,
            self._shared,
            self._outdated,
            self._store.evictions,
            self._store.entries,
            self._store.size_bytes,
        )

    def _arrive(self, key: str, reading: Reading) -> tuple[_Entry | None, Flight, bool]:
        """Return what there is for a question: an entry, or a flight and whether the caller has to lead it."""
        place = (key, reading.versions)
        with self._lock:
            entry = self._valid(key, reading)
            flight = self._flights.get(place)
            if entry is not None or flight is None:
                new = Flight(place)
                if entry is None:
                    self._flights[place] = new
                return entry, new, True
            flight.waiting += 1
            return None, flight, False

    def _given(self, entry: _Entry) -> QueryResult:
        self._hits += 1
        self._store.touch(entry)
        result = entry.answer.fresh()
        if entry.expires is not None:
            age_s = self._clock() - entry.read_at
            result.freshness = f"up to {age_s:.0f} s old: the engine cannot tell whether others wrote"
        return result

    def _believed(self, entry: _Entry) -> bool:
        """Tell whether an entry that nobody can check is young enough, and is still one that nobody can check."""
        in_time = entry.expires is None or self._clock() < entry.expires
        return in_time and not self._tellers.holds_any(*entry.reading)

    def _valid(self, key: str, reading: Reading) -> _Entry | None:
        """Return the entry of a key if it was read under these versions, and remove one that cannot be true again."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        if not epochs_hold(*entry.reading) or (entry.expires is not None and not self._believed(entry)):
            self._outdated += 1
            self._store.remove(entry)
            self._forget(entry)
            return None
        return entry if entry.reading.versions == reading.versions else None

    def _lead(
        self,
        flight: Flight,
        reading: Reading,
        load: Callable[[], QueryResult],
        written: Hashable | None,
        epoch: object,
    ) -> QueryResult:
        self._misses += 1
        started = self._clock()
        try:
            result = load()
            kept = self._kept(result, flight)
            entry = None if kept is None else self._entry(flight.place[0], reading, kept, started)
        except BaseException:
            self._end(flight, None)
            raise
        self._end(flight, entry)
        if entry is not None and entry.held:
            self._remember(written, epoch, entry)
        return result

    def _entry(self, key: str, reading: Reading, kept: KeptAnswer, started: float) -> _Entry:
        entry = _Entry(key, reading, kept, self._clock() - started, started)
        if not reading.checkable:
            often = self._rates.written_often(reading.sources, started)
            entry.expires = started + (self.settings.busy_ttl_s if often else self.settings.ttl_s)
        return entry

    def _kept(self, result: QueryResult, flight: Flight) -> KeptAnswer | None:
        """Return an answer as it is kept, or None for one that tells of another time than now, or is too large."""
        if result.freshness != _CURRENT or result.truncated:
            return None
        if rough_size(result) > self.settings.max_bytes and not flight.waiting:
            return None
        try:
            return KeptAnswer(result)
        except Exception:  # noqa: BLE001 - what cannot be copied, a year 10000 among it, is given out and not kept
            return None

    def _end(self, flight: Flight, entry: _Entry | None) -> None:
        with self._lock:
            del self._flights[flight.place]
            # a write that has begun since would make the entry useless, though never wrong
            if entry is not None and epochs_hold(*entry.reading):
                self._hold(entry)
        flight.land(None if entry is None else entry.answer)

    def _hold(self, entry: _Entry) -> None:
        old = self._entries.get(entry.key)
        if old is not None:
            self._store.remove(old)
            self._forget(old)
        self._entries[entry.key] = entry
        if not self._store.add(entry):
            self._forget(entry)

    def _forget(self, entry: _Entry) -> None:
        if self._entries.get(entry.key) is entry:
            del self._entries[entry.key]
        for written in entry.writings:
            found = self._written.get(written)
            if found is not None and found[1] is entry:
                del self._written[written]
        entry.writings.clear()

    def _remember(self, written: Hashable | None, epoch: object, entry: _Entry) -> None:
        if written is None:
            return
        with self._lock:
            if entry.held and len(entry.writings) < _WRITINGS_PER_ENTRY:
                entry.writings.append(written)
                self._written[written] = (epoch, entry)

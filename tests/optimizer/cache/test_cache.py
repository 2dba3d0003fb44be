"""The cache by itself: what it gives, what it keeps, who waits for whom."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from polyroute.engines import Call
from polyroute.engines.resources.shared import Resource
from polyroute.errors import DatabaseErrorCode, PolyrouteError, make_error
from polyroute.optimizer.cache import CacheSettings, ResultCache, Source
from polyroute.result import QueryResult, Rows


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Place:
    """An engine whose state the test sets."""

    def __init__(self, token: object | None = "v1") -> None:
        self.token = token
        self.resource = Resource("test", Path("t"), None, lambda h: None, read_only=False, temporary=False)
        self.broken = False

    def data_version(self, dataset: str) -> object | None:
        if self.broken:
            raise OSError("gone")
        return self.token

    def volatile(self, dataset: str) -> bool:
        return False

    @property
    def sources(self) -> tuple[Source, ...]:
        return (Source(self, "t", self.resource),)


def answer(value: object = 1) -> QueryResult:
    return QueryResult(Rows(("n",), [(value,)]))


def ask(cache: ResultCache, place: Place, value: object = 1, *, key: str = "k", strong: bool = False) -> QueryResult:
    hit = cache.hit(("w", key), 0, strong=strong)
    if hit is not None:
        return hit
    reading = cache.begin(place.sources, strong=strong)
    if reading is None:
        return answer(value)
    return cache.answer(reading, key, lambda: answer(value), written=("w", key), epoch=0)


def test_an_answer_is_kept_as_long_as_its_versions_hold() -> None:
    cache, place = ResultCache(), Place()
    assert not ask(cache, place, 1).from_cache
    assert ask(cache, place, 2).scalar() == 1
    place.token = "v2"
    assert ask(cache, place, 2).scalar() == 2
    with place.resource.writing():
        assert ask(cache, place, 3).scalar() == 3
        assert not ask(cache, place, 4).from_cache
    assert ask(cache, place, 5).scalar() == 5
    assert ask(cache, place, 6).from_cache


def test_a_read_that_a_write_overtook_is_not_kept() -> None:
    cache, place = ResultCache(), Place()
    reading = cache.begin(place.sources)
    assert reading is not None

    def load() -> QueryResult:
        with place.resource.writing():
            pass
        return answer("old")

    assert cache.answer(reading, "k", load).scalar() == "old"
    assert cache.statistics().entries == 0


def test_the_catalogs_epoch_decides_whether_a_writing_still_means_the_same() -> None:
    cache, place = ResultCache(), Place()
    ask(cache, place)
    assert cache.hit(("w", "k"), 0) is not None
    assert cache.hit(("w", "k"), 1) is None


def test_what_nobody_can_check_is_believed_for_a_time_and_says_so() -> None:
    clock, place = Clock(), Place(None)
    cache = ResultCache(clock=clock)
    assert ask(cache, place, 1).freshness == "current"
    clock.now += 299
    kept = ask(cache, place, 2)
    assert (kept.scalar(), kept.freshness.startswith("up to 299 s old")) == (1, True)
    assert ask(cache, place, 3, strong=True).scalar() == 3
    clock.now += 1
    assert ask(cache, place, 4).scalar() == 4


def test_what_is_written_often_is_believed_for_less() -> None:
    clock, place = Clock(), Place(None)
    cache = ResultCache(clock=clock)
    for number in range(8):
        with place.resource.writing():
            pass
        ask(cache, place, number)
        clock.now += 10
    clock.now += 49
    assert ask(cache, place, "kept").scalar() == 7
    clock.now += 1
    assert ask(cache, place, "new").scalar() == "new"


def test_an_engine_that_told_before_is_not_believed_while_it_is_silent() -> None:
    cache, place = ResultCache(), Place()
    ask(cache, place, 1)
    place.token = None
    assert ask(cache, place, 2).scalar() == 2
    assert ask(cache, place, 3).scalar() == 3
    place.token = "v1"
    assert ask(cache, place, 4).scalar() == 1


def test_an_engine_that_fails_to_tell_is_asked() -> None:
    cache, place = ResultCache(), Place()
    ask(cache, place, 1)
    place.broken = True
    assert ask(cache, place, 2).scalar() == 2
    place.broken = False
    assert ask(cache, place, 3).scalar() == 1


def test_nothing_is_kept_when_it_is_off_or_the_answer_is_not_whole_or_not_of_now() -> None:
    off = ResultCache(CacheSettings(enabled=False))
    assert off.begin(Place().sources) is None
    cache, place = ResultCache(), Place()
    for name, value in (("truncated", True), ("freshness", "up to 3 s old")):
        result = answer()
        setattr(result, name, value)
        reading = cache.begin(place.sources)
        assert reading is not None
        cache.answer(reading, name, lambda result=result: result)  # type: ignore[misc]
    assert cache.statistics().entries == 0


def test_the_sizes_are_held_and_what_is_evicted_leaves_nothing_behind() -> None:
    cache, place = ResultCache(CacheSettings(max_entries=3, max_bytes=100_000)), Place()
    for number in range(10):
        ask(cache, place, "x" * 10, key=f"k{number}")
    assert cache.statistics().entries == 3
    assert len(cache._written) == len(cache._entries) == 3
    ask(cache, place, "x" * 200_000, key="large")
    assert cache.statistics().size_bytes < 100_000
    cache.clear()
    assert (cache.statistics().entries, cache.statistics().size_bytes, len(cache._written)) == (0, 0, 0)


def test_a_thousand_threads_make_one_load() -> None:
    cache, place = ResultCache(), Place()
    loads, all_here = [], threading.Barrier(1_000)
    waiting = threading.Semaphore(0)
    reading = cache.begin(place.sources)
    assert reading is not None
    results: list[QueryResult] = []

    def load() -> QueryResult:
        loads.append(1)
        # the load ends when everybody else waits for it
        for _ in range(999):
            waiting.acquire()
        return answer("once")

    class Watched(Call):
        """A call that tells when somebody is about to wait under it."""

        def on_cancel(self, stop):  # type: ignore[no-untyped-def]
            waiting.release()
            return super().on_cancel(stop)

    def one() -> None:
        all_here.wait()
        results.append(cache.answer(reading, "k", load, call=Watched()))

    stack = threading.stack_size(256 * 1024)
    try:
        threads = [threading.Thread(target=one) for _ in range(1_000)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        threading.stack_size(stack)
    assert len(loads) == 1
    assert [r.scalar() for r in results] == ["once"] * 1_000
    assert sum(not r.from_cache for r in results) == 1


def _flight(cache: ResultCache, place: Place, outcome: Exception | None) -> tuple[list[str], list[object]]:
    """Let one thread load until another waits for it, then end the load; return what happened to the other."""
    reading = cache.begin(place.sources)
    assert reading is not None
    waits, told, results = threading.Event(), [], []

    class Watched(Call):
        def on_cancel(self, stop):  # type: ignore[no-untyped-def]
            waits.set()
            return super().on_cancel(stop)

    flying = threading.Event()

    def first() -> QueryResult:
        flying.set()
        waits.wait()
        if outcome is not None:
            raise outcome
        return answer("first")

    def lead() -> None:
        try:
            cache.answer(reading, "k", first)
        except PolyrouteError as exc:
            told.append(str(exc.code))

    leader = threading.Thread(target=lead)
    leader.start()
    flying.wait()
    results.append(cache.answer(reading, "k", lambda: answer("second"), call=Watched()).scalar())
    leader.join()
    return told, results


def test_who_waits_shares_the_answer() -> None:
    cache, place = ResultCache(), Place()
    assert _flight(cache, place, None) == ([], ["first"])
    assert cache.statistics().shared == 1


def test_errors_are_not_shared_and_not_kept() -> None:
    cache, place = ResultCache(), Place()
    failure = make_error(DatabaseErrorCode.ENGINE_UNAVAILABLE, "no", hint="")
    assert _flight(cache, place, failure) == (["ENGINE_UNAVAILABLE"], ["second"])
    assert ask(cache, place, "later").scalar() == "later"


def test_a_waiting_call_ends_when_its_time_is_up_and_the_load_goes_on() -> None:
    cache, place = ResultCache(), Place()
    reading = cache.begin(place.sources)
    assert reading is not None
    flying, ended = threading.Event(), threading.Event()

    def slow() -> QueryResult:
        flying.set()
        ended.wait()
        return answer("slow")

    leader = threading.Thread(target=lambda: cache.answer(reading, "k", slow))
    leader.start()
    flying.wait()
    with pytest.raises(PolyrouteError) as caught:
        cache.answer(reading, "k", lambda: answer("never"), call=Call(timeout_s=0.001))
    assert caught.value.code == DatabaseErrorCode.QUERY_TIMEOUT
    ended.set()
    leader.join()
    assert ask(cache, place).scalar() == "slow"


def test_a_load_that_asks_for_itself_does_not_wait_for_ever() -> None:
    cache, place = ResultCache(), Place()
    assert ask(cache, place, 0, key="other").scalar() == 0
    reading = cache.begin(place.sources)
    assert reading is not None
    outer = cache.answer(reading, "k", lambda: cache.answer(reading, "k", lambda: answer("inner")))
    assert outer.scalar() == "inner"


def test_settings_are_checked() -> None:
    for wrong in ({"max_entries": 0}, {"max_bytes": -1}, {"ttl_s": 0}, {"busy_ttl_s": "1"}, {"enabled": 1}):
        with pytest.raises(PolyrouteError, match=r"must|number|True"):
            replace(CacheSettings(), **wrong)  # type: ignore[arg-type]

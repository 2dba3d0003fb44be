"""The concurrency limiter against a plain reference, and under many threads."""

from __future__ import annotations

import threading

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from polyroute.errors import ConcurrencyLimiter, DatabaseErrorCode, LimiterConfig, tells_of_overload

CONFIG = LimiterConfig(initial=4, minimum=2, maximum=6, decrease=0.5)


def test_overload_lowers_the_limit_once_for_one_wave_of_calls() -> None:
    limiter = ConcurrencyLimiter(LimiterConfig(initial=8, minimum=2, decrease=0.5))
    for _ in range(8):
        assert limiter.enter(0.0)
    for now in (1.0, 2.0, 3.0):
        limiter.leave_overloaded(0.0, now)
    assert (limiter.limit, limiter.in_flight) == (4, 5)
    limiter.leave_overloaded(1.5, 4.0)
    assert limiter.limit == 2
    limiter.leave_overloaded(4.5, 5.0)
    assert limiter.limit == 2


def test_a_busy_engine_that_keeps_up_gets_one_more_and_an_idle_one_does_not() -> None:
    busy, idle = (ConcurrencyLimiter(LimiterConfig(initial=4, minimum=1)) for _ in range(2))
    for _ in range(3):
        busy.enter()
    for _ in range(4):
        busy.enter()
        busy.leave()
        idle.enter()
        idle.leave()
    assert (busy.limit, idle.limit) == (5, 4)


def test_an_engine_never_gets_more_calls_than_it_declares() -> None:
    limiter = ConcurrencyLimiter(capacity=1)
    for _ in range(10):
        assert limiter.enter(0.0)
        assert not limiter.enter(0.0)
        limiter.leave()
    assert limiter.limit == 1


def test_a_call_that_waits_gets_the_place_that_is_freed() -> None:
    limiter = ConcurrencyLimiter(LimiterConfig(initial=1, minimum=1))
    assert limiter.enter()
    got: list[bool] = []
    waiter = threading.Thread(target=lambda: got.append(limiter.enter()))
    waiter.start()
    limiter.leave()
    waiter.join()
    assert got == [True]
    assert limiter.in_flight == 1


def test_fifty_threads_never_exceed_the_limit_and_all_get_their_turn() -> None:
    limiter = ConcurrencyLimiter(LimiterConfig(initial=3, minimum=1, maximum=3))
    start, lock = threading.Barrier(50), threading.Lock()
    inside = most = turns = 0

    def work() -> None:
        nonlocal inside, most, turns
        start.wait()
        for _ in range(20):
            assert limiter.enter()
            with lock:
                inside += 1
                turns += 1
                most = max(most, inside)
            with lock:
                inside -= 1
            limiter.leave()

    threads = [threading.Thread(target=work) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert turns == 1000
    assert most <= 3
    assert limiter.in_flight == 0


def test_only_overload_asks_for_fewer_calls() -> None:
    told = {code for code in DatabaseErrorCode if tells_of_overload(code)}
    assert told == {
        DatabaseErrorCode.ENGINE_OVERLOADED,
        DatabaseErrorCode.ENGINE_TIMEOUT,
        DatabaseErrorCode.RESOURCE_EXHAUSTED,
    }


@pytest.mark.parametrize(
    "wrong", [{"minimum": 0}, {"initial": 1}, {"maximum": 10}, {"decrease": 1.0}, {"patience_s": float("nan")}]
)
def test_a_senseless_limit_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"minimum|decrease|patience_s"):
        LimiterConfig(**wrong)  # type: ignore[arg-type]


class LimiterAgainstReference(RuleBasedStateMachine):
    """Let calls begin and end in any order: never above the limit, and the limit is the reference's at every step."""

    def __init__(self) -> None:
        super().__init__()
        self.limiter = ConcurrencyLimiter(CONFIG)
        self.now = 0.0
        self.running: list[float] = []
        self.limit, self.kept_up, self.lowered_at = CONFIG.initial, 0, float("-inf")

    @rule()
    def begin(self) -> None:
        self.now += 1.0
        room = len(self.running) < self.limit
        assert self.limiter.enter(0.0) == room
        if room:
            self.running.append(self.now)

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def end_well(self, data: st.DataObject) -> None:
        busy = len(self.running)
        self.running.pop(data.draw(st.integers(0, busy - 1)))
        self.limiter.leave()
        if 2 * busy > self.limit:
            self.kept_up += 1
            if self.kept_up >= self.limit:
                self.kept_up, self.limit = 0, min(CONFIG.maximum, self.limit + 1)

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def end_overloaded(self, data: st.DataObject) -> None:
        began = self.running.pop(data.draw(st.integers(0, len(self.running) - 1)))
        self.now += 1.0
        self.limiter.leave_overloaded(began, self.now)
        if began >= self.lowered_at:
            self.limit, self.kept_up = max(CONFIG.minimum, self.limit // 2), 0
            self.lowered_at = self.now

    @invariant()
    def both_agree(self) -> None:
        assert self.limiter.limit == self.limit
        assert self.limiter.in_flight == len(self.running)
        assert CONFIG.minimum <= self.limit <= CONFIG.maximum


TestLimiterAgainstReference = LimiterAgainstReference.TestCase
TestLimiterAgainstReference.settings = settings(max_examples=80, stateful_step_count=50, derandomize=True)

"""The circuit breaker: its states by an injected clock, and its limit on probes under many threads."""

from __future__ import annotations

import random
import threading

import pytest

from polyroute.errors import (
    POLICIES,
    BreakerConfig,
    BreakerState,
    Category,
    CircuitBreaker,
    DatabaseErrorCode,
    counts_against,
)

from .clock import Clock


def breaker_of(**settings_: float) -> tuple[CircuitBreaker, Clock]:
    clock = Clock()
    config = BreakerConfig(**{"window": 10, "minimum_calls": 4, "open_s": 5.0, "probes": 2, **settings_})  # type: ignore[arg-type]
    return CircuitBreaker(config, clock=clock), clock


def run(breaker: CircuitBreaker, *results: bool, seconds: float = 0.1) -> None:
    for ok in results:
        assert breaker.allow()
        breaker.record(ok, seconds)


def tripped(**settings_: float) -> tuple[CircuitBreaker, Clock]:
    breaker, clock = breaker_of(**settings_)
    run(breaker, False, False, False, False)
    assert breaker.state is BreakerState.OPEN
    return breaker, clock


def test_it_stays_closed_below_the_minimum_of_calls() -> None:
    breaker, _ = breaker_of()
    run(breaker, False, False, False)
    assert breaker.state is BreakerState.CLOSED
    run(breaker, False)
    assert breaker.state is BreakerState.OPEN


def test_it_opens_at_the_failure_rate_and_not_below() -> None:
    breaker, _ = breaker_of(failure_rate=0.5)
    run(breaker, True, True, True, False, False)
    assert breaker.state is BreakerState.CLOSED
    run(breaker, False)
    assert breaker.state is BreakerState.OPEN


def test_a_good_call_never_trips_it() -> None:
    breaker, _ = breaker_of()
    run(breaker, False, False, False, True)
    assert breaker.state is BreakerState.CLOSED
    run(breaker, False)
    assert breaker.state is BreakerState.OPEN


def test_failures_that_left_the_window_do_not_count() -> None:
    breaker, _ = breaker_of()
    run(breaker, False, False, False, *[True] * 8)
    assert (breaker.snapshot().calls, breaker.snapshot().failures) == (10, 2)
    run(breaker, True, True, False)
    assert breaker.snapshot().failures == 1
    assert breaker.snapshot().failure_rate == 0.1


def test_slow_calls_open_it_although_they_succeed() -> None:
    breaker, _ = breaker_of(slow_after_s=1.0, slow_rate=0.5)
    run(breaker, True, True, seconds=0.5)
    run(breaker, True, seconds=1.0)
    assert breaker.state is BreakerState.CLOSED
    run(breaker, True, seconds=2.0)
    assert breaker.state is BreakerState.OPEN
    assert breaker.snapshot().slow_calls == 2


def test_an_open_breaker_lets_nothing_through_until_its_interval_is_over() -> None:
    breaker, clock = tripped()
    assert not breaker.allow()
    assert breaker.retry_after_s == 5.0
    clock.now += 4.5
    assert not breaker.allow()
    assert breaker.retry_after_s == 0.5
    clock.now += 0.5
    assert breaker.state is BreakerState.HALF_OPEN
    assert breaker.retry_after_s == 0.0
    assert breaker.allow()


def test_enough_good_probes_close_it_and_the_window_starts_anew() -> None:
    breaker, clock = tripped()
    clock.now += 5
    assert (breaker.allow(), breaker.allow(), breaker.allow()) == (True, True, False)
    assert breaker.snapshot().probes_running == 2
    breaker.record(True, 0.1)
    assert breaker.state is BreakerState.HALF_OPEN
    assert not breaker.allow()
    breaker.record(True, 0.1)
    assert breaker.state is BreakerState.CLOSED
    assert breaker.snapshot().calls == 0
    run(breaker, False, False, False)
    assert breaker.state is BreakerState.CLOSED


@pytest.mark.parametrize(("ok", "seconds"), [(False, 0.1), (True, 2.0)])
def test_the_first_bad_probe_opens_it_again(ok: bool, seconds: float) -> None:
    breaker, clock = tripped(slow_after_s=1.0)
    clock.now += 5
    assert breaker.allow()
    clock.now += seconds
    breaker.record(ok, seconds)
    assert breaker.state is BreakerState.OPEN
    assert breaker.retry_after_s == 5.0
    assert breaker.snapshot().times_opened == 2


def test_an_abandoned_probe_gives_its_place_back() -> None:
    breaker, clock = tripped(probes=1)
    clock.now += 5
    assert breaker.allow()
    assert not breaker.allow()
    breaker.release()
    assert breaker.allow()


def test_calls_let_in_before_it_opened_are_no_probes() -> None:
    breaker, clock = breaker_of(probes=1)
    assert breaker.allow()
    assert breaker.allow()
    run(breaker, False, False, False, False)
    clock.now += 5
    assert breaker.allow()
    breaker.record(False, 5.0)
    assert breaker.state is BreakerState.HALF_OPEN
    breaker.record(True, 5.0)
    assert breaker.state is BreakerState.HALF_OPEN
    breaker.release(seconds=5.0)
    assert not breaker.allow()
    breaker.record(True, 0.0)
    assert breaker.state is BreakerState.CLOSED


def test_a_probe_of_an_earlier_round_keeps_its_place_and_decides_nothing() -> None:
    breaker, clock = tripped()
    clock.now += 5
    assert breaker.allow()
    assert breaker.allow()
    breaker.record(False, 0.0)
    clock.now += 5
    assert breaker.allow()
    assert not breaker.allow()
    breaker.record(True, 5.0)
    assert breaker.state is BreakerState.HALF_OPEN
    assert breaker.allow()


def test_a_call_let_in_before_it_opened_frees_no_place_of_an_earlier_probe() -> None:
    breaker, clock = breaker_of(probes=2)
    assert breaker.allow()
    run(breaker, False, False, False, False)
    clock.now += 5
    assert (breaker.allow(), breaker.allow()) == (True, True)
    breaker.record(False, 0.0)
    clock.now += 5
    assert (breaker.allow(), breaker.allow()) == (True, False)
    breaker.record(True, 10.0)
    assert not breaker.allow()


def test_it_recovers_within_the_open_interval_and_one_probe() -> None:
    breaker, clock = tripped(probes=1)
    failed_at = clock.now
    while breaker.state is not BreakerState.CLOSED:
        clock.now += 0.25
        if breaker.allow():
            breaker.record(True, 0.0)
    assert clock.now - failed_at <= 1.2 * 5.0


@pytest.mark.parametrize(
    "wrong",
    [
        {"window": 0},
        {"minimum_calls": 0},
        {"minimum_calls": 11},
        {"probes": 0},
        {"failure_rate": 0.0},
        {"failure_rate": 1.5},
        {"slow_rate": float("nan")},
        {"open_s": 0.0},
        {"slow_after_s": -1.0},
    ],
)
def test_a_senseless_configuration_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        BreakerConfig(**{"window": 10, **wrong})  # type: ignore[arg-type]


def test_only_failures_that_speak_of_the_engine_count_against_it() -> None:
    against = {code for code in DatabaseErrorCode if counts_against(code)}
    timeouts = {DatabaseErrorCode.QUERY_TIMEOUT, DatabaseErrorCode.TRANSACTION_TIMEOUT}
    health = {code for code in DatabaseErrorCode if POLICIES[code].category in (Category.ENGINE, Category.RESOURCE)}
    assert against == health | timeouts
    assert DatabaseErrorCode.QUERY_INVALID not in against
    assert DatabaseErrorCode.CONSISTENCY_VIOLATION not in against


def test_fifty_threads_never_exceed_the_probe_limit() -> None:
    breaker, clock = tripped(probes=3)
    clock.now += 5
    start, holding, most, admitted = threading.Barrier(50), set[int](), 0, 0
    lock = threading.Lock()

    def work(number: int) -> None:
        nonlocal most, admitted
        rng = random.Random(number)
        start.wait()
        for _ in range(40):
            if not breaker.allow():
                continue
            with lock:
                holding.add(number)
                admitted += 1
                most = max(most, len(holding))
            for _ in range(rng.randrange(200)):
                pass
            with lock:
                holding.discard(number)
            # Abandoned, never recorded: the breaker stays half open and keeps handing out the same three places.
            breaker.release()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 1 <= most <= 3
    assert admitted >= 3
    assert breaker.snapshot().probes_running == 0


def test_fifty_threads_at_once_get_exactly_the_probes() -> None:
    breaker, clock = tripped(probes=3)
    clock.now += 5
    start, answers = threading.Barrier(50), list[bool]()

    def work() -> None:
        start.wait()
        answers.append(breaker.allow())

    threads = [threading.Thread(target=work) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers.count(True) == 3

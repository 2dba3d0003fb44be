"""Calls: deadlines fire, ended blocks do not, cancelling reaches what runs; and the bounded workers."""

from __future__ import annotations

import threading

import pytest

from polyroute import PolyrouteError
from polyroute.engines import UNBOUNDED, Call
from polyroute.engines import call as call_module
from polyroute.engines.workers import MAX_WORKERS, run_bounded


def test_a_stop_fires_at_the_deadline_and_again_until_the_block_ends() -> None:
    fired: list[int] = []
    twice = threading.Event()

    def stop() -> None:
        fired.append(1)
        if len(fired) == 2:
            twice.set()

    call = Call(timeout_s=0.05)
    with call.on_cancel(stop):
        assert twice.wait(5)
    assert call.expired
    with pytest.raises(TimeoutError, match=r"timeout_s=0\.05"):
        call.check()


def test_a_block_that_ended_is_never_stopped() -> None:
    fired: list[int] = []
    call = Call(timeout_s=0.05)
    with call.on_cancel(lambda: fired.append(1)):
        pass
    later = threading.Event()
    other = Call(timeout_s=0.1)
    with other.on_cancel(later.set):
        assert later.wait(5)
    assert fired == []


def test_cancelling_stops_what_runs_and_what_would_start() -> None:
    stopped = threading.Event()
    call = Call()
    threading.Timer(0.05, call.cancel).start()
    with call.on_cancel(stopped.set):
        assert stopped.wait(5)
    with pytest.raises(PolyrouteError, match="cancelled"), call.on_cancel(lambda: None):
        raise AssertionError("a cancelled call was begun")


def test_the_unbounded_call_costs_and_does_nothing() -> None:
    with UNBOUNDED.on_cancel(lambda: None):
        UNBOUNDED.check()
    assert UNBOUNDED.time_left_s() is None


def test_stops_of_ended_calls_do_not_pile_up() -> None:
    for _ in range(5_000):
        with Call(timeout_s=3600).on_cancel(lambda: None):
            pass
    assert len(call_module._WATCHDOG._due) <= 2 * call_module._SWEEP_AT


def test_a_worker_returns_in_time_and_hands_over_results_and_errors() -> None:
    assert run_bounded(lambda: 7, Call(timeout_s=5)) == 7
    with pytest.raises(ZeroDivisionError):
        run_bounded(lambda: 1 / 0, Call(timeout_s=5))
    release = threading.Event()
    with pytest.raises(TimeoutError):
        run_bounded(release.wait, Call(timeout_s=0.05))
    release.set()


def test_orphans_are_bounded() -> None:
    release = threading.Event()
    for _ in range(MAX_WORKERS):
        with pytest.raises(TimeoutError):
            run_bounded(release.wait, Call(timeout_s=0.01))
    try:
        with pytest.raises(PolyrouteError) as caught:
            run_bounded(lambda: 1, Call(timeout_s=0.05))
        assert caught.value.code == "ENGINE_OVERLOADED"
    finally:
        release.set()
    assert run_bounded(lambda: 1, Call(timeout_s=5)) == 1

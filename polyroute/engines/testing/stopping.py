"""Deadlines and cancellation: a call that is given up stops soon, changes nothing, and the engine goes on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pyarrow as pa

from polyroute.engines.call import UNBOUNDED, Call
from polyroute.engines.testing.sample import (
    key_of,
    load_sample,
    roles_of,
    sample_rows,
    sample_source,
    sample_table,
)
from polyroute.engines.testing.slow import SLOW_QUESTIONS
from polyroute.engines.testing.store import Store
from polyroute.errors import PolyrouteError
from polyroute.operations import Scan

_STEP_S = 0.01
_LATE_STEPS = 30
_TIMEOUT_S = 0.1
_SOON_S = 1.5
_TRIES = 3


class StoppingTests:
    """What a deadline and a cancelled call mean."""

    def test_a_call_past_its_deadline_is_refused_and_the_engine_goes_on(self, store: Store) -> None:
        load_sample(store)
        late = Call(timeout_s=1e-9)
        time.sleep(0.001)
        _stopped(lambda: store.ask(Scan("things", where="k % 3 = 1"), late))
        _stopped(lambda: store.ask(Scan("things"), late))
        assert len(store.rows(Scan("things"))) == 10

    def test_a_cancelled_call_is_refused(self, store: Store) -> None:
        load_sample(store)
        call = Call(timeout_s=60)
        call.cancel()
        _stopped(lambda: store.ask(Scan("things"), call))
        assert len(store.rows(Scan("things"))) == 10

    def test_a_load_stops_at_its_deadline(self, store: Store) -> None:
        load_sample(store)
        for name, mode in (("others", "create"), ("things", "append"), ("things", "replace")):
            _stopped_load(store, name, mode, Call(timeout_s=_TIMEOUT_S))

    def test_a_load_stops_when_it_is_cancelled(self, store: Store) -> None:
        load_sample(store)
        for name, mode in (("others", "create"), ("things", "append"), ("things", "replace")):
            call = Call()
            timer = threading.Timer(_TIMEOUT_S, call.cancel)
            timer.start()
            _stopped_load(store, name, mode, call)
            timer.join()

    def test_a_long_question_stops_at_its_deadline(self, store: Store) -> None:
        slow = SLOW_QUESTIONS.get(store.engine.kind)
        if slow is None:
            return
        op = slow(store)
        _soon(lambda: store.ask(op, Call(timeout_s=_TIMEOUT_S)))
        _goes_on(store)

    def test_a_long_question_stops_when_it_is_cancelled(self, store: Store) -> None:
        slow = SLOW_QUESTIONS.get(store.engine.kind)
        if slow is None or not store.engine.traits.cancellable:
            return
        op = slow(store)

        def cancelled() -> None:
            call = Call()
            timer = threading.Timer(_TIMEOUT_S, call.cancel)
            timer.start()
            try:
                store.ask(op, call)
            finally:
                timer.cancel()

        _soon(cancelled)
        _goes_on(store)


def _stopped(ask: Callable[[], object]) -> None:
    try:
        ask()
    except PolyrouteError as exc:
        assert exc.code == "QUERY_TIMEOUT", f"the code is {exc.code}: {exc}"
        assert isinstance(exc, TimeoutError)
    else:
        raise AssertionError("a call that was given up was answered")


def _stopped_load(store: Store, name: str, mode: str, call: Call) -> None:
    """Load from a source that is slow and long: the engine must give up soon after the call is, and leave nothing."""
    late: list[float] = []

    def batches() -> Iterator[pa.RecordBatch]:
        for number in range(100, 250):
            time.sleep(_STEP_S)
            if call.cancelled or call.expired:
                late.append(_STEP_S)
            yield from sample_table([{**sample_rows()[0], "k": number}]).to_batches()

    before = store.everything()
    source, engine = sample_source(batches, 150), store.engine
    _stopped(lambda: store.load(name, source, mode=mode, key=key_of(engine), call=call, **roles_of(engine)))
    assert len(late) <= _LATE_STEPS, "the load went on after its call was given up"
    assert store.everything() == before, "a load that was stopped has left something"


def _soon(ask: Callable[[], object]) -> None:
    """Ask until it ends, stopped or answered, soon enough; more than once, because machines are busy at times."""
    took = []
    for _ in range(_TRIES):
        started = time.monotonic()
        try:
            ask()
        except PolyrouteError as exc:
            assert exc.code == "QUERY_TIMEOUT", f"the code is {exc.code}: {exc}"
        took.append(time.monotonic() - started)
        if took[-1] < _TIMEOUT_S + _SOON_S:
            return
    raise AssertionError(f"a call of {_TIMEOUT_S} s took {min(took):.2f} s")


def _goes_on(store: Store) -> None:
    load_sample(store)
    assert len(store.rows(Scan("things"))) == 10
    store.engine.drop("things", UNBOUNDED)

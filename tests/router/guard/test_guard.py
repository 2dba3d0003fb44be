"""The guard beyond single decisions: budgets, breakers, places, deadlines, what is remembered and what is forgotten."""

from __future__ import annotations

import math
import threading
from queue import Queue

import pytest

from polyroute.engines.call import UNBOUNDED, Call
from polyroute.engines.contract import BoundSelect, SchemaChanged
from polyroute.errors import (
    BreakerConfig,
    BreakerState,
    BudgetConfig,
    DatabaseErrorCode,
    LimiterConfig,
    Outcome,
    PolyrouteError,
)
from polyroute.result import QueryResult
from polyroute.router.guard import Guard, NotSent
from tests.router.guard.world import READ, WRITE, Time, Told, World, guard_of, outcome_of

Code = DatabaseErrorCode
NEVER_OPEN = BreakerConfig(window=100_000, minimum_calls=100_000)


def read(guard: Guard, world: World, call: Call = UNBOUNDED, *, replica: bool = True) -> object:
    """Return the engine that answered a read, or the error."""
    placements = world.placements(READ, replica=replica)
    found = outcome_of(lambda: guard.run(placements, world.bound(READ), call, write=False))
    return found if isinstance(found, PolyrouteError) else found.placement.engine.id


def test_an_outage_is_met_by_hardly_more_calls_than_requests(world: World) -> None:
    time = Time()
    guard = guard_of(time, breaker=NEVER_OPEN, budget=BudgetConfig(floor=5.0, floor_per_s=0.0))
    world.primary.broken = world.replica.broken = True
    for _ in range(500):
        assert isinstance(read(guard, world), PolyrouteError)
    # one more for the replica, which was well until it was first asked
    assert world.primary.calls + world.replica.calls <= 500 + 2 * 5 + 1


def test_an_outage_of_one_engine_costs_no_answer_and_no_budget(world: World) -> None:
    guard = guard_of(Time())
    world.primary.broken = True
    assert [read(guard, world) for _ in range(60)] == ["replica"] * 60
    assert world.primary.calls == 10, "the breaker opens after its minimum of calls"
    assert world.replica.calls == 60
    assert guard.ward(world.primary, "scan").budget.left == 10.0


def test_half_an_outage_without_a_replica_is_bounded_by_the_budget(world: World) -> None:
    guard = guard_of(Time(), breaker=NEVER_OPEN, budget=BudgetConfig(ratio=0.125, floor=3.0, floor_per_s=0.0))
    world.primary.error_rate, world.primary.codes = 0.4, (Code.ENGINE_OVERLOADED,)
    answered = sum(read(guard, world, replica=False) == "primary" for _ in range(400))
    world.primary.error_rate, world.primary.codes = 0.0, (Code.ENGINE_UNAVAILABLE,)
    assert world.primary.calls <= 400 + 0.125 * answered + 3.0


def test_a_well_engine_is_used_again_within_a_fifth_more_than_the_interval(world: World) -> None:
    time = Time()
    guard = guard_of(time, breaker=BreakerConfig(open_s=5.0))
    world.primary.broken = True
    while guard.ward(world.primary, "scan").admits:
        read(guard, world)
    opened_at = time.now
    world.primary.broken = False
    while read(guard, world) == "replica":
        time.now += 0.25
    assert time.now - opened_at <= 1.2 * 5.0
    for _ in range(2):
        read(guard, world)
    assert guard.ward(world.primary, "scan").breaker.state is BreakerState.CLOSED


def test_fifty_threads_at_a_half_open_engine_are_three_calls(world: World) -> None:
    time, gate, inside = Time(), threading.Event(), Queue[str]()

    class Gated(Told):
        """Keeps every call inside until the gate opens."""

        def _before(self, call: Call) -> None:
            inside.put("in")
            gate.wait()

    guard = guard_of(time, breaker=BreakerConfig(open_s=5.0, probes=3))
    gated = Gated(world.primary.engine)
    gated.id = "gated"
    placement = world.placements(READ, replica=False)[0]
    placement.engine = gated
    breaker = guard.ward(gated, "scan").breaker
    while breaker.allow():
        breaker.record(False, 0.0)
    time.now += 5.0
    refused: Queue[object] = Queue()

    def work() -> None:
        found = outcome_of(lambda: guard.run([placement], world.bound(READ), UNBOUNDED, write=False))
        if isinstance(found, NotSent):
            refused.put(found)

    threads = [threading.Thread(target=work) for _ in range(50)]
    for thread in threads:
        thread.start()
    for _ in range(47):
        refused.get()
    for _ in range(3):
        inside.get()
    assert inside.empty()
    gate.set()
    for thread in threads:
        thread.join()
    assert breaker.state is BreakerState.CLOSED
    assert refused.empty()


def test_a_breaker_without_a_replica_refuses_at_once_and_tells_the_way_out(world: World) -> None:
    time = Time()
    guard = guard_of(time)
    world.primary.broken = True
    while guard.ward(world.primary, "scan").admits:
        read(guard, world, replica=False)
    calls, slept = world.primary.calls, len(time.slept)
    error = read(guard, world, replica=False)
    assert isinstance(error, NotSent)
    assert (error.code, error.outcome) == (Code.ENGINE_UNAVAILABLE, Outcome.NOT_EXECUTED)
    assert "left alone" in error.message
    assert (world.primary.calls, len(time.slept)) == (calls, slept)


def test_what_an_engine_said_is_told_rather_than_that_the_next_was_not_asked(world: World) -> None:
    guard = guard_of(Time())
    world.replica.broken = True
    for _ in range(10):
        with pytest.raises(PolyrouteError):
            guard.run(world.entry.placements[1:], world.bound(READ), Call(), write=False)
    world.primary.tell(Code.MEMORY_LIMIT_EXCEEDED, times=math.inf)
    error = read(guard, world)
    assert isinstance(error, PolyrouteError)
    assert (error.code, error.engine) == (Code.MEMORY_LIMIT_EXCEEDED, "primary")


def test_an_unknown_fate_stays_unknown_when_the_repetition_is_refused(world: World) -> None:
    guard = guard_of(Time())
    call = Call(idempotency_key="unknown fate")
    engine = world.primary
    engine.tell(Code.ENGINE_TIMEOUT, Outcome.UNKNOWN)
    engine.fail_calls = range(2, 100)
    try:
        error = outcome_of(
            lambda: guard.run(world.placements(WRITE), world.bound(WRITE), call, write=True, idempotent=True)
        )
    finally:
        engine.fail_calls = ()
    assert isinstance(error, PolyrouteError)
    assert (error.code, error.outcome) == (Code.ENGINE_UNAVAILABLE, Outcome.UNKNOWN)
    assert engine.calls > 1
    assert world.names(engine).count("new") == 1


def test_a_call_that_was_given_up_says_nothing_of_the_engine(world: World) -> None:
    guard = guard_of(Time())
    for _ in range(30):
        call = Call()
        call.cancel()
        assert isinstance(read(guard, world, call), PolyrouteError)
    seen = guard.ward(world.primary, "scan").breaker.snapshot()
    assert (seen.state, seen.failures) == (BreakerState.CLOSED, 0)
    assert guard.monitor.error_statistics() == {}
    assert guard.in_flight["primary"] == 0
    assert world.replica.calls == 0


def test_nothing_is_tried_after_the_deadline(world: World) -> None:
    guard = guard_of(Time())
    world.primary.broken = world.replica.broken = True
    error = read(guard, world, Call(timeout_s=1e-9))
    assert isinstance(error, TimeoutError)
    assert world.primary.calls + world.replica.calls == 0


def test_a_schema_that_changed_is_the_business_of_whoever_bound_it(world: World) -> None:
    class Changed(Told):
        def _before(self, call: Call) -> None:
            raise SchemaChanged("things")

    guard = guard_of(Time())
    changed = Changed(world.primary.engine)
    changed.id = "primary"
    placement = world.placements(READ)[0]
    placement.engine = changed
    with pytest.raises(SchemaChanged):
        guard.run([placement], world.bound(READ), Call(), write=False)
    assert guard.ward(changed, "scan").breaker.snapshot().failures == 0
    assert guard.monitor.error_statistics() == {}


def test_a_whole_select_is_guarded_as_a_read_is(world: World) -> None:
    guard = guard_of(Time())
    op = BoundSelect("SELECT name FROM things WHERE id = 1", ("things",))
    world.primary.broken = True
    found = guard.run(world.entry.placements, op, Call(), write=False)
    assert QueryResult(found.answer).fetchall() == [("n1",)]
    assert (found.placement.engine.id, found.attempts) == ("replica", 2)


def test_an_engine_at_its_limit_sends_reads_on_and_a_lonely_one_says_so(world: World) -> None:
    time = Time()
    guard = Guard(concurrency=LimiterConfig(initial=1, minimum=1, patience_s=0.0), clock=time, sleep=time.sleep)
    assert guard.ward(world.primary, "scan").limiter.enter()
    assert read(guard, world) == "replica"
    error = read(guard, world, replica=False)
    assert isinstance(error, NotSent)
    assert error.code == Code.ENGINE_OVERLOADED
    assert "limit of 1" in error.message
    guard.ward(world.primary, "scan").limiter.leave()
    assert read(guard, world) == "primary"


def test_overload_lowers_the_limit_and_quiet_raises_it(world: World) -> None:
    guard = guard_of(Time())
    limiter = guard.ward(world.primary, "scan").limiter
    world.primary.tell(Code.ENGINE_OVERLOADED)
    assert read(guard, world) == "primary"
    assert limiter.limit == 48
    assert limiter.lowered_at == 1000.0


def test_a_call_waits_for_its_place_and_its_deadline_ends_that(world: World) -> None:
    guard = Guard(concurrency=LimiterConfig(initial=1, minimum=1))
    limiter = guard.ward(world.primary, "scan").limiter
    assert limiter.enter()
    error = read(guard, world, Call(timeout_s=0.02), replica=False)
    assert isinstance(error, TimeoutError)
    got: list[object] = []
    waiter = threading.Thread(target=lambda: got.append(read(guard, world, replica=False)))
    waiter.start()
    limiter.leave()
    waiter.join()
    assert got == ["primary"]
    assert guard.in_flight["primary"] == 0


def test_calls_in_flight_are_counted_exactly(world: World) -> None:
    guard = guard_of(Time())
    world.primary.error_rate = 0.5
    threads = [threading.Thread(target=lambda: [read(guard, world) for _ in range(15)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    world.primary.error_rate = 0.0
    assert dict(guard.in_flight) == {"primary": 0, "replica": 0}
    assert guard.in_flight["nobody"] == 0


def test_an_engine_that_comes_under_an_old_id_starts_anew(world: World) -> None:
    guard = guard_of(Time())
    world.primary.broken = True
    for _ in range(12):
        read(guard, world)
    assert not guard.ward(world.primary, "scan").admits
    guard.forget("primary")
    world.primary.broken = False
    assert read(guard, world) == "primary"


def test_an_opened_breaker_is_signalled(world: World) -> None:
    guard = guard_of(Time())
    heard: list[PolyrouteError] = []
    guard.monitor.signals.subscribe(heard.append)
    world.primary.broken = True
    for _ in range(30):
        read(guard, world)
    assert [(s.code, s.engine) for s in heard] == [(Code.PERFORMANCE_DEGRADED, "primary")]


def test_a_pause_ends_when_its_call_is_cancelled(world: World) -> None:
    guard = Guard()
    call = Call()
    call.cancel()
    guard._pause(3600.0, call)
    late = Call(timeout_s=0.01)
    guard._pause(3600.0, late)
    assert late.expired
    guard._pause(3600.0, late)

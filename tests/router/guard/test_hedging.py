"""Hedged reads: who wins, who is cancelled, what it may cost; made certain by engines that hang until stopped."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from polyroute import DatabaseCoordinator, Requirements, Routing
from polyroute.engines import Answer, open_engine
from polyroute.engines.binding import Bound
from polyroute.engines.call import UNBOUNDED, Call
from polyroute.engines.faults import FaultyEngine
from polyroute.errors import BudgetConfig, DatabaseErrorCode, PolyrouteError
from polyroute.optimizer.cache import CacheSettings
from polyroute.result import QueryResult
from polyroute.router.guard import Guard, Guarded, HedgeConfig, Ward
from tests.router.guard.world import READ, ROWS, Time, World


@pytest.fixture
def hanging(world: World) -> Iterator[World]:
    """Give a primary that never answers unless it is cancelled."""
    world.primary.hang_rate = 1.0
    yield world
    world.primary.hang_rate = world.replica.hang_rate = 0.0


@pytest.fixture(autouse=True)
def _settled() -> Iterator[None]:
    """Leave no call of one test to be counted in the next."""
    yield
    settle()


def settle() -> None:
    """Wait until the calls that lost have ended."""
    for thread in threading.enumerate():
        if thread.name == "polyroute-hedge":
            thread.join()


def hedged(guard: Guard, world: World, call: Call = UNBOUNDED, **how: float) -> Guarded:
    return guard.run_hedged(world.placements(READ), world.bound(READ), call, **how)  # type: ignore[arg-type]


@pytest.mark.parametrize("delay_s", [0.0, 0.001], ids=["at once", "when late"])
def test_the_second_answers_for_a_first_that_hangs_and_the_first_is_cancelled(hanging: World, delay_s: float) -> None:
    guard = Guard()
    found = hedged(guard, hanging, delay_s=delay_s)
    assert (found.placement.engine.id, found.attempts) == ("replica", 2)
    assert QueryResult(found.answer).fetchall() == [(1, "n1")]
    # the loser was stopped: its place comes back, and nothing is held against its engine
    settle()
    assert dict(guard.in_flight) == {"primary": 0, "replica": 0}
    hanging.primary.hang_rate = 0.0
    assert hedged(guard, hanging, delay_s=60.0).placement.engine.id == "primary"
    assert guard.ward(hanging.primary, "scan").breaker.snapshot().failures == 0
    assert guard.monitor.error_statistics() == {}


def test_a_first_that_answers_in_time_is_not_hedged(world: World) -> None:
    found = hedged(Guard(), world, delay_s=60.0)
    assert (found.placement.engine.id, found.attempts) == ("primary", 1)
    assert world.replica.calls == 0


def test_a_first_that_fails_goes_on_as_ever(world: World) -> None:
    world.primary.broken = True
    found = hedged(Guard(), world, delay_s=60.0)
    assert (found.placement.engine.id, found.attempts) == ("replica", 2)


def test_a_late_second_that_fails_leaves_the_first_its_time(hanging: World) -> None:
    class Mended(Guard):
        """Lets the primary answer once the replica has failed."""

        def attempt(self, ward: Ward, op: Bound, call: Call, write: bool) -> tuple[Answer, float]:
            try:
                return super().attempt(ward, op, call, write)
            except PolyrouteError:
                if ward.engine is hanging.replica:
                    while not hanging.primary._waiting:
                        time.sleep(0)
                    hanging.primary.hang_rate = 0.0
                    for waiting in list(hanging.primary._waiting):
                        waiting.set()
                raise

    hanging.replica.tell(DatabaseErrorCode.QUERY_INVALID)
    found = hedged(Mended(), hanging, delay_s=0.001)
    # what hung ended with a time-out of its engine, was tried again, and beside it stood the second
    assert (found.placement.engine.id, found.attempts) == ("primary", 3)


def test_engines_that_cannot_be_stopped_race_in_threads(hanging: World) -> None:
    hanging.primary.traits = replace(hanging.primary.traits, cancellable=False)  # type: ignore[misc]
    try:
        found = hedged(Guard(), hanging, delay_s=0.001)
    finally:
        hanging.primary.traits = hanging.primary.engine.traits  # type: ignore[misc]
    assert (found.placement.engine.id, found.attempts) == ("replica", 2)


def test_when_nobody_answers_the_first_error_is_told(world: World) -> None:
    world.primary.tell(DatabaseErrorCode.QUERY_INVALID)
    world.replica.tell(DatabaseErrorCode.QUERY_INVALID)
    with pytest.raises(PolyrouteError) as caught:
        hedged(Guard(), world, delay_s=0.0)
    assert caught.value.code == DatabaseErrorCode.QUERY_INVALID


def test_hedges_keep_to_their_share(hanging: World) -> None:
    share = BudgetConfig(ratio=0.05, reserve=10.0, floor=2.0, floor_per_s=0.0)
    guard = Guard(hedging=HedgeConfig(delay_s=0.0, budget=share), clock=lambda: 0.0)
    assert [hedged(guard, hanging).attempts for _ in range(2)] == [2, 2]
    hanging.primary.hang_rate = 0.0
    calls = hanging.replica.calls
    for _ in range(100):
        hedged(guard, hanging, delay_s=0.0)
    # 102 answers earn 5.1 hedges; how many were made is chance, that there were no more is not
    assert hanging.replica.calls - calls <= 5


def test_outside_the_budget_both_are_asked_whenever_somebody_wants(hanging: World) -> None:
    guard = Guard(hedging=HedgeConfig(budget=BudgetConfig(ratio=0.0, floor=0.0)))
    for _ in range(5):
        found = guard.run_hedged(
            hanging.placements(READ), hanging.bound(READ), UNBOUNDED, delay_s=0.0, within_budget=False
        )
        assert found.placement.engine.id == "replica"


@pytest.mark.parametrize("delay_s", [0.0, 0.001], ids=["at once", "when late"])
@pytest.mark.parametrize("cancelled", [False, True], ids=["deadline", "cancelled"])
def test_both_end_with_the_call(hanging: World, cancelled: bool, delay_s: float) -> None:
    hanging.replica.hang_rate = 1.0
    call = Call() if cancelled else Call(timeout_s=0.05)
    guard = Guard()
    if cancelled:
        call.cancel()
    with pytest.raises(TimeoutError):
        hedged(guard, hanging, call, delay_s=delay_s)
    settle()
    assert set(guard.in_flight.values()) <= {0}


def test_the_delay_is_what_is_usual_once_that_is_known(world: World) -> None:
    time = Time()
    guard = Guard(hedging=HedgeConfig(delay_s=7.0, known_calls=3), clock=time)
    ward = guard.ward(world.primary, "scan")
    assert guard._usual_s(ward) == 7.0
    for _ in range(3):
        ward.timings.observe(time.now, 0.5)
    time.now += 1.0
    assert guard._usual_s(ward) == pytest.approx(0.5, rel=0.011)


def test_one_placement_has_nobody_to_race(world: World) -> None:
    found = Guard().run_hedged(world.placements(READ, replica=False), world.bound(READ), UNBOUNDED, delay_s=0.0)
    assert (found.placement.engine.id, found.attempts) == ("primary", 1)


@pytest.mark.parametrize("wrong", [{"delay_s": -1.0}, {"known_calls": 0}])
def test_a_senseless_hedge_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        HedgeConfig(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("strategy", ["round_robin", "least_loaded"])
def test_a_read_of_high_priority_is_hedged(tmp_path: Path, strategy: str) -> None:
    hangs = FaultyEngine(open_engine(f"sqlite:///{tmp_path}/a.db"))
    with DatabaseCoordinator(cache=CacheSettings(enabled=False)) as db:
        db.register_engine(hangs, "first")
        db.register_engine(f"duckdb:///{tmp_path}/b.duckdb", "second")
        db.load("things", ROWS, engine=("first", "second"), show_progress=False)
        hangs.hang_rate = 1.0
        found = db.scan(
            "things",
            where="id = 1",
            routing=Routing(load_balancing=strategy),
            requirements=Requirements(priority="high"),
        )
        assert found.fetchall() == [(1, "n1")]
        assert (found.engine, found.attempts) == ("second", 2)
        assert found.route is not None
        assert "first was late" in found.route.reason
        settle()

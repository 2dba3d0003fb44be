"""The health report: states, reasons and recommendations, from pings, breakers, limits, budgets and figures."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from polyroute.engines import open_engine
from polyroute.engines.faults import FaultyEngine
from polyroute.errors import BudgetConfig, DatabaseErrorCode, LimiterConfig
from polyroute.monitoring import Monitor, Thresholds
from polyroute.router.guard import Guard
from polyroute.router.health import Finding, HealthReport, health_report
from polyroute.router.probes import Prober


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def engine() -> Iterator[FaultyEngine]:
    made = FaultyEngine(open_engine("sqlite://"))
    made.id = "rel"
    yield made
    made.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


def guard_of(clock: Clock, **settings: object) -> Guard:
    return Guard(clock=clock, monitor=Monitor(Thresholds(degraded_calls=10), clock=clock), **settings)  # type: ignore[arg-type]


def report(engine: FaultyEngine, guard: Guard, *findings: Finding) -> HealthReport:
    return health_report({"rel": engine}, guard, findings)


def test_an_engine_that_answers_is_healthy(engine: FaultyEngine, clock: Clock) -> None:
    found = report(engine, guard_of(clock))
    [health] = found.engines
    assert (found.overall, health.state, health.reasons, found.recommendations) == ("healthy", "healthy", (), ())
    assert health.ping_ms is not None
    assert health_report({}, guard_of(clock)).overall == "healthy"


def test_an_engine_without_a_sign_of_life_is_unavailable(engine: FaultyEngine, clock: Clock) -> None:
    engine.broken = True
    found = report(engine, guard_of(clock))
    [health] = found.engines
    assert (found.overall, health.state, health.ping_ms) == ("unavailable", "unavailable", None)
    assert health.reason.startswith("ENGINE_UNAVAILABLE")
    assert "does not answer" in found.recommendations[0]
    assert "rel: unavailable" in str(found)


def test_an_open_breaker_degrades(engine: FaultyEngine, clock: Clock) -> None:
    guard = guard_of(clock)
    breaker = guard.ward(engine, "scan").breaker
    while breaker.allow():
        breaker.record(False, 0.1)
    found = report(engine, guard)
    assert (found.overall, found.engines[0].reason) == ("degraded", "breaker open for scan")
    assert "by itself" in found.recommendations[0]


def test_overload_degrades(engine: FaultyEngine, clock: Clock) -> None:
    guard = guard_of(clock, concurrency=LimiterConfig(initial=10))
    limiter = guard.ward(engine, "scan").limiter
    limiter.enter()
    limiter.leave_overloaded(clock.now, clock.now)
    assert report(engine, guard).engines[0].reason == "held to 7 calls at once by overload"
    clock.now += 61.0
    assert report(engine, guard).overall == "healthy"


def test_a_spent_budget_degrades(engine: FaultyEngine, clock: Clock) -> None:
    guard = guard_of(clock, budget=BudgetConfig(floor=1.0))
    assert guard.ward(engine, "scan").budget.withdraw()
    assert report(engine, guard).overall == "healthy"
    guard.monitor.failed("rel", "scan", DatabaseErrorCode.ENGINE_TIMEOUT, 1.0)
    assert report(engine, guard).engines[0].reason == "no more repetitions for now"


def test_many_errors_lately_degrade_and_old_ones_do_not(engine: FaultyEngine, clock: Clock) -> None:
    guard = guard_of(clock)
    for i in range(20):
        guard.monitor.timings("rel", "scan").observe(clock.now, 0.01)
        if i % 5 == 0:
            guard.monitor.failed("rel", "scan", DatabaseErrorCode.QUERY_TIMEOUT, 0.01)
    found = report(engine, guard)
    assert found.engines[0].reason == "17% of the calls of the last minute failed"
    assert found.engines[0].errors == {"QUERY_TIMEOUT": 4}
    clock.now += 120
    assert report(engine, guard).overall == "healthy"


def test_an_operation_that_became_slow_degrades(engine: FaultyEngine, clock: Clock) -> None:
    guard = guard_of(clock)
    for seconds in (0.001, 0.01):
        for _ in range(10):
            guard.monitor.timings("rel", "scan").observe(clock.now, seconds)
        clock.now += 100.0
    clock.now -= 90.0
    assert "scan takes 10.0 times as long as before" in report(engine, guard).engines[0].reason


def test_others_bring_findings_of_their_own(engine: FaultyEngine, clock: Clock) -> None:
    brought = Finding("rel", "the copy of airports could not be refreshed", "db.refresh('airports')")
    found = report(engine, guard_of(clock), brought, Finding("gone", "nothing", "nothing"))
    assert (found.overall, found.engines[0].reasons) == ("degraded", (brought.reason,))
    assert found.recommendations == ("db.refresh('airports')",)


def test_a_probe_signals_an_engine_that_does_not_answer(engine: FaultyEngine, clock: Clock) -> None:
    monitor, heard = Monitor(clock=clock), []
    monitor.signals.subscribe(heard.append)
    prober = Prober(lambda: {"rel": engine}, monitor, every_s=3600.0)
    prober.look()
    assert (prober.unanswered, heard) == (frozenset(), [])
    engine.broken = True
    prober.look()
    prober.look()
    assert prober.unanswered == {"rel"}
    assert [(s.code, s.engine) for s in heard] == [(DatabaseErrorCode.PERFORMANCE_DEGRADED, "rel")]
    engine.broken = False
    prober.look()
    assert prober.unanswered == frozenset()


def test_probes_end_when_they_are_stopped(engine: FaultyEngine) -> None:
    prober = Prober(lambda: {"rel": engine}, Monitor(), every_s=3600.0)
    prober.start()
    prober.stop()
    assert prober._thread is not None
    assert not prober._thread.is_alive()
    prober.stop()

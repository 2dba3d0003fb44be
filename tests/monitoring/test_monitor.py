"""Figures, error statistics and signals, by a clock that stands still until a test moves it."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import pytest

from polyroute.errors import DatabaseErrorCode, PerformanceError, PolyrouteError
from polyroute.monitoring import Monitor, Thresholds, Timings

DEGRADED = DatabaseErrorCode.PERFORMANCE_DEGRADED
EXCEEDED = DatabaseErrorCode.LATENCY_THRESHOLD_EXCEEDED
MISSES = DatabaseErrorCode.CACHE_MISS_RATE_HIGH


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


def monitor_of(**thresholds: float) -> tuple[Monitor, Clock, list[PerformanceError]]:
    clock, heard = Clock(), list[PerformanceError]()
    monitor = Monitor(Thresholds(**thresholds), clock=clock)  # type: ignore[arg-type]
    monitor.signals.subscribe(heard.append)
    return monitor, clock, heard


def test_figures_per_operation_and_engine() -> None:
    monitor, clock, _ = monitor_of()
    for i in range(100):
        clock.now += 0.1
        monitor.timings("rel", "scan").observe(clock.now, (i + 1) / 1000)
        monitor.timings("rel", "relational_get").observe(clock.now, 0.001)
    monitor.failed("rel", "scan", DatabaseErrorCode.ENGINE_TIMEOUT, 1.0)
    found = monitor.metrics()
    assert found.window_s == pytest.approx(10.0)
    [engine] = found.engines
    assert (engine.engine, engine.operation, engine.calls, engine.errors) == ("rel", None, 201, 1)
    get, scan = found.operations
    assert (get.operation, get.calls, get.errors, scan.calls, scan.errors) == ("relational_get", 100, 0, 101, 1)
    assert scan.throughput_per_s == pytest.approx(10.0)
    assert scan.p50_ms == pytest.approx(50, rel=0.011)
    assert scan.p99_ms == pytest.approx(99, rel=0.011)
    assert scan.utilisation == pytest.approx((5.05 + 1.0) / 10.0)
    assert "relational_get" in str(found)
    assert found.to_dict()["cache"] is None


def test_a_window_shows_what_happened_in_it() -> None:
    monitor, clock, _ = monitor_of()
    monitor.timings("rel", "scan").observe(clock.now, 1.0)
    monitor.failed("rel", "scan", DatabaseErrorCode.ENGINE_TIMEOUT, 1.0)
    clock.now += 120.0
    monitor.timings("rel", "scan").observe(clock.now, 2.0)
    assert [m.calls for m in monitor.metrics(60.0).operations] == [1]
    assert [m.calls for m in monitor.metrics().operations] == [3]
    assert monitor.error_statistics(60.0) == {}
    assert monitor.error_statistics() == {"rel": {"ENGINE_TIMEOUT": 1}}
    for ask in (monitor.metrics, monitor.error_statistics):
        for window_s in (0.0, 1e6, float("nan")):
            with pytest.raises(PolyrouteError, match="window_s"):
                ask(window_s)


def test_old_slots_are_merged_and_nothing_is_lost() -> None:
    timings = Timings()
    for second in range(20_000):
        timings.observe(float(second), 0.5)
        timings.fail(float(second), 0.25)
    assert timings.sums(now=20_000.0).calls == 40_000
    assert timings.sums(now=20_000.0).busy_s == pytest.approx(15_000)
    assert len(timings._slots) == 90


def test_no_observation_is_lost_between_threads() -> None:
    monitor = Monitor(clock=lambda: 5.0)

    def work() -> None:
        timings = monitor.timings("rel", "scan")
        for i in range(2_000):
            timings.observe(5.0, 0.001)
            if i % 500 == 0:
                monitor.metrics()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert monitor.metrics().operations[0].calls == 16_000


def test_a_slow_call_is_told_and_not_too_often() -> None:
    monitor, clock, heard = monitor_of(latency_s=1.0, repeat_s=60.0)
    for seconds in (0.5, 1.0, 3.0):
        monitor.timings("rel", "scan").observe(clock.now, seconds)
    monitor.timings("rel", "relational_get").observe(clock.now, 2.0)
    assert [(s.code, s.engine) for s in heard] == [(EXCEEDED, "rel")] * 2
    assert "scan on rel took 1 s" in heard[0].message
    assert heard[0].hint
    clock.now += 60.0
    monitor.timings("rel", "scan").observe(clock.now, 1.0)
    assert len(heard) == 3


def test_an_operation_that_became_slow_is_told_and_a_mixed_one_is_not() -> None:
    monitor, clock, heard = monitor_of(degraded_calls=50)
    for _ in range(100):
        monitor.timings("rel", "scan").observe(clock.now, 0.001)
        for seconds in (0.001, 1.0):
            monitor.timings("rel", "mixed").observe(clock.now, seconds)
    clock.now += 100.0
    for _ in range(1000):
        monitor.timings("rel", "scan").observe(clock.now, 0.004)
        for seconds in (0.001, 1.0):
            monitor.timings("rel", "mixed").observe(clock.now, seconds)
    clock.now += 10.0
    monitor.check_when_due()
    assert set(monitor.degraded()) == {("rel", "scan")}
    assert [(s.code, s.engine) for s in heard] == [(DEGRADED, "rel")]
    assert "4.0 times" in heard[0].message


def test_full_buffers_let_the_thresholds_be_checked() -> None:
    monitor, clock, heard = monitor_of(degraded_calls=50)
    timings = monitor.timings("rel", "scan")
    for _ in range(256):
        timings.observe(clock.now, 0.001)
    clock.now += 100.0
    for _ in range(256):
        timings.observe(clock.now, 0.1)
    assert [s.code for s in heard] == [DEGRADED]


def test_a_cache_that_seldom_answers_is_told() -> None:
    monitor, _, heard = monitor_of(miss_rate=0.9, miss_lookups=100)
    seen = [0, 0]
    monitor.watch_cache(lambda: (seen[0], seen[1]))
    for hits, misses, told in [(5, 50, 0), (11, 89, 0), (20, 180, 1)]:
        seen[:] = hits, misses
        monitor.check()
        assert len(heard) == told, (hits, misses)
    assert heard[0].code == MISSES
    cache = monitor.metrics().cache
    assert cache is not None
    assert (cache.hits, cache.misses, cache.hit_rate) == (20, 180, 0.1)
    assert "10% hits" in str(monitor.metrics())


def test_a_callback_that_fails_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    monitor, clock, heard = monitor_of(latency_s=1.0)

    def fails(signal: PerformanceError) -> None:
        raise ValueError("on purpose")

    stop = monitor.signals.subscribe(fails)
    monitor.signals.subscribe(heard.append)
    monitor.timings("rel", "scan").observe(clock.now, 2.0)
    assert len(heard) == 2
    assert "on_signal" in caplog.text
    stop()
    caplog.clear()
    clock.now += 100
    monitor.timings("rel", "scan").observe(clock.now, 2.0)
    assert (len(heard), caplog.text) == (4, "")


@pytest.mark.parametrize(
    "wrong",
    [
        {"latency_s": 0.0},
        {"degraded_factor": 1.0},
        {"degraded_calls": 0},
        {"miss_rate": 0.0},
        {"miss_lookups": 0},
        {"repeat_s": float("nan")},
    ],
)
def test_senseless_thresholds_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Thresholds(**wrong)  # type: ignore[arg-type]


def test_an_engine_that_left_is_forgotten_and_its_errors_are_not() -> None:
    monitor, clock, _ = monitor_of()
    monitor.timings("rel", "scan").observe(clock.now, 1.0)
    monitor.failed("rel", "scan", DatabaseErrorCode.ENGINE_TIMEOUT, 1.0)
    monitor.forget("rel")
    assert monitor.metrics().operations == ()
    assert monitor.error_statistics() == {"rel": {"ENGINE_TIMEOUT": 1}}

"""The state of the engines, for people: who answers, who fails, who became slow, and what to do.

Every engine is asked for a sign of life; beside the answer stand the findings of the guard (breakers, limits, budgets),
of the monitor (errors and latencies of the last minute) and of whoever brings more.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from polyroute.engines import Call, Engine
from polyroute.engines.execution import translate
from polyroute.engines.workers import run_bounded
from polyroute.errors import BreakerState, PolyrouteError
from polyroute.monitoring import Monitor
from polyroute.router.guard import Guard

_PING_S = 2.0
_LATELY_S = 60.0
_ERROR_RATE = 0.1
_ERROR_CALLS = 20
_WORST = ("healthy", "degraded", "unavailable")


@dataclass(frozen=True, slots=True)
class Finding:
    """One reason why an engine is not healthy, and what to do about it."""

    engine: str
    reason: str
    recommendation: str


@dataclass(frozen=True, slots=True)
class EngineHealth:
    """One engine: 'healthy', 'degraded' (it answers, but something is wrong) or 'unavailable' (no sign of life).

    `errors` counts those since the connection was made, by code.
    """

    engine: str
    state: str
    reasons: tuple[str, ...]
    ping_ms: float | None
    errors: Mapping[str, int] = field(default_factory=dict)

    @property
    def reason(self) -> str:
        """All reasons in one line; empty for a healthy engine."""
        return "; ".join(self.reasons)


@dataclass(frozen=True, slots=True)
class HealthReport:
    """All engines, the worst state as `overall`, and recommendations.

    >>> print(HealthReport("healthy", (EngineHealth("rel", "healthy", (), 0.1),), ()))
    overall: healthy
      rel: healthy
    """

    overall: str
    engines: tuple[EngineHealth, ...]
    recommendations: tuple[str, ...]

    def __str__(self) -> str:
        lines = [f"overall: {self.overall}"]
        lines += [f"  {e.engine}: {e.state}{f' ({e.reason})' if e.reason else ''}" for e in self.engines]
        lines += [f"  - {r}" for r in self.recommendations]
        return "\n".join(lines)


def health_report(engines: Mapping[str, Engine], guard: Guard, findings: Iterable[Finding] = ()) -> HealthReport:
    """Ask every engine for a sign of life and put together what is known of it.

    `findings` are those of others: a replica that could not be refreshed, a pushdown in quarantine.
    """
    guard.monitor.check_when_due()
    brought = list(findings)
    states, recommendations = [], dict[str, None]()
    errors = guard.monitor.error_statistics()
    for engine in engines.values():
        found = [*_of_guard(engine, guard), *_of_monitor(engine, guard.monitor)]
        found += [f for f in brought if f.engine == engine.id]
        ping_ms, error = ping(engine)
        if error is not None:
            advice = f"{engine.id} does not answer: look at its file or server; other placements still do"
            found.insert(0, Finding(engine.id, f"{error.code}: {error.message}", advice))
        state = "unavailable" if error is not None else "degraded" if found else "healthy"
        states.append(
            EngineHealth(engine.id, state, tuple(f.reason for f in found), ping_ms, errors.get(engine.id, {}))
        )
        recommendations.update(dict.fromkeys(f.recommendation for f in found))
    overall = max((s.state for s in states), key=_WORST.index, default="healthy")
    return HealthReport(overall, tuple(states), tuple(recommendations))


def ping(engine: Engine) -> tuple[float | None, PolyrouteError | None]:
    """Ask an engine for a sign of life: the milliseconds it took, or the error in its place."""
    call = Call(timeout_s=_PING_S)
    started = time.perf_counter()
    try:
        if engine.traits.cancellable:
            engine.ping(call)
        else:
            run_bounded(lambda: engine.ping(call), call)
    except Exception as exc:  # noqa: BLE001 - any failure is the finding
        return None, translate(engine, exc, call)
    return (time.perf_counter() - started) * 1e3, None


def _of_guard(engine: Engine, guard: Guard) -> list[Finding]:
    found = []
    wards = guard.wards(engine.id)
    held_back = [w.operation for w in wards if w.breaker.state is not BreakerState.CLOSED]
    if held_back:
        advice = f"{engine.id} failed repeatedly: see error_statistics(); it is tried again by itself"
        found.append(Finding(engine.id, f"breaker open for {', '.join(held_back)}", advice))
    if wards and wards[0].limiter.lowered_at >= guard.clock() - _LATELY_S:
        limiter = wards[0].limiter
        advice = f"{engine.id} is overloaded: send reads to a replica (db.replicate), or fewer at once"
        found.append(Finding(engine.id, f"held to {limiter.limit} calls at once by overload", advice))
    if wards and wards[0].budget.left < 1.0 and guard.monitor.error_statistics(_LATELY_S).get(engine.id):
        advice = f"{engine.id} fails more often than repetitions may make up for: see error_statistics()"
        found.append(Finding(engine.id, "no more repetitions for now", advice))
    return found


def _of_monitor(engine: Engine, monitor: Monitor) -> list[Finding]:
    found = []
    lately = next((m for m in monitor.metrics(_LATELY_S).engines if m.engine == engine.id), None)
    if lately is not None and lately.calls >= _ERROR_CALLS and lately.errors >= _ERROR_RATE * lately.calls:
        advice = f"{engine.id} fails often: see error_statistics(window_s={_LATELY_S:g})"
        share = lately.errors / lately.calls
        found.append(Finding(engine.id, f"{share:.0%} of the calls of the last minute failed", advice))
    for (held, operation), factor in monitor.degraded().items():
        if held == engine.id:
            advice = f"{operation} on {engine.id} became slow: see performance_metrics() and recommendations"
            found.append(Finding(engine.id, f"{operation} takes {factor:.1f} times as long as before", advice))
    return found

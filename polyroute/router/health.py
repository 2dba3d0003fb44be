"""The state of the engines, for people: who answers, who fails, what to do."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from polyroute.engines import Call, Engine
from polyroute.engines.execution import translate
from polyroute.router.guard import Guard

_PING_S = 2.0


@dataclass(frozen=True, slots=True)
class EngineHealth:
    """One engine: 'healthy', 'degraded' (a breaker is not closed) or 'unavailable' (no sign of life), and why."""

    engine: str
    state: str
    reason: str
    ping_ms: float | None
    errors: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class HealthReport:
    """All engines, the worst state as `overall`, and recommendations."""

    overall: str
    engines: tuple[EngineHealth, ...]
    recommendations: tuple[str, ...]

    def __str__(self) -> str:
        lines = [f"overall: {self.overall}"]
        lines += [f"  {e.engine}: {e.state}{f' ({e.reason})' if e.reason else ''}" for e in self.engines]
        lines += [f"  - {r}" for r in self.recommendations]
        return "\n".join(lines)


_WORST = ("healthy", "degraded", "unavailable")


def health_report(engines: Mapping[str, Engine], guard: Guard) -> HealthReport:
    """Ping every engine and put its breakers and errors beside the answer."""
    states = tuple(_engine_health(engine, guard) for engine in engines.values())
    overall = max((s.state for s in states), key=_WORST.index, default="healthy")
    return HealthReport(overall, states, tuple(r for s in states for r in _recommend(s)))


def error_statistics(guard: Guard) -> dict[str, dict[str, int]]:
    """Return the errors counted by engine and code."""
    statistics: dict[str, dict[str, int]] = {}
    for (engine, code), count in guard.errors.copy().items():
        statistics.setdefault(engine, {})[str(code)] = count
    return statistics


def _engine_health(engine: Engine, guard: Guard) -> EngineHealth:
    errors = error_statistics(guard).get(engine.id, {})
    call = Call(timeout_s=_PING_S)
    started = time.perf_counter()
    try:
        engine.ping(call)
    except Exception as exc:  # noqa: BLE001 - any failure is the finding
        error = translate(engine, exc, call)
        return EngineHealth(engine.id, "unavailable", f"{error.code}: {error.args[0]}", None, errors)
    ping_ms = (time.perf_counter() - started) * 1e3
    open_breakers = sorted(op for (e, op), b in guard.breakers().items() if e == engine.id and b.state != "closed")
    if open_breakers:
        return EngineHealth(engine.id, "degraded", f"breaker open for {', '.join(open_breakers)}", ping_ms, errors)
    return EngineHealth(engine.id, "healthy", "", ping_ms, errors)


def _recommend(health: EngineHealth) -> list[str]:
    if health.state == "unavailable":
        return [f"{health.engine} does not answer: look at its file or server; other placements still do"]
    if health.state == "degraded":
        return [f"{health.engine} failed repeatedly: see error_statistics(); it is tried again by itself"]
    return []

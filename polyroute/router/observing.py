"""Looking inside a connection: health, figures, errors, signals. The coordinator inherits it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from polyroute.engines import Engine
from polyroute.errors import PerformanceError
from polyroute.monitoring import PerformanceMetrics
from polyroute.optimizer import ExecutionRecords
from polyroute.router.catalog import Catalog
from polyroute.router.federation import SqlLane, quarantine_findings
from polyroute.router.guard import Guard
from polyroute.router.health import HealthReport, health_report
from polyroute.router.placements.replicas import replica_findings


class ObservingMethods:
    """Tell how the engines of a connection are and were."""

    _engines: dict[str, Engine]
    _guard: Guard
    catalog: Catalog
    executions: ExecutionRecords
    _sql: SqlLane

    def health_report(self) -> HealthReport:
        """Ask every engine for a sign of life and return the state of each, with reasons and what to do about them."""
        findings = [*replica_findings(self.catalog.copies()), *quarantine_findings(self._sql.checks.quarantine)]
        report = health_report(self._engines, self._guard, findings)
        return replace(report, recommendations=(*report.recommendations, *self.executions.notices))

    def performance_metrics(self, window_s: float | None = None) -> PerformanceMetrics:
        """Return throughput, latencies, errors and utilisation per engine and operation, and the cache's hits.

        They are those of the last `window_s` seconds, at most a quarter of an hour, or since the connection was made.
        Raises QUERY_INVALID for a longer window.

        >>> import polyroute
        >>> with polyroute.connect({"rel": "sqlite://"}) as db:
        ...     _ = db.load("airports", [{"iata": "JFK"}], engine="rel", key="iata", show_progress=False)
        ...     _ = db.relational_get("airports", "JFK")
        ...     [(m.engine, m.operation, m.calls) for m in db.performance_metrics().operations]
        [('rel', 'load', 1), ('rel', 'relational_get', 1)]
        """
        return self._guard.monitor.metrics(window_s)

    def error_statistics(self, window_s: float | None = None) -> Mapping[str, Mapping[str, int]]:
        """Return how often each engine failed with which code: in the last `window_s` seconds, or since the connection
        was made.
        """
        return self._guard.monitor.error_statistics(window_s)

    def on_signal(self, callback: Callable[[PerformanceError], object]) -> Callable[[], None]:
        """Call back at performance signals; what is returned ends that.

        A signal is a `PerformanceError` that is never raised: PERFORMANCE_DEGRADED for an engine that fails or became
        slow, LATENCY_THRESHOLD_EXCEEDED and CACHE_MISS_RATE_HIGH past the thresholds in `[resilience]`. The callback
        runs in whichever thread found out and should be quick; what it raises is logged.
        """
        return self._guard.monitor.signals.subscribe(callback)

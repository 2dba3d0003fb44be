"""What `db.performance_metrics()` returns: figures per operation and engine, and of the cache; values only."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from polyroute.monitoring.timings import Sums

__all__ = ["CacheMetrics", "OperationMetrics", "PerformanceMetrics", "figures"]


@dataclass(frozen=True, slots=True)
class OperationMetrics:
    """The figures of one operation of one engine, or of all its operations (`operation` is None).

    `throughput_per_s` are answered calls a second; the percentiles are those of answered calls; `utilisation` are the
    calls that were at work at once, on average.
    """

    engine: str
    operation: str | None
    calls: int
    errors: int
    throughput_per_s: float
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    utilisation: float


@dataclass(frozen=True, slots=True)
class CacheMetrics:
    """How often the result cache answered since the connection was made."""

    hits: int
    misses: int

    @property
    def hit_rate(self) -> float:
        """Divide the hits by all look-ups; 0 where there was none.

        >>> CacheMetrics(3, 1).hit_rate
        0.75
        """
        looked_up = self.hits + self.misses
        return self.hits / looked_up if looked_up else 0.0


@dataclass(frozen=True, slots=True)
class PerformanceMetrics:
    """The figures of `window_s` seconds: per engine, per operation, and of the cache where there is one."""

    window_s: float
    engines: tuple[OperationMetrics, ...]
    operations: tuple[OperationMetrics, ...]
    cache: CacheMetrics | None

    def to_dict(self) -> dict[str, object]:
        """Return everything as plain values, fit for JSON."""
        return asdict(self)

    def __str__(self) -> str:
        rows = [_HEAD, *(_cells(m) for m in (*self.engines, *self.operations))]
        widths = [max(len(row[i]) for row in rows) for i in range(len(_HEAD))]
        lines = [f"the last {self.window_s:.0f} s"]
        lines += ["  ".join(_justified(c, w, i) for i, (c, w) in enumerate(zip(r, widths, strict=True))) for r in rows]
        if self.cache is not None:
            lines.append(f"cache: {self.cache.hits} hits, {self.cache.misses} misses ({self.cache.hit_rate:.0%} hits)")
        return "\n".join(lines)


_HEAD = ("engine", "operation", "calls", "errors", "per s", "p50 ms", "p95 ms", "p99 ms", "at work")


def figures(engine: str, operation: str | None, sums: Sums, span_s: float) -> OperationMetrics:
    """Work the figures out of what happened in `span_s` seconds."""
    answered = sums.answered
    p50, p95, p99 = (answered.quantile(q) for q in (0.5, 0.95, 0.99))
    return OperationMetrics(
        engine=engine,
        operation=operation,
        calls=sums.calls,
        errors=sums.failed,
        throughput_per_s=answered.count / span_s,
        p50_ms=_ms(p50),
        p95_ms=_ms(p95),
        p99_ms=_ms(p99),
        utilisation=sums.busy_s / span_s,
    )


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else seconds * 1e3


def _cells(m: OperationMetrics) -> tuple[str, ...]:
    percentiles = ["-" if p is None else f"{p:.3g}" for p in (m.p50_ms, m.p95_ms, m.p99_ms)]
    operation = "all" if m.operation is None else m.operation
    rate, work = f"{m.throughput_per_s:.3g}", f"{m.utilisation:.2f}"
    return (m.engine, operation, str(m.calls), str(m.errors), rate, *percentiles, work)


def _justified(cell: str, width: int, position: int) -> str:
    return cell.ljust(width) if position < 2 else cell.rjust(width)

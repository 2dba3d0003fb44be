"""The monitoring floor: latency sketches, error counts, figures and performance signals; it knows no engine."""

from polyroute.monitoring.failures import Failure, Failures
from polyroute.monitoring.metrics import CacheMetrics, OperationMetrics, PerformanceMetrics
from polyroute.monitoring.monitor import Monitor
from polyroute.monitoring.signals import Signals, Thresholds
from polyroute.monitoring.sketch import QuantileSketch
from polyroute.monitoring.timings import Sums, Timings

__all__ = [
    "CacheMetrics",
    "Failure",
    "Failures",
    "Monitor",
    "OperationMetrics",
    "PerformanceMetrics",
    "QuantileSketch",
    "Signals",
    "Sums",
    "Thresholds",
    "Timings",
]

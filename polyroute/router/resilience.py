"""The `[resilience]` section of the configuration: every setting of the guard, its signals and its probes, by one name.

The breaker's and the retry policy's settings stand under their own names; those of the budget, the concurrency limit,
hedged reads and signals bear a prefix (`budget_ratio`, `concurrency_maximum`, `hedge_delay_s`, `signal_latency_s`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import TypeVar

from polyroute.errors import BreakerConfig, BudgetConfig, LimiterConfig, RetryPolicy
from polyroute.monitoring import Monitor, Thresholds
from polyroute.router.guard import Guard, HedgeConfig

T = TypeVar("T")

_PREFIXES: Mapping[type, str] = {
    BreakerConfig: "",
    RetryPolicy: "",
    BudgetConfig: "budget_",
    LimiterConfig: "concurrency_",
    HedgeConfig: "hedge_",
    Thresholds: "signal_",
}
# the share of reads that may be hedged is no matter of configuration
_NESTED = frozenset({"hedge_budget"})
PROBES = "probe_every_s"
SETTINGS = (*sorted({p + f.name for c, p in _PREFIXES.items() for f in fields(c)} - _NESTED), PROBES)


@dataclass(frozen=True, slots=True)
class Resilience:
    """All settings of the guard and of what watches the engines; `probe_every_s` is None for no probes."""

    breaker: BreakerConfig = field(default_factory=BreakerConfig)
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    budget: BudgetConfig = field(default_factory=BudgetConfig)
    concurrency: LimiterConfig = field(default_factory=LimiterConfig)
    hedging: HedgeConfig = field(default_factory=HedgeConfig)
    thresholds: Thresholds = field(default_factory=Thresholds)
    probe_every_s: float | None = None

    def __post_init__(self) -> None:
        if self.probe_every_s is not None and not self.probe_every_s > 0.0:
            raise ValueError("probe_every_s must be above 0")

    def guard(self) -> Guard:
        """Make the guard of one connection."""
        return Guard(
            breaker=self.breaker,
            retry=self.retry,
            budget=self.budget,
            concurrency=self.concurrency,
            hedging=self.hedging,
            monitor=Monitor(self.thresholds),
        )


def resilience_from(section: Mapping[str, object]) -> Resilience:
    """Make the settings of a section whose names are known.

    Raises TypeError or ValueError, naming the setting, for a value that makes no sense.

    >>> resilience_from({"open_s": 2.0, "budget_ratio": 0.2}).budget.ratio
    0.2
    """
    probes = section.get(PROBES)
    if probes is not None and not isinstance(probes, int | float):
        raise TypeError(f"{PROBES} is a number of seconds")
    return Resilience(
        breaker=_group(section, BreakerConfig),
        retry=_group(section, RetryPolicy),
        budget=_group(section, BudgetConfig),
        concurrency=_group(section, LimiterConfig),
        hedging=_group(section, HedgeConfig),
        thresholds=_group(section, Thresholds),
        probe_every_s=probes,
    )


def _group(section: Mapping[str, object], cls: type[T]) -> T:
    prefix = _PREFIXES[cls]
    names = [f.name for f in fields(cls) if prefix + f.name in section]  # type: ignore[arg-type]
    return cls(**{name: section[prefix + name] for name in names})

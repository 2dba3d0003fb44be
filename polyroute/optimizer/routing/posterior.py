"""What is known of one class of queries: a mean of log seconds and its spread for each engine that has answered it, and
a lower bound for each that was cut off.

All logarithms are taken less the engine's shift of the day (see `drift`), so that what was learned before an engine
became slower stays true after it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

_MEMORY = 30
_SHRINK = 4.0
_ALIKE = 0.1


@dataclass(frozen=True, slots=True)
class Decision:
    """Where a read goes.

    `limit_s` is the time after which it is to be stopped and decided anew (None: none). `race` is the engine that is
    worth asking side by side when the answer is urgent (None: the other ones are known to be slower); the first answer
    counts, and the one that lost is observed as censored.
    """

    engine: str
    limit_s: float | None = None
    race: str | None = None


class Posterior:
    """The state of one fingerprint over all engines of a policy; mutable, guarded by the policy's lock."""

    __slots__ = (
        "bounds",
        "budget_s",
        "counts",
        "cut",
        "cuts",
        "decision",
        "incumbent",
        "limits",
        "means",
        "observed_at",
        "review_at",
        "row",
        "spreads",
        "surprises",
        "version",
        "visits",
    )

    def __init__(self, engines: int) -> None:
        self.visits = 0
        self.means: list[float | None] = [None] * engines
        self.spreads = [0.0] * engines
        self.surprises = [0] * engines
        self.counts = [0] * engines
        self.cuts = [0] * engines
        self.bounds: list[float | None] = [None] * engines
        self.limits: list[float | None] = [None] * engines
        self.observed_at = [0.0] * engines
        self.incumbent: int | None = None
        self.decision: Decision | None = None
        self.review_at = 0
        self.version = 0
        self.cut = False
        self.budget_s = 0.0
        self.row = -1

    def learn(self, engine: int, log_s: float) -> None:
        """Take in a completed run."""
        mean = self.means[engine]
        self.counts[engine] += 1
        if mean is None:
            self.means[engine] = log_s
            self.bounds[engine] = None
            return
        residual = log_s - mean
        weight = 1.0 / min(self.counts[engine], _MEMORY)
        self.means[engine] = mean + weight * residual
        # the first residual holds the noise of two runs
        self.spreads[engine] += weight * (0.5 * residual * residual - self.spreads[engine])

    def surprised(self, engine: int, residual: float) -> bool:
        """Count surprises of one sign in a row; tell whether that is the second."""
        sign = 1 if residual > 0 else -1
        held = self.surprises[engine]
        self.surprises[engine] = held + sign if held * sign >= 0 else sign
        return abs(self.surprises[engine]) > 1

    def relearn(self, engine: int, log_s: float) -> None:
        """Forget what an engine took before: it has changed for this class."""
        self.means[engine] = log_s
        self.spreads[engine] = 0.0
        self.counts[engine] = 1
        self.surprises[engine] = 0
        self.bounds[engine] = None

    def bound(self, engine: int, log_s: float) -> None:
        """Take in a run that was cut off; of several, the longest counts."""
        held = self.bounds[engine]
        self.cuts[engine] = self.cuts[engine] + 1 if held is not None and log_s < held + _ALIKE else 1
        self.bounds[engine] = log_s if held is None else max(held, log_s)

    def noise(self, engine: int, pooled: float) -> float:
        """Return the variance of one run's log seconds, shrunk to that of all classes."""
        count = self.counts[engine] - 1
        return (pooled * _SHRINK + self.spreads[engine] * max(0, count)) / (_SHRINK + max(0, count))

    def error(self, engine: int, pooled: float) -> float:
        """Return the variance of an engine's mean."""
        return self.noise(engine, pooled) / min(max(1, self.counts[engine]), _MEMORY)

    def choose_incumbent(self, shifts: list[float]) -> bool:
        """Make the engine with the shortest expected time the incumbent; tell whether it is another one."""
        best, found = math.inf, None
        for engine, mean in enumerate(self.means):
            if mean is not None and mean + shifts[engine] < best:
                best, found = mean + shifts[engine], engine
        changed = found != self.incumbent
        self.incumbent = found
        return changed

"""Forgetting: notice that an engine has become faster or slower.

An engine changes for all classes at once (another load, another version), or for one class only (an index, more rows).
Every engine has a shift, in log seconds, that all its means are read with: three surprises in a row of the same sign,
from more than one class where there is more than one, move it. A single surprise only makes the one class forget. An
engine that is not asked cannot surprise, so a small share of the time goes into probes: cheap reads first, the engine
that was not seen for longest first, and again at once after a surprise.
"""

from __future__ import annotations

import math
import statistics
from collections import deque
from collections.abc import Hashable

_SURPRISE = math.log(1.5)
_SIGMAS = 3.5
_EVIDENCE = 3
_PROBE_SHARE = 0.02
_PROBE_SPACING = 6
_SETTLED = 16
_MOST_SAVED = 3.0
_POOLED = 50
_OVERRUN_WEIGHT = 0.3


class Drift:
    """The shifts of the engines of a policy, the noise of a run, and whether it is time to look at an engine again.

    `version` counts the shifts; `due` tells that a probe can be paid for, or that a surprise is to be confirmed;
    `overrun_s` is what a run that is cut takes beyond its limit.

    >>> drift = Drift(2)
    >>> [drift.surprise(0, q, math.log(10), classes=3) for q in ("a", "b", "c")], round(math.exp(drift.shifts[0]))
    ([False, False, True], 10)
    """

    def __init__(self, engines: int) -> None:
        self.shifts = [0.0] * engines
        self.noise = 0.0
        self.version = 0
        self.due = False
        self.overrun_s = 0.0
        self._surprises: list[deque[tuple[Hashable, float]]] = [deque(maxlen=_EVIDENCE) for _ in range(engines)]
        self._asked_at = [0] * engines
        self._compared = 0
        self._reads = 0
        self._probed_at = 0
        self._saved_s = 0.0
        self._mean_s = 0.0

    def is_surprise(self, residual: float, variance: float) -> bool:
        """Tell whether a residual is more than noise."""
        return abs(residual) > max(_SURPRISE, _SIGMAS * math.sqrt(variance))

    def expected(self, engine: int, residual: float, count: int) -> None:
        """Take in a run that was about as expected, of an engine's mean over `count` runs."""
        self._surprises[engine].clear()
        self._widen(residual, count)

    def surprise(self, engine: int, fingerprint: Hashable, residual: float, *, classes: int) -> bool:
        """Take in a run that was not as expected; tell whether the engine as a whole is now held for changed.

        `classes` is how many classes there are: one alone can only speak for its engine where it is the only one.
        """
        self._widen(residual, 1)
        seen = self._surprises[engine]
        if seen and (seen[-1][1] > 0) != (residual > 0):
            seen.clear()
        seen.append((fingerprint, residual))
        self.due = True
        if len(seen) < _EVIDENCE or (classes > 1 and len({f for f, _ in seen}) < 2):
            return False
        self.shifts[engine] += statistics.median(r for _, r in seen)
        self.version += 1
        seen.clear()
        return True

    def ran(self, engine: int, seconds: float, visits: int) -> None:
        """Count a run and save a share of its time for probes, once its class is an old acquaintance."""
        self._reads += 1
        self._asked_at[engine] = self._reads
        self._mean_s += (seconds - self._mean_s) / min(self._reads, 200)
        if visits >= _SETTLED:
            self._saved_s = min(self._saved_s + _PROBE_SHARE * seconds, _MOST_SAVED * self._mean_s)
        waited = self._reads - self._probed_at >= _PROBE_SPACING and self._saved_s > 0.1 * self._mean_s
        self.due = waited or any(self._surprises)

    def cut(self, over_s: float) -> None:
        """Learn how much longer than its limit a run takes until it has stopped."""
        self.overrun_s += _OVERRUN_WEIGHT * (over_s - self.overrun_s)

    def probe(self, known: list[int], seconds: float) -> int | None:
        """Return the engine to look at again at a cost of so many seconds, or None for now.

        `known` are the engines of which something is known to compare with, the incumbent left out.
        """
        suspects = [e for e in known if self._surprises[e]]
        # to confirm a surprise, what is saved may be overdrawn; never for longer than it takes to save it again
        credit_s = _MOST_SAVED * self._mean_s if suspects else 0.0
        # one that seemed to have become slow is expected to end: a stall must not keep it away for long
        seconds += 0.0 if suspects else self.overrun_s
        waits = not suspects and self._reads - self._probed_at < _PROBE_SPACING
        self.due = False
        if not known or waits or self._saved_s + credit_s < seconds:
            return None
        self._saved_s -= seconds
        self._probed_at = self._reads
        return suspects[0] if suspects else min(known, key=self._asked_at.__getitem__)

    def _widen(self, residual: float, count: int) -> None:
        """Let the noise follow a residual; the mean that it is taken from has noise of its own."""
        self._compared += 1
        square = residual * residual * count / (count + 1)
        self.noise += (square - self.noise) / min(self._compared, _POOLED)

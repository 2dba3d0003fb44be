"""The value of information: what one run of another engine may save, and what it costs.

A run of engine `e` instead of the incumbent `f`, cut at `limit` times what `f` takes, saves `1 - r` of every later run
if the ratio `r` of their times turns out below one, costs `r - 1` once if it ends above, and the limit once if it is
cut. A limit above one can be cheaper than one below, because a run that ends has also answered. Later runs are as many
as were seen so far, times a factor (Lindy's law: what has been asked often will be asked often). A try is worth while
when the expected net is above zero; the limit is the one with the highest net.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LIMITS = (0.35, 0.5, 0.7, 1.0, 1.5, 2.5, 4.0)
_LOOKAHEAD = 2.0
_LONGEST = 10_000.0


class Value(NamedTuple):
    """The net of an exploring run in units of the incumbent's time, its limit in the same, and the chance that the
    other engine is the faster one.
    """

    net: float
    limit: float
    chance: float


def later_runs(visits: int) -> float:
    """Return how many more runs to expect of a class that was seen so often.

    >>> later_runs(1) < later_runs(10)
    True
    """
    return min(_LONGEST, _LOOKAHEAD * visits)


def value_of_new(
    log_ratios: NDArray[np.float64],
    weights: NDArray[np.float64],
    censored: NDArray[np.bool_],
    runs: float,
    overrun: float = 0.0,
) -> Value:
    """Return the value of trying an engine with no run yet, from a weighted sample of log ratios.

    A censored one is a guess at what is only known to be larger: it may cost, it saves nothing. `overrun` is what a run
    that is cut costs beyond its limit, in units of the incumbent's time.

    >>> import numpy as np
    >>> sample = np.log([0.5, 2.0])
    >>> value_of_new(sample, np.ones(2), np.zeros(2, dtype=bool), 10.0).net > 0
    True
    >>> value_of_new(np.log([1.5, 2.0]), np.ones(2), np.zeros(2, dtype=bool), 10.0).net < 0
    True
    """
    import numpy as np

    total = float(weights.sum())
    if total <= 1e-12:
        return Value(-1.0, 1.0, 0.0)
    shares, limits = weights / total, np.array(LIMITS)
    ratios = np.exp(np.minimum(log_ratios, 20.0))
    ratios = np.where(censored, np.maximum(ratios, 1.0), ratios)
    ends = shares[:, None] * (ratios[:, None] <= limits[None, :])
    saved = (ends * np.maximum(0.0, 1.0 - ratios)[:, None]).sum(0)
    paid = (ends * np.maximum(0.0, ratios - 1.0)[:, None]).sum(0)
    nets = (runs + 1.0) * saved - paid - (limits + overrun) * (1.0 - ends.sum(0))
    best = int(nets.argmax())
    return Value(float(nets[best]), LIMITS[best], float(shares[ratios < 1.0].sum()))


def value_of_known(difference: float, error: float, noise: float, runs: float) -> Value:
    """Return the value of another run of an engine whose log ratio to the incumbent is known but for an error.

    `error` is the variance of what is believed of it, `noise` that of one run: the knowledge gradient (Frazier, Powell,
    Dayanik, SIAM J. Control Optim. 47(5), 2008).

    >>> value_of_known(0.01, 0.25, 0.25, 100).net > 0 > value_of_known(2.0, 0.01, 0.01, 100).net
    True
    """
    if error < 1e-9:
        return Value(-1.0, 1.0, 0.0)
    step = error / math.sqrt(error + noise)
    distance = max(0.0, difference) / step
    gain = step * (_density(distance) - distance * _normal(-distance))
    limit = math.exp(max(0.0, difference) + 2.5 * math.sqrt(noise))
    return Value(
        runs * gain - math.expm1(max(0.0, min(difference, 5.0))), limit, _normal(-difference / math.sqrt(error))
    )


def _density(x: float) -> float:
    return math.exp(-0.5 * x * x) / math.sqrt(2.0 * math.pi)


def _normal(x: float) -> float:
    return 0.5 * math.erfc(-x / math.sqrt(2.0))

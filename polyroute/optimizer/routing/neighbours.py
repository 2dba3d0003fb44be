"""The shared memory of all classes: what an engine will take for one class, from the classes that resemble it.

Every class is a row of log seconds, an entry per engine, with gaps. For a class whose incumbent is known, the log ratio
of another engine to it is predicted by the rows that have both: those alike in size and in the ratios of the engines
that are known weigh most (a kernel), all rows count a little (shrinkage), and a wide normal prior keeps an open mind
where nothing is alike. A ratio that grows with the size of the query is carried along by a slope (local linear
regression; Hastie, Tibshirani, Friedman, "The Elements of Statistical Learning", section 6.1.1).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from polyroute.optimizer.routing.posterior import Posterior

Floats = NDArray[np.float64]

ROWS = 512
_SIZE_WIDTH = 0.4
_RATIO_WIDTH = 0.6
_WIDE = 4.0
_TREND_WIDTH = 3.0
_TREND_SHRINK = 4.0
_FAR = 9.0
_BEYOND = 0.5
_SHARED_WEIGHT = 0.5
_PRIOR_COUNT = 4.0
_LEARNED = 0.6
_PRIOR_GRID = np.linspace(-2.5, 2.5, 11)
_PRIOR_WEIGHTS = np.exp(-0.5 * _PRIOR_GRID**2) / np.exp(-0.5 * _PRIOR_GRID**2).sum()
_NO_CENSORED = np.zeros(len(_PRIOR_GRID), dtype=bool)


class Outlook(NamedTuple):
    """A weighted sample of log ratios of an engine to the incumbent; a censored one is a guess beyond a bound."""

    log_ratios: Floats
    weights: Floats
    censored: NDArray[np.bool_]


class Neighbours:
    """The rows of the latest classes; a ring, so a class may lose its row to a younger one."""

    def __init__(self, engines: int) -> None:
        self._means = np.full((ROWS, engines), np.nan)
        self._bounds = np.full((ROWS, engines), np.nan)
        self._owners: list[Posterior | None] = [None] * ROWS
        self._next = 0
        self._used = 0
        self._levels: tuple[int, Floats] = (-1, np.zeros(engines))
        self.changes = 0

    def admit(self, posterior: Posterior) -> None:
        """Give a new class a row."""
        row = self._next
        former = self._owners[row]
        if former is not None:
            former.row = -1
        self._owners[row], posterior.row = posterior, row
        self._means[row] = self._bounds[row] = np.nan
        self._next = (row + 1) % ROWS
        self._used = max(self._used, row + 1)

    def update(self, posterior: Posterior, engine: int) -> None:
        """Take over what a class has learned of an engine."""
        row = posterior.row
        if row < 0:
            return
        mean, bound = posterior.means[engine], posterior.bounds[engine]
        self.changes += self._means[row, engine] != mean
        self._means[row, engine] = np.nan if mean is None else mean
        self._bounds[row, engine] = np.nan if bound is None else bound

    def outlook(self, posterior: Posterior, engine: int, noise: float) -> Outlook:
        """Predict the log ratio of an engine that has not answered a class to the class's incumbent."""
        incumbent = posterior.incumbent
        own = posterior.means[incumbent] if incumbent is not None else None
        assert incumbent is not None and own is not None  # noqa: S101, PT018 - only asked once one has answered
        means, bounds = self._means[: self._used], self._bounds[: self._used]
        sizes = means[:, incumbent]
        values = np.where(np.isnan(means[:, engine]), bounds[:, engine], means[:, engine])
        usable = ~np.isnan(values) & ~np.isnan(sizes)
        if posterior.row >= 0:
            usable[posterior.row] = False
        censored = np.isnan(means[usable, engine])
        apart = sizes[usable] - own
        likely = _without_trend(values[usable] - sizes[usable], apart, censored)
        distance = self._distance(posterior, engine, incumbent, own, usable) + (apart / _SIZE_WIDTH) ** 2
        weights = np.exp(-0.5 * distance)
        shared = np.exp(-0.5 * distance / _WIDE**2)
        weights += shared * (_SHARED_WEIGHT / (shared.sum() + 1.0))
        outlook = Outlook(
            np.concatenate([likely, _prior(likely), _PRIOR_GRID]),
            np.concatenate([weights, _LEARNED * _PRIOR_WEIGHTS, (1.0 - _LEARNED) * _PRIOR_WEIGHTS]),
            np.concatenate([censored, _NO_CENSORED, _NO_CENSORED]),
        )
        return _above(outlook, posterior.bounds[engine], own, noise, posterior.cuts[engine])

    def levels(self) -> Floats:
        """Return for each engine the log of its usual time relative to the others, from the additive model
        class + engine, shrunk to zero; recomputed when enough has changed.
        """
        at, held = self._levels
        if at < 0 or self.changes > at * 1.1 + 1:
            self._levels = self.changes, self._fit_levels()
            return self._levels[1]
        return held

    def typical_log_s(self) -> float | None:
        """Return the median of the classes' best log seconds, or None before there is one."""
        means = self._means[: self._used]
        known = means[~np.isnan(means).all(axis=1)]
        return float(np.median(np.nanmin(known, axis=1))) if len(known) else None

    def count(self, engine: int) -> int:
        """Return in how many classes an engine has answered."""
        return int((~np.isnan(self._means[: self._used, engine])).sum())

    def _fit_levels(self) -> Floats:
        means, bounds = self._means[: self._used], self._bounds[: self._used]
        values = np.where(np.isnan(means), bounds + _BEYOND, means)
        known = ~np.isnan(values)
        levels = np.zeros(means.shape[1])
        for _ in range(5):
            sizes = np.where(known, values - levels, 0.0).sum(1) / np.maximum(known.sum(1), 1)
            levels = np.where(known, values - sizes[:, None], 0.0).sum(0) / (known.sum(0) + 2.0)
        return levels

    def _distance(
        self, posterior: Posterior, engine: int, incumbent: int, own: float, usable: NDArray[np.bool_]
    ) -> Floats:
        """Sum the squared differences of the ratios that both sides know; a gap counts as one width."""
        rows = self._means[: self._used][usable]
        distance = np.zeros(len(rows))
        for other, (mean, bound) in enumerate(zip(posterior.means, posterior.bounds, strict=True)):
            if other in (engine, incumbent):
                continue
            ratios = rows[:, other] - rows[:, incumbent]
            if mean is not None:
                apart = (ratios - (mean - own)) / _RATIO_WIDTH
                distance += np.where(np.isnan(apart), 1.0, np.minimum(apart * apart, _FAR))
            elif bound is not None:
                below = np.maximum(0.0, (bound - own) - ratios) / _RATIO_WIDTH
                distance += np.where(np.isnan(below), 0.0, np.minimum(below * below, _FAR))
        return distance


def _without_trend(log_ratios: Floats, apart: Floats, censored: NDArray[np.bool_]) -> Floats:
    """Move log ratios along the slope over size to the size that is asked for; `apart` are the sizes less that one.

    Lower bounds are replaced by what is likely beyond them.
    """
    if not len(log_ratios):
        return log_ratios
    weights = np.exp(-0.5 * (apart / _TREND_WIDTH) ** 2) + 1e-9
    total = weights.sum()
    centre = apart - (weights * apart).sum() / total
    spread = (weights * centre**2).sum() + _TREND_SHRINK
    likely, slope = log_ratios, 0.0
    for _ in range(3 if censored.any() else 1):
        mean = (weights * likely).sum() / total
        slope = (weights * centre * (likely - mean)).sum() / spread
        likely = np.where(censored, np.maximum(log_ratios + _BEYOND, mean + slope * centre), log_ratios)
    moved: Floats = likely - slope * apart
    return moved


def _prior(likely: Floats) -> Floats:
    """Return the points of a learned prior: wide at first, then as wide as the engines are apart in all classes."""
    count = len(likely)
    mean = likely.sum() / (count + 2.0)
    variance = (((likely - mean) ** 2).sum() + _PRIOR_COUNT) / (count + _PRIOR_COUNT)
    points: Floats = mean + np.sqrt(variance) * _PRIOR_GRID
    return points


def _above(outlook: Outlook, bound: float | None, own: float, noise: float, cuts: int) -> Outlook:
    """Weigh a sample by how well it agrees with the runs that were cut off at a bound."""
    if bound is None:
        return outlook
    over = (outlook.log_ratios - (bound - own)) / max(noise, 0.02)
    agrees = (1.0 + np.exp(-1.7 * np.clip(over, -30.0, 30.0))) ** -max(1, cuts)
    return outlook._replace(weights=outlook.weights * np.where(outlook.censored, 1.0, agrees))

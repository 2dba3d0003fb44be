"""The routing policy: which engine answers next, learned from what engines took.

A class of queries is known by its fingerprint. One that was never seen goes to the engine that is usually fastest (with
features, to the one that the model of `model` predicts to be); once an engine has answered, that one is the incumbent,
and another is tried only when what it may save is worth what it may cost (`value`), as predicted from classes that
behave alike (`neighbours`). A try is cut at a limit and its bound remembered. `drift` notices that engines change. The
coordinator drives this very class, and so can a simulation over recorded runtimes:

    while True:
        decision = policy.choose(fingerprint)
        seconds = ...  # run on decision.engine, stopping at decision.limit_s
        policy.observe(fingerprint, decision.engine, seconds, censored=stopped)
        if not stopped:
            break
"""

from __future__ import annotations

import math
import random
import threading
import time
from collections.abc import Callable, Hashable, Sequence

from polyroute.errors import unknown_name
from polyroute.optimizer.routing.drift import Drift
from polyroute.optimizer.routing.model import FeatureModel
from polyroute.optimizer.routing.neighbours import Neighbours
from polyroute.optimizer.routing.posterior import Decision, Posterior
from polyroute.optimizer.routing.value import Value, later_runs, value_of_known, value_of_new

MAX_FINGERPRINTS = 10_000
_SHORTEST_S = 1e-7
_COLD_CLASSES = 3
_FIRST_BUDGET_S = 0.02
_BUDGET_GROWTH = 4.0
_RACE_CHANCE = 0.02
_FAR_FROM_WORTH = -0.25
_PROBE_LIMIT = 0.6
_AGEING_PER_DAY = 0.02


class RoutingPolicy:
    """Chooses among engines and learns; safe to share between threads, and repeatable with a seeded `rng` on one.

    >>> policy = RoutingPolicy(["slow", "fast"], rng=random.Random(1), clock=lambda: 0.0)
    >>> takes = {"slow": 1.0, "fast": 0.1}
    >>> for _ in range(20):
    ...     decision = policy.choose("count flights")
    ...     cut = decision.limit_s is not None and takes[decision.engine] > decision.limit_s
    ...     policy.observe("count flights", decision.engine, decision.limit_s if cut else takes[decision.engine], cut)
    >>> policy.choose("count flights").engine
    'fast'
    """

    def __init__(
        self,
        engines: Sequence[str],
        *,
        rng: random.Random | None = None,
        clock: Callable[[], float] = time.monotonic,
        model: FeatureModel | None = None,
    ) -> None:
        self.engines = tuple(engines)
        self._index = {engine: i for i, engine in enumerate(self.engines)}
        self._rng = rng or random.Random()  # noqa: S311 - ties, no secret
        self._clock = clock
        self._model = model or FeatureModel(len(self.engines))
        self._classes: dict[Hashable, Posterior] = {}
        self._neighbours = Neighbours(len(self.engines))
        self._drift = Drift(len(self.engines))
        self._order = list(range(len(self.engines)))
        self._rng.shuffle(self._order)
        self._plain = [Decision(engine) for engine in self.engines]
        self._lock = threading.Lock()

    def choose(self, fingerprint: Hashable, features: Sequence[float] | None = None) -> Decision:
        """Return where a read of this class goes now; `features` are numbers that tell a new class from others."""
        known = self._classes.get(fingerprint)
        if known is not None:
            known.visits += 1
            decision = known.decision
            if (
                decision is not None
                and known.visits < known.review_at
                and known.version == self._drift.version
                and not self._drift.due
            ):
                return decision
        with self._lock:
            posterior = self._posterior(fingerprint)
            posterior.visits += known is None
            if posterior.incumbent is None:
                if features is not None:
                    self._model.remember(fingerprint, features)
                return self._first(posterior, features)
            decision = posterior.decision
            if decision is None or posterior.visits >= posterior.review_at or posterior.version != self._drift.version:
                return self._review(posterior)
            return self._probe(posterior) or decision

    def observe(self, fingerprint: Hashable, engine: str, seconds: float, censored: bool = False) -> None:
        """Learn what a run took, or that it was stopped (`censored`) after so many seconds.

        Raises QUERY_INVALID for an engine that is not one of the policy's.
        """
        index = self._index.get(engine)
        if index is None:
            raise unknown_name("engine", engine, self.engines)
        log_s = math.log(max(seconds, _SHORTEST_S)) - self._drift.shifts[index]
        with self._lock:
            posterior = self._posterior(fingerprint)
            posterior.observed_at[index] = self._clock()
            if censored:
                self._stopped(posterior, index, log_s, seconds)
            else:
                self._answered(posterior, fingerprint, index, log_s, seconds)
            self._neighbours.update(posterior, index)

    def predict(self, fingerprint: Hashable, engine: str) -> float | None:
        """Return the seconds expected of an engine for a class, or None when it never answered one of it."""
        posterior = self._classes.get(fingerprint)
        index = self._index.get(engine)
        if posterior is None or index is None:
            return None
        mean = posterior.means[index]
        return None if mean is None else math.exp(mean + self._drift.shifts[index])

    def knows(self, fingerprint: Hashable) -> bool:
        """Tell whether a class was seen before."""
        return fingerprint in self._classes

    def __len__(self) -> int:
        """Return how many classes are known."""
        return len(self._classes)

    # choosing

    def _posterior(self, fingerprint: Hashable) -> Posterior:
        posterior = self._classes.get(fingerprint)
        if posterior is None:
            if len(self._classes) >= MAX_FINGERPRINTS:
                del self._classes[next(iter(self._classes))]
            posterior = self._classes[fingerprint] = Posterior(len(self.engines))
            self._neighbours.admit(posterior)
        return posterior

    def _first(self, posterior: Posterior, features: Sequence[float] | None) -> Decision:
        """Send a class that no engine has answered yet to the likeliest one, within a budget while little is known."""
        predicted = None if features is None else self._model.predict(features)
        levels = self._neighbours.levels() if predicted is None else predicted
        shifts = self._drift.shifts

        def expected(engine: int) -> float:
            bound = posterior.bounds[engine]
            log_s = float(levels[engine]) + shifts[engine]
            return log_s if bound is None else max(log_s, bound + shifts[engine] + math.log(_BUDGET_GROWTH))

        tried = [b is not None for b in posterior.bounds]
        order = sorted(self._order, key=lambda e: (tried[e] and not all(tried), expected(e)))
        first, second = order[0], order[1] if len(order) > 1 else None
        race = None if second is None else self.engines[second]
        if second is None or self._neighbours.count(first) >= _COLD_CLASSES:
            return Decision(self.engines[first], None, race)
        return Decision(self.engines[first], self._budget(posterior, first), race)

    def _budget(self, posterior: Posterior, engine: int) -> float:
        """Return the next of the growing budgets with which untried engines take turns on a new class."""
        if not posterior.budget_s:
            usual = self._neighbours.typical_log_s()
            posterior.budget_s = _FIRST_BUDGET_S if usual is None else _BUDGET_GROWTH * math.exp(usual)
        bound = posterior.bounds[engine]
        if bound is not None and math.exp(bound) >= 0.99 * posterior.budget_s:
            posterior.budget_s *= _BUDGET_GROWTH
        posterior.limits[engine] = posterior.budget_s
        return posterior.budget_s

    def _review(self, posterior: Posterior) -> Decision:
        """Decide whether to try another engine than the incumbent, and when to ask that again."""
        posterior.version = self._drift.version
        posterior.choose_incumbent(self._drift.shifts)
        incumbent = posterior.incumbent
        assert incumbent is not None  # noqa: S101 - `choose` has looked
        posterior.review_at = posterior.visits + 1 + posterior.visits // 7
        if posterior.cut:
            # the read that was cut is still to be answered: no second try on its back
            posterior.cut = False
            return self._plain[incumbent]
        best, nearest, race, found = 0.0, -1.0, None, _RACE_CHANCE
        engine, limit = None, 1.0
        runs = later_runs(posterior.visits)
        for other in range(len(self.engines)):
            if other == incumbent:
                continue
            value = self._value(posterior, other, incumbent, runs)
            nearest = max(nearest, value.net)
            if value.net > best:
                best, engine, limit = value.net, other, value.limit
            if value.chance > found:
                found, race = value.chance, other
        if engine is None:
            if nearest < _FAR_FROM_WORTH:
                posterior.review_at = posterior.visits + 1 + posterior.visits // 2
            return self._settle(posterior, race)
        return self._try(posterior, engine, limit * self._incumbent_s(posterior))

    def _value(self, posterior: Posterior, other: int, incumbent: int, runs: float) -> Value:
        shifts = self._drift.shifts
        own, mean = posterior.means[incumbent], posterior.means[other]
        assert own is not None  # noqa: S101 - the incumbent has answered
        tilt = shifts[other] - shifts[incumbent]
        if mean is None:
            outlook = self._neighbours.outlook(posterior, other, math.sqrt(self._drift.noise))
            overrun = self._drift.overrun_s / math.exp(own + shifts[incumbent])
            return value_of_new(outlook.log_ratios + tilt, outlook.weights, outlook.censored, runs, overrun)
        pooled = self._drift.noise
        days = max(0.0, self._clock() - posterior.observed_at[other]) / 86_400.0
        # a run of the other one tells nothing of the incumbent, which learns with every read anyway
        error = posterior.error(other, pooled) + _AGEING_PER_DAY * days
        return value_of_known(mean - own + tilt, error, posterior.noise(other, pooled), runs)

    def _settle(self, posterior: Posterior, race: int | None) -> Decision:
        incumbent = posterior.incumbent
        assert incumbent is not None  # noqa: S101 - `choose` has looked
        decision = (
            self._plain[incumbent] if race is None else Decision(self.engines[incumbent], race=self.engines[race])
        )
        posterior.decision = decision
        return self._probe(posterior) or decision

    def _probe(self, posterior: Posterior) -> Decision | None:
        """Return a look at an engine that may have changed, when one is due."""
        if not self._drift.due:
            return None
        own_s = self._incumbent_s(posterior)
        known = [
            e
            for e in range(len(self.engines))
            if e != posterior.incumbent and (posterior.means[e] is not None or posterior.bounds[e] is not None)
        ]
        engine = self._drift.probe(known, _PROBE_LIMIT * own_s)
        return None if engine is None else self._try(posterior, engine, _PROBE_LIMIT * own_s)

    def _try(self, posterior: Posterior, engine: int, limit_s: float) -> Decision:
        assert posterior.incumbent is not None  # noqa: S101 - nothing is tried before one has answered
        posterior.decision = None
        posterior.limits[engine] = limit_s
        return Decision(self.engines[engine], limit_s, self.engines[posterior.incumbent])

    def _incumbent_s(self, posterior: Posterior) -> float:
        incumbent = posterior.incumbent
        own = None if incumbent is None else posterior.means[incumbent]
        assert incumbent is not None and own is not None  # noqa: S101, PT018 - the incumbent has answered
        return math.exp(own + self._drift.shifts[incumbent])

    # learning

    def _stopped(self, posterior: Posterior, index: int, log_s: float, seconds: float) -> None:
        """Learn from a run that did not end: one that lost a race, or was cut at its limit."""
        limit_s, posterior.limits[index] = posterior.limits[index], None
        if limit_s is not None and seconds >= 0.99 * limit_s:
            posterior.cut = True
            self._drift.cut(max(0.0, seconds - limit_s))
        posterior.decision = None
        mean = posterior.means[index]
        if mean is None:
            posterior.bound(index, log_s)
        elif log_s > mean:
            posterior.learn(index, log_s)
            posterior.choose_incumbent(self._drift.shifts)

    def _answered(self, posterior: Posterior, fingerprint: Hashable, index: int, log_s: float, seconds: float) -> None:
        drift = self._drift
        drift.ran(index, seconds, posterior.visits)
        posterior.limits[index] = None
        posterior.cut = False
        mean = posterior.means[index]
        if mean is None:
            self._answered_first(posterior, fingerprint, index, log_s)
            return
        residual = log_s - mean
        if drift.is_surprise(residual, posterior.noise(index, drift.noise)):
            before = drift.shifts[index]
            if drift.surprise(index, fingerprint, residual, classes=len(self._classes)):
                posterior.relearn(index, log_s + before - drift.shifts[index])
            elif posterior.surprised(index, residual):
                posterior.relearn(index, log_s)
            else:
                posterior.learn(index, log_s)
        else:
            drift.expected(index, residual, posterior.counts[index])
            posterior.surprises[index] = 0
            posterior.learn(index, log_s)
        if posterior.choose_incumbent(drift.shifts):
            posterior.decision = None

    def _answered_first(self, posterior: Posterior, fingerprint: Hashable, index: int, log_s: float) -> None:
        drift = self._drift
        bound, before = posterior.bounds[index], drift.shifts[index]
        if bound is not None and drift.is_surprise(min(0.0, log_s - bound), drift.noise):
            # it was cut off later than it now ended: it has become faster by that much at least
            drift.surprise(index, fingerprint, log_s - bound, classes=len(self._classes))
        posterior.learn(index, log_s + before - drift.shifts[index])
        posterior.decision = None
        posterior.choose_incumbent(drift.shifts)
        self._model.learn(fingerprint, index, log_s)

"""The policies that ours is measured against, each in a few lines, behind the same two methods."""

from __future__ import annotations

import math
import random
from collections.abc import Hashable, Sequence
from typing import Protocol

import numpy as np

from polyroute.optimizer.routing import Decision


class Policy(Protocol):
    """What a simulation drives."""

    def choose(self, fingerprint: Hashable) -> Decision: ...

    def observe(self, fingerprint: Hashable, engine: str, seconds: float, censored: bool = False) -> None: ...


class _Rival:
    def __init__(self, engines: Sequence[str], rng: random.Random) -> None:
        self.engines = list(engines)
        self.rng = rng
        self.known: dict[Hashable, dict[str, tuple[int, float]]] = {}

    def observe(self, fingerprint: Hashable, engine: str, seconds: float, censored: bool = False) -> None:
        known = self.known.setdefault(fingerprint, {})
        count, mean = known.get(engine, (0, 0.0))
        known[engine] = (count + 1, mean + (math.log(seconds) - mean) / (count + 1))


class Single(_Rival):
    """One engine for everything."""

    def choose(self, fingerprint: Hashable) -> Decision:
        return Decision(self.engines[0])


class RoundRobin(_Rival):
    turn = 0

    def choose(self, fingerprint: Hashable) -> Decision:
        self.turn += 1
        return Decision(self.engines[self.turn % len(self.engines)])


class EwmaPerFingerprint(_Rival):
    """Moving averages, every engine tried once, 5 % of the reads at random."""

    def choose(self, fingerprint: Hashable) -> Decision:
        known = self.known.setdefault(fingerprint, {})
        for engine in self.engines:
            if engine not in known:
                return Decision(engine)
        if self.rng.random() < 0.05:
            return Decision(self.rng.choice(self.engines))
        return Decision(min(self.engines, key=lambda e: known[e][1]))

    def observe(self, fingerprint: Hashable, engine: str, seconds: float, censored: bool = False) -> None:
        known = self.known.setdefault(fingerprint, {})
        count, mean = known.get(engine, (0, seconds))
        known[engine] = (count + 1, mean + 0.2 * (seconds - mean))


class EwmaPerEngine(EwmaPerFingerprint):
    def choose(self, fingerprint: Hashable) -> Decision:
        return super().choose(None)

    def observe(self, fingerprint: Hashable, engine: str, seconds: float, censored: bool = False) -> None:
        super().observe(None, engine, seconds)


class Thompson(_Rival):
    """Thompson sampling per fingerprint over log seconds, every engine tried once."""

    def choose(self, fingerprint: Hashable) -> Decision:
        known = self.known.setdefault(fingerprint, {})
        untried = [e for e in self.engines if e not in known]
        if untried:
            return Decision(self.rng.choice(untried))
        return Decision(min(self.engines, key=lambda e: self.rng.gauss(known[e][1], 0.5 / math.sqrt(known[e][0]))))


class LinUCB(_Rival):
    """LinUCB (Li et al., WWW 2010) per engine on one-hot fingerprints and an intercept, its ridge taken as diagonal."""

    def choose(self, fingerprint: Hashable) -> Decision:
        return Decision(min(self.engines, key=lambda e: self._bound(fingerprint, e)))

    def _bound(self, fingerprint: Hashable, engine: str) -> float:
        known = self.known.get(fingerprint, {}).get(engine, (0, 0.0))
        shared = self.known.get(None, {}).get(engine, (0, 0.0))
        mean = (known[0] * known[1] + shared[1]) / (known[0] + 1)
        return mean - 1.0 * math.sqrt(1.0 / (known[0] + 1) + 1.0 / (shared[0] + 1))

    def observe(self, fingerprint: Hashable, engine: str, seconds: float, censored: bool = False) -> None:
        super().observe(fingerprint, engine, seconds)
        super().observe(None, engine, seconds)


RIVALS: dict[str, type[_Rival]] = {
    "round robin": RoundRobin,
    "EWMA per engine": EwmaPerEngine,
    "EWMA per fingerprint": EwmaPerFingerprint,
    "LinUCB": LinUCB,
    "Thompson sampling": Thompson,
}


def best_single(times: np.ndarray, engines: Sequence[str], rng: random.Random) -> Single:
    """Return the policy of the engine that is the best for everything, known in hindsight."""
    return Single([engines[int(times.sum(0).argmin())]], rng)

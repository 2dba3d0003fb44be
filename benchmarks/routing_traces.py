"""Recorded and made-up runtimes, and the simulation that drives a policy over them."""

from __future__ import annotations

import csv
import os
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.routing_rivals import Policy

SHARED = Path(os.environ.get("POLYROUTE_SHARED", Path(__file__).parents[2] / "shared"))
LIMEQO = SHARED / "data" / "limeqo"
_TRIES = 60


def limeqo(name: str, arms: int = 5) -> np.ndarray:
    """Return measured runtimes, queries x engines: column 0, then greedily the column that helps most."""
    times = limeqo_columns(name)
    chosen = [0]
    while len(chosen) < arms:
        rest = [c for c in range(times.shape[1]) if c not in chosen]
        chosen.append(min(rest, key=lambda c: np.minimum(times[:, chosen].min(1), times[:, c]).sum()))
    return times[:, chosen]


def limeqo_columns(name: str) -> np.ndarray:
    """Return all measured runtimes of a workload."""
    with (LIMEQO / f"{name}-matrix.csv").open(encoding="utf-8") as file:
        return np.array([[float(v) for v in row[1:]] for row in list(csv.reader(file))[1:]])


def random_fleet(name: str, seed: int, *, arms: int, most_queries: int = 250) -> np.ndarray:
    """Return a random fleet of a workload's columns, the greedy ones left out."""
    rng = np.random.default_rng(seed)
    times = limeqo_columns(name)
    while True:
        fleet = times[:, rng.choice(np.arange(1, 49), arms, replace=False)]
        fleet = fleet[rng.permutation(len(fleet))[:most_queries]]
        if fleet.sum(0).min() >= 1.2 * fleet.min(1).sum():
            return fleet


def made_up(kind: str, seed: int = 7, queries: int = 60) -> np.ndarray:
    """Return runtimes from a generator: `alike`, `crossing` (sizes decide), `heavy` tails, a `bad` engine, `many`."""
    rng = np.random.default_rng(seed)
    arms = {"many": 10, "few": 2}.get(kind, 5)
    sizes = rng.normal(0.0, 1.5, (queries, 1))
    if kind == "crossing":
        return np.exp(sizes * rng.uniform(0.2, 1.6, (1, arms)) + rng.normal(0.0, 0.3, (queries, arms)))
    spread = {"alike": 0.15, "heavy": 1.0}.get(kind, 0.7)
    noise = rng.standard_t(2, (queries, arms)) if kind == "heavy" else rng.normal(0.0, 1.0, (queries, arms))
    logs = sizes + rng.normal(0.0, 0.4, (1, arms)) + spread * np.clip(noise, -6, 6)
    if kind == "bad":
        logs[:, 0] += np.log(1000.0)
    return np.exp(logs)


@dataclass(frozen=True)
class Run:
    """What a simulation came to: seconds per read, and all work done, the runs that lost included."""

    seconds: np.ndarray
    work_s: float


def simulate(
    policy: Policy,
    times: np.ndarray,
    trace: np.ndarray,
    engines: list[str],
    *,
    raced: bool = False,
    noise: float = 0.0,
    drift: Callable[[int], np.ndarray] | None = None,
    seed: int = 0,
) -> Run:
    """Drive a policy over a trace of queries; a run that is cut is paid for and decided anew.

    `noise` is the deviation of log seconds from run to run; `drift` gives factors per engine for a step.
    """
    rng = random.Random(seed)
    rows = [dict(zip(engines, row, strict=True)) for row in times.tolist()]
    spent, work_s = np.empty(len(trace)), 0.0
    for step, query in enumerate(trace.tolist()):
        row = rows[query]
        if noise:
            row = {e: t * float(np.exp(rng.gauss(0.0, noise))) for e, t in row.items()}
        if drift is not None:
            row = {e: t * f for (e, t), f in zip(row.items(), drift(step).tolist(), strict=True)}
        total = 0.0
        for _ in range(_TRIES):
            decision = policy.choose(query)
            seconds, limit_s = row[decision.engine], decision.limit_s
            if raced and decision.race is not None:
                winner, loser = sorted((decision.engine, decision.race), key=row.__getitem__)
                policy.observe(query, winner, row[winner])
                policy.observe(query, loser, row[winner], censored=True)
                total += row[winner]
                work_s += 2 * row[winner]
                break
            if limit_s is not None and seconds > limit_s:
                policy.observe(query, decision.engine, limit_s, censored=True)
                total += limit_s
                work_s += limit_s
                continue
            policy.observe(query, decision.engine, seconds)
            total += seconds
            work_s += seconds
            break
        else:
            raise RuntimeError("the policy never let a read end")
        spent[step] = total
    return Run(spent, work_s)


def uniform_trace(queries: int, visits: int, seed: int = 1) -> np.ndarray:
    """Return a trace that asks every query about so many times, in random order."""
    return np.random.default_rng(seed).integers(0, queries, queries * visits)

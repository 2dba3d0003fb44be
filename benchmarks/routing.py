"""Learned routing: regret on recorded runtimes beside its rivals, drift, the time of a decision, and a live load."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

import numpy as np

from benchmarks.routing_live import live
from benchmarks.routing_rivals import RIVALS, Policy, best_single
from benchmarks.routing_traces import LIMEQO, Run, limeqo, made_up, random_fleet, simulate, uniform_trace
from benchmarks.table import Table
from polyroute.optimizer.routing import RoutingPolicy

VISITS = (20, 50)
FAMILIES = ("few", "alike", "crossing", "heavy", "bad", "many")
Make = Callable[[np.ndarray, list[str], random.Random], Policy]


def run() -> list[Table]:
    """Measure the policy in simulations and the router live."""
    tables = [_families(), _drift(), _decisions(), live()]
    if not LIMEQO.exists():
        print("routing: the LimeQO runtimes are not at hand (../shared/data/limeqo), their table is left out")
        return tables
    return [_regret(), _fleets(), *tables]


def _ours(times: np.ndarray, engines: list[str], rng: random.Random) -> Policy:
    return RoutingPolicy(engines, rng=rng, clock=lambda: 0.0)


def _names(times: np.ndarray) -> list[str]:
    return [f"e{i}" for i in range(times.shape[1])]


def _go(make: Make, times: np.ndarray, visits: int, *, raced: bool = False, noise: float = 0.0) -> Run:
    engines = _names(times)
    trace = uniform_trace(len(times), visits)
    return simulate(make(times, engines, random.Random(1)), times, trace, engines, raced=raced, noise=noise)


def _excess(run: Run, times: np.ndarray, visits: int) -> str:
    best = times.min(1)[uniform_trace(len(times), visits)].sum()
    return f"{(run.seconds.sum() / best - 1) * 100:.1f} %"


def _worst_prefix(run: Run, times: np.ndarray, visits: int) -> float:
    """Return the largest ratio to the best single engine at any prefix after twenty reads per query."""
    trace = uniform_trace(len(times), visits)
    start = 20 * len(times)
    single = np.cumsum(times[trace], axis=0)[start:].min(1)
    return float((np.cumsum(run.seconds)[start:] / single).max())


def _regret() -> Table:
    workloads = {name: limeqo(name) for name in ("job", "dsb")}
    contenders: dict[str, Make] = {"best single engine, in hindsight": best_single}
    contenders |= {name: (lambda t, e, r, rival=rival: rival(e, r)) for name, rival in RIVALS.items()}  # type: ignore[misc]
    contenders["RoutingPolicy"] = _ours
    rows: list[list[object]] = []
    for name, make in contenders.items():
        row: list[object] = [name]
        for times in workloads.values():
            row += [_excess(_go(make, times, v), times, v) for v in VISITS]
        rows.append(row)
    raced: list[object] = ["RoutingPolicy, raced"]
    doubled, prefixes = [], []
    for name, times in workloads.items():
        runs = [_go(_ours, times, v, raced=True) for v in VISITS]
        raced += [_excess(r, times, v) for r, v in zip(runs, VISITS, strict=True)]
        doubled.append(f"{name} {(runs[-1].work_s / runs[-1].seconds.sum() - 1) * 100:.0f} %")
        prefixes.append(f"{name} {_worst_prefix(_go(_ours, times, VISITS[-1]), times, VISITS[-1]):.2f}x")
    rows.append(raced)
    note = (
        "Time above the best engine of each query, LimeQO runtimes, five arms, so many random reads per query. "
        "Goal: <= 10 % serial, <= 2 % raced, better than every rival. Work that races do twice over the longer trace: "
        f"{', '.join(doubled)}. Worst ratio to the best single engine at any prefix after 20 reads per query "
        f"(goal <= 1.05x): {', '.join(prefixes)}."
    )
    columns = ["policy", *(f"{w} x{v}" for w in workloads for v in VISITS)]
    return Table("Routing: regret on recorded runtimes", note, columns, rows)


def _fleets() -> Table:
    rows = []
    for name, arms in (("job", 5), ("dsb", 5), ("job", 10), ("dsb", 10)):
        fleets = [random_fleet(name, seed, arms=arms, most_queries=120) for seed in range(3)]
        rows.append((f"{name}, {arms} of 49 at random", *_beside(fleets)))
    note = "Three random fleets each (headroom of at least 1.2), 50 reads per query, median time above the best engine."
    return Table("Routing: random fleets", note, _BESIDE, rows)


def _families() -> Table:
    rows = [(kind, *_beside([made_up(kind, seed) for seed in range(3)])) for kind in FAMILIES]
    note = (
        "Made-up runtimes: two engines; five that are alike; size decides; heavy tails; one a thousand times slower; "
        "ten. 60 queries, 50 reads each, median of three. `noisy`: 30 % noise from run to run."
    )
    return Table("Routing: made-up fleets", note, _BESIDE, rows)


_BESIDE = ("fleet", "best single", "Thompson", "ours", "ours, noisy", "ours, raced")


def _beside(fleets: list[np.ndarray], visits: int = 50) -> list[str]:
    contenders: list[tuple[Make, bool, float]] = [
        (best_single, False, 0.0),
        (lambda t, e, r: RIVALS["Thompson sampling"](e, r), False, 0.0),
        (_ours, False, 0.0),
        (_ours, False, 0.3),
        (_ours, True, 0.0),
    ]
    found = []
    for make, raced, noise in contenders:
        ratios = []
        for times in fleets:
            best = times.min(1)[uniform_trace(len(times), visits)].sum() * np.exp(noise**2 / 2)
            ratios.append(_go(make, times, visits, raced=raced, noise=noise).seconds.sum() / best)
        found.append(f"{(float(np.median(ratios)) - 1) * 100:.1f} %")
    return found


def _drift() -> Table:
    rows = []
    for arms in (2, 5):
        rng = np.random.default_rng(3)
        times = np.exp(rng.normal(0, 1, (30, 1)) + rng.normal(0, 0.3, (30, arms)) + np.linspace(0, 1, arms))
        for engine, factor, what in ((0, 10.0, "the best one 10x slower"), (arms - 1, 0.1, "the worst one 10x faster")):
            rows.append((f"{arms} engines, {what}", *_drifted(times, engine, factor)))
    note = (
        "30 queries, all engines known, then one changes. Reads until the next 30 take at most 1.2x what the best "
        "engine of each query takes now (goal <= 50), and the time above the best before the change."
    )
    return Table("Routing: drift", note, ("change", "reads to recover", "above the best before"), rows)


def _drifted(times: np.ndarray, engine: int, factor: float) -> tuple[str, str]:
    engines = _names(times)
    trace = uniform_trace(len(times), 120)
    half = len(trace) // 2
    same, changed = np.ones(len(engines)), np.ones(len(engines))
    changed[engine] = factor
    policy = _ours(times, engines, random.Random(1))
    spent = simulate(policy, times, trace, engines, drift=lambda s: changed if s >= half else same).seconds
    after, best = spent[half:], (times * changed).min(1)[trace][half:]
    recovered = next(
        (i for i in range(len(after) - 30) if after[i : i + 30].sum() <= 1.2 * best[i : i + 30].sum()), None
    )
    before = spent[half // 2 : half].sum() / times.min(1)[trace][half // 2 : half].sum()
    return "never" if recovered is None else str(recovered), f"{(before - 1) * 100:.1f} %"


def _decisions() -> Table:
    times = made_up("crossing", queries=400)
    engines = _names(times)
    policy = RoutingPolicy(engines, rng=random.Random(1))
    simulate(policy, times, uniform_trace(len(times), 60), engines)
    known = _timed(lambda i: policy.choose(i % 400), 20_000)
    learned = _timed(lambda i: policy.observe(i % 400, engines[0], times[i % 400, 0]), 20_000)
    fresh = _timed(lambda i: policy.choose(("new", i), [float(i % 7), 1.0]), 2_000)
    rows = [
        ("choose, known query", f"{known[0]:.1f}", f"{known[1]:.1f}", "<= 5"),
        ("choose, new query with features", f"{fresh[0]:.1f}", f"{fresh[1]:.1f}", "<= 150"),
        ("observe", f"{learned[0]:.1f}", f"{learned[1]:.1f}", ""),
    ]
    return Table(
        "Routing: time of a decision", "Five engines, 400 known queries.", ("what", "p50 us", "p90 us", "goal"), rows
    )


def _timed(call: Callable[[int], object], count: int) -> tuple[float, float]:
    times = []
    for i in range(count):
        started = time.perf_counter_ns()
        call(i)
        times.append((time.perf_counter_ns() - started) / 1e3)
    return float(np.percentile(times, 50)), float(np.percentile(times, 90))

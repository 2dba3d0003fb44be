"""The routing policy in simulations with fixed runtimes: what it finds, what that costs, and that it notices change."""

from __future__ import annotations

import itertools
import random
import threading
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polyroute import DatabaseErrorCode, PolyrouteError
from polyroute.optimizer.routing import RoutingPolicy

Times = dict[str, float]


def policy_over(engines: list[str], seed: int = 1) -> RoutingPolicy:
    return RoutingPolicy(engines, rng=random.Random(seed), clock=lambda: 0.0)


def answer(policy: RoutingPolicy, query: object, times: Times, *, raced: bool = False) -> float:
    """Run one read to its end as the coordinator does; return what it took."""
    total = 0.0
    for _ in range(60):
        decision = policy.choose(query)  # type: ignore[arg-type]
        seconds = times[decision.engine]
        if raced and decision.race is not None:
            winner, loser = sorted((decision.engine, decision.race), key=times.__getitem__)
            policy.observe(query, winner, times[winner])  # type: ignore[arg-type]
            policy.observe(query, loser, times[winner], censored=True)  # type: ignore[arg-type]
            return total + times[winner]
        if decision.limit_s is not None and seconds > decision.limit_s:
            policy.observe(query, decision.engine, decision.limit_s, censored=True)  # type: ignore[arg-type]
            total += decision.limit_s
            continue
        policy.observe(query, decision.engine, seconds)  # type: ignore[arg-type]
        return total + seconds
    raise AssertionError("the policy never let a read end")


def spend(policy: RoutingPolicy, times: dict[int, Times], rounds: int, *, raced: bool = False) -> float:
    return sum(answer(policy, query, times[query], raced=raced) for _ in range(rounds) for query in times)


def fleet(queries: int, engines: list[str], seed: int = 3) -> dict[int, Times]:
    rng = np.random.default_rng(seed)
    sizes = rng.normal(0.0, 1.0, queries)
    return {
        q: {e: float(np.exp(sizes[q] + rng.normal(0.3 * i, 0.6))) for i, e in enumerate(engines)}
        for q in range(queries)
    }


def test_it_ends_on_the_fastest_engine_of_every_class() -> None:
    times = {0: {"rel": 0.001, "olap": 0.01}, 1: {"rel": 2.0, "olap": 0.05}}
    policy = policy_over(["rel", "olap"])
    spend(policy, times, 100)
    later = spend(policy, times, 100)
    assert policy.predict(0, "rel") == pytest.approx(0.001)
    assert later <= 1.05 * 100 * (0.001 + 0.05)


def test_regret_is_small_and_racing_makes_it_smaller() -> None:
    engines = ["a", "b", "c", "d"]
    times = fleet(60, engines)
    best = 60 * sum(min(row.values()) for row in times.values())
    single = 60 * min(sum(row[e] for row in times.values()) for e in engines)
    serial = spend(policy_over(engines), times, 60)
    raced = spend(policy_over(engines), times, 60, raced=True)
    assert raced < serial < single
    assert serial < 1.15 * best
    assert raced < 1.03 * best


def test_an_engine_a_thousand_times_slower_is_met_with_a_budget() -> None:
    times = {q: {"bad": 1000.0, "good": 1.0} for q in range(20)}
    for seed in range(4):
        assert spend(policy_over(["bad", "good"], seed), times, 10) < 1.5 * 200


def test_after_a_cut_the_incumbent_answers_without_a_limit() -> None:
    policy = policy_over(["a", "b"])
    answer(policy, "q", {"a": 1.0, "b": 1.0})
    for _ in range(500):
        decision = policy.choose("q")
        if decision.limit_s is not None:
            break
        policy.observe("q", decision.engine, 1.0)
    assert decision.limit_s is not None
    policy.observe("q", decision.engine, decision.limit_s, censored=True)
    fallback = policy.choose("q")
    assert fallback.engine != decision.engine
    assert fallback.limit_s is None


@pytest.mark.parametrize(("engine", "factor"), [("a", 10.0), ("b", 0.05)])
def test_an_engine_that_changes_is_noticed_in_both_directions(engine: str, factor: float) -> None:
    times = {q: {"a": 1.0 + 0.1 * q, "b": 3.0 + 0.2 * q} for q in range(10)}
    policy = policy_over(["a", "b"])
    spend(policy, times, 60)
    changed = {q: {e: t * (factor if e == engine else 1.0) for e, t in row.items()} for q, row in times.items()}
    spend(policy, changed, 5)
    best = 20 * sum(min(row.values()) for row in changed.values())
    assert spend(policy, changed, 20) <= 1.2 * best


def test_a_change_of_one_class_stays_with_that_class() -> None:
    times = {q: {"a": 1.0, "b": 2.0} for q in range(10)}
    policy = policy_over(["a", "b"])
    spend(policy, times, 60)
    times[3] = {"a": 8.0, "b": 2.0}
    spend(policy, times, 20)
    assert policy.choose(3).engine == "b"
    assert policy.predict(4, "a") == pytest.approx(1.0, rel=0.05)


def test_an_engine_that_stalled_is_asked_again() -> None:
    times = {0: {"a": 0.0001, "b": 0.002}, 1: {"a": 0.2, "b": 0.004}}
    policy = policy_over(["a", "b"])
    spend(policy, times, 60)
    stalled = {0: {"a": 0.005, "b": 0.002}, 1: times[1]}
    spend(policy, stalled, 6)
    spend(policy, times, 60)
    assert spend(policy, times, 60) <= 1.2 * 60 * 0.0041


def test_noise_is_no_change() -> None:
    rng = random.Random(5)
    times = {q: {"a": 1.0, "b": 1.6} for q in range(10)}
    policy = policy_over(["a", "b"])
    total = 0.0
    for _, query in itertools.product(range(100), times):
        total += answer(policy, query, {e: t * rng.lognormvariate(0.0, 0.3) for e, t in times[query].items()})
    assert total <= 1.25 * 1000 * float(np.exp(0.045))


def test_the_same_seed_makes_the_same_decisions() -> None:
    engines = ["a", "b", "c"]
    times = fleet(20, engines)
    assert spend(policy_over(engines, 7), times, 20) == spend(policy_over(engines, 7), times, 20)


def test_one_engine_is_always_chosen() -> None:
    policy = policy_over(["only"])
    assert spend(policy, {0: {"only": 1.0}}, 5) == 5.0
    assert policy.choose(0).race is None


def test_an_unknown_engine_is_refused() -> None:
    with pytest.raises(PolyrouteError, match="did you mean 'olap'") as caught:
        policy_over(["rel", "olap"]).observe("q", "olab", 1.0)
    assert caught.value.code == DatabaseErrorCode.QUERY_INVALID


def test_observations_without_a_choice_teach_too() -> None:
    policy = policy_over(["a", "b"])
    for query in range(5):
        policy.observe(query, "a", 1.0)
        policy.observe(query, "b", 0.1)
    decision = policy.choose(2)
    # a look at the slower one may be due, but never for longer than the faster one takes
    assert decision.engine == "b" or (decision.limit_s is not None and decision.limit_s < 0.1)


def test_classes_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("polyroute.optimizer.routing.policy.MAX_FINGERPRINTS", 100)
    policy = policy_over(["a", "b"])
    for query in range(1000):
        answer(policy, query, {"a": 1.0, "b": 2.0})
    assert len(policy) == 100


def test_threads_share_a_policy() -> None:
    engines = ["a", "b", "c"]
    times = fleet(10, engines)
    policy = policy_over(engines)
    errors: list[BaseException] = []

    def work(run: Callable[[], object]) -> None:
        try:
            run()
        except BaseException as exc:
            errors.append(exc)

    threads = [threading.Thread(target=work, args=(lambda: spend(policy, times, 20),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors


@settings(max_examples=30, derandomize=True)
@given(
    st.lists(st.lists(st.floats(1e-6, 1e4), min_size=3, max_size=3), min_size=1, max_size=6),
    st.booleans(),
)
def test_every_read_ends_whatever_engines_take(rows: list[list[float]], raced: bool) -> None:
    engines = ["a", "b", "c"]
    times = {q: dict(zip(engines, row, strict=True)) for q, row in enumerate(rows)}
    assert spend(policy_over(engines), times, 8, raced=raced) > 0

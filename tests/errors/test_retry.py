"""The retry policy: a table of decisions, and what must hold whatever is asked."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyroute.errors import (
    DatabaseErrorClassifier,
    DatabaseErrorCode,
    ErrorClassification,
    Outcome,
    RetryPolicy,
    RetryStrategy,
    Step,
    make_error,
)

CLASSIFIER = DatabaseErrorClassifier()
NOTHING, UNDONE, OPEN, DONE = Outcome.NOT_EXECUTED, Outcome.ROLLED_BACK, Outcome.UNKNOWN, Outcome.COMMITTED


def failure(code: DatabaseErrorCode, outcome: Outcome = NOTHING) -> ErrorClassification:
    return CLASSIFIER.classify(make_error(code, "it failed", outcome=outcome))


def step(
    code: DatabaseErrorCode,
    outcome: Outcome = NOTHING,
    *,
    write: bool = False,
    idempotent: bool = False,
    attempt: int = 1,
    time_left_s: float | None = None,
    alternative: bool = False,
    policy: RetryPolicy = RetryPolicy(),
    seed: int = 0,
) -> Step:
    return policy.next_step(
        failure(code, outcome),
        write=write,
        idempotent=idempotent,
        attempt=attempt,
        time_left_s=time_left_s,
        alternative=alternative,
        rng=random.Random(seed),
    )


# For each code: a first read that fails, alone and with an alternative; the fourth that fails, alone and with one;
# a first write that fails and left nothing, alone.
DECISIONS = """
COORDINATION_FAILED        give_up  give_up   give_up  give_up   give_up
ENGINE_SELECTION_FAILED    give_up  give_up   give_up  give_up   give_up
ROUTING_FAILED             give_up  failover  give_up  failover  give_up
ENGINE_UNAVAILABLE         retry    failover  give_up  failover  retry
ENGINE_OVERLOADED          retry    retry     give_up  failover  retry
ENGINE_TIMEOUT             retry    retry     give_up  failover  retry
ENGINE_CONNECTION_FAILED   retry    failover  give_up  failover  retry
QUERY_INVALID              give_up  give_up   give_up  give_up   give_up
QUERY_TIMEOUT              retry    retry     give_up  failover  give_up
QUERY_OPTIMIZATION_FAILED  retry    retry     give_up  failover  retry
QUERY_EXECUTION_FAILED     give_up  give_up   give_up  give_up   give_up
TRANSACTION_FAILED         retry    retry     give_up  failover  retry
TRANSACTION_TIMEOUT        retry    retry     give_up  failover  retry
DEADLOCK_DETECTED          retry    retry     give_up  failover  retry
CONSISTENCY_VIOLATION      give_up  give_up   give_up  give_up   give_up
PERFORMANCE_DEGRADED       give_up  give_up   give_up  give_up   give_up
CACHE_MISS_RATE_HIGH       give_up  give_up   give_up  give_up   give_up
LATENCY_THRESHOLD_EXCEEDED give_up  give_up   give_up  give_up   give_up
RESOURCE_EXHAUSTED         retry    retry     give_up  failover  retry
CAPACITY_EXCEEDED          give_up  give_up   give_up  give_up   give_up
MEMORY_LIMIT_EXCEEDED      give_up  failover  give_up  failover  give_up
"""
ROWS = [line.split() for line in DECISIONS.strip().splitlines()]


def test_the_table_has_every_code() -> None:
    assert [row[0] for row in ROWS] == [code.value for code in DatabaseErrorCode]


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_decisions(row: list[str]) -> None:
    code = DatabaseErrorCode(row[0])
    decided = [
        step(code).kind,
        step(code, alternative=True).kind,
        step(code, attempt=4).kind,
        step(code, attempt=4, alternative=True).kind,
        step(code, write=True).kind,
    ]
    assert decided == row[1:]


@pytest.mark.parametrize("code", [DatabaseErrorCode.ENGINE_TIMEOUT, DatabaseErrorCode.TRANSACTION_FAILED])
@pytest.mark.parametrize(
    ("outcome", "idempotent", "kind"),
    [
        (NOTHING, False, "retry"),
        (UNDONE, False, "retry"),
        (OPEN, False, "give_up"),
        (DONE, False, "give_up"),
        (OPEN, True, "retry"),
    ],
)
def test_a_write_is_repeated_only_where_that_is_safe(
    code: DatabaseErrorCode, outcome: Outcome, idempotent: bool, kind: str
) -> None:
    assert step(code, outcome, write=True, idempotent=idempotent).kind == kind
    assert step(code, outcome, write=False).kind == "retry"


def test_a_write_whose_fate_is_unknown_does_not_move_to_another_engine_either() -> None:
    assert step(DatabaseErrorCode.ENGINE_CONNECTION_FAILED, OPEN, write=True, alternative=True) == Step("give_up")
    assert step(DatabaseErrorCode.ENGINE_CONNECTION_FAILED, NOTHING, write=True, alternative=True) == Step("failover")


def test_a_write_that_ran_out_of_memory_is_nobody_else_s() -> None:
    assert step(DatabaseErrorCode.MEMORY_LIMIT_EXCEEDED, UNDONE, write=True, alternative=True) == Step("give_up")


@pytest.mark.parametrize("time_left_s", [0.0, -1.0])
@pytest.mark.parametrize("alternative", [False, True])
def test_nothing_follows_the_deadline(time_left_s: float, alternative: bool) -> None:
    left = {"time_left_s": time_left_s, "alternative": alternative}
    assert step(DatabaseErrorCode.ENGINE_UNAVAILABLE, **left) == Step("give_up")  # type: ignore[arg-type]


def test_a_pause_that_would_outlast_the_deadline_is_not_made() -> None:
    policy = RetryPolicy(base_s=10.0, cap_s=10.0)
    code = DatabaseErrorCode.ENGINE_OVERLOADED
    assert step(code, policy=policy, seed=1).delay_s > 1.0
    assert step(code, policy=policy, seed=1, time_left_s=1.0) == Step("give_up")
    assert step(code, policy=policy, seed=1, time_left_s=1.0, alternative=True) == Step("failover")


def test_immediate_means_now_and_a_deadlock_waits_a_little_by_chance() -> None:
    assert step(DatabaseErrorCode.TRANSACTION_FAILED, UNDONE, write=True) == Step("retry", 0.0)
    delays = {step(DatabaseErrorCode.DEADLOCK_DETECTED, seed=seed).delay_s for seed in range(20)}
    assert len(delays) == 20
    assert all(0.0 <= delay <= 0.02 for delay in delays)


def test_pauses_double_up_to_the_cap_and_use_all_of_their_range() -> None:
    policy = RetryPolicy(max_attempts=5000, base_s=0.02, cap_s=1.0)
    for attempt, longest in [(1, 0.02), (2, 0.04), (3, 0.08), (6, 0.64), (7, 1.0), (4000, 1.0)]:
        delays = [
            step(DatabaseErrorCode.ENGINE_OVERLOADED, attempt=attempt, policy=policy, seed=seed).delay_s
            for seed in range(200)
        ]
        assert 0.0 <= min(delays) < 0.1 * longest
        assert 0.9 * longest < max(delays) <= longest


def test_a_refused_password_is_not_tried_again_but_another_engine_is() -> None:
    refused = type("InvalidPassword", (Exception,), {"sqlstate": "28P01"})()
    found = CLASSIFIER.classify(refused, "postgresql")
    assert found.retry_strategy is RetryStrategy.NONE

    def kind(alternative: bool) -> str:
        return (
            RetryPolicy()
            .next_step(
                found,
                write=False,
                idempotent=False,
                attempt=1,
                time_left_s=None,
                alternative=alternative,
                rng=random.Random(0),
            )
            .kind
        )

    assert (kind(False), kind(True)) == ("give_up", "failover")


@pytest.mark.parametrize("wrong", [{"max_attempts": 0}, {"base_s": -0.1}, {"base_s": 2.0}, {"cap_s": float("nan")}])
def test_a_senseless_policy_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"max_attempts|base_s"):
        RetryPolicy(**wrong)  # type: ignore[arg-type]


@given(
    code=st.sampled_from(DatabaseErrorCode),
    outcome=st.sampled_from(Outcome),
    write=st.booleans(),
    idempotent=st.booleans(),
    attempt=st.integers(1, 10**6),
    time_left_s=st.none() | st.floats(-1.0, 10.0),
    alternative=st.booleans(),
    seed=st.integers(0, 2**32),
)
def test_whatever_is_asked_it_is_safe_and_in_time(
    code: DatabaseErrorCode,
    outcome: Outcome,
    write: bool,
    idempotent: bool,
    attempt: int,
    time_left_s: float | None,
    alternative: bool,
    seed: int,
) -> None:
    policy = RetryPolicy()
    decided = step(
        code,
        outcome,
        write=write,
        idempotent=idempotent,
        attempt=attempt,
        time_left_s=time_left_s,
        alternative=alternative,
        seed=seed,
    )
    if decided.kind != "give_up":
        assert not write or idempotent or outcome in (NOTHING, UNDONE)
        assert time_left_s is None or time_left_s > 0.0
        assert code not in (DatabaseErrorCode.CAPACITY_EXCEEDED, DatabaseErrorCode.QUERY_INVALID)
    if decided.kind == "retry":
        assert attempt < policy.max_attempts
        assert 0.0 <= decided.delay_s <= policy.cap_s
        assert time_left_s is None or decided.delay_s < time_left_s
    else:
        assert decided.delay_s == 0.0
    if decided.kind == "failover":
        assert alternative

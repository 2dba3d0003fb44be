"""The policies of the codes against the specification's table, written out here once more."""

from __future__ import annotations

import pickle

import pytest

from polyroute.errors import POLICIES, DatabaseErrorCode

SPECIFICATION = """
COORDINATION_FAILED       | coordination | high     | none
ENGINE_SELECTION_FAILED   | coordination | medium   | none
ROUTING_FAILED            | coordination | medium   | immediate
ENGINE_UNAVAILABLE        | engine       | high     | circuit_breaker
ENGINE_OVERLOADED         | engine       | medium   | exponential_backoff
ENGINE_TIMEOUT            | engine       | medium   | exponential_backoff
ENGINE_CONNECTION_FAILED  | engine       | high     | circuit_breaker
QUERY_INVALID             | query        | low      | none
QUERY_TIMEOUT             | query        | medium   | exponential_backoff
QUERY_OPTIMIZATION_FAILED | query        | low      | immediate
QUERY_EXECUTION_FAILED    | query        | medium   | none
TRANSACTION_FAILED        | transaction  | high     | immediate
TRANSACTION_TIMEOUT       | transaction  | medium   | exponential_backoff
DEADLOCK_DETECTED         | transaction  | medium   | immediate
CONSISTENCY_VIOLATION     | transaction  | critical | none
PERFORMANCE_DEGRADED      | performance  | medium   | none
CACHE_MISS_RATE_HIGH      | performance  | low      | none
LATENCY_THRESHOLD_EXCEEDED| performance  | medium   | none
RESOURCE_EXHAUSTED        | resource     | high     | exponential_backoff
CAPACITY_EXCEEDED         | resource     | high     | none
MEMORY_LIMIT_EXCEEDED     | resource     | critical | none
"""
ROWS = [tuple(cell.strip() for cell in line.split("|")) for line in SPECIFICATION.strip().splitlines()]


def test_there_are_twenty_one_codes_each_with_a_policy() -> None:
    assert [row[0] for row in ROWS] == [code.value for code in DatabaseErrorCode]
    assert list(POLICIES) == list(DatabaseErrorCode)


@pytest.mark.parametrize(("code", "category", "severity", "strategy"), ROWS)
def test_a_policy_is_as_specified(code: str, category: str, severity: str, strategy: str) -> None:
    policy = POLICIES[DatabaseErrorCode(code)]
    assert (policy.category, policy.severity, policy.strategy) == (category, severity, strategy)
    assert policy.action_required == (severity in ("high", "critical"))
    assert policy.suggested_actions
    assert all(action == action.strip() and len(action) > 10 for action in policy.suggested_actions)


def test_policies_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        POLICIES[DatabaseErrorCode.QUERY_INVALID] = POLICIES[DatabaseErrorCode.ROUTING_FAILED]  # type: ignore[index]
    with pytest.raises(AttributeError):
        POLICIES[DatabaseErrorCode.QUERY_INVALID].severity = "high"  # type: ignore[misc]


def test_codes_are_strings_and_stay_themselves_through_pickle() -> None:
    for code in DatabaseErrorCode:
        assert code == code.value == str(code)
        assert pickle.loads(pickle.dumps(code)) is code

"""The retry budget against exact arithmetic, over any order of answers, repetitions and passing of time."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from polyroute.errors import BudgetConfig, RetryBudget

from .clock import Clock

CONFIG = BudgetConfig(ratio=0.125, reserve=2.0, floor=3.0, floor_per_s=0.5)


def test_a_tenth_of_the_answers_and_the_floor_may_be_repeated() -> None:
    clock = Clock()
    budget = RetryBudget(BudgetConfig(ratio=0.125, reserve=1000.0, floor=5.0), clock=clock)
    for _ in range(800):
        budget.deposit()
    assert sum(budget.withdraw() for _ in range(1000)) == 105
    assert not budget.withdraw()


def test_an_outage_earns_nothing_but_the_floor() -> None:
    clock = Clock()
    budget = RetryBudget(BudgetConfig(floor=2.0, floor_per_s=0.5), clock=clock)
    assert [budget.withdraw() for _ in range(3)] == [True, True, False]
    clock.now += 2.0
    assert [budget.withdraw() for _ in range(2)] == [True, False]
    clock.now += 1000.0
    assert budget.left == 2.0


def test_what_was_earned_long_ago_is_bounded_by_the_reserve() -> None:
    budget = RetryBudget(BudgetConfig(reserve=7.0, floor=0.0), clock=Clock())
    for _ in range(10_000):
        budget.deposit()
    assert sum(budget.withdraw() for _ in range(100)) == 7


@pytest.mark.parametrize(
    "wrong", [{"ratio": -0.1}, {"ratio": float("nan")}, {"reserve": -1.0}, {"floor": -1.0}, {"floor_per_s": -1.0}]
)
def test_a_senseless_budget_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        BudgetConfig(**wrong)


class BudgetAgainstReference(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.budget = RetryBudget(CONFIG, clock=self.clock)
        self.saved, self.floor = Fraction(0), Fraction(CONFIG.floor)
        self.answered = self.repeated = 0
        self.began = self.clock.now

    @rule(seconds=st.sampled_from([0.25, 0.5, 1.0, 8.0]))
    def time_passes(self, seconds: float) -> None:
        self.clock.now += seconds
        self.floor = min(Fraction(CONFIG.floor), self.floor + Fraction(CONFIG.floor_per_s) * Fraction(seconds))

    @rule(count=st.integers(1, 30))
    def answers(self, count: int) -> None:
        for _ in range(count):
            self.budget.deposit()
        self.answered += count
        self.saved = min(Fraction(CONFIG.reserve), self.saved + Fraction(CONFIG.ratio) * count)

    @rule()
    def repetition(self) -> None:
        paid = self.saved + self.floor >= 1
        assert self.budget.withdraw() == paid
        if paid:
            self.repeated += 1
            from_saved = min(Fraction(1), self.saved)
            self.saved, self.floor = self.saved - from_saved, self.floor - (1 - from_saved)

    @invariant()
    def both_agree_and_nothing_is_amplified(self) -> None:
        assert self.budget.left == float(self.saved + self.floor)
        refilled = CONFIG.floor_per_s * (self.clock.now - self.began)
        assert self.repeated <= CONFIG.ratio * self.answered + CONFIG.floor + refilled


TestBudgetAgainstReference = BudgetAgainstReference.TestCase
TestBudgetAgainstReference.settings = settings(max_examples=80, stateful_step_count=50, derandomize=True)

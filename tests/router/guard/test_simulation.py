"""The figures of the goals, in simulations that a seed makes the same every time."""

from __future__ import annotations

from pathlib import Path

import pytest

from polyroute.errors import BudgetConfig
from tests.router.guard.simulation import NEVER_OPEN, placements, writes

READS = 10_000


@pytest.mark.parametrize("error_rates", [(0.05,), (0.05, 0.05)], ids=["alone", "replica"])
def test_reads_at_five_per_cent_faults(error_rates: tuple[float, ...]) -> None:
    with placements(*error_rates) as held:
        found = held.reads(READS)
    assert found.availability >= 0.9998
    assert found.amplification <= 1.10


@pytest.mark.parametrize("error_rates", [(1.0, 0.0), (0.0, 1.0), (1.0, 0.05)])
def test_one_engine_of_two_down(error_rates: tuple[float, float]) -> None:
    with placements(*error_rates) as held:
        found = held.reads(READS)
    assert found.availability >= 0.999
    assert found.amplification <= 1.10


@pytest.mark.parametrize("breakers", [True, False], ids=["breakers", "budget alone"])
@pytest.mark.parametrize("error_rates", [(1.0,), (1.0, 1.0), (0.4, 0.4), (0.9,)])
def test_amplification_in_an_outage(error_rates: tuple[float, ...], breakers: bool) -> None:
    budget = BudgetConfig()
    with placements(*error_rates) as held:
        found = held.reads(2_000, budget=budget, breaker=None if breakers else NEVER_OPEN)
        floor = len(error_rates) * (budget.floor + budget.floor_per_s * held.now + 1)
    assert found.calls <= 1.10 * found.requests + floor


def test_no_write_is_lost_or_done_twice(tmp_path: Path) -> None:
    found = writes(300, tmp_path)
    assert found.replies_lost >= 20
    assert (found.acknowledged, found.lost, found.duplicates) == (300, 0, 0)

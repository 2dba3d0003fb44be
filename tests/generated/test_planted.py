"""Every planted planner fault is caught, within a bounded number of statements."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.generated.planted import FAULTS
from tests.generated.runner import check_pushdown, queries
from tests.generated.world import World, world

_MOST_QUERIES = 500
_SEEDS_APART = 1_000_000
_FIRST_SEED = 40_000_000


@pytest.fixture(scope="module")
def shared_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(7, tmp_path_factory.mktemp("planted"), in_place=False) as made:
        yield made


@pytest.mark.xdist_group("planted")
@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_caught(shared_world: World, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    # plans are remembered by text: each fault has statements of its own
    first = _FIRST_SEED + list(FAULTS).index(name) * _SEEDS_APART
    fault = FAULTS[name]
    fault.plant(monkeypatch)
    run = 0
    for query in queries(shared_world, range(first, first + _SEEDS_APART)):
        if query.features.isdisjoint(fault.features):
            continue
        if check_pushdown(shared_world, query) is not None:
            return
        run += 1
        if run == _MOST_QUERIES:
            break
    pytest.fail(f"{_MOST_QUERIES} statements did not notice {name}")

"""No stale read and none that goes back in time, in any order of steps; and each fault of the kind is found."""

from __future__ import annotations

import pytest

from polyroute.optimizer.cache import CacheSettings, ResultCache, Source
from tests.optimizer.cache.interleavings import (
    DeletingWorld,
    EpochAtStore,
    IgnoringEpoch,
    IgnoringOdd,
    IgnoringToken,
    World,
    interleave,
)


@pytest.mark.parametrize("seed", range(4))
def test_no_interleaving_gives_an_old_state(seed: int) -> None:
    found = interleave(World(ResultCache()), reads=8_000, seed=seed)
    assert (found.stale, found.not_monotonic) == (0, 0)
    # the cache was at work, and loads were shared
    assert found.kept > 1_000
    assert found.shared > 100


def test_nor_with_a_cache_that_evicts_all_the_time() -> None:
    cache = ResultCache(CacheSettings(max_entries=2))
    found = interleave(World(cache), reads=5_000, seed=5)
    assert (found.stale, found.not_monotonic) == (0, 0)
    assert cache.statistics().evictions > 100


@pytest.mark.parametrize(
    ("world", "cache", "source"),
    [
        (World, EpochAtStore, Source),
        (World, ResultCache, IgnoringOdd),
        (World, ResultCache, IgnoringToken),
        (DeletingWorld, ResultCache, IgnoringEpoch),
    ],
    ids=["versions at store", "no odd check", "no data_version", "delete on write"],
)
def test_planted_faults_are_found(world: type[World], cache: type[ResultCache], source: type[Source]) -> None:
    found = interleave(world(cache(), make_source=source), reads=5_000, seed=1)
    assert found.stale > 0


def test_deleting_on_write_is_found_without_programs_outside() -> None:
    found = interleave(DeletingWorld(ResultCache(), make_source=IgnoringEpoch), reads=5_000, seed=1, outside=False)
    assert found.stale > 0

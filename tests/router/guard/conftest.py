"""The two engines of the guard's tests, opened once per module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.router.guard.world import World, open_told


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("guard")
    made = World(open_told(f"sqlite:///{folder}/a.db", "primary"), open_told(f"duckdb:///{folder}/b.duckdb", "replica"))
    yield made
    made.primary.close()
    made.replica.close()


@pytest.fixture
def world(opened: World) -> World:
    """Give the engines as loaded, with nothing told."""
    opened.reset()
    return opened

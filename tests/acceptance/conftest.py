"""The world of the acceptance tests, fresh for a test or shared by those of a module that change nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import polyroute
from tests.acceptance.world import connect, fill


@pytest.fixture
def db(tmp_path: Path) -> Iterator[polyroute.DatabaseCoordinator]:
    """Give the seven engines with their datasets."""
    with connect(tmp_path) as made:
        fill(made)
        yield made


@pytest.fixture(scope="module")
def shared_db(tmp_path_factory: pytest.TempPathFactory) -> Iterator[polyroute.DatabaseCoordinator]:
    """Give the seven engines to the tests of a module that change nothing."""
    with connect(tmp_path_factory.mktemp("world")) as made:
        fill(made)
        yield made

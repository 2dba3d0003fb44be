"""Both document engines on real files, for tests that hold for either."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from polyroute.engines import Engine, open_engine

SCHEMES = {"tinydb": "documents.json", "document+sqlite": "documents.db"}

Opener = Callable[..., Engine]


@pytest.fixture(params=SCHEMES)
def scheme(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def store(scheme: str, tmp_path: Path) -> Path:
    return tmp_path / SCHEMES[scheme]


@pytest.fixture
def opened(scheme: str, store: Path) -> Iterator[Opener]:
    """Open the store as often as a test wants; everything is closed in the end."""
    engines: list[Engine] = []

    def open_store(*, read_only: bool = False) -> Engine:
        engine = open_engine(f"{scheme}:///{store}", read_only=read_only)
        engine.id = "docs"
        engines.append(engine)
        return engine

    yield open_store
    for engine in engines:
        engine.close()


@pytest.fixture
def engine(opened: Opener) -> Engine:
    return opened()

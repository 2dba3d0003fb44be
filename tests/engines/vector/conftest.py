"""Vector tests: open an engine on a folder, load rows, ask."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from polyroute.engines.registry import open_engine
from polyroute.engines.testing.store import Store


@pytest.fixture
def open_store(tmp_path: Path) -> Iterator[Callable[..., Store]]:
    """Give a function that opens a store on the test's folder, with options such as `?memory_mb=0`."""
    opened: list[Store] = []

    def opening(options: str = "", folder: str = "vectors", *, read_only: bool = False) -> Store:
        url = f"lancedb:///{tmp_path / folder}{options}"
        opened.append(Store(lambda: open_engine(url, read_only=read_only)))
        return opened[-1]

    yield opening
    for store in opened:
        store.close()


@pytest.fixture
def store(open_store: Callable[..., Store]) -> Store:
    """Give a store with the default options."""
    return open_store()

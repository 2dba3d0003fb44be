"""The suite as a class: an adapter's author subclasses it, names an address, and gets the tests of the engine's kinds.

    class TestSQLite(EngineSuite):
        url = "sqlite:///{folder}/t.db"

`{folder}` is an empty folder of the test's own. An engine that is not registered by scheme names its class in `engine`.
Every test takes one `store`, so that the tests can also be run without pytest, as the proof of the suite itself does.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import ClassVar

import pytest

from polyroute.engines.contract import Engine
from polyroute.engines.registry import engine_class
from polyroute.engines.testing.comparisons import ComparisonTests
from polyroute.engines.testing.declarations import DeclarationTests
from polyroute.engines.testing.documents import DocumentTests
from polyroute.engines.testing.estimates import EstimateTests
from polyroute.engines.testing.graphs import GraphTests
from polyroute.engines.testing.loads import LoadTests
from polyroute.engines.testing.relations import RelationalTests
from polyroute.engines.testing.scans import ScanTests
from polyroute.engines.testing.series import TimeseriesTests
from polyroute.engines.testing.sharing import SharingTests
from polyroute.engines.testing.stopping import StoppingTests
from polyroute.engines.testing.store import Store
from polyroute.engines.testing.types import TypeTests
from polyroute.engines.testing.vectors import VectorTests
from polyroute.engines.url import EngineURL

_OF_KIND = {
    "relational": RelationalTests,
    "vector": VectorTests,
    "graph": GraphTests,
    "document": DocumentTests,
    "timeseries": TimeseriesTests,
}


class EngineSuite(
    ScanTests,
    LoadTests,
    TypeTests,
    ComparisonTests,
    SharingTests,
    EstimateTests,
    StoppingTests,
    DeclarationTests,
    RelationalTests,
    VectorTests,
    GraphTests,
    DocumentTests,
    TimeseriesTests,
):
    """Proves an adapter: what it declares is true, what it offers is right, what it does not is refused."""

    url: ClassVar[str] = ""
    engine: ClassVar[type[Engine] | None] = None
    __test__ = False

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.__test__ = True
        kinds = _class_of(cls).kinds_offered()
        for kind, tests in _OF_KIND.items():
            if kind not in kinds:
                for name in vars(tests):
                    if name.startswith("test_"):
                        # what is no function is not collected: no skips for kinds that an engine has not
                        setattr(cls, name, None)

    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[Store]:
        """Give the engine on an empty place of its own."""
        made = open_store(type(self), tmp_path)
        yield made
        made.close()


def _class_of(suite: type[EngineSuite]) -> type[Engine]:
    return suite.engine or engine_class(EngineURL.parse(suite.url).scheme)


def open_store(suite: type[EngineSuite], folder: Path) -> Store:
    """Open the engine of a suite in a folder."""
    opener = partial(_open, suite)
    return Store(partial(opener, folder), opener if "{folder}" in suite.url else None)


def _open(suite: type[EngineSuite], folder: Path, *, read_only: bool = False) -> Engine:
    return _class_of(suite).open(EngineURL.parse(suite.url.replace("{folder}", str(folder))), read_only=read_only)


def names_of_tests(suite: type[EngineSuite]) -> list[str]:
    """Return the names of the tests that a suite's engine has to pass."""
    return [n for n in dir(suite) if n.startswith("test_") and callable(getattr(suite, n))]

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from polyroute.engines.graph.networkx import NetworkXEngine
from polyroute.engines.testing.store import Store
from polyroute.engines.url import EngineURL


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "graphs"


@pytest.fixture
def store(folder: Path) -> Iterator[Store]:
    made = Store(lambda: NetworkXEngine.open(EngineURL("networkx", folder)))
    yield made
    made.close()


@pytest.fixture
def routes() -> pa.Table:
    return pa.table(
        {
            "src": ["ATL", "ATL", "JFK", "LAX", "ATL"],
            "dst": ["JFK", "JFK", "LAX", "ATL", "LAX"],
            "km": [1220.0, 1230.0, 3980.0, 3110.0, None],
            "airline": ["DL", "B6", "DL", "AA", "DL"],
        }
    )


@pytest.fixture
def airports() -> pa.Table:
    return pa.table({"iata": ["ATL", "JFK", "HNL"], "city": ["Atlanta", "New York", "Honolulu"]})

"""The reference engines pass EngineSuite."""

from __future__ import annotations

from polyroute.engines.testing import EngineSuite
from tests.engines.reference import (
    ReferenceDocuments,
    ReferenceGraph,
    ReferenceRelational,
    ReferenceTimeseries,
    ReferenceVector,
)
from tests.engines.reference.engine import URL


class TestReferenceRelational(EngineSuite):
    engine = ReferenceRelational
    url = URL


class TestReferenceVector(EngineSuite):
    engine = ReferenceVector
    url = URL


class TestReferenceGraph(EngineSuite):
    engine = ReferenceGraph
    url = URL


class TestReferenceDocuments(EngineSuite):
    engine = ReferenceDocuments
    url = URL


class TestReferenceTimeseries(EngineSuite):
    engine = ReferenceTimeseries
    url = URL

"""Reference engines: one per kind, in memory, naive and right, so that EngineSuite itself can be tested.

They hold Arrow tables or documents in a place that outlives them, answer with the shared local evaluation and plain
Python, and pass the suite. The broken engines (`broken`) are their subclasses with one fault each.
"""

from __future__ import annotations

from tests.engines.reference.document import ReferenceDocuments
from tests.engines.reference.engine import ReferenceEngine
from tests.engines.reference.graph import ReferenceGraph
from tests.engines.reference.relational import ReferenceRelational
from tests.engines.reference.timeseries import ReferenceTimeseries
from tests.engines.reference.vector import ReferenceVector

REFERENCES: dict[str, type[ReferenceEngine]] = {
    engine.kind: engine
    for engine in (ReferenceRelational, ReferenceVector, ReferenceGraph, ReferenceDocuments, ReferenceTimeseries)
}

__all__ = [
    "REFERENCES",
    "ReferenceDocuments",
    "ReferenceEngine",
    "ReferenceGraph",
    "ReferenceRelational",
    "ReferenceTimeseries",
    "ReferenceVector",
]

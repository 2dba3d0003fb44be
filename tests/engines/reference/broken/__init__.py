"""Broken engines, one fault each, registered with the tests that catch them."""

from __future__ import annotations

from tests.engines.reference.broken import (
    declarations,
    documents,
    estimates,
    graphs,
    loads,
    relations,
    scans,
    series,
    sharing,
    stopping,
    types,
    vectors,
)

__all__ = [
    "declarations",
    "documents",
    "estimates",
    "graphs",
    "loads",
    "relations",
    "scans",
    "series",
    "sharing",
    "stopping",
    "types",
    "vectors",
]

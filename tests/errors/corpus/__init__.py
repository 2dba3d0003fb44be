"""A labelled corpus of native exceptions: how each is raised, and what it ought to mean.

One module per engine. The labels were set by reading the engines' documentation and watching what a failure leaves
behind, not by asking the classifier.
"""

from __future__ import annotations

from . import (
    apsw_cases,
    common_cases,
    duckdb_cases,
    lancedb_cases,
    networkx_cases,
    own_cases,
    postgres_cases,
    redis_cases,
    sqlite_cases,
    tinydb_cases,
)
from .case import SENTINEL, Case

__all__ = ["CASES", "SENTINEL", "Case"]

CASES: tuple[Case, ...] = (
    *sqlite_cases.CASES,
    *apsw_cases.CASES,
    *duckdb_cases.CASES,
    *lancedb_cases.CASES,
    *networkx_cases.CASES,
    *tinydb_cases.CASES,
    *common_cases.CASES,
    *postgres_cases.CASES,
    *redis_cases.CASES,
    *own_cases.CASES,
)

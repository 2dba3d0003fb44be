"""One connection over many engines: relational, analytic, vector, graph, document, time series.

`connect` opens it; the names below are the public face. Importing the package loads no engine and no heavy library:
names are resolved when first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from polyroute.errors import DatabaseErrorClassifier, DatabaseErrorCode, PolyrouteError
    from polyroute.plan import Fragment, Plan
    from polyroute.query import Query, Requirements, Routing
    from polyroute.result import QueryResult
    from polyroute.router import AsyncDatabaseCoordinator, DatabaseCoordinator, connect, connect_async

__version__ = "0.1.0"

__all__ = [
    "AsyncDatabaseCoordinator",
    "DatabaseCoordinator",
    "DatabaseErrorClassifier",
    "DatabaseErrorCode",
    "Fragment",
    "Plan",
    "PolyrouteError",
    "Query",
    "QueryResult",
    "Requirements",
    "Routing",
    "__version__",
    "connect",
    "connect_async",
]

_HOMES = {
    "AsyncDatabaseCoordinator": "polyroute.router",
    "DatabaseCoordinator": "polyroute.router",
    "DatabaseErrorClassifier": "polyroute.errors",
    "DatabaseErrorCode": "polyroute.errors",
    "Fragment": "polyroute.plan",
    "Plan": "polyroute.plan",
    "PolyrouteError": "polyroute.errors",
    "Query": "polyroute.query",
    "QueryResult": "polyroute.result",
    "Requirements": "polyroute.query",
    "Routing": "polyroute.query",
    "connect": "polyroute.router",
    "connect_async": "polyroute.router",
}


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'polyroute' has no attribute {name!r}")
    value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)

"""The router floor: the coordinator, the catalog, strategies, the guard, the federation."""

from polyroute.router.asynchronous import AsyncDatabaseCoordinator, connect_async
from polyroute.router.catalog import Catalog, Entry, Placement
from polyroute.router.connecting import connect
from polyroute.router.coordinator import DatabaseCoordinator
from polyroute.router.health import EngineHealth, HealthReport

__all__ = [
    "AsyncDatabaseCoordinator",
    "Catalog",
    "DatabaseCoordinator",
    "EngineHealth",
    "Entry",
    "HealthReport",
    "Placement",
    "connect",
    "connect_async",
]

"""The ready error tables: one module per engine library, and one for what every engine may raise."""

from __future__ import annotations

from polyroute.errors.engine_tables.common import COMMON
from polyroute.errors.engine_tables.duckdb import DUCKDB
from polyroute.errors.engine_tables.lancedb import LANCEDB
from polyroute.errors.engine_tables.networkx import NETWORKX
from polyroute.errors.engine_tables.postgres import POSTGRES
from polyroute.errors.engine_tables.redis import REDIS
from polyroute.errors.engine_tables.sqlite import SQLITE
from polyroute.errors.engine_tables.tinydb import TINYDB

__all__ = ["COMMON", "DUCKDB", "LANCEDB", "NETWORKX", "POSTGRES", "REDIS", "SQLITE", "TINYDB"]

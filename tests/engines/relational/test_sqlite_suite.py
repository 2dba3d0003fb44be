"""The conformance suite on SQLite."""

from __future__ import annotations

from polyroute.engines.testing import EngineSuite


class TestSQLite(EngineSuite):
    """SQLite, in a file of its own."""

    url = "sqlite:///{folder}/suite.db"

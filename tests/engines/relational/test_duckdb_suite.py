"""The conformance suite on DuckDB."""

from __future__ import annotations

from polyroute.engines.testing import EngineSuite


class TestDuckDB(EngineSuite):
    """The relational engine, in a file of its own."""

    url = "duckdb:///{folder}/suite.duckdb"

"""The conformance suite on DuckDB's time series."""

from __future__ import annotations

from polyroute.engines.testing import EngineSuite


class TestTimeseriesDuckDB(EngineSuite):
    """The time-series engine, in a file of its own."""

    url = "timeseries+duckdb:///{folder}/suite.duckdb"

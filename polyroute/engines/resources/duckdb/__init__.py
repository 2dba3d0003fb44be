"""The DuckDB file that the relational and the time-series engine stand on."""

from polyroute.engines.resources.duckdb.catalog import Stored
from polyroute.engines.resources.duckdb.file import DuckDBFile, open_file
from polyroute.engines.resources.duckdb.tables import DuckDBTables

__all__ = ["DuckDBFile", "DuckDBTables", "Stored", "open_file"]

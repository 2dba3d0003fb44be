"""The conformance suite on LanceDB: tables in memory, everything streamed, an index wherever there can be one."""

from __future__ import annotations

from polyroute.engines.testing import EngineSuite


class TestLanceDB(EngineSuite):
    """Small tables in memory, as they are by default."""

    url = "lancedb:///{folder}/vectors"


class TestStreamedLanceDB(EngineSuite):
    """Nothing in memory: every answer is streamed from the tables."""

    url = "lancedb:///{folder}/vectors?memory_mb=0"


class TestIndexedLanceDB(EngineSuite):
    """Every new table gets an index, and searches use it where it is sure to be complete."""

    url = "lancedb:///{folder}/vectors?memory_mb=0&index_rows=1"

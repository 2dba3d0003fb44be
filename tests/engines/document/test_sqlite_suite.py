"""Documents in SQLite pass EngineSuite."""

from __future__ import annotations

from polyroute.engines.testing import EngineSuite


class TestDocumentSQLite(EngineSuite):
    url = "document+sqlite:///{folder}/documents.db"

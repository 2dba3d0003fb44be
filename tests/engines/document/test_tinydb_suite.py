"""TinyDB passes EngineSuite."""

from __future__ import annotations

from polyroute.engines.testing import EngineSuite


class TestTinyDB(EngineSuite):
    url = "tinydb:///{folder}/documents.json"

"""The NetworkX engine passes EngineSuite."""

from __future__ import annotations

from polyroute.engines.testing import EngineSuite


class TestNetworkX(EngineSuite):
    url = "networkx:///{folder}/graphs"

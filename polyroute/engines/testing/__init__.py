"""EngineSuite, the conformance suite that every adapter passes, shipped for plugin authors (the extra `testing`)."""

from polyroute.engines.testing.store import Store
from polyroute.engines.testing.suite import EngineSuite

__all__ = ["EngineSuite", "Store"]

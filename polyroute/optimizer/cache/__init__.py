"""The result cache: answers kept as long as they are true, found by what was asked, evicted by what they save."""

from polyroute.optimizer.cache.cache import CacheStatistics, ResultCache
from polyroute.optimizer.cache.eviction import GreedyDual, Weighed
from polyroute.optimizer.cache.filters import canonical_filter
from polyroute.optimizer.cache.questions import cacheable, canonical_key, written_key, written_operation_key
from polyroute.optimizer.cache.settings import CacheSettings
from polyroute.optimizer.cache.statements import repeatable, statement_key
from polyroute.optimizer.cache.values import Uncacheable
from polyroute.optimizer.cache.versions import Reading, ReadSet, Source, Version

__all__ = [
    "CacheSettings",
    "CacheStatistics",
    "GreedyDual",
    "ReadSet",
    "Reading",
    "ResultCache",
    "Source",
    "Uncacheable",
    "Version",
    "Weighed",
    "cacheable",
    "canonical_filter",
    "canonical_key",
    "repeatable",
    "statement_key",
    "written_key",
    "written_operation_key",
]

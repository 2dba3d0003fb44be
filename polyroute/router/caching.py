"""Between lane A and the result cache: what an operation is called there, and what its answer depends on.

The versions that decide are those of the dataset's primary, whichever placement answers: a replica is read only at the
primary's version. Who answered is part of the key only where the caller said who may.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from time import perf_counter as _clock
from typing import NamedTuple

from polyroute.engines import Call
from polyroute.engines.binding import Bound
from polyroute.operations import Operation
from polyroute.optimizer.cache import (
    Reading,
    ResultCache,
    Source,
    cacheable,
    canonical_key,
    written_key,
    written_operation_key,
)
from polyroute.query import DEFAULT_REQUIREMENTS, DEFAULT_ROUTING, Query, Requirements, Routing
from polyroute.result import QueryResult
from polyroute.router.catalog import Catalog, Entry


class Asked(NamedTuple):
    """A question that may be answered from the cache, as it was written (None: in no form that can be looked up)."""

    written: Hashable | None


class CachedReads:
    """Asks the cache for a coordinator."""

    def __init__(self, cache: ResultCache, catalog: Catalog) -> None:
        self.cache = cache
        self._catalog = catalog

    def hit_query(self, query: Query) -> QueryResult | None:
        """Return the answer to a plain query as it was written, or None; this is the fast way."""
        if query.requirements is not DEFAULT_REQUIREMENTS or query.routing is not DEFAULT_ROUTING:
            return None
        if not query.cache or type(query.arguments) is not dict:
            return None
        started = _clock()
        written = written_key(query.operation, query.dataset, query.arguments)
        result = self.cache.hit(written, self._catalog.current_epoch())
        if result is not None:
            result.elapsed_s = _clock() - started
        return result

    def asked(self, op: Operation, routing: Routing, query: Query | None) -> Asked | None:
        """Return the question for the cache, or None for one that has to be answered by an engine."""
        if not self.cache.enabled or not cacheable(op):
            return None
        if query is not None and type(query.arguments) is dict:
            written = written_key(query.operation, query.dataset, query.arguments)
        else:
            written = written_operation_key(op)
        if written is not None and _is_narrowed(routing):
            written = (written, routing.engine, tuple(routing.exclude))
        return Asked(written)

    def hit(self, asked: Asked, requirements: Requirements) -> QueryResult | None:
        """Return the answer to a question as it was written, or None."""
        if asked.written is None:
            return None
        started = _clock()
        strong = requirements.consistency == "strong"
        result = self.cache.hit(asked.written, self._catalog.current_epoch(), strong=strong)
        if result is not None:
            result.elapsed_s = _clock() - started
        return result

    def begin(self, entry: Entry, requirements: Requirements) -> Reading | None:
        """Take the versions of a dataset before it is read, or None where the cache cannot be used just now."""
        primary = entry.primary
        if not primary.primary:
            return None
        sources = (Source(primary.engine, entry.name, primary.engine.resource),)
        return self.cache.begin(sources, strong=requirements.consistency == "strong")

    def answer(
        self,
        asked: Asked,
        reading: Reading,
        entry: Entry,
        bound: Bound,
        routing: Routing,
        epoch: int,
        load: Callable[[], QueryResult],
        call: Call,
    ) -> QueryResult:
        """Return the answer of a bound operation: a kept one, that of somebody's load in progress, or a new one."""
        key = canonical_key(bound)
        if key is None:
            return load()
        key = f"{entry.primary.engine.id}.{key}"
        if _is_narrowed(routing):
            key = f"{key} by {routing.engine!r} not {sorted(routing.exclude)!r}"
        return self.cache.answer(reading, key, load, written=asked.written, epoch=epoch, call=call)


def _is_narrowed(routing: Routing) -> bool:
    return routing.engine is not None or bool(routing.exclude)

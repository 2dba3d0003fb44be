"""Lane B and the result cache: what a statement is called there, and what its answer depends on.

The read set of a statement is every dataset that it names, also inside common table expressions, subqueries and the
calls of table functions. A statement that reads the connection's own tables, calls what changes by itself, or that only
DuckDB can parse is always answered anew.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from time import perf_counter as _clock

from sqlglot import exp

from polyroute.errors import PolyrouteError
from polyroute.optimizer.cache import (
    ResultCache,
    Source,
    Uncacheable,
    repeatable,
    statement_key,
    written_key,
)
from polyroute.optimizer.cache.values import exact
from polyroute.result import QueryResult
from polyroute.router.catalog import Catalog, Entry
from polyroute.router.federation.connection import Manner
from polyroute.router.federation.fragments import Question
from polyroute.router.federation.statement import Statement
from polyroute.router.federation.tables import SCHEMA

Params = Mapping[str, object] | Sequence[object] | None


class RememberedAnswers:
    """Asks the result cache for SQL statements; `distrusted` counts the pushdowns in quarantine."""

    def __init__(self, cache: ResultCache, catalog: Catalog, distrusted: Callable[[], int]) -> None:
        self._distrusted = distrusted
        self._cache = cache
        self._catalog = catalog

    @property
    def enabled(self) -> bool:
        """Whether answers are kept at all."""
        return self._cache.enabled

    def written(self, sql: str, params: Params, manner: Manner) -> Hashable | None:
        """Return the name of a statement as it was written, or None where its values cannot be looked up."""
        given = params if isinstance(params, Mapping) else {str(i): v for i, v in enumerate(params or ())}
        name = written_key("sql", sql, given)
        return None if name is None else (name, *self._circumstances(manner))

    def _circumstances(self, manner: Manner) -> tuple[Hashable, ...]:
        """Return what else decides an answer: who was allowed to give it, and what was not trusted by then."""
        routing = manner.routing
        distrusted = self._distrusted()
        if routing.engine is None and not routing.exclude and not distrusted:
            return ()
        return routing.engine, tuple(sorted(routing.exclude)), distrusted

    def hit(self, written: Hashable, manner: Manner) -> QueryResult | None:
        """Return the answer to a statement as it was written, or None."""
        started = _clock()
        strong = manner.requirements.consistency == "strong"
        result = self._cache.hit(written, self._catalog.current_epoch(), strong=strong)
        if result is not None:
            result.elapsed_s = _clock() - started
        return result

    def question(self, statement: Statement) -> Question | None:
        """Return a statement as a question, or None for one that is always answered anew; its tree is as parsed."""
        tree = statement.tree
        if not self.enabled or tree is None or not isinstance(tree, exp.Query) or not repeatable(tree):
            return None
        names = [".".join(parts) for parts in sorted(statement.names)]
        called = [call.arguments.dataset for call in statement.calls]
        if any(n.startswith(f"{SCHEMA}.") for n in names) or not all(isinstance(d, exp.Literal) for d in called):
            return None
        names += [str(d.this) for d in called if isinstance(d, exp.Literal)]
        text = statement_key(tree, None)
        try:
            entries = [self._entry(name) for name in names]
        except PolyrouteError:
            return None
        if text is None or any(e is None or not e.primary.primary for e in entries):
            return None
        return Question(text, tuple(e for e in entries if e is not None))

    def _entry(self, name: str) -> Entry | None:
        return self._catalog.find(name) or self._catalog.find(name.rpartition(".")[0])

    def answer(
        self,
        question: Question,
        epoch: int,
        params: Mapping[str, object],
        written: Hashable | None,
        manner: Manner,
        load: Callable[[], QueryResult],
    ) -> QueryResult:
        """Return the answer to a question: a kept one, that of somebody's load in progress, or a new one.

        `epoch` is the catalog's in which the question was understood.
        """
        sources = dict.fromkeys(Source(e.primary.engine, e.name, e.primary.engine.resource) for e in question.entries)
        reading = self._cache.begin(tuple(sources), strong=manner.requirements.consistency == "strong")
        try:
            key = f"{question.text} {exact(dict(sorted(params.items())))}"
        except Uncacheable:
            return load()
        if reading is None:
            return load()
        key = f"{key} {self._circumstances(manner)!r}"
        return self._cache.answer(reading, key, load, written=written, epoch=epoch, call=manner.call)

"""The engine under test, as the suite handles it: open, load, ask, reopen, and expect refusals."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pyarrow as pa

from polyroute.engines.call import UNBOUNDED, Call
from polyroute.engines.contract import Engine
from polyroute.engines.execution import execute
from polyroute.engines.loading.loader import Definition, LoadReport, load
from polyroute.engines.loading.sources import Source, from_documents, from_table
from polyroute.errors import PolyrouteError
from polyroute.operations import Operation, Scan
from polyroute.result import QueryResult, Row

_WAYS_OUT = ("did you mean", "there are", "nearest", "expected")


class Store:
    """An engine on a place of its own, for one test.

    `opener` opens the place, `opener(read_only=True)` to read only; `elsewhere` opens a place in another folder, where
    engines of the kind have folders.
    """

    def __init__(self, opener: Callable[..., Engine], elsewhere: Callable[..., Engine] | None = None) -> None:
        self._opener = opener
        self.elsewhere = elsewhere
        self._others: list[Engine] = []
        self.engine = opener()

    def another(self) -> Engine:
        """Open the same place a second time, as another user of it would."""
        engine = self._opener()
        self._others.append(engine)
        return engine

    def reopen(self, *, read_only: bool = False) -> None:
        """Close the engine, whoever has opened it, and open its place again."""
        self.close()
        self._others.clear()
        self.engine = self._opener(read_only=True) if read_only else self._opener()

    def close(self) -> None:
        """Close everything."""
        for engine in [*self._others, self.engine]:
            engine.close()

    def load(
        self,
        name: str,
        data: pa.Table | list[dict[str, object]] | Source,
        *,
        mode: str = "create",
        key: str | Sequence[str] = (),
        nodes: pa.Table | None = None,
        call: Call = UNBOUNDED,
        into: Engine | None = None,
        **roles: str,
    ) -> LoadReport:
        """Load an Arrow table, dicts or a source, with a key and roles; `into` names another opening of the place."""
        keys = (key,) if isinstance(key, str) else tuple(key)
        definition = Definition(keys, dict(roles), nodes)
        return load(
            [into or self.engine], name, _source(data), mode=mode, definition=definition, show_progress=False, call=call
        )

    def ask(self, op: Operation, call: Call = UNBOUNDED) -> QueryResult:
        """Run an operation as the router would."""
        return QueryResult(execute(self.engine, op, call))

    def rows(self, op: Operation, call: Call = UNBOUNDED) -> list[Row]:
        """Return the rows of an operation."""
        return self.ask(op, call).fetchall()

    def column(self, op: Operation) -> list[Any]:
        """Return the first column of an operation's answer."""
        return [row[0] for row in self.rows(op)]

    def all_rows(self, name: str, columns: Sequence[str] | None = None) -> list[Row]:
        """Return every row of a dataset, sorted by their text so that they can be compared as a multiset."""
        found = self.rows(Scan(name, None if columns is None else tuple(columns)))
        return sorted(found, key=repr)

    def everything(self) -> dict[str, tuple[object, str]]:
        """Return every dataset with its rows as text, in which NaN equals itself."""
        return {name: (d, repr(self.all_rows(name))) for name, d in self.engine.datasets().items()}

    @contextmanager
    def refused(self, code: str = "QUERY_INVALID", told: str = "", hidden: str = "") -> Iterator[None]:
        """Expect an error with a code, a word in its message and a way out, and every dataset as it was.

        `hidden` is a value of the data, which no message may show.
        """
        before = self.everything()
        try:
            yield
        except PolyrouteError as exc:
            assert exc.code == code, f"the code is {exc.code}, not {code}: {exc}"
            assert told.lower() in str(exc).lower(), f"the message does not say {told!r}: {exc}"
            assert exc.hint or any(way in exc.message for way in _WAYS_OUT), f"the message has no way out: {exc}"
            assert not hidden or hidden not in str(exc), "the message shows a value of the data"
        else:
            raise AssertionError(f"nothing was refused, {code} was expected")
        assert self.everything() == before, "a refused call has changed something"


def _source(data: pa.Table | list[dict[str, object]] | Source) -> Source:
    if isinstance(data, Source):
        return data
    return from_table(data) if isinstance(data, pa.Table) else from_documents(list(data))

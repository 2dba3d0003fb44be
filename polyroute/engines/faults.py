"""An engine with faults on purpose: wraps any engine and makes it slow, failing or forgetful, with a seed.

For tests of what stands above an engine; it needs no test framework. What is not told to fail goes to the engine
beneath, unchanged.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

from polyroute.engines.call import Call
from polyroute.engines.contract import Answer, BoundScan, Dataset, Engine, LoadSpec, Pushed, Statistics
from polyroute.engines.resources import Resource
from polyroute.engines.url import EngineURL
from polyroute.errors import DatabaseErrorCode, Outcome, invalid, make_error
from polyroute.operations import operations


class FaultyEngine(Engine):
    """An engine that fails as told.

    `error_rate` is the share of calls that raise, before they reach the engine, one of `codes`; `latency_s` is waited
    before each call, and a deadline cuts the wait short; `lost_reply_rate` is the share of writes that are done and
    then answered with a lost connection, outcome unknown. `broken` can be set and unset at any time: while it is True
    every call raises the first of `codes`.

    >>> from polyroute.engines import open_engine
    >>> faulty = FaultyEngine(open_engine("sqlite://"), error_rate=1.0)
    >>> faulty.kind, sorted(faulty.operations)[:2]
    ('relational', ['relational_delete', 'relational_execute'])
    >>> faulty.close()
    """

    def __init__(
        self,
        engine: Engine,
        seed: int = 0,
        error_rate: float = 0.0,
        codes: Sequence[DatabaseErrorCode] = (DatabaseErrorCode.ENGINE_UNAVAILABLE,),
        latency_s: float = 0.0,
        lost_reply_rate: float = 0.0,
    ) -> None:
        self.engine = engine
        self.error_rate = error_rate
        self.codes = tuple(codes)
        self.latency_s = latency_s
        self.lost_reply_rate = lost_reply_rate
        self.broken = False
        self.calls = 0
        self._rng = random.Random(seed)  # noqa: S311 - repeatable faults, no secret
        self._lock = threading.Lock()
        self.kind = engine.kind  # type: ignore[misc]
        self.traits = engine.traits  # type: ignore[misc]
        self.errors = engine.errors  # type: ignore[misc]
        self.operations = engine.operations  # type: ignore[misc]
        for name in engine.operations:
            setattr(self, name, self._wrapped(getattr(engine, name), writes=operations()[name].writes))

    @classmethod
    def open(cls, url: EngineURL, *, read_only: bool = False) -> Self:
        """Refuse: wrap an engine that is open."""
        raise invalid("a FaultyEngine wraps an open engine", hint="FaultyEngine(open_engine('sqlite://'))")

    @property
    def resource(self) -> Resource[Any]:
        """The resource of the engine beneath."""
        return self.engine.resource

    def datasets(self) -> Mapping[str, Dataset]:
        """Return the datasets of the engine beneath, faults or not: the catalog must know them."""
        return self.engine.datasets()

    def scan(self, op: BoundScan, call: Call) -> Answer:
        """Scan the engine beneath, with faults."""
        return self._call(self.engine.scan, op, call, writes=False)

    def negotiate(self, op: BoundScan) -> Pushed:
        """Return what the engine beneath promises."""
        return self.engine.negotiate(op)

    def refusal(self, arrow_type: Any) -> str | None:
        """Return what the engine beneath refuses."""
        return self.engine.refusal(arrow_type)

    def load(self, spec: LoadSpec, call: Call) -> int:
        """Load into the engine beneath, with faults."""
        rows: int = self._call(self.engine.load, spec, call, writes=True)
        return rows

    def drop(self, dataset: str, call: Call) -> None:
        """Drop from the engine beneath, with faults."""
        self._call(self.engine.drop, dataset, call, writes=True)

    def create_index(self, dataset: str, columns: Sequence[str], call: Call) -> None:
        """Make an index in the engine beneath."""
        self.engine.create_index(dataset, columns, call)

    def data_version(self, dataset: str) -> object | None:
        """Return the version that the engine beneath tells."""
        return self.engine.data_version(dataset)

    def statistics(self, dataset: str) -> Statistics:
        """Return what the engine beneath knows."""
        return self.engine.statistics(dataset)

    def ping(self, call: Call) -> None:
        """Ping the engine beneath, with faults."""
        self._fail_when_told(call)
        self.engine.ping(call)

    def close(self) -> None:
        """Close the engine beneath."""
        self.engine.close()

    def _wrapped(self, method: Callable[[Any, Call], Any], *, writes: bool) -> Callable[[Any, Call], Any]:
        return lambda op, call: self._call(method, op, call, writes=writes)

    def _call(self, method: Callable[[Any, Call], Any], op: Any, call: Call, *, writes: bool) -> Any:
        self._fail_when_told(call)
        answer = method(op, call)
        if writes and self._chance(self.lost_reply_rate):
            raise make_error(
                DatabaseErrorCode.ENGINE_CONNECTION_FAILED, "the reply was lost on purpose", outcome=Outcome.UNKNOWN
            )
        return answer

    def _fail_when_told(self, call: Call) -> None:
        with self._lock:
            self.calls += 1
        if self.latency_s:
            waited = threading.Event()
            with call.on_cancel(waited.set):
                waited.wait(self.latency_s)
            call.check()
        if self.broken:
            raise make_error(self.codes[0], "broken on purpose")
        if self._chance(self.error_rate):
            with self._lock:
                code = self._rng.choice(self.codes)
            raise make_error(code, "failed on purpose")

    def _chance(self, rate: float) -> bool:
        if not rate:
            return False
        with self._lock:
            return self._rng.random() < rate

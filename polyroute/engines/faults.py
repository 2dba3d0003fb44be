"""An engine with faults on purpose: wraps any engine and makes it slow, failing or forgetful, with a seed.

For tests of what stands above an engine and for simulations; it needs no test framework. What is not told to fail goes
to the engine beneath, unchanged.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from types import FunctionType
from typing import TYPE_CHECKING, Any, Self

from polyroute.engines.call import Call
from polyroute.engines.contract import Answer, BoundScan, BoundSelect, Dataset, Engine, LoadSpec
from polyroute.engines.resources import Resource
from polyroute.engines.url import EngineURL
from polyroute.errors import DatabaseErrorCode, Outcome, PolyrouteError, invalid, make_error
from polyroute.operations import operations

if TYPE_CHECKING:
    import pyarrow as pa

_PARTS = 4


class FaultyEngine(Engine):
    """An engine that fails as told.

    Each rate is the share of calls that it befalls, drawn from `seed`:

    - `error_rate`: they raise one of `codes` before they reach the engine;
    - `hang_rate`: they never answer, until the call is stopped or the engine is closed;
    - `lost_reply_rate`: writes that are done and then answered with a lost connection, outcome unknown;
    - `death_rate`: reads that break off in the middle of their answer.

    `latency_s` is waited before each call, `trickle_s` before each part of an answer; a deadline cuts both short, and
    `sleep` does the waiting in a simulation. `fail_calls` holds the numbers of the calls, from 1, that raise the first
    of `codes`. `broken` can be set and unset at any time: while it is True every call does. `calls` counts the calls.

    >>> from polyroute.engines import open_engine
    >>> from polyroute.engines.execution import execute
    >>> from polyroute.operations import RelationalQuery
    >>> faulty = FaultyEngine(open_engine("sqlite://"), fail_calls={2})
    >>> one = RelationalQuery(None, "SELECT 1 AS one", dialect="native")
    >>> execute(faulty, one).rows
    [(1,)]
    >>> execute(faulty, one)
    Traceback (most recent call last):
    polyroute.errors.exceptions.EngineError: call 2 failed on purpose
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
        *,
        hang_rate: float = 0.0,
        death_rate: float = 0.0,
        trickle_s: float = 0.0,
        fail_calls: Container[int] = (),
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        self.engine = engine
        self.error_rate = error_rate
        self.codes = tuple(codes)
        self.latency_s = latency_s
        self.lost_reply_rate = lost_reply_rate
        self.hang_rate = hang_rate
        self.death_rate = death_rate
        self.trickle_s = trickle_s
        self.fail_calls = fail_calls
        self.broken = False
        self.calls = 0
        self._sleep = sleep
        self._rng = random.Random(seed)  # noqa: S311 - repeatable faults, no secret
        self._lock = threading.Lock()
        self._waiting: set[threading.Event] = set()
        self.kind = engine.kind  # type: ignore[misc]
        self.traits = engine.traits  # type: ignore[misc]
        self.errors = engine.errors  # type: ignore[misc]
        self.operations = engine.operations  # type: ignore[misc]
        for name in _PASSED_ON:
            setattr(self, name, getattr(engine, name))
        for name in engine.operations - {"scan"}:
            setattr(self, name, self._with_faults(getattr(engine, name), writes=operations()[name].writes))

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
        return self._read(lambda: self.engine.scan(op, call), call)

    def select(self, op: BoundSelect, call: Call) -> Answer:
        """Run a whole SELECT on the engine beneath, with faults."""
        return self._read(lambda: self.engine.select(op, call), call)

    def load(self, spec: LoadSpec, call: Call) -> int:
        """Load into the engine beneath, with faults."""
        self._before(call)
        rows = self.engine.load(spec, call)
        self._lose_reply()
        return rows

    def drop(self, dataset: str, call: Call) -> None:
        """Drop from the engine beneath, with faults."""
        self._before(call)
        self.engine.drop(dataset, call)
        self._lose_reply()

    def create_index(self, dataset: str, columns: Sequence[str], call: Call) -> None:
        """Make an index in the engine beneath, with faults."""
        self._before(call)
        self.engine.create_index(dataset, columns, call)
        self._lose_reply()

    def ping(self, call: Call) -> None:
        """Ping the engine beneath, with faults."""
        self._before(call)
        self.engine.ping(call)

    def close(self) -> None:
        """Let go of the calls that hang, and close the engine beneath."""
        for waiting in list(self._waiting):
            waiting.set()
        self.engine.close()

    def _with_faults(self, method: Callable[[Any, Call], Answer], *, writes: bool) -> Callable[[Any, Call], Answer]:
        def write(op: object, call: Call) -> Answer:
            self._before(call)
            answer = method(op, call)
            self._lose_reply()
            return answer

        return write if writes else lambda op, call: self._read(lambda: method(op, call), call)

    def _before(self, call: Call) -> None:
        with self._lock:
            self.calls += 1
            number = self.calls
        if self.latency_s:
            self._wait(self.latency_s, call)
        if self._chance(self.hang_rate):
            self._hang(call)
        if self.broken or number in self.fail_calls:
            raise make_error(self.codes[0], f"call {number} failed on purpose")
        if self._chance(self.error_rate):
            with self._lock:
                code = self._rng.choice(self.codes)
            raise make_error(code, f"call {number} failed on purpose")

    def _read(self, read: Callable[[], Answer], call: Call) -> Answer:
        self._before(call)
        answer = read()
        dies = self._chance(self.death_rate)
        if not dies and not self.trickle_s:
            return answer
        return self._in_parts(answer, call, dies=dies)

    def _in_parts(self, answer: Answer, call: Call, *, dies: bool) -> Answer:
        """Give an answer slowly, or only half of it; rows and documents have no parts that could be given."""
        import pyarrow as pa

        whole = answer.read_all() if isinstance(answer, pa.RecordBatchReader) else answer
        if isinstance(whole, pa.Table):
            return pa.RecordBatchReader.from_batches(whole.schema, self._batches(whole, call, dies=dies))
        for _ in range(_PARTS):
            self._wait(self.trickle_s, call)
        if dies:
            raise _broken_off()
        return whole

    def _batches(self, whole: pa.Table, call: Call, *, dies: bool) -> Iterator[pa.RecordBatch]:
        batches = whole.to_batches(max_chunksize=max(1, whole.num_rows // _PARTS))
        for number, batch in enumerate(batches):
            self._wait(self.trickle_s, call)
            if dies and 2 * number >= len(batches):
                raise _broken_off()
            yield batch
        if dies:
            raise _broken_off()

    def _lose_reply(self) -> None:
        if self._chance(self.lost_reply_rate):
            raise make_error(
                DatabaseErrorCode.ENGINE_CONNECTION_FAILED, "the reply was lost on purpose", outcome=Outcome.UNKNOWN
            )

    def _hang(self, call: Call) -> None:
        self._block(None, call)
        raise make_error(DatabaseErrorCode.ENGINE_TIMEOUT, "hung on purpose, until the engine was closed")

    def _wait(self, seconds: float, call: Call) -> None:
        if self._sleep is not None:
            self._sleep(seconds)
        elif seconds:
            self._block(seconds, call)

    def _block(self, seconds: float | None, call: Call) -> None:
        waited = threading.Event()
        self._waiting.add(waited)
        try:
            with call.on_cancel(waited.set):
                waited.wait(seconds)
        finally:
            self._waiting.discard(waited)
        call.check()

    def _chance(self, rate: float) -> bool:
        if not rate:
            return False
        with self._lock:
            return self._rng.random() < rate


def _broken_off() -> PolyrouteError:
    return make_error(DatabaseErrorCode.ENGINE_CONNECTION_FAILED, "the answer broke off on purpose")


# what the contract defaults must come from the engine beneath, whatever the contract learns later
_PASSED_ON = tuple(
    name
    for name, member in vars(Engine).items()
    if isinstance(member, FunctionType) and not name.startswith("_") and name not in vars(FaultyEngine)
)

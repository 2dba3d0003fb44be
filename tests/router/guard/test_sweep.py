"""Every operation of every adapter with its Nth engine call failing: the right answer or the right error, and nothing
lost.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import pytest

from polyroute import DatabaseCoordinator, PolyrouteError
from polyroute.engines import Engine
from polyroute.engines.call import UNBOUNDED, Call
from polyroute.engines.execution import execute
from polyroute.engines.faults import FaultyEngine
from polyroute.engines.testing.sample import key_of, roles_of, sample_table
from polyroute.engines.testing.some import READS, WRITES
from polyroute.errors import DatabaseErrorCode, Outcome
from polyroute.operations import DocumentUpdate, Operation, RelationalExecute, Scan, operations
from polyroute.query import DEFAULT_REQUIREMENTS, Requirements, Routing
from polyroute.result import QueryResult
from tests.router.guard.sweeping import Nth, connect_faulty, once_and_for_ever

URLS = (
    "sqlite://",
    "duckdb://",
    "tinydb://",
    "document+sqlite://",
    "networkx://",
    "lancedb://",
    "timeseries+duckdb://",
)
# pairs of a write and what takes it back, beside those of the engines' own suite
MORE: dict[str, tuple[tuple[Operation, Operation], ...]] = {
    "relational": (
        (
            RelationalExecute(None, "INSERT INTO things (k, name) VALUES (50, 'new')"),
            RelationalExecute(None, "DELETE FROM things WHERE k = 50"),
        ),
    ),
    "document": (
        (DocumentUpdate("things", {"k": 3}, {"flag": False}), DocumentUpdate("things", {"k": 3}, {"flag": True})),
    ),
}
ROUTING = Routing(engine="e")


class Swept:
    """One adapter, its calls counted and failing as told."""

    def __init__(self, url: str) -> None:
        self.nth = Nth()
        self.db: DatabaseCoordinator = connect_faulty({"e": url}, self.nth)
        self.engine = cast("FaultyEngine", self.db.engine("e"))
        self.kind = self.engine.kind
        self.load("things")

    def load(self, name: str) -> None:
        inner: Engine = self.engine.engine
        self.db.load(
            name, sample_table(), engine="e", key=key_of(inner) or None, show_progress=False, **roles_of(inner)
        )

    def run(self, op: Operation, key: str | None = None) -> QueryResult:
        requirements = DEFAULT_REQUIREMENTS if key is None else Requirements(idempotency_key=key)
        call = UNBOUNDED if key is None else Call(idempotency_key=key)
        return self.db.run(op, requirements, ROUTING, call)

    def calls(self, op: Operation) -> int:
        """Count the engine calls of an operation that meets no fault."""
        self.nth.start()
        self.run(op)
        return self.nth.calls

    def stored(self) -> list[str]:
        """Everything that the engine holds, asked past the faults."""
        inner = self.engine.engine
        dataset = inner.dataset("things")
        scans = [Scan("things"), *(Scan("things", part=part) for part in sorted(dataset.parts))]
        return [repr(sorted(QueryResult(execute(inner, scan)).fetchall(), key=repr)) for scan in scans]


@pytest.fixture(scope="module", params=URLS)
def swept(request: pytest.FixtureRequest) -> Iterator[Swept]:
    made = Swept(request.param)
    yield made
    made.nth.start()
    made.db.close()


def shown(result: QueryResult) -> tuple[tuple[str, ...], str]:
    return tuple(result.columns), repr(result.fetchall())


def reads(kind: str) -> list[Operation]:
    scans = [Scan("things", order="k"), Scan("things", ("name", "k"), "k < 7", order="k", limit=3)]
    return [*scans, *READS[kind]]


def writes(kind: str) -> list[tuple[Operation, Operation]]:
    return [WRITES[kind], *MORE.get(kind, ())]


def refusal(swept: Swept, op: Operation, key: str | None = None) -> PolyrouteError:
    with pytest.raises(PolyrouteError) as caught:
        swept.run(op, key)
    return caught.value


def test_the_sweep_knows_every_operation() -> None:
    kinds = [*READS]
    swept = {op.name for kind in kinds for op in reads(kind)}
    swept |= {op.name for kind in kinds for pair in writes(kind) for op in pair}
    assert swept == set(operations())


def test_reads(swept: Swept) -> None:
    for op in reads(swept.kind):
        calls = swept.calls(op)
        expected = shown(swept.run(op))
        assert calls > 0
        for n, lasting, failing in once_and_for_ever(calls):
            swept.nth.start(failing)
            if lasting:
                error = refusal(swept, op)
                assert (error.code, error.engine) == (DatabaseErrorCode.ENGINE_UNAVAILABLE, "e"), (op, n)
            else:
                assert shown(swept.run(op)) == expected, (op, n)


def test_writes_that_were_not_done(swept: Swept) -> None:
    before = swept.stored()
    for write, undo in writes(swept.kind):
        calls = swept.calls(write)
        after = swept.stored()
        assert after != before
        swept.run(undo)
        assert swept.stored() == before
        for n, lasting, failing in once_and_for_ever(calls):
            for op, held, then in ((write, before, after), (undo, after, before)):
                swept.nth.start(failing)
                if lasting:
                    error = refusal(swept, op)
                    assert (error.code, error.outcome) == ("ENGINE_UNAVAILABLE", Outcome.NOT_EXECUTED), (op, n)
                    assert swept.stored() == held, (op, n)
                    swept.nth.start()
                assert swept.run(op) is not None
                assert swept.stored() == then, (op, n)
        swept.nth.start()


def test_writes_whose_reply_was_lost(swept: Swept) -> None:
    before = swept.stored()
    swept.nth.start()
    for number, (write, undo) in enumerate(writes(swept.kind)):
        swept.engine.lost_reply_rate = 1.0
        error = refusal(swept, write)
        swept.engine.lost_reply_rate = 0.0
        assert error.outcome == Outcome.UNKNOWN
        after = swept.stored()
        assert after != before
        swept.run(undo)
        if not swept.engine.traits.idempotent_writes:
            continue
        key = f"write {number}"
        swept.engine.lost_reply_rate = 1.0
        error = refusal(swept, write, key)
        swept.engine.lost_reply_rate = 0.0
        assert error.outcome == Outcome.UNKNOWN
        assert swept.stored() == after, "lost, or done twice"
        swept.run(write, key)
        assert swept.stored() == after, "lost, or done twice"
        swept.run(undo)
        assert swept.stored() == before


def test_loads_and_drops(swept: Swept) -> None:
    before = swept.stored()
    swept.nth.start({1})
    with pytest.raises(PolyrouteError) as caught:
        swept.load("more")
    assert caught.value.code == DatabaseErrorCode.ENGINE_UNAVAILABLE
    assert set(swept.engine.datasets()) == {"things"}
    swept.nth.start()
    swept.load("more")
    swept.nth.start({1})
    with pytest.raises(PolyrouteError):
        swept.db.drop("more")
    assert set(swept.db.datasets) == {"things", "more"}
    swept.nth.start()
    swept.db.drop("more")
    assert set(swept.db.datasets) == {"things"}
    assert swept.stored() == before

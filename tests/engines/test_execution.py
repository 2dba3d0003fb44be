"""What the engine floor promises of one operation: a write that nobody could stop in time is not called undone."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from polyroute.engines import open_engine
from polyroute.engines.binding import bind
from polyroute.engines.call import Call
from polyroute.engines.execution import run
from polyroute.engines.faults import FaultyEngine
from polyroute.engines.loading.loader import Definition, load
from polyroute.engines.loading.sources import from_documents
from polyroute.errors import Outcome, PolyrouteError
from polyroute.operations import DocumentCount, DocumentInsert


class Stubborn(FaultyEngine):
    """An engine that hears of no cancellation: its calls wait until the gate is open."""

    gate: threading.Event | None = None

    def _before(self, call: Call) -> None:
        if self.gate is not None:
            self.gate.wait()


def test_a_write_that_outlives_its_deadline_is_unknown_and_keeps_the_epoch_odd(tmp_path: Path) -> None:
    engine = Stubborn(open_engine(f"tinydb:///{tmp_path}/a.json"))
    definition = Definition(("_id",), {}, None)
    documents: list[dict[str, object]] = [{"_id": "a"}]
    load([engine], "people", from_documents(documents), mode="create", definition=definition, show_progress=False)
    dataset = engine.dataset("people")
    before = engine.resource.epoch
    engine.gate = threading.Event()
    for op, write, outcome in (
        (DocumentInsert("people", [{"_id": "b"}]), True, Outcome.UNKNOWN),
        (DocumentCount("people"), False, Outcome.NOT_EXECUTED),
    ):
        with pytest.raises(PolyrouteError) as caught:
            run(engine, bind(dataset, op), Call(timeout_s=0.05), write=write)
        assert (caught.value.code, caught.value.outcome) == ("QUERY_TIMEOUT", outcome)
    assert engine.resource.epoch == before + 1
    engine.gate.set()
    for thread in threading.enumerate():
        if thread.name == "polyroute-worker":
            thread.join()
    assert engine.resource.epoch == before + 2
    engine.close()

"""The engine with faults: each fault as told, the same again with the same seed, and nothing else changed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from polyroute.engines import open_engine
from polyroute.engines.call import Call
from polyroute.engines.execution import execute
from polyroute.engines.faults import FaultyEngine
from polyroute.engines.loading.loader import Definition, load
from polyroute.engines.loading.sources import from_documents
from polyroute.errors import DatabaseErrorCode, Outcome, PolyrouteError
from polyroute.operations import RelationalDelete, RelationalGet, Scan
from polyroute.result import QueryResult

ROWS: list[dict[str, object]] = [{"id": i, "name": f"n{i}"} for i in range(40)]
SCAN = Scan("things", order="id")


@pytest.fixture(params=["sqlite:///{}/a.db", "duckdb:///{}/a.duckdb"])
def faulty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[FaultyEngine]:
    engine = FaultyEngine(open_engine(request.param.format(tmp_path)), seed=7)
    definition = Definition(("id",), {}, None)
    load([engine], "things", from_documents(ROWS), mode="create", definition=definition, show_progress=False)
    engine.calls = 0
    yield engine
    engine.close()


def ids(engine: FaultyEngine, call: Call | None = None) -> list[object]:
    answer = execute(engine, SCAN, call or Call())
    return [row[0] for row in QueryResult(answer)]


def raised(engine: FaultyEngine, call: Call | None = None) -> PolyrouteError:
    with pytest.raises(PolyrouteError) as caught:
        ids(engine, call)
    return caught.value


def test_without_faults_it_is_the_engine_beneath(faulty: FaultyEngine) -> None:
    assert ids(faulty) == list(range(40))
    assert faulty.datasets() is faulty.engine.datasets()
    assert faulty.statistics("things").row_count == 40
    assert faulty.operations == faulty.engine.operations
    assert faulty.dataset("things").key == ("id",)
    assert faulty.calls == 1


def test_numbered_calls_fail_and_the_others_do_not(faulty: FaultyEngine) -> None:
    faulty.fail_calls = {1, 3}
    outcomes = []
    for _ in range(4):
        try:
            outcomes.append(len(ids(faulty)))
        except PolyrouteError as exc:
            outcomes.append(exc.message)
    assert outcomes == ["call 1 failed on purpose", 40, "call 3 failed on purpose", 40]


def test_codes_are_drawn_by_the_seed(faulty: FaultyEngine) -> None:
    faulty.codes = (DatabaseErrorCode.ENGINE_OVERLOADED, DatabaseErrorCode.QUERY_EXECUTION_FAILED)
    faulty.error_rate = 1.0
    drawn = [raised(faulty).code for _ in range(20)]
    again = FaultyEngine(faulty.engine, seed=7, error_rate=1.0, codes=faulty.codes)
    assert drawn == [raised(again).code for _ in range(20)]
    assert set(drawn) == set(faulty.codes)


def test_a_lost_reply_is_a_write_that_was_done(faulty: FaultyEngine) -> None:
    faulty.lost_reply_rate = 1.0
    with pytest.raises(PolyrouteError) as caught:
        execute(faulty, RelationalDelete("things", keys=[0]))
    assert (caught.value.code, caught.value.outcome) == ("ENGINE_CONNECTION_FAILED", Outcome.UNKNOWN)
    assert ids(faulty) == list(range(1, 40))


def test_an_answer_dies_in_its_middle_and_says_so(faulty: FaultyEngine) -> None:
    faulty.death_rate = 1.0
    assert raised(faulty).code == "ENGINE_CONNECTION_FAILED"
    with pytest.raises(PolyrouteError, match="broke off"):
        execute(faulty, RelationalGet("things", 1))
    faulty.death_rate = 0.0
    assert ids(faulty) == list(range(40))


def test_a_trickle_waits_before_every_part_and_changes_nothing(faulty: FaultyEngine) -> None:
    slept: list[float] = []
    slow = FaultyEngine(faulty.engine, trickle_s=0.5, latency_s=2.0, sleep=slept.append)
    assert ids(slow) == list(range(40))
    assert slept[0] == 2.0
    assert slept[1:] == [0.5] * 4


@pytest.mark.parametrize("fault", ["latency_s", "trickle_s"])
def test_a_deadline_cuts_waiting_short(faulty: FaultyEngine, fault: str) -> None:
    setattr(faulty, fault, 3600.0)
    assert raised(faulty, Call(timeout_s=0.01)).code == "QUERY_TIMEOUT"


def test_what_hangs_ends_with_its_call_or_with_the_engine(faulty: FaultyEngine) -> None:
    faulty.hang_rate = 1.0
    assert raised(faulty, Call(timeout_s=0.01)).code == "QUERY_TIMEOUT"
    hanging = threading.Event()

    class Waited(Call):
        def on_cancel(self, stop: object) -> object:  # type: ignore[override]
            hanging.set()
            return super().on_cancel(stop)  # type: ignore[arg-type]

    errors: list[PolyrouteError] = []
    thread = threading.Thread(target=lambda: errors.append(raised(faulty, Waited())))
    thread.start()
    hanging.wait()
    faulty.close()
    thread.join()
    assert [e.code for e in errors] == ["ENGINE_TIMEOUT"]


def test_a_broken_engine_fails_until_it_is_mended(faulty: FaultyEngine) -> None:
    faulty.broken = True
    assert raised(faulty).code == "ENGINE_UNAVAILABLE"
    with pytest.raises(PolyrouteError):
        faulty.ping(Call())
    with pytest.raises(PolyrouteError):
        faulty.create_index("things", ["name"], Call())
    faulty.broken = False
    assert ids(faulty) == list(range(40))

"""Learned routing over two real placements: point reads and scans find their engine, a slowed engine is left."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

import polyroute
from polyroute import PolyrouteError, Requirements
from polyroute.engines import UNBOUNDED, BoundScan, Call, open_engine
from polyroute.engines.faults import FaultyEngine
from polyroute.optimizer import Decision, ExecutionRecord, Learned
from polyroute.router.catalog import Placement
from polyroute.router.learned import run_chosen
from polyroute.router.strategies import Choice

COUNT = 20_000
FLIGHTS = pa.table(
    {
        "id": pa.array(range(COUNT), pa.int64()),
        "carrier": pa.array([("UA", "AA", "DL", "B6")[i % 4] for i in range(COUNT)]),
        "delay": pa.array([(i * 7919) % 240 - 30.0 for i in range(COUNT)]),
    }
)
HIGH = Requirements(priority="high")


class Two:
    """A connection with one dataset in SQLite and DuckDB, SQLite behind a FaultyEngine."""

    def __init__(self, folder: Path) -> None:
        self.db = polyroute.connect(state_dir=folder / "state")
        self.rel = FaultyEngine(open_engine(f"sqlite:///{folder}/a.db"))
        self.olap = FaultyEngine(open_engine(f"duckdb:///{folder}/b.duckdb"))
        self.db.register_engine(self.rel, "rel")
        self.db.register_engine(self.olap, "olap")
        self.db.load("flights", FLIGHTS, engine=("rel", "olap"), key="id", show_progress=False)

    def scan(self, **how: object) -> polyroute.QueryResult:
        return self.db.scan("flights", columns=["carrier", "delay"], where="delay > 200", cache=False, **how)  # type: ignore[arg-type]

    def placements(self) -> dict[str, Placement]:
        return {p.engine.id: p for p in self.db.datasets["flights"].placements}


def decisions(two: Two, record: ExecutionRecord) -> list[Decision]:
    """Ask the policy twenty times where the class of a record goes."""
    assert record.learned is not None
    policy = two.db._policies.of(record.learned.engines)
    return [policy.choose(record.learned.fingerprint) for _ in range(20)]


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Two]:
    made = Two(tmp_path)
    with made.db:
        yield made


def teach(two: Two, operation: str, *, rel_s: float, olap_s: float) -> None:
    """Let every class that was seen of an operation have taken so long, many times."""
    for record in two.db.executions.latest():
        if record.operation == operation and record.learned is not None:
            runs = (("rel", rel_s, False), ("olap", olap_s, False)) * 20
            two.db._policies.observe(Learned(record.learned.engines, record.learned.fingerprint, runs))


def test_the_answers_are_the_same_while_it_learns(two: Two) -> None:
    answers = {tuple(sorted(two.scan().fetchall())) for _ in range(12)}
    assert len(answers) == 1
    assert len(next(iter(answers))) > 0


def test_each_class_goes_where_it_is_fast(two: Two) -> None:
    """What engines take is told, not measured: point reads are fast in SQLite, scans in DuckDB."""
    assert two.db.relational_get("flights", 0, cache=False).fetchone() == (0, "UA", -30.0)
    two.scan()
    teach(two, "relational_get", rel_s=0.00002, olap_s=0.001)
    teach(two, "scan", rel_s=10.0, olap_s=0.5)
    settled = {
        record.operation: {d.engine for d in decisions(two, record) if d.limit_s is None}
        for record in two.db.executions.latest()
        if record.learned is not None
    }
    assert settled == {"relational_get": {"rel"}, "scan": {"olap"}}


def test_the_route_tells_what_was_expected(two: Two) -> None:
    two.scan()
    teach(two, "scan", rel_s=0.4, olap_s=0.2)
    route = two.scan().route
    assert route is not None
    assert {c.engine for c in route.considered} == {"rel", "olap"}
    assert all(c.predicted_ms is not None for c in route.considered)
    assert route.reason


def test_a_slowed_engine_is_left_and_found_again(two: Two) -> None:
    two.scan()
    teach(two, "scan", rel_s=0.001, olap_s=0.2)
    two.rel.latency_s = 0.5
    for _ in range(6):
        two.scan()
    assert two.scan().engine == "olap"
    two.rel.latency_s = 0.0
    teach(two, "scan", rel_s=0.00001, olap_s=0.2)
    assert "rel" in {two.scan().engine for _ in range(10)}


def test_a_try_that_takes_too_long_is_cut_and_the_other_engine_answers(two: Two) -> None:
    two.rel.latency_s = 60.0
    held = two.placements()
    op = BoundScan(two.db.datasets["flights"].dataset, None, ("id",), limit=3)
    choice = Choice([held["rel"], held["olap"]], "a look", 0.02)
    routed = run_chosen(two.db._guard, choice, op, UNBOUNDED, urgent=False)
    assert routed.guarded.placement.engine.id == "olap"
    assert routed.guarded.attempts == 2
    assert [(engine, stopped) for engine, _, stopped in routed.runs] == [("rel", True), ("olap", False)]
    assert "cut off" in routed.reason
    # the engine did nothing wrong: no error is counted against it
    assert two.db.error_statistics() == {}


def test_there_is_no_look_without_time_for_it(two: Two) -> None:
    held = two.placements()
    op = BoundScan(two.db.datasets["flights"].dataset, None, ("id",), limit=3)
    choice = Choice([held["rel"], held["olap"]], "a look", 1000.0)
    routed = run_chosen(two.db._guard, choice, op, Call(timeout_s=100.0), urgent=False)
    assert routed.guarded.placement.engine.id == "olap"
    assert two.rel.calls == 1


def test_a_broken_engine_that_is_tried_fails_over(two: Two) -> None:
    two.rel.broken = True
    held = two.placements()
    op = BoundScan(two.db.datasets["flights"].dataset, None, ("id",), limit=3)
    routed = run_chosen(two.db._guard, Choice([held["rel"], held["olap"]], "a look", 30.0), op, UNBOUNDED, urgent=False)
    assert routed.guarded.placement.engine.id == "olap"
    assert [engine for engine, _, _ in routed.runs] == ["olap"]
    assert routed.reason == "rel failed"


def test_the_caller_s_own_limit_ends_a_try_too(two: Two) -> None:
    two.rel.latency_s = two.olap.latency_s = 60.0
    with pytest.raises(PolyrouteError) as caught:
        two.scan(timeout_s=0.2)
    assert caught.value.code == "QUERY_TIMEOUT"


def test_urgent_reads_are_raced_and_the_loser_is_stopped(two: Two) -> None:
    two.rel.latency_s = 60.0
    held = two.placements()
    op = BoundScan(two.db.datasets["flights"].dataset, None, ("id",), limit=3)
    routed = run_chosen(
        two.db._guard, Choice([held["rel"], held["olap"]], "first", None, True), op, UNBOUNDED, urgent=True
    )
    assert routed.guarded.placement.engine.id == "olap"
    assert [(engine, stopped) for engine, _, stopped in routed.runs] == [("olap", False), ("rel", True)]
    assert "side by side" in routed.reason
    assert len(two.scan(requirements=HIGH)) > 0


def test_what_was_learned_is_there_after_a_restart(tmp_path: Path) -> None:
    two = Two(tmp_path)
    with two.db:
        two.scan()
        record = next(r for r in two.db.executions.latest() if r.learned is not None and r.operation == "scan")
        assert record.learned is not None
        engines, kind = record.learned.engines, record.learned.fingerprint
    with polyroute.connect(
        {"rel": f"sqlite:///{tmp_path}/a.db", "olap": f"duckdb:///{tmp_path}/b.duckdb"}, state_dir=tmp_path / "state"
    ) as db:
        policy = db._policies.of(engines)
        assert any(policy.predict(kind, e) is not None for e in engines)

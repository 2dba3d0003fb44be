"""Execution records: kept over restarts, bounded, set aside when damaged, and never in the way of a query."""

from __future__ import annotations

import logging
import sqlite3
from pathlib import Path

import pytest

import polyroute
from polyroute.optimizer import ExecutionRecords, Learned, RoutingPolicies

ROWS = [{"id": i, "x": i * 0.5} for i in range(50)]


def row(at: float, engine: str = "rel") -> tuple[float, str, str, str, float, int, None]:
    return (at, "scan", "t", engine, 0.001, 1, None)


def test_records_outlive_their_connection(tmp_path: Path) -> None:
    path = tmp_path / "executions.db"
    first = ExecutionRecords(path)
    learned = Learned(("olap", "rel"), "class", (("rel", 0.5, True), ("olap", 0.1, False)))
    first.append((*row(1.0), learned))
    first.append(row(2.0))
    first.close()
    first.close()
    second = ExecutionRecords(path)
    assert [(r.ended_at, r.learned) for r in second.latest()] == [(1.0, learned), (2.0, None)]
    assert second.learned(10) == [learned]
    second.close()


def test_what_is_queued_can_be_read_at_once(tmp_path: Path) -> None:
    records = ExecutionRecords(tmp_path / "executions.db")
    records.append(row(1.0))
    assert records.to_arrow().to_pylist()[0]["engine"] == "rel"
    assert len(records.latest(1)) == 1
    records.close()


def test_the_file_is_bounded(tmp_path: Path) -> None:
    records = ExecutionRecords(tmp_path / "executions.db", max_stored=10)
    for part in range(5):
        for i in range(7):
            records.append(row(part * 7.0 + i))
        records.flush()
    assert [r.ended_at for r in records.latest()] == [float(i) for i in range(25, 35)]
    records.close()


def test_the_queue_is_bounded() -> None:
    records = ExecutionRecords(maximum=10)
    for i in range(25):
        records.append(row(float(i)))
    assert [r.ended_at for r in records.latest()] == [float(i) for i in range(15, 25)]


@pytest.mark.parametrize("damage", ["not a database", "another table"])
def test_a_damaged_file_is_set_aside_and_said(tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "executions.db"
    if damage == "not a database":
        path.write_bytes(b"this is no database" * 100)
    else:
        other = sqlite3.connect(path)
        other.execute("CREATE TABLE executions (something TEXT)")
        other.commit()
        other.close()
    records = ExecutionRecords(path)
    records.append(row(1.0))
    with caplog.at_level(logging.WARNING):
        assert [r.ended_at for r in records.latest()] == [1.0]
    assert "set aside as executions.damaged" in caplog.text
    assert "set aside" in records.notices[0]
    assert (tmp_path / "executions.damaged").exists()
    records.close()


def test_a_file_that_cannot_be_written_does_not_stop_queries(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "executions.db").mkdir()
    records = ExecutionRecords(tmp_path / "executions.db")
    records.append(row(1.0))
    with caplog.at_level(logging.WARNING):
        records.close()
        assert RoutingPolicies(records).of(["a", "b"]).choose("q").engine in ("a", "b")
    assert "could not be written" in caplog.text


def test_a_policy_begins_with_what_the_records_teach(tmp_path: Path) -> None:
    records = ExecutionRecords(tmp_path / "executions.db")
    for i in range(5):
        runs = (("olap", 0.01, False), ("rel", 2.0, False))
        records.append((*row(float(i)), Learned(("olap", "rel"), f"class {i}", runs)))
    policy = RoutingPolicies(records).of(("olap", "rel"))
    assert policy.predict("class 3", "rel") == pytest.approx(2.0)
    assert policy.choose("a new class").engine == "olap"
    records.close()


def test_a_connection_keeps_its_executions(tmp_path: Path) -> None:
    engines = {"rel": f"sqlite:///{tmp_path}/a.db"}
    with polyroute.connect(engines, state_dir=tmp_path / "state") as db:
        db.load("t", ROWS, engine="rel", key="id", show_progress=False)
        assert len(db.scan("t", columns=["x"])) == 50
    with polyroute.connect(engines, state_dir=tmp_path / "state") as db:
        found = db.sql("SELECT operation, dataset, engine, error_code FROM polyroute.executions").fetchall()
    assert ("scan", "t", "rel", None) in found


def test_a_damaged_file_is_told_by_the_health_report(tmp_path: Path) -> None:
    (tmp_path / "executions.db").write_bytes(b"this is no database" * 100)
    with polyroute.connect({"rel": f"sqlite:///{tmp_path}/a.db"}, state_dir=tmp_path) as db:
        db.load("t", ROWS, engine="rel", key="id", show_progress=False)
        db.scan("t")
        assert db.sql("SELECT count(*) FROM polyroute.executions").scalar() > 0
        assert any("set aside" in told for told in db.health_report().recommendations)

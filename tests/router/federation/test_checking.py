"""The run-time check in place: an engine that does not keep its promise is found, corrected, and not trusted again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import polyroute
from polyroute.engines import Answer, BoundScan, Call
from polyroute.engines.relational.sqlite import SQLiteEngine
from polyroute.engines.url import EngineURL
from polyroute.errors import PolyrouteError

WHERE = "SELECT b.id, a.t FROM a JOIN b ON a.id = b.id WHERE a.t = 'new'"


class Forgetful(SQLiteEngine):
    """Loses a row of every filtered scan that it promised to do exactly."""

    def scan(self, op: BoundScan, call: Call) -> Answer:
        return super().scan(op if op.where is None else replace(op, limit=1), call)


@pytest.fixture
def db(tmp_path: Path) -> Iterator[polyroute.DatabaseCoordinator]:
    with polyroute.connect({"two": f"sqlite:///{tmp_path}/2.db"}) as made:
        made.register_engine(Forgetful.open(EngineURL.parse(f"sqlite:///{tmp_path}/1.db")), "one")
        for name, engine in (("a", "one"), ("b", "two")):
            rows = [{"id": n, "t": "new" if n % 2 else "old"} for n in range(10)]
            made.load(name, rows, engine=engine, key="id", show_progress=False)
        yield made


def test_what_changes_an_answer_is_held_in_quarantine(db: polyroute.DatabaseCoordinator) -> None:
    assert len(db.sql(WHERE)) == 1  # nobody has looked yet
    assert len(db.sql(WHERE, verify=True)) == 5
    [held] = [f for f in db.explain(WHERE).fragments if f.dataset == "a"]
    assert held.kept == {"\"t\" = 'new'": "in quarantine: it changed an answer"}
    assert len(db.sql(WHERE)) == 5
    assert len(db.sql(WHERE.replace("'new'", "'old'"))) == 5
    assert any("answers otherwise with the filter of 'a'" in e.reason for e in db.health_report().engines)


def test_a_right_answer_holds_nothing_back(db: polyroute.DatabaseCoordinator) -> None:
    sql = "SELECT count(*) FROM b WHERE id > 3"
    assert db.sql(sql, verify=True).scalar() == 6
    plan = db.explain(WHERE.replace("a.t", "b.t"))
    assert any("filter" in f.pushed for f in plan.fragments if f.dataset == "b")


def test_a_limit_is_answered_plainly_and_held_against_nobody(db: polyroute.DatabaseCoordinator) -> None:
    assert len(db.sql(f"{WHERE} LIMIT 3", verify=True)) == 3
    assert any("filter" in f.pushed for f in db.explain(WHERE).fragments if f.dataset == "a")


def test_a_share_of_the_statements_is_checked_unasked(tmp_path: Path) -> None:
    config = tmp_path / "air.toml"
    config.write_text("[optimizer]\nverify_rate = 1.0\n", encoding="utf-8")
    with polyroute.connect(config) as db:
        db.register_engine(Forgetful.open(EngineURL.parse(f"sqlite:///{tmp_path}/1.db")), "one")
        db.register_engine(f"sqlite:///{tmp_path}/2.db", "two")
        for name, engine in (("a", "one"), ("b", "two")):
            db.load(name, [{"id": n, "t": "new"} for n in range(4)], engine=engine, key="id", show_progress=False)
        assert len(db.sql(WHERE, cache=False)) == 4
    config.write_text("[optimizer]\nverify_rate = 2\n", encoding="utf-8")
    with pytest.raises(PolyrouteError, match="from 0 to 1"):
        polyroute.connect(config)


def test_a_plan_can_be_looked_at_when_its_datasets_are_gone(db: polyroute.DatabaseCoordinator) -> None:
    result = db.sql("SELECT a.id FROM a JOIN b ON a.id = b.id", cache=False)
    db.drop("a")
    assert result.plan is not None
    assert result.plan.rows == 10
    assert [f.rows for f in result.plan.fragments] == [10, 10]

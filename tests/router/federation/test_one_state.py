"""One query reads one state of each dataset, also where its parts are fetched one by one while somebody writes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import polyroute
from polyroute.engines import Answer, BoundScan, Call
from polyroute.engines.execution import execute
from polyroute.engines.relational.sqlite import SQLiteEngine
from polyroute.engines.url import EngineURL
from polyroute.operations import RelationalUpsert

# two fetches of one dataset, under different conditions
SQL = (
    "SELECT count(*) FROM moves a JOIN moves b ON a.id = b.id JOIN other ON other.id = a.id "
    "WHERE a.x <> b.y AND a.y < 30 AND b.x < 50"
)


class Busy(SQLiteEngine):
    """Is written after each scan, as if by somebody who moves both columns of a row together."""

    writes = 0

    def scan(self, op: BoundScan, call: Call) -> Answer:
        answer = super().scan(op, call)
        if self.writes > 0:
            self.writes -= 1
            self.move(self.writes)
        return answer

    def move(self, value: int) -> None:
        """Write a value into both columns of every row."""
        execute(self, RelationalUpsert("moves", [{"id": n, "x": value, "y": value} for n in range(4)]))


@pytest.fixture
def db(tmp_path: Path) -> Iterator[polyroute.DatabaseCoordinator]:
    with polyroute.connect({"two": f"sqlite:///{tmp_path}/2.db"}, cache=False) as made:
        made.register_engine(Busy.open(EngineURL.parse(f"sqlite:///{tmp_path}/1.db")), "one")
        made.load("moves", [{"id": n, "x": 0, "y": 0} for n in range(4)], engine="one", key="id", show_progress=False)
        made.load("other", [{"id": n} for n in range(4)], engine="two", key="id", show_progress=False)
        yield made


@pytest.mark.parametrize("writes", [0, 1, 2, 3, 9])
def test_a_row_is_never_seen_in_two_states(db: polyroute.DatabaseCoordinator, writes: int) -> None:
    engine = db.engines["one"]
    assert isinstance(engine, Busy)
    assert [f.dataset for f in db.explain(SQL).fragments].count("moves") == 2
    engine.writes = writes
    assert db.sql(SQL).scalar() == 0

"""Writes that come twice to SQLite: the key commits with its write, or not at all."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from polyroute.engines import open_engine
from polyroute.engines.call import Call
from polyroute.engines.testing.store import Store
from polyroute.operations import RelationalDelete, RelationalExecute, RelationalUpsert, Scan

AIRPORTS = [{"id": i, "iata": code} for i, code in enumerate(("JFK", "CDG", "MEX"), 1)]
ONCE = Call(idempotency_key="once")


@pytest.fixture
def airports(tmp_path: Path) -> Iterator[Store]:
    made = Store(lambda: open_engine(f"sqlite:///{tmp_path}/a.db"))
    made.load("airports", AIRPORTS, key="id")
    yield made
    made.close()


def insert(code: str, dialect: str = "polyroute", returning: str = "") -> RelationalExecute:
    return RelationalExecute(None, f"INSERT INTO airports (iata) VALUES ('{code}'){returning}", dialect=dialect)


@pytest.mark.parametrize("dialect", ["polyroute", "native"])
def test_an_insert_with_a_key_is_done_once_and_answers_the_same(airports: Store, dialect: str) -> None:
    answers = [airports.ask(insert("ZRH", dialect), ONCE) for _ in range(3)]
    airports.reopen()
    answers.append(airports.ask(insert("ZRH", dialect), ONCE))
    assert [(a.rows_affected, a.keys) for a in answers] == [(1, [4])] * 4
    assert airports.column(Scan("airports", ("iata",))) == ["JFK", "CDG", "MEX", "ZRH"]
    assert set(airports.engine.datasets()) == {"airports"}


def test_one_key_serves_several_operations(airports: Store) -> None:
    upsert = RelationalUpsert("airports", [{"id": 9, "iata": "GVA"}])
    gone = RelationalDelete("airports", keys=[9])
    for _ in range(2):
        assert airports.ask(upsert, ONCE).rows_affected == 1
        assert airports.ask(gone, ONCE).rows_affected == 1
    assert len(airports.all_rows("airports")) == 3


def test_a_load_with_a_key_is_done_once(airports: Store) -> None:
    more = [{"id": 7, "iata": "GVA"}]
    for _ in range(2):
        report = airports.load("airports", more, mode="append", call=Call(idempotency_key="load"))
        assert report.rows == 1
    assert len(airports.all_rows("airports")) == 4


def test_a_refused_write_does_not_use_up_its_key(airports: Store) -> None:
    with airports.refused("CONSISTENCY_VIOLATION"):
        airports.ask(RelationalExecute(None, "INSERT INTO airports VALUES (1, 'ZRH')", dialect="native"), ONCE)
    assert airports.ask(RelationalExecute(None, "INSERT INTO airports VALUES (4, 'ZRH')"), ONCE).rows_affected == 1


def test_a_write_that_returns_rows_takes_no_key_and_leaves_nothing(airports: Store) -> None:
    with airports.refused(told="returns rows"):
        airports.ask(insert("ZRH", "native", " RETURNING id"), ONCE)
    assert airports.ask(insert("ZRH", "native", " RETURNING id")).fetchall() == [(4,)]


def test_what_cannot_run_in_a_transaction_takes_a_key_too(airports: Store) -> None:
    for _ in range(2):
        airports.ask(RelationalExecute(None, "VACUUM", dialect="native"), ONCE)


def test_old_writes_are_forgotten(airports: Store, tmp_path: Path) -> None:
    airports.ask(insert("ZRH"), ONCE)
    with sqlite3.connect(tmp_path / "a.db") as other:
        other.execute("UPDATE _polyroute_writes SET done_s = done_s - 8 * 24 * 3600")
    other.close()
    airports.ask(insert("GVA"), Call(idempotency_key="another"))
    with sqlite3.connect(tmp_path / "a.db") as other:
        assert other.execute("SELECT count(*) FROM _polyroute_writes").fetchone() == (1,)
    other.close()

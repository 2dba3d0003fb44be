"""Long key lists on any SQLite table: the rows of the local evaluation, whatever the columns' collations and types."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polyroute.engines.binding import bind
from polyroute.engines.contract import BoundScan
from polyroute.engines.local import evaluate
from polyroute.engines.relational.sqlite_select import select
from polyroute.operations import Scan
from polyroute.sql.filters import parse_filter
from tests.engines.relational.sqlite_cases import Opened, foreign

TEXTS = ["a", "A", "ab", "AB", "é", "É", "", "10", "9", "1e1", " 10", "x\0y", "x\0z", "it's"]
COLUMNS = {
    "plain": "TEXT",
    "folded": "TEXT COLLATE NOCASE",
    "trimmed": "VARCHAR(9) COLLATE RTRIM",
    "numeric": "NUMERIC",
    "free": "",
}


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    path = Path(tmp_path_factory.mktemp("keys")) / "f.db"
    columns = ", ".join(f"{name} {declared}" for name, declared in COLUMNS.items())
    foreign(path, f"CREATE TABLE t (id INTEGER PRIMARY KEY, i INTEGER, r REAL, {columns})")
    with closing(sqlite3.connect(path)) as connection:
        for number, text in enumerate([*TEXTS, None, "a ", "A "]):
            # what a numeric column would turn into a number is kept out of it: it would not be a text any more
            numeric = None if text is None or text.strip()[:1].isdigit() else text
            row = [number, 2**53 + number, number / 2, text, text, text, numeric, text]
            connection.execute(f"INSERT INTO t VALUES ({', '.join('?' * len(row))})", row)
        for name in (*COLUMNS, "i", "r"):
            connection.execute(f"CREATE INDEX by_{name} ON t ({name})")
        connection.commit()
    opened = Opened(path)
    yield opened
    opened.engine.close()


KEYS = st.lists(st.sampled_from([*TEXTS, "a ", None]), max_size=6)
TIMES = st.sampled_from([1, 1, 4, 30])
CONDITIONS = st.sampled_from(["{} IN $k", "{} NOT IN $k", "{} IN $k AND id > 2", "NOT ({} IN $k OR id = 3)"])


@settings(max_examples=200, deadline=None, derandomize=True)
@given(name=st.sampled_from(sorted(COLUMNS)), keys=KEYS, times=TIMES, condition=CONDITIONS)
def test_texts_are_looked_up_byte_by_byte(
    db: Opened, name: str, keys: list[str | None], times: int, condition: str
) -> None:
    _compare(db, condition.format(name), keys * times)


NUMBERS = st.lists(st.sampled_from([2**53, 2**53 + 1, 2**53 + 3, 0, 1, -1, 2**63 - 1, 2**63, None]), max_size=6)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(name=st.sampled_from(["id", "i", "r"]), keys=NUMBERS, times=TIMES, condition=CONDITIONS)
def test_whole_numbers_are_looked_up_exactly(
    db: Opened, name: str, keys: list[int | None], times: int, condition: str
) -> None:
    _compare(db, condition.format(name), keys * times)


def _compare(db: Opened, where: str, keys: object) -> None:
    whole = db.table(Scan("t", order="id"))
    expected = evaluate(whole, columns=["id"], where=parse_filter(where, whole.schema, {"k": keys}))
    found = db.table(Scan("t", ("id",), where, {"k": keys}, order="id"))
    assert found.equals(expected), f"{where} {keys}"


@pytest.mark.parametrize("name", ["plain", "i", "r", "id"])
def test_an_index_serves_a_scan_by_keys(db: Opened, name: str) -> None:
    keys: list[object] = [f"k{n}" for n in range(500)] if name == "plain" else list(range(500))
    bound = bind(db.engine.dataset("t"), Scan("t", ("id", "plain"), f"{name} IN $k", {"k": keys}))
    assert isinstance(bound, BoundScan)
    assert db.engine.negotiate(bound).residual is None
    sql, params = select(db.engine._catalog.bound(bound.dataset), bound.columns, bound.where)
    with closing(sqlite3.connect(db.path)) as connection:
        steps = connection.execute(f"EXPLAIN QUERY PLAN {sql}", params).fetchall()
    assert any("SEARCH t USING" in step[3] for step in steps), steps

"""Texts of a DuckDB file compare byte by byte, whatever collation another program gave their columns."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import duckdb
import pytest

import polyroute
from polyroute.engines import Engine, open_engine
from polyroute.engines.execution import as_table, execute
from polyroute.operations import RelationalDelete, RelationalGet, RelationalQuery, Scan

TEXTS = ["b", "a", "A", "é", "e", "B"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    place = tmp_path / "f.duckdb"
    with closing(duckdb.connect(place)) as made:
        made.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, s VARCHAR COLLATE NOCASE.NOACCENT, plain VARCHAR)")
        made.executemany("INSERT INTO t VALUES (?, ?, ?)", [(n, text, text) for n, text in enumerate(TEXTS)])
        made.execute("CREATE TABLE k (s VARCHAR COLLATE NOCASE PRIMARY KEY, n INTEGER)")
        made.execute("INSERT INTO k VALUES ('a', 1), ('A', 2)")
        made.execute("CREATE VIEW v AS SELECT id, s FROM t")
    return place


@pytest.fixture
def engine(path: Path) -> Iterator[Engine]:
    opened = open_engine(f"duckdb:///{path}")
    yield opened
    opened.close()


def ids(
    engine: Engine, dataset: str, where: str | None = None, order: str | None = "id", **params: object
) -> list[int]:
    return list(as_table(execute(engine, Scan(dataset, ("id",), where, params, order)))["id"].to_pylist())


@pytest.mark.parametrize("dataset", ["t", "v"])
def test_filters_and_orders_go_by_bytes(engine: Engine, dataset: str) -> None:
    assert ids(engine, dataset, "s = 'a'") == [1]
    assert ids(engine, dataset, "s IN $k", k=["A", "e"]) == [2, 4]
    assert ids(engine, dataset, "s IN $k", k=["A", "e"] * 20) == [2, 4]
    assert ids(engine, dataset, "s > 'b'") == [3, 4]
    assert ids(engine, dataset, order="s") == [2, 5, 1, 0, 4, 3]


def test_a_key_names_one_row(engine: Engine) -> None:
    assert as_table(execute(engine, RelationalGet("k", "A"))).to_pylist() == [{"s": "A", "n": 2}]
    assert execute(engine, RelationalDelete("k", ["A"])).affected == 1  # type: ignore[union-attr]
    assert as_table(execute(engine, Scan("k"))).to_pylist() == [{"s": "a", "n": 1}]


def test_statements_group_and_join_by_bytes(engine: Engine, path: Path) -> None:
    asked = "SELECT count(DISTINCT t.s) AS n, count(*) FILTER (WHERE t.s = o.plain) AS m FROM t JOIN t AS o USING (s)"
    assert as_table(execute(engine, RelationalQuery(None, asked))).to_pylist() == [{"n": 6, "m": 6}]
    with polyroute.connect({"rel": f"duckdb:///{path}"}) as db:
        assert db.sql(asked).fetchall() == [(6, 6)]
        assert db.sql("SELECT s FROM t ORDER BY s LIMIT 2").fetchall() == [("A",), ("B",)]

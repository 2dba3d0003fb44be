"""Samples come from all over a dataset, and counts are what they say they are."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polyroute.engines import open_engine
from polyroute.engines.call import UNBOUNDED
from polyroute.engines.contract import Engine, Statistics
from polyroute.engines.execution import execute
from polyroute.engines.loading.loader import Definition, load
from polyroute.engines.loading.sources import from_table
from polyroute.engines.relational import sqlite_statistics
from polyroute.engines.sampling import sample_of, sampled_columns, spread
from polyroute.operations import RelationalDelete
from tests.engines.relational.sqlite_cases import Opened, foreign


@settings(max_examples=200, deadline=None, derandomize=True)
@given(total=st.integers(0, 5_000), rows=st.integers(1, 500))
def test_places_are_distinct_ascending_and_one_per_stretch(total: int, rows: int) -> None:
    places = spread(total, rows).tolist()
    assert min(total, rows) * 0.7 <= len(places) <= min(total, rows)
    assert all(0 <= place < total for place in places)
    assert all(one < other for one, other in pairwise(places))
    assert len({place * rows // total for place in places}) >= len(places) * 0.7


@pytest.mark.parametrize("period", [2, 7, 24, 60, 100])
def test_a_pattern_in_the_data_is_not_taken_for_the_whole(period: int) -> None:
    seen = {place % period for place in spread(100_000, 1000).tolist()}
    assert len(seen) >= period * 0.9


def test_a_sample_leaves_vectors_out() -> None:
    table = pa.table({"a": [1, 2, 3], "v": pa.array([[1.0, 2.0]] * 3, pa.list_(pa.float32(), 2))})
    assert sampled_columns(table.schema) == ("a",)
    assert sample_of(table, 2).to_pydict() == {"a": [1, 2]}


TABLE = pa.table({"k": pa.array(range(5000), pa.int64()), "x": pa.array([f"t{n % 7}" for n in range(5000)])})


@pytest.fixture(params=["sqlite:///{}/a.db", "duckdb:///{}/a.duckdb"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    opened = open_engine(request.param.format(tmp_path))
    load([opened], "t", from_table(TABLE), definition=Definition(key=("k",)), show_progress=False)
    yield opened
    opened.close()


def test_a_sample_is_spread_over_the_table(engine: Engine) -> None:
    drawn = engine.sample("t", None, 100, UNBOUNDED)
    keys = drawn["k"].to_pylist()
    assert len(keys) == 100
    assert len({key // 500 for key in keys}) == 10
    assert all(x == f"t{key % 7}" for key, x in zip(keys, drawn["x"].to_pylist(), strict=True))


def test_gaps_are_stepped_over(engine: Engine) -> None:
    execute(engine, RelationalDelete("t", where="k > 20 AND k < 4900"))
    keys = engine.sample("t", None, 100, UNBOUNDED)["k"].to_pylist()
    assert len(keys) == len(set(keys)) > 0
    assert set(keys) <= {*range(21), *range(4900, 5000)}


def test_a_view_gives_its_first_rows(tmp_path: Path) -> None:
    foreign(
        tmp_path / "f.db",
        "CREATE TABLE t (a INTEGER PRIMARY KEY, b)",
        "INSERT INTO t VALUES (1, 'x'), (2, 'y')",
        "CREATE VIEW v AS SELECT b AS only FROM t",
        "CREATE TABLE w (a TEXT PRIMARY KEY) WITHOUT ROWID",
        "INSERT INTO w VALUES ('k')",
        "CREATE TABLE bare (`a{b}` INTEGER)",
    )
    engine = Opened(tmp_path / "f.db").engine
    assert engine.sample("v", None, 1, UNBOUNDED).to_pydict() == {"only": ["x"]}
    assert engine.sample("w", None, 5, UNBOUNDED).to_pydict() == {"a": ["k"]}
    assert engine.sample("bare", None, 5, UNBOUNDED).to_pydict() == {"a{b}": []}
    assert engine.statistics("v") == Statistics()
    engine.close()


def test_a_value_of_a_class_not_seen_before_is_drawn_too(tmp_path: Path) -> None:
    rows = ", ".join("(1)" for _ in range(1500))
    foreign(tmp_path / "f.db", "CREATE TABLE t (a)", f"INSERT INTO t VALUES {rows}, ('text')")
    engine = Opened(tmp_path / "f.db").engine
    assert str(engine.dataset("t").schema.field("a").type) == "int64"
    assert engine.sample("t", None, 2000, UNBOUNDED)["a"].to_pylist() == ["1"] * 1500 + ["text"]
    engine.close()


def test_a_table_too_large_to_count_is_guessed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    foreign(tmp_path / "f.db", "CREATE TABLE t (a INTEGER)", "INSERT INTO t VALUES (1), (2), (3), (4)")
    monkeypatch.setattr(sqlite_statistics, "_COUNTED", 3)
    engine = Opened(tmp_path / "f.db").engine
    assert engine.statistics("t") == Statistics(about=4)
    assert engine.statistics("t").rows == 4
    engine.close()


def test_a_count_is_made_once_per_state_of_the_file(engine: Engine) -> None:
    assert engine.statistics("t").row_count == 5000
    assert engine.statistics("t").row_count == 5000
    execute(engine, RelationalDelete("t", where="k < 10"))
    assert engine.statistics("t").row_count == 4990

"""Random SELECTs: whatever SQLite takes, it answers exactly as DuckDB does, types and last digits included."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from polyroute.sql.filters import Unsupported
from tests.engines.relational.sqlite_query_cases import World, difference
from tests.engines.relational.sqlite_query_generated import statement

EACH = 400 if os.environ.get("HYPOTHESIS_PROFILE") == "thorough" else 60
CHUNKS = 8


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(Path(tmp_path_factory.mktemp("generated")))
    yield made
    made.close()


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_what_is_taken_is_answered_as_duckdb_does(world: World, chunk: int) -> None:
    wrong = {}
    taken = full = 0
    for seed in range(chunk * EACH, (chunk + 1) * EACH):
        sql, in_order = statement(seed)
        try:
            found = world.found(sql)
        except Unsupported:
            continue
        try:
            expected = world.expected(sql)
        except duckdb.OutOfRangeException:
            continue  # DuckDB also computes what a condition before or after it leaves out, and may fail on that
        taken += 1
        full += expected.num_rows > 0
        told = difference(found, expected, in_order=in_order)
        if told is not None:
            wrong[seed] = f"{sql}\n{told}"
    assert wrong == {}
    assert taken > EACH * 0.7
    assert full > EACH * 0.5

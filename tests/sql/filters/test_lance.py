"""LanceDB, given a rendered filter, selects the rows that DuckDB selects: real tables, with and without indexes."""

from __future__ import annotations

from random import Random

import lancedb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lancedb.index import Bitmap, BTree

from polyroute.sql.filters import Unsupported, parse_filter, to_lance

from .drafts import SCHEMA, Draft, draw_table
from .oracle import EXAMPLES, expected

FILTERS = 50


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    return lancedb.connect(tmp_path_factory.mktemp("lance"))


def indexed(database, table: pa.Table, random: Random):
    """Hold a part of the rows under scalar indexes, and the rest outside of them."""
    held = database.create_table("rows", table.take(list(range(9))), mode="overwrite")
    if random.random() < 0.7:
        for column in ("i", "n", "f", "g", "s", "d", "t"):
            held.create_index(column, config=BTree())
        held.create_index("b", config=Bitmap())
    held.add(table.take(list(range(9, table.num_rows))))
    return held


def by_lance(table, text: str) -> list[int]:
    return sorted(table.search().where(text).select(["id"]).limit(1000).to_arrow()["id"].to_pylist())


@settings(max_examples=max(4, EXAMPLES // 10), deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_lancedb_agrees_with_duckdb(duck, database, seed):
    random = Random(seed)
    table = draw_table(random, 14)
    held = indexed(database, table, random)
    for _ in range(FILTERS):
        draft = Draft(random)
        wanted = expected(duck, table, draft)
        if wanted is None:
            continue
        try:
            written = to_lance(parse_filter(draft.text, SCHEMA, draft.params))
        except Unsupported:
            continue
        assert by_lance(held, written) == wanted, f"{draft.text} {draft.params} {written}"

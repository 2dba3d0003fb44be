"""What an engine leaves undone, done over Arrow."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

import polyroute
from polyroute.engines.local import evaluate, filter_mask, filter_table
from polyroute.sql.filters import parse_filter, parse_order


def test_a_column_named_like_the_row_number_is_in_nobodys_way() -> None:
    table = pa.table({"__row": [3, 1, 2], "__ROW_": ["a", "b", "c"]})
    where = parse_filter('"__row" % 2 = 1', table.schema)
    assert filter_mask(table, where).tolist() == [True, True, False]
    order = parse_order('"__row"', table.schema)
    assert evaluate(table, columns=["__ROW_"], order=order).to_pydict() == {"__ROW_": ["b", "c", "a"]}


def test_half_floats_can_be_asked_for_in_sql() -> None:
    with polyroute.connect() as db:
        db.register("halves", pa.table({"h": pa.array(np.array([0.5, 1.5], np.float16))}))
        assert db.sql("SELECT sum(h) FROM halves").scalar() == 2.0
        assert db.scan("halves", where="h > 1 AND round(h) = 2").to_arrow().schema.field("h").type == pa.float16()


TABLE = pa.table({"a": [1, None, 3], "s": [{"x": 1}, None, {"x": None}], "t": ["p", "q", "r"]})


@pytest.mark.parametrize(
    ("where", "rows"),
    [("a > 1", [2]), ("s.x = 1", [0]), ("a % 2 = 1", [0, 2]), ("1 = 1", [0, 1, 2]), ("false", []), ("NULL", [])],
)
def test_every_way_to_filter_keeps_the_same_rows(where: str, rows: list[int]) -> None:
    """In Arrow at once, as an expression, in DuckDB, or all rows alike: with columns and without, of full tables and
    empty ones.
    """
    filter_ = parse_filter(where, TABLE.schema)
    assert np.flatnonzero(filter_mask(TABLE, filter_)).tolist() == rows
    kept = TABLE.take(pa.array(rows, pa.int64()))
    assert filter_table(TABLE, filter_).equals(kept)
    assert filter_table(TABLE, filter_, columns=["t"]).equals(kept.select(["t"]))
    assert evaluate(TABLE, columns=["t"], where=filter_, order=parse_order("a", TABLE.schema)).num_rows == len(rows)
    assert evaluate(TABLE, columns=[], where=filter_).num_rows == len(rows)
    for empty in (TABLE.slice(0, 0), TABLE.schema.empty_table()):
        assert filter_table(empty, filter_).num_rows == filter_mask(empty, filter_).size == 0

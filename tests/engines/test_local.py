"""What an engine leaves undone, done over Arrow."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

import polyroute
from polyroute.engines.local import evaluate, filter_mask
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

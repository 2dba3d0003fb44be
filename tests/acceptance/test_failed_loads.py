"""Loads that fail half way, into each of the seven engines and in each mode: a right code, and all is as it was."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import polyroute
from polyroute import PolyrouteError
from tests.acceptance.world import PLACES, Place, contents

_SECRET = "hunter2"
_ROWS = 3000
_TIME = pa.timestamp("us")
_VECTOR = pa.list_(pa.field("item", pa.float32()), 4)

_NAMES = pa.array([f"{_SECRET}-{n}" for n in range(_ROWS)])
TABLES = {
    "rel": pa.table({"iata": _NAMES, "city": _NAMES}),
    "olap": pa.table({"iata": _NAMES, "city": _NAMES}),
    "vec": pa.table(
        {"passage_id": pa.array(range(100, 100 + _ROWS)), "vector": pa.array([[1, 0, 0, 0]] * _ROWS, _VECTOR)}
    ),
    "graph": pa.table({"src": _NAMES, "dst": _NAMES}),
    "docs": pa.table({"_id": _NAMES, "a": _NAMES}),
    "json": pa.table({"_id": _NAMES, "a": _NAMES}),
    "ts": pa.table({"station": _NAMES, "obs_utc": pa.array([dt.datetime(2020, 1, 1)] * _ROWS, _TIME)}),
}
MODES = [
    (place, mode)
    for place in PLACES
    for mode in ("create", "append", "replace", "upsert")
    if (place.engine, mode) != ("ts", "upsert")
]
LAST = {
    "rel": {"iata": None},
    "olap": {"iata": None},
    "vec": {"passage_id": 1, "vector": [1.0, math.nan, 0.0, 0.0]},
    "graph": {"src": "A", "dst": None},
    "docs": {"_id": None},
    "json": {"_id": None},
    "ts": {"station": _SECRET, "obs_utc": None},
}


class Broken(Exception):
    """What a source of ours raises."""


class Stream:
    """Arrow data that breaks off at its end."""

    def __init__(self, table: pa.Table) -> None:
        self.table = table

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        def batches() -> Iterator[pa.RecordBatch]:
            yield from self.table.to_batches()
            raise Broken(_SECRET)

        return pa.RecordBatchReader.from_batches(self.table.schema, batches()).__arrow_c_stream__()


def dicts(table: pa.Table) -> Iterator[dict[str, object]]:
    yield from table.to_pylist()
    raise Broken(_SECRET)


@pytest.mark.parametrize(("place", "mode"), MODES, ids=lambda value: getattr(value, "engine", value))
def test_a_source_that_raises(shared_db: polyroute.DatabaseCoordinator, place: Place, mode: str) -> None:
    table = TABLES[place.engine]
    for source in (dicts(table), Stream(table)):
        error = fails(shared_db, place, mode, source)
        assert error.code == "QUERY_EXECUTION_FAILED"
        assert error.outcome == "not_executed"


@pytest.mark.parametrize(("place", "mode"), MODES, ids=lambda value: getattr(value, "engine", value))
def test_a_file_that_breaks_off(
    shared_db: polyroute.DatabaseCoordinator, tmp_path: Path, place: Place, mode: str
) -> None:
    """The last of many row groups cannot be read: engines that store batch by batch have stored most of it by then."""
    path = tmp_path / "a.parquet"
    pq.write_table(TABLES[place.engine], path, row_group_size=100)
    last = pq.ParquetFile(path).metadata.row_group(29)
    data = bytearray(path.read_bytes())
    for column in range(last.num_columns):
        chunk = last.column(column)
        start = chunk.dictionary_page_offset or chunk.data_page_offset
        data[start : start + chunk.total_compressed_size] = b"\xa5" * chunk.total_compressed_size
    path.write_bytes(data)
    error = fails(shared_db, place, mode, path)
    assert error.code == "QUERY_EXECUTION_FAILED", str(error)


@pytest.mark.parametrize(("place", "mode"), MODES, ids=lambda value: getattr(value, "engine", value))
def test_a_bad_value_in_the_last_row(shared_db: polyroute.DatabaseCoordinator, place: Place, mode: str) -> None:
    rows = TABLES[place.engine].to_pylist()
    for last in (LAST[place.engine], {**rows[0], next(iter(rows[0])): object()}, 7):
        error = fails(shared_db, place, mode, [*rows, last])
        assert error.code == "QUERY_INVALID", str(error)


@pytest.mark.parametrize("first", ["rel", "olap"])
def test_a_load_into_two_engines_of_which_the_second_refuses(
    shared_db: polyroute.DatabaseCoordinator, first: str
) -> None:
    """NaN cannot be kept as JSON, so the document engine refuses when the first engine has stored everything."""
    before = contents(shared_db)
    rows = [{"_id": n, "x": 0.5} for n in range(_ROWS)] + [{"_id": _ROWS, "x": math.nan}]
    for engines in ((first, "json"), (first, "docs")):
        with pytest.raises(PolyrouteError) as caught:
            shared_db.load("both", rows, engine=engines, key="_id", show_progress=False)
        assert caught.value.code == "QUERY_INVALID"
        assert contents(shared_db) == before


def fails(db: polyroute.DatabaseCoordinator, place: Place, mode: str, source: Any) -> PolyrouteError:
    """Load, hold that it fails, tells no data, and leaves everything as it was."""
    before = contents(db)
    name = "fresh" if mode == "create" else place.dataset
    with pytest.raises(PolyrouteError) as caught:
        db.load(name, source, engine=place.engine, mode=mode, show_progress=False, **place.options)  # type: ignore[arg-type]
    assert _SECRET not in str(caught.value)
    assert caught.value.hint
    assert contents(db) == before
    return caught.value

"""The rows of a query on their way into an engine: in memory or in a file, and what happens when that is full."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from polyroute.engines import UNBOUNDED, Call
from polyroute.errors import DatabaseErrorCode, PolyrouteError
from polyroute.router.federation import writes_spool
from polyroute.router.federation.writes_spool import spooled
from polyroute.sql.types import JSON


def numbers(batches: int, rows: int = 100) -> Iterator[pa.RecordBatch]:
    """Give batches of numbers, counted on, and JSON texts."""
    for i in range(batches):
        values = range(i * rows, (i + 1) * rows)
        texts = pa.ExtensionArray.from_storage(JSON, pa.array([f"[{v}]" for v in values], pa.string()))
        yield pa.record_batch({"n": pa.array(values, pa.int64()), "j": texts})


@pytest.mark.parametrize("max_bytes", [0, 3_000, 1 << 30])
def test_rows_come_back_as_often_as_asked(max_bytes: int) -> None:
    whole = pa.Table.from_batches(list(numbers(5)))
    with spooled(numbers(5), UNBOUNDED, max_bytes=max_bytes) as spool:
        assert spool.spilled == (max_bytes < 1 << 30)
        assert (spool.rows, spool.schema) == (500, whole.schema)
        for _ in range(2):
            assert pa.Table.from_batches(list(spool.batches())).equals(whole)
        renamed = pa.Table.from_batches(list(spool.batches(["a", "b"])))
        assert renamed.equals(whole.rename_columns(["a", "b"]))


def test_a_file_is_gone_afterwards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with spooled(numbers(3), UNBOUNDED, max_bytes=0) as spool:
        assert len(list(tmp_path.rglob("*.arrow"))) == 1
        assert spool.rows == 300
    assert list(tmp_path.iterdir()) == []

    def breaking() -> Iterator[pa.RecordBatch]:
        yield from numbers(2)
        raise RuntimeError("the query broke")

    with pytest.raises(RuntimeError), spooled(breaking(), UNBOUNDED, max_bytes=0):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_said_to_be_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writes_spool, "_FILE", "/dev/full")
    with pytest.raises(PolyrouteError) as caught, spooled(numbers(20, 10_000), UNBOUNDED, max_bytes=0):
        pass
    assert caught.value.code == DatabaseErrorCode.CAPACITY_EXCEEDED


def test_a_stopped_call_stops_the_reading() -> None:
    call = Call()
    call.cancel()
    with pytest.raises(PolyrouteError) as caught, spooled(numbers(2), call):
        pass
    assert caught.value.code == DatabaseErrorCode.QUERY_TIMEOUT


def test_no_rows_still_have_columns() -> None:
    [batch] = numbers(1, 0)
    with spooled(iter([batch]), UNBOUNDED) as spool:
        assert (spool.rows, spool.schema.names) == (0, ["n", "j"])

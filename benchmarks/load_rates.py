"""How fast data gets into each engine, beside the engine's own bulk load."""

from __future__ import annotations

import sqlite3
import tempfile
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import polyroute
from benchmarks.table import Table

ROWS = 200_000
VECTORS = 20_000
DOCUMENTS = 10_000


def _table(rows: int) -> pa.Table:
    random = np.random.default_rng(7)
    start = datetime(2013, 1, 1)
    return pa.table(
        {
            "id": pa.array(range(rows), pa.int64()),
            "at": pa.array([start + timedelta(seconds=i) for i in range(rows)], pa.timestamp("us")),
            "name": pa.array([f"name {i % 1000}" for i in range(rows)]),
            "x": pa.array(random.normal(size=rows)),
            "src": pa.array([f"n{i}" for i in random.integers(0, rows // 10, rows)]),
            "dst": pa.array([f"n{i}" for i in random.integers(0, rows // 10, rows)]),
        }
    )


def run() -> list[Table]:
    """Measure loads of the same rows into every engine, and the drivers' own bulk loads."""
    table = _table(ROWS)
    small = table.slice(0, DOCUMENTS)
    vectors = np.random.default_rng(7).normal(size=(VECTORS, 384)).astype(np.float32)
    embedded = table.slice(0, VECTORS).append_column(
        "v", pa.FixedSizeListArray.from_arrays(pa.array(vectors.reshape(-1)), 384)
    )
    loads: list[tuple[str, str, pa.Table, dict[str, str]]] = [
        ("sqlite", "sqlite:///{}/a.db", table, {"key": "id"}),
        ("duckdb", "duckdb:///{}/a.duckdb", table, {"key": "id"}),
        ("timeseries+duckdb", "timeseries+duckdb:///{}/t.duckdb", table, {"time": "at"}),
        ("networkx", "networkx:///{}/g", table, {"source": "src", "target": "dst"}),
        ("lancedb, 384 dimensions", "lancedb:///{}/v", embedded, {"key": "id", "vector": "v"}),
        ("tinydb", "tinydb:///{}/d.json", small, {"key": "id"}),
        ("document+sqlite", "document+sqlite:///{}/d.db", small, {"key": "id"}),
    ]
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, url, data, options in loads:
            with polyroute.connect({"e": url.format(folder)}) as db:
                seconds = _timed(lambda: db.load("t", data, engine="e", show_progress=False, **options))  # noqa: B023
            native = _NATIVE[name](Path(folder), data) if name in _NATIVE else None
            ratio = "" if native is None else f"{seconds / native:.1f}x"
            rows.append((name, f"{data.num_rows:,}", f"{seconds:.2f}", f"{data.num_rows / seconds:,.0f}", ratio))
    note = "One load of an Arrow table, committed and with its roles, beside the driver's bulk load, which has none."
    return [Table("Load rates", note, ("engine", "rows", "s", "rows/s", "against the driver's own"), rows)]


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _native_sqlite(folder: Path, data: pa.Table) -> float:
    columns = [
        c.cast(pa.string()).to_pylist() if pa.types.is_timestamp(c.type) else c.to_pylist() for c in data.columns
    ]
    connection = sqlite3.connect(folder / "native.db")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, at TEXT, name TEXT, x REAL, src TEXT, dst TEXT)")

    def work() -> None:
        with connection:
            connection.executemany("INSERT INTO t VALUES (?, ?, ?, ?, ?, ?)", zip(*columns, strict=True))

    seconds = _timed(work)
    connection.close()
    return seconds


def _native_duckdb(folder: Path, data: pa.Table) -> float:
    connection = duckdb.connect(str(folder / "native.duckdb"))
    connection.register("data", data)
    seconds = _timed(lambda: connection.execute("CREATE TABLE t AS SELECT * FROM data"))
    connection.close()
    return seconds


def _native_lancedb(folder: Path, data: pa.Table) -> float:
    import lancedb

    store = lancedb.connect(folder / "native.lance")
    return _timed(lambda: store.create_table("t", data))


def _native_parquet(folder: Path, data: pa.Table) -> float:
    return _timed(lambda: pq.write_table(data, folder / "native.parquet"))


_NATIVE: dict[str, Callable[[Path, pa.Table], float]] = {
    "sqlite": _native_sqlite,
    "duckdb": _native_duckdb,
    "lancedb, 384 dimensions": _native_lancedb,
    "networkx": _native_parquet,
}

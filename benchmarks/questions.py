"""The eight developer questions in the plain form, against fetching whole tables into pandas; needs the shared data."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import polyroute
from benchmarks.table import Table
from tests.questions import air_travel


def run() -> list[Table]:
    """Measure each question, cold and warm; nothing where the data is absent."""
    if not air_travel.DATA.is_dir():
        return [Table("Developer questions", "skipped: the shared data is not here", ("question",), [])]
    with tempfile.TemporaryDirectory() as folder, polyroute.connect(air_travel.engines(Path(folder))) as db:
        air_travel.load(db)
        rows = [_measured(db, name) for name in air_travel.QUESTIONS]
        pandas_s = _fetch_all(db)
    total = sum(float(r[2]) for r in rows)
    note = (
        "In the plain form, which fetches whole tables and is the oracle for the planner to come. All answers equal "
        f"the given ones (a test). Fetching every table into pandas alone takes {pandas_s:.2f} s, the eight questions "
        f"together {total:.2f} s warm."
    )
    return [Table("Developer questions", note, ("question", "cold s", "warm s", "rows moved", "MiB moved"), rows)]


def _measured(db: polyroute.DatabaseCoordinator, name: str) -> tuple[str, str, str, str, str]:
    sql, params = air_travel.question(name)
    times = []
    for _ in range(4):
        started = time.perf_counter()
        result = db.sql(sql, params)
        times.append(time.perf_counter() - started)
    assert result.plan is not None
    moved = f"{result.plan.bytes_moved / 2**20:.1f}"
    return name, f"{times[0]:.3f}", f"{min(times[1:]):.3f}", f"{result.plan.rows_moved:,}", moved


def _fetch_all(db: polyroute.DatabaseCoordinator) -> float:
    started = time.perf_counter()
    for name in db.datasets:
        db.scan(name).to_pandas()
    return time.perf_counter() - started

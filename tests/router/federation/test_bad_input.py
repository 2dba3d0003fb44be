"""Statements and engines that go wrong: a clear error with the right code, no part passed off as the whole, and a
connection that goes on.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

import polyroute
from polyroute.engines import open_engine
from polyroute.engines.faults import FaultyEngine
from polyroute.errors import DatabaseErrorCode, PolyrouteError

Code = DatabaseErrorCode
MANY = 30_000


@pytest.fixture
def db(tmp_path: Path) -> Iterator[polyroute.DatabaseCoordinator]:
    """Give three engines that fail on demand, with a long table each, and a short one."""
    with polyroute.connect(cache=False) as made:
        for name in ("a", "b", "c"):
            made.register_engine(FaultyEngine(open_engine(f"sqlite:///{tmp_path}/{name}.db")), name)
            rows = pa.table({"id": range(MANY), f"only_{name}": range(MANY), "same": range(MANY)})
            made.load(f"t{name}", rows, engine=name, key="id", show_progress=False)
        yield made


def faulty(db: polyroute.DatabaseCoordinator, name: str) -> FaultyEngine:
    engine = db.engines[name]
    assert isinstance(engine, FaultyEngine)
    return engine


@pytest.mark.parametrize(
    ("sql", "code", "message"),
    [
        ("SELECT same FROM ta JOIN tb ON ta.id = tb.id", Code.QUERY_INVALID, "same"),
        ("SELECT frobnicate(ta.id) FROM ta JOIN tb USING (id)", Code.QUERY_INVALID, "frobnicate"),
        ("SELECT * FROM frobnicate('ta') x JOIN tb ON true", Code.QUERY_INVALID, "frobnicate"),
        ("SELECT only_b FROM ta", Code.QUERY_INVALID, "only_b"),
        ("SELECT ta.nothing FROM ta JOIN tb USING (id)", Code.QUERY_INVALID, "nothing"),
        ("SELECT tb.id FROM ta", Code.QUERY_INVALID, "tb"),
        ("SELECT id FROM ta JOIN tb USING (only_a)", Code.QUERY_INVALID, "only_a"),
        ("SELECT CAST(ta.id || 'x' AS INTEGER) FROM ta JOIN tb USING (id)", Code.QUERY_INVALID, "convert"),
        ("SELECT id FROM ta JOIN tb USING (id) WHERE $missing = 1", Code.QUERY_INVALID, r"\$missing"),
        ("SELECT id FROM ta JOIN tb USING (id) WHERE sum(id) = 1", Code.QUERY_INVALID, "(?i)aggregate"),
        ("SELECT (SELECT id FROM ta WHERE id < 3) FROM tb", None, "(?i)more than one row"),
    ],
)  # fmt: skip
def test_wrong_statements(db: polyroute.DatabaseCoordinator, sql: str, code: Code | None, message: str) -> None:
    with pytest.raises(PolyrouteError, match=message) as caught:
        db.sql(sql)
    assert code is None or caught.value.code == code
    with pytest.raises(PolyrouteError) as plain:
        db.sql(sql, pushdown=False)
    assert plain.value.code == caught.value.code
    assert db.sql("SELECT count(*) FROM ta JOIN tb USING (id)").scalar() == MANY


def test_an_engine_that_dies_in_mid_query(db: polyroute.DatabaseCoordinator) -> None:
    sql = "SELECT sum(ta.id) FROM ta JOIN tb USING (id) JOIN tc USING (id)"
    faulty(db, "b").death_rate = 1.0
    with pytest.raises(PolyrouteError) as caught:
        db.sql(sql)
    assert caught.value.engine == "b"
    faulty(db, "b").death_rate = 0.0
    assert db.sql(sql).scalar() == sum(range(MANY))


def test_a_time_out_stops_all_fragments_that_run(db: polyroute.DatabaseCoordinator) -> None:
    sql = "SELECT sum(ta.id) FROM ta, tb, tc WHERE ta.id + tb.id = 0 AND tb.id + tc.id = 0"
    assert db.sql(sql).scalar() == 0
    before = {name: faulty(db, name).calls for name in "abc"}
    for name in "abc":
        faulty(db, name).hang_rate = 1.0
    with pytest.raises(PolyrouteError) as caught:
        db.sql(sql, timeout_s=1.0)
    assert caught.value.code == Code.QUERY_TIMEOUT
    # all three were asked, side by side, and none of them is at it any more
    assert all(faulty(db, name).calls > before[name] for name in "abc")
    assert not any(t.name.startswith("polyroute-fragment") for t in threading.enumerate())
    for name in "abc":
        faulty(db, name).hang_rate = 0.0
    assert db.sql(sql).scalar() == 0


def test_one_fragment_that_fails_stops_the_others(db: polyroute.DatabaseCoordinator) -> None:
    sql = "SELECT sum(ta.id) FROM ta, tb, tc WHERE ta.id + tb.id = 0 AND tb.id + tc.id = 0"
    faulty(db, "a").hang_rate = faulty(db, "b").hang_rate = 1.0
    faulty(db, "c").error_rate = 1.0
    with pytest.raises(PolyrouteError) as caught:
        db.sql(sql, timeout_s=60)
    assert caught.value.code == Code.ENGINE_UNAVAILABLE
    assert caught.value.engine == "c"


def test_a_cross_join_that_does_not_fit_at_the_merge_site(tmp_path: Path) -> None:
    small = "memory_limit=60MB&max_temp_directory_size=10MB"
    with polyroute.connect(
        {"olap": f"duckdb:///{tmp_path}/o.duckdb?{small}", "rel": f"sqlite:///{tmp_path}/r.db"}
    ) as db:
        db.load("big", pa.table({"x": range(MANY)}), engine="olap", show_progress=False)
        db.load("also", pa.table({"y": range(MANY)}), engine="rel", show_progress=False)
        with pytest.raises(PolyrouteError) as caught:
            db.sql("SELECT * FROM big, also ORDER BY hash(x * y)")
        assert caught.value.code == Code.MEMORY_LIMIT_EXCEEDED
        assert db.sql("SELECT count(*) FROM big JOIN also ON x = y").scalar() == MANY


CROSS = """
import polyroute, pyarrow as pa
from polyroute.errors import PolyrouteError
with polyroute.connect({"a": "sqlite://", "b": "sqlite://"}) as db:
    for name in "ab":
        db.load(name, pa.table({"x": range(30000)}), engine=name, show_progress=False)
    try:
        db.sql("SELECT * FROM a, b ORDER BY hash(a.x * b.x)")
    except PolyrouteError as exc:
        print(exc.code.name)
    print(db.sql("SELECT count(*) FROM a JOIN b USING (x)").scalar())
"""


def test_a_cross_join_that_does_not_fit_in_process() -> None:
    bounds = {"POLYROUTE_MERGE_MEMORY": "60MB", "POLYROUTE_MERGE_SPILL": "10MB"}
    done = subprocess.run(
        [sys.executable, "-c", CROSS], capture_output=True, text=True, check=True, env={**os.environ, **bounds}
    )
    code, count = done.stdout.split()
    assert code == "MEMORY_LIMIT_EXCEEDED"
    assert count == str(MANY)

"""TPC-H in several splits: the planner moves fewer rows than the plain form and answers as one DuckDB does.

The suites (tests/suites) hold the answers against the published ones, in splits by the names of the tables; here the
split is that of the benchmark, and splits that are harder on the planner: facts apart from one another and outside
DuckDB, dimensions in documents. Answers with pushdown, without it, and of one DuckDB are equal to the last digit of a
decimal.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

import polyroute
from tests.suites.groups import Group, present, tpch

pytestmark = [
    pytest.mark.skipif(not present("tpch"), reason="the shared TPC-H suite is not here"),
    pytest.mark.xdist_group("tpch"),
]

ENGINES: Mapping[str, str] = {
    "a": "duckdb:///{}/a.duckdb",
    "b": "duckdb:///{}/b.duckdb",
    "rel": "sqlite:///{}/rel.db",
    "docs": "tinydb:///{}/docs.json",
}
SPLITS: Mapping[str, Mapping[str, Sequence[str]]] = {
    "as in the benchmark": {
        "a": ("lineitem", "orders"),
        "b": ("part", "partsupp", "supplier"),
        "rel": ("customer", "nation", "region"),
    },
    "orders and parts in SQLite": {
        "rel": ("orders", "partsupp", "supplier"),
        "a": ("lineitem", "nation"),
        "b": ("customer", "part", "region"),
    },
    "dimensions in documents": {
        "docs": ("nation", "region", "supplier", "part"),
        "a": ("lineitem", "partsupp"),
        "b": ("orders", "customer"),
    },
}
KEYS: Mapping[str, str | Sequence[str]] = {
    "customer": "c_custkey",
    "lineitem": ("l_orderkey", "l_linenumber"),
    "nation": "n_nationkey",
    "orders": "o_orderkey",
    "part": "p_partkey",
    "partsupp": ("ps_partkey", "ps_suppkey"),
    "region": "r_regionkey",
    "supplier": "s_suppkey",
}
MOST_MOVED = 0.45


def group() -> Group:
    held = tpch()
    assert held is not None
    return held


@pytest.fixture(scope="module")
def truths() -> Mapping[str, pa.Table]:
    """What one DuckDB answers that holds every table."""
    with duckdb.connect() as connection:
        for name, table in group().tables.items():
            connection.register("loading", table)
            connection.execute(f"CREATE TABLE {name} AS FROM loading")
        return {case.id: connection.sql(case.sql).to_arrow_table() for case in group().cases}


@pytest.fixture(scope="module", params=SPLITS)
def split(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, polyroute.DatabaseCoordinator]]:
    name = str(request.param)
    folder: Path = tmp_path_factory.mktemp("tpch")
    with ExitStack() as stack:
        db = stack.enter_context(polyroute.connect({e: ENGINES[e].format(folder) for e in SPLITS[name]}, cache=False))
        for engine, tables in SPLITS[name].items():
            for table in tables:
                db.load(table, group().tables[table], engine=engine, key=KEYS[table], show_progress=False)
        yield name, db


def equal(given: object, expected: object) -> bool:
    if isinstance(given, float) and isinstance(expected, float):
        return math.isclose(given, expected, rel_tol=1e-9)
    return given == expected


def check(given: pa.Table, expected: pa.Table) -> None:
    assert given.column_names == expected.column_names
    assert given.num_rows == expected.num_rows
    for number, (row, truth) in enumerate(zip(given.to_pylist(), expected.to_pylist(), strict=True)):
        assert all(equal(row[name], value) for name, value in truth.items()), (number, row, truth)


def test_every_split_answers_as_one_duckdb(
    split: tuple[str, polyroute.DatabaseCoordinator], truths: Mapping[str, pa.Table]
) -> None:
    name, db = split
    moved = unreduced = 0
    for case in group().cases:
        pushed, plain = db.sql(case.sql), db.sql(case.sql, pushdown=False)
        check(pushed.to_arrow(), truths[case.id])
        check(plain.to_arrow(), truths[case.id])
        assert pushed.to_arrow().schema == plain.to_arrow().schema, case.id
        assert pushed.plan is not None
        assert plain.plan is not None
        moved += pushed.plan.rows_moved
        unreduced += plain.plan.rows_moved
    assert moved <= (MOST_MOVED if name == "as in the benchmark" else 1.0) * unreduced

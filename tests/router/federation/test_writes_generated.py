"""Random changes whose conditions ask other engines leave what one DuckDB that holds everything leaves."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import polyroute
from polyroute.errors import PolyrouteError
from polyroute.router.federation.sameness import same_answer
from tests.router.federation.writing import write

Database = polyroute.DatabaseCoordinator

SCHEMA = pa.schema([("id", pa.int64()), ("n", pa.int64()), ("s", pa.string())])
EDGES = pa.table({"src": ["a", "b", "a", "A"], "dst": ["b", "a", "A", "b"], "weight": [1, 2, 3, 4]})

numbers = st.one_of(st.none(), st.integers(-2, 4))
texts = st.one_of(st.none(), st.sampled_from(["a", "b", "A", ""]))
tables = st.lists(st.tuples(numbers, texts), max_size=6)

# `t` is the target, `u` lies in documents, `e` are the edges of a graph
CONDITIONS = [
    "n IN (SELECT n FROM u)",
    "n NOT IN (SELECT n FROM u)",
    "n NOT IN (SELECT n FROM u WHERE n IS NOT NULL)",
    "s IN (SELECT src FROM e WHERE weight > 1)",
    "EXISTS (SELECT 1 FROM u WHERE u.n = t.n AND u.s = t.s)",
    "NOT EXISTS (SELECT 1 FROM u WHERE u.n = t.n)",
    "n > (SELECT min(n) FROM u)",
    "n = (SELECT count(*) FROM u, e WHERE u.s = e.src)",
    "(SELECT max(weight) FROM e WHERE e.src = t.s) > t.n",
    "n IN (SELECT n FROM u WHERE s IN (SELECT dst FROM e)) OR s IS NULL",
    "n IN (SELECT n FROM t) AND s NOT IN (SELECT s FROM u WHERE s IS NOT NULL)",
]
STATEMENTS = [
    "DELETE FROM t WHERE {}",
    "UPDATE t SET s = 'new' WHERE {}",
    "UPDATE t SET n = (SELECT max(n) FROM u), s = coalesce(s, 'none') WHERE {}",
    "INSERT INTO t SELECT id + 100, n, s FROM t WHERE {}",
    "INSERT INTO t (s, id) SELECT dst, 200 + row_number() OVER () FROM e WHERE EXISTS (SELECT 1 FROM t WHERE {})",
    "INSERT OR REPLACE INTO t SELECT id, -n, 'again' FROM t WHERE {}",
    "INSERT INTO t BY NAME SELECT s, id % 2 AS id FROM t WHERE ({}) AND id = 1 ON CONFLICT DO NOTHING",
]


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Database]]:
    """Give connections whose target lies in SQLite, and in DuckDB."""
    made = {}
    for scheme in ("sqlite", "duckdb"):
        folder = tmp_path_factory.mktemp(scheme)
        made[scheme] = polyroute.connect(
            {
                "target": f"{scheme}:///{folder}/target.db",
                "docs": f"tinydb:///{folder}/docs.json",
                "graph": f"networkx:///{folder}/graphs",
            }
        )
        made[scheme].load("e", EDGES, engine="graph", source="src", target="dst")
    yield made
    for db in made.values():
        db.close()


@given(tables, tables, st.sampled_from(STATEMENTS), st.sampled_from(CONDITIONS))
@settings(derandomize=True, max_examples=40)
@pytest.mark.parametrize("place", ["sqlite", "duckdb"])
def test_a_change_is_that_of_one_duckdb(
    places: dict[str, Database],
    place: str,
    target: list[tuple[object, ...]],
    other: list[tuple[object, ...]],
    statement: str,
    condition: str,
) -> None:
    db, sql = places[place], statement.format(condition)
    held = _table([(i, *row) for i, row in enumerate(target)])
    asked = _table([(i, *row) for i, row in enumerate(other)])
    db.load("t", held, engine="target", key="id", mode="replace", show_progress=False)
    db.load("u", asked.rename_columns(["_id", "n", "s"]), engine="docs", mode="replace", show_progress=False)
    with duckdb.connect() as alone:
        alone.register("given", held)
        alone.execute("CREATE TABLE t (id BIGINT PRIMARY KEY, n BIGINT, s VARCHAR)")
        alone.execute("INSERT INTO t FROM given")
        alone.register("u", asked)
        alone.register("e", EDGES)
        try:
            [(count,)] = alone.execute(sql).fetchall()
        except duckdb.Error:
            count = None
        expected = alone.sql("FROM t").to_arrow_table()
    try:
        affected = write(db, sql).rows_affected
    except PolyrouteError:
        affected = None
    assert affected == count, sql
    assert same_answer(db.scan("t").to_arrow(), expected, ordered=False) is None, sql


def _table(given: list[tuple[object, ...]]) -> pa.Table:
    columns = list(zip(*given, strict=True)) or [(), (), ()]
    return pa.table([pa.array(c, f.type) for c, f in zip(columns, SCHEMA, strict=True)], schema=SCHEMA)

"""What the planner takes from the inputs before they are fetched, and what it must leave: joins, scopes, commas."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import polyroute

ROWS = [{"id": n, "x": n % 3 if n % 4 else None, "t": f"t{n % 2}", "n": {"m": n}} for n in range(12)]


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Iterator[polyroute.DatabaseCoordinator]:
    """Give tables a, b and c in three engines that host no merge."""
    folder: Path = tmp_path_factory.mktemp("reductions")
    urls = {"one": f"sqlite:///{folder}/1.db", "two": f"sqlite:///{folder}/2.db", "docs": f"tinydb:///{folder}/3.json"}
    with polyroute.connect(urls, cache=False) as made:
        for name, engine in (("a", "one"), ("b", "two"), ("c", "docs")):
            rows = [{k: v for k, v in row.items() if k != "n" or engine == "docs"} for row in ROWS]
            made.load(name, rows, engine=engine, key="id", show_progress=False)
        yield made


def pushed(db: polyroute.DatabaseCoordinator, sql: str) -> tuple[dict[str, str], set[tuple[str, str]]]:
    """Return the filter of each dataset, and the pairs of datasets along which keys may travel."""
    plan = db.explain(sql)
    names = {f.name: f.dataset or "" for f in plan.fragments}
    filters = {f.dataset or "": f.pushed["filter"] for f in plan.fragments if "filter" in f.pushed}
    return filters, {(names[source], f.dataset or "") for f in plan.fragments for source in f.depends_on}


BOTH = {("a", "b"), ("b", "a")}


@pytest.mark.parametrize(
    ("sql", "filters", "edges"),
    [
        ("SELECT a.t FROM a JOIN b ON a.id = b.id WHERE a.x = 1 AND b.t = 'u'",
         {"a": '"x" = 1', "b": "\"t\" = 'u'"}, BOTH),
        ("SELECT a.t FROM a, b WHERE a.id = b.id AND a.x > 1", {"a": '"x" > 1'}, BOTH),
        ("SELECT a.t FROM a LEFT JOIN b ON a.id = b.id WHERE a.x = 1", {"a": '"x" = 1'}, {("a", "b")}),
        ("SELECT a.t FROM a LEFT JOIN b ON a.id = b.id WHERE b.x = 1", {"b": '"x" = 1'}, {("a", "b")}),
        ("SELECT a.t FROM a LEFT JOIN b ON a.id = b.id WHERE b.x IS NULL", {}, {("a", "b")}),
        ("SELECT a.t FROM a LEFT JOIN b ON a.id = b.id WHERE coalesce(b.x, 1) = 1", {}, {("a", "b")}),
        ("SELECT a.t FROM a LEFT JOIN b ON a.id = b.id AND a.x = 1", {}, {("a", "b")}),
        ("SELECT a.t FROM a LEFT JOIN b ON a.id = b.id AND b.x = 1", {"b": '"x" = 1'}, {("a", "b")}),
        ("SELECT a.t FROM a RIGHT JOIN b ON a.id = b.id AND a.x = 1", {"a": '"x" = 1'}, {("b", "a")}),
        ("SELECT a.t FROM a RIGHT JOIN b ON a.id = b.id AND b.x = 1", {}, {("b", "a")}),
        ("SELECT a.t FROM a FULL JOIN b ON a.id = b.id AND b.x = 1", {}, set()),
        ("SELECT a.t FROM a FULL JOIN b ON a.id = b.id WHERE b.x = 1", {"b": '"x" = 1'}, set()),
        ("SELECT a.t FROM a SEMI JOIN b ON a.id = b.id AND b.x = 1", {"b": '"x" = 1'}, BOTH),
        ("SELECT a.t FROM a ANTI JOIN b ON a.id = b.id AND a.x = 1", {}, {("a", "b")}),
        ("SELECT a.t FROM a ANTI JOIN b ON a.id = b.id AND b.x = 1", {"b": '"x" = 1'}, {("a", "b")}),
        ("SELECT a.t FROM a ASOF JOIN b ON a.t = b.t AND a.id >= b.id WHERE b.x = 1", {}, BOTH),
        ("SELECT a.t FROM a ASOF LEFT JOIN b ON a.t = b.t AND a.id >= b.id WHERE a.x = 1",
         {"a": '"x" = 1'}, {("a", "b")}),
        ("SELECT a.t FROM a POSITIONAL JOIN b WHERE a.x = 1", {}, set()),
        ("SELECT a.t FROM a JOIN b USING (id) WHERE a.x = 1", {"a": '"x" = 1'}, BOTH),
        ("SELECT count(*) FROM a, c RIGHT JOIN b ON a.id = b.id", {}, set()),
        ("SELECT t FROM a WHERE id IN (SELECT id FROM b WHERE x = 1)", {"b": '"x" = 1'}, BOTH),
        ("SELECT t FROM a WHERE id NOT IN (SELECT id FROM b WHERE x = 1)", {"b": '"x" = 1'}, set()),
        ("SELECT t FROM a WHERE EXISTS (SELECT 1 FROM b WHERE b.id = a.id)", {}, {("a", "b")}),
        ("SELECT t, (SELECT count(*) FROM b WHERE b.id = a.id) FROM a", {}, {("a", "b")}),
        ("SELECT t FROM (SELECT id, t, x FROM c) s WHERE s.x = 1", {"c": '"x" = 1'}, set()),
        ("SELECT t FROM (SELECT id, t, x FROM c LIMIT 3) s WHERE s.x = 1", {}, set()),
        ("SELECT x FROM (SELECT x, row_number() OVER (ORDER BY id) r FROM c) s WHERE s.x = 1", {}, set()),
        ("SELECT x FROM (SELECT DISTINCT ON (t) x, t FROM c ORDER BY t, id) s WHERE s.x = 1", {}, set()),
        ("SELECT x FROM (SELECT x, count(*) n FROM c GROUP BY x) s WHERE s.x = 1", {"c": '"x" = 1'}, set()),
        ("SELECT x FROM (SELECT max(x) x FROM c) s WHERE s.x = 1", {}, set()),
        ("SELECT x FROM (SELECT x, count(*) n FROM c GROUP BY ROLLUP (x)) s WHERE s.x = 1", {}, set()),
        ("WITH s AS (SELECT * FROM a) SELECT 1 FROM s JOIN b ON s.id = b.id WHERE s.x = 1", {"a": '"x" = 1'}, BOTH),
        ("WITH s AS (SELECT * FROM c) SELECT 1 FROM s JOIN s r ON s.id = r.x WHERE s.x = 1", {}, set()),
        ("SELECT 1 FROM a JOIN b ON a.id = b.id WHERE a.x = 1 OR b.x = 1", {}, BOTH),
        ("SELECT 1 FROM a JOIN b ON a.id = b.id WHERE random() < 2 AND a.x = 1", {"a": '"x" = 1'}, BOTH),
        ("SELECT 1 FROM a TABLESAMPLE 50% JOIN b ON a.id = b.id WHERE a.x = 1", {}, {("a", "b")}),
        ("SELECT 1 FROM a JOIN c ON a.id = c.n.m WHERE c.n.m > 2", {"c": '"n"."m" > 2'}, {("c", "a")}),
        ("SELECT 1 FROM a JOIN b ON a.x = CAST(b.id AS DOUBLE)", {}, set()),
        ("SELECT 1 FROM a, b, c WHERE a.id = b.id AND b.id = c.id",
         {}, {(x, y) for x in "abc" for y in "abc" if x != y}),
        ("SELECT 1 FROM a JOIN b ON a.id = b.id LEFT JOIN c ON c.id = b.id", {}, {*BOTH, ("b", "c")}),
        ("SELECT 1 FROM a JOIN b ON a.id = b.id RIGHT JOIN c ON c.id = b.id", {}, {*BOTH, ("c", "b")}),
        ("SELECT 1 FROM c AS s(p, q, r, o) WHERE p = 1", {}, set()),
        ("SELECT 1 FROM a JOIN b ON a.id = b.id WHERE list_max(list_transform([a.x], lambda b: b + 1)) = 2", {}, BOTH),
    ],
)  # fmt: skip
def test_only_what_cannot_matter_is_left_out(
    db: polyroute.DatabaseCoordinator, sql: str, filters: dict[str, str], edges: set[tuple[str, str]]
) -> None:
    assert pushed(db, sql) == (filters, edges)
    plain = db.sql(sql, pushdown=False)
    if "SAMPLE" not in sql:
        assert sorted(db.sql(sql).fetchall(), key=repr) == sorted(plain.fetchall(), key=repr)


@pytest.mark.parametrize(
    ("sql", "columns"),
    [
        ("SELECT a.t FROM a JOIN b ON a.id = b.id", {"a": ("id", "t"), "b": ("id",)}),
        ("SELECT * FROM a JOIN b USING (id)", {"a": None, "b": None}),
        ("SELECT a.* FROM a JOIN b ON a.id = b.id", {"a": None, "b": None}),
        ("SELECT count(*) FROM a, b", {"a": ("id",), "b": ("id",)}),
        ("SELECT a FROM a JOIN b ON a.id = b.id", {"a": None, "b": ("id",)}),
        ("SELECT 1 FROM a NATURAL JOIN b", {"a": None, "b": None}),
        ("SELECT 1 FROM (SELECT x FROM a) s JOIN b ON s.x = b.x", {"a": ("x",), "b": ("x",)}),
        ("SELECT COLUMNS('x') FROM a, b", {"a": None, "b": None}),
    ],
)
def test_columns_that_nobody_reads_stay(
    db: polyroute.DatabaseCoordinator, sql: str, columns: dict[str, tuple[str, ...] | None]
) -> None:
    assert {f.dataset: f.columns for f in db.explain(sql).fragments} == columns
    assert sorted(db.sql(sql).fetchall(), key=repr) == sorted(db.sql(sql, pushdown=False).fetchall(), key=repr)


def test_no_keys_means_no_question(db: polyroute.DatabaseCoordinator) -> None:
    plan = db.sql("SELECT count(*) FROM a JOIN b ON a.id = b.id WHERE a.x = 77").plan
    assert plan is not None
    asked = {f.dataset: f.native for f in plan.fragments}
    assert asked["b"] == "not asked: no keys"


def test_a_dataset_read_twice_for_as_much_as_it_holds_is_fetched_once(db: polyroute.DatabaseCoordinator) -> None:
    sql = "SELECT count(*) FROM a p, a q, b WHERE p.id = q.id AND p.id = b.id AND q.t = 't1'"
    assert [f.dataset for f in db.explain(sql).fragments].count("a") == 1
    assert db.sql(sql).scalar() == db.sql(sql, pushdown=False).scalar() == 6


@pytest.mark.parametrize(
    ("sql", "limit"),
    [
        ("SELECT id FROM c WHERE x = 1 ORDER BY id LIMIT 2", '2 ordered by "id"'),
        ("SELECT t, id AS k FROM c ORDER BY k DESC, t LIMIT 2 OFFSET 3", '5 ordered by "id" DESC, "t"'),
        ("SELECT id FROM c WHERE x = 1 LIMIT 2", "2"),
        ("SELECT * FROM (SELECT id, x FROM c ORDER BY id LIMIT 4) s JOIN b ON s.id = b.id", '4 ordered by "id"'),
        ("SELECT id + 1 AS id FROM c ORDER BY id LIMIT 2", None),
        ("SELECT id FROM c WHERE random() < 2 ORDER BY id LIMIT 2", None),
        ("SELECT DISTINCT x FROM c ORDER BY x LIMIT 2", None),
        ("SELECT unnest([id, id]) FROM c ORDER BY id LIMIT 2", None),
        ("SELECT count(*) FROM c LIMIT 2", None),
        ("SELECT row_number() OVER (ORDER BY id DESC) r FROM c ORDER BY id LIMIT 2", None),
        ("SELECT id FROM c ORDER BY n LIMIT 2", None),
        ("SELECT p.id FROM c p, c q ORDER BY p.id LIMIT 2", None),
        ("SELECT id FROM c WHERE id IN (SELECT x FROM b) ORDER BY id LIMIT 2", None),
    ],
)
def test_a_limit_goes_down_with_every_condition_above_it(
    db: polyroute.DatabaseCoordinator, sql: str, limit: str | None
) -> None:
    found = [f.pushed.get("limit") for f in db.explain(sql).fragments if f.dataset == "c"]
    assert found[0] == limit
    assert len(db.sql(sql)) == len(db.sql(sql, pushdown=False))
    if "ORDER" in sql and "JOIN" not in sql and "q" not in sql:
        assert db.sql(sql).fetchall() == db.sql(sql, pushdown=False).fetchall()

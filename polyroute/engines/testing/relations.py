"""Relational operations: point reads, SQL in one engine, upserts, deletes."""

from __future__ import annotations

import datetime as dt

from polyroute.engines.testing.sample import SCHEMA, load_sample, same_rows, sample_table
from polyroute.engines.testing.store import Store
from polyroute.operations import (
    RelationalDelete,
    RelationalExecute,
    RelationalGet,
    RelationalQuery,
    RelationalUpsert,
    Scan,
)
from polyroute.sql.filters import Unsupported
from polyroute.values import rows_from_table


class RelationalTests:
    """What a table can be asked for and how it is changed."""

    def test_relational_get_reads_the_row_of_a_key(self, store: Store) -> None:
        load_sample(store)
        expected = rows_from_table(sample_table())
        for key in (0, 2, 9):
            found = store.ask(RelationalGet("things", key))
            assert same_rows(found.fetchall(), [expected[key]])
            assert found.columns == tuple(SCHEMA.names)
            assert found.to_arrow().schema == SCHEMA
        missing = store.ask(RelationalGet("things", 77))
        assert missing.fetchall() == []
        assert missing.to_arrow().schema == SCHEMA
        assert store.rows(RelationalGet("things", 1, ("name", "k"))) == [("Bob", 1)]
        assert store.rows(RelationalGet("things", 1, ("NAME",))) == [("Bob",)]

    def test_relational_get_reads_composite_keys(self, store: Store) -> None:
        rows = [{"a": 1, "b": "x", "n": 10}, {"a": 1, "b": "y", "n": 20}, {"a": 2, "b": "x", "n": 30}]
        store.load("pairs", rows, key=("a", "b"))
        assert store.rows(RelationalGet("pairs", (1, "y"))) == [(1, "y", 20)]
        assert store.rows(RelationalGet("pairs", {"b": "x", "a": 2})) == [(2, "x", 30)]
        assert store.rows(RelationalGet("pairs", (2, "y"))) == []
        with store.refused("CONSISTENCY_VIOLATION"):
            store.load("pairs", rows[:1], mode="append")
        assert store.ask(RelationalUpsert("pairs", [{"a": 2, "b": "x", "n": 31}])).rows_affected == 1
        assert store.ask(RelationalDelete("pairs", [(1, "x"), (1, "z")])).rows_affected == 1
        assert sorted(store.rows(Scan("pairs")), key=repr) == [(1, "y", 20), (2, "x", 31)]
        with store.refused(told="2 columns"):
            store.ask(RelationalGet("pairs", 1))

    def test_relational_get_refuses_wrong_keys(self, store: Store) -> None:
        load_sample(store)
        for key, told in (("text", "'k'"), (None, "NULL"), (1.5, "'k'"), (True, "'k'")):
            with store.refused(told=told):
                store.ask(RelationalGet("things", key))
        store.load("keyless", sample_table())
        with store.refused(told="key="):
            store.ask(RelationalGet("keyless", 1))

    def test_relational_query_has_our_semantics_or_leaves_it_to_others(self, store: Store) -> None:
        load_sample(store)
        for sql, expected in (
            ("SELECT k, name FROM things WHERE k = 1", [(1, "Bob")]),
            ("SELECT k FROM things WHERE name = 'ann' ORDER BY k", [(0,), (6,)]),
            ("SELECT count(*) AS n FROM things", [(10,)]),
            ("SELECT k / 2 AS h FROM things WHERE k = 3", [(1.5,)]),
            ("SELECT k FROM things ORDER BY x DESC, k LIMIT 1", [(2,)]),
        ):
            try:
                assert store.rows(RelationalQuery(None, sql)) == expected, sql
            except Unsupported:
                continue

    def test_relational_query_native_runs_the_text(self, store: Store) -> None:
        load_sample(store)
        assert store.rows(RelationalQuery(None, "SELECT 1 AS one", None, "native")) == [(1,)]
        with store.refused():
            store.ask(RelationalQuery(None, "SELECT * FROM nowhere", None, "native"))
        params = {"n": "it's"}
        assert store.rows(RelationalQuery(None, "SELECT $n AS n", params, "native")) == [("it's",)]
        for hostile in (
            "DELETE FROM things",
            "SELECT 1; DELETE FROM things",
            "DROP TABLE things",
            "WITH d AS (DELETE FROM things RETURNING *) SELECT * FROM d",
            "",
        ):
            with store.refused():
                store.ask(RelationalQuery(None, hostile, None, "native"))

    def test_relational_execute_changes_rows(self, store: Store) -> None:
        load_sample(store)
        changed = store.ask(RelationalExecute(None, "UPDATE things SET name = $n WHERE k = 3", {"n": "new"}))
        assert changed.rows_affected == 1
        assert store.rows(RelationalGet("things", 3, ("name",))) == [("new",)]
        assert store.ask(RelationalExecute(None, "DELETE FROM things WHERE k >= 8")).rows_affected == 2
        assert store.ask(RelationalExecute(None, "INSERT INTO things (k, name) VALUES (50, 'x')")).rows_affected == 1
        assert sorted(store.column(Scan("things", ("k",)))) == [0, 1, 2, 3, 4, 5, 6, 7, 50]
        with store.refused():
            store.ask(RelationalExecute(None, "DELETE FROM things WHERE nam = 1"))
        with store.refused("CONSISTENCY_VIOLATION"):
            store.ask(RelationalExecute(None, "INSERT INTO things (k) VALUES (51), (50)"))
        for wrong in ("DELETE FROM things; DELETE FROM things", "SELECT 1", "DELETE FROM nowhere"):
            with store.refused():
                store.ask(RelationalExecute(None, wrong))

    def test_relational_execute_keeps_types(self, store: Store) -> None:
        """What a statement writes is of its column's type, or is refused."""
        load_sample(store)
        store.ask(RelationalExecute(None, "UPDATE things SET x = 7, day = '2020-02-03', flag = true WHERE k = 2"))
        found = store.rows(RelationalGet("things", 2, ("x", "day", "flag")))
        assert same_rows(found, [(7.0, dt.date(2020, 2, 3), True)])
        for change in ("day = 's3ntinel'", "at = 's3ntinel'", "x = 's3ntinel'"):
            with store.refused(hidden="s3ntinel"):
                store.ask(RelationalExecute(None, f"UPDATE things SET {change} WHERE k = 2"))

    def test_relational_upsert_inserts_and_replaces(self, store: Store) -> None:
        load_sample(store)
        rows = [{"k": 1, "name": "replaced"}, {"k": 20, "x": float("nan")}]
        assert store.ask(RelationalUpsert("things", rows)).rows_affected == 2
        assert store.rows(RelationalGet("things", 1, ("name", "x", "flag"))) == [("replaced", None, None)]
        assert len(store.rows(Scan("things"))) == 11
        store.ask(RelationalUpsert("things", [{"k": 21, "name": "first"}, {"k": 21, "name": "last"}]))
        assert store.rows(RelationalGet("things", 21, ("name",))) == [("last",)]
        store.ask(RelationalUpsert("things", sample_table()))
        assert same_rows(store.rows(RelationalGet("things", 1)), rows_from_table(sample_table().slice(1, 1)))
        for wrong, told in (
            ([{"k": 1, "nam": 2}], "did you mean 'name'"),
            ([{"k": "x"}], "'k'"),
            ([{"k": 30}, {"name": "no key"}], "'k'"),
        ):
            with store.refused(told=told):
                store.ask(RelationalUpsert("things", wrong))

    def test_relational_delete_by_key_and_filter(self, store: Store) -> None:
        load_sample(store)
        assert store.ask(RelationalDelete("things", [1, 2, 77])).rows_affected == 2
        assert store.ask(RelationalDelete("things", where="name IS NULL OR k % 3 = 0")).rows_affected == 5
        assert sorted(store.column(Scan("things", ("k",)))) == [4, 5, 8]
        assert store.ask(RelationalDelete("things", where="x > $x", params={"x": 1e299})).rows_affected == 2
        assert store.ask(RelationalDelete("things", [4])).rows_affected == 0
        with store.refused(told="did you mean 'name'"):
            store.ask(RelationalDelete("things", where="nam = 1"))

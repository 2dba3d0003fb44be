"""Loads: modes, keys, all or nothing; drops; names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pyarrow as pa

from polyroute.engines.call import UNBOUNDED
from polyroute.engines.contract import Engine, LoadSpec
from polyroute.engines.testing.sample import (
    KEYLESS,
    SCHEMA,
    Sample,
    key_of,
    load_sample,
    roles_of,
    same_rows,
    sample_rows,
    sample_source,
    sample_table,
)
from polyroute.engines.testing.store import Store
from polyroute.errors import PolyrouteError
from polyroute.operations import Scan
from polyroute.values import rows_from_table


class LoadTests:
    """How data comes in and goes."""

    def test_all_batches_are_stored_and_counted(self, store: Store) -> None:
        table = sample_table()
        parts = [table.slice(0, 3), table.slice(3, 0), table.slice(3, 1), table.slice(4)]
        source = sample_source(lambda: (b for p in parts for b in p.to_batches()), 10)
        report = store.load("things", source, key=key_of(store.engine), **roles_of(store.engine))
        assert report.rows == 10
        assert same_rows(store.rows(Scan("things")), rows_from_table(table), ordered=False)

    def test_a_load_tells_how_far_it_is(self, store: Store) -> None:
        load_sample(store, rows=sample_rows()[:2])
        done: list[int] = []
        spec = _spec(store.engine, "things", "append")
        store.engine.load(replace(spec, before_commit=lambda: None, advance=done.append), UNBOUNDED)
        assert sum(done) == 3

    def test_an_empty_load_makes_an_empty_dataset(self, store: Store) -> None:
        assert load_sample(store, rows=[]).rows == 0
        assert store.engine.dataset("things").schema == SCHEMA
        assert store.rows(Scan("things")) == []
        load_sample(store, mode="append")
        assert len(store.rows(Scan("things"))) == 10

    def test_append_adds_rows(self, store: Store) -> None:
        rows = sample_rows()
        load_sample(store, rows=rows[:4])
        load_sample(store, rows=rows[4:], mode="append")
        assert same_rows(store.rows(Scan("things")), rows_from_table(sample_table()), ordered=False)

    def test_append_and_upsert_make_what_is_not_there(self, store: Store) -> None:
        load_sample(store, "appended", mode="append")
        assert len(store.rows(Scan("appended"))) == 10
        if store.engine.kind not in KEYLESS:
            load_sample(store, "upserted", rows=[*sample_rows(), *sample_rows()[:2]], mode="upsert")
            assert len(store.rows(Scan("upserted"))) == 10

    def test_replace_leaves_only_the_new_rows(self, store: Store) -> None:
        load_sample(store)
        load_sample(store, rows=sample_rows()[:3], mode="replace")
        assert sorted(store.column(Scan("things", ("k",)))) == [0, 1, 2]

    def test_replace_may_change_the_columns(self, store: Store) -> None:
        load_sample(store)
        other = store.another()
        other.datasets()
        table = sample_table().drop_columns(["x", "flag"]).append_column("new", pa.array([1.5] * 10))
        store.load("things", table, mode="replace", key=key_of(store.engine), **roles_of(store.engine))
        for engine in (store.engine, other):
            assert engine.dataset("things").schema == table.schema
        assert store.rows(Scan("things", ("new",), "k = 3")) == [(1.5,)]
        with store.refused(told="no column"):
            store.ask(Scan("things", ("flag",)))

    def test_upsert_replaces_whole_rows_by_key(self, store: Store) -> None:
        if store.engine.kind in KEYLESS:
            return
        rows = sample_rows()
        load_sample(store, rows=rows[:5])
        changed = {**rows[1], "name": None, "x": 9.0}
        load_sample(store, rows=[rows[1], rows[5], changed], mode="upsert")
        expected = [rows[0], changed, *rows[2:6]]
        assert same_rows(store.rows(Scan("things")), rows_from_table(sample_table(expected)), ordered=False)

    def test_a_duplicate_or_missing_key_changes_nothing(self, store: Store) -> None:
        if store.engine.kind in KEYLESS:
            return
        rows = sample_rows()
        with store.refused("CONSISTENCY_VIOLATION"):
            load_sample(store, rows=[*rows, rows[2]])
        load_sample(store, rows=rows[:5])
        with store.refused("CONSISTENCY_VIOLATION"):
            load_sample(store, rows=[rows[6], rows[2]], mode="append")
        with store.refused("CONSISTENCY_VIOLATION"):
            load_sample(store, rows=[rows[6], rows[6]], mode="append")
        for mode in ("append", "upsert"):
            with store.refused(told="'k'"):
                load_sample(store, rows=[rows[6], {**rows[7], "k": None}], mode=mode)

    def test_a_held_name_is_refused(self, store: Store) -> None:
        load_sample(store)
        with store.refused(told="mode="):
            load_sample(store)
        # the loader has looked before; the engine looks again, because somebody may have come in between
        with store.refused():
            store.engine.load(replace(_spec(store.engine, "things", "create"), before_commit=lambda: None), UNBOUNDED)

    def test_a_load_that_fails_half_way_leaves_nothing(self, store: Store) -> None:
        for mode in ("create", "append", "replace"):
            _fail_half_way(store, "broken", mode)
            assert "broken" not in store.engine.datasets()
        load_sample(store)
        before = store.everything()
        for mode in ("append", "replace"):
            _fail_half_way(store, "things", mode)
            assert store.everything() == before

    def test_what_is_raised_before_the_commit_undoes_the_load(self, store: Store) -> None:
        load_sample(store)
        before = store.everything()
        for name, mode in (("other", "create"), ("things", "append"), ("things", "replace")):
            spec = _spec(store.engine, name, mode)
            try:
                store.engine.load(spec, UNBOUNDED)
            except _StopError:
                pass
            else:
                raise AssertionError("before_commit was not called, or its error was swallowed")
            assert store.everything() == before
        load_sample(store, "other")
        assert len(store.rows(Scan("other"))) == 10

    def test_the_commit_comes_last(self, store: Store) -> None:
        """A load into several engines commits each within the one before it: nothing may be visible too early."""
        load_sample(store, rows=sample_rows()[:2])
        seen: list[int] = []
        other = store.another()

        def look() -> None:
            seen.append(len(store.rows(Scan("things"))))
            seen.append(other.statistics("things").row_count or 2)

        spec = _spec(store.engine, "things", "append")
        store.engine.load(replace(spec, before_commit=look), UNBOUNDED)
        assert seen == [2, 2]
        assert len(store.rows(Scan("things"))) == 5

    def test_a_dropped_dataset_is_gone(self, store: Store) -> None:
        load_sample(store)
        load_sample(store, "others")
        store.engine.drop("things", UNBOUNDED)
        assert sorted(store.engine.datasets()) == ["others"]
        with store.refused(told="things"):
            store.ask(Scan("things"))
        with store.refused(told="did you mean 'others'"):
            store.engine.drop("other", UNBOUNDED)
        load_sample(store, rows=sample_rows()[:3])
        assert len(store.rows(Scan("things"))) == 3

    def test_any_name_is_a_name(self, store: Store) -> None:
        for name in ('a "quoted" one', "select", "ünï cödé", "semi;colon--", "it's", "UPPER", "a/b", "..", "100%", "."):
            load_sample(store, name, rows=sample_rows()[:2])
            assert name in store.engine.datasets()
            assert len(store.rows(Scan(name, where="name = 'ann'"))) == 1

    def test_any_column_name_is_a_name(self, store: Store) -> None:
        hostile = ['a "b"', "select", "it's; --", "ü n", "a.b", "CamelCase", "100%", "$v", "?", "rowid"]
        if store.engine.kind == "timeseries":
            hostile.remove("rowid")
        schema = pa.schema([*SCHEMA, *((n, pa.int64()) for n in hostile)])
        table = sample_table()
        for column in hostile:
            table = table.append_column(column, pa.array(range(10), pa.int64()))
        store.load("odd columns", table, key=key_of(store.engine), **roles_of(store.engine))
        assert store.engine.datasets()["odd columns"].schema == schema
        for column in hostile:
            quoted = '"' + column.replace('"', '""') + '"'
            found = store.rows(Scan("odd columns", (column,), f"{quoted} = 7"))
            assert found == [(7,)], column

    def test_a_column_name_of_the_engines_own_works_or_is_refused(self, store: Store) -> None:
        """Engines have names for their own use, which must not be mixed up with those of the data."""
        values = [17, None, 11, 13, 14, 12, 15, 16, 18, 19]
        for column in ("rowid", "_rowid", "oid", "__row", "score", "_distance", "window_start", "hops", "item"):
            table = sample_table().append_column(column, pa.array(values, pa.int64()))
            try:
                store.load(column, table, key=key_of(store.engine), **roles_of(store.engine))
            except PolyrouteError as exc:
                assert exc.code == "QUERY_INVALID", exc
                assert repr(column) in str(exc), exc
                continue
            assert store.rows(Scan(column, (column, "k"), f"{column} > 17", order="k")) == [(18, 8), (19, 9)], column
            where = f"{column} > 16 AND upper(name) = 'ANN'"
            assert store.column(Scan(column, ("k",), where)) == [0], column
            assert store.column(Scan(column, ("k",), order=f"{column} DESC NULLS FIRST", limit=2)) == [1, 9], column

    def test_names_that_differ_in_case_are_two_or_refused(self, store: Store) -> None:
        load_sample(store, rows=sample_rows()[:2])
        before = store.all_rows("things")
        for mode in ("create", "append", "replace"):
            try:
                load_sample(store, "THINGS", rows=sample_rows()[2:5], mode=mode)
            except PolyrouteError as exc:
                assert exc.code == "QUERY_INVALID", exc
                assert "THINGS" not in store.engine.datasets()
            else:
                assert len(store.rows(Scan("THINGS"))) == 3
                store.engine.drop("THINGS", UNBOUNDED)
            assert sorted(store.engine.datasets()) == ["things"]
            assert same_rows(store.all_rows("things"), before)


class _StopError(Exception):
    """Raised before a commit."""


def _stop() -> None:
    raise _StopError


def _spec(engine: Engine, name: str, mode: str) -> LoadSpec:
    more: list[Sample] = [{**r, "k": r["k"] + 100} for r in sample_rows()[:3]]
    dataset = replace(engine.datasets()["things"], name=name)
    return LoadSpec(dataset, mode, lambda: iter(sample_table(more).to_batches()), before_commit=_stop)


def _fail_half_way(store: Store, name: str, mode: str) -> None:
    def batches() -> Iterator[pa.RecordBatch]:
        yield from sample_table([{**r, "k": r["k"] + 100} for r in sample_rows()[:5]]).to_batches()
        raise RuntimeError("the source failed")

    try:
        store.load(name, sample_source(batches, 10), mode=mode, key=key_of(store.engine), **roles_of(store.engine))
    except PolyrouteError:
        return
    raise AssertionError("a failing source was loaded")

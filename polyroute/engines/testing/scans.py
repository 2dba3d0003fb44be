"""Scans: columns, filters, orders, limits, types, and the promises that an adapter makes about them."""

from __future__ import annotations

import datetime as dt
import math

from polyroute.engines.binding import bind
from polyroute.engines.call import UNBOUNDED
from polyroute.engines.contract import BoundScan
from polyroute.engines.execution import pushed_scan
from polyroute.engines.local import evaluate_scan
from polyroute.engines.testing.sample import (
    FILTERS,
    KEYLESS,
    ROLES,
    SCHEMA,
    load_sample,
    same_rows,
    sample_rows,
    sample_table,
)
from polyroute.engines.testing.store import Store
from polyroute.operations import Scan
from polyroute.result import QueryResult
from polyroute.values import rows_from_table

_SCANS = [
    *(Scan("things", ("k",), where, params) for where, params, _ in FILTERS),
    Scan("things", ("name", "k"), order="name DESC NULLS FIRST, k", limit=4),
    Scan("things", ("k",), "k % 3 = 1 AND upper(name) <> 'X'", order="x DESC, k", limit=2),
    Scan("things", ("x", "k"), "flag", order="x NULLS FIRST, k DESC"),
    Scan("things", ("k",), limit=3),
    Scan("things"),
]


class ScanTests:
    """What every engine answers alike."""

    def test_a_scan_gives_back_every_row_as_loaded(self, store: Store) -> None:
        load_sample(store)
        expected = rows_from_table(sample_table())
        assert same_rows(store.rows(Scan("things")), expected, ordered=False)
        assert same_rows(rows_from_table(store.ask(Scan("things")).to_arrow()), expected, ordered=False)

    def test_a_dataset_tells_its_schema_kind_key_and_roles(self, store: Store) -> None:
        load_sample(store)
        dataset = store.engine.datasets()["things"]
        assert dataset == store.engine.dataset("things")
        assert dataset.name == "things"
        assert dataset.schema == SCHEMA
        assert dataset.kind == store.engine.kind
        assert dataset.key == (() if dataset.kind in KEYLESS else ("k",))
        for role, column in ROLES.get(dataset.kind, {}).items():
            assert dataset.roles[role] == column

    def test_a_scan_has_exactly_the_logical_types(self, store: Store) -> None:
        load_sample(store)
        assert store.ask(Scan("things")).to_arrow().schema.equals(SCHEMA)
        empty = store.ask(Scan("things", where="k < 0"))
        assert empty.to_arrow().schema.equals(SCHEMA)
        assert empty.columns == tuple(SCHEMA.names)
        assert len(empty) == 0

    def test_columns_come_in_the_order_asked_for(self, store: Store) -> None:
        load_sample(store)
        found = store.ask(Scan("things", ("name", "k")))
        assert found.columns == ("name", "k")
        assert sorted(found, key=lambda r: str(r[1])) == [(r["name"], r["k"]) for r in sample_rows()]
        folded = store.ask(Scan("things", ("NAME", "K"), "NAME = 'Bob'"))
        assert (folded.columns, folded.fetchall()) == (("name", "k"), [("Bob", 1)])

    def test_filters_follow_sql(self, store: Store) -> None:
        load_sample(store)
        for where, params, test in FILTERS:
            found = sorted(store.column(Scan("things", ("k",), where, params)))
            expected = [r["k"] for r in sample_rows() if test(r)]
            assert found == expected, f"{where}: {found}, not {expected}"

    def test_orders_put_nulls_and_nan_where_sql_does(self, store: Store) -> None:
        load_sample(store)
        found = store.column(Scan("things", ("x",), order="x, k"))
        assert same_rows([tuple(found)], [(-7.25, -0.0, 1.5, 1.5, 2.0, 1e300, math.inf, math.nan, None, None)])
        for order, keys in (
            ("x DESC, k", [2, 5, 4, 7, 0, 6, 3, 9, 1, 8]),
            ("x NULLS FIRST, k DESC", [8, 1, 9, 3, 6, 0, 7, 4, 5, 2]),
            ("name, k DESC", [3, 1, 5, 6, 0, 8, 9, 4, 7, 2]),
            ("name DESC NULLS FIRST, k", [2, 7, 4, 9, 8, 0, 6, 5, 1, 3]),
            ("flag, k", [1, 5, 7, 0, 3, 4, 8, 9, 2, 6]),
            ("day DESC, at DESC", [7, 3, 6, 2, 9, 5, 1, 8, 0, 4]),
        ):
            found = store.column(Scan("things", ("k",), order=order))
            assert found == keys, f"{order}: {found}, not {keys}"

    def test_limits_cut_after_filter_and_order(self, store: Store) -> None:
        load_sample(store)
        assert store.column(Scan("things", ("k",), order="k DESC", limit=3)) == [9, 8, 7]
        assert store.column(Scan("things", ("k",), "k % 3 = 1", order="k", limit=2)) == [1, 4]
        assert store.column(Scan("things", ("k",), "flag", order="k", limit=2)) == [0, 3]
        assert store.column(Scan("things", ("k",), "upper(name) = 'ZOË'", limit=1)) == [9]
        assert len(store.rows(Scan("things", limit=4))) == 4
        assert store.rows(Scan("things", limit=0)) == []

    def test_what_is_negotiated_is_what_a_scan_does(self, store: Store) -> None:
        """Ask the adapter itself for exactly what it promised: a promise that is not kept would lose or invent rows."""
        load_sample(store)
        for op in _SCANS:
            bound = bind(store.engine.dataset("things"), op)
            assert isinstance(bound, BoundScan)
            asked, _ = pushed_scan(bound, store.engine.negotiate(bound))
            answer = QueryResult(store.engine.scan(asked, UNBOUNDED))
            assert answer.columns == asked.columns, op
            found, expected = answer.fetchall(), rows_from_table(evaluate_scan(sample_table(), asked))
            if asked.limit is not None and not asked.order:
                assert len(found) == len(expected), op
            else:
                assert same_rows(found, expected, ordered=bool(asked.order)), op

    def test_wrong_names_and_filters_are_refused(self, store: Store) -> None:
        load_sample(store)
        for op, told in (
            (Scan("thingz"), "did you mean 'things'"),
            (Scan("things", ("nam",)), "did you mean 'name'"),
            (Scan("things", where="nam = 1"), "did you mean 'name'"),
            (Scan("things", where="k = "), "parse"),
            (Scan("things", where="k = 1; DROP TABLE things"), ""),
            (Scan("things", where="k = $missing"), "missing"),
            (Scan("things", order="nam"), "did you mean 'name'"),
        ):
            with store.refused(told=told):
                store.ask(op)

    def test_filters_compare_values_of_every_type(self, store: Store) -> None:
        """Values are bound, never written into a text, so none may be read as something else."""
        load_sample(store)
        for column, value, keys in (
            ("name", "a'b", [5]),
            ("name", 'q"t', [8]),
            ("name", "' OR 1=1 --", []),
            ("day", dt.date(2013, 1, 30), [2, 6]),
            ("at", dt.datetime(2013, 3, 9, 22, 37), [1]),
            ("flag", False, [1, 5, 7]),
            ("x", math.inf, [5]),
            ("x", math.nan, [2]),
            ("x", 0, [3]),
            ("k", 2**62, []),
        ):
            found = sorted(store.column(Scan("things", ("k",), f"{column} = $v", {"v": value})))
            assert found == keys, (column, value)

"""Filters and orders over every type: an engine compares as SQL does, or leaves it to those who do."""

from __future__ import annotations

import pyarrow as pa

from polyroute.engines.binding import bind
from polyroute.engines.contract import BoundScan
from polyroute.engines.local import evaluate_scan
from polyroute.engines.testing.sample import key_of, load_sample, roles_of, sample_table
from polyroute.engines.testing.store import Store
from polyroute.engines.testing.types import type_cases, with_column
from polyroute.errors import PolyrouteError
from polyroute.operations import Scan
from polyroute.sql.types import conform, logical_schema
from polyroute.values import rows_from_table

_FILTERS = ("value = $v", "value < $v", "NOT (value > $v)", "value IN ($v, $w)", "value IS DISTINCT FROM $v")
_ORDERS = ("value, k", "value DESC, k", "value NULLS FIRST, k DESC")


class ComparisonTests:
    """What is equal, and what comes first."""

    def test_every_type_is_compared_as_in_sql(self, store: Store) -> None:
        for number, (kind, values) in enumerate(type_cases()):
            if pa.types.is_nested(kind) or not values:
                continue
            name, table = f"t{number}", with_column(kind, [*values, None])
            try:
                store.load(name, table, key=key_of(store.engine), **roles_of(store.engine))
            except PolyrouteError:
                continue
            logical = conform(table, logical_schema(table.schema))
            for place in sorted({0, len(values) // 2, len(values) - 1}):
                params = {"v": values[place], "w": values[0]}
                for where in _FILTERS:
                    used = {n: v for n, v in params.items() if f"${n}" in where}
                    _compare(store, logical, Scan(name, ("k",), where, used, order="k"))
            for order in _ORDERS:
                _compare(store, logical, Scan(name, ("k",), order=order))

    def test_columns_are_compared_with_columns(self, store: Store) -> None:
        load_sample(store)
        for where in (
            "src < dst",
            "src = dst OR x > k",
            "x <= k",
            "CAST(at AS DATE) = day",
            "length(name) > k",
            "k % 2 = 0 AND name || 'x' <> 'annx'",
            "x IS NOT DISTINCT FROM x",
            "name = src OR NOT flag",
        ):
            _compare(store, sample_table(), Scan("things", ("k",), where, order="k"))


def _compare(store: Store, table: pa.Table, op: Scan) -> None:
    """Compare an engine's answer with that of the local evaluation, where that has one."""
    try:
        bound = bind(store.engine.dataset(str(op.dataset)), op)
        assert isinstance(bound, BoundScan)
        expected = rows_from_table(evaluate_scan(table, bound))
    except Exception:  # noqa: BLE001 - what SQL does not compare is nobody's fault
        return
    found = store.rows(op)
    assert found == expected, f"{table.schema}: {op.where or op.order} with {op.params}: {found}, not {expected}"

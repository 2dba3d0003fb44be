"""Engines that answer scans wrongly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc
from sqlglot import exp

from polyroute.engines.call import Call
from polyroute.engines.contract import Answer, BoundScan, Dataset, Pushed
from polyroute.engines.local import evaluate_scan, filter_mask, order_indices
from polyroute.engines.resources.scratch import query_arrow
from polyroute.result import Rows
from polyroute.sql.dialect import render
from polyroute.sql.filters import Filter, InList, Unsupported, to_arrow
from tests.engines.reference.engine import ReferenceEngine
from tests.engines.reference.faults import ALL_KINDS, fault


class Filtering(ReferenceEngine):
    """Keep the rows of which `passes` is true."""

    def passes(self, table: pa.Table, where: Filter, call: Call) -> list[bool]:
        """Return which rows pass."""
        raise NotImplementedError

    def scan(self, op: BoundScan, call: Call) -> Answer:
        table = self.table(self.held(op.dataset.name), op.part)
        if op.where is not None:
            table = table.filter(pa.array(self.passes(table, op.where, call), pa.bool_()))
        return evaluate_scan(table, replace(op, where=None), call)


class Ordering(ReferenceEngine):
    """Order rows by what `sortable` makes of a column."""

    def sortable(self, column: pa.ChunkedArray) -> pa.ChunkedArray:
        """Return what a column is ordered by."""
        raise NotImplementedError

    def scan(self, op: BoundScan, call: Call) -> Answer:
        table = self.table(self.held(op.dataset.name), op.part)
        table = evaluate_scan(table, replace(op, order=(), limit=None, columns=every(op)))
        keys = pa.table([self.sortable(column) for column in table.columns], names=table.column_names)
        if op.order:
            table = table.take(order_indices(keys, op.order, op.limit))
        return table.slice(0, op.limit).select(list(op.columns))


def every(op: BoundScan) -> tuple[str, ...]:
    """Return all columns of the scanned part."""
    return tuple(op.dataset.part_schema(op.part).names)


@fault("test_a_scan_gives_back_every_row_as_loaded", kinds=ALL_KINDS)
class DropsTheLastRow(ReferenceEngine):
    def scan(self, op: BoundScan, call: Call) -> Answer:
        found = super().scan(op, call)
        return found.slice(0, max(0, found.num_rows - 1))


@fault("test_a_scan_gives_back_every_row_as_loaded")
class LosesRepeatedRows(ReferenceEngine):
    def scan(self, op: BoundScan, call: Call) -> Answer:
        table = evaluate_scan(self.held(op.dataset.name).content, replace(op, columns=every(op)), call)
        seen = {repr(row["name"]): n for n, row in reversed(list(enumerate(table.to_pylist())))}
        return table.take(pa.array(sorted(seen.values()))).select(list(op.columns))


@fault("test_a_dataset_tells_its_schema_kind_key_and_roles")
class ForgetsTheKey(ReferenceEngine):
    def datasets(self) -> Mapping[str, Dataset]:
        return {name: replace(d, key=()) for name, d in super().datasets().items()}


@fault("test_a_dataset_tells_its_schema_kind_key_and_roles", kinds=("vector", "graph", "timeseries"))
class SwapsRoles(ReferenceEngine):
    def datasets(self) -> Mapping[str, Dataset]:
        return {n: replace(d, roles=dict.fromkeys(d.roles, "name")) for n, d in super().datasets().items()}


@fault("test_a_scan_has_exactly_the_logical_types", kinds=ALL_KINDS)
class WidensFloats(ReferenceEngine):
    def scan(self, op: BoundScan, call: Call) -> Answer:
        found = super().scan(op, call)
        if "v" in op.columns:
            place = op.columns.index("v")
            found = found.set_column(place, "v", found["v"].cast(pa.list_(pa.float64(), 2)))
        return found


@fault("test_a_scan_has_exactly_the_logical_types", "test_the_schema_of_every_answer_is_described", kinds=ALL_KINDS)
class ForgetsTheSchemaOfNothing(ReferenceEngine):
    def scan(self, op: BoundScan, call: Call) -> Answer:
        found = super().scan(op, call)
        return found if found.num_rows else Rows(op.columns, [])


@fault("test_columns_come_in_the_order_asked_for", kinds=ALL_KINDS)
class AnswersInStoredOrder(ReferenceEngine):
    def scan(self, op: BoundScan, call: Call) -> Answer:
        stored = tuple(name for name in every(op) if name in op.columns)
        return super().scan(replace(op, columns=stored), call)


@fault("test_columns_come_in_the_order_asked_for", "test_what_is_negotiated_is_what_a_scan_does")
class AnswersAllColumns(ReferenceEngine):
    def scan(self, op: BoundScan, call: Call) -> Answer:
        return super().scan(replace(op, columns=every(op)), call)


@fault("test_filters_follow_sql", "test_filters_compare_values_of_every_type", kinds=ALL_KINDS)
class IgnoresTheFilter(ReferenceEngine):
    def scan(self, op: BoundScan, call: Call) -> Answer:
        return super().scan(replace(op, where=None), call)


@fault("test_filters_follow_sql")
class TakesNullAsTrue(Filtering):
    def passes(self, table: pa.Table, where: Filter, call: Call) -> list[bool]:
        nulls = [any(row[c] is None for c in where.columns) for row in table.to_pylist()]
        return [n or m for n, m in zip(nulls, filter_mask(table, where, call).tolist(), strict=True)]


@fault("test_filters_follow_sql", "test_filters_compare_values_of_every_type")
class ComparesNaNAsIEEE(Filtering):
    def passes(self, table: pa.Table, where: Filter, call: Call) -> list[bool]:
        nan = [any(row[c] != row[c] for c in where.columns) for row in table.to_pylist()]
        return [m and not n for n, m in zip(nan, filter_mask(table, where, call).tolist(), strict=True)]


@fault("test_filters_compare_values_of_every_type")
class WritesValuesIntoTheText(Filtering):
    def passes(self, table: pa.Table, where: Filter, call: Call) -> list[bool]:
        text = render(where.expression)
        for name, value in where.values.items():
            text = text.replace(f"${name}", f"'{value}'")
        numbered = table.append_column("row", pa.array(range(table.num_rows)))
        found = query_arrow(f'SELECT "row" FROM t WHERE {text}', {"t": numbered}, None, call)["row"].to_pylist()
        return [n in found for n in range(table.num_rows)]


@fault("test_every_type_is_compared_as_in_sql", kinds=ALL_KINDS)
class ComparesWhatClocksShow(Filtering):
    """Times of a zone it compares by the clock of the zone."""

    def passes(self, table: pa.Table, where: Filter, call: Call) -> list[bool]:
        for place, field in enumerate(table.schema):
            if pa.types.is_timestamp(field.type) and field.type.tz:
                shown = pc.assume_timezone(pc.local_timestamp(table[field.name]), "UTC")
                table = table.set_column(place, field, shown.cast(field.type))
        return filter_mask(table, where, call).tolist()


@fault("test_every_type_is_compared_as_in_sql", kinds=ALL_KINDS)
class OrdersDecimalsAsText(Ordering):
    def sortable(self, column: pa.ChunkedArray) -> pa.ChunkedArray:
        return column.cast(pa.string()) if pa.types.is_decimal(column.type) else column


@fault("test_columns_are_compared_with_columns", kinds=ALL_KINDS)
class ComparesOneColumnOnly(Filtering):
    def passes(self, table: pa.Table, where: Filter, call: Call) -> list[bool]:
        return [True] * table.num_rows if len(where.columns) > 1 else filter_mask(table, where, call).tolist()


@fault("test_a_column_name_of_the_engines_own_works_or_is_refused", kinds=ALL_KINDS)
class FiltersByItsOwnRowNumbers(Filtering):
    def passes(self, table: pa.Table, where: Filter, call: Call) -> list[bool]:
        if "rowid" in table.column_names:
            place = table.schema.get_field_index("rowid")
            table = table.set_column(place, "rowid", pa.array(range(table.num_rows), pa.int64()))
        return filter_mask(table, where, call).tolist()


@fault("test_filters_follow_sql")
class DividesWholeNumbers(Filtering):
    def passes(self, table: pa.Table, where: Filter, call: Call) -> list[bool]:
        tree = where.expression.transform(
            lambda node: exp.IntDiv(this=node.this, expression=node.expression) if isinstance(node, exp.Div) else node
        )
        return filter_mask(table, replace(where, expression=tree), call).tolist()


class Listing(Filtering):
    """Look at the lists of a filter in a way of its own."""

    def listed(self, values: InList) -> InList:
        """Return the list that is looked through."""
        raise NotImplementedError

    def passes(self, table: pa.Table, where: Filter, call: Call) -> list[bool]:
        values = {n: self.listed(v) if isinstance(v, InList) else v for n, v in where.values.items()}
        return filter_mask(table, replace(where, values=values), call).tolist()


@fault("test_filters_follow_sql", kinds=ALL_KINDS)
class TakesOnlyTheFirstKeys(Listing):
    def listed(self, values: InList) -> InList:
        return InList(values[:100])


@fault("test_filters_follow_sql", kinds=ALL_KINDS)
class FoldsTheCaseOfKeys(Listing):
    def listed(self, values: InList) -> InList:
        return InList([*values, *(v.title() for v in values if isinstance(v, str))])


@fault("test_filters_follow_sql", kinds=ALL_KINDS)
class TakesAnEmptyListForNoFilter(Filtering):
    def passes(self, table: pa.Table, where: Filter, call: Call) -> list[bool]:
        if any(value == () for value in where.values.values()):
            return [True] * table.num_rows
        return filter_mask(table, where, call).tolist()


@fault("test_orders_put_nulls_and_nan_where_sql_does")
class PutsNullsFirst(ReferenceEngine):
    def scan(self, op: BoundScan, call: Call) -> Answer:
        return super().scan(replace(op, order=tuple(replace(k, nulls_first=True) for k in op.order)), call)


@fault("test_orders_put_nulls_and_nan_where_sql_does")
class TakesNaNForTheSmallest(Ordering):
    def sortable(self, column: pa.ChunkedArray) -> pa.ChunkedArray:
        if not pa.types.is_float64(column.type):
            return column
        return pc.if_else(pc.is_nan(column), float("-inf"), column)


@fault("test_orders_put_nulls_and_nan_where_sql_does")
class OrdersTextWithoutCase(Ordering):
    def sortable(self, column: pa.ChunkedArray) -> pa.ChunkedArray:
        return pc.utf8_lower(column) if pa.types.is_string(column.type) else column


@fault("test_orders_put_nulls_and_nan_where_sql_does")
class OrdersByTheFirstKeyOnly(ReferenceEngine):
    def scan(self, op: BoundScan, call: Call) -> Answer:
        return super().scan(replace(op, order=op.order[:1]), call)


@fault("test_limits_cut_after_filter_and_order", kinds=ALL_KINDS)
class CutsBeforeItFilters(ReferenceEngine):
    def scan(self, op: BoundScan, call: Call) -> Answer:
        table = self.table(self.held(op.dataset.name), op.part)
        return evaluate_scan(table.slice(0, op.limit), op, call)


@fault("test_limits_cut_after_filter_and_order")
class CutsBeforeItOrders(ReferenceEngine):
    def scan(self, op: BoundScan, call: Call) -> Answer:
        cut = super().scan(replace(op, columns=every(op), order=()), call)
        return evaluate_scan(cut, replace(op, where=None), call)


@fault("test_limits_cut_after_filter_and_order")
class TakesLimitZeroForNone(ReferenceEngine):
    def scan(self, op: BoundScan, call: Call) -> Answer:
        return super().scan(replace(op, limit=op.limit or None), call)


@fault("test_what_is_negotiated_is_what_a_scan_does", "test_filters_follow_sql", kinds=ALL_KINDS)
class PromisesFiltersItCannotRead(Filtering):
    def passes(self, table: pa.Table, where: Filter, call: Call) -> list[bool]:
        try:
            to_arrow(where)
        except Unsupported:
            return [True] * table.num_rows
        return filter_mask(table, where, call).tolist()


@fault("test_what_is_negotiated_is_what_a_scan_does")
class PromisesAnOrderItDoesNotKeep(ReferenceEngine):
    def scan(self, op: BoundScan, call: Call) -> Answer:
        return super().scan(replace(op, order=()), call)


@fault("test_what_is_negotiated_is_what_a_scan_does", "test_limits_cut_after_filter_and_order")
class PromisesLimitsBelowAResidual(ReferenceEngine):
    """It leaves the filter to others, but cuts all the same."""

    def negotiate(self, op: BoundScan) -> Pushed:
        return Pushed(columns=True, where=op.where, order=True, limit=True)

    def scan(self, op: BoundScan, call: Call) -> Answer:
        cut = super().scan(replace(op, where=None, columns=every(op)), call)
        return evaluate_scan(cut, op, call)


@fault("test_wrong_names_and_filters_are_refused", "test_a_wrong_dataset_is_named_with_the_nearest", kinds=ALL_KINDS)
class TakesAnyNameForTheFirst(ReferenceEngine):
    def dataset(self, name: str) -> Dataset:
        held = self.datasets()
        return held.get(name) or next(iter(held.values()))

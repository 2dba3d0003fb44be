"""Do to an Arrow table what an engine did not do itself: filter, order, cut, choose columns.

This is the one place that gives every engine the whole filter language: pyarrow where it is exact and quick, the
in-process DuckDB otherwise. Engines that keep their data as Arrow use it for the whole scan.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from polyroute.engines.call import UNBOUNDED, Call
from polyroute.engines.resources.scratch import query_arrow
from polyroute.sql.filters import DUCKDB, Unsupported, mask_arrow, to_arrow, to_sql

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from polyroute.engines.contract import BoundScan
    from polyroute.sql.filters import Filter, OrderKey


def evaluate_scan(table: pa.Table, op: BoundScan, call: Call = UNBOUNDED) -> pa.Table:
    """Return what a scan asks for, out of a table that holds at least the columns it reads."""
    return evaluate(table, columns=op.columns, where=op.where, order=op.order, limit=op.limit, call=call)


def columns_read(op: BoundScan) -> list[str]:
    """Return the columns that a scan reads: those it answers with, then those of its filter and its order."""
    tested = sorted(op.where.columns) if op.where is not None else ()
    return list(dict.fromkeys([*op.columns, *tested, *(key.column for key in op.order)]))


def evaluate(
    table: pa.Table,
    *,
    columns: Sequence[str],
    where: Filter | None = None,
    order: Sequence[OrderKey] = (),
    limit: int | None = None,
    call: Call = UNBOUNDED,
) -> pa.Table:
    """Filter, order, cut and project a table, in this order, as DuckDB would; types stay as they are."""
    if where is not None:
        shown = list(dict.fromkeys([*columns, *(key.column for key in order)]))
        # a row is counted even where none of its columns is shown
        table = filter_table(table, where, call, columns=shown or table.column_names[:1])
    if order:
        table = table.take(order_indices(table, order, limit, call))
    if limit is not None:
        table = table.slice(0, limit)
    return table.select(list(columns))


def filter_table(
    table: pa.Table, where: Filter, call: Call = UNBOUNDED, *, columns: Sequence[str] | None = None
) -> pa.Table:
    """Keep the rows for which the filter is true, in their order; of the columns all, or those wanted."""
    shown = table if columns is None else table.select(list(columns))
    try:
        mask = mask_arrow(where, table)
    except Unsupported:
        return _filter_otherwise(table, where, call, shown)
    if isinstance(mask, pa.Scalar):
        return shown if mask.as_py() else shown.slice(0, 0)
    return shown.filter(mask)


def _filter_otherwise(table: pa.Table, where: Filter, call: Call, shown: pa.Table) -> pa.Table:
    try:
        return table.filter(to_arrow(where)).select(shown.column_names)
    except Unsupported:
        return shown.filter(pa.array(_ask_duckdb(table, where, call)))


def filter_mask(table: pa.Table, where: Filter, call: Call = UNBOUNDED) -> NDArray[np.bool_]:
    """Return a mask of `table.num_rows` booleans: whether each row passes; a NULL result does not."""
    try:
        mask = mask_arrow(where, table)
    except Unsupported:
        return _ask_duckdb(table, where, call)
    if isinstance(mask, pa.Scalar):
        return np.full(table.num_rows, bool(mask.as_py()), dtype=np.bool_)
    return np.asarray(mask.fill_null(False).to_numpy(), dtype=np.bool_)


def _ask_duckdb(table: pa.Table, where: Filter, call: Call) -> NDArray[np.bool_]:
    rendered = to_sql(where, DUCKDB)
    read = table.select([n for n in table.column_names if n in where.columns])
    row, numbered = _numbered(read)
    passed = query_arrow(
        f'SELECT "{row}" FROM __rows WHERE {rendered.text}', {"__rows": numbered}, _named(rendered.params), call
    )
    mask = np.zeros(table.num_rows, dtype=np.bool_)
    mask[passed[row].to_numpy()] = True
    return mask


def order_indices(table: pa.Table, order: Sequence[OrderKey], limit: int | None, call: Call = UNBOUNDED) -> pa.Array:
    """Return the row numbers in the wanted order, ties in the table's own order."""
    read = table.select(list(dict.fromkeys(k.column for k in order)))
    row, numbered = _numbered(read)
    keys = ", ".join(order_sql(k) for k in order)
    cut = "" if limit is None else f" LIMIT {int(limit)}"
    ranked = query_arrow(f'SELECT "{row}" FROM __rows ORDER BY {keys}, "{row}"{cut}', {"__rows": numbered}, None, call)
    return ranked[row]


def order_sql(key: OrderKey) -> str:
    """Return one ORDER BY item as DuckDB SQL."""
    name = key.column.replace('"', '""')
    return f'"{name}" {"DESC" if key.descending else "ASC"} NULLS {"FIRST" if key.nulls_first else "LAST"}'


def _numbered(table: pa.Table) -> tuple[str, pa.Table]:
    """Return the table with a column of row numbers, and the name of that column, which no other bears."""
    held = {name.lower() for name in table.column_names}
    name = "__row"
    while name in held:
        name += "_"
    return name, table.append_column(name, pa.array(np.arange(table.num_rows, dtype=np.int64)))


def _named(params: object) -> dict[str, object] | None:
    return dict(params) if isinstance(params, dict) else None

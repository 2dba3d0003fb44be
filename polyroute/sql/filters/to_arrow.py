"""Turn a filter into a pyarrow expression, for datasets, or into the mask of the rows of a table that pass.

The work is done in `arrow_expression.py`, which is imported on the first call: `pyarrow.compute` takes a while to load.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.compute as pc

    from polyroute.sql.filters.filter import Filter


def to_arrow(filter_: Filter, *, from_files: bool = False) -> pc.Expression:
    """Write a filter as a pyarrow expression, to be used with `Table.filter` or a dataset's scanner.

    Args:
        filter_: the filter.
        from_files: whether a dataset of files is scanned, whose statistics Arrow trusts.

    Raises:
        Unsupported: when Arrow would not give exactly DuckDB's rows.

    >>> import pyarrow as pa
    >>> from polyroute.sql.filters import parse_filter
    >>> table = pa.table({"n": [1, 2, None]})
    >>> table.filter(to_arrow(parse_filter("n <> 2", table.schema)))["n"].to_pylist()
    [1]
    """
    from polyroute.sql.filters.arrow_expression import arrow_expression

    return arrow_expression(filter_, from_files=from_files)


def mask_arrow(filter_: Filter, table: pa.Table) -> pa.ChunkedArray | pa.Scalar:
    """Compute which rows of a table pass a filter, far quicker than by `to_arrow` where the table is small.

    Returns:
        True, False or NULL for every row, or one of them that holds for all rows.

    Raises:
        Unsupported: when Arrow would not give exactly DuckDB's rows, or the filter reads nested values.

    >>> import pyarrow as pa
    >>> from polyroute.sql.filters import parse_filter
    >>> table = pa.table({"n": [1, 2, None]})
    >>> mask_arrow(parse_filter("n <> 2", table.schema), table).to_pylist()
    [True, False, None]
    """
    from polyroute.sql.filters.arrow_expression import arrow_mask

    return arrow_mask(filter_, table)

"""Draw what estimates are made from: some rows from all over a dataset.

The planner evaluates filters over a sample and counts distinct values in it. A sample is the same at every drawing, so
plans do not change for no reason, and none of its rows stands at a fixed distance from the next, so a pattern in the
data (every 24th row is midnight) is not taken for the whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from numpy.typing import NDArray

_GOLDEN = 0.6180339887498949


def spread(total: int, rows: int) -> NDArray[np.int64]:
    """Return up to `rows` ascending positions below `total`: one out of each stretch of equal length, at a place in it
    that differs from stretch to stretch; where stretches are short, two may choose the same one.

    >>> spread(100, 5).tolist(), spread(3, 5).tolist()
    ([12, 24, 57, 69, 81], [0, 1, 2])
    """
    if total <= rows:
        return np.arange(total, dtype=np.int64)
    stretches = np.arange(rows)
    # multiples of the golden ratio fill the unit interval evenly and never repeat
    within = (stretches + 1) * _GOLDEN % 1.0
    return np.unique(((stretches + within) * (total / rows)).astype(np.int64))


def sampled_columns(schema: pa.Schema) -> tuple[str, ...]:
    """Return the columns that a sample has: all but vectors, of which nothing is estimated."""
    return tuple(f.name for f in schema if not pa.types.is_fixed_size_list(f.type))


def sample_of(table: pa.Table, rows: int) -> pa.Table:
    """Return some rows of a table in memory, from all over it."""
    return table.select(list(sampled_columns(table.schema))).take(pa.array(spread(table.num_rows, rows)))

"""Edge weights as numbers: from a column of the edge table to an array in edge order.

An edge whose weight is NULL or NaN has no weight; the algorithms leave it out. Shortest paths, PageRank and closeness
have no meaning for weights below zero, so those are refused here, once, by the name of their column.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from polyroute.engines.graph.csr import Floats, GraphIndex
from polyroute.errors import invalid


def weights_of(column: pa.ChunkedArray | pa.Array, name: str) -> Floats:
    """Return a numeric column as float64, NaN where it has no value; raise QUERY_INVALID for any other type.

    >>> weights_of(pa.array([1, None, 3]), "km").tolist()
    [1.0, nan, 3.0]
    """
    kind = column.type
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        raise invalid(f"weight column {name!r} is {kind}, not a number", hint="name a numeric column of the edges")
    floats = column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False) if len(column) else np.empty(0)
    return np.asarray(floats, dtype=np.float64)


def check_weights(index: GraphIndex, weights: Floats, name: str, *, above_zero: bool = False) -> None:
    """Raise QUERY_INVALID, naming the column, when an edge that can be walked has a weight below zero.

    `above_zero` refuses zero as well: with loops of no length, betweenness would count endlessly many paths.
    """
    used = weights[index.edges]
    refused = (used <= 0) if above_zero else (used < 0)
    if not refused.any():
        return
    bound = "above zero" if above_zero else "zero or more"
    raise invalid(
        f"weight column {name!r} has {int(refused.sum())} edges whose weight is not {bound}",
        hint=f"leave them out with where => '{name} {'>' if above_zero else '>='} 0', or name another column",
    )

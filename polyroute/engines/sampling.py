"""Draw and remember what estimates are made from: row counts, and some rows from all over a dataset.

The planner evaluates filters over a sample and counts distinct values in it. A sample is the same at every drawing, so
plans do not change for no reason, and none of its rows stands at a fixed distance from the next, so a pattern in the
data (every 24th row is midnight) is not taken for the whole.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar, cast

import numpy as np
import pyarrow as pa

from polyroute.engines.call import UNBOUNDED, Call

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from polyroute.engines.contract import Engine, Statistics

T = TypeVar("T")

SAMPLE_ROWS = 1000
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


class Estimates:
    """Statistics and samples of datasets, drawn when first asked for and kept until the data change.

    Safe to use from many threads. An engine that cannot tell whether its data changed is asked again when its row count
    is another one.
    """

    def __init__(self) -> None:
        self._held: dict[tuple[str, int, str, str | None], tuple[object, object, object]] = {}
        self._lock = threading.Lock()

    def statistics(self, engine: Engine, dataset: str, part: str | None = None) -> Statistics:
        """Return what an engine knows cheaply about a dataset or a part of it."""
        version = engine.data_version(dataset)
        if version is None:
            return engine.statistics(dataset, part)
        return self._recall("statistics", engine, dataset, part, version, lambda: engine.statistics(dataset, part))

    def sample(self, engine: Engine, dataset: str, part: str | None = None, call: Call = UNBOUNDED) -> pa.Table:
        """Return at most `SAMPLE_ROWS` rows of a dataset or a part of it."""
        version = engine.data_version(dataset)
        if version is None:
            version = ("rows", engine.statistics(dataset, part).row_count)
        return self._recall(
            "sample", engine, dataset, part, version, lambda: engine.sample(dataset, part, SAMPLE_ROWS, call)
        )

    def forget(self) -> None:
        """Let go of everything."""
        with self._lock:
            self._held.clear()

    def _recall(
        self, what: str, engine: Engine, dataset: str, part: str | None, version: object, make: Callable[[], T]
    ) -> T:
        key = (what, id(engine), dataset, part)
        held = self._held.get(key)
        if held is not None and held[1] == version:
            return cast("T", held[2])
        made = make()
        with self._lock:
            self._held[key] = (engine, version, made)  # holding the engine keeps its id from another
        return made

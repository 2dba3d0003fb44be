"""Estimate how many rows a fragment gives: row counts that engines know, a sample per dataset, and what was seen.

A sample is drawn once, when a decision first needs it, and again when the dataset has grown or shrunk by a quarter.
What a fragment really gave is remembered and believed before any estimate. Estimates only decide the order of work and
where it is done, never what is answered.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from polyroute.engines import UNBOUNDED
from polyroute.engines.local import filter_table
from polyroute.router.catalog import Entry
from polyroute.sql.filters import Filter, Unsupported

SAMPLE_ROWS = 1000
UNKNOWN_ROWS = 10_000

_REMEMBERED = 2000
_SELECTIVITY = 0.25
_DRIFT = 0.25
_COUNTED_FOR_S = 5.0


@dataclass(frozen=True, slots=True)
class _Sample:
    table: pa.Table
    of_rows: int


class Estimator:
    """Knows the datasets of a connection by numbers; thread-safe."""

    def __init__(self) -> None:
        self._samples: dict[tuple[str, str | None], _Sample] = {}
        self._counts: dict[tuple[str, str | None], tuple[int, int, float]] = {}
        self._seen: OrderedDict[Hashable, int] = OrderedDict()
        self._lock = threading.Lock()

    def rows(self, entry: Entry, part: str | None = None) -> int:
        """Return the rows of a dataset, or a guess where its engine cannot tell cheaply."""
        primary = entry.primary
        key = (entry.name, part)
        now = time.monotonic()
        held = self._counts.get(key)
        epoch = primary.engine.resource.epoch
        if held is not None and held[1] == epoch and now < held[2]:
            return held[0]
        try:
            known = primary.engine.statistics(primary.dataset.name, part).rows
        except Exception:  # noqa: BLE001 - an estimate is never worth a failed query
            known = None
        rows = UNKNOWN_ROWS if known is None else known
        self._counts[key] = (rows, epoch, now + _COUNTED_FOR_S)
        return rows

    def passing(self, entry: Entry, part: str | None, conditions: Sequence[Filter], seen_as: Hashable) -> int:
        """Return how many rows pass all conditions; `seen_as` is what `observe` was told of the same fragment."""
        seen = self._seen.get(seen_as)
        if seen is not None:
            return seen
        total = self.rows(entry, part)
        if not conditions:
            return total
        sample = self._samples.get((entry.name, part))
        if sample is None:
            return max(1, int(total * _SELECTIVITY ** min(len(conditions), 3)))
        passed = sample.table
        try:
            for condition in conditions:
                passed = filter_table(passed, condition)
        except (Unsupported, pa.ArrowException):
            return max(1, int(total * _SELECTIVITY))
        # a sample that nothing passes says less than one row of it, not none of the dataset
        share = max(passed.num_rows, 0.5) / max(sample.table.num_rows, 1)
        return max(1, int(total * share))

    def distinct(self, entry: Entry, part: str | None, column: str) -> int:
        """Return how many different values a column has: of a key as many as rows, otherwise by the sample."""
        total = self.rows(entry, part)
        if entry.dataset.key == (column,) and part is None:
            return max(total, 1)
        sample = self._sample(entry, part, total)
        if sample is None or column not in sample.column_names or not sample.num_rows:
            return max(1, total // 10)
        counts = pc.value_counts(sample[column]).field("counts")
        different, once = len(counts), pc.sum(pc.equal(counts, 1)).as_py() or 0
        if sample.num_rows >= total:
            return max(different, 1)
        # first-order jackknife (Burnham and Overton 1978): values seen once stand for those not seen
        share = sample.num_rows / total
        return max(1, min(total, int(different / max(1e-9, 1 - (1 - share) * once / sample.num_rows))))

    def observe(self, seen_as: Hashable, rows: int) -> None:
        """Remember what a fragment gave."""
        with self._lock:
            self._seen[seen_as] = rows
            self._seen.move_to_end(seen_as)
            while len(self._seen) > _REMEMBERED:
                self._seen.popitem(last=False)

    def _sample(self, entry: Entry, part: str | None, total: int) -> pa.Table | None:
        held = self._samples.get((entry.name, part))
        if held is not None and abs(total - held.of_rows) <= _DRIFT * max(held.of_rows, 1):
            return held.table
        try:
            table = entry.primary.engine.sample(entry.primary.dataset.name, part, SAMPLE_ROWS, UNBOUNDED)
        except Exception:  # noqa: BLE001 - an estimate is never worth a failed query
            return None
        self._samples[entry.name, part] = _Sample(table, total)
        return table

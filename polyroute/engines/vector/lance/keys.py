"""Keys: of rows on their way into a table none is NULL and none occurs twice, unless the last one is to win; and the
filter that finds the rows of keys.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from polyroute.engines.contract import Dataset
from polyroute.errors import DatabaseErrorCode, PolyrouteError, invalid, make_error
from polyroute.sql.filters import Filter, parse_filter
from polyroute.values import array_from_values, column_values

_PLACE = "__place"


class KeyCheck:
    """Gathers the key columns of a load; after `finish`, `kept` masks the rows to store (None: all of them)."""

    def __init__(self, key: tuple[str, ...], *, last_wins: bool) -> None:
        self.key = key
        self.kept: pa.BooleanArray | None = None
        self.kept_rows = 0
        self._last_wins = last_wins
        self._seen: list[pa.Table] = []
        self._keys: pa.Table | None = None

    def add(self, batch: pa.RecordBatch, first_row: int) -> None:
        """Take the keys of a batch; QUERY_INVALID, naming column and row, for a NULL among them."""
        self.kept_rows += batch.num_rows
        if not self.key:
            return
        keys = pa.Table.from_batches([batch]).select(list(self.key))
        for name in self.key:
            if keys[name].null_count:
                row = first_row + pc.index(keys[name].is_null(), True).as_py()
                raise invalid(f"column {name!r} is the key and holds NULL in row {row}", hint="give every row its key")
        self._seen.append(keys)

    def finish(self, dataset: str) -> None:
        """Look for keys that occur twice: CONSISTENCY_VIOLATION, or only the last row of each is kept."""
        if not self._seen:
            return
        self._keys = pa.concat_tables(self._seen)
        self._seen.clear()
        last = _last_places(self._keys)
        if len(last) == self._keys.num_rows:
            return
        if not self._last_wins:
            raise duplicate(dataset)
        mask = np.zeros(self._keys.num_rows, dtype=np.bool_)
        mask[last] = True
        self.kept = pa.array(mask)
        self.kept_rows = len(last)

    def check_against(self, held: pa.Table, dataset: str) -> None:
        """Raise CONSISTENCY_VIOLATION when a row that is held has one of these keys."""
        if self._keys is None:
            return
        both = pa.concat_tables([held, self._keys])
        if len(_last_places(both)) != both.num_rows:
            raise duplicate(dataset)


def key_array(values: list[object], arrow_type: pa.DataType) -> pa.Array:
    """Return key values as an array; one that the type cannot hold is the key of no row and is left out."""
    try:
        return array_from_values(values, arrow_type)
    except (pa.ArrowInvalid, OverflowError):
        if len(values) == 1:
            return pa.array([], arrow_type)
        return pa.concat_arrays([key_array([v], arrow_type) for v in values])


def key_filter(dataset: Dataset, keys: pa.Array) -> Filter:
    """Return the filter that the rows with these keys pass."""
    name = dataset.single_key().replace('"', '""')
    return parse_filter(f'"{name}" IN $keys', dataset.schema, {"keys": column_values(keys)})


def duplicate(dataset: str) -> PolyrouteError:
    """Make the error for a key that occurs twice."""
    return make_error(
        DatabaseErrorCode.CONSISTENCY_VIOLATION,
        f"a key of {dataset!r} occurs twice",
        hint="make keys unique, or load with mode='upsert' to keep the last row of each",
    )


def _last_places(keys: pa.Table) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    names = [str(n) for n in range(keys.num_columns)]
    numbered = keys.rename_columns(names).append_column(_PLACE, pa.array(np.arange(keys.num_rows, dtype=np.int64)))
    return np.asarray(numbered.group_by(names).aggregate([(_PLACE, "max")])[f"{_PLACE}_max"].to_numpy())

"""Time zones as stretches of one offset each, found in DuckDB's own zone tables.

SQL answers and windows must not disagree about a zone, and a machine may have no zone files; so the tables are those
of the ICU that DuckDB carries. Offsets are asked for on a coarse grid and every change is narrowed down to the second.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pyarrow as pa

from polyroute.engines.call import UNBOUNDED
from polyroute.engines.resources.scratch import query_arrow
from polyroute.errors import unknown_name

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Instants: TypeAlias = "NDArray[np.int64]"

_SECOND = 1_000_000
_STEP_S = 6 * 3_600
_BLOCK_S = 366 * 86_400
_EARLIEST_S = -6_000_000_000
"""In 1779 no zone had a rule yet: before it an offset is that of local mean time."""
_BEGINNING = np.iinfo(np.int64).min // 2


@dataclass(frozen=True, eq=False)
class Zone:
    """A zone over some years: from `since[i]` on (microseconds since 1970, UTC) clocks show `offset[i]` more than UTC.

    >>> zone = zone_between("America/New_York", 1_356_998_400_000_000, 1_388_534_400_000_000)
    >>> sorted({int(offset) // 3_600_000_000 for offset in zone.offset})
    [-5, -4]
    """

    since: Instants
    offset: Instants

    @cached_property
    def wall_since(self) -> Instants:
        """What clocks would have shown at `since` had they not been changed."""
        before = np.concatenate((self.offset[:1], self.offset[:-1]))
        walls: Instants = self.since + before
        return walls

    def wall(self, instants: Instants) -> Instants:
        """Return what clocks show at some instants."""
        walls: Instants = instants + self.offset[np.searchsorted(self.since, instants, "right") - 1]
        return walls

    def instant(self, walls: Instants) -> Instants:
        """Return the first instant at which clocks show a time, or have just skipped it."""
        stretch = np.searchsorted(self.wall_since, walls, "right") - 1
        instants: Instants = np.maximum(walls - self.offset[stretch], self.since[stretch])
        return instants


def zone_between(name: str, low: int, high: int) -> Zone:
    """Return a zone as it is between two instants, in microseconds since 1970.

    Raises QUERY_INVALID, naming the nearest, for a zone that does not exist.
    """
    known = _names().get(name.lower())
    if known is None:
        raise unknown_name("time zone", name, _names().values())
    # whole blocks, so that questions about neighbouring times find the same zone in the cache
    first = max(low // _SECOND, _EARLIEST_S) // _BLOCK_S
    last = max(high // _SECOND, _EARLIEST_S) // _BLOCK_S
    return _zone(known, first * _BLOCK_S, (last + 1) * _BLOCK_S)


@lru_cache(maxsize=1)
def _names() -> dict[str, str]:
    table = query_arrow("SELECT DISTINCT name FROM pg_timezone_names() ORDER BY name", {}, None, UNBOUNDED)
    return {name.lower(): name for name in table["name"].to_pylist()}


@lru_cache(maxsize=128)
def _zone(name: str, low_s: int, high_s: int) -> Zone:
    grid = np.arange(low_s - _STEP_S, high_s + 2 * _STEP_S, _STEP_S, dtype=np.int64)
    offsets = _offsets(name, grid)
    changed = np.flatnonzero(offsets[1:] != offsets[:-1])
    before, after = grid[changed], grid[changed + 1]
    while changed.size and (after - before).max() > 1:
        middle = (before + after) // 2
        still = _offsets(name, middle) == offsets[changed]
        before, after = np.where(still, middle, before), np.where(still, after, middle)
    since = np.concatenate((np.array([_BEGINNING]), after * _SECOND))
    return Zone(since, np.concatenate((offsets[:1], offsets[changed + 1])))


def _offsets(name: str, seconds: Instants) -> Instants:
    sql = "SELECT epoch_us(timezone($name, make_timestamptz(us))) - us AS shift FROM __instants"
    table = query_arrow(sql, {"__instants": pa.table({"us": seconds * _SECOND})}, {"name": name}, UNBOUNDED)
    shifts: Instants = table["shift"].to_numpy()
    return shifts

"""Where the tables of a group lie: spread over four engines, in every rotation, or together in one.

In rotation r, table i (by name) goes to engine (i + r) mod 4. `HOUSES` are the engines that hold a whole group.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import polyroute
from tests.suites.groups import Group

ENGINES: Mapping[str, str] = {
    "rel": "sqlite:///{}/rel.db",
    "olap": "duckdb:///{}/olap.duckdb",
    "docs": "tinydb:///{}/docs.json",
    "more": "duckdb:///{}/more.duckdb",
    "json": "document+sqlite:///{}/json.db",
}
SPREAD = ("rel", "olap", "docs", "more")
HOUSES = ("rel", "olap", "docs", "json")
COMPLETE = os.environ.get("POLYROUTE_SUITES") == "complete"

Placing = Mapping[str, str]


def placings(group: Group) -> dict[str, Placing]:
    """Return every way to place a group's tables, by name."""
    names = sorted(group.tables)
    size = len(SPREAD)
    spread = {f"rotation{r}": {n: SPREAD[(i + r) % size] for i, n in enumerate(names)} for r in range(size)}
    # a single table is in one engine whatever the rotation
    return {**(spread if len(names) > 1 else {}), **{f"all_{e}": dict.fromkeys(names, e) for e in HOUSES}}


def chosen(group: Group) -> list[str]:
    """Return the placings to try: all of them, or one that the group's name decides."""
    names = list(placings(group))
    return names if COMPLETE else [names[zlib.crc32(group.id.encode()) % len(names)]]


@contextmanager
def placed(group: Group, placing: Placing, folder: Path) -> Iterator[polyroute.DatabaseCoordinator]:
    """Load a group's tables where a placing says."""
    engines = {e: ENGINES[e].format(folder) for e in sorted(set(placing.values()))}
    with polyroute.connect(engines, state_dir=folder / "state") as db:
        for name, engine in placing.items():
            db.load(name, group.tables[name], engine=engine, show_progress=False)
        yield db


def kinds(placing: Placing) -> Sequence[str]:
    """Return the engines of a placing."""
    return sorted(set(placing.values()))

"""A folder of Lance tables as all engines on it share it: its settings, the newest snapshot of each table, and the
upkeep.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from polyroute.engines.contract import Dataset
from polyroute.engines.vector.lance.folder import State, open_folder
from polyroute.engines.vector.lance.layout import table_name
from polyroute.engines.vector.lance.snapshot import Snapshot, open_snapshot
from polyroute.engines.vector.lance.upkeep import Upkeep
from polyroute.errors import DatabaseErrorCode, PolyrouteError, invalid, make_error, unknown_name


@dataclass(frozen=True, slots=True)
class Settings:
    """How much of the tables may be kept in memory, and from how many rows an index is built and used."""

    memory_mb: int = 1024
    index_rows: int = 500_000

    @classmethod
    def read(cls, options: Mapping[str, str]) -> Settings:
        """Read the options of an engine's address; QUERY_INVALID, naming the option, for what is none.

        >>> Settings.read({"memory_mb": "64"})
        Settings(memory_mb=64, index_rows=500000)
        """
        numbers = {}
        for name, text in options.items():
            if name not in cls.__slots__:
                raise unknown_name("option of a lancedb address", name, cls.__slots__)
            if not text.isdecimal():
                raise invalid(f"the option {name} is not a whole number", hint=f"write for instance ?{name}=100")
            numbers[name] = int(text)
        return cls(**numbers)


class LanceStore:
    """An open folder with what is remembered of its tables."""

    def __init__(self, path: Path, settings: Settings, *, read_only: bool) -> None:
        self.settings = settings
        self.folder = open_folder(path, memory_bytes=settings.memory_mb * 2**20, read_only=read_only)
        self.upkeep = Upkeep(self.folder, settings.index_rows)
        self._snapshots: dict[str, Snapshot] = {}
        self._listed: tuple[tuple[tuple[str, State], ...], Mapping[str, Dataset]] = ((), MappingProxyType({}))

    def snapshot(self, dataset: str) -> Snapshot:
        """Return a dataset's table as it is now.

        Raises QUERY_INVALID, naming the nearest, when there is none, and ENGINE_UNAVAILABLE when its files cannot be
        read.
        """
        found = self._open(table_name(dataset))
        if found is None or found.dataset.name != dataset:
            raise unknown_name("dataset", dataset, self.datasets())
        return found

    def datasets(self) -> Mapping[str, Dataset]:
        """Return the datasets by name; a table that cannot be read is left out here, and `snapshot` tells why."""
        states = tuple(self.folder.states().items())
        listed, datasets = self._listed
        if states == listed:
            return datasets
        for gone in set(self._snapshots) - {table for table, _ in states}:
            self.forget(gone)
        found = {}
        for table, _ in states:
            try:
                snapshot = self._open(table)
            except PolyrouteError:
                continue
            if snapshot is not None:
                found[snapshot.dataset.name] = snapshot.dataset
        datasets = MappingProxyType(dict(sorted(found.items())))
        self._listed = (states, datasets)
        return datasets

    def forget(self, table: str) -> None:
        """Let go of what is remembered of a table."""
        self._snapshots.pop(table, None)
        self.folder.forget(table)

    def close(self) -> None:
        """Stop the upkeep and give everything back."""
        self.upkeep.close()
        self._snapshots.clear()
        self.folder.close()

    def _open(self, table: str) -> Snapshot | None:
        held = self._snapshots.get(table)
        if held is not None and self.folder.state(table) == held.state:
            return held
        try:
            found = open_snapshot(self.folder, table)
        except PolyrouteError:
            raise
        except Exception as exc:
            raise make_error(
                DatabaseErrorCode.ENGINE_UNAVAILABLE,
                f"the table {table!r} cannot be read by LanceDB",
                hint="its files are damaged or of a newer version: restore them from a copy, or drop the dataset",
            ) from exc
        if found is None:
            self.forget(table)
        else:
            self._snapshots[table] = found
        return found

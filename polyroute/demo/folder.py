"""The demo's folder: six engines side by side, the configuration that connects them, and a note of what was loaded.

A second start finds the note, sees that the same data packages were loaded to the end, and connects at once.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from polyroute.demo.packages import package_versions

ENGINES: Mapping[str, tuple[str, str, str]] = {
    "rel": ("tables", "SQLite", "sqlite:///air.db"),
    "olap": ("tables, for analysis", "DuckDB", "duckdb:///air.duckdb"),
    "docs": ("documents", "TinyDB", "tinydb:///countries.json"),
    "graph": ("graphs", "NetworkX and SciPy", "networkx:///graphs"),
    "vec": ("vectors", "LanceDB", "lancedb:///vectors"),
    "ts": ("time series", "DuckDB", "timeseries+duckdb:///series.duckdb"),
}

_CONFIG = "polyroute.toml"
_NOTE = "loaded.json"


@dataclass(frozen=True, slots=True)
class DemoFolder:
    """Where the demo keeps its engines; `days` is the part of 2013 that it holds (None: all of it)."""

    path: Path
    days: int | None = None

    @property
    def config(self) -> Path:
        """The configuration file, for this demo and for the questions that come after it."""
        return self.path / _CONFIG

    def prepare(self) -> None:
        """Make the folder and write the configuration."""
        self.path.mkdir(parents=True, exist_ok=True)
        self.config.write_text("\n".join(self._configuration()), encoding="utf-8")

    def _configuration(self) -> Iterator[str]:
        yield "# Written by `polyroute demo`; paths are relative to this file."
        for engine_id, (_, _, url) in ENGINES.items():
            yield f'\n[engines.{engine_id}]\nurl = "{url}"'
        yield ""

    def loaded(self) -> dict[str, int] | None:
        """Return the rows of each dataset if all were loaded from the installed packages, otherwise None."""
        try:
            note = json.loads((self.path / _NOTE).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        current = isinstance(note, dict) and note.get("made_of") == self._made_of()
        return dict(note["rows"]) if current else None

    def mark_loaded(self, rows: Mapping[str, int]) -> None:
        """Note that everything is loaded; from now on a start reuses it."""
        note = {"made_of": self._made_of(), "rows": dict(rows)}
        (self.path / _NOTE).write_text(json.dumps(note, indent=1), encoding="utf-8")

    def _made_of(self) -> dict[str, object]:
        return {"days": self.days, "packages": package_versions()}

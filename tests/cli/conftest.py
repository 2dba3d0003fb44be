from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from polyroute.cli import main

Invoke = Callable[..., Result]


@pytest.fixture
def invoke(monkeypatch: pytest.MonkeyPatch) -> Invoke:
    """Run the command in this process; `POLYROUTE_*` of the surroundings does not count."""
    monkeypatch.delenv("POLYROUTE_CONFIG", raising=False)
    monkeypatch.delenv("POLYROUTE_DEBUG", raising=False)

    def run(*arguments: str, stdin: str | None = None) -> Result:
        return CliRunner().invoke(main, list(arguments), input=stdin)

    return run


@pytest.fixture
def air(tmp_path: Path) -> Path:
    """A SQLite file made by sqlite3 alone."""
    path = tmp_path / "air.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE airports (iata TEXT PRIMARY KEY, city TEXT, elevation_ft REAL)")
    connection.executemany(
        "INSERT INTO airports VALUES (?, ?, ?)",
        [("JFK", "New York", 13.0), ("DEN", "Denver", 5434.0), ("XXX", None, None)],
    )
    connection.commit()
    connection.close()
    return path


@pytest.fixture
def config(tmp_path: Path, air: Path) -> Path:
    """A configuration with that file and a graph store that does not exist yet."""
    path = tmp_path / "polyroute.toml"
    path.write_text('[engines.rel]\nurl = "sqlite:///air.db"\n[engines.graph]\nurl = "networkx:///graphs"\n')
    return path

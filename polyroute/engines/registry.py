"""Engines by URL scheme: a table of strings, imported on first use, and the entry points of plugins.

Opening an address finds the scheme here first and among the entry points of the group `polyroute.engines` second, so
that start-up does not read the metadata of every installed distribution.
"""

from __future__ import annotations

import importlib
from pathlib import Path

from polyroute.engines.contract import Engine
from polyroute.engines.url import EngineURL
from polyroute.errors import invalid, unknown_name

ENTRY_POINT_GROUP = "polyroute.engines"

ENGINES: dict[str, str] = {
    "sqlite": "polyroute.engines.relational.sqlite:SQLiteEngine",
    "duckdb": "polyroute.engines.relational.duckdb:DuckDBEngine",
    "lancedb": "polyroute.engines.vector.lancedb:LanceDBEngine",
    "networkx": "polyroute.engines.graph.networkx:NetworkXEngine",
    "tinydb": "polyroute.engines.document.tinydb:TinyDBEngine",
    "document+sqlite": "polyroute.engines.document.sqlite:DocumentSQLiteEngine",
    "timeseries+duckdb": "polyroute.engines.timeseries.duckdb:TimeseriesDuckDBEngine",
}


def schemes() -> list[str]:
    """Return every scheme that can be opened, plugins included."""
    return sorted({*ENGINES, *(e.name for e in _plugins())})


def engine_class(scheme: str) -> type[Engine]:
    """Return the class behind a scheme.

    Raises QUERY_INVALID for an unknown scheme, and for one whose library is missing with the command that installs it.
    """
    target = ENGINES.get(scheme)
    if target is None:
        for entry in _plugins():
            if entry.name == scheme:
                return _checked(scheme, entry.load())
        raise unknown_name("engine scheme", scheme, schemes())
    module, _, name = target.partition(":")
    try:
        return _checked(scheme, getattr(importlib.import_module(module), name))
    except ModuleNotFoundError as exc:
        if exc.name is None or exc.name.partition(".")[0] == "polyroute":
            raise
        raise invalid(f"the engine {scheme!r} needs the library {exc.name!r}", hint=f"pip install {exc.name}") from exc


def open_engine(url: str | EngineURL, *, base: Path | None = None, read_only: bool = False) -> Engine:
    """Open the engine at an address.

    Raises QUERY_INVALID for an address that cannot be read or an unknown scheme, and what the engine raises when it
    cannot open its store.

    >>> engine = open_engine("sqlite://")
    >>> engine.close()
    """
    address = url if isinstance(url, EngineURL) else EngineURL.parse(url, base=base)
    return engine_class(address.scheme).open(address, read_only=read_only)


def _checked(scheme: str, found: object) -> type[Engine]:
    if isinstance(found, type) and issubclass(found, Engine):
        return found
    raise invalid(
        f"the plugin for {scheme!r} is not an Engine",
        hint="its entry point must name a subclass of polyroute.engines.Engine",
    )


def _plugins() -> list[importlib.metadata.EntryPoint]:
    import importlib.metadata

    return list(importlib.metadata.entry_points(group=ENTRY_POINT_GROUP))

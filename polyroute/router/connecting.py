"""Connect: from a mapping of addresses, a TOML file, or nothing, to an open coordinator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from polyroute.engines.registry import open_engine
from polyroute.query import DEFAULT_ROUTING
from polyroute.router.config import Configuration, configuration_from, read_configuration
from polyroute.router.coordinator import DatabaseCoordinator

Config = Mapping[str, object] | str | Path | None


def connect(
    config: Config = None,
    *,
    state_dir: str | Path | None = None,
    read_only: bool | None = None,
    max_rows: int | None = None,
    max_bytes: int | None = None,
    timeout_s: float | None = None,
    cache: bool | None = None,
) -> DatabaseCoordinator:
    """Open one connection over many engines.

    `config` maps engine ids to addresses, or is the path of a TOML file, or is left out (register engines afterwards).
    `state_dir` keeps placements across restarts: beside the TOML file by default, otherwise a temporary folder unless
    given. `cache=False` keeps no results. The other arguments are those of `DatabaseCoordinator` and go before the
    file's. Raises QUERY_INVALID for a wrong configuration and what an engine raises that cannot be opened; then no
    engine stays open.

    >>> with connect({"rel": "sqlite://", "olap": "duckdb://"}) as db:
    ...     sorted(db.engines)
    ['olap', 'rel']
    """
    base: Path | None = None
    if isinstance(config, str | Path):
        path = Path(config)
        configuration = read_configuration(path)
        base = path.resolve().parent
    else:
        configuration = configuration_from({"engines": dict(config or {})})
    limits, kept = configuration.limits, configuration.cache
    db = DatabaseCoordinator(
        state_dir=_state_dir(configuration, state_dir, base),
        read_only=configuration.read_only if read_only is None else read_only,
        max_rows=max_rows or limits.max_rows,
        max_bytes=max_bytes or limits.max_bytes,
        timeout_s=timeout_s or limits.timeout_s,
        routing=replace(DEFAULT_ROUTING, load_balancing=configuration.load_balancing),
        cache=kept if cache is None else replace(kept, enabled=cache),
        resilience=configuration.resilience,
        verify_rate=configuration.verify_rate,
    )
    try:
        for engine_id, url in configuration.engines.items():
            engine = open_engine(url, base=base, read_only=db.read_only)
            try:
                db.register_engine(engine, engine_id)
            except BaseException:
                engine.close()
                raise
    except BaseException:
        db.close()
        raise
    return db


def _state_dir(configuration: Configuration, given: str | Path | None, base: Path | None) -> Path | None:
    if given is not None:
        return Path(given)
    if configuration.state_dir is not None:
        return (base or Path.cwd()) / configuration.state_dir
    return None if base is None else base / ".polyroute"

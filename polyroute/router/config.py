"""The configuration: a TOML file, checked name by name, with `${VAR:default}` from the environment.

Sections: `[engines.ID]` with `url` and the engine's options, `[routing]` with `load_balancing`, `[limits]` with
`max_rows`, `max_bytes`, `timeout_s`, `[optimizer]` with `verify_rate`,
`[cache]` with the sizes and times of the result cache, `[resilience]` with the
settings of the guard (see `resilience`); `state_dir` and `read_only` at the top. A name that is not known is refused
with the nearest one.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlencode

from polyroute.errors import invalid, unknown_name
from polyroute.optimizer.cache import CacheSettings
from polyroute.query import STRATEGIES
from polyroute.router.limits import Limits
from polyroute.router.resilience import SETTINGS, Resilience, resilience_from

_SECTIONS = ("engines", "routing", "optimizer", "limits", "cache", "resilience", "state_dir", "read_only")
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::([^}]*))?\}")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Configuration:
    """A checked configuration: engine addresses by id, and the settings of the connection."""

    engines: Mapping[str, str] = field(default_factory=dict)
    load_balancing: str = STRATEGIES[0]
    limits: Limits = field(default_factory=Limits)
    cache: CacheSettings = field(default_factory=CacheSettings)
    verify_rate: float = 0.0
    resilience: Resilience = field(default_factory=Resilience)
    state_dir: str | None = None
    read_only: bool = False


def read_configuration(path: Path) -> Configuration:
    """Read a TOML file; QUERY_INVALID when it is missing, does not parse, or holds a wrong name or value."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as exc:
        raise invalid(
            f"the configuration {path.name!r} cannot be read", hint="check the path; give a TOML file or a dict"
        ) from exc
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise invalid(
            f"the configuration {path.name!r} is not TOML: {exc}", hint="see the documentation for an example"
        ) from exc
    return configuration_from(content)


def configuration_from(content: Mapping[str, object]) -> Configuration:
    """Check a configuration that was read.

    >>> configuration_from({"engines": {"rel": {"url": "sqlite:///a.db"}}, "limits": {"max_rows": 10}}).limits.max_rows
    10
    """
    expanded = {k: _expanded(v) for k, v in content.items()}
    for name in expanded:
        if name not in _SECTIONS:
            raise unknown_name("section of the configuration", name, _SECTIONS)
    routing = _section(expanded, "routing", ("load_balancing",))
    strategy = routing.get("load_balancing", STRATEGIES[0])
    if strategy not in STRATEGIES:
        raise unknown_name("load balancing strategy", str(strategy), STRATEGIES)
    return Configuration(
        engines={i: _address(i, e) for i, e in _section(expanded, "engines", None).items()},
        load_balancing=str(strategy),
        limits=_made(Limits, _section(expanded, "limits", tuple(f.name for f in fields(Limits)))),
        cache=_made(CacheSettings, _section(expanded, "cache", tuple(f.name for f in fields(CacheSettings)))),
        verify_rate=_share(_section(expanded, "optimizer", ("verify_rate",)).get("verify_rate", 0.0)),
        resilience=_made(lambda **s: resilience_from(s), _section(expanded, "resilience", SETTINGS)),
        state_dir=None if expanded.get("state_dir") is None else str(expanded["state_dir"]),
        read_only=bool(expanded.get("read_only", False)),
    )


def _section(content: Mapping[str, object], name: str, known: tuple[str, ...] | None) -> Mapping[str, object]:
    section = content.get(name, {})
    if not isinstance(section, Mapping):
        raise invalid(f"[{name}] of the configuration is not a table")
    for key in section:
        if known is not None and key not in known:
            raise unknown_name(f"setting of [{name}]", str(key), known)
    return section


def _made(make: Callable[..., T], settings: Mapping[str, object]) -> T:
    try:
        return make(**settings)
    except (TypeError, ValueError) as exc:
        raise invalid(f"a setting has a wrong value: {exc}", hint=f"settings: {', '.join(settings)}") from exc


def _share(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise invalid(f"verify_rate is a share from 0 to 1, not {value!r}", hint="0.01 checks one in a hundred")
    return float(value)


def _address(engine_id: str, given: object) -> str:
    if isinstance(given, str):
        return given
    if not isinstance(given, Mapping) or not isinstance(given.get("url"), str):
        raise invalid(
            f"engine {engine_id!r} has no address", hint=f"write [engines.{engine_id}] and url = 'sqlite:///file.db'"
        )
    options = {k: v for k, v in given.items() if k != "url"}
    if not options:
        return str(given["url"])
    return f"{given['url']}{'&' if '?' in str(given['url']) else '?'}{urlencode(options)}"


def _expanded(value: object) -> object:
    if isinstance(value, str):
        return _VARIABLE.sub(_variable, value)
    if isinstance(value, Mapping):
        return {k: _expanded(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_expanded(v) for v in value]
    return value


def _variable(match: re.Match[str]) -> str:
    name, default = match.groups()
    value = os.environ.get(name, default)
    if value is None:
        raise invalid(f"the environment variable {name} is not set", hint=f"set it, or write ${{{name}:default}}")
    return value

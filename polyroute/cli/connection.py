"""Which engines a command works on: `--config` and `--engine`, and the connection made of them.

Every command that needs a connection is decorated with `connection_options` and gets a `Target`, which it opens when
the rest of the command line has been found to be right.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

if TYPE_CHECKING:
    from polyroute.router import DatabaseCoordinator

_ENV = "POLYROUTE_CONFIG"
_Command = TypeVar("_Command", bound=Callable[..., Any])


class Address(NamedTuple):
    """The address of one engine; `base` is the folder that a relative path starts from (None: the working folder)."""

    engine_id: str
    url: str
    base: Path | None


@dataclass(frozen=True, slots=True)
class Target:
    """The engines named on the command line: those of a configuration file and those given by address."""

    config: Path | None = None
    engines: Mapping[str, str] = field(default_factory=dict)

    @property
    def empty(self) -> bool:
        """Whether no engine was named at all."""
        return self.config is None and not self.engines

    def open(self, *, read_only: bool = False) -> DatabaseCoordinator:
        """Connect to the engines; usage error when none was named.

        Raises what `polyroute.connect` raises.
        """
        import polyroute

        if self.empty:
            raise click.UsageError(f"no engine was named: give --config FILE.toml (or {_ENV}) or --engine ID=URL")
        if self.config is None:
            return polyroute.connect(dict(self.engines), read_only=read_only)
        db = polyroute.connect(self.config, read_only=read_only or None)
        try:
            for name, url in self.engines.items():
                db.register_engine(url, id=name)
        except BaseException:
            db.close()
            raise
        return db

    def addresses(self) -> list[Address]:
        """Return where every engine is, opening none.

        Raises QUERY_INVALID when the configuration file is wrong.
        """
        named = [Address(name, url, None) for name, url in self.engines.items()]
        if self.config is None:
            return named
        from polyroute.router.config import read_configuration

        folder = self.config.resolve().parent
        return [Address(name, url, folder) for name, url in read_configuration(self.config).engines.items()] + named


def connection_options(command: _Command) -> Callable[..., Any]:
    """Give a command `--config` and `--engine`, and pass it the `Target` they name."""

    @click.option(
        "--config",
        envvar=_ENV,
        show_envvar=True,
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="TOML file that names the engines.",
    )
    @click.option(
        "--engine",
        "engines",
        multiple=True,
        metavar="ID=URL",
        callback=_parse_engines,
        help="An engine by address, such as rel=sqlite:///air.db; may be repeated.",
    )
    @functools.wraps(command)
    def wrapped(*args: Any, config: Path | None, engines: dict[str, str], **kwargs: Any) -> Any:
        return command(*args, target=Target(config, engines), **kwargs)

    return wrapped


def _parse_engines(ctx: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    engines: dict[str, str] = {}
    for value in values:
        name, equals, url = value.partition("=")
        if not (name and equals and url):
            # the text is not repeated: an address may hold a password
            raise click.BadParameter("an engine is given as ID=URL, such as rel=sqlite:///air.db", ctx, parameter)
        if name in engines:
            raise click.BadParameter(f"the engine id {name!r} is given twice", ctx, parameter)
        engines[name] = url
    return engines

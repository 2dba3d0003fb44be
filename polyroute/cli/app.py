"""The command group: puts the commands together and turns every failure into an exit code and two readable lines.

A command module imports click and little else; engines, Arrow and the router are imported when a command runs, so that
`--help` is instant.
"""

from __future__ import annotations

import io
import os
import sys
from typing import Any

import click

from polyroute.cli.datasets import datasets
from polyroute.cli.demo import demo
from polyroute.cli.doctor import doctor
from polyroute.cli.engines import engines
from polyroute.cli.exits import EXIT_CODES, ExitCode, exit_code, fail, report
from polyroute.cli.load import load
from polyroute.cli.query import query
from polyroute.errors import PolyrouteError, redact

_DEBUG = "POLYROUTE_DEBUG"


class _Commands(click.Group):
    """A group whose commands end in one of our exit codes and never in a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        if os.environ.get(_DEBUG):
            return super().invoke(ctx)
        try:
            return super().invoke(ctx)
        except PolyrouteError as error:
            report(error)
            ctx.exit(exit_code(error))
        except KeyboardInterrupt:
            click.echo("interrupted", err=True)
            ctx.exit(ExitCode.INTERRUPTED)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except Exception as error:  # noqa: BLE001 - the last door: what gets here is a fault of ours, and is told as one
            fail(
                redact(f"unexpected {type(error).__name__}: {error}"),
                f"this is a fault in polyroute: please report it with the traceback that {_DEBUG}=1 shows",
            )
            ctx.exit(ExitCode.QUERY)


@click.group("polyroute", cls=_Commands, epilog=EXIT_CODES, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="polyroute", message="%(prog)s %(version)s")
def main() -> None:
    """One connection over many engines: ask relational, document, graph, vector and time-series data in one SQL.

    Name the engines with --config FILE.toml (or POLYROUTE_CONFIG) or with --engine ID=URL, for example
    --engine rel=sqlite:///air.db; then see `polyroute datasets`, and ask with `polyroute query -c "SELECT ..."`.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8")  # names of places do not fit into ASCII, nor do answers


for _command in (demo, query, engines, datasets, load, doctor):
    main.add_command(_command)

"""`polyroute doctor`: is everything well with Python, the libraries and the engines, and if not, what to do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import click

from polyroute.cli.connection import Target, connection_options
from polyroute.cli.exits import EXIT_CODES, ExitCode

if TYPE_CHECKING:
    from polyroute.cli.checks import Finding

_COLOURS = {"ok": "green", "optional": None, "warning": "yellow", "failed": "red"}


@click.command(epilog=EXIT_CODES)
@connection_options
def doctor(target: Target) -> None:
    """Check Python, the libraries, the extras and every engine named, and say how to mend what is not well.

    Nothing is changed. Exit code 3 when an engine does not answer, 1 when Python or a library is not right.
    """
    from polyroute.cli.checks import Verdict, check_engine, check_extras, check_libraries, check_python

    house = [
        *_section("python", [check_python()]),
        *_section("libraries", check_libraries()),
        *_section("extras", check_extras()),
    ]
    engines = list(_section("engines", map(check_engine, target.addresses())))
    if target.empty:
        click.echo("\nNo engine was checked: name them with --config FILE.toml or --engine ID=URL.")
    if any(f.verdict is Verdict.FAILED for f in engines):
        raise click.exceptions.Exit(ExitCode.ENGINE)
    if any(f.verdict is Verdict.FAILED for f in house):
        raise click.exceptions.Exit(ExitCode.QUERY)
    click.echo("\nAll is well.")


def _section(title: str, findings: Iterable[Finding]) -> Iterator[Finding]:
    """Write the findings under a title as they come, and hand them on."""
    shown = False
    for finding in findings:
        if not shown:
            click.secho(f"\n{title}" if title != "python" else title, bold=True)
            shown = True
        verdict = click.style(f"{finding.verdict:<9}", fg=_COLOURS[finding.verdict])
        click.echo(f"  {verdict}{finding.about:<14}{finding.detail}")
        if finding.mend:
            click.echo(f"{'':11}{'':14}mend: {finding.mend}")
        yield finding

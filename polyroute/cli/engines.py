"""`polyroute engines`: which engines there are, whether they answer, and what they hold."""

from __future__ import annotations

import click

from polyroute.cli.connection import Target, connection_options
from polyroute.cli.exits import ExitCode


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Write a JSON array, one object a line.")
@connection_options
def engines(target: Target, as_json: bool) -> None:
    """List the engines with their state, kinds and number of datasets; exit code 3 when one does not answer."""
    from polyroute.cli.output import write_records

    columns = ("engine", "state", "kinds", "datasets", "ping_ms", "reason")
    with target.open() as db:
        health = db.health_report()
        rows = []
        for state in health.engines:
            engine = db.engine(state.engine)
            held = sum(any(p.engine is engine for p in entry.placements) for entry in db.datasets.values())
            ping_ms = None if state.ping_ms is None else round(state.ping_ms, 2)
            rows.append((state.engine, state.state, ", ".join(sorted(engine.kinds)), held, ping_ms, state.reason))
    write_records(columns, rows, as_json=as_json)
    for advice in health.recommendations:
        click.echo(f"hint: {advice}", err=True)
    if any(state.state == "unavailable" for state in health.engines):
        raise click.exceptions.Exit(ExitCode.ENGINE)

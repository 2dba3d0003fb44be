"""`polyroute load`: bring a file into one engine, or into several as copies of one dataset."""

from __future__ import annotations

from pathlib import Path

import click

from polyroute.cli.connection import Target, connection_options
from polyroute.cli.exits import EXIT_CODES

_EXAMPLES = """\b
Examples:
  polyroute load airports airports.parquet --engine rel=sqlite:///air.db --into rel --key iata
  polyroute load routes routes.csv --config air.toml --into graph --source src --target dst
"""

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(epilog=f"{_EXAMPLES}\n{EXIT_CODES}")
@click.argument("name")
@click.argument("file", type=_FILE)
@click.option(
    "--into", multiple=True, required=True, metavar="ID", help="Engine to load into; the first is the primary."
)
@click.option(
    "--mode",
    type=click.Choice(("create", "append", "upsert", "replace")),
    default="create",
    show_default=True,
    help="What to do with a held dataset of that name; create refuses.",
)
@click.option("--key", multiple=True, metavar="COLUMN", help="Key column; may be repeated.")
@click.option("--time", metavar="COLUMN", help="Time column of a time series.")
@click.option("--vector", metavar="COLUMN", help="Vector column.")
@click.option("--source", metavar="COLUMN", help="Column with the start of an edge.")
@click.option("--target", "edge_target", metavar="COLUMN", help="Column with the end of an edge.")
@click.option("--directed/--undirected", default=None, help="Whether edges have a direction (default: directed).")
@click.option("--nodes", type=_FILE, help="File with the nodes of a graph.")
@click.option("--node-key", metavar="COLUMN", help="Key column of the nodes.")
@click.option("--null-value", "null_values", multiple=True, help="Text that means NULL in a CSV file; may be repeated.")
@connection_options
def load(
    target: Target,
    name: str,
    file: Path,
    into: tuple[str, ...],
    mode: str,
    key: tuple[str, ...],
    time: str | None,
    vector: str | None,
    source: str | None,
    edge_target: str | None,
    directed: bool | None,
    nodes: Path | None,
    node_key: str | None,
    null_values: tuple[str, ...],
) -> None:
    """Load FILE as the dataset NAME: Parquet, CSV, TSV, JSON Lines, JSON or Arrow; all of it or nothing."""
    with target.open() as db:
        report = db.load(
            name,
            file,
            engine=into,
            mode=mode,
            key=key or None,
            time=time,
            vector=vector,
            source=source,
            target=edge_target,
            directed=directed,
            nodes=nodes,
            node_key=node_key,
            null_values=null_values or ("",),
        )
    click.echo(str(report))

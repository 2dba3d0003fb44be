"""`polyroute demo`: real data in six engines, three questions, and an engine that is lost on purpose."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(".demo"),
    show_default=True,
    help="Where the engines are kept; the next start reuses them.",
)
@click.option("--days", type=click.IntRange(1, 365), help="Load only the first days of the flights and the weather.")
@click.option("--reload", is_flag=True, help="Load the data again even if it is there.")
def demo(folder: Path, days: int | None, reload: bool) -> None:
    """Load real data into six engines and ask three questions.

    Needs the extra polyroute[demo]; nothing is downloaded.
    """
    from polyroute.demo import DemoFolder, run

    run(DemoFolder(folder, days), reload=reload)

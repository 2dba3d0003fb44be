"""What the demo writes: headings, questions, SQL, answers, plans, all within a hundred columns.

Colours appear in a terminal only; click leaves them out where the output goes to a file or a pipe.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import click

from polyroute.rendering import text_table

if TYPE_CHECKING:
    from polyroute.plan import Plan
    from polyroute.result import QueryResult

WIDTH = 100


def heading(text: str) -> None:
    """Write a heading over a full line."""
    click.echo()
    click.secho(f"── {text} ".ljust(WIDTH, "─"), fg="cyan", bold=True)


def say(text: str) -> None:
    """Write a sentence or two."""
    click.echo(text)


def question(text: str) -> None:
    """Write a question as a person would ask it."""
    click.echo()
    click.secho(text, bold=True)
    click.echo()


def code(text: str) -> None:
    """Write code, indented."""
    for line in text.splitlines():
        click.secho(f"    {line}", fg="green")
    click.echo()


def table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Write a small table, without the count of its rows."""
    *lines, _ = text_table(columns, rows).splitlines()
    click.echo("\n".join(lines))


def answer(result: QueryResult) -> None:
    """Write an answer as a table, and below it who answered, how long it took, and how many rows were moved for it."""
    table(result.columns, result.rows())
    click.echo()
    click.secho(_summary(result), fg="yellow")


def _summary(result: QueryResult) -> str:
    rows = f"{len(result):,} row{'' if len(result) == 1 else 's'}"
    facts = [f"answered by {', '.join(answered_by(result))}", rows, _seconds(result.elapsed_s)]
    if result.plan is not None:
        facts.append(f"{result.plan.rows_moved:,} rows moved to the merge site")
    return " · ".join(facts)


def answered_by(result: QueryResult) -> list[str]:
    """Return the ids of the engines that took part in an answer, in the order of the plan."""
    if result.plan is None:
        return [result.engine] if result.engine else []
    return list(dict.fromkeys(fragment.engine for fragment in result.plan.fragments))


def _seconds(elapsed_s: float) -> str:
    return f"{elapsed_s:.2f} s" if elapsed_s >= 1 else f"{elapsed_s * 1e3:.1f} ms"


def plan(plan: Plan) -> None:
    """Write a plan as a tree, each line cut to the width."""
    click.echo()
    lines(str(plan).splitlines())


def lines(texts: Iterable[str]) -> None:
    """Write lines, each cut to the width."""
    for text in texts:
        click.secho(text if len(text) <= WIDTH else text[: WIDTH - 1] + "…", dim=True)

"""`polyroute query`: ask one SQL statement and write the answer as a table, JSON or CSV."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from polyroute.cli.connection import Target, connection_options
from polyroute.cli.exits import EXIT_CODES
from polyroute.cli.interruptible import interruptible
from polyroute.cli.params import parse_params

if TYPE_CHECKING:
    from polyroute.result import QueryResult

_EXAMPLES = """\b
Examples:
  polyroute query --engine rel=sqlite:///air.db -c "SELECT * FROM airports LIMIT 5"
  polyroute query --config air.toml -f hubs.sql --param origin=LGA --csv > hubs.csv
"""


@click.command(epilog=f"{_EXAMPLES}\n{EXIT_CODES}")
@click.option("-c", "--command", "sql", metavar="SQL", help="The statement to run.")
@click.option(
    "-f",
    "--file",
    "file",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path),
    help="Read the statement from a file, or from standard input with -.",
)
@click.option("--json", "style", flag_value="json", help="Write a JSON array, one object a line.")
@click.option("--csv", "style", flag_value="csv", help="Write CSV with a header.")
@click.option("--explain", is_flag=True, help="Show how the statement would be answered, and do not run it.")
@click.option("--analyze", is_flag=True, help="With --explain: run it, and show what each part took.")
@click.option(
    "--timeout", "timeout_s", type=click.FloatRange(min=0, min_open=True), metavar="SECONDS", help="Time limit."
)
@click.option("--read-only", is_flag=True, help="Open the engines for reading only.")
@click.option(
    "--param",
    "params",
    multiple=True,
    metavar="NAME=VALUE",
    callback=parse_params,
    help="A value for $NAME: a JSON value, or else a text; may be repeated.",
)
@connection_options
def query(
    target: Target,
    sql: str | None,
    file: Path | None,
    style: str | None,
    explain: bool,
    analyze: bool,
    timeout_s: float | None,
    read_only: bool,
    params: dict[str, object],
) -> None:
    """Run one SQL statement over the engines, in DuckDB's dialect whichever engine runs a part of it."""
    statement = _statement(sql, file)
    if analyze and not explain:
        raise click.UsageError("--analyze goes with --explain")
    with target.open(read_only=read_only) as db:
        if explain:
            plan = interruptible(lambda: db.explain(statement, params, analyze=analyze))
            click.echo(json.dumps(plan.to_dict(), ensure_ascii=False, indent=1) if style == "json" else str(plan))
            return
        _write(interruptible(lambda: db.sql(statement, params, timeout_s=timeout_s)), style)


def _statement(sql: str | None, file: Path | None) -> str:
    if (sql is None) == (file is None):
        raise click.UsageError("give the statement with -c SQL or with -f FILE, one of the two")
    if sql is None:
        sql = _read(str(file))
    if not sql.strip():
        raise click.UsageError("the statement is empty")
    return sql


def _read(file: str) -> str:
    try:
        with click.open_file(file, encoding="utf-8") as stream:
            return str(stream.read())
    except UnicodeDecodeError as exc:
        raise click.UsageError(f"{file} is not UTF-8 text") from exc


def _write(result: QueryResult, style: str | None) -> None:
    from polyroute.cli.output import write_csv, write_json, write_table

    if style == "json":
        write_json(result)
    elif style == "csv":
        write_csv(result)
    elif result.columns:
        write_table(result.columns, result.rows())
    if result.rows_affected is not None and style is None:
        click.echo(f"({result.rows_affected:,} row{'' if result.rows_affected == 1 else 's'} written)")
    if result.truncated:
        click.echo("note: a row or byte limit cut the answer", err=True)

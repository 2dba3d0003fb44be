"""Results on standard output: a table for people, JSON and CSV for programs.

A table is fitted to the terminal, and says what it left out; to a pipe or a file everything is written. JSON and CSV
are the same everywhere.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, TextIO

import click

from polyroute.rendering import cell_text, display_width, text_table

if TYPE_CHECKING:
    from polyroute.result import QueryResult

_ALL = sys.maxsize
_GAP = len(" | ")


def write_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Write rows as an aligned table, cut to the terminal's width where standard output is one."""
    stream = sys.stdout
    if not stream.isatty():
        click.echo(text_table(columns, rows, limit=_ALL))
        return
    shown = _fitting(columns, rows, shutil.get_terminal_size().columns)
    click.echo(text_table(columns[:shown], [row[:shown] for row in rows]))
    if shown < len(columns):
        left_out = ", ".join(columns[shown:])
        click.secho(f"(too wide for the terminal; left out: {left_out}. --json and --csv show all)", dim=True)


def _fitting(columns: Sequence[str], rows: Sequence[Sequence[object]], width: int) -> int:
    """Return how many leading columns fit into a width, at least one."""
    used = -_GAP
    for i, name in enumerate(columns):
        used += _GAP + max([display_width(name), *(display_width(cell_text(row[i])) for row in rows)])
        if used > width:
            return max(1, i)
    return len(columns)


def write_records(columns: Sequence[str], rows: Sequence[Sequence[object]], *, as_json: bool) -> None:
    """Write a list of the command's own making, as a table or as JSON."""
    if as_json:
        _write_array(json.dumps(dict(zip(columns, row, strict=True)), ensure_ascii=False) for row in rows)
    else:
        write_table(columns, rows)


def write_json(result: QueryResult) -> None:
    """Write a result as a JSON array with one object a line.

    Dates and times are ISO 8601 texts, decimals their digits as text, bytes base64, NaN and the infinities their
    names; a JSON value inside a column is written as the value that it is.
    """
    _write_array(_json_lines(result))


def _write_array(lines: Iterable[str]) -> None:
    stream = sys.stdout
    before = "[\n "
    for line in lines:
        stream.write(before + line)
        before = ",\n "
    stream.write("[]\n" if before.startswith("[") else "\n]\n")


def _json_lines(result: QueryResult) -> Iterator[str]:
    from polyroute.cli.values import plain_value
    from polyroute.values import unique_names

    names = unique_names(result.columns)
    types = [field.type for field in result.schema]
    for row in result.rows():
        fields = {n: plain_value(v, t) for n, v, t in zip(names, row, types, strict=True)}
        yield json.dumps(fields, ensure_ascii=False)


def write_csv(result: QueryResult) -> None:
    """Write a result as CSV (RFC 4180) with a header; NULL is an empty field, an empty text is "".

    Nested values are written as JSON.
    """
    from polyroute.cli.values import plain_value

    stream = sys.stdout
    types = [field.type for field in result.schema]
    _write_record(stream, result.columns)
    for row in result.rows():
        _write_record(stream, [plain_value(v, t) for v, t in zip(row, types, strict=True)])


def _write_record(stream: TextIO, values: Sequence[object]) -> None:
    stream.write(",".join(map(_csv_field, values)) + "\n")


def _csv_field(value: object) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if text and text.strip() == text and not any(c in text for c in ',"\r\n'):
        return text
    return '"' + text.replace('"', '""') + '"'

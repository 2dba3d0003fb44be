"""Rows as a table in text or HTML, for terminals, notebooks and `repr`.

Nothing here knows a query or an engine. HTML is a bare table, because code hosts strip styles from notebooks; every
value is escaped.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Sequence

_MAX_CELL = 40
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")  # line ends, and the escape codes with which data could steer a terminal


def cell_text(value: object, *, limit: int = _MAX_CELL) -> str:
    """Return one value as short text on one line.

    >>> cell_text(None), cell_text(0.1 + 0.2), cell_text([1.0] * 99, limit=12)
    ('', '0.3', '[1.0, 1.0, …')
    """
    if value is None:
        return ""
    if isinstance(value, float):
        text = f"{value:.10g}"
    elif isinstance(value, (list, tuple)) and len(value) > limit:
        text = str(value[:limit])
    else:
        text = str(value)
    text = _CONTROL.sub(" ", text)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def display_width(text: str) -> int:
    """Return how many terminal columns a text takes: East Asian wide characters take two, combining marks none."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def _pad(text: str, width: int, right: bool) -> str:
    space = " " * (width - display_width(text))
    return space + text if right else text + space


def text_table(
    columns: Sequence[str], rows: Sequence[Sequence[object]], *, total: int | None = None, limit: int = _MAX_CELL
) -> str:
    """Return the rows as an aligned text table; numbers stand right, `total` adds a line when rows are left out.

    >>> print(text_table(("iata", "n"), [("JFK", 12), ("LGA", 7)]))
    iata | n
    -----+---
    JFK  | 12
    LGA  |  7
    (2 rows)
    """
    columns = [_CONTROL.sub(" ", name) for name in columns]
    cells = [[cell_text(v, limit=limit) for v in row] for row in rows]
    numeric = [
        all(isinstance(r[i], (int, float)) or r[i] is None for r in rows) and bool(rows) for i in range(len(columns))
    ]
    widths = [max([display_width(c), *(display_width(row[i]) for row in cells)]) for i, c in enumerate(columns)]
    lines = [" | ".join(_pad(c, w, False) for c, w in zip(columns, widths, strict=True)).rstrip()]
    lines.append("-+-".join("-" * w for w in widths))
    for row in cells:
        lines.append(" | ".join(_pad(v, w, n) for v, w, n in zip(row, widths, numeric, strict=True)).rstrip())
    count = len(rows) if total is None else total
    note = f"({count:,} row{'' if count == 1 else 's'})"
    lines.append(note if count == len(rows) else f"{note[:-1]}, the first {len(rows)} shown)")
    return "\n".join(lines)


def html_table(columns: Sequence[str], rows: Sequence[Sequence[object]], *, total: int | None = None) -> str:
    """Return the rows as a bare HTML table with escaped values."""
    head = "".join(f"<th>{html.escape(c)}</th>" for c in columns)
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(cell_text(v, limit=120))}</td>" for v in row) + "</tr>" for row in rows
    )
    count = len(rows) if total is None else total
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table><p>{count:,} rows, {len(rows)} shown</p>"

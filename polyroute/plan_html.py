"""A plan in a notebook: a line on the whole, the residual, and a table with a row per fragment.

Styles stand in the tags and take the colours of the page, so that it reads in the dark and in the light and needs no
script; where a site strips styles, a plain table is left. Every text is escaped.
"""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from polyroute.plan_text import clean, facts, measured, moved, planning
from polyroute.rendering import cell_text

if TYPE_CHECKING:
    from polyroute.plan import Fragment, Plan

_LINE = "border-bottom:1px solid rgba(128,128,128,.35)"
_CELL = f"text-align:left;vertical-align:top;padding:4px 12px 4px 0;{_LINE}"
_CODE = "white-space:pre-wrap;overflow-wrap:anywhere;font-family:monospace;font-size:92%"
_FAINT = "opacity:.7"
_MOST_CHARACTERS = 2_000


def plan_html(plan: Plan) -> str:
    """Return a plan as HTML.

    >>> from polyroute.plan import Plan
    >>> plan_html(Plan("SELECT 1", "SELECT 1 < 2", "duckdb")).count("SELECT 1 &lt; 2")
    1
    """
    parts = [f"<p><b>merge at {_escaped(plan.merge_site)}</b>{_outcome(plan)}</p>"]
    if plan.residual:
        parts.append(f'<div style="{_CODE};padding-bottom:8px">{_sql(plan.residual)}</div>')
    if plan.fragments:
        heads = "".join(f'<th style="{_CELL}">{h}</th>' for h in ("fragment", "asked", "pushed and not", "moved"))
        rows = "".join(_row(f) for f in plan.fragments)
        table = f"<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody>"
        parts.append(f'<table style="border-collapse:collapse;color:inherit;background:none">{table}</table>')
    parts += [f'<p style="{_FAINT}">{_escaped(note)}</p>' for note in plan.notes]
    return f'<div style="color:inherit">{"".join(parts)}</div>'


def _outcome(plan: Plan) -> str:
    known = []
    if plan.rows is not None:
        known.append(f"{plan.rows:,} row{'' if plan.rows == 1 else 's'} in {plan.ms or 0:,.1f} ms")
    if plan.analyzed:
        known.append(moved(plan))
    if planning(plan):
        known.append(planning(plan))
    return f' <span style="{_FAINT}">{_escaped("; ".join(known))}</span>' if known else ""


def _row(fragment: Fragment) -> str:
    dataset = f" of {_escaped(fragment.dataset)}" if fragment.dataset else ""
    name = f"<b>{_escaped(fragment.name)}</b><br>{_escaped(fragment.operation)}{dataset}<br>"
    told = "<br>".join(f'<span style="{_FAINT}">{label}</span> {_escaped(text)}' for label, text in facts(fragment))
    cells = [
        f"{name}on <b>{_escaped(fragment.engine)}</b>",
        f'<span style="{_CODE}">{_sql(fragment.native)}</span>',
        told,
        _escaped(measured(fragment)),
    ]
    return "<tr>" + "".join(f'<td style="{_CELL}">{cell}</td>' for cell in cells) + "</tr>"


def _sql(text: str) -> str:
    """Return a text of a query with its lines; one that would fill the page is cut."""
    lines = [cell_text(line.rstrip(), limit=len(line) + 1) for line in text.strip().splitlines()]
    whole = "\n".join(lines)
    if len(whole) > _MOST_CHARACTERS:
        whole = f"{whole[:_MOST_CHARACTERS]}… ({len(whole):,} characters)"
    return html.escape(whole)


def _escaped(text: str) -> str:
    return html.escape(clean(text))

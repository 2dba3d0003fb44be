"""A plan as a tree in a terminal: one branch per fragment, its facts in one aligned column, nothing wider than the
width.

`facts` and `measured` are shared with the HTML form, so that both say the same. Texts of queries come from outside and
may hold values of the data: control characters, which could steer a terminal, are taken out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from polyroute.rendering import cell_text, display_width

if TYPE_CHECKING:
    from polyroute.plan import Fragment, Plan

WIDTH = 100

_LABEL = 12
_MOST_LINES = 12
_NARROWEST = 24
_PIECE = re.compile(
    r"""'(?:''|[^'])*' | "(?:""|[^"])*" | --[^\n]* | /\*.*?\*/ | \s+ | [()]
    | (?:(?:natural|asof|positional|left|right|full|inner|cross|semi|anti|outer)\s+)+join\b
    | is\s+(?:not\s+)?distinct\s+from\b
    | [^\s()'"/-]+ | .""",
    re.DOTALL | re.VERBOSE | re.IGNORECASE,
)
_JOIN = re.compile(r".*\s+join", re.DOTALL)
_CLAUSES = frozenset(
    (
        *("select", "from", "where", "group", "having", "window", "qualify", "order", "limit", "offset"),
        *("union", "intersect", "except", "set", "values", "returning", "join"),
    )
)


def plan_text(plan: Plan, *, width: int = WIDTH) -> str:
    """Return a plan as a tree of text, at most `width` columns wide (but no narrower than 50).

    >>> from polyroute.plan import Plan
    >>> print(plan_text(Plan("SELECT 1", "SELECT 1", "duckdb", rows=1, ms=0.5, analyzed=True, cached=True)))
    merge at duckdb: 1 row, 0.5 ms; nothing moved; plan from the cache
    └─ SELECT 1
    """
    inner = max(width - 3, _NARROWEST)
    children = [sql_lines(plan.residual, inner)] if plan.residual else []
    children += [_fragment_lines(f, inner) for f in plan.fragments]
    children += [_folded(f"note: {clean(n)}", inner) for n in plan.notes]
    lines = _folded(f"merge at {clean(plan.merge_site)}{_outcome(plan)}", width)
    for i, (head, *rest) in enumerate(children):
        last = i == len(children) - 1
        lines.append(("└─ " if last else "├─ ") + head)
        lines.extend(("   " if last else "│  ") + line for line in rest)
    return "\n".join(lines)


def facts(fragment: Fragment) -> Iterator[tuple[str, str]]:
    """Give what there is to say of a fragment, beside its text and its figures, as pairs of a label and a sentence."""
    for what, how in fragment.pushed.items():
        yield "pushed", f"{what}: {how}"
    for what, why in fragment.kept.items():
        yield "not pushed", f"{what}: {why}"
    if fragment.bind_keys:
        yield "keys", f"{'' if fragment.keys is None else f'{fragment.keys:,} '}bound: {fragment.bind_keys}"
    if fragment.depends_on:
        yield "after", ", ".join(fragment.depends_on)
    for attempt in fragment.attempts:
        then = "gave up" if attempt.then is None else f"went on to {attempt.then}"
        yield "failed", f"{attempt.code} on {attempt.engine}, {then}"
    if fragment.in_place:
        yield "in place", "read where it lies, its rows never moved"


def measured(fragment: Fragment) -> str:
    """Return a fragment's rows, estimated and actual, its bytes and its time, as far as they are known.

    >>> from polyroute.plan import Fragment
    >>> measured(Fragment("f1", "rel", "scan", "a", "a", estimated_rows=10, rows=1200, bytes=2048, ms=1.25))
    '1,200 rows (about 10 expected), 2.0 KiB, 1.2 ms'
    """
    if fragment.rows is None:
        return "" if fragment.estimated_rows is None else f"about {_count(fragment.estimated_rows, 'row')}"
    expected = fragment.estimated_rows
    parts = [_count(fragment.rows, "row") + ("" if expected is None else f" (about {expected:,} expected)")]
    if fragment.bytes is not None and not fragment.in_place:
        parts.append(size_text(fragment.bytes))
    if fragment.ms is not None:
        parts.append(f"{fragment.ms:,.1f} ms")
    return ", ".join(parts)


def moved(plan: Plan) -> str:
    """Return how much left the engines for the merge site.

    >>> from polyroute.plan import Plan
    >>> moved(Plan("SELECT 1", "SELECT 1", "duckdb"))
    'nothing moved'
    """
    if not plan.rows_moved:
        return "nothing moved"
    return f"{_count(plan.rows_moved, 'row')} ({size_text(plan.bytes_moved)}) moved"


def planning(plan: Plan) -> str:
    """Return where the plan came from and what that took, or an empty text where nothing is known of it."""
    if plan.planning_ms is None:
        return "plan from the cache" if plan.cached else ""
    return f"plan {'from the cache' if plan.cached else 'made'} in {plan.planning_ms:,.2f} ms"


def size_text(count: int) -> str:
    """Return a number of bytes in the unit that reads best.

    >>> size_text(512), size_text(3 << 20)
    ('512 B', '3.0 MiB')
    """
    size = float(count)
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:,.1f} GiB"


def clean(text: str) -> str:
    """Return a text on one line, without control characters."""
    return " ".join(cell_text(text, limit=len(text) + 1).split())


def sql_lines(sql: str, width: int, *, most: int = _MOST_LINES) -> list[str]:
    """Return a statement in lines: as one where it fits, else a line per clause, long clauses folded.

    Only the outermost clauses begin a line. What does not fit into `most` lines is cut; `to_dict` has all of it.

    >>> sql_lines("SELECT city, count(*) FROM airports WHERE country = 'US' GROUP BY city", 40)
    ['SELECT city, count(*)', 'FROM airports', "WHERE country = 'US'", 'GROUP BY city']
    """
    whole, clauses = _clauses(sql)
    if display_width(whole) <= width:
        return [whole]
    lines = [line for clause in clauses for line in _folded(clause, width)]
    return lines if len(lines) <= most else [*lines[: most - 1], f"… ({len(whole):,} characters)"]


def _outcome(plan: Plan) -> str:
    known = []
    if plan.rows is not None:
        known.append(f"{_count(plan.rows, 'row')}, {plan.ms or 0:,.1f} ms")
    if plan.analyzed:
        known.append(moved(plan))
    if planning(plan):
        known.append(planning(plan))
    return f": {'; '.join(known)}" if known else ""


def _fragment_lines(fragment: Fragment, width: int) -> list[str]:
    figures = measured(fragment)
    head = f"{fragment.name} = {fragment.operation} on {fragment.engine}{': ' if figures else ''}{figures}"
    room = max(width - _LABEL - 2, _NARROWEST)
    lines = _folded(clean(head), width)
    lines += _labelled("asked", sql_lines(fragment.native, room))
    before = ""
    for label, text in facts(fragment):
        lines += _labelled("" if label == before else label, _folded(clean(text), room))
        before = label
    return lines


def _labelled(label: str, lines: list[str]) -> list[str]:
    return [f"  {label if i == 0 else '':<{_LABEL}}{line}" for i, line in enumerate(lines)]


def _clauses(sql: str) -> tuple[str, list[str]]:
    """Return a statement on one line, and its outermost clauses; comments are left out."""
    clauses: list[list[str]] = [[]]
    depth = 0
    for piece in _PIECE.findall(sql):
        if piece.isspace() or piece.startswith(("--", "/*")):
            clauses[-1].append(" ")
            continue
        depth += (piece == "(") - (piece == ")")
        word = piece.lower()
        if depth == 0 and (word in _CLAUSES or _JOIN.fullmatch(word)):
            clauses.append([])
        clauses[-1].append(cell_text(piece, limit=len(piece) + 1) if piece[0] in "'\"" else clean(piece))
    texts = [_spaced(c) for c in clauses]
    return " ".join(t for t in texts if t), [t for t in texts if t]


def _spaced(pieces: list[str]) -> str:
    """Join pieces with single spaces between them where there was any; spaces in quotes stay."""
    kept: list[str] = []
    for piece in pieces:
        if piece != " " or (kept and kept[-1] != " "):
            kept.append(piece)
    return "".join(kept).strip()


def _folded(text: str, width: int) -> list[str]:
    """Break a text at spaces, the further lines indented; a word longer than a line is broken anywhere."""
    lines: list[str] = []
    line = ""
    for word in text.split(" "):
        room = width - 2 * bool(lines)
        if line and display_width(line) + 1 + display_width(word) > room:
            lines.append(line)
            line, room = "", width - 2
        while display_width(word) > room and not line:
            cut = _fitting(word, room)
            lines.append(word[:cut])
            word, room = word[cut:], width - 2
        line = f"{line} {word}" if line else word
    lines.append(line)
    return [lines[0], *(f"  {rest}" for rest in lines[1:])]


def _fitting(word: str, room: int) -> int:
    """Return how many characters of a word, at least one, fit into some columns."""
    taken = 0
    for i, character in enumerate(word):
        taken += display_width(character)
        if taken > room:
            return max(i, 1)
    return len(word)


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"

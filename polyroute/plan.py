"""The plan of a SQL query as a value: what each engine was asked, what was moved, what was left to do at the merge
site.

The router's planner makes a Plan; here it is only shown: as a tree in a terminal, as HTML in a notebook, as a dict for
programs.
"""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field


@dataclass(frozen=True, slots=True)
class Attempt:
    """A run of a fragment that failed: where, with which code, and the engine that was tried next (None: none)."""

    engine: str
    code: str
    then: str | None = None


@dataclass(slots=True)
class Fragment:
    """The part of a query that one engine answers by itself.

    `native` is what the engine is asked, `pushed` what of the query it does itself and `kept` what was not pushed, with
    the reason. `bind_keys` says where the keys bound into it come from and `keys` how many there were; `depends_on`
    names the fragments that have to run before it. An `in_place` fragment is read by the merge site where it lies, so
    its rows never move. `rows`, `bytes`, `ms` and `keys` are measured, so they are None until the plan has run;
    `attempts` are the runs that failed before the one that answered.
    """

    name: str
    engine: str
    operation: str
    dataset: str | None
    native: str
    columns: tuple[str, ...] | None = None
    pushed: Mapping[str, str] = field(default_factory=dict)
    kept: Mapping[str, str] = field(default_factory=dict)
    bind_keys: str | None = None
    estimated_rows: int | None = None
    rows: int | None = None
    bytes: int | None = None
    ms: float | None = None
    in_place: bool = False
    keys: int | None = None
    depends_on: tuple[str, ...] = ()
    attempts: tuple[Attempt, ...] = ()


@dataclass(slots=True)
class Plan:
    """How a SQL query is answered: its fragments, the residual SQL over them, and where that runs.

    `notes` are sentences on the plan as a whole (re-planned, answered plainly, quarantined and why); `cached` tells
    whether the plan was there before the query, `planning_ms` what making or finding it took.

    >>> print(Plan(sql="SELECT 1", residual="SELECT 1", merge_site="duckdb (in process)"))
    merge at duckdb (in process)
    └─ SELECT 1
    """

    sql: str
    residual: str
    merge_site: str
    fragments: list[Fragment] = field(default_factory=list)
    rows: int | None = None
    ms: float | None = None
    analyzed: bool = False
    notes: tuple[str, ...] = ()
    cached: bool = False
    planning_ms: float | None = None

    @property
    def rows_moved(self) -> int:
        """Rows that left the engines for the merge site."""
        return sum(f.rows or 0 for f in self.fragments if not f.in_place)

    @property
    def bytes_moved(self) -> int:
        """Bytes of Arrow data that left the engines for the merge site."""
        return sum(f.bytes or 0 for f in self.fragments if not f.in_place)

    def to_dict(self) -> dict[str, object]:
        """Return the plan as plain dicts and lists, fit for JSON."""
        return asdict(self) | {"rows_moved": self.rows_moved, "bytes_moved": self.bytes_moved}

    def __str__(self) -> str:
        done = "" if self.rows is None else f": {self.rows:,} rows, {self.ms or 0:.1f} ms"
        moved = f", {self.rows_moved:,} rows ({_size(self.bytes_moved)}) moved" if self.analyzed else ""
        lines = [f"merge at {self.merge_site}{done}{moved}"]
        children = [[_one_line(self.residual)], *(_fragment_lines(f) for f in self.fragments)]
        for i, (head, *rest) in enumerate(children):
            last = i == len(children) - 1
            lines.append(("└─ " if last else "├─ ") + head)
            lines.extend(("   " if last else "│  ") + line for line in rest)
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"


def _fragment_lines(fragment: Fragment) -> list[str]:
    measured = ""
    if fragment.rows is not None:
        measured = f": {fragment.rows:,} rows, {_size(fragment.bytes or 0)}, {fragment.ms or 0:.1f} ms"
    elif fragment.estimated_rows is not None:
        measured = f": about {fragment.estimated_rows:,} rows"
    lines = [
        f"{fragment.name} = {fragment.operation} on {fragment.engine}{measured}",
        f"  {_one_line(fragment.native)}",
    ]
    lines.extend(f"  pushed {what}: {how}" for what, how in fragment.pushed.items())
    lines.extend(f"  not pushed {what}: {why}" for what, why in fragment.kept.items())
    if fragment.bind_keys:
        lines.append(f"  keys bound from {fragment.bind_keys}")
    return lines


def _one_line(text: str, limit: int = 160) -> str:
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def _size(count: int) -> str:
    size = float(count)
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"

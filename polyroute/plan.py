"""The plan of a SQL query as a value: what each engine was asked, what was moved, what was left to do at the merge
site.

The router's planner makes a Plan and its run fills in what was measured; here it is only held. It is shown as a tree in
a terminal (`plan_text`), as HTML in a notebook (`plan_html`), and as plain dicts for programs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


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
    the reason. `bind_keys` says which keys are bound into it, from where, and `keys` how many there were; `depends_on`
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

    def to_dict(self) -> dict[str, object]:
        """Return the fragment as plain dicts and lists, fit for JSON."""
        return {
            "name": self.name,
            "engine": self.engine,
            "operation": self.operation,
            "dataset": self.dataset,
            "native": self.native,
            "columns": None if self.columns is None else list(self.columns),
            "pushed": dict(self.pushed),
            "kept": dict(self.kept),
            "bind_keys": self.bind_keys,
            "keys": self.keys,
            "depends_on": list(self.depends_on),
            "in_place": self.in_place,
            "estimated_rows": self.estimated_rows,
            "rows": self.rows,
            "bytes": self.bytes,
            "ms": self.ms,
            "attempts": [{"engine": a.engine, "code": a.code, "then": a.then} for a in self.attempts],
        }


@dataclass(slots=True)
class Plan:
    """How a SQL query is answered: its fragments, the residual SQL over them, and where that runs.

    `residual` is empty where one engine answers everything. `notes` are sentences on the plan as a whole (re-planned,
    answered plainly, quarantined and why); `cached` tells whether the plan was there before the query, `planning_ms`
    what making or finding it took.

    >>> airports = Fragment("f1", "rel", "select", "airports", "SELECT city FROM airports", estimated_rows=40)
    >>> print(Plan("SELECT ...", "SELECT count(*) FROM f1", "duckdb (in process)", [airports]))
    merge at duckdb (in process)
    ├─ SELECT count(*) FROM f1
    └─ f1 = select on rel: about 40 rows
         asked       SELECT city FROM airports
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
        """Return the plan as plain dicts and lists, fit for JSON; names are only ever added to it.

        >>> list(Plan("SELECT 1", "SELECT 1", "duckdb").to_dict())[:4]
        ['sql', 'residual', 'merge_site', 'fragments']
        """
        return {
            "sql": self.sql,
            "residual": self.residual,
            "merge_site": self.merge_site,
            "fragments": [f.to_dict() for f in self.fragments],
            "rows": self.rows,
            "ms": self.ms,
            "analyzed": self.analyzed,
            "notes": list(self.notes),
            "cached": self.cached,
            "planning_ms": self.planning_ms,
            "rows_moved": self.rows_moved,
            "bytes_moved": self.bytes_moved,
        }

    def __str__(self) -> str:
        from polyroute.plan_text import plan_text

        return plan_text(self)

    def _repr_html_(self) -> str:
        from polyroute.plan_html import plan_html

        return plan_html(self)

"""What a statement reads, resolved: each input is one operation on one dataset, fetched through lane A under a name of
its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlglot import exp

from polyroute.engines import Call
from polyroute.engines.resources.scratch import query_arrow
from polyroute.errors import invalid, unknown_name
from polyroute.operations import Scan
from polyroute.router.catalog import Catalog
from polyroute.router.federation.tables import SCHEMA
from polyroute.sql.dialect import render

# whole numbers of this many digits may be beyond 64 bits
_SHORTER_THAN_HUGE = 19


@dataclass(frozen=True, slots=True)
class ScanInput:
    """A dataset read whole; `shown` is the name that the statement's columns may be qualified with."""

    name: str
    operation: Scan
    shown: str


@dataclass(frozen=True, slots=True)
class SystemInput:
    """One of the connection's own tables."""

    name: str
    table: str


def resolve_table(parts: Sequence[str], name: str, catalog: Catalog, engines: Sequence[str]) -> ScanInput | SystemInput:
    """Resolve a dotted table name: `dataset`, `engine.dataset`, `graph.part`, `engine.graph.part`, `polyroute.table`.

    Raises QUERY_INVALID, naming the nearest, when there is none.
    """
    *prefix, last = parts
    if prefix == [SCHEMA]:
        return SystemInput(name, last)
    if len(prefix) < 2:
        entry = catalog.find(".".join(parts))
        if entry is not None:
            pinned = f"{prefix[0]}.{entry.name}" if prefix else entry.name
            return ScanInput(name, Scan(pinned), last)
    if prefix:
        graph = catalog.find(".".join(prefix))
        if graph is not None and graph.dataset.parts:
            matched = next((p for p in graph.dataset.parts if p.lower() == last.lower()), None)
            if matched is None:
                raise unknown_name(f"table of graph {graph.name!r}", last, graph.dataset.parts)
            return ScanInput(name, Scan(".".join(prefix), part=matched), last)
    catalog.refresh()
    if catalog.find(".".join(parts)) is not None:
        return resolve_table(parts, name, catalog, engines)
    if len(prefix) == 1 and prefix[0] not in engines:
        raise unknown_name("engine or graph", prefix[0], [*engines, SCHEMA])
    known = catalog.names() if not prefix else catalog.names_in(prefix[0])
    raise unknown_name("dataset", last, known)


def constant(tree: object, params: Mapping[str, object], call: Call) -> object:
    """Return the value of a constant argument: a parameter, a literal, or any expression that DuckDB can compute alone.

    Raises QUERY_INVALID for a parameter that was not given.
    """
    if not isinstance(tree, exp.Expr):
        return tree
    if isinstance(tree, exp.Placeholder | exp.Parameter):
        return parameter(tree.name or "1", params)
    if isinstance(tree, exp.Null):
        return None
    if isinstance(tree, exp.Boolean):
        return bool(tree.this)
    if isinstance(tree, exp.Literal):
        if tree.is_string:
            return str(tree.this)
        if tree.is_int and len(tree.this) < _SHORTER_THAN_HUGE:
            return int(tree.this)
    if isinstance(tree, exp.Interval):
        return interval_text(tree, params, call)
    if isinstance(tree, exp.Star) or tree.find(exp.Query) is not None:
        raise invalid(
            "an argument of a table function is a subquery",
            hint="put it before the function in FROM, and name its column",
        )
    used = {p.name: parameter(p.name, params) for p in tree.find_all(exp.Placeholder)}
    rows = query_arrow(f"SELECT {render(tree)} AS v", {}, used, call)
    return rows["v"][0].as_py()


def parameter(name: str, params: Mapping[str, object]) -> object:
    """Return the value of a parameter; QUERY_INVALID when it was not given."""
    if name not in params:
        given = ", ".join(f"${n}" for n in params) or "none"
        raise invalid(f"the parameter ${name} has no value", hint=f"given are: {given}")
    return params[name]


def interval_text(tree: exp.Interval, params: Mapping[str, object], call: Call) -> str:
    """Return an INTERVAL as text: as a timedelta a month would lose its meaning."""
    amount = "" if tree.this is None else str(constant(tree.this, params, call))
    unit = "" if tree.unit is None else str(tree.unit.name)
    return f"{amount} {unit}".strip()


def constant_text(tree: object) -> str:
    """Return an argument as it is shown in a plan: a text without its quotes, anything else as SQL."""
    if isinstance(tree, exp.Literal):
        return str(tree.this)
    return render(tree) if isinstance(tree, exp.Expr) else str(tree)

"""Find the largest parts of a statement that one engine can run whole, and let the engine prepare them.

A part is a query whose tables all lie in one store. It is handed over when the engine's own preparation says that it
would answer exactly as DuckDB; where it refuses, its subqueries are tried. A query that only filters one table is left
to its scan, which can take keys as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlglot import exp

from polyroute.engines import BoundSelect, Engine
from polyroute.engines.execution import translated
from polyroute.errors import PolyrouteError
from polyroute.router.catalog import Placement
from polyroute.router.federation.fragments import SelectFragment
from polyroute.router.federation.functions import aggregate_names
from polyroute.router.federation.plain import stand_for
from polyroute.router.federation.scopes import INPUT, cte_of
from polyroute.sql.dialect import render
from polyroute.sql.filters import Unsupported


@dataclass(frozen=True, slots=True)
class Home:
    """Where an input could be read by SQL: the placement, the dataset's name there, and its parts in the statement."""

    placement: Placement
    parts: tuple[str, ...]

    @property
    def store(self) -> object:
        """The identity of the file or server beneath."""
        return self.placement.engine.resource.key


@dataclass(frozen=True, slots=True)
class Subtree:
    """A query that was accepted: its fragment, the inputs that it takes with it, and the columns that it gives."""

    fragment: SelectFragment
    inputs: tuple[str, ...]
    columns: Mapping[str, str] | None


# the distinct rows of a table this small are had cheaply in any way, and keys may leave out more of them
_FEW_ROWS = 20_000

Homes = Mapping[str, tuple[Home, ...]]
Blocked = Callable[[str, str, str, str], bool]


def whole_statement(tree: exp.Query, homes: Homes, params: Mapping[str, object], blocked: Blocked) -> Subtree | None:
    """Return the statement as one fragment where one engine runs it all; several engines may be able to."""
    return _accepted(tree, homes, params, "__s0", blocked)


def push_subtrees(
    tree: exp.Query,
    homes: Homes,
    site: object,
    params: Mapping[str, object],
    blocked: Blocked,
    rows_of: Callable[[str], int],
) -> list[Subtree]:
    """Put inputs in the place of the largest queries that one engine runs whole; those at the site stay in place."""
    found: list[Subtree] = []
    _visit(tree, homes, site, params, found, blocked, rows_of)
    return found


def _visit(
    query: exp.Expr,
    homes: Homes,
    site: object,
    params: Mapping[str, object],
    found: list[Subtree],
    blocked: Blocked,
    rows_of: Callable[[str], int],
) -> None:
    names = _inputs_of(query)
    stores = _common_stores(names, homes)
    if not names:
        return
    if stores and site not in stores and _reduces(query, max(map(rows_of, names))) and query.parent is not None:
        accepted = _accepted(query, homes, params, f"__s{len(found)}", blocked)
        if accepted is not None:
            found.append(accepted)
            node = exp.to_table(accepted.fragment.name)
            node.meta[INPUT] = accepted.fragment.name
            query.replace(exp.select(exp.Star()).from_(node))
            return
    for child in list(_child_queries(query)):
        _visit(child, homes, site, params, found, blocked, rows_of)


def _common_stores(names: Sequence[str], homes: Homes) -> dict[object, Home]:
    """Return the stores that hold every input, each with a home in it."""
    common: dict[object, Home] | None = None
    for name in names:
        here = {home.store: home for home in homes.get(name, ())}
        common = here if common is None else {store: home for store, home in common.items() if store in here}
    return common or {}


def _inputs_of(query: exp.Expr) -> list[str]:
    tables = query.find_all(exp.Table)
    return list(dict.fromkeys(t.meta[INPUT] for t in tables if INPUT in t.meta))


def _child_queries(query: exp.Expr) -> Iterator[exp.Expr]:
    """Give the SELECTs and set operations right below a query."""
    for child in query.iter_expressions():
        if isinstance(child, (exp.Select, exp.SetOperation)):
            yield child
        else:
            yield from _child_queries(child)


def _reduces(query: exp.Expr, rows: int) -> bool:
    """Tell whether a query gives so much less than the scans beneath it that they need no keys; `rows` are theirs."""
    if not isinstance(query, exp.Select):
        return True
    if any(query.args.get(c) for c in ("group", "having", "limit", "joins", "with_", "qualify")):
        return True
    if query.args.get("distinct"):
        return rows > _FEW_ROWS
    calls = query.find_all(exp.AggFunc, exp.Anonymous)
    return any(isinstance(c, exp.AggFunc) or str(c.this).lower() in aggregate_names() for c in calls)


def _accepted(
    query: exp.Expr, homes: Homes, params: Mapping[str, object], name: str, blocked: Blocked
) -> Subtree | None:
    names = _inputs_of(query)
    stores = _common_stores(names, homes)
    if not stores or not _is_closed(query):
        return None
    copy = query.copy()
    datasets: list[str] = []
    for table in list(copy.find_all(exp.Table)):
        held = homes.get(table.meta.get(INPUT, ""))
        if held:
            stand_for(table, held[0].placement.dataset.name, held[0].parts)
            datasets.append(held[0].placement.dataset.name)
    op = BoundSelect(render(copy), tuple(dict.fromkeys(datasets)), params)
    engines = [home.placement.engine for home in stores.values()]
    shown = ", ".join(op.datasets)
    able = tuple(e.id for e in engines if not blocked(e.id, "select", shown, op.sql) and _prepares(e, op))
    return Subtree(SelectFragment(name, able, op.sql, op.datasets), tuple(names), _output(query)) if able else None


def _prepares(engine: Engine, op: BoundSelect) -> bool:
    try:
        with translated(engine):
            engine.negotiate_select(op)
    except (Unsupported, PolyrouteError):
        return False
    return True


def _is_closed(query: exp.Expr) -> bool:
    """Tell whether every common table expression that a query names is defined inside it."""
    inside = {id(node) for node in query.find_all(exp.CTE)}
    for table in query.find_all(exp.Table):
        if INPUT not in table.meta and isinstance(table.this, exp.Identifier) and id(cte_of(table)) not in inside:
            return False
    return True


def _output(query: exp.Expr) -> Mapping[str, str] | None:
    while isinstance(query, (exp.SetOperation, exp.Subquery)):
        query = query.this
    items: Sequence[exp.Expr] = query.expressions if isinstance(query, exp.Select) else ()
    if not items or any(not isinstance(i, (exp.Alias, exp.Column)) or i.is_star for i in items):
        return None
    names = [i.alias_or_name for i in items]
    folded = {n.lower(): n for n in names}
    return folded if len(folded) == len(names) else None

"""Check plans at run time: what a plan pushed, what the statement read, and whether a difference may count.

`verification` compares and judges; here a statement and its plan are put into its terms. A statement whose rows are not
decided by the data alone, such as one with a LIMIT, is still run both ways and answered in the plain form when they
differ, but nothing is held against its pushdowns.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Mapping, Sequence

from sqlglot import exp

from polyroute.errors import PolyrouteError, invalid
from polyroute.router.catalog import Catalog, Entry
from polyroute.router.federation.fragments import QueryPlan, ScanFragment, SelectFragment
from polyroute.router.federation.functions import FUNCTIONS
from polyroute.router.federation.statement import Statement
from polyroute.router.federation.verification import Pushdown, Quarantine
from polyroute.router.health import Finding
from polyroute.sql.dialect import parse_expression, parse_statement, render

# not decided by the data alone: ties, order of arrival, chance, the clock
_UNDECIDED_NODES = (
    exp.Limit,
    exp.Offset,
    exp.Fetch,
    exp.TableSample,
    exp.Rand,
    exp.Uuid,
    exp.CurrentTimestamp,
    exp.CurrentDate,
    exp.CurrentTime,
    exp.Window,
    exp.AnyValue,
    exp.First,
    exp.Last,
    exp.ArrayAgg,
    exp.GroupConcat,
    exp.ArgMax,
    exp.ArgMin,
)
_UNDECIDED_CALLS = frozenset(("list", "first", "last", "arbitrary", "any_value", "string_agg", "listagg", "nextval"))


class Checks:
    """Decides which statements are checked, and holds the quarantine of a connection.

    `rate` is the share of statements that are checked unasked, from 0 to 1.
    """

    def __init__(self, rate: float = 0.0, *, rng: Callable[[], float] = random.random) -> None:
        if not 0 <= rate <= 1:
            raise invalid(f"verify_rate is a share from 0 to 1, not {rate!r}", hint="0.01 checks one in a hundred")
        self.rate = rate
        self.quarantine = Quarantine()
        self._rng = rng

    def due(self) -> bool:
        """Tell whether the next statement is checked unasked."""
        return self.rate > 0 and self._rng() < self.rate


def quarantine_findings(quarantine: Quarantine) -> list[Finding]:
    """Return what a health report says of the pushdowns that are held."""
    advice = "the answers are right without it; report it as a bug of the adapter, with the plan"
    return [Finding(held.pushdown.engine, str(held), advice) for held in quarantine.report()]


def decided(statement: Statement) -> bool:
    """Tell whether the data alone decide the rows of a statement's answer."""
    tree = statement.tree
    if tree is None or tree.find(*_UNDECIDED_NODES) is not None:
        return False
    if any(isinstance(d.args.get("on"), exp.Expr) for d in tree.find_all(exp.Distinct)):
        return False
    return not any(str(call.this).lower() in _UNDECIDED_CALLS for call in tree.find_all(exp.Anonymous))


def pushdowns_of(plan: QueryPlan, catalog: Catalog) -> list[Pushdown]:
    """Return everything that a plan pushes, by engine, kind and dataset, without values."""
    found: list[Pushdown] = []
    for part in (*plan.parts, *(plan.site.in_place if plan.site else ())):
        if isinstance(part, ScanFragment):
            engine = catalog.resolve(part.dataset).primary.engine.id
            found.extend(Pushdown(engine, "filter", part.dataset, without_values(c)) for c in part.conditions)
            keys = {e.target.name for e in plan.edges if e.target.input == part.name}
            found.extend(Pushdown(engine, "keys", part.dataset, name) for name in sorted(keys))
        elif isinstance(part, SelectFragment):
            text = without_values(part.sql, "select")
            found.extend(Pushdown(e, "select", ", ".join(part.datasets), text) for e in part.engines)
    if plan.site is not None:
        found.append(Pushdown(plan.site.engine, "merge", "", ""))
    return found


def without_values(text: str, kind: str = "filter") -> str:
    """Return a condition, or a whole SELECT, with a question mark for every value."""
    return render(_blanked(parse_statement(text) if kind == "select" else parse_expression(text)))


def _blanked(tree: exp.Expr) -> exp.Expr:
    return tree.transform(lambda node: exp.Placeholder() if isinstance(node, (exp.Literal, exp.Placeholder)) else node)


def versions_of(statement: Statement, catalog: Catalog) -> Callable[[], Mapping[str, object]]:
    """Return a function that gives a token for all that a statement reads, which differs after a change."""
    return versions_of_datasets({".".join(parts) for parts in statement.names} | set(_called(statement)), catalog)


def versions_of_datasets(names: Collection[str], catalog: Catalog) -> Callable[[], Mapping[str, object]]:
    """Return a function that gives a token for the state of some datasets in all their placements."""
    entries = [entry for name in sorted(names) if (entry := _found(catalog, name)) is not None]

    def versions() -> Mapping[str, object]:
        return {
            f"{p.engine.id}.{e.name}": (p.engine.resource.epoch, p.engine.data_version(e.name))
            for e in entries
            for p in e.placements
        }

    return versions


def _found(catalog: Catalog, name: str) -> Entry | None:
    try:
        return catalog.find(name) or catalog.find(name.rpartition(".")[0])
    except PolyrouteError:
        return None


def _called(statement: Statement) -> Sequence[str]:
    given = [call.arguments.dataset for call in statement.calls if call.name in FUNCTIONS]
    return [str(node.this) for node in given if isinstance(node, exp.Literal)]


def order_of(statement: Statement) -> Sequence[int] | None:
    """Return the positions of the columns that orders the answer, or None when it is not ordered by columns."""
    tree = statement.tree
    order = None if tree is None else tree.args.get("order")
    if order is None or not isinstance(tree, exp.Select) or tree.find(exp.Star) is not None:
        return None
    names = [item.alias_or_name.lower() for item in tree.expressions]
    positions = []
    for item in order.expressions:
        key = item.this
        if isinstance(key, exp.Literal) and key.is_int:
            positions.append(int(key.name) - 1)
        elif isinstance(key, exp.Column) and not key.table and names.count(key.name.lower()) == 1:
            positions.append(names.index(key.name.lower()))
        else:
            return None
    return positions

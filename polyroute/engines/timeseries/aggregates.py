"""The aggregates of a time window: a SQL list such as 'avg(temp_f) AS temp_f, max(gust) - min(gust) AS spread'.

The text is parsed once; only aggregates on an allow-list and scalar SQL around and inside them pass. Those whose
answer depends on the order of the rows (first, last, list and the like) see them in the order of time, unless the text
says otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlglot import exp

from polyroute.errors import invalid, unknown_name
from polyroute.sql.dialect import parse_statement, render
from polyroute.sql.filters.allowed import check_allowed, clock
from polyroute.sql.filters.functions import FUNCTIONS
from polyroute.sql.filters.reference import resolve

if TYPE_CHECKING:
    import pyarrow as pa

_NAMES = """
    any_value approx_count_distinct approx_quantile arg_max arg_min array_agg avg bit_and bit_or bit_xor
    bool_and bool_or corr count count_if covar_pop covar_samp entropy favg first fsum geomean histogram
    kahan_sum kurtosis kurtosis_pop last list listagg mad max mean median min mode product quantile
    quantile_cont quantile_disc regr_avgx regr_avgy regr_count regr_intercept regr_r2 regr_slope regr_sxx
    regr_sxy regr_syy sem skewness stddev stddev_pop stddev_samp sum sumkahan var_pop var_samp variance
"""
AGGREGATES = frozenset(_NAMES.split())
_SYNONYMS = frozenset(("group_concat", "max_by", "min_by", "percentile_cont", "percentile_disc", "string_agg"))
_ORDERED = frozenset(("any_value", "arg_max", "arg_min", "array_agg", "first", "last", "list", "listagg", "mode"))
_WRAPPERS = (exp.Filter, exp.WithinGroup, exp.IgnoreNulls, exp.RespectNulls)


@dataclass(frozen=True, slots=True)
class Aggregates:
    """A list of aggregates, ready to be put into SQL.

    `calls` are the aggregate calls; `items` the answer's columns by name, as SQL over `agg0`, `agg1` and so on, the
    values of the calls; `columns` are what the calls read, as stored.
    """

    calls: tuple[str, ...]
    items: tuple[tuple[str, str], ...]
    columns: frozenset[str]


def parse_aggregates(text: str, schema: pa.Schema, order: str, taken: tuple[str, ...] = ()) -> Aggregates:
    """Parse a list of aggregates over the columns of a schema.

    `order` is the ORDER BY, as SQL, in which rows are read where that matters; `taken` are names that no aggregate may
    bear. Raises QUERY_INVALID, with the nearest names, for an unknown column or aggregate, for anything that is no
    aggregate, and for a name given twice.
    """
    select = parse_statement(f"SELECT\n{text}\n") if text.strip() else None
    if not isinstance(select, exp.Select) or {n for n, part in select.args.items() if part} - {"expressions", "kind"}:
        raise invalid(
            "the aggregates are not a list of SQL aggregates", hint="write 'avg(temp_f) AS temp_f, max(gust) AS gust'"
        )
    reader = _Reader(schema, order)
    items: dict[str, str] = {}
    held = {name.lower() for name in taken}
    for tree in select.expressions:
        name = tree.alias or tree.sql(dialect="duckdb", normalize_functions="lower", comments=False)
        if name.lower() in held:
            raise invalid(f"two columns of the answer are named {name!r}", hint="give one another name: ... AS name")
        held.add(name.lower())
        items[name] = reader.item(tree.unalias(), name)
    return Aggregates(tuple(reader.calls), tuple(items.items()), frozenset(reader.columns))


class _Reader:
    """Split the items of a list into aggregate calls and what is computed from them."""

    def __init__(self, schema: pa.Schema, order: str) -> None:
        self.schema = schema
        self.order = order
        self.calls: list[str] = []
        self.columns: set[str] = set()

    def item(self, tree: exp.Expr, name: str) -> str:
        before = len(self.calls)
        if isinstance(tree, exp.Star):
            raise invalid("'*' is no aggregate", hint="write count(*), or name columns: max(a), max(b)")
        for node in tree.walk():
            _refuse_foreign(node)
        rest = self._replaced(resolve(tree, self.schema))
        check_allowed(rest)
        stray = next((c.name for c in rest.find_all(exp.Column) if not c.args.get("ours")), None)
        if stray is not None:
            raise invalid(
                f"column {stray!r} stands outside an aggregate", hint=f"write for instance max({stray}), or use by"
            )
        if len(self.calls) == before:
            raise invalid(f"{name!r} is no aggregate", hint="write for instance count(*) or max(column)")
        return render(rest)

    def _replaced(self, tree: exp.Expr) -> exp.Expr:
        """Copy a tree with a column in the place of every aggregate."""
        if _is_aggregate(tree):
            return self._called(tree)
        copy = tree.copy()
        for child in list(copy.iter_expressions()):
            child.replace(self._replaced(child))
        return copy

    def _called(self, tree: exp.Expr) -> exp.Expr:
        condition = tree.args["expression"].this if isinstance(tree, exp.Filter) else None
        call = tree.this if isinstance(tree, exp.Filter) else tree
        text = render(call)
        name = text.partition("(")[0].lower()
        if name not in AGGREGATES:
            raise unknown_name("aggregate", name, sorted(AGGREGATES | _SYNONYMS))
        for part in _arguments(call):
            if any(_is_aggregate(node) for node in part.walk()):
                raise invalid(f"an aggregate stands inside {name}", hint="aggregate once, and use sql() for the rest")
            check_allowed(part)
        self.columns.update(column.name for column in tree.find_all(exp.Column))
        if name in _ORDERED and call.find(exp.Order) is None:
            order = _distinct(call) or self.order
            text = f"{text[:-1]} ORDER BY {order})"
        if condition is not None:
            check_allowed(condition)
            text += f" FILTER (WHERE {render(condition)})"
        self.calls.append(text)
        column = exp.column(exp.to_identifier(f"agg{len(self.calls) - 1}", quoted=True))
        column.set("ours", True)
        return column


def _refuse_foreign(node: exp.Expr) -> None:
    """Refuse what neither an aggregate nor scalar SQL may hold, in words that fit the place."""
    if isinstance(node, exp.Placeholder | exp.Parameter):
        raise invalid("aggregates take no parameters", hint="write the value itself")
    what = (
        "a window function" if isinstance(node, exp.Window) else "a subquery" if isinstance(node, exp.Query) else None
    )
    if what is not None or clock(node) is not None:
        raise invalid(f"{what or 'the clock'} cannot stand among aggregates", hint="use sql() for what they cannot say")
    if isinstance(node, exp.Anonymous) and not _is_aggregate(node) and node.name.lower() not in FUNCTIONS:
        raise unknown_name("aggregate or function", node.name.lower(), sorted(AGGREGATES | _SYNONYMS | FUNCTIONS))


def _is_aggregate(node: exp.Expr) -> bool:
    if isinstance(node, _WRAPPERS):
        return _is_aggregate(node.this)
    named = isinstance(node, exp.Anonymous) and node.name.lower() in AGGREGATES | _SYNONYMS
    return isinstance(node, exp.AggFunc) or named


def _arguments(call: exp.Expr) -> list[exp.Expr]:
    """Return the scalar expressions that an aggregate reads."""
    found: list[exp.Expr] = []
    for part in call.iter_expressions():
        if isinstance(part, exp.Star) and isinstance(call, exp.Count):
            continue
        inside = isinstance(call, _WRAPPERS) and part is call.this
        found += _arguments(part) if inside or isinstance(part, exp.Distinct | exp.Order | exp.Ordered) else [part]
    return found


def _distinct(call: exp.Expr) -> str | None:
    """Return the order of an aggregate over distinct values, which can only be that of the values."""
    distinct = call.find(exp.Distinct)
    return None if distinct is None else ", ".join(render(e) for e in distinct.expressions)

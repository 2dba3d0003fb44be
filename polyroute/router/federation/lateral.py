"""Table functions whose arguments come from the tables before them in FROM: lateral calls.

The tables are asked first for the distinct sets of arguments; the function is then called for them, all at once where
its operation takes a list, and the arguments stand beside its rows as `__a0`, `__a1`, ..., on which the residual joins
them back. Arguments of rows that do not take part in the end only cost time: the distinct sets may be too many, never
too few.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
from sqlglot import exp

from polyroute.engines import Call
from polyroute.errors import invalid
from polyroute.operations import GraphNeighbors, Operation
from polyroute.router.federation.functions import FUNCTIONS, function_operation, without_rows
from polyroute.router.federation.statement import FunctionCall

# of these a NULL means that there is nothing to look for
_STARTS = ("query", "start", "goal", "cypher")

Fetch = Callable[[Operation], pa.Table]


@dataclass(frozen=True, slots=True)
class LateralCall:
    """A call bound but for its lateral arguments: their names, the values of the others, the columns where known."""

    name: str
    dataset: object
    arguments: Sequence[str]
    constants: Mapping[str, object]
    params: Mapping[str, object]
    schema: pa.Schema | None


def operation_of(
    name: str, dataset: object, values: Mapping[str, object], params: Mapping[str, object]
) -> Operation | None:
    """Return the operation of a call, or None where a NULL start or goal means that there are no rows."""
    if FUNCTIONS[name].missing_ok and any(values.get(n, 0) is None for n in ("start", "goal")):
        return None
    return function_operation(name, dataset, values, params)


def fetch_lateral(item: LateralCall, distinct: pa.Table, fetch: Fetch, call: Call) -> pa.Table:
    """Run a lateral call for every distinct set of arguments; they stand beside its columns."""
    if item.name == "graph_neighbors" and list(item.arguments) == ["start"]:
        return _neighbors_of_all(item, distinct, fetch)
    answers = []
    for row in distinct.to_pylist():
        call.check()
        values = dict(zip(item.arguments, row.values(), strict=True))
        if any(values.get(n, 0) is None for n in _STARTS):
            continue
        operation = operation_of(item.name, item.dataset, {**item.constants, **values}, item.params)
        if operation is not None:
            answers.append(_beside(fetch(operation), distinct, row))
    if answers:
        return pa.concat_tables(answers, promote_options="default")
    if item.schema is not None:
        hidden = [pa.field(f"__a{i}", f.type) for i, f in enumerate(distinct.schema)]
        return without_rows(pa.schema([*item.schema, *hidden]))
    raise invalid(
        f"{item.name} was given no arguments to run with, so its columns are not known",
        hint="the tables before it in FROM gave no rows with all arguments; check them first",
    )


def _neighbors_of_all(item: LateralCall, distinct: pa.Table, fetch: Fetch) -> pa.Table:
    starts = distinct.column(0).drop_null().to_pylist()
    operation = function_operation(item.name, item.dataset, {**item.constants, "start": starts}, item.params)
    assert isinstance(operation, GraphNeighbors)  # noqa: S101 - the operation of its name
    answer = fetch(operation)
    return answer.append_column("__a0", answer["start"])


def _beside(answer: pa.Table, distinct: pa.Table, row: Mapping[str, object]) -> pa.Table:
    for position, value in enumerate(row.values()):
        field = distinct.schema.field(position)
        answer = answer.append_column(
            pa.field(f"__a{position}", field.type), pa.array([value] * answer.num_rows, field.type)
        )
    return answer


def lateral_arguments(call: FunctionCall) -> dict[str, exp.Expr]:
    """Return the arguments of a call that refer to tables before it."""
    named = call.arguments.named.items()
    return {n: a for n, a in named if isinstance(a, exp.Expr) and a.find(exp.Column) is not None}


def joined_back(name: str, arguments: Sequence[exp.Expr]) -> exp.Subquery:
    """Return what stands in FROM for a lateral call: its rows whose arguments are those of the row before them."""
    hidden = [f"__a{i}" for i in range(len(arguments))]
    same = [
        exp.NullSafeEQ(this=exp.column(h, name), expression=a.copy()) for h, a in zip(hidden, arguments, strict=True)
    ]
    star = exp.Star(except_=[exp.to_identifier(h) for h in hidden])
    return exp.Subquery(this=exp.select(star).from_(name).where(exp.and_(*same)))


def replace_call(node: exp.Expr, by: exp.Expr) -> None:
    """Put an input where a table function stands; without an alias it is called like the function."""
    alias = node.args.get("alias")
    if alias is None:
        called = node.this.this if isinstance(node.this, exp.Anonymous) else "f"
        alias = exp.TableAlias(this=exp.to_identifier(str(called)))
    by.set("alias", alias.copy())
    node.replace(by)


def distinct_arguments(node: exp.Expr, arguments: list[exp.Expr]) -> exp.Select:
    """Return SELECT DISTINCT of the arguments over the tables that stand before the function in its FROM."""
    select = node.find_ancestor(exp.Select)
    from_ = None if select is None else select.args.get("from_")
    if select is None or from_ is None or from_.this is node:
        raise invalid(
            "a table function refers to a column, but no table stands before it in FROM",
            hint="write FROM a, graph_neighbors('g', a.column)",
        )
    columns = [exp.alias_(a.copy(), f"__a{i}") for i, a in enumerate(arguments)]
    distinct = exp.Select(expressions=columns, distinct=exp.Distinct(), from_=from_.copy())
    before = []
    for join in select.args.get("joins") or []:
        if join.this is node or node in join.this.walk():
            break
        before.append(join.copy())
    distinct.set("joins", before)
    with_ = _visible_ctes(select)
    if with_:
        recursive = any(w.args.get("recursive") for w in _withs_around(select))
        distinct.set("with_", exp.With(expressions=with_, recursive=recursive))
    return distinct


def _withs_around(node: exp.Expr | None) -> Iterator[exp.With]:
    while node is not None:
        with_ = node.args.get("with_")
        if isinstance(with_, exp.With):
            yield with_
        node = node.parent


def _visible_ctes(select: exp.Expr) -> list[exp.Expr]:
    """Return copies of the common table expressions that a SELECT sees, the outermost first: of a WITH that it stands
    in, those before its own.
    """
    found: list[exp.Expr] = []
    node: exp.Expr | None = select
    own: exp.Expr | None = None
    while node is not None:
        with_ = node.args.get("with_")
        if isinstance(with_, exp.With):
            seen: list[exp.Expr] = []
            for cte in with_.expressions:
                if cte is own:
                    break
                seen.append(cte.copy())
            found = seen + found
        own = node if isinstance(node, exp.CTE) else own
        node = node.parent
    return found

"""The plain form of a cross-engine query: every dataset and every table function fetched through lane A as Arrow, the
rest run by DuckDB.

It moves more than it needs, and it is right: this is the oracle that a cleverer planner is compared with. A statement
without table functions and qualified names runs as it was written; otherwise its tree is changed only where a name
stands for an input. Table functions whose arguments refer to tables before them are run once per distinct set of
arguments, found by asking those tables first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pyarrow as pa
from sqlglot import exp

from polyroute.engines import Call
from polyroute.engines.resources.scratch import query_arrow
from polyroute.errors import invalid
from polyroute.operations import GraphNeighbors, Operation
from polyroute.router.catalog import Catalog
from polyroute.router.federation.functions import FUNCTIONS, function_operation
from polyroute.router.federation.inputs import ScanInput, SystemInput, constant, resolve_table
from polyroute.router.federation.statement import FunctionCall, Statement
from polyroute.sql.dialect import render

Fetch = Callable[[str, Operation], pa.Table]


@dataclass(slots=True)
class CallInput:
    """A table function with constant arguments; it has no operation, and no rows, where its start or goal is NULL."""

    name: str
    function: str
    operation: Operation | None


@dataclass(slots=True)
class LateralInput:
    """A table function whose arguments come from the tables before it: `arguments` are the trees, `distinct` asks for
    their values.
    """

    name: str
    call: FunctionCall
    arguments: dict[str, exp.Expr]
    constants: dict[str, object]
    distinct: exp.Select


@dataclass(slots=True)
class PlainPlan:
    """The residual SQL and the inputs that it reads, in the order in which they are fetched."""

    residual: str
    inputs: list[ScanInput | SystemInput | CallInput | LateralInput] = field(default_factory=list)


class PlainPlanner:
    """Makes plain plans from statements."""

    def __init__(self, catalog: Catalog, engines: list[str], params: Mapping[str, object], call: Call) -> None:
        self._catalog = catalog
        self._engines = engines
        self._params = params
        self._call = call

    def plan(self, statement: Statement) -> PlainPlan:
        """Return the plan; QUERY_INVALID for unknown names and wrong arguments."""
        if statement.tree is None:
            return self._as_written(statement)
        plain = all(len(parts) == 1 for parts in statement.names) and not _differ_in_case(statement)
        return self._as_written(statement) if plain and not statement.calls else self._renamed(statement)

    def _as_written(self, statement: Statement) -> PlainPlan:
        """Register every dataset under the name that the statement gives it."""
        if any(len(parts) > 1 for parts in statement.names):
            raise invalid(
                "this statement can only be parsed by DuckDB, and it names a dataset with its engine or graph",
                hint="use bare dataset names, or write it in another way",
            )
        if _differ_in_case(statement):
            raise invalid(
                "this statement can only be parsed by DuckDB, and it spells a dataset in two ways",
                hint="write upper and lower case in one way",
            )
        inputs = []
        for (name,) in sorted(statement.names):
            inputs.append(resolve_table((name,), name, self._catalog, self._engines))
        return PlainPlan(statement.text, list(inputs))

    def _renamed(self, statement: Statement) -> PlainPlan:
        """Give every input a name of its own and change the tree where it is named."""
        assert statement.tree is not None  # noqa: S101 - only parsed statements have calls or qualified names here
        plan = PlainPlan("")
        seen: dict[tuple[str, ...], str] = {}
        for reference in statement.tables:
            name = seen.get(reference.parts)
            if name is None:
                name = seen[reference.parts] = f"__t{len(seen)}"
                plan.inputs.append(resolve_table(reference.parts, name, self._catalog, self._engines))
            _stand_for(reference.node, name, reference.parts)
        for number, call in enumerate(statement.calls):
            plan.inputs.append(self._call_input(call, f"__f{number}"))
        plan.residual = render(statement.tree)
        return plan

    def _call_input(self, call: FunctionCall, name: str) -> CallInput | LateralInput:
        dataset = constant(call.arguments.dataset, self._params, self._call)
        if call.lateral:
            return self._lateral_input(call, name)
        values = {n: self._value(n, a) for n, a in call.arguments.named.items()}
        _replace(call.node, exp.to_table(name))
        return CallInput(name, call.name, operation_of(call.name, dataset, values, self._params))

    def _value(self, name: str, argument: object) -> object:
        return constant(argument, self._params, self._call)

    def _lateral_input(self, call: FunctionCall, name: str) -> LateralInput:
        arguments = {n: a for n, a in call.arguments.named.items() if isinstance(a, exp.Expr) and a.find(exp.Column)}
        constants = {n: self._value(n, a) for n, a in call.arguments.named.items() if n not in arguments}
        constants["dataset"] = constant(call.arguments.dataset, self._params, self._call)
        distinct = _distinct_arguments(call.node, list(arguments.values()))
        hidden = [f"__a{i}" for i in range(len(arguments))]
        same = [
            exp.NullSafeEQ(this=exp.column(h, name), expression=a.copy())
            for h, a in zip(hidden, arguments.values(), strict=True)
        ]
        body = exp.select(exp.Star(except_=[exp.to_identifier(h) for h in hidden])).from_(name).where(exp.and_(*same))
        _replace(call.node, exp.Subquery(this=body))
        return LateralInput(name, call, arguments, constants, distinct)


def _differ_in_case(statement: Statement) -> bool:
    """Tell whether two names differ only in case: to DuckDB they are one, in the catalog they may be two datasets."""
    return len({tuple(p.lower() for p in parts) for parts in statement.names}) < len(statement.names)


def operation_of(
    name: str, dataset: object, values: Mapping[str, object], params: Mapping[str, object]
) -> Operation | None:
    """Return the operation of a call, or None where a NULL start or goal means that there are no rows."""
    if FUNCTIONS[name].missing_ok and any(values.get(n, 0) is None for n in ("start", "goal")):
        return None
    return function_operation(name, dataset, values, params)


def fetch_lateral(
    item: LateralInput, tables: Mapping[str, pa.Table], params: Mapping[str, object], fetch: Fetch, call: Call
) -> pa.Table:
    """Run a lateral call for every distinct set of arguments; the arguments stand beside its columns as `__a0`, `__a1`
    ...
    """
    used = {p.name: params[p.name] for p in item.distinct.find_all(exp.Placeholder) if p.name in params}
    distinct = query_arrow(render(item.distinct), tables, used, call)
    names = list(item.arguments)
    dataset = item.constants["dataset"]
    constants = {n: v for n, v in item.constants.items() if n != "dataset"}
    if item.call.name == "graph_neighbors" and names == ["start"]:
        return _neighbors_of_all(distinct, dataset, constants, params, fetch, item)
    answers = []
    for row in distinct.to_pylist():
        call.check()
        values = dict(zip(names, row.values(), strict=True))
        operation = operation_of(item.call.name, dataset, {**constants, **values}, params)
        if operation is not None:
            answers.append(_beside(fetch(item.name, operation), distinct, row))
    if answers:
        return pa.concat_tables(answers, promote_options="default")
    return _nothing(item, distinct, dataset, constants, params, fetch)


def _neighbors_of_all(
    distinct: pa.Table,
    dataset: object,
    constants: Mapping[str, object],
    params: Mapping[str, object],
    fetch: Fetch,
    item: LateralInput,
) -> pa.Table:
    starts = distinct.column(0).drop_null().to_pylist()
    operation = function_operation(item.call.name, dataset, {**constants, "start": starts}, params)
    assert isinstance(operation, GraphNeighbors)  # noqa: S101 - the operation of its name
    answer = fetch(item.name, operation)
    return answer.append_column("__a0", answer["start"])


def _nothing(
    item: LateralInput,
    distinct: pa.Table,
    dataset: object,
    constants: Mapping[str, object],
    params: Mapping[str, object],
    fetch: Fetch,
) -> pa.Table:
    """Return the empty answer with its columns: those of a search from no start, or of the dataset."""
    if "start" in item.arguments and item.call.name == "graph_neighbors":
        return _neighbors_of_all(distinct.slice(0, 0), dataset, constants, params, fetch, item)
    raise invalid(
        f"{item.call.name} was given no arguments to run with, so its columns are not known",
        hint="the tables before it in FROM gave no rows with all arguments; check them first",
    )


def _beside(answer: pa.Table, distinct: pa.Table, row: Mapping[str, object]) -> pa.Table:
    for position, value in enumerate(row.values()):
        field = distinct.schema.field(position)
        answer = answer.append_column(
            pa.field(f"__a{position}", field.type), pa.array([value] * answer.num_rows, field.type)
        )
    return answer


def _stand_for(node: exp.Table, name: str, parts: tuple[str, ...]) -> None:
    """Let a table node name an input; what the statement calls it stays its alias."""
    if not node.alias:
        node.set("alias", exp.TableAlias(this=exp.to_identifier(parts[-1], quoted=True)))
    scope = node.find_ancestor(exp.Select)
    if scope is not None and len(parts) > 1:
        for column in scope.find_all(exp.Column):
            if column.args.get("db") is not None and column.text("db") == parts[-2] and column.table == parts[-1]:
                column.set("db", None)
                column.set("catalog", None)
    node.set("this", exp.to_identifier(name, quoted=True))
    node.set("db", None)
    node.set("catalog", None)


def _replace(node: exp.Expr, by: exp.Expr) -> None:
    """Put an input where a table function stands; without an alias it is called like the function."""
    alias = node.args.get("alias")
    if alias is None:
        called = node.this.this if isinstance(node.this, exp.Anonymous) else "f"
        alias = exp.TableAlias(this=exp.to_identifier(str(called)))
    by.set("alias", alias.copy())
    node.replace(by)


def _distinct_arguments(node: exp.Expr, arguments: list[exp.Expr]) -> exp.Select:
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
        distinct.set("with_", exp.With(expressions=with_))
    return distinct


def _visible_ctes(select: exp.Expr) -> list[exp.Expr]:
    """Return copies of the common table expressions that a SELECT sees, the outermost first."""
    found: list[exp.Expr] = []
    node: exp.Expr | None = select
    while node is not None:
        with_ = node.args.get("with_")
        if isinstance(with_, exp.With):
            found = [c.copy() for c in with_.expressions if select not in c.walk()] + found
        node = node.parent
    return found

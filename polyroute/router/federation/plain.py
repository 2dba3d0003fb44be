"""The plain form of a cross-engine query: every dataset and every table function fetched through lane A as Arrow, the
rest run by DuckDB.

It moves more than it needs, and it is right: this is the oracle that a cleverer planner is compared with. A statement
without table functions and qualified names runs as it was written; otherwise its tree is changed only where a name
stands for an input. Table functions whose arguments refer to tables before them are run once per distinct set of
arguments, found by asking those tables first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlglot import exp

from polyroute.engines import Call
from polyroute.errors import invalid
from polyroute.operations import Operation
from polyroute.router.catalog import Catalog
from polyroute.router.federation.inputs import ScanInput, SystemInput, constant, resolve_table
from polyroute.router.federation.lateral import (
    distinct_arguments,
    joined_back,
    lateral_arguments,
    operation_of,
    replace_call,
)
from polyroute.router.federation.statement import FunctionCall, Statement
from polyroute.sql.dialect import render


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
            stand_for(reference.node, name, reference.parts)
        for number, call in enumerate(statement.calls):
            plan.inputs.append(self._call_input(call, f"__f{number}"))
        plan.residual = render(statement.tree)
        return plan

    def _call_input(self, call: FunctionCall, name: str) -> CallInput | LateralInput:
        dataset = constant(call.arguments.dataset, self._params, self._call)
        if call.lateral:
            return self._lateral_input(call, name)
        values = {n: self._value(n, a) for n, a in call.arguments.named.items()}
        replace_call(call.node, exp.to_table(name))
        return CallInput(name, call.name, operation_of(call.name, dataset, values, self._params))

    def _value(self, name: str, argument: object) -> object:
        return constant(argument, self._params, self._call)

    def _lateral_input(self, call: FunctionCall, name: str) -> LateralInput:
        arguments = lateral_arguments(call)
        constants = {n: self._value(n, a) for n, a in call.arguments.named.items() if n not in arguments}
        constants["dataset"] = constant(call.arguments.dataset, self._params, self._call)
        distinct = distinct_arguments(call.node, list(arguments.values()))
        replace_call(call.node, joined_back(name, list(arguments.values())))
        return LateralInput(name, call, arguments, constants, distinct)


def _differ_in_case(statement: Statement) -> bool:
    """Tell whether two names differ only in case: to DuckDB they are one, in the catalog they may be two datasets."""
    return len({tuple(p.lower() for p in parts) for parts in statement.names}) < len(statement.names)


def stand_for(node: exp.Table, name: str, parts: tuple[str, ...]) -> None:
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

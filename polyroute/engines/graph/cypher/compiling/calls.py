"""Compile calls: functions of values, and aggregates, whose results are put into the row of their group."""

from __future__ import annotations

from polyroute.engines.graph.cypher import tree
from polyroute.engines.graph.cypher.aggregates import AGGREGATES, Aggregate, Distinct
from polyroute.engines.graph.cypher.compiling.compiler import Compiler, article, compiles
from polyroute.engines.graph.cypher.compiling.scope import Compiled, Evaluate, Row
from polyroute.engines.graph.cypher.functions import FUNCTIONS, Function
from polyroute.engines.graph.cypher.temporal import convert, from_python
from polyroute.engines.graph.cypher.values import Value
from polyroute.errors import unknown_name

_CLOCKS = ("date", "time", "localtime", "datetime", "localdatetime")


class AggregateCall:
    """An aggregate of a projection: `slot` is where its result stands in the row of a group."""

    def __init__(self, slot: str, call: tree.Call, arguments: list[Evaluate]) -> None:
        self.slot = slot
        self.arguments = arguments
        self._call = call

    def start(self) -> Aggregate:
        """Return the aggregate of a new group."""
        made = AGGREGATES[self._call.name][0](self._call.name)
        return Distinct(made) if self._call.distinct else made


def holds_aggregate(expression: tree.Expression) -> bool:
    """Tell whether an expression holds an aggregate, at any depth.

    >>> holds_aggregate(tree.Call("count", (), star=True))
    True
    """
    return any(isinstance(item, tree.Call) and item.name in AGGREGATES for item in tree.walk(expression))


@compiles(tree.Call)
def compile_call(compiler: Compiler, call: tree.Call) -> Compiled:
    """Compile a function or an aggregate; an unknown name is refused, naming the nearest."""
    if call.name in AGGREGATES:
        return _aggregate(compiler, call)
    if call.name in _CLOCKS and not call.arguments:
        now = convert(call.name, from_python(compiler.run.now))
        return Compiled(lambda row: now, "temporal")
    function = FUNCTIONS.get(call.name)
    if function is None:
        raise unknown_name("openCypher function", call.name, sorted({*FUNCTIONS, *AGGREGATES}))
    if call.distinct or not function.low <= len(call.arguments) <= function.high:
        wanted = f"{function.low}" if function.low == function.high else f"{function.low} to {function.high}"
        compiler.run.fail(call.at, f"{call.name}() takes {wanted} arguments, without DISTINCT")
    arguments = [compiler.compile(argument, as_condition=call.name == "exists") for argument in call.arguments]
    if function.takes and not _fits(arguments[0].kind, function.takes):
        compiler.run.fail(call.at, f"{call.name}() does not take {article(arguments[0].kind)}")
    return Compiled(_code(function, [argument.run for argument in arguments]), function.gives)


def _fits(kind: str, wanted: tuple[str, ...]) -> bool:
    return kind in (*wanted, "any", "null") or (kind == "relationships" and "list" in wanted)


def _code(function: Function, arguments: list[Evaluate]) -> Evaluate:
    run = function.run
    if len(arguments) == 1 and not function.keeps_null:
        only = arguments[0]

        def call_one(row: Row) -> Value:
            value = only(row)
            return None if value is None else run(value)

        return call_one

    def call(row: Row) -> Value:
        values = [argument(row) for argument in arguments]
        if not function.keeps_null and any(value is None for value in values):
            return None
        return run(*values)

    return call


def _aggregate(compiler: Compiler, call: tree.Call) -> Compiled:
    _, wanted, kind = AGGREGATES[call.name]
    if compiler.calls is None or compiler.rows is None:
        compiler.run.fail(
            call.at,
            f"the aggregate {call.name}() has no place here",
            hint="aggregate in WITH or RETURN, once; filter on the result in a WHERE behind WITH",
        )
    if not call.star and len(call.arguments) != wanted:
        compiler.run.fail(call.at, f"{call.name}() takes {wanted} argument{'s' if wanted > 1 else ''}")
    if any(isinstance(item, tree.Call) and item.name == "rand" for item in tree.walk(call)):
        compiler.run.fail(call.at, "rand() has no place in an aggregate", hint="draw the number in a WITH before")
    within = Compiler(compiler.run, compiler.rows)
    arguments = [within.value(argument) for argument in call.arguments]
    made = AggregateCall(compiler.run.hidden_name(), call, arguments)
    compiler.calls.append(made)
    slot = made.slot
    return Compiled(lambda row: row[slot], kind)

"""Compile what walks over a list with a variable of its own: comprehensions, quantifiers, reduce."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from polyroute.engines.graph.cypher import tree
from polyroute.engines.graph.cypher.compiling.compiler import Compiler, article, compiles, place_of
from polyroute.engines.graph.cypher.compiling.scope import Compiled, Evaluate, Row
from polyroute.engines.graph.cypher.operators import type_error
from polyroute.engines.graph.cypher.values import Value, type_name

_LISTS = ("list", "relationships", "null", "any")


@compiles(tree.ListComprehension)
def compile_comprehension(compiler: Compiler, expression: tree.ListComprehension) -> Compiled:
    """Compile [variable IN source WHERE condition | result]."""
    name, source = expression.variable, _source(compiler, expression.source)
    within = _within(compiler, name)
    condition = within.condition(expression.condition) if expression.condition else None
    result = within.value(expression.result) if expression.result else None
    tick = compiler.run.tick

    def evaluate(row: Row) -> Value:
        items = source(row)
        if items is None:
            return None
        inner, found = dict(row), []
        for item in items:
            tick()
            inner[name] = item
            if condition is None or condition(inner) is True:
                found.append(item if result is None else result(inner))
        return found

    return Compiled(evaluate, "list")


@compiles(tree.Quantifier)
def compile_quantifier(compiler: Compiler, expression: tree.Quantifier) -> Compiled:
    """Compile all, any, none or single (variable IN source WHERE condition); null where nulls leave it open."""
    source = _source(compiler, expression.source)
    condition = _within(compiler, expression.variable).condition(expression.condition)
    decide = {"all": _all, "any": _any, "none": _none, "single": _single}[expression.name]
    name = expression.variable

    def evaluate(row: Row) -> Value:
        items = source(row)
        return None if items is None else decide(_answers(items, condition, name, row))

    return Compiled(evaluate, "boolean")


@compiles(tree.Reduce)
def compile_reduce(compiler: Compiler, expression: tree.Reduce) -> Compiled:
    """Compile reduce(accumulator = start, variable IN source | result)."""
    source, start = _source(compiler, expression.source), compiler.value(expression.start)
    result = _within(compiler, expression.accumulator, expression.variable).value(expression.result)
    accumulator, name = expression.accumulator, expression.variable
    tick = compiler.run.tick

    def evaluate(row: Row) -> Value:
        items = source(row)
        if items is None:
            return None
        inner = {**row, accumulator: start(row)}
        for item in items:
            tick()
            inner[name] = item
            inner[accumulator] = result(inner)
        return inner[accumulator]

    return Compiled(evaluate, "any")


def _within(compiler: Compiler, *names: str) -> Compiler:
    """Return a compiler for what runs once per item: the items are no rows, so there are no aggregates in it."""
    return Compiler(compiler.run, compiler.scope.adding(dict.fromkeys(names, "any")))


def _source(compiler: Compiler, expression: tree.Expression) -> Callable[[Row], list[Value] | None]:
    """Compile the list to walk over; what is no list is refused."""
    compiled = compiler.compile(expression)
    if compiled.kind not in _LISTS:
        compiler.run.fail(place_of(expression), f"IN walks over a list, not over {article(compiled.kind)}")
    evaluate = compiled.run

    def source(row: Row) -> list[Value] | None:
        items = evaluate(row)
        if items is None or isinstance(items, list):
            return items
        raise type_error(f"IN walks over a list, not over {type_name(items)}")

    return source


def _answers(items: list[Value], condition: Evaluate, name: str, row: Row) -> Iterator[Value]:
    inner = dict(row)
    for item in items:
        inner[name] = item
        yield condition(inner)


def _all(answers: Iterator[Value]) -> bool | None:
    unknown = False
    for answer in answers:
        if answer is False:
            return False
        unknown = unknown or answer is None
    return None if unknown else True


def _any(answers: Iterator[Value]) -> bool | None:
    unknown = False
    for answer in answers:
        if answer is True:
            return True
        unknown = unknown or answer is None
    return None if unknown else False


def _none(answers: Iterator[Value]) -> bool | None:
    found = _any(answers)
    return None if found is None else not found


def _single(answers: Iterator[Value]) -> bool | None:
    count, unknown = 0, False
    for answer in answers:
        count += answer is True
        unknown = unknown or answer is None
        if count > 1:
            return False
    return None if unknown else count == 1

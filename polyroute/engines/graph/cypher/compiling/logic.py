"""Compile logic, comparisons, arithmetic and CASE."""

from __future__ import annotations

from collections.abc import Callable

from polyroute.engines.graph.cypher import operators, tree
from polyroute.engines.graph.cypher.compiling.compiler import Compiler, article, compiles
from polyroute.engines.graph.cypher.compiling.scope import Compiled, Evaluate, Row
from polyroute.engines.graph.cypher.values import Value, equals

_BINARY: dict[str, tuple[Callable[[Value, Value], Value], str]] = {
    "+": (operators.add, "any"),
    "-": (operators.subtract, "any"),
    "*": (operators.multiply, "any"),
    "/": (operators.divide, "any"),
    "%": (operators.remainder, "any"),
    "^": (operators.power, "float"),
    "STARTS WITH": (operators.starts_with, "boolean"),
    "ENDS WITH": (operators.ends_with, "boolean"),
    "CONTAINS": (operators.contains, "boolean"),
    "=~": (operators.matches, "boolean"),
    "IN": (operators.contained, "boolean"),
}
_LOGIC = ("AND", "OR", "XOR")
_LISTS = ("list", "relationships")
_NOT_NUMBERS = ("boolean", "node", "relationship", "path", "map")


@compiles(tree.Unary)
def compile_unary(compiler: Compiler, expression: tree.Unary) -> Compiled:
    """Compile NOT, IS NULL, IS NOT NULL and signs."""
    if expression.operator == "NOT":
        condition = compiler.condition(expression.operand, "what NOT turns round")
        return Compiled(lambda row: operators.negate(condition(row)), "boolean")
    operand = compiler.value(expression.operand)
    if expression.operator == "IS NULL":
        return Compiled(lambda row: operand(row) is None, "boolean")
    if expression.operator == "IS NOT NULL":
        return Compiled(lambda row: operand(row) is not None, "boolean")
    turn = operators.minus if expression.operator == "-" else operators.plus
    return Compiled(lambda row: turn(operand(row)), "any")


@compiles(tree.Binary)
def compile_binary(compiler: Compiler, expression: tree.Binary) -> Compiled:
    """Compile an operator between two operands."""
    operator = expression.operator
    if operator in _LOGIC:
        what = f"each side of {operator}"
        left, right = compiler.condition(expression.left, what), compiler.condition(expression.right, what)
        return Compiled(_logic(operator, left, right), "boolean")
    first, second = compiler.compile(expression.left), compiler.compile(expression.right)
    if operator == "IN" and second.kind not in (*_LISTS, "null", "any"):
        compiler.run.fail(expression.at, f"IN looks into a list, not into {article(second.kind)}")
    compute, kind = _BINARY[operator]
    lists = first.kind in _LISTS or second.kind in _LISTS
    wrong = next((side.kind for side in (first, second) if side.kind in _NOT_NUMBERS), None)
    if wrong and kind != "boolean" and not (operator == "+" and lists):
        compiler.run.fail(expression.at, f"{operator} does not take {article(wrong)}")
    left, right = first.run, second.run
    return Compiled(lambda row: compute(left(row), right(row)), "list" if operator == "+" and lists else kind)


def _logic(operator: str, left: Evaluate, right: Evaluate) -> Evaluate:
    """Combine conditions; AND and OR look at the right side only where the left leaves the answer open."""
    if operator == "XOR":
        return lambda row: operators.exclusive(left(row), right(row))
    decides = operator == "OR"

    def evaluate(row: Row) -> Value:
        first = left(row)
        if first is decides:
            return decides
        second = right(row)
        if second is decides:
            return decides
        return None if first is None or second is None else not decides

    return evaluate


@compiles(tree.Comparison)
def compile_comparison(compiler: Compiler, expression: tree.Comparison) -> Compiled:
    """Compile a chain of comparisons."""
    operands = [compiler.value(operand) for operand in expression.operands]
    compares = [operators.COMPARISONS[operator] for operator in expression.operators]
    if len(compares) == 1:
        compare, (left, right) = compares[0], operands
        return Compiled(lambda row: compare(left(row), right(row)), "boolean")

    def evaluate(row: Row) -> Value:
        values = [operand(row) for operand in operands]
        answers = [compare(values[i], values[i + 1]) for i, compare in enumerate(compares)]
        return False if False in answers else None if None in answers else True

    return Compiled(evaluate, "boolean")


@compiles(tree.Case)
def compile_case(compiler: Compiler, expression: tree.Case) -> Compiled:
    """Compile CASE with or without a subject."""
    otherwise = Compiled(lambda row: None, "null")
    if expression.otherwise is not None:
        otherwise = compiler.compile(expression.otherwise)
    results = [compiler.compile(result) for _, result in expression.branches]
    tests = [test for test, _ in expression.branches]
    chosen = (
        _by_condition(compiler, tests) if expression.subject is None else _by_value(compiler, expression.subject, tests)
    )
    kinds = {compiled.kind for compiled in (*results, otherwise)} - {"null"}
    runs, last = [result.run for result in results], otherwise.run

    def evaluate(row: Row) -> Value:
        branch = chosen(row)
        return last(row) if branch is None else runs[branch](row)

    return Compiled(evaluate, kinds.pop() if len(kinds) == 1 else "any")


def _by_condition(compiler: Compiler, tests: list[tree.Expression]) -> Callable[[Row], int | None]:
    conditions = [compiler.condition(test, "what WHEN tests") for test in tests]
    return lambda row: next((place for place, test in enumerate(conditions) if test(row) is True), None)


def _by_value(
    compiler: Compiler, subject: tree.Expression, tests: list[tree.Expression]
) -> Callable[[Row], int | None]:
    evaluate, values = compiler.value(subject), [compiler.value(test) for test in tests]

    def choose(row: Row) -> int | None:
        held = evaluate(row)
        return next((place for place, value in enumerate(values) if equals(held, value(row)) is True), None)

    return choose

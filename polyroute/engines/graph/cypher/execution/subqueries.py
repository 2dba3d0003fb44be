"""Compile patterns and whole queries inside expressions: (a)-->(b) as a condition, [(a)-->(b) | b], exists { }."""

from __future__ import annotations

from polyroute.engines.graph.cypher import tree
from polyroute.engines.graph.cypher.compiling import Compiled, Compiler, Row
from polyroute.engines.graph.cypher.compiling.compiler import compiles
from polyroute.engines.graph.cypher.execution.clauses import build_pipeline
from polyroute.engines.graph.cypher.execution.patterns import compile_match
from polyroute.engines.graph.cypher.values import Value


@compiles(tree.PatternPredicate)
def compile_predicate(compiler: Compiler, expression: tree.PatternPredicate) -> Compiled:
    """Compile a path as a condition, or shortestPath((a)-[*]->(b)) as a value; it brings no variables of its own."""
    part = expression.part
    if part.shortest is not None:
        return _path_value(compiler, part)
    if not compiler.as_condition:
        compiler.run.fail(
            expression.at, "a path is a condition, not a value", hint="write [(a)-->(b) | b] for its values"
        )
    matcher = compile_match(compiler.run, compiler.scope, (part,), None, may_bind=False)
    return Compiled(lambda row: matcher.match(dict(row), lambda found: True), "boolean")


def _path_value(compiler: Compiler, part: tree.PatternPart) -> Compiled:
    name = compiler.run.hidden_name()
    named = tree.PatternPart(name, part.nodes, part.relationships, part.shortest, part.at)
    matcher = compile_match(compiler.run, compiler.scope, (named,), None, may_bind=False)

    def evaluate(row: Row) -> Value:
        found: list[Value] = []
        matcher.match(dict(row), lambda match: bool(found.append(match[name])))  # type: ignore[func-returns-value]
        if part.shortest == "all":
            return found
        return found[0] if found else None

    return Compiled(evaluate, "list" if part.shortest == "all" else "path")


@compiles(tree.PatternComprehension)
def compile_pattern_comprehension(compiler: Compiler, expression: tree.PatternComprehension) -> Compiled:
    """Compile [(a)-->(b) WHERE condition | result]: a value for every match."""
    matcher = compile_match(compiler.run, compiler.scope, (expression.part,), expression.condition)
    result = compiler.inside(compiler.scope.adding(matcher.kinds)).value(expression.result)

    def evaluate(row: Row) -> Value:
        found: list[Value] = []

        def take(match: Row) -> bool:
            found.append(result(match))
            return False

        matcher.match(dict(row), take)
        return found

    return Compiled(evaluate, "list")


@compiles(tree.Subquery)
def compile_subquery(compiler: Compiler, expression: tree.Subquery) -> Compiled:
    """Compile exists { query }, which ends at the first row, or count { query }."""
    count = [0]
    stops = expression.name == "exists"
    if len(expression.query.branches) > 1 and not stops:
        compiler.run.fail(0, "count { } takes no UNION", hint="count the parts and add them up")

    def take(row: Row) -> bool:
        count[0] += 1
        return stops

    branches = [build_pipeline(compiler.run, compiler.scope, branch, take) for branch in expression.query.branches]

    def evaluate(row: Row) -> Value:
        count[0] = 0
        for branch in branches:
            branch.start(dict(row))
        return count[0] > 0 if stops else count[0]

    return Compiled(evaluate, "boolean" if stops else "integer")

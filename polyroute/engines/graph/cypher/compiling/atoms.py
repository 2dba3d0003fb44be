"""Compile literals, variables, parameters, lists, maps, and the access to parts of a value."""

from __future__ import annotations

from polyroute.engines.graph.cypher import operators, tree
from polyroute.engines.graph.cypher.compiling.compiler import Compiler, article, compiles, place_of
from polyroute.engines.graph.cypher.compiling.scope import Compiled, Row
from polyroute.engines.graph.cypher.functions import FUNCTIONS
from polyroute.engines.graph.cypher.values import Value
from polyroute.errors import unknown_name

_WITHOUT_PROPERTIES = ("boolean", "integer", "float", "string", "list", "path", "relationships")
_LABELLED = ("node", "relationship", "null", "any")
_NO_END = 2**62


@compiles(tree.Literal)
def compile_literal(compiler: Compiler, expression: tree.Literal) -> Compiled:
    """Compile a constant."""
    value = expression.value
    return Compiled(lambda row: value, expression.kind)


@compiles(tree.Parameter)
def compile_parameter(compiler: Compiler, expression: tree.Parameter) -> Compiled:
    """Compile a parameter; one that was not given is refused, naming the nearest."""
    params = compiler.run.params
    if expression.name not in params:
        raise unknown_name("parameter", expression.name, params)
    value = params[expression.name]
    return Compiled(lambda row: value, "any")


@compiles(tree.Variable)
def compile_variable(compiler: Compiler, expression: tree.Variable) -> Compiled:
    """Compile a variable."""
    return compiler.variable(expression.name)


@compiles(tree.ListLiteral)
def compile_list(compiler: Compiler, expression: tree.ListLiteral) -> Compiled:
    """Compile a list."""
    items = [compiler.value(item) for item in expression.items]
    return Compiled(lambda row: [item(row) for item in items], "list")


@compiles(tree.MapLiteral)
def compile_map(compiler: Compiler, expression: tree.MapLiteral) -> Compiled:
    """Compile a map."""
    items = [(key, compiler.value(item)) for key, item in expression.items]
    return Compiled(lambda row: {key: item(row) for key, item in items}, "map")


@compiles(tree.MapProjection)
def compile_map_projection(compiler: Compiler, expression: tree.MapProjection) -> Compiled:
    """Compile a map made of parts of a node, a relationship or a map."""
    subject = compiler.compile(expression.subject)
    if subject.kind in _WITHOUT_PROPERTIES:
        compiler.run.fail(expression.subject.at, f"{article(subject.kind)} has no properties")
    items = [(key, None if item is None else compiler.value(item)) for key, item in expression.items]
    properties = FUNCTIONS["properties"].run
    evaluate = subject.run

    def project(row: Row) -> Value:
        held = evaluate(row)
        if held is None:
            return None
        made: dict[str, Value] = {}
        for key, item in items:
            if key is None or item is None:
                made.update(properties(held))  # type: ignore[call-overload]
            else:
                made[key] = item(row)
        return made

    return Compiled(project, "map")


@compiles(tree.Property)
def compile_property(compiler: Compiler, expression: tree.Property) -> Compiled:
    """Compile subject.key."""
    subject, key = compiler.compile(expression.subject), expression.key
    if subject.kind in _WITHOUT_PROPERTIES:
        compiler.run.fail(expression.at, f"{article(subject.kind)} has no properties")
    evaluate = subject.run
    return Compiled(lambda row: operators.property_of(evaluate(row), key), "any")


@compiles(tree.Index)
def compile_index(compiler: Compiler, expression: tree.Index) -> Compiled:
    """Compile subject[index]."""
    subject, index = compiler.value(expression.subject), compiler.value(expression.index)
    return Compiled(lambda row: operators.item_of(subject(row), index(row)), "any")


@compiles(tree.Slice)
def compile_slice(compiler: Compiler, expression: tree.Slice) -> Compiled:
    """Compile subject[start..stop]."""
    subject = compiler.value(expression.subject)
    start = compiler.value(expression.start) if expression.start else lambda row: 0
    stop = compiler.value(expression.stop) if expression.stop else lambda row: _NO_END
    return Compiled(lambda row: operators.slice_of(subject(row), start(row), stop(row)), "list")


@compiles(tree.HasLabels)
def compile_has_labels(compiler: Compiler, expression: tree.HasLabels) -> Compiled:
    """Compile subject:Label."""
    subject, labels = compiler.compile(expression.subject), expression.labels
    if subject.kind not in _LABELLED:
        compiler.run.fail(place_of(expression.subject), f"{article(subject.kind)} has no labels")
    evaluate = subject.run
    return Compiled(lambda row: operators.has_labels(evaluate(row), labels), "boolean")

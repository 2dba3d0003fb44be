"""Expressions compiled to functions of a row; each file registers what it can compile when it is imported."""

from polyroute.engines.graph.cypher.compiling import atoms, calls, collections, logic
from polyroute.engines.graph.cypher.compiling.calls import AggregateCall, holds_aggregate
from polyroute.engines.graph.cypher.compiling.compiler import Compiler
from polyroute.engines.graph.cypher.compiling.scope import Compiled, Evaluate, Row, Run, Scope

__all__ = [
    "AggregateCall",
    "Compiled",
    "Compiler",
    "Evaluate",
    "Row",
    "Run",
    "Scope",
    "atoms",
    "calls",
    "collections",
    "holds_aggregate",
    "logic",
]

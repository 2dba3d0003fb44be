"""Running a query: patterns are planned into steps, clauses into stages, and rows pushed through both."""

from polyroute.engines.graph.cypher.execution import subqueries
from polyroute.engines.graph.cypher.execution.clauses import Pipeline, build_pipeline

__all__ = ["Pipeline", "build_pipeline", "subqueries"]

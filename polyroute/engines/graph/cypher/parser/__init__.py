"""From text to tree: tokens, expressions, patterns, clauses; each file knows one of them."""

from polyroute.engines.graph.cypher.parser.clauses import parse_query

__all__ = ["parse_query"]

"""openCypher, read-only: `run_query` answers a query over a `CypherGraph`.

polyroute's own, because the libraries at hand answer wrongly without a word: the best of them ignores DISTINCT in
collect(), gives min() of text as 0.0 and matches one relationship twice in one pattern.
"""

from polyroute.engines.graph.cypher.graph import CypherGraph
from polyroute.engines.graph.cypher.query import run_query

__all__ = ["CypherGraph", "run_query"]

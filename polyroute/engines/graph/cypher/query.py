"""Run a query: parse (remembered by text), compile for this run, push rows through, hand over the answer."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from functools import lru_cache

from polyroute.engines.graph.cypher.compiling import Row, Run, Scope
from polyroute.engines.graph.cypher.execution import build_pipeline
from polyroute.engines.graph.cypher.graph import CypherGraph, from_value
from polyroute.engines.graph.cypher.parser import parse_query
from polyroute.engines.graph.cypher.results import to_rows
from polyroute.engines.graph.cypher.temporal import Temporal
from polyroute.engines.graph.cypher.tree import Query
from polyroute.engines.graph.cypher.values import Value, identity
from polyroute.errors import invalid
from polyroute.result import Rows

_INTEGERS = range(-(2**63), 2**63)


def run_query(graph: CypherGraph, text: str, params: Mapping[str, object] | None, check: Callable[[], None]) -> Rows:
    """Answer a read-only openCypher query.

    `params` are the values of $names: null, booleans, numbers, strings, dates, lists and maps. `check` is polled every
    couple of thousand steps and stops the query by raising. Raises QUERY_INVALID for a query that cannot be read, that
    writes, that names what is not there, or that meets values of the wrong type.
    """
    if not isinstance(text, str):
        raise invalid(f"an openCypher query is a text, not {type(text).__name__}", hint="write 'MATCH (n) RETURN n'")
    given = {name: _parameter(name, value) for name, value in (params or {}).items()}
    check()
    try:
        return _answer(Run(graph, text, given, check), _parsed(text))
    except RecursionError:
        raise invalid("openCypher: the query is nested too deeply", hint="take it apart with WITH") from None


@lru_cache(maxsize=512)
def _parsed(text: str) -> Query:
    return parse_query(text)


def _answer(run: Run, query: Query) -> Rows:
    found: list[tuple[Value, ...]] = []
    seen: set[Hashable] = set()
    columns: tuple[str, ...] = ()
    distinct = bool(query.keeps_duplicates) and not query.keeps_duplicates[0]

    def take(row: Row) -> bool:
        run.tick()
        values = tuple([row[name] for name in columns])
        if distinct:
            key = tuple(map(identity, values))
            if key in seen:
                return False
            seen.add(key)
        found.append(values)
        return False

    pipelines = [build_pipeline(run, Scope(), branch, take) for branch in query.branches]
    columns = pipelines[0].columns
    for pipeline in pipelines[1:]:
        if pipeline.columns != columns:
            raise invalid("openCypher: the parts of a UNION return different columns", hint="name them alike with AS")
    for pipeline in pipelines:
        pipeline.start({})
    return to_rows(columns, found)


def _parameter(name: str, value: object) -> Value:
    """Return a parameter as a Cypher value; what it cannot be is refused by its name."""
    held = from_value(value)
    if not _fits(held):
        raise invalid(
            f"the parameter {name!r} is no value of openCypher",
            hint="give null, booleans, integers of 64 bits, floats, strings, dates, lists or maps",
        )
    return held


def _fits(value: Value) -> bool:
    if isinstance(value, list):
        return all(map(_fits, value))
    if isinstance(value, dict):
        return all(map(_fits, value.values()))
    if type(value) is int:
        return value in _INTEGERS
    return value is None or isinstance(value, (bool, float, str, Temporal))

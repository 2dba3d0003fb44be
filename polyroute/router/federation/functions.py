"""Our table functions: which operation each is, and how its SQL arguments become the operation's.

Arguments come by position or as `name => value`; a name is the one of the SQL reference (`query`, not the method's
`vector`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import pyarrow as pa

from polyroute.engines import UNBOUNDED, Dataset
from polyroute.engines.describe import SCORE, node_type
from polyroute.engines.resources.scratch import query_arrow
from polyroute.errors import invalid, unknown_name
from polyroute.operations import Operation, make_operation


@dataclass(frozen=True, slots=True)
class TableFunction:
    """One table function: its operation, its SQL arguments in order after the dataset, and those the operation names
    otherwise.
    """

    operation: str
    arguments: tuple[str, ...]
    renamed: Mapping[str, str] = field(default_factory=dict)
    missing_ok: bool = False


FUNCTIONS: Mapping[str, TableFunction] = {
    f.operation: f
    for f in (
        TableFunction("vector_search", ("query", "k", "where", "metric", "exact"), {"query": "vector"}),
        TableFunction("graph_neighbors", ("start", "max_hops", "min_hops", "direction", "where"), missing_ok=True),
        TableFunction("graph_shortest_path", ("start", "goal", "weight", "direction", "where"), missing_ok=True),
        TableFunction("graph_centrality", ("method", "weight")),
        TableFunction("graph_query", ("cypher", "params")),
        TableFunction("document_find", ("selector", "fields", "sort", "skip", "limit")),
        TableFunction("timeseries_range", ("start", "stop", "where")),
        TableFunction("timeseries_window", ("aggregates", "every", "by", "start", "stop", "fill", "tz", "origin")),
        TableFunction("timeseries_latest", ("by", "at")),
    )
}


@lru_cache(maxsize=1)
def aggregate_names() -> frozenset[str]:
    """Return the names of DuckDB's aggregate functions, in lower case."""
    sql = "SELECT DISTINCT lower(function_name) AS name FROM duckdb_functions() WHERE function_type = 'aggregate'"
    return frozenset(query_arrow(sql, {}, None, UNBOUNDED)["name"].to_pylist())


def call_schema(name: str, dataset: Dataset) -> pa.Schema | None:
    """Return the columns of a call on a dataset, or None where its arguments decide them."""
    match name:
        case "vector_search":
            return dataset.schema.append(pa.field(SCORE, pa.float64()))
        case "timeseries_range" | "timeseries_latest":
            return dataset.schema
        case "graph_neighbors" | "graph_shortest_path" | "graph_centrality" if "source" in dataset.roles:
            return _graph_schema(name, node_type(dataset))
    return None


def no_rows(name: str) -> pa.Schema:
    """Return the columns of a call with a NULL start or goal, which gives no rows."""
    return _graph_schema(name, pa.string())


def without_rows(schema: pa.Schema) -> pa.Table:
    """Return an empty table; `schema.empty_table` has none for JSON inside a list or struct."""
    return pa.Table.from_batches([], schema)


def _graph_schema(name: str, node: pa.DataType) -> pa.Schema:
    if name == "graph_neighbors":
        return pa.schema([("start", node), ("node", node), ("hops", pa.int64())])
    if name == "graph_centrality":
        return pa.schema([("node", node), ("score", pa.float64())])
    return pa.schema([("start", node), ("goal", node), ("step", pa.int64()), ("node", node), ("cost", pa.float64())])


_DATASET_NAMES = ("dataset", "graph", "collection", "series")


@dataclass(frozen=True, slots=True)
class Arguments:
    """The arguments of one call as they were written: by name, with `dataset` apart."""

    dataset: object
    named: Mapping[str, object]


def name_arguments(name: str, positional: Sequence[object], named: Mapping[str, object]) -> Arguments:
    """Give every argument its name.

    Raises QUERY_INVALID for too many, an unknown or a repeated one, and when the dataset is missing.
    """
    function = FUNCTIONS[name]
    order = ("dataset", *function.arguments)
    if len(positional) > len(order):
        raise invalid(
            f"{name} takes at most {len(order)} arguments, {len(positional)} were given",
            hint=f"{name}({', '.join(order)})",
        )
    found = dict(zip(order, positional, strict=False))
    for written, value in named.items():
        key = "dataset" if written in _DATASET_NAMES else written
        if key not in order:
            raise unknown_name(f"argument of {name}", written, order)
        if key in found:
            raise invalid(f"{name} is given {written} twice")
        found[key] = value
    if "dataset" not in found:
        raise invalid(f"{name} needs a dataset", hint=f"{name}('name', {', '.join(function.arguments[:2])}, ...)")
    return Arguments(found.pop("dataset"), found)


def function_operation(
    name: str, dataset: object, values: Mapping[str, object], params: Mapping[str, object] | None
) -> Operation:
    """Build the operation of a call from argument values; `where` texts see the statement's parameters."""
    function = FUNCTIONS[name]
    if not isinstance(dataset, str):
        raise invalid(f"the dataset of {name} is a text", hint=f"{name}('name', ...)")
    arguments = {function.renamed.get(k, k): v for k, v in values.items() if v is not None}
    if "where" in arguments and params:
        arguments["params"] = params
    if function.missing_ok:
        arguments["missing_ok"] = True
    return make_operation(name, dataset, arguments)

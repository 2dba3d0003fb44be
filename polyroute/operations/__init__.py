"""The operations: every question or change that an engine can be asked for, each defined once, a module per kind."""

from polyroute.operations.base import (
    KINDS,
    Operation,
    argument_names,
    make_operation,
    operation,
    operation_class,
    operations,
)
from polyroute.operations.document import (
    DocumentCount,
    DocumentDelete,
    DocumentFind,
    DocumentGet,
    DocumentInsert,
    DocumentUpdate,
)
from polyroute.operations.graph import (
    CENTRALITIES,
    DIRECTIONS,
    GraphCentrality,
    GraphDelete,
    GraphNeighbors,
    GraphQuery,
    GraphShortestPath,
    GraphUpsert,
)
from polyroute.operations.relational import (
    RelationalDelete,
    RelationalExecute,
    RelationalGet,
    RelationalQuery,
    RelationalUpsert,
)
from polyroute.operations.scan import Scan
from polyroute.operations.timeseries import (
    FILLS,
    TimeseriesAppend,
    TimeseriesDelete,
    TimeseriesLatest,
    TimeseriesRange,
    TimeseriesWindow,
)
from polyroute.operations.vector import METRICS, VectorCluster, VectorDelete, VectorGet, VectorSearch, VectorUpsert

__all__ = [
    "CENTRALITIES",
    "DIRECTIONS",
    "FILLS",
    "KINDS",
    "METRICS",
    "DocumentCount",
    "DocumentDelete",
    "DocumentFind",
    "DocumentGet",
    "DocumentInsert",
    "DocumentUpdate",
    "GraphCentrality",
    "GraphDelete",
    "GraphNeighbors",
    "GraphQuery",
    "GraphShortestPath",
    "GraphUpsert",
    "Operation",
    "RelationalDelete",
    "RelationalExecute",
    "RelationalGet",
    "RelationalQuery",
    "RelationalUpsert",
    "Scan",
    "TimeseriesAppend",
    "TimeseriesDelete",
    "TimeseriesLatest",
    "TimeseriesRange",
    "TimeseriesWindow",
    "VectorCluster",
    "VectorDelete",
    "VectorGet",
    "VectorSearch",
    "VectorUpsert",
    "argument_names",
    "make_operation",
    "operation",
    "operation_class",
    "operations",
]

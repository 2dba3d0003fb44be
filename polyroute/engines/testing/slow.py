"""Questions that take long on any engine of a kind, to be stopped: each function loads what it needs.

A kind of which every engine answers everything quickly has none.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import numpy as np
import pyarrow as pa

from polyroute.engines.testing.store import Store
from polyroute.operations import (
    DocumentFind,
    GraphCentrality,
    Operation,
    RelationalQuery,
    TimeseriesWindow,
    VectorCluster,
)

_ENDLESS = "WITH RECURSIVE r(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM r) SELECT count(*) AS n FROM r"


def _recursion(store: Store) -> Operation:
    return RelationalQuery(None, _ENDLESS, None, "native")


def _clusters(store: Store) -> Operation:
    vectors = np.random.default_rng(0).random((20_000, 8), dtype=np.float32)
    column = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), 8)
    store.load("slow", pa.table({"id": np.arange(len(vectors)), "vec": column}), key="id", vector="vec")
    return VectorCluster("slow", 200)


def _betweenness(store: Store) -> Operation:
    sources = np.repeat(np.arange(1500), 6)
    targets = (sources + np.tile([1, 7, 50, 211, 500, 900], 1500)) % 1500
    store.load("slow", pa.table({"a": sources, "b": targets}), source="a", target="b")
    return GraphCentrality("slow", "betweenness")


def _many_conditions(store: Store) -> Operation:
    store.load("slow", [{"_id": n, "n": n} for n in range(3000)], key="_id")
    return DocumentFind("slow", {"$nor": [{"n": -n} for n in range(1, 800)]})


def _many_windows(store: Store) -> Operation:
    ends = [dt.datetime(2013, 1, 1), dt.datetime(2013, 1, 1, 1, 6)]
    store.load("slow", pa.table({"at": pa.array(ends, pa.timestamp("us")), "n": [1.0, 2.0]}), time="at")
    return TimeseriesWindow("slow", "max(n) AS n", "1 millisecond", fill="linear")


SLOW_QUESTIONS: dict[str, Callable[[Store], Operation]] = {
    "relational": _recursion,
    "vector": _clusters,
    "graph": _betweenness,
    "document": _many_conditions,
    "timeseries": _many_windows,
}

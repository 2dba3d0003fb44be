"""The open stores that hand-written code works on: the engines' own libraries, warm, over the files of the first cast.

What polyroute keeps in memory is in memory here too: the documents by key, the graphs as adjacency. Connections stay
open from one question to the next, so the libraries' caches of statements are warm.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import lancedb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from lancedb.table import LanceTable
from tinydb import TinyDB
from tinydb.middlewares import CachingMiddleware
from tinydb.storages import JSONStorage

from tests.questions import air_travel

Rows = Sequence[tuple[object, ...]]
Document = Mapping[str, Any]

# what an administrator of the SQLite file adds for these questions; polyroute's file has them too
INDEXES = (
    "CREATE INDEX airports_country ON airports (country)",
    "CREATE INDEX runways_iata ON runways (iata)",
)


@dataclass(frozen=True, slots=True)
class UsRoutes:
    """The domestic routes: neighbours by airport, and the edges as arrays of node numbers for SciPy."""

    out: Mapping[str, frozenset[str]]
    names: Sequence[str]
    number: Mapping[str, int]
    sources: np.ndarray
    targets: np.ndarray
    km: np.ndarray
    flights: np.ndarray


@dataclass(frozen=True, slots=True)
class Stores:
    """Everything that the eight questions read, open."""

    rel: sqlite3.Connection
    ts: duckdb.DuckDBPyConnection
    tiny: TinyDB
    documents: Mapping[str, Mapping[str, Document]]
    passages: LanceTable
    reports: LanceTable
    graphs: Mapping[str, pa.Table]
    us_routes: UsRoutes
    world_routes: Mapping[str, Sequence[tuple[str, str, bool, int]]]


@contextmanager
def open_stores(folder: Path) -> Iterator[Stores]:
    """Open the files of the first cast in a folder, read-only, and load what stays in memory."""
    with (
        closing(sqlite3.connect(f"file:{folder}/air.db?mode=ro", uri=True, isolation_level=None)) as rel,
        duckdb.connect(str(folder / "air_ts.duckdb"), read_only=True) as ts,
        TinyDB(folder / "documents.json", storage=CachingMiddleware(JSONStorage), access_mode="r") as tiny,
    ):
        vectors = lancedb.connect(folder / "vectors")
        graphs = {name: pq.read_table(air_travel.DATA / path) for name, (path, *_) in air_travel.GRAPHS.items()}
        yield Stores(
            rel=rel,
            ts=ts,
            tiny=tiny,
            documents={n: {str(d["_id"]): d for d in tiny.table(n)} for n in air_travel.DOCUMENTS},
            passages=vectors.open_table("country_passages"),
            reports=vectors.open_table("strike_reports"),
            graphs=graphs,
            us_routes=_us_routes(graphs["routes_us_2008"]),
            world_routes=_world_routes(graphs["routes_world"]),
        )


def add_indexes(folder: Path) -> None:
    """Index the SQLite file for the questions."""
    with closing(sqlite3.connect(folder / "air.db")) as rel, rel:
        for statement in INDEXES:
            rel.execute(statement)


def _us_routes(edges: pa.Table) -> UsRoutes:
    sources, targets = edges["src"].to_pylist(), edges["dst"].to_pylist()
    out: dict[str, set[str]] = {}
    for source, target in zip(sources, targets, strict=True):
        out.setdefault(source, set()).add(target)
    names = sorted({*sources, *targets})
    number = {name: i for i, name in enumerate(names)}
    return UsRoutes(
        out={source: frozenset(found) for source, found in out.items()},
        names=names,
        number=number,
        sources=np.array([number[s] for s in sources]),
        targets=np.array([number[t] for t in targets]),
        km=edges["km"].to_numpy(),
        flights=edges["flights_2008"].to_numpy(),
    )


def _world_routes(edges: pa.Table) -> dict[str, list[tuple[str, str, bool, int]]]:
    out: dict[str, list[tuple[str, str, bool, int]]] = {}
    columns = (edges[c].to_pylist() for c in ("src", "dst", "airline", "codeshare", "stops"))
    for source, *edge in zip(*columns, strict=True):
        out.setdefault(source, []).append(tuple(edge))
    return out

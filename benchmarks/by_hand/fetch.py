"""Whole tables of each engine as pandas frames, by the shortest way that its library offers; the start of the pandas
form of every question.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from benchmarks.by_hand.stores import Stores


def relational(stores: Stores, table: str) -> pd.DataFrame:
    """Fetch a table of SQLite."""
    return pd.read_sql_query(f"SELECT * FROM {table}", stores.rel)


def series(stores: Stores, table: str) -> pd.DataFrame:
    """Fetch a table of DuckDB; by way of Arrow, which takes a fifth of the time of its own conversion."""
    return stores.ts.sql(f"SELECT * FROM {table}").to_arrow_table().to_pandas()


def documents(stores: Stores, collection: str) -> pd.DataFrame:
    """Fetch a collection of TinyDB; nested values stay dictionaries and lists."""
    return pd.DataFrame(stores.tiny.table(collection).all()).set_index("_id")


def edges(stores: Stores, graph: str) -> pd.DataFrame:
    """Fetch the edges of a graph."""
    return stores.graphs[graph].to_pandas()


def passages(stores: Stores) -> tuple[pd.DataFrame, np.ndarray]:
    """Fetch the country passages and their vectors."""
    return _with_vectors(stores.passages.to_arrow())


def reports(stores: Stores) -> tuple[pd.DataFrame, np.ndarray]:
    """Fetch the strike reports and their vectors."""
    return _with_vectors(stores.reports.to_arrow())


def _with_vectors(table) -> tuple[pd.DataFrame, np.ndarray]:  # type: ignore[no-untyped-def]
    vectors = table["vector"].combine_chunks()
    matrix = vectors.flatten().to_numpy().reshape(len(vectors), -1)
    return table.drop_columns(["vector"]).to_pandas(), matrix


def nearest(frame: pd.DataFrame, matrix: np.ndarray, q: object, k: int) -> pd.DataFrame:
    """Return the k rows of unit vectors most like q, the nearest first, with their similarity as `score`."""
    scores = matrix @ np.asarray(q, np.float32)
    best = np.argsort(-scores, kind="stable")[:k]
    return frame.iloc[best].assign(score=scores[best])

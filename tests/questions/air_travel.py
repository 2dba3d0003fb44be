"""The air-travel data in five engine kinds, and the questions over it; what the tests and the benchmarks share."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pyarrow.parquet as pq

import polyroute

HERE = Path(__file__).parent
SHARED = Path(os.environ.get("POLYROUTE_SHARED", HERE.parents[2] / "shared"))
DATA = SHARED / "data" / "air_travel"

QUESTIONS = ("D1", "D2", "D3", "D4", "D5", "D6", "D7", "D8")

RELATIONAL = {
    "airports": "iata",
    "countries": "iso2",
    "carriers": "carrier",
    "planes": "tailnum",
    "runways": "runway_id",
}
SERIES = {"flights": "sched_dep_utc", "weather": "obs_utc", "fx_daily": "rate_date"}
DOCUMENTS = ("country_profiles", "bird_strikes", "airport_facilities")
VECTORS = {"country_passages": "passage_id", "strike_reports": "strike_id"}
GRAPHS = {
    "routes_us_2008": ("graph/routes_us_2008.parquet", "src", "dst", True),
    "borders": ("graph/borders.parquet", "a", "b", False),
    "trade_partners": ("graph/trade_partners.parquet", "src", "dst", True),
    "routes_world": ("graph_odbl/routes_world.parquet", "src", "dst", True),
}


CASTS = ("first", "second")


def engines(folder: Path, cast: str = "first") -> dict[str, str]:
    """Return the addresses of the five engines in a folder; the two casts together are all seven adapters."""
    first = cast == "first"
    return {
        "rel": f"sqlite:///{folder}/air.db" if first else f"duckdb:///{folder}/air.duckdb",
        "ts": f"timeseries+duckdb:///{folder}/air_ts.duckdb",
        "graph": f"networkx:///{folder}/graphs",
        "docs": f"tinydb:///{folder}/documents.json" if first else f"document+sqlite:///{folder}/documents.db",
        "vec": f"lancedb:///{folder}/vectors",
    }


def load(db: polyroute.DatabaseCoordinator) -> None:
    """Load everything, without a progress bar."""
    for name, key in RELATIONAL.items():
        db.load(name, DATA / "relational" / f"{name}.parquet", engine="rel", key=key, show_progress=False)
    for name, time in SERIES.items():
        db.load(name, DATA / "timeseries" / f"{name}.parquet", engine="ts", time=time, show_progress=False)
    for name in DOCUMENTS:
        db.load(name, DATA / "documents" / f"{name}.jsonl", engine="docs", key="_id", show_progress=False)
    for name, key in VECTORS.items():
        path = DATA / "vectors" / f"{name}.parquet"
        db.load(name, path, engine="vec", vector="vector", key=key, show_progress=False)
    for name, (path, source, target, directed) in GRAPHS.items():
        options = {"source": source, "target": target, "directed": directed}
        db.load(name, DATA / path, engine="graph", show_progress=False, **options)


def question(name: str) -> tuple[str, dict[str, object]]:
    """Return the SQL and the parameters of a question."""
    sql = (HERE / "sql" / f"{name}.sql").read_text(encoding="utf-8")
    vectors = pq.read_table(SHARED / "questions" / "query_vectors.parquet")
    keys = vectors["key"].to_pylist()
    params = {"q": vectors["vector"][keys.index(name)].as_py()} if "$q" in sql else {}
    return sql, params


def answer(name: str) -> dict[str, object]:
    """Return the expected answer of a question: columns, rows, tolerances."""
    answers = json.loads((SHARED / "questions" / "answers.json").read_text(encoding="utf-8"))
    return next(q for q in answers["questions"] if q["id"] == name)

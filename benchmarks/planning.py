"""What planning costs: a plan that is remembered, and a new one beside sqlglot's parse and qualify of the same query.

Measured inside lane B, because a plan is never made without being used.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import sqlglot
from sqlglot import MappingSchema
from sqlglot.optimizer.qualify import qualify

import polyroute
from benchmarks.table import Table, micros
from benchmarks.tpch_data import generate, missing, queries, three_engines
from polyroute.engines.call import UNBOUNDED
from polyroute.query import DEFAULT_REQUIREMENTS, DEFAULT_ROUTING
from polyroute.router.federation.connection import Manner
from polyroute.router.federation.plan_cache import PlanCache
from polyroute.router.federation.statement import named_parameters, parameters, read_statement
from tests.questions import air_travel

HITS = 2_000
ROUNDS = 30
MOST_HIT_US = 20.0
MOST_RATIO = 3.0

Params = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Costs:
    """Median seconds of one statement: its plan found again, its plan made, its text parsed and qualified."""

    hit_s: float
    cold_s: float
    qualified_s: float


def run() -> list[Table]:
    """Measure D1-D8 and TPC-H, as far as their data is here."""
    costs: dict[str, Costs] = {}
    if air_travel.DATA.is_dir():
        with _air_travel() as db:
            costs.update((name, _costs(db, *air_travel.question(name))) for name in air_travel.QUESTIONS)
    if missing() is None:
        with _tpch() as db:
            costs.update((name, _costs(db, sql, {})) for name, sql in queries().items())
    return [_table(costs)]


@contextmanager
def _air_travel() -> Iterator[polyroute.DatabaseCoordinator]:
    with tempfile.TemporaryDirectory() as folder, polyroute.connect(air_travel.engines(Path(folder))) as db:
        air_travel.load(db)
        yield db


@contextmanager
def _tpch() -> Iterator[polyroute.DatabaseCoordinator]:
    with tempfile.TemporaryDirectory() as folder:
        files = generate(Path(folder) / "parquet", 0.01)
        with three_engines(files, Path(folder)) as db:
            yield db


def _costs(db: polyroute.DatabaseCoordinator, sql: str, params: Params) -> Costs:
    lane, manner = db._sql, Manner(DEFAULT_REQUIREMENTS, DEFAULT_ROUTING, UNBOUNDED)

    def hit() -> object:
        text, named = named_parameters(sql, params)
        return lane._remembered(text, manner), parameters(named)

    def cold() -> object:
        lane._plans = PlanCache()
        text, named = named_parameters(sql, params)
        return lane._planned(read_statement(text), parameters(named), manner)

    text, schema = _plain(db, sql, params)

    def parsed_and_qualified() -> object:
        tree = sqlglot.parse_one(text, dialect="duckdb")
        return qualify(tree, schema=schema, dialect="duckdb", validate_qualify_columns=False)

    cold_s, qualified_s = [], []
    assert cold() is not None
    parsed_and_qualified()
    for _ in range(ROUNDS):
        cold_s.append(_seconds(cold))
        qualified_s.append(_seconds(parsed_and_qualified))
    assert hit() is not None
    hit_s = statistics.median(_seconds(hit) for _ in range(HITS))
    return Costs(hit_s, statistics.median(cold_s), statistics.median(qualified_s))


def _plain(db: polyroute.DatabaseCoordinator, sql: str, params: Params) -> tuple[str, MappingSchema]:
    """Return a text that sqlglot can qualify, with named relations for our table functions, and their columns."""
    plan = db.explain(sql, params, analyze=True, pushdown=False)
    columns = {f.name: dict.fromkeys(f.columns or (), "unknown") for f in plan.fragments}
    return plan.residual, MappingSchema(columns, dialect="duckdb")


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _table(costs: Mapping[str, Costs]) -> Table:
    rows = [
        (
            name,
            micros(c.hit_s),
            f"{c.cold_s * 1e3:.2f}",
            f"{c.qualified_s * 1e3:.2f}",
            f"{c.cold_s / c.qualified_s:.2f}x",
        )
        for name, c in costs.items()
    ]
    slow = sum(c.hit_s * 1e6 > MOST_HIT_US for c in costs.values())
    dear = sum(c.cold_s > MOST_RATIO * c.qualified_s for c in costs.values())
    note = (
        "Medians. Found again: from the text of the statement to its plan. New: read, planned and, where an engine "
        "runs a whole part, prepared by it; row counts and samples of the tables are known. Beside it sqlglot's parse "
        "and qualify of the same text, our table functions replaced by names. "
        f"Goal: found again in {MOST_HIT_US:.0f} us: {len(costs) - slow} of {len(costs)}. "
        f"Goal: a new plan in {MOST_RATIO:.0f} times parse and qualify: {len(costs) - dear} of {len(costs)}."
    )
    if not costs:
        note = "skipped: neither the shared data nor the shared suites are here"
    return Table("Planning", note, ("statement", "found again us", "new ms", "parse + qualify ms", "ratio"), rows)

"""TPC-H at scale 0.1 over three engines, beside one DuckDB that holds everything, and beside other engines."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

import polyroute
from benchmarks.table import Table
from benchmarks.tpch_data import generate, missing, one_duckdb, queries, same, three_engines
from benchmarks.tpch_peers import PEERS, Ask, absent

SCALE = 0.1
ROUNDS = 7
PLAIN_ROUNDS = 3
PEER_ROUNDS = 2
MOST_RATIO = 2.0
MOST_MOVED = 0.45
# averages of decimals are decimals to Spark and DataFusion, cut after six digits; to DuckDB they are doubles
PEER_RELATIVE = 1e-4


@dataclass(frozen=True, slots=True)
class Times:
    """What one query takes in milliseconds, and the rows that it moved, with pushdown and without."""

    duckdb_ms: float
    ours_ms: float
    plain_ms: float
    moved: int
    unreduced: int


def run() -> list[Table]:
    """Measure the 22 queries; nothing where the generator or the queries are absent."""
    reason = missing()
    if reason is not None:
        return [Table("TPC-H", f"skipped: {reason}", ("query",), [])]
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        files = generate(Path(folder) / "parquet", SCALE)
        one = stack.enter_context(one_duckdb(files, Path(folder)))
        db = stack.enter_context(three_engines(files, Path(folder)))
        times = {name: _measured(db, one, sql) for name, sql in queries().items()}
        truths = {name: _truth(one, sql) for name, sql in queries().items()}
        why = absent()
        peers = {name: _peer(PEERS[name](files), truths) for name in PEERS if name not in why}
    return [_table(times, peers, why)]


def _truth(one: duckdb.DuckDBPyConnection, sql: str) -> pa.Table:
    return one.sql(sql).to_arrow_table()


def _measured(db: polyroute.DatabaseCoordinator, one: duckdb.DuckDBPyConnection, sql: str) -> Times:
    truth = _truth(one, sql)
    pushed, plain = db.sql(sql), db.sql(sql, pushdown=False)
    assert same(pushed.to_arrow(), truth), sql
    assert same(plain.to_arrow(), truth), sql
    assert pushed.plan is not None
    assert plain.plan is not None
    ours, alone = [], []
    for _ in range(ROUNDS):
        alone.append(_ms(lambda: _truth(one, sql)))
        ours.append(_ms(lambda: db.sql(sql).to_arrow()))
    unpushed = [_ms(lambda: db.sql(sql, pushdown=False).to_arrow()) for _ in range(PLAIN_ROUNDS)]
    medians = (statistics.median(taken) for taken in (alone, ours, unpushed))
    return Times(*medians, pushed.plan.rows_moved, plain.plan.rows_moved)


def _peer(opened: object, truths: Mapping[str, pa.Table]) -> Mapping[str, float]:
    with opened as ask:  # type: ignore[attr-defined]
        return {name: _asked(ask, sql, truths[name]) for name, sql in queries().items()}


def _asked(ask: Ask, sql: str, truth: pa.Table) -> float:
    assert same(ask(sql), truth, relative=PEER_RELATIVE), sql
    return statistics.median(_ms(lambda: ask(sql)) for _ in range(PEER_ROUNDS))


def _ms(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) * 1e3


def _table(times: Mapping[str, Times], peers: Mapping[str, Mapping[str, float]], why: Mapping[str, str]) -> Table:
    alone = sum(t.duckdb_ms for t in times.values())
    ours = sum(t.ours_ms for t in times.values())
    plain = sum(t.plain_ms for t in times.values())
    moved = sum(t.moved for t in times.values())
    unreduced = sum(t.unreduced for t in times.values())
    rows = [_row(name, t, [f"{peer[name]:.0f}" for peer in peers.values()]) for name, t in times.items()]
    total = Times(alone, ours, plain, moved, unreduced)
    rows.append(_row("all", total, [f"{sum(peer.values()):.0f}" for peer in peers.values()]))
    left_out = "".join(f" {name} is left out: {reason}." for name, reason in why.items())
    note = (
        f"Scale {SCALE}; lineitem and orders in one DuckDB file, part, partsupp and supplier in a second, customer, "
        "nation and region in SQLite; the 22 answers are equal to one DuckDB's, decimals exactly. Medians, plans "
        "remembered, answers not; plain is pushdown=False, which fetches every table whole: its rows are the unreduced "
        f"ones. Peers read the same tables as Parquet.{left_out} Goal: all at most {MOST_RATIO:.0f}x of one DuckDB: "
        f"{ours / alone:.2f}x{_reached(ours <= MOST_RATIO * alone)}. Goal: in the same run at most {MOST_MOVED:.0%} of "
        f"the unreduced rows moved: {moved / unreduced:.1%}{_reached(moved <= MOST_MOVED * unreduced)}."
    )
    columns = ("query", "one DuckDB ms", "polyroute ms", "ratio", "plain ms", "rows moved", "unreduced", "share")
    return Table("TPC-H over three engines", note, (*columns, *(f"{name} ms" for name in peers)), rows)


def _row(name: str, t: Times, peers: list[str]) -> tuple[str, ...]:
    return (
        name,
        f"{t.duckdb_ms:.1f}",
        f"{t.ours_ms:.1f}",
        f"{t.ours_ms / t.duckdb_ms:.2f}x",
        f"{t.plain_ms:.0f}",
        f"{t.moved:,}",
        f"{t.unreduced:,}",
        f"{t.moved / t.unreduced:.1%}",
        *peers,
    )


def _reached(yes: bool) -> str:
    return " (reached)" if yes else " (not reached)"

"""A world: datasets in eight engines behind one connection, and all of them in one plain DuckDB beside it.

The relational tables and the documents change their engines with the seed, the others have one that suits them. What
DuckDB holds was read from the connection dataset by dataset, so that both sides have the same logical types; that this
reading is faithful is a test of its own. Our table functions are answered by the operation of the same name and kept as
tables.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random
from unittest.mock import patch

import duckdb
import pyarrow as pa

import polyroute
from polyroute.router.federation.bind_joins import MOST_KEYS, BindGate
from polyroute.router.federation.planner import Planner
from tests.generated.data import Table, tables
from tests.generated.fields import DIMENSIONS, NODES
from tests.generated.kinds import Column, Dataset, Kind, TableCall

ENGINES: Mapping[str, str] = {
    "rel": "sqlite:///{}/rel.db",
    "olap": "duckdb:///{}/olap.duckdb",
    "more": "duckdb:///{}/more.duckdb",
    "docs": "tinydb:///{}/docs.json",
    "json": "document+sqlite:///{}/json.db",
    "graph": "networkx:///{}/graphs",
    "vec": "lancedb:///{}/vectors",
    "ts": "timeseries+duckdb:///{}/ts.duckdb",
}
_HOMES = ("rel", "olap", "more", "docs", "rel", "olap", "json")
_DOCUMENT_HOMES = ("docs", "json")
_NODE_COLUMNS = (Column("id", Kind.TEXT, "node", NODES),)
_VECTOR = pa.list_(pa.float32(), DIMENSIONS)


class World:
    """The datasets of one seed, the connection that spreads them, and the DuckDB that holds them all."""

    def __init__(self, seed: int, tables: tuple[Table, ...], db: polyroute.DatabaseCoordinator) -> None:
        self.seed = seed
        self.db = db
        self.placements = {t.name: str(db.catalog.resolve(t.name).primary.engine.id) for t in tables}
        self.datasets = (*(self._described(t) for t in tables), Dataset("links.nodes", _NODE_COLUMNS, len(NODES)))
        self.duckdb = duckdb.connect(config={"threads": 1})
        self.duckdb.execute("SET TimeZone = 'UTC'")
        # the optimizer of 2.0.0 loses LIMITs above outer joins with an empty table; the truth does without it
        self.duckdb.execute("PRAGMA disable_optimizer")
        for table in tables:
            self._hold(table.name, self.placements[table.name])
        self._calls: dict[str, str] = {}

    def close(self) -> None:
        """Close the DuckDB."""
        self.duckdb.close()

    def engines_of(self, names: frozenset[str]) -> frozenset[str]:
        """Return the engines that hold some datasets."""
        return frozenset(self.placements[n.partition(".")[0]] for n in names)

    def _described(self, table: Table) -> Dataset:
        """Return a dataset with its columns in the order in which the connection gives them."""
        columns = {c.name: c for c in table.columns}
        shape = self.db.catalog.resolve(table.name).primary.dataset.schema
        return Dataset(table.name, tuple(columns[n] for n in shape.names), _count(table))

    def _hold(self, name: str, engine: str) -> None:
        """Copy a dataset into DuckDB, under each name that SQL has for it."""
        self._keep(name, self.db.scan(name).to_arrow())
        self.duckdb.execute(f"CREATE SCHEMA IF NOT EXISTS {engine}; CREATE VIEW {engine}.{name} AS FROM main.{name}")
        if engine == "graph":
            self.duckdb.execute(f"CREATE SCHEMA {name}; CREATE VIEW {name}.edges AS FROM main.{name}")
            self._keep("nodes_of_it", self.db.scan(name, part="nodes").to_arrow())
            self.duckdb.execute(f"CREATE VIEW {name}.nodes AS FROM main.nodes_of_it")

    def _keep(self, name: str, rows: pa.Table) -> None:
        self.duckdb.register("arrow_rows", rows)
        self.duckdb.execute(f'CREATE TABLE "{name}" AS FROM arrow_rows')
        self.duckdb.unregister("arrow_rows")

    def standing_for(self, call: TableCall) -> str:
        """Return the text that gives the rows of a table function in DuckDB."""
        key = f"{call.function} {call.dataset} {sorted(call.arguments.items())} {call.lateral is None}"
        name = self._calls.get(key)
        if name is None:
            name = self._calls[key] = f"answer{len(self._calls)}"
            self._keep(name, self._answer(call))
        if call.lateral is None:
            return f"(FROM {name})"
        return f"(SELECT * EXCLUDE (asked) FROM {name} WHERE asked = {call.lateral})"

    def _answer(self, call: TableCall) -> pa.Table:
        """Run an operation; one with a lateral argument for everything that could stand there."""
        if call.lateral is None:
            return self._operate(call, call.arguments)
        answers = []
        for asked in self._possible(call):
            first = "vector" if call.function == "vector_search" else "start"
            rows = self._operate(call, {first: asked} | call.arguments)
            column = pa.array([asked] * rows.num_rows, pa.string() if isinstance(asked, str) else _VECTOR)
            answers.append(rows.append_column("asked", column))
        return pa.concat_tables(answers)

    def _operate(self, call: TableCall, arguments: Mapping[str, object]) -> pa.Table:
        return self.db.query(polyroute.Query(call.function, call.dataset, arguments)).to_arrow()

    def _possible(self, call: TableCall) -> list[object]:
        if call.function.startswith("graph_"):
            return list(NODES)
        return [row[0] for row in self.duckdb.execute(f"SELECT DISTINCT vector FROM {call.dataset}").fetchall()]


def _count(table: Table) -> int:
    return table.rows.num_rows if isinstance(table.rows, pa.Table) else len(table.rows)


def homes(rng: Random, made: tuple[Table, ...]) -> dict[str, str]:
    """Choose an engine for every dataset."""
    start = rng.randrange(len(_HOMES))
    chosen: dict[str, str] = {}
    for at, table in enumerate(made):
        free = _DOCUMENT_HOMES if isinstance(table.rows, list) else _HOMES
        chosen[table.name] = table.home or free[(start + at) % len(free)]
    return chosen


@contextmanager
def world(seed: int, folder: Path, *, eager: bool = True, in_place: bool = True) -> Iterator[World]:
    """Make the world of a seed in a folder.

    In an `eager` one keys always travel where they may; otherwise that depends on what the engines took so far. Without
    `in_place` no engine hosts a merge, so that every dataset is fetched.
    """
    rng = Random(f"world {seed}")
    made = tables(rng)
    chosen = homes(rng, made)
    addresses = {engine: url.format(folder) for engine, url in ENGINES.items()}
    manner = ExitStack()
    if eager:
        manner.enter_context(patch.object(BindGate, "pays", _pays))
        manner.enter_context(patch.object(BindGate, "worth_asking", _worth_asking))
    if not in_place:
        manner.enter_context(patch.object(Planner, "_site", _no_site))
    with manner, polyroute.connect(addresses, state_dir=folder / "state") as db:
        for table in made:
            db.load(table.name, table.rows, engine=chosen[table.name], show_progress=False, **table.options)
        held = World(seed, made, db)
        try:
            yield held
        finally:
            held.close()


def _pays(gate: BindGate, engine: str, keys: int, *rest: int, **named: object) -> bool:
    return keys <= MOST_KEYS


def _worth_asking(gate: BindGate, engine: str, *rest: float, **named: object) -> bool:
    return True


def _no_site(planner: Planner, inputs: object, homes: object) -> None:
    return None

"""Run a generated statement in its three forms and compare: pushed down, plain, and in one DuckDB.

Both of ours must agree with DuckDB. Where one side raises all must, with the same code. A failure carries all that it
takes to see it again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeAlias

import duckdb
import pyarrow as pa

from polyroute.engines.resources.duckdb.answers import query_table
from polyroute.errors import DUCKDB, DatabaseErrorClassifier, PolyrouteError
from polyroute.values import unique_names
from tests.generated.compare import difference
from tests.generated.draft import Generated
from tests.generated.queries import generate
from tests.generated.world import World

_CLASSIFIER = DatabaseErrorClassifier({"duckdb": DUCKDB})
_SHOWN_ROWS = 12


@dataclass(frozen=True, slots=True)
class Raised:
    """What a form raised instead of answering."""

    code: str
    message: str


Answer: TypeAlias = pa.Table | Raised


@dataclass(frozen=True, slots=True)
class Failure:
    """Two forms of a statement that disagree."""

    world_seed: int
    query: Generated
    sql: str
    placements: dict[str, str]
    forms: tuple[str, str]
    told: str
    answers: tuple[Answer, Answer]

    @property
    def sort(self) -> tuple[object, ...]:
        """What failures of one cause have in common: the forms, and the codes of those that raised."""
        return (*self.forms, *(a.code if isinstance(a, Raised) else "an answer" for a in self.answers))

    def __str__(self) -> str:
        """Show everything that it takes to see it again."""
        placed = ", ".join(f"{n} in {e}" for n, e in sorted(self.placements.items()) if n in self.query.datasets)
        form, other = self.forms
        lines = [
            f"world {self.world_seed}, query {self.query.seed}: {form} differs from {other}: {self.told}",
            f"placements: {placed}",
            f"params: {dict(self.query.params)}, earlier: {dict(self.query.earlier)}",
            self.sql,
        ]
        for form, answer in zip(self.forms, self.answers, strict=True):
            lines += [f"-- {form}", _shown(answer)]
        return "\n".join(lines)


@dataclass(slots=True)
class Tally:
    """What a run has seen: how many statements, how many of them of which sort, and what failed."""

    queries: int = 0
    spanning: int = 0
    with_rows: int = 0
    refused: int = 0
    features: Counter[str] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)

    def add(self, world: World, query: Generated, outcome: Answer) -> None:
        """Count a statement and its answer."""
        self.queries += 1
        self.spanning += len(world.engines_of(query.datasets)) > 1
        self.refused += isinstance(outcome, Raised)
        self.with_rows += isinstance(outcome, pa.Table) and outcome.num_rows > 0
        self.features.update(query.features)


def planned_sql(query: Generated) -> str:
    """Return the text that polyroute is asked."""
    text = query.template
    for name, call in query.calls.items():
        text = text.replace(f'"{name}"', call.written)
    return text


def duckdb_sql(world: World, query: Generated) -> str:
    """Return the text that DuckDB is asked, with a table for each table function."""
    text = query.template
    for name, call in query.calls.items():
        text = text.replace(f'"{name}"', world.standing_for(call))
    return text


def ask(world: World, query: Generated, *, pushdown: bool) -> Answer:
    """Ask polyroute, for a planned answer first with the earlier values of the parameters."""
    if pushdown and query.earlier:
        with suppress(PolyrouteError):
            world.db.sql(planned_sql(query), query.earlier)
    try:
        return world.db.sql(planned_sql(query), query.params or None, pushdown=pushdown).to_arrow()
    except PolyrouteError as exc:
        return Raised(str(exc.code), str(exc))
    except Exception as exc:
        # never right, whatever the others raise
        return Raised(f"a bare {type(exc).__name__}", str(exc))


def ask_duckdb(world: World, query: Generated) -> Answer:
    """Ask the one DuckDB that holds everything; its answer gets logical types as every answer does."""
    sql = duckdb_sql(world, query)
    params = {n: v for n, v in query.params.items() if f"${n}" in sql}
    try:
        answer = query_table(world.duckdb, sql, params or None)
    except duckdb.Error as exc:
        return Raised(str(_CLASSIFIER.translate(exc, engine="duckdb").code), str(exc))
    return answer.rename_columns(unique_names(answer.column_names))


def check(world: World, query: Generated, tally: Tally | None = None) -> Failure | None:
    """Run a statement in its three forms and return the first disagreement, or None."""
    truth = ask_duckdb(world, query)
    if tally is not None:
        tally.add(world, query, truth)
    failure = _compared(world, query, ("plain", "one DuckDB"), ask(world, query, pushdown=False), truth)
    if failure is None:
        failure = _compared(world, query, ("pushdown", "one DuckDB"), ask(world, query, pushdown=True), truth)
    if failure is not None and tally is not None:
        tally.failures.append(failure)
    return failure


def check_pushdown(world: World, query: Generated) -> Failure | None:
    """Compare the planned form with the plain one alone."""
    plain = ask(world, query, pushdown=False)
    return _compared(world, query, ("pushdown", "plain"), ask(world, query, pushdown=True), plain)


def _compared(
    world: World, query: Generated, forms: tuple[str, str], given: Answer, expected: Answer
) -> Failure | None:
    if isinstance(given, Raised) or isinstance(expected, Raised):
        codes = [a.code if isinstance(a, Raised) else "an answer" for a in (given, expected)]
        told = None if codes[0] == codes[1] else f"{codes[0]}, not {codes[1]}"
    else:
        told = difference(given, expected, ordered=query.ordered)
    if told is None:
        return None
    return Failure(world.seed, query, planned_sql(query), world.placements, forms, told, (given, expected))


def queries(world: World, seeds: Iterable[int]) -> Iterator[Generated]:
    """Write the statements of some seeds for a world."""
    return (generate(world.datasets, world.placements, seed) for seed in seeds)


def run(world: World, seeds: Iterable[int], *, stop_after: int = 1) -> Tally:
    """Check the statements of some seeds, until so many have failed."""
    tally = Tally()
    for query in queries(world, seeds):
        check(world, query, tally)
        if len(tally.failures) >= stop_after:
            break
    return tally


def _shown(answer: Answer) -> str:
    if isinstance(answer, Raised):
        return f"{answer.code}: {answer.message}"
    rows = list(zip(*(c.to_pylist() for c in answer.slice(0, _SHOWN_ROWS).columns), strict=True))
    return "\n".join([str(answer.schema.names), *map(str, rows), f"({answer.num_rows} rows)"])

"""Third-party suites through polyroute: the unchanged SQL over tables in several engines must answer as published.

Every group is loaded where a placing says (see places.py), then each of its cases is asked with `sql`; where one
relational engine holds the whole group, `relational_query` must answer the same, and so must `sql` with every dataset
named with its engine. By default each group is tried in one
placing, chosen by its name; `POLYROUTE_SUITES=complete` tries all of them. No group is left out of any placing: every
engine takes every name and every type of the suites.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from sqlglot import exp

import polyroute
from polyroute import PolyrouteError, QueryResult
from polyroute.router.federation.statement import read_statement
from polyroute.sql.dialect import render
from tests.suites.answers import difference
from tests.suites.groups import (
    Case,
    Group,
    calcite_groups,
    duckdb_groups,
    present,
    sqlite_groups,
    tpch,
)
from tests.suites.places import COMPLETE, chosen, placed, placings

KNOWN: Mapping[str, str] = {
    "aggregate/aggregates/test_bitstring_agg#4:0": (
        "Arrow has no 128-bit integers: a HUGEINT column is loaded as a decimal, which bitstring_agg does not take"
    ),
    "agg:3816": "arg_min(ename, deptno) among three names of the smallest deptno: any of them is right",
}
"""The cases that need not answer as published, and why."""

TPCH_SPLITS = ("rotation0", "rotation2", "all_olap")


def groups() -> Iterator[tuple[str, tuple[Group, ...]]]:
    yield "duckdb_sqllogic", duckdb_groups()
    yield "sqlite_sqllogictest", sqlite_groups()
    yield "calcite_sql", calcite_groups()
    held = tpch()
    yield "tpch", () if held is None else (held,)


def trials() -> Iterator[object]:
    for suite, found in groups():
        if not present(suite):
            yield pytest.param(None, "", id=suite, marks=pytest.mark.skip(reason=f"the suite {suite} is not here"))
        for group in found:
            for placing in TPCH_SPLITS if suite == "tpch" and not COMPLETE else chosen(group):
                yield pytest.param(group, placing, id=f"{suite}-{group.id}-{placing}")


@pytest.mark.parametrize(("group", "placing"), list(trials()))
def test_the_answers_are_the_published_ones(group: Group, placing: str, tmp_path: Path) -> None:
    cases = [case for case in group.cases if case.id not in KNOWN]
    with placed(group, placings(group)[placing], tmp_path) as db:
        assert failures(cases, db.sql) == {}
        if placing in ("all_rel", "all_olap") and group.suite != "tpch":
            assert failures([case for case in cases if read_statement(case.sql).names], db.relational_query) == {}
        pinned = [qualified(case, db) for case in cases]
        assert failures([case for case in pinned if case is not None], db.sql) == {}


def qualified(case: Case, db: polyroute.DatabaseCoordinator) -> Case | None:
    """Return a case with `engine.dataset` for every dataset; None where DuckDB alone can parse it."""
    statement = read_statement(case.sql)
    if statement.tree is None:
        return None
    for reference in statement.tables:
        engine = db.catalog.resolve(".".join(reference.parts)).primary.engine.id
        reference.node.set("db", exp.to_identifier(engine))
    return replace(case, sql=render(statement.tree))


def failures(cases: list[Case], ask: Callable[[str], QueryResult]) -> dict[str, str]:
    found = {case.id: failure(case, ask) for case in cases}
    return {name: told for name, told in found.items() if told is not None}


def failure(case: Case, ask: Callable[[str], QueryResult]) -> str | None:
    try:
        return difference(case, ask(case.sql).to_arrow())
    except PolyrouteError as exc:
        return str(exc)


def test_known_cases_are_cases() -> None:
    here = {case.id for _, found in groups() for group in found for case in group.cases}
    if not all(present(suite) for suite, _ in groups()):
        pytest.skip("a suite is not here")
    assert set(KNOWN) <= here


def test_a_wrong_answer_is_seen() -> None:
    with polyroute.connect() as db:
        answer = db.sql("SELECT * FROM (VALUES (1, 'a', 0.5), (2, NULL, 3e9)) t(i, s, f)").to_arrow()
    right: list[list[object]] = [["1", "a", "0.5000001"], ["2", None, "3000000001"]]
    assert difference(Case("right", "", right, ordered=True), answer) is None
    assert difference(Case("other order", "", right[::-1], ordered=False), answer) is None
    assert difference(Case("other order", "", right[::-1], ordered=True), answer) is not None
    wrongs: list[list[list[object]]] = [
        [right[0]],
        [right[0], right[0]],
        [right[0], ["2", "", "3e9"]],
        [["1", "a", "0.501"], right[1]],
    ]
    for wrong in wrongs:
        assert difference(Case("wrong", "", wrong, ordered=False), answer) is not None

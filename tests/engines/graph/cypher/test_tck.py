"""The read patterns of the openCypher TCK (Apache-2.0), as data beside the repository."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from polyroute.engines.graph.cypher import run_query
from polyroute.errors import QueryError
from polyroute.result import Rows
from tests.engines.graph.cypher.tck import CASES, Cells, cases, form, graph_of, shown

needs_suite = pytest.mark.skipif(not CASES.exists(), reason="the shared suites are not here ($POLYROUTE_SHARED)")


def plain(value: Any) -> Any:
    """Turn a parameter, read as a cell, into a Python value."""
    if isinstance(value, list):
        return {k: plain(v) for k, v in value[1].items()} if value[0] == "map" else [plain(v) for v in value[1:]]
    return value


def cells(answer: Rows, *, loose_lists: bool) -> list[list[str]]:
    return [[form(shown(value), loose_lists=loose_lists) for value in row] for row in answer.rows]


def passes(case: dict[str, Any]) -> bool:
    expect = case["expect"]
    params = {name: plain(Cells.read(text)) for name, text in case["params"].items()}
    try:
        answer = run_query(graph_of(case["graph"]), case["query"], params, lambda: None)
    except QueryError:
        return bool(expect["kind"] == "error")
    if expect["kind"] == "error" or list(answer.columns) != expect["columns"]:
        return False
    loose = expect["ignore_list_order"]
    found = cells(answer, loose_lists=loose)
    wanted = [[form(Cells.read(cell), loose_lists=loose) for cell in row] for row in expect["rows"]]
    return found == wanted if expect["ordered"] else sorted(found) == sorted(wanted)


@needs_suite
def test_read_patterns_of_the_tck_pass() -> None:
    """Every case whose graph is given passes; those set up by more than CREATE are left out."""
    outcome = Counter()
    failed = []
    for case in cases():
        if case["graph"] is None:
            outcome["left out"] += 1
        elif passes(case):
            outcome["passed"] += 1
        else:
            failed.append(case["id"])
    assert failed == []
    assert outcome["passed"] >= 0.9 * sum(outcome.values())

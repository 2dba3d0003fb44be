"""A failing statement becomes small, fails in the same way, and is shown with all that it takes to see it again."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.generated.draft import Generated
from tests.generated.runner import Failure, Raised
from tests.generated.shrink import shrink, smaller


def _query(sql: str, *, ordered: bool = False) -> Generated:
    return Generated(1, sql, {}, {}, {}, frozenset(), frozenset({"t"}), ordered)


def _failing(query: Generated) -> Failure:
    answers = (Raised("A", "a"), Raised("B", "b"))
    return Failure(5, query, query.template, {"t": "rel", "u": "olap"}, ("pushdown", "plain"), "A, not B", answers)


def _fails_with(*texts: str) -> Callable[[Generated], Failure | None]:
    def check(query: Generated) -> Failure | None:
        return _failing(query) if all(t in query.template for t in texts) else None

    return check


@pytest.mark.parametrize(
    ("sql", "kept", "smallest"),
    [
        (
            "SELECT a, b FROM t LEFT JOIN u ON t.x = u.x WHERE a > 1 AND b < 2",
            ("b < 2",),
            "SELECT b FROM t WHERE b < 2",
        ),
        (
            "SELECT a FROM (SELECT a, b FROM t WHERE a IS NULL) AS q WHERE a > 1",
            ("IS NULL",),
            "SELECT b FROM t WHERE a IS NULL",
        ),
        ("WITH c AS (SELECT 1 AS a) SELECT a FROM t UNION ALL SELECT a FROM u", ("FROM u",), "SELECT a FROM u"),
        ("SELECT a FROM t WHERE a = 1 OR NOT (b = 2) ORDER BY 1 LIMIT 3", ("b = 2",), "SELECT a FROM t WHERE b = 2"),
    ],
)
def test_what_it_fails_without_is_left_out(sql: str, kept: tuple[str, ...], smallest: str) -> None:
    found = shrink(_failing(_query(sql)), _fails_with(*kept)).query.template
    assert found == smallest


def test_a_limit_keeps_the_order_that_decides_it() -> None:
    cuts = [query.template for query in smaller(_query("SELECT a, b FROM t ORDER BY 1, 2 LIMIT 3", ordered=True))]
    assert cuts == ["SELECT a, b FROM t"]


def test_rows_without_their_order_are_a_multiset() -> None:
    cuts = list(smaller(_query("SELECT a FROM t WHERE a > 1 ORDER BY 1", ordered=True)))
    assert {query.template: query.ordered for query in cuts} == {
        "SELECT a FROM t ORDER BY 1": True,
        "SELECT a FROM t WHERE a > 1": False,
    }


def test_a_failure_tells_how_to_see_it_again() -> None:
    told = str(_failing(_query("SELECT a FROM t")))
    for part in ("world 5, query 1", "t in rel", "SELECT a FROM t", "-- pushdown", "A: a", "-- plain", "B: b"):
        assert part in told
    assert "olap" not in told

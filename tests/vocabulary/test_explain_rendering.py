"""How a plan is shown: as a tree of text, as HTML, as plain dicts."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyroute.plan import Attempt, Fragment, Plan
from polyroute.plan_html import plan_html
from polyroute.plan_text import measured, plan_text, size_text, sql_lines
from polyroute.rendering import display_width

RESIDUAL = (
    "SELECT f1.city, count(*) AS flights, avg(f3.temp_f) AS temp FROM f1 JOIN f2 ON f2.origin = f1.iata "
    "LEFT JOIN f3 ON f3.origin = f1.iata AND f3.obs_utc = f2.time_hour WHERE f2.note IS DISTINCT FROM 'from  here' "
    "GROUP BY f1.city ORDER BY flights DESC LIMIT 10"
)


def analysed() -> Plan:
    """Return a plan in which everything happened that can be told of one."""
    return Plan(
        sql="SELECT ...",
        residual=RESIDUAL,
        merge_site="olap (duckdb)",
        fragments=[
            Fragment(
                "f1",
                "rel",
                "select",
                "airports",
                "SELECT iata, city FROM airports WHERE elevation_ft > 5000",
                columns=("iata", "city"),
                pushed={"filter": "elevation_ft > 5000", "columns": "iata, city"},
                kept={"order": "text is ordered by bytes here, by the collation there"},
                estimated_rows=100,
                rows=1,
                bytes=2_048,
                ms=1.25,
            ),
            Fragment(
                "f2", "olap", "select", "flights", "flights", estimated_rows=300_000, rows=336_776, in_place=True, ms=0
            ),
            Fragment(
                "f3",
                "ts",
                "scan",
                "weather",
                "scan(weather, keys=<42 values>)",
                bind_keys="origin from f1.iata",
                keys=42,
                rows=1_204,
                bytes=90_000,
                ms=12.5,
                depends_on=("f1",),
                attempts=(Attempt("pg", "ENGINE_UNAVAILABLE", "ts2"), Attempt("ts2", "QUERY_TIMEOUT", "ts")),
            ),
        ],
        rows=10,
        ms=1_234.5,
        analyzed=True,
        notes=("re-planned: f1 gave 1 row where 100 were expected",),
        cached=True,
        planning_ms=0.0187,
    )


def test_a_tree_tells_all_there_is() -> None:
    assert plan_text(analysed(), width=90) == (
        "merge at olap (duckdb): 10 rows, 1,234.5 ms; 1,205 rows (89.9 KiB) moved; plan from the\n"
        "  cache in 0.02 ms\n"
        "├─ SELECT f1.city, count(*) AS flights, avg(f3.temp_f) AS temp\n"
        "│  FROM f1\n"
        "│  JOIN f2 ON f2.origin = f1.iata\n"
        "│  LEFT JOIN f3 ON f3.origin = f1.iata AND f3.obs_utc = f2.time_hour\n"
        "│  WHERE f2.note IS DISTINCT FROM 'from  here'\n"
        "│  GROUP BY f1.city\n"
        "│  ORDER BY flights DESC\n"
        "│  LIMIT 10\n"
        "├─ f1 = select on rel: 1 row (about 100 expected), 2.0 KiB, 1.2 ms\n"
        "│    asked       SELECT iata, city FROM airports WHERE elevation_ft > 5000\n"
        "│    pushed      filter: elevation_ft > 5000\n"
        "│                columns: iata, city\n"
        "│    not pushed  order: text is ordered by bytes here, by the collation there\n"
        "├─ f2 = select on olap: 336,776 rows (about 300,000 expected), 0.0 ms\n"
        "│    asked       flights\n"
        "│    in place    read where it lies, its rows never moved\n"
        "├─ f3 = scan on ts: 1,204 rows, 87.9 KiB, 12.5 ms\n"
        "│    asked       scan(weather, keys=<42 values>)\n"
        "│    keys        42 bound: origin from f1.iata\n"
        "│    after       f1\n"
        "│    failed      ENGINE_UNAVAILABLE on pg, went on to ts2\n"
        "│                QUERY_TIMEOUT on ts2, went on to ts\n"
        "└─ note: re-planned: f1 gave 1 row where 100 were expected"
    )


def test_a_plan_that_has_not_run_shows_estimates_only() -> None:
    plan = Plan(
        "SELECT ...", "SELECT * FROM f1", "duckdb", [Fragment("f1", "rel", "scan", "a", "a", bind_keys="x from f0.x")]
    )
    assert plan_text(plan) == (
        "merge at duckdb\n├─ SELECT * FROM f1\n└─ f1 = scan on rel\n     asked       a\n"
        "     keys        bound: x from f0.x"
    )
    plan.fragments[0].estimated_rows = 1
    assert "f1 = scan on rel: about 1 row\n" in str(plan)


def test_one_engine_that_answers_all_has_no_residual() -> None:
    plan = Plan("SELECT 1", "", "rel", [Fragment("f1", "rel", "select", None, "SELECT 1")])
    assert str(plan).splitlines()[1] == "└─ f1 = select on rel"


def test_rows_read_in_place_did_not_move() -> None:
    plan = analysed()
    assert plan.rows_moved == 1_205
    assert plan.bytes_moved == 92_048
    assert measured(plan.fragments[1]) == "336,776 rows (about 300,000 expected), 0.0 ms"


@pytest.mark.parametrize(
    ("sql", "lines"),
    [
        ("SELECT 1 -- one\n, 2", ["SELECT 1 , 2"]),
        ("SELECT /* no\nway */ 'a -- b   c'", ["SELECT 'a -- b   c'"]),
        ("SELECT a, (SELECT max(b) FROM u WHERE u.k = 1) FROM t",
         ["SELECT a, (SELECT max(b) FROM u WHERE", "  u.k = 1)", "FROM t"]),
        ("SELECT left(city, 3) AS l, x.from FROM t NATURAL LEFT  OUTER JOIN u",
         ["SELECT left(city, 3) AS l, x.from", "FROM t", "NATURAL LEFT OUTER JOIN u"]),
        ("'never ends AND THIS IS BROKEN ANYWHERE IT MUST", ["'never ends AND THIS IS BROKEN ANYWHERE", "  IT MUST"]),
        ("x" * 100, ["x" * 40, "  " + "x" * 38, "  " + "x" * 22]),
    ],
)  # fmt: skip
def test_sql_is_folded_at_its_outermost_clauses(sql: str, lines: list[str]) -> None:
    assert sql_lines(sql, 40) == lines


def test_a_very_long_text_is_cut_and_says_so() -> None:
    lines = sql_lines("SELECT " + ", ".join(f"column_{i}" for i in range(1_000)), 80)
    assert len(lines) == 12
    assert lines[-1] == "… (11,895 characters)"


def test_no_text_can_steer_a_terminal() -> None:
    evil = "a\x1b[2J\x9b31m\x07"
    fragment = Fragment(
        evil, evil, evil, evil, f"SELECT '{evil}'", pushed={evil: evil}, kept={evil: evil}, bind_keys=evil
    )
    plan = Plan(evil, f"SELECT {evil}", evil, [fragment], notes=(evil,))
    assert all(line.isprintable() for line in str(plan).splitlines())
    assert "\x1b" not in plan_html(plan)


@given(
    st.text(st.characters(codec="utf-8"), max_size=300),
    st.text(st.sampled_from("abc日本 '\"()-/*,\n\x1b"), max_size=300),
    st.integers(50, 120),
)
def test_no_line_is_wider_than_asked(native: str, residual: str, width: int) -> None:
    fragment = Fragment("f1", "rel", "scan", "a", native, pushed={"filter": residual}, kept={"order": native})
    plan = Plan(native, residual, residual, [fragment], notes=(native,))
    assert all(display_width(line) <= width for line in plan_text(plan, width=width).split("\n"))


class _Tags(HTMLParser):
    """Collects the tags and texts of a page, and fails on one that is not closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def read_html(page: str) -> _Tags:
    """Return what a browser would see of a page."""
    tags = _Tags()
    tags.feed(page)
    tags.close()
    assert not tags.open
    return tags


def test_html_tells_the_same() -> None:
    seen = read_html(analysed()._repr_html_())
    for told in (
        "merge at olap (duckdb)",
        "10 rows in 1,234.5 ms; 1,205 rows (89.9 KiB) moved; plan from the cache in 0.02 ms",
        "LEFT JOIN f3",
        "SELECT iata, city FROM airports WHERE elevation_ft > 5000",
        "order: text is ordered by bytes here",
        "42 bound: origin from f1.iata",
        "1 row (about 100 expected), 2.0 KiB, 1.2 ms",
        "QUERY_TIMEOUT on ts2, went on to ts",
        "read where it lies",
        "re-planned",
    ):
        assert told in seen.text
    assert seen.seen <= {"div", "p", "b", "span", "table", "thead", "tbody", "tr", "th", "td", "br"}


def test_html_takes_its_colours_from_the_page() -> None:
    page = plan_html(analysed())
    assert "color:inherit" in page
    assert "background:none" in page
    assert not re.search(r"color:\s*#|rgb\(", page)


def test_html_shows_markup_as_text() -> None:
    evil = "</td><script>alert(1)</script>"
    fragment = Fragment(evil, evil, evil, evil, evil, pushed={evil: evil}, attempts=(Attempt(evil, evil, evil),))
    seen = read_html(plan_html(Plan(evil, evil, evil, [fragment], notes=(evil,))))
    assert "script" not in seen.seen
    assert seen.text.count(evil) == 13


def test_html_keeps_the_lines_of_a_text_and_cuts_a_long_one() -> None:
    page = plan_html(Plan("", "SELECT a\n  FROM b", "duckdb"))
    assert "SELECT a\n  FROM b" in page
    assert len(plan_html(Plan("", "x" * 100_000, "duckdb"))) < 5_000


def test_the_dict_is_fit_for_json_and_shares_nothing() -> None:
    plan = analysed()
    plan.fragments[0].pushed = MappingProxyType({"filter": "a"})
    told = plan.to_dict()
    assert json.loads(json.dumps(told)) == told
    assert told["rows_moved"] == 1_205
    fragments = told["fragments"]
    assert isinstance(fragments, list)
    assert fragments[2]["attempts"][0] == {"engine": "pg", "code": "ENGINE_UNAVAILABLE", "then": "ts2"}
    fragments[0]["pushed"]["filter"] = "b"
    assert plan.fragments[0].pushed["filter"] == "a"


def test_the_names_of_the_dict_stay() -> None:
    told = analysed().to_dict()
    assert list(told) == [
        "sql", "residual", "merge_site", "fragments", "rows", "ms", "analyzed", "notes", "cached", "planning_ms",
        "rows_moved", "bytes_moved",
    ]  # fmt: skip
    fragments = told["fragments"]
    assert isinstance(fragments, list)
    assert list(fragments[0]) == [
        "name", "engine", "operation", "dataset", "native", "columns", "pushed", "kept", "bind_keys", "keys",
        "depends_on", "in_place", "estimated_rows", "rows", "bytes", "ms", "attempts",
    ]  # fmt: skip


def test_every_field_is_in_the_dict() -> None:
    assert set(Plan.__slots__) <= set(analysed().to_dict())
    assert set(Fragment.__slots__) == set(analysed().fragments[0].to_dict())


def test_sizes_read_well() -> None:
    assert [size_text(n) for n in (0, 1023, 1024, 5 << 30, 2 << 40)] == [
        "0 B",
        "1023 B",
        "1.0 KiB",
        "5.0 GiB",
        "2,048.0 GiB",
    ]

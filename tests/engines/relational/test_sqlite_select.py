"""Pushdown changes no answer: what SQLite filters, orders and cuts is what DuckDB would."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polyroute.engines.binding import bind
from polyroute.engines.contract import BoundScan
from polyroute.engines.local import evaluate
from polyroute.operations import Scan
from polyroute.sql.filters import parse_filter, parse_order
from tests.engines.relational.sqlite_cases import Opened

NAN, INF = math.nan, math.inf
COLUMNS: dict[str, tuple[pa.DataType, list[object]]] = {
    "i": (pa.int64(), [0, 1, -1, 5, 2**63 - 1, -(2**63), 2**53 + 1]),
    "s": (pa.int8(), [0, 1, -1, 5, 127]),
    "u": (pa.uint64(), [0, 1, 5, 2**63 - 1]),
    "x": (pa.float64(), [0.0, -0.0, 1.5, 5.0, NAN, INF, -INF, 2.0**53]),
    "f": (pa.float32(), [0.0, 1.5, 5.0, NAN, 0.10000000149011612]),
    "t": (pa.string(), ["", "a", "A", "é", "5", "1.5", "z\0b", "🚂", "true"]),
    "b": (pa.bool_(), [True, False]),
    "d": (pa.date32(), [dt.date(1, 1, 1), dt.date(2020, 2, 29), dt.date(9999, 12, 31)]),
    "m": (pa.timestamp("us"), [dt.datetime(2020, 2, 29), dt.datetime(2020, 2, 29, 0, 0, 0, 1), dt.datetime(999, 1, 1)]),
    "q": (pa.timestamp("s"), [dt.datetime(2020, 2, 29), dt.datetime(2020, 2, 29, 5)]),
    "z": (pa.timestamp("us", "Europe/Zurich"), [dt.datetime(2020, 2, 29, tzinfo=dt.UTC)]),
    "c": (pa.time64("us"), [dt.time(0), dt.time(5, 15), dt.time(23, 59, 59, 999_999)]),
    "p": (pa.decimal128(9, 2), [1, 5, -1]),
    "y": (pa.binary(), [b"", b"\0", b"a", b"\xff"]),
}
LITERALS = {
    "i": ["0", "5", "1.5", "-1", "9223372036854775807", "1e0", "5.0", "0.1"],
    "s": ["0", "5", "127", "1.5"],
    "u": ["0", "5", "9223372036854775808"],
    "x": ["0", "1.5", "5", "'nan'", "'inf'", "1e300"],
    "f": ["0", "1.5", "0.1", "'nan'"],
    "t": ["''", "'a'", "'5'", "'1.5'", "'é'", "'z'"],
    "b": ["true", "false"],
    "d": ["'2020-02-29'", "DATE '2020-02-29'", "TIMESTAMP '2020-02-29 00:00:01'"],
    "m": ["'2020-02-29'", "TIMESTAMP '2020-02-29 00:00:00'", "'2020-02-29 00:00:00.000001'", "DATE '2020-02-29'"],
    "q": ["'2020-02-29'", "TIMESTAMP '2020-02-29 05:00:00'"],
    "z": ["'2020-02-29 00:00:00+00'", "'2020-02-29'"],
    "c": ["'05:15:00'", "'00:00:00'"],
    "p": ["1", "5.00", "1.5"],
    "y": ["'a'"],
}
COMPARISON = st.sampled_from(["=", "<>", "<", "<=", ">", ">=", "IS DISTINCT FROM", "IS NOT DISTINCT FROM"])


@st.composite
def conditions(draw: st.DrawFn) -> str:
    name = draw(st.sampled_from(sorted(LITERALS)))
    value = st.sampled_from(LITERALS[name])
    match draw(st.integers(0, 4)):
        case 0 | 1:
            return f"{name} {draw(COMPARISON)} {draw(value)}"
        case 2:
            return f"{name} IS {draw(st.sampled_from(['NULL', 'NOT NULL']))}"
        case 3:
            negated = draw(st.sampled_from(["", "NOT "]))
            return f"{name} {negated}IN ({', '.join(draw(st.lists(value, min_size=1, max_size=3)))})"
        case _:
            return f"{name} BETWEEN {draw(value)} AND {draw(value)}"


FILTERS = st.recursive(
    conditions(),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["AND", "OR"]), inner).map(lambda p: f"({p[0]}) {p[1]} ({p[2]})"),
        inner.map(lambda f: f"NOT ({f})"),
    ),
    max_leaves=3,
)
ORDERS = st.lists(
    st.tuples(
        st.sampled_from(sorted(COLUMNS)),
        st.sampled_from(["", " DESC"]),
        st.sampled_from(["", " NULLS FIRST", " NULLS LAST"]),
    ).map("".join),
    max_size=2,
).map(lambda keys: ", ".join([*keys, "k"]))


def sample() -> pa.Table:
    longest = max(len(values) for _, values in COLUMNS.values())
    arrays = {"k": pa.array(range(2 * longest + 2), pa.int64())}
    for position, (name, (arrow_type, values)) in enumerate(COLUMNS.items()):
        wanted = [*values, None, *values, None, None] * 12
        arrays[name] = pa.array(wanted[position : position + 2 * longest + 2], arrow_type)
    return pa.table(arrays)


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    opened = Opened(Path(tmp_path_factory.mktemp("select")) / "a.db")
    opened.load("t", sample(), key=["k"])
    yield opened
    opened.engine.close()


@settings(max_examples=250, deadline=None)
@given(where=FILTERS)
def test_a_filter_gives_duckdbs_rows(db: Opened, where: str) -> None:
    table = sample()
    expected = evaluate(table, columns=["k"], where=parse_filter(where, table.schema))
    found = db.rows("t", ["k"], where=where, order="k")
    assert [r["k"] for r in found] == expected["k"].to_pylist(), where


@settings(max_examples=100, deadline=None)
@given(order=ORDERS, limit=st.one_of(st.none(), st.integers(0, 12)))
def test_an_order_is_duckdbs_order(db: Opened, order: str, limit: int | None) -> None:
    table = sample()
    expected = evaluate(table, columns=["k"], order=parse_order(order, table.schema), limit=limit)
    assert [r["k"] for r in db.rows("t", ["k"], order=order, limit=limit)] == expected["k"].to_pylist()


@pytest.mark.parametrize(
    "where",
    [
        "i = 5 AND s < 5 AND u >= 1",
        "i > 1.5",
        "x = 'nan' OR f > 1.5",
        "t IN ('a', '5') AND b",
        "d BETWEEN '2019-01-01' AND '2021-01-01'",
        "m >= '2020-02-29'",
        "z < '2021-01-01'",
        "c = '05:15:00'",
        "NOT (i IS NULL)",
    ],
)
def test_plain_comparisons_are_pushed_whole(db: Opened, where: str) -> None:
    bound = bind(db.engine.dataset("t"), Scan("t", where=where, order="d DESC, x", limit=3))
    assert isinstance(bound, BoundScan)
    pushed = db.engine.negotiate(bound)
    assert (pushed.columns, pushed.residual, pushed.order, pushed.limit) == (True, None, True, True)


@pytest.mark.parametrize("where", ["p > 1", "t LIKE 'a%'", "length(t) = 1", "i % 2 = 0", "i = s + 1"])
def test_other_conditions_stay(db: Opened, where: str) -> None:
    bound = bind(db.engine.dataset("t"), Scan("t", where=f"i = 5 AND {where}", order="k", limit=1))
    assert isinstance(bound, BoundScan)
    pushed = db.engine.negotiate(bound)
    assert pushed.where is not None
    assert pushed.residual is not None
    assert not pushed.limit


def test_a_decimal_orders_nothing(db: Opened) -> None:
    bound = bind(db.engine.dataset("t"), Scan("t", order="p"))
    assert isinstance(bound, BoundScan)
    assert not db.engine.negotiate(bound).order
    assert [r["p"] for r in db.rows("t", ["p"], order="p", limit=2)] == [-1, -1]


def test_parameters_are_values(db: Opened) -> None:
    hostile = "'; DROP TABLE t; --"
    assert db.rows("t", ["k"], where="t = $v", params={"v": hostile}) == []
    assert db.rows("t", ["k"], where="i IN $many", params={"many": list(range(100, 40_000))}) == []
    assert len(db.rows("t", ["k"], where="d = $v", params={"v": dt.date(1, 1, 1)})) > 0

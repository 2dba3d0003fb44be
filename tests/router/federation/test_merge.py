"""The merge site: logical types of every DuckDB answer, statistics that Arrow lacks, streams of one schema, errors."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pyarrow as pa
import pytest

import polyroute
from polyroute import PolyrouteError
from polyroute.engines.call import UNBOUNDED
from polyroute.router.federation.merge import merge, merge_batches

SMALL = pa.table({"i": pa.array([2, 8, None, 2], pa.int8()), "name": ["b", "h", None, "b"]})
FROM_2_TO_8 = "1000001"


def one(sql: str) -> object:
    return merge(sql, {"small": SMALL}, {}, UNBOUNDED).column(0)[0].as_py()


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT '0101'::BIT", "0101"),
        ("SELECT ['0101'::BIT, NULL]; -- two; at most", ["0101", None]),
        ("SELECT '1'::BIT AS \"a;b\" /* ; */ ;;", "1"),
        ("SELECT {'b': '1'::BIT}", {"b": "1"}),
        ("SELECT 12345678901234567890123456789012345678901234567890::BIGNUM", "1234567890" * 5),
        ("SELECT TIMETZ '12:34:56+02'", "12:34:56+02"),
        ("SELECT UUID '12345678-1234-1234-1234-123456789012'", "12345678-1234-1234-1234-123456789012"),
        ("SELECT 170141183460469231731687303715884105727::HUGEINT", Decimal(2**127 - 1)),
        ("SELECT 5::UHUGEINT", 5),
        ("SELECT union_value(n := 2)", '{"n":2}'),
        ("SELECT [1::VARIANT, 'a'::VARIANT]", ["1", '"a"']),
        ("SELECT DATE '2024-02-29'", dt.date(2024, 2, 29)),
        ("DESCRIBE SELECT 1 AS x", "x"),
        ("FROM (VALUES ('1'::BIT), ('0'::BIT)) t(b) ORDER BY b", "0"),
    ],
)
def test_every_type_has_a_logical_one(sql: str, expected: object) -> None:
    assert one(sql) == expected


def test_a_number_that_arrow_cannot_carry_is_refused() -> None:
    with pytest.raises(PolyrouteError, match="out of range"):
        one("SELECT 340282366920938463463374607431768211455::UHUGEINT")


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT bitstring_agg(i) FROM small", FROM_2_TO_8),
        ("SELECT bit_count(bitstring_agg(i)) FROM small AS s WHERE i < $most", 1),
        ("SELECT list(name ORDER BY name)::VARCHAR FROM small GROUP BY ALL HAVING bitstring_agg(i) IS NOT NULL",
         "[b, b, h, NULL]"),
    ],
)  # fmt: skip
def test_functions_that_need_statistics_have_them(sql: str, expected: object) -> None:
    answer = merge(sql, {"small": SMALL, "other": SMALL}, {"most": 8}, UNBOUNDED)
    assert answer.column(0)[0].as_py() == expected


def test_batches_have_one_schema() -> None:
    numbers = pa.table({"n": pa.array(range(150_000))})
    batches = list(merge_batches("SELECT n::HUGEINT AS n, '1'::BIT AS b FROM t", {"t": numbers}, {}, UNBOUNDED))
    assert len(batches) > 1
    assert {batch.schema for batch in batches} == {pa.schema([("n", pa.int64()), ("b", pa.string())])}
    assert sum(batch.num_rows for batch in batches) == 150_000


def test_an_empty_answer_has_one_batch_with_its_columns() -> None:
    numbers = pa.table({"n": [1]})
    sql = "SELECT sum(n) AS s, {'j': '1'::JSON, 'l': ['2'::JSON]} AS j, n, n FROM t WHERE n > 1 GROUP BY ALL"
    [batch] = merge_batches(sql, {"t": numbers}, {}, UNBOUNDED)
    assert batch.num_rows == 0
    assert batch.schema.names == ["s", "j", "n", "n_1"]
    assert batch.schema.types == merge(sql, {"t": numbers}, {}, UNBOUNDED).schema.types


def test_repeated_names_are_told_apart(db: polyroute.DatabaseCoordinator) -> None:
    sql = "SELECT a.city, b.city, 1 AS city_1 FROM airports a JOIN airports b USING (iata)"
    assert {tuple(batch.schema.names) for batch in db.stream(sql)} == {tuple(db.sql(sql).to_arrow().column_names)}


def test_a_later_batch_that_needs_more_bits_is_told() -> None:
    numbers = pa.table({"n": pa.array([*range(149_999), 2**62])})
    with pytest.raises(PolyrouteError, match="more than the 64 bits") as caught:
        list(merge_batches("SELECT n::HUGEINT * 4 AS n FROM t", {"t": numbers}, {}, UNBOUNDED))
    assert caught.value.code == "QUERY_EXECUTION_FAILED"
    wide = pa.table({"n": pa.array([2**62, *range(149_999)])})
    [schema] = {b.schema for b in merge_batches("SELECT n::HUGEINT * 4 AS n FROM t", {"t": wide}, {}, UNBOUNDED)}
    assert schema.types == [pa.decimal128(38, 0)]


def test_streams_raise_our_errors_without_values() -> None:
    secret = pa.table({"s": ["hunter2"]})
    with pytest.raises(PolyrouteError) as caught:
        list(merge_batches("SELECT s::INTEGER FROM t", {"t": secret}, {}, UNBOUNDED))
    assert caught.value.code == "QUERY_INVALID"
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("engine", ["rel", "olap"])
def test_relational_query_answers_what_only_duckdb_parses(db: polyroute.DatabaseCoordinator, engine: str) -> None:
    db.load("steps", [{"k": 1, "v": 2}, {"k": 2, "v": 7}], engine=engine, show_progress=False)
    sql = (
        "WITH RECURSIVE t(k, v) USING KEY (k, max(v)) AS (SELECT k, v FROM steps UNION "
        "SELECT 1, v + 1 FROM t WHERE v < 4) SELECT v FROM t ORDER BY v"
    )
    assert db.relational_query(sql).fetchall() == db.sql(sql).fetchall() == [(4,), (7,)]
    bits = "SELECT v::BIT AS b FROM steps WHERE k = 1;"
    assert db.relational_query(bits).scalar() == db.sql(bits).scalar() == "0" * 62 + "10"

"""What is kept cannot be reached: whoever changes what he was given changes only that."""

from __future__ import annotations

import pyarrow as pa

from polyroute.optimizer.cache.answers import KeptAnswer, rough_size, rows_size
from polyroute.result import Documents, QueryResult, Rows


def test_documents_are_everybodys_own() -> None:
    documents: list[dict[str, object]] = [{"_id": 1, "tags": ["a"]}]
    original = QueryResult(Documents(documents, lambda: pa.Table.from_pylist([{"_id": 1}]), ("_id", "tags")))
    kept = KeptAnswer(original)
    tags = original.to_dicts()[0]["tags"]
    assert isinstance(tags, list)
    tags.append("changed by the first")
    again = kept.fresh().to_dicts()
    again[0]["tags"] = "changed by the second"
    assert kept.fresh().to_dicts() == [{"_id": 1, "tags": ["a"]}]
    assert kept.fresh().to_arrow().num_rows == 1


def test_rows_are_everybodys_own() -> None:
    for rows in ([(1, "a")], [(1, ["a"])], [(1, {"a": [1]})]):
        original = QueryResult(Rows(("n", "v"), list(rows), pa.schema({"n": pa.int64(), "v": pa.string()})))
        kept = KeptAnswer(original)
        original.rows().clear()
        kept.fresh().rows().append((2, "b"))
        result = kept.fresh()
        assert result.rows() == rows
        assert result.fetchone() == rows[0]
        assert result.fetchone() is None
        assert kept.fresh().fetchone() == rows[0]
        assert result.schema.names == ["n", "v"]


def test_a_schema_is_asked_for_when_the_answer_is_kept() -> None:
    asked = []

    def schema() -> pa.Schema:
        asked.append(1)
        return pa.schema({"n": pa.int64()})

    kept = KeptAnswer(QueryResult(Rows(("n",), [(1,)], schema)))
    assert kept.fresh().to_arrow().schema == kept.fresh().schema == pa.schema({"n": pa.int64()})
    assert asked == [1]


def test_a_hit_tells_that_it_is_one() -> None:
    original = QueryResult(pa.table({"a": [1]}))
    original.engine, original.attempts = "rel", 3
    result = KeptAnswer(original).fresh()
    assert (result.from_cache, result.engine, result.attempts, result.freshness) == (True, "rel", 0, "current")
    assert result.route is not None
    assert "cache" in result.route.reason
    assert original.from_cache is False


def test_sizes_count_what_is_held() -> None:
    whole = pa.table({"a": list(range(100_000))})
    # a slice keeps all of its table in memory
    assert rough_size(QueryResult(whole.slice(0, 1))) == rough_size(QueryResult(whole)) >= 800_000
    long = [(i, "x" * 1_000) for i in range(10_000)]
    assert 10_000_000 < rows_size(long) < 20_000_000
    assert rough_size(QueryResult(Documents([{"a": "x" * 100}] * 1_000, lambda: whole, ("a",)))) > 100_000

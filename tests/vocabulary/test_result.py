"""Results: the cursor, the forms, the laziness."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pyarrow as pa
import pytest

from polyroute import PolyrouteError, QueryResult
from polyroute.result import Rows
from polyroute.sql.types import JSON
from polyroute.values import rows_from_table, table_from_rows, unique_names


def result() -> QueryResult:
    return QueryResult(Rows(("n", "name"), [(1, "ann"), (2, "bob"), (3, None)]))


def test_iteration_starts_again_and_the_cursor_goes_on() -> None:
    r = result()
    assert list(r) == list(r)
    assert r.fetchone() == (1, "ann")
    assert r.fetchmany(size=1) == [(2, "bob")]
    assert r.fetchall() == [(3, None)]
    assert (r.fetchone(), r.fetchmany(5), r.fetchall()) == (None, [], [])
    assert len(list(r)) == 3


def test_one_and_scalar() -> None:
    assert result().scalar() == 1
    assert QueryResult(Rows(("a",), [])).scalar() is None
    assert QueryResult(Rows(("a",), [(7,)])).one() == (7,)
    with pytest.raises(PolyrouteError, match="expected one row, the result has 3"):
        result().one()


def test_all_forms_hold_the_same_rows() -> None:
    r = result()
    assert r.to_dicts() == [{"n": 1, "name": "ann"}, {"n": 2, "name": "bob"}, {"n": 3, "name": None}]
    assert pa.table(r).equals(r.to_arrow())
    assert r.to_pandas()["n"].tolist() == [1, 2, 3]
    assert r.to_polars()["name"].to_list() == ["ann", "bob", None]
    bundle = r._repr_mimebundle_()
    assert "ann" in bundle["text/plain"]
    assert "<td>bob</td>" in bundle["text/html"]


def test_html_escapes_values() -> None:
    assert "<script>" not in QueryResult(Rows(("a",), [("<script>",)]))._repr_mimebundle_()["text/html"]


def test_repeated_names_get_a_number() -> None:
    r = QueryResult(Rows(("a", "a", "a_1", "a"), [(1, 2, 3, 4)]))
    assert r.columns == ("a", "a", "a_1", "a")
    assert r.to_dicts() == [{"a": 1, "a_2": 2, "a_1": 3, "a_3": 4}]
    assert r.to_arrow().column_names == ["a", "a_2", "a_1", "a_3"]
    assert unique_names([]) == ()


def test_arrow_and_tuples_agree_on_every_type() -> None:
    zone = dt.UTC
    values: dict[str, tuple[pa.DataType, object]] = {
        "b": (pa.bool_(), True),
        "i": (pa.uint64(), 2**64 - 1),
        "f": (pa.float32(), 0.5),
        "s": (pa.string(), "ü"),
        "x": (pa.binary(), b"\0"),
        "d": (pa.date32(), dt.date(2013, 1, 31)),
        "t": (pa.timestamp("ns"), dt.datetime(2013, 1, 31, 12, 0, 0, 123456)),
        "z": (pa.timestamp("us", "UTC"), dt.datetime(2013, 1, 31, tzinfo=zone)),
        "h": (pa.time64("ns"), dt.time(23, 59, 59, 5)),
        "u": (pa.duration("ns"), dt.timedelta(seconds=1)),
        "n": (pa.decimal128(10, 2), Decimal("1.10")),
        "l": (pa.list_(pa.timestamp("ns")), [dt.datetime(2013, 1, 31)]),
        "o": (pa.struct([("a", pa.int64())]), {"a": 1}),
        "m": (pa.map_(pa.string(), pa.int64()), [("k", 1)]),
        "j": (JSON, '{"a": 1}'),
    }
    schema = pa.schema([(name, kind) for name, (kind, _) in values.items()])
    row = tuple(value for _, value in values.values())
    table = table_from_rows(schema.names, [row, (None,) * len(row)], schema)
    assert table.schema == schema
    assert rows_from_table(table) == [row, (None,) * len(row)]


def test_the_schema_is_made_when_it_is_asked_for() -> None:
    asked: list[int] = []

    def schema() -> pa.Schema:
        asked.append(1)
        return pa.schema([("a", pa.int8())])

    r = QueryResult(Rows(("a",), [(1,)], schema=schema))
    assert (list(r), asked) == ([(1,)], [])
    assert (r.schema.field("a").type, r.to_arrow().schema.field("a").type) == (pa.int8(), pa.int8())


def test_times_that_python_has_none_for_are_told() -> None:
    far = QueryResult(pa.table({"d": pa.array([2**31 - 1], pa.int32()).cast(pa.date32())}))
    assert far.to_arrow().num_rows == 1
    with pytest.raises(PolyrouteError, match="to_arrow"):
        far.fetchall()

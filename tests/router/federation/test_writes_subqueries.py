"""UPDATE and DELETE whose conditions ask other engines."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

import polyroute
from polyroute.engines import Dataset
from polyroute.errors import PolyrouteError
from polyroute.router.federation.writes_subqueries import MOST_VALUES, localised
from polyroute.sql.dialect import parse_statement, render
from polyroute.sql.types import JSON
from tests.router.federation.writing import connected, loaded, rows, write

Database = polyroute.DatabaseCoordinator

SCHEMA = pa.schema([("k", pa.int64()), ("name", pa.string()), ("day", pa.date32()), ("x", pa.float64())])
THINGS = Dataset("things", "relational", SCHEMA, ("k",))


def local(sql: str, found: pa.Table, dataset: Dataset = THINGS) -> str:
    """Return the statement for the one engine; every query over others finds the table."""
    return render(localised(parse_statement(sql), dataset, lambda query: "here" in render(query), lambda query: found))


@pytest.mark.parametrize(
    ("values", "arrow_type", "told"),
    [
        ([1, -2], pa.int64(), "k IN (1, -2)"),
        ([1, None, 1], pa.int64(), "k IN (1, NULL)"),
        ([], pa.int64(), "FALSE"),
        ([None], pa.null(), "k IN (NULL)"),
        ([0.1, 1e300], pa.float64(), "k IN (0.1e0, 1e+300)"),
        ([float("inf")], pa.float64(), "k IN (CAST('inf' AS DOUBLE))"),
        ([Decimal("1.10")], pa.decimal128(10, 2), "k IN (CAST('1.10' AS DECIMAL(10, 2)))"),
    ],
)
def test_values_keep_their_types(values: list[object], arrow_type: pa.DataType, told: str) -> None:
    found = pa.table({"v": pa.array(values, arrow_type)})
    assert local("DELETE FROM things WHERE k IN (SELECT v FROM far)", found) == f"DELETE FROM things WHERE {told}"


@pytest.mark.parametrize(
    ("column", "value", "told"),
    [
        ("name", "it's", "'it''s'"),
        ("day", dt.date(2013, 1, 2), "CAST('2013-01-02' AS DATE)"),
        ("day", dt.datetime(2013, 1, 2, 3, 4, 5), "CAST('2013-01-02 03:04:05' AS TIMESTAMP)"),
        ("day", dt.datetime(2013, 1, 2, tzinfo=dt.UTC), "CAST('2013-01-02 00:00:00+00:00' AS TIMESTAMPTZ)"),
    ],
)
def test_texts_and_times_are_quoted(column: str, value: object, told: str) -> None:
    made = local(f"DELETE FROM things WHERE {column} IN (SELECT v FROM far)", pa.table({"v": [value]}))
    assert made == f"DELETE FROM things WHERE {column} IN ({told})"


def test_not_in_exists_and_single_values() -> None:
    one = pa.table({"v": [7]})
    assert local("DELETE FROM things WHERE NOT k IN (SELECT v FROM far)", one) == (
        "DELETE FROM things WHERE NOT k IN (7)"
    )
    assert local("DELETE FROM things WHERE k > (SELECT max(v) FROM far) AND x = 1", one) == (
        "DELETE FROM things WHERE k > 7 AND x = 1"
    )
    true = pa.table({"v": [True]})
    assert local("DELETE FROM things WHERE EXISTS (SELECT 1 FROM far)", true) == "DELETE FROM things WHERE TRUE"
    nothing = pa.table({"v": pa.array([None], pa.float64())})
    assert local("UPDATE things SET x = (SELECT v FROM far), name = 'n'", nothing) == (
        "UPDATE things SET x = NULL, name = 'n'"
    )


def test_what_the_engine_holds_stays() -> None:
    sql = "DELETE FROM things WHERE k IN (SELECT k FROM here) AND x IN (SELECT v FROM far)"
    assert local(sql, pa.table({"v": [1.5]})) == ("DELETE FROM things WHERE k IN (SELECT k FROM here) AND x IN (1.5e0)")


@pytest.mark.parametrize(
    ("sql", "found", "told"),
    [
        ("DELETE FROM things WHERE k IN (SELECT v, w FROM far)", {"v": [1], "w": [2]}, "more than one column"),
        ("DELETE FROM things WHERE k IN (SELECT v FROM far)", {"v": ["1"]}, "compared with values of type string"),
        ("DELETE FROM things WHERE name IN (SELECT v FROM far)", {"v": [1]}, "compared with values of type int64"),
        ("DELETE FROM things WHERE x + 1 IN (SELECT v FROM far)", {"v": [b"1"]}, "values of type binary"),
        ("DELETE FROM things WHERE k IN (SELECT v FROM far)", {"v": range(MOST_VALUES + 1)}, "10,001 values"),
        ("DELETE FROM things WHERE k = ANY (SELECT v FROM far)", {"v": [1]}, "ANY and ALL"),
        ("DELETE FROM things USING far WHERE k = v", {"v": [1]}, "USING"),
        ("UPDATE things SET x = v FROM far WHERE k = v", {"v": [1]}, "FROM"),
        ("UPDATE things SET x = (SELECT v FROM far)", {"v": [[1]]}, "CAST them"),
    ],
)
def test_what_cannot_be_carried_is_refused(sql: str, found: dict[str, list[object]], told: str) -> None:
    keyless = Dataset("things", "relational", SCHEMA)
    with pytest.raises(PolyrouteError) as caught:
        local(sql, pa.table({n: pa.array(v) for n, v in found.items()}), keyless)
    assert told in str(caught.value) + str(caught.value.__cause__)


def test_json_is_no_text() -> None:
    found = pa.table({"v": pa.ExtensionArray.from_storage(JSON, pa.array(["1"]))})
    keyless = Dataset("things", "relational", SCHEMA)
    with pytest.raises(PolyrouteError):
        local("DELETE FROM things WHERE name IN (SELECT v FROM far)", found, keyless)


def test_a_key_of_several_columns_names_rows_too() -> None:
    pair = Dataset("things", "relational", SCHEMA, ("k", "name"))
    asked: list[str] = []

    def evaluated(query: object) -> pa.Table:
        asked.append(render(query))  # type: ignore[arg-type]
        if len(asked) == 1:
            raise polyroute.errors.invalid("no column things.k in far")
        return pa.table({"k": [1, 2], "name": ["a", "b"]})

    tree = parse_statement("DELETE FROM things WHERE EXISTS (SELECT 1 FROM far WHERE v = things.k)")
    made = render(localised(tree, pair, lambda query: False, evaluated))
    assert made == """DELETE FROM things WHERE ("k" = 1 AND "name" = 'a') OR ("k" = 2 AND "name" = 'b')"""
    assert asked[1].startswith('SELECT "things"."k", "things"."name" FROM things WHERE EXISTS')


# over real engines


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    """Give all seven adapters with a dataset each."""
    with connected(tmp_path) as made:
        loaded(made)
        yield made


@pytest.mark.parametrize("name", ["people", "planes"])
@pytest.mark.parametrize(
    ("condition", "left"),
    [
        ("id IN (SELECT _id FROM profiles WHERE name IS NULL)", [-1]),
        ("id NOT IN (SELECT _id FROM profiles WHERE name IS NULL)", [-2]),
        ("id NOT IN (SELECT CASE WHEN name IS NOT NULL THEN _id END FROM profiles)", [-2, -1]),
        ("id = (SELECT min(_id) FROM profiles)", [-1]),
        ("EXISTS (SELECT 1 FROM routes WHERE km < 0)", [-2, -1]),
        ("EXISTS (SELECT 1 FROM profiles p WHERE p._id = {0}.id AND p.name = {0}.name)", [-2]),
        ("(SELECT count(*) FROM routes) = 2 AND name = 'first'", [-2]),
    ],
)
def test_rows_are_deleted_by_what_other_engines_say(db: Database, name: str, condition: str, left: list[int]) -> None:
    done = write(db, f"DELETE FROM {name} WHERE {condition.format(name)}")
    assert done.rows_affected == 2 - len(left)
    assert rows(db, f"SELECT id FROM {name} ORDER BY id") == [(i,) for i in left]


@pytest.mark.parametrize("name", ["people", "planes"])
def test_rows_are_updated_by_what_other_engines_say(db: Database, name: str) -> None:
    done = write(db, f"UPDATE {name} SET name = (SELECT max(dst) FROM routes) WHERE id IN (SELECT _id FROM pages "
                     "WHERE name = $wanted)", {"wanted": "first"})  # fmt: skip
    assert done.rows_affected == 1
    done = write(db, f"UPDATE {name} AS t SET name = 'none' WHERE NOT EXISTS "
                     "(SELECT 1 FROM pages p WHERE p._id = t.id AND p.name IS NOT NULL)")  # fmt: skip
    assert done.rows_affected == 1
    assert rows(db, f"SELECT id, name FROM {name} ORDER BY id") == [(-2, "none"), (-1, "JFK")]


def test_common_tables_are_answered_too(db: Database) -> None:
    write(db, "WITH c AS (SELECT _id FROM profiles) DELETE FROM planes WHERE id IN (SELECT _id FROM c)")
    assert rows(db, "SELECT id FROM planes") == []


def test_times_and_decimals_are_carried(db: Database) -> None:
    write(
        db,
        "CREATE TABLE olap.days AS SELECT DATE '2013-01-01' + i::INTEGER AS day, (i / 10)::DECIMAL(5, 2) AS m, "
        "TIMESTAMP '2013-01-01' + i * INTERVAL 1 DAY AS at FROM range(4) r(i)",
    )
    write(db, "DELETE FROM days WHERE at IN (SELECT at FROM weather)")
    write(db, "DELETE FROM days WHERE day IN (SELECT at::DATE + 1 FROM weather)")
    write(db, "DELETE FROM days WHERE m IN (SELECT 0.20 FROM weather)")
    assert rows(db, "SELECT m FROM days") == [(Decimal("0.30"),)]


def test_one_engine_alone_keeps_its_statement_whole(db: Database) -> None:
    done = write(db, "DELETE FROM planes WHERE id IN (SELECT id FROM planes WHERE name IS NULL) RETURNING id")
    assert done.fetchall() == [(-2,)]


def test_engines_without_sql_say_what_they_have(db: Database) -> None:
    with pytest.raises(PolyrouteError, match="document_delete"):
        write(db, "DELETE FROM profiles WHERE _id IN (SELECT id FROM people)")

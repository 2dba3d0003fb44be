"""INSERT ... SELECT and CREATE TABLE ... AS SELECT from any engines into any engine."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

import polyroute
from polyroute.engines import Call
from polyroute.errors import DatabaseErrorCode, PolyrouteError, make_error
from polyroute.router.federation.sameness import same_answer
from tests.router.federation.writing import TARGETS, answering, connected, contents, loaded, rows, write

Database = polyroute.DatabaseCoordinator


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    """Give all seven adapters with a dataset each."""
    with connected(tmp_path) as made:
        loaded(made)
        yield made


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """Give the same, for statements that change nothing."""
    with connected(tmp_path_factory.mktemp("lasting")) as made:
        loaded(made)
        yield made


def refused(db: Database, sql: str, code: str = "QUERY_INVALID") -> str:
    """Return the message with which a statement is refused; nothing has changed then."""
    before = contents(db)
    with pytest.raises(PolyrouteError) as caught:
        write(db, sql)
    assert caught.value.code == code
    after = contents(db)
    assert list(before) == list(after)
    assert all(same_answer(before[n], after[n], ordered=True) is None for n in before)
    return str(caught.value)


# what goes where


@pytest.mark.parametrize("engine", TARGETS)
def test_every_engine_takes_rows_from_the_others(db: Database, engine: str) -> None:
    name, columns = TARGETS[engine]
    before = db.scan(name).to_arrow()
    # one airport lies in SQLite, the routes in a graph: three rows of two engines
    query = f"SELECT {columns} FROM airports CROSS JOIN (SELECT 7 AS n UNION ALL SELECT 8) WHERE iata = 'JFK'"
    done = write(db, f"INSERT INTO {engine}.{name} {query}")
    assert (done.rows_affected, done.engine) == (2, engine)
    after = db.scan(name).to_arrow()
    assert after.num_rows == before.num_rows + 2
    added = db.sql(query).to_arrow().rename_columns(after.column_names)
    expected = pa.concat_tables([before, added.cast(before.schema)])
    assert same_answer(after, expected, ordered=False) is None
    assert after.schema == before.schema


@pytest.mark.parametrize(
    ("engine", "roles"),
    [
        ("rel", "key = n"),
        ("olap", "key = n"),
        ("docs", "key = n"),
        ("sdocs", "key = n"),
        ("graph", '"source" = city, target = iata, directed = false'),
        ("vec", "vector = v, key = n, metric = 'dot'"),
        ("ts", "time = at"),
    ],
)
def test_every_engine_makes_a_dataset_of_rows(db: Database, engine: str, roles: str) -> None:
    query = (
        "SELECT row_number() OVER (ORDER BY a.iata) AS n, a.iata, a.city, km, [1.5, 2.5]::FLOAT[2] AS v, "
        "TIMESTAMP '2013-01-01' + INTERVAL 1 DAY AS at FROM airports a JOIN routes r ON r.src = a.iata"
    )
    done = write(db, f"CREATE TABLE {engine}.made WITH ({roles}) AS {query}")
    assert (done.rows_affected, done.engine) == (2, engine)
    assert same_answer(db.scan("made").to_arrow(), db.sql(query).to_arrow(), ordered=False) is None
    made = db.datasets["made"].dataset
    assert (
        dict(made.roles).items()
        >= {
            "graph": {"source": "city", "target": "iata", "directed": "false"},
            "vec": {"vector": "v", "metric": "dot"},
            "ts": {"time": "at"},
        }.get(engine, {}).items()
    )
    assert made.key == (() if engine in ("graph", "ts") else ("n",))


def test_types_come_back_as_the_query_gave_them(db: Database) -> None:
    query = (
        "SELECT true AS b, 9223372036854775807 AS i, 1.5::FLOAT AS f, 'nan'::DOUBLE AS d, DATE '2013-01-01' AS day, "
        "TIMESTAMP '2013-01-01 10:00:00' AS at, TIMESTAMPTZ '2013-01-01 10:00:00+02' AS z, 1.10::DECIMAL(10, 2) AS m, "
        "'x' AS t, '\\x00'::BLOB AS raw, [1, NULL] AS l, {'a': 1} AS s, NULL::DATE AS nothing, sum(feet) AS total, "
        "'{\"a\": 1}'::JSON AS j FROM airports"
    )
    asked = db.sql(query).to_arrow()
    for engine in ("rel", "olap", "sdocs", "docs"):
        finite = query.replace("'nan'", "'0.1'")
        write(db, f"CREATE TABLE {engine}.types_{engine} AS {finite}")
        made = db.scan(f"types_{engine}").to_arrow()
        assert made.schema == asked.schema
    write(db, f"CREATE TABLE olap.nan AS {query}")
    assert same_answer(db.scan("nan").to_arrow(), asked, ordered=True) is None
    assert rows(db, "SELECT m, total FROM nan") == [(Decimal("1.10"), 405.5)]


def test_an_empty_answer_makes_an_empty_dataset(db: Database) -> None:
    query = (
        "SELECT a.iata, sum(r.km) AS km, DATE '2013-01-01' AS day FROM airports a, routes r WHERE false GROUP BY ALL"
    )
    for engine in ("rel", "olap", "docs", "sdocs"):
        assert write(db, f"CREATE TABLE {engine}.none_{engine} AS {query}").rows_affected == 0
        assert db.scan(f"none_{engine}").columns == ("iata", "km", "day")
    assert write(db, "INSERT INTO planes SELECT 1, city FROM airports WHERE false").rows_affected == 0
    db.load("mixed", [{"_id": 1, "a": {"b": [1, "x"], "c": 2}}], engine="docs", key="_id")
    write(db, "CREATE TABLE sdocs.unmixed AS SELECT * FROM mixed WHERE _id > (SELECT count(*) FROM airports)")
    assert db.scan("unmixed").schema == db.scan("mixed").schema


def test_parameters_reach_the_query(db: Database) -> None:
    write(db, "INSERT INTO planes SELECT $n, city FROM airports WHERE iata = $code", {"n": 5, "code": "CDG"})
    write(db, "INSERT INTO planes SELECT ?, city FROM airports WHERE iata = ?", [6, "CDG"])
    assert rows(db, "SELECT id, name FROM planes WHERE id > 0 ORDER BY id") == [(5, "Paris"), (6, "Paris")]


def test_table_functions_give_rows(db: Database) -> None:
    write(db, "CREATE TABLE olap.near AS SELECT node, hops, city FROM graph_neighbors('routes', 'JFK') "
              "JOIN airports ON iata = node")  # fmt: skip
    assert rows(db, "SELECT * FROM near") == [("CDG", 1, "Paris")]


def test_common_tables_may_stand_before_or_within(db: Database) -> None:
    write(db, "WITH c AS (SELECT 1 AS n, city FROM airports WHERE iata = 'JFK') INSERT INTO planes SELECT * FROM c")
    write(db, "INSERT INTO planes WITH c AS (SELECT 2 AS n, city FROM airports WHERE iata = 'JFK') SELECT * FROM c")
    write(
        db,
        "WITH c AS (SELECT 3 AS n) INSERT INTO planes WITH d AS (SELECT * FROM c) SELECT n, city FROM d, airports "
        "WHERE iata = 'JFK'",
    )
    write(db, "WITH c AS (SELECT iata FROM airports) CREATE TABLE olap.c2 AS (SELECT count(*) AS n FROM c)")
    assert rows(db, "SELECT id FROM planes WHERE id > 0 ORDER BY id") == [(1,), (2,), (3,)]
    assert rows(db, "SELECT n FROM c2") == [(3,)]


def test_values_go_into_engines_without_sql(db: Database) -> None:
    write(db, "INSERT INTO routes VALUES ('XXX', 'JFK', 1.5), ('XXX', 'CDG', NULL)")
    assert rows(db, "SELECT dst, km FROM routes WHERE src = 'XXX' ORDER BY dst") == [("CDG", None), ("JFK", 1.5)]


def test_nodes_of_a_graph_are_a_target(db: Database) -> None:
    done = write(db, "INSERT INTO graph.routes.nodes SELECT iata FROM airports WHERE iata = 'XXX'")
    assert done.rows_affected == 1
    assert rows(db, "SELECT id FROM routes.nodes ORDER BY id") == [("CDG",), ("JFK",), ("XXX",)]
    assert "node key" in refused(db, "INSERT INTO routes.nodes SELECT 'XXX'", "CONSISTENCY_VIOLATION")


def test_a_registered_table_keeps_its_rows(db: Database) -> None:
    db.register("mine", [{"a": 1}])
    write(db, "INSERT INTO mine SELECT 2")
    db.load("mine", [{"a": 3}], engine="memory", mode="append")
    assert rows(db, "SELECT a FROM mine ORDER BY a") == [(1,), (2,), (3,)]


# columns


def test_a_list_of_columns_leaves_the_others_null(db: Database) -> None:
    write(db, "INSERT INTO airports (City, iata) SELECT name, 'N' FROM profiles WHERE _id = -1")
    assert rows(db, "SELECT * FROM airports WHERE iata = 'N'") == [("N", "first", None)]


def test_by_name_takes_the_names_of_the_query(db: Database) -> None:
    write(db, "INSERT INTO airports BY NAME SELECT src || 'x' AS IATA, km AS feet FROM routes WHERE src = 'JFK'")
    assert rows(db, "SELECT * FROM airports WHERE iata = 'JFKx'") == [("JFKx", None, 5837.0)]
    assert "'nme'" in refused(db, "INSERT INTO airports BY NAME SELECT name AS nme FROM profiles")


def test_documents_get_keys_and_new_fields(db: Database) -> None:
    write(db, "CREATE TABLE docs.notes AS SELECT 'a' AS _id, 1 AS n FROM airports WHERE iata = 'JFK'")
    write(db, "INSERT INTO notes (n, more) SELECT 2, city FROM airports WHERE iata = 'CDG'")
    found = rows(db, "SELECT n, more, length(_id) FROM notes ORDER BY n")
    assert found == [(1, None, 1), (2, "Paris", 32)]


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("INSERT INTO airports SELECT src FROM routes", "the query has 1 columns, 'airports' has 3"),
        ("INSERT INTO airports (iata) SELECT src, dst FROM routes", "the query has 2 columns, the list has 1"),
        ("INSERT INTO airports (iata, IATA) SELECT src, dst FROM routes", "column 'iata' is written twice"),
        ("INSERT INTO airports (iat) SELECT src FROM routes", "did you mean 'iata'"),
        ("INSERT INTO airports (city) SELECT src FROM routes", "column 'iata' is the key and holds NULL"),
        ("INSERT INTO airports BY NAME SELECT src AS iata, dst AS Iata FROM routes", "written twice"),
        ("INSERT INTO planes SELECT src, dst FROM routes", "column 'id' does not fit its type int64"),
        ("INSERT INTO planes SELECT km + 0.5, dst FROM routes", "column 'id' does not fit its type int64"),
        ("INSERT INTO passages SELECT 5, 'x', [1.0::FLOAT] FROM airports", "column 'vector' does not fit"),
        ("INSERT INTO nowhere SELECT 1", "no dataset 'nowhere'"),
        ("INSERT INTO rel.plane SELECT 1", "plane"),
        ("INSERT INTO routes.node SELECT 1", "no part of 'routes' 'node'; did you mean 'nodes'"),
        ("INSERT INTO polyroute.engines SELECT 1", "read only"),
        ("INSERT INTO airports SELECT src, dst, km FROM routes RETURNING iata", "RETURNING"),
        ("CREATE TABLE olap.made (a, b) AS SELECT city FROM airports", "2 columns are named, the query has 1"),
        ("CREATE TABLE olap.made AS SELECT iata, city AS IATA FROM airports", "have the same name in SQL"),
        ("CREATE TABLE olap.planes AS SELECT city FROM airports", "holds a dataset 'planes' already"),
        ("CREATE TABLE nowhere.made AS SELECT city FROM airports", "no engine 'nowhere'"),
        ("CREATE TABLE made AS SELECT city FROM airports", "write CREATE TABLE engine.made AS"),
        ("CREATE TABLE ts.made AS SELECT city FROM airports", 'WITH ("time" = column)'),
        ("CREATE TABLE vec.made AS SELECT city FROM airports", 'WITH ("vector" = column)'),
        ("CREATE TABLE graph.made AS SELECT city FROM airports", 'WITH ("source" = column)'),
        ("CREATE TABLE rel.made WITH (key = cty) AS SELECT city FROM airports", "did you mean 'city'"),
        ("CREATE TABLE rel.made AS SELECT INTERVAL 1 DAY AS gap FROM airports", "column 'gap'"),
        ("CREATE TABLE rel.made AS SELECT cty FROM airports", "cty"),
    ],
)
def test_what_is_wrong_is_named_and_changes_nothing(lasting: Database, sql: str, told: str) -> None:
    assert told in refused(lasting, sql)


# a table made anew


def test_create_makes_no_second_one_unless_told(db: Database) -> None:
    write(db, "CREATE TABLE olap.made AS SELECT iata FROM airports")
    assert write(db, "CREATE TABLE IF NOT EXISTS olap.made AS SELECT nonsense FROM nowhere").rows_affected == 0
    assert len(db.scan("made")) == 3
    write(db, "CREATE OR REPLACE TABLE made AS SELECT iata, feet FROM airports WHERE feet > 100")
    assert rows(db, "SELECT * FROM olap.made") == [("CDG", 392.0)]
    write(db, "CREATE OR REPLACE TABLE olap.made AS SELECT * FROM made UNION ALL SELECT * FROM made")
    assert len(db.scan("made")) == 2


def test_a_replaced_series_keeps_its_time(db: Database) -> None:
    write(db, "CREATE OR REPLACE TABLE ts.weather AS SELECT at + INTERVAL 1 DAY AS at, iata FROM weather, airports")
    assert len(db.timeseries_range("weather", dt.datetime(2013, 1, 2))) == 3


def test_columns_may_be_named_in_a_list(db: Database) -> None:
    write(db, "CREATE TABLE olap.made (code) AS SELECT iata, city FROM airports")
    assert db.scan("made").columns == ("code", "city")


def test_one_engine_alone_needs_no_name(tmp_path: Path) -> None:
    with polyroute.connect({"olap": f"duckdb:///{tmp_path}/o.duckdb"}) as db:
        write(db, "CREATE TABLE made AS SELECT 1 AS a")
        assert rows(db, "SELECT a FROM olap.made") == [(1,)]


# conflicts


def test_on_conflict_do_nothing_keeps_what_is_held(db: Database) -> None:
    for number, clause in enumerate(("ON CONFLICT DO NOTHING", "ON CONFLICT (id) DO NOTHING")):
        source = f"SELECT n, 'new' FROM (SELECT -{2 - number} AS n UNION ALL SELECT {number + 5}), airports"
        for name in ("people", "planes", "passages"):
            rows_of = source.replace("'new'", "'new', [1::FLOAT, 2]") if name == "passages" else source
            done = write(db, f"INSERT INTO {name} {rows_of} {clause}")
            assert done.rows_affected == 1
    for name in ("people", "planes", "passages"):
        assert rows(db, f"SELECT id, name FROM {name} ORDER BY id") == [
            (-2, None),
            (-1, "first"),
            (5, "new"),
            (6, "new"),
        ]


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT OR REPLACE INTO {} SELECT {} FROM airports WHERE iata = 'CDG'",
        "INSERT INTO {} SELECT {} FROM airports WHERE iata = 'CDG' "
        "ON CONFLICT ({key}) DO UPDATE SET name = excluded.name",
    ],
)
@pytest.mark.parametrize(("name", "key"), [("people", "id"), ("planes", "id"), ("profiles", "_id"), ("pages", "_id")])
def test_a_row_is_replaced_as_a_whole(db: Database, statement: str, name: str, key: str) -> None:
    done = write(db, statement.format(name, "-1, city", key=key))
    assert done.rows_affected == 1
    assert rows(db, f"SELECT {key}, name FROM {name} ORDER BY 1") == [(-2, None), (-1, "Paris")]


@pytest.mark.parametrize(
    ("sql", "told", "code"),
    [
        ("INSERT OR REPLACE INTO planes SELECT -1, city FROM airports", "several rows for", "CONSISTENCY_VIOLATION"),
        ("INSERT INTO planes SELECT -1, src FROM routes ON CONFLICT (name) DO NOTHING", "'planes' is id", None),
        ("INSERT INTO weather SELECT at, iata, 1 FROM weather, airports ON CONFLICT DO NOTHING", "has no key", None),
        ("INSERT OR REPLACE INTO routes SELECT iata, iata, 1 FROM airports", "has no key", None),
        ("INSERT OR REPLACE INTO planes (id) SELECT -1 FROM routes", "replaced as a whole", None),
        (
            "INSERT INTO airports SELECT src, dst, km FROM routes ON CONFLICT DO UPDATE SET city = excluded.city",
            "replaced as a whole",
            None,
        ),
        (
            "INSERT INTO planes SELECT -1, src FROM routes ON CONFLICT DO UPDATE SET name = 'x'",
            "a way that a write across engines has not",
            None,
        ),
        ("INSERT INTO routes.nodes SELECT iata FROM airports ON CONFLICT DO NOTHING", "no ON CONFLICT", None),
        ("INSERT INTO people SELECT -1, src FROM routes", "people", "CONSISTENCY_VIOLATION"),
    ],
)  # fmt: skip
def test_other_conflicts_are_refused(lasting: Database, sql: str, told: str, code: str | None) -> None:
    assert told in refused(lasting, sql, code or "QUERY_INVALID")


# all or nothing


def failing_after(db: Database, good: int, error: BaseException) -> object:
    """Return a query that fails after some batches."""

    def batches(sql: str, params: Mapping[str, object], pushdown: bool) -> Iterator[pa.RecordBatch]:
        [batch] = answering(db)(sql, params, pushdown)
        for _ in range(good):
            yield batch
        raise error

    return batches


@pytest.mark.parametrize("engine", TARGETS)
def test_a_query_that_fails_half_way_leaves_nothing(db: Database, engine: str) -> None:
    name, columns = TARGETS[engine]
    before = contents(db)
    late = make_error(DatabaseErrorCode.ENGINE_UNAVAILABLE, "gone")
    for sql in (
        f"INSERT INTO {name} SELECT {columns} FROM (SELECT 5 AS n) WHERE EXISTS (SELECT 1 FROM airports)",
        f"CREATE TABLE {engine}.made AS SELECT {columns} FROM (SELECT 5 AS n)",
    ):
        with pytest.raises(PolyrouteError) as caught:
            write(db, sql, batches=failing_after(db, 2, late))  # type: ignore[arg-type]
        assert caught.value is late
    assert {n: t.num_rows for n, t in contents(db).items()} == {n: t.num_rows for n, t in before.items()}


@pytest.mark.parametrize("engine", TARGETS)
def test_a_write_that_fails_half_way_leaves_nothing(db: Database, engine: str) -> None:
    name, columns = TARGETS[engine]
    wrong = {
        "graph": columns.replace("'b'", "CASE WHEN n < 400 THEN 'b' END"),
        "ts": columns.replace("INTERVAL 1 HOUR", "CASE WHEN n < 400 THEN INTERVAL 1 HOUR END"),
    }.get(engine, columns.replace("n,", "CASE WHEN n < 400 THEN n ELSE 7 END,", 1))
    before = contents(db)

    def small(sql: str, params: Mapping[str, object], pushdown: bool) -> Iterator[pa.RecordBatch]:
        for batch in answering(db)(sql, params, pushdown):
            yield from (batch.slice(start, 50) for start in range(0, batch.num_rows, 50))

    source = "FROM range(401) r(n) WHERE n < (SELECT 900 FROM airports LIMIT 1)"
    with pytest.raises(PolyrouteError):
        write(db, f"INSERT INTO {name} SELECT {wrong} {source}", batches=small)
    after = contents(db)
    assert all(same_answer(before[n], after[n], ordered=True) is None for n in before)
    write(db, f"INSERT INTO {name} SELECT {columns} FROM (SELECT 7 AS n), airports WHERE iata = 'JFK'")
    assert len(db.scan(name)) == before[name].num_rows + 1


@pytest.mark.parametrize("engine", TARGETS)
def test_a_cancelled_write_leaves_nothing(db: Database, engine: str) -> None:
    name, columns = TARGETS[engine]
    before = len(db.scan(name))
    call = Call()

    def batches(sql: str, params: Mapping[str, object], pushdown: bool) -> Iterator[pa.RecordBatch]:
        yield from answering(db)(sql, params, pushdown)
        call.cancel()

    with pytest.raises(PolyrouteError) as caught:
        write(db, f"INSERT INTO {name} SELECT {columns} FROM (SELECT 5 AS n), airports WHERE iata = 'JFK'",
              call=call, batches=batches)  # fmt: skip
    assert caught.value.code == DatabaseErrorCode.QUERY_TIMEOUT
    assert len(db.scan(name)) == before


def test_a_write_reads_the_old_rows_of_its_target_only(db: Database) -> None:
    for name in ("planes", "weather", "routes"):
        held = len(db.scan(name))
        columns = {"planes": "id + 100, name"}.get(name, "*")
        # the airports keep it from staying whole in one engine
        write(db, f"INSERT INTO {name} SELECT {columns} FROM {name} WHERE EXISTS (SELECT 1 FROM airports)")
        assert len(db.scan(name)) == 2 * held


def test_remembered_answers_and_plans_see_what_was_written(db: Database) -> None:
    for engine, (name, columns) in TARGETS.items():
        question = f"SELECT count(*) FROM {name}"
        held = [db.sql(question).scalar() for _ in range(3)][-1]
        write(db, f"INSERT INTO {name} SELECT {columns} FROM (SELECT 7 AS n), airports WHERE iata = 'JFK'")
        assert db.sql(question).scalar() == held + 1, engine
    for count in (3, 1):
        write(db, f"CREATE OR REPLACE TABLE olap.made AS SELECT iata AS c{count} FROM airports LIMIT {count}")
        assert [db.sql("SELECT * FROM made").columns for _ in range(3)] == [(f"c{count}",)] * 3
        assert len(db.sql("SELECT * FROM made")) == count


def test_a_pushed_query_that_fails_is_asked_plainly(db: Database) -> None:
    asked: list[bool] = []

    def batches(sql: str, params: Mapping[str, object], pushdown: bool) -> Iterator[pa.RecordBatch]:
        asked.append(pushdown)
        if pushdown:
            raise make_error(DatabaseErrorCode.QUERY_EXECUTION_FAILED, "only when pushed")
        return answering(db)(sql, params, pushdown)

    done = write(db, "INSERT INTO planes SELECT 5, city FROM airports WHERE iata = 'JFK'", batches=batches)
    assert (done.rows_affected, asked) == (1, [True, False])


# the house


def test_a_read_only_connection_writes_nothing(db: Database, tmp_path: Path) -> None:
    db.close()
    with connected(tmp_path, read_only=True) as reading:
        for sql in ("INSERT INTO planes SELECT 1, city FROM airports", "CREATE TABLE olap.made AS SELECT 1"):
            with pytest.raises(PolyrouteError, match="read-only"):
                write(reading, sql)


def test_a_write_makes_the_copies_stale(db: Database) -> None:
    db.load("twins", [{"id": 1}], engine=("rel", "olap"), key="id")
    assert "written in its primary" in refused(db, "INSERT INTO olap.twins SELECT 2 FROM airports")
    assert "rel" in refused(db, "CREATE OR REPLACE TABLE olap.twins AS SELECT iata FROM airports")
    write(db, "INSERT INTO twins SELECT 2 FROM routes WHERE src = 'JFK'")
    assert [p.stale for p in db.datasets["twins"].placements] == [False, True]
    assert rows(db, "SELECT id FROM twins ORDER BY id") == [(1,), (2,)]
    write(db, "CREATE OR REPLACE TABLE twins AS SELECT 3 AS id FROM routes WHERE src = 'JFK'")
    assert [p.stale for p in db.datasets["twins"].placements] == [False, True]
    assert rows(db, "SELECT id FROM twins") == [(3,)]


def test_a_replica_is_not_read_until_it_is_made_anew(db: Database) -> None:
    db.replicate("people", to="olap", refresh="manual")
    write(db, "INSERT INTO people SELECT 1, city FROM airports, routes WHERE iata = 'JFK' AND src = iata")
    write(db, "CREATE OR REPLACE TABLE rel.people WITH (key = id) AS SELECT id, name FROM people WHERE id <> -2 "
              "AND EXISTS (SELECT 1 FROM routes)")  # fmt: skip
    assert [p.stale for p in db.datasets["people"].placements] == [False, True]
    assert rows(db, "SELECT id FROM people ORDER BY id") == [(-1,), (1,)]
    db.refresh("people")
    assert [p.stale for p in db.datasets["people"].placements] == [False, False]
    assert rows(db, "SELECT id FROM olap.people ORDER BY id") == [(-1,), (1,)]


def test_a_name_that_means_two_datasets_is_refused(db: Database) -> None:
    write(db, "CREATE TABLE olap.people AS SELECT iata FROM airports")
    with pytest.raises(PolyrouteError, match="different dataset"):
        write(db, "INSERT INTO people SELECT 1, 'x' FROM airports")
    write(db, "INSERT INTO olap.people SELECT src FROM routes")
    assert len(db.scan("olap.people")) == 5


def test_a_key_of_idempotency_is_kept_or_refused(db: Database) -> None:
    insert = "INSERT INTO {} SELECT {} FROM (SELECT 5 AS n), airports WHERE iata = 'JFK'"
    for engine, (name, columns) in TARGETS.items():
        held = len(db.scan(name))
        if not db.engine(engine).traits.idempotent_writes:
            with pytest.raises(PolyrouteError, match="keeps no idempotency keys"):
                write(db, insert.format(name, columns), call=Call(idempotency_key="k"))
            continue
        for _ in range(2):
            write(db, insert.format(name, columns), call=Call(idempotency_key="k"))
        assert len(db.scan(name)) == held + 1


def test_every_write_is_recorded(db: Database) -> None:
    write(db, "INSERT INTO planes SELECT 5, city FROM airports WHERE iata = 'JFK'")
    with pytest.raises(PolyrouteError):
        write(db, "INSERT INTO people SELECT -1, src FROM routes")
    last = rows(
        db, "SELECT operation, dataset, engine, error_code FROM polyroute.executions WHERE operation = 'insert'"
    )
    assert last == [
        ("insert", "planes", "olap", None),
        ("insert", "people", "rel", "CONSISTENCY_VIOLATION"),
    ]


def test_what_one_engine_holds_stays_whole_in_it(db: Database) -> None:
    done = write(db, "INSERT INTO planes SELECT id + 100, name FROM planes RETURNING id")
    assert sorted(done.fetchall()) == [(98,), (99,)]
    # SQLite has no words for this, so its rows go the long way
    done = write(db, "INSERT INTO people SELECT n, regexp_replace(city, 'P', 'p') FROM airports, range(1, 2) r(n) "
                     "WHERE iata = 'CDG'")  # fmt: skip
    assert rows(db, "SELECT name FROM people WHERE id = 1") == [("paris",)]

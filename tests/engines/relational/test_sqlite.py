"""The SQLite engine on datasets of its own: loads, reads, writes, restarts, refusals, deadlines, threads."""

from __future__ import annotations

import datetime as dt
import math
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

from polyroute.engines.call import Call
from polyroute.engines.contract import LoadSpec
from polyroute.errors import PolyrouteError
from polyroute.operations import (
    RelationalDelete,
    RelationalExecute,
    RelationalGet,
    RelationalQuery,
    RelationalUpsert,
    Scan,
)
from polyroute.result import Rows
from polyroute.sql.types import JSON
from tests.engines.relational.sqlite_cases import ENDLESS, Opened, foreign

AIRPORTS = pa.table(
    {
        "iata": ["JFK", "ZRH", "GVA"],
        "feet": pa.array([13, 1416, 1411], pa.int16()),
        "opened": pa.array([dt.date(1948, 7, 1), None, dt.date(1920, 9, 22)]),
        "score": [1.5, math.nan, None],
    }
)


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Opened]:
    opened = Opened(tmp_path / "own.db")
    yield opened
    opened.engine.close()


@pytest.fixture
def airports(db: Opened) -> Opened:
    db.load("airports", AIRPORTS, key=["iata"])
    return db


def every_type(count: int) -> pa.Table:
    moments = [dt.datetime(2013, 1, 1) + dt.timedelta(seconds=i) for i in range(count)]
    return pa.table(
        {
            "id": pa.array(range(count), pa.int64()),
            "flag": pa.array([None if i % 3 == 2 else i % 3 == 0 for i in range(count)], pa.bool_()),
            "small": pa.array([i % 100 - 50 for i in range(count)], pa.int8()),
            "big": pa.array([i * 3 for i in range(count)], pa.uint64()),
            "x": pa.array([math.nan if i % 7 == 0 else i / 3 for i in range(count)], pa.float64()),
            "single": pa.array([i / 8 for i in range(count)], pa.float32()),
            "price": pa.array([Decimal(i).scaleb(-2) for i in range(count)], pa.decimal128(12, 2)),
            "text": [None if i % 5 == 0 else f"é{i}" for i in range(count)],
            "bytes": pa.array([bytes([i % 256]) for i in range(count)], pa.binary()),
            "day": pa.array([m.date() for m in moments], pa.date32()),
            "at": pa.array(moments, pa.timestamp("ms")),
            "zoned": pa.array(moments, pa.timestamp("us", "UTC")),
            "clock": pa.array([m.time() for m in moments], pa.time64("us")),
            "took": pa.array([dt.timedelta(seconds=i) for i in range(count)], pa.duration("s")),
            "tags": pa.array([[f"t{i}"] if i % 2 else [] for i in range(count)], pa.list_(pa.string())),
            "json": pa.ExtensionArray.from_storage(JSON, pa.array(['{"a": 1}'] * count)),
        }
    )


def test_a_hundred_thousand_rows_of_every_type_come_back(db: Opened) -> None:
    table = every_type(100_000)
    assert db.load("t", table, key=["id"]).rows == 100_000
    back = db.table(Scan("t", order="id"))
    assert back.schema == table.schema
    assert str(back["x"].to_pylist()) == str(table["x"].to_pylist())  # NaN equals nothing
    assert back.drop_columns("x").equals(table.drop_columns("x"))


def test_tuples_and_arrow_agree(db: Opened) -> None:
    table = every_type(50)
    db.load("t", table, key=["id"])
    few = db.ask(Scan("t"))
    assert isinstance(few, Rows)
    one = db.ask(RelationalGet("t", 7))
    assert str(one.rows[0]) == str(few.rows[7])
    assert one.schema == table.schema


def test_a_scan_of_many_rows_is_a_stream(db: Opened) -> None:
    db.load("t", every_type(70_000).select(["id", "text"]))
    op = Scan("t", ("text",))
    from polyroute.engines.binding import bind

    bound = bind(db.engine.dataset("t"), op)
    reader = db.engine.scan(bound, Call(timeout_s=30))  # type: ignore[arg-type]
    assert isinstance(reader, pa.RecordBatchReader)
    first = reader.read_next_batch()
    assert 0 < first.num_rows < 70_000
    del reader
    with db.engine.resource.handle.transaction():  # type: ignore[attr-defined]
        pass
    assert db.table(op).num_rows == 70_000


def test_empty_and_null_columns_keep_their_types(db: Opened) -> None:
    table = every_type(3)
    db.load("empty", table.slice(0, 0), key=["id"])
    nulls = pa.table([pa.array(range(3)), *[pa.nulls(3, f.type) for f in list(table.schema)[1:]]], schema=table.schema)
    db.load("nulls", nulls, key=["id"])
    assert db.table(Scan("empty")).equals(table.slice(0, 0))
    assert db.table(Scan("nulls")).equals(nulls)


def test_another_process_finds_everything(airports: Opened) -> None:
    code = f"""
from pathlib import Path
from polyroute.engines.registry import open_engine
from polyroute.engines.execution import execute
from polyroute.operations import RelationalGet
engine = open_engine("sqlite:///{airports.path}")
dataset = engine.dataset("airports")
print(dataset.key, [str(t) for t in dataset.schema.types], execute(engine, RelationalGet("airports", "JFK")).rows)
engine.close()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == (
        "('iata',) ['string', 'int16', 'date32[day]', 'double'] [('JFK', 13, datetime.date(1948, 7, 1), 1.5)]"
    )


def test_another_process_changes_what_is_found(airports: Opened) -> None:
    version = airports.engine.data_version("airports")
    held = airports.engine.datasets()
    assert airports.engine.datasets() is held
    foreign(
        airports.path, "CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT)", "INSERT INTO notes VALUES (1, 'x')"
    )
    assert airports.engine.data_version("airports") != version
    assert airports.rows("notes") == [{"id": 1, "text": "x"}]
    foreign(airports.path, "ALTER TABLE airports ADD COLUMN runways INTEGER", "UPDATE airports SET runways = 4")
    assert airports.types("airports")["opened"] == "date32[day]"
    assert airports.ask(RelationalGet("airports", "ZRH")).rows[0][1:3] == (1416, None)
    assert airports.rows("airports", ["runways"]) == [{"runways": 4}] * 3
    foreign(airports.path, "DROP TABLE airports")
    assert "airports" not in airports.engine.datasets()


def test_a_table_made_again_by_another_program_is_read_as_it_is(airports: Opened) -> None:
    assert airports.ask(RelationalGet("airports", "JFK")).rows[0][2] == dt.date(1948, 7, 1)
    foreign(
        airports.path,
        "DROP TABLE airports",
        "CREATE TABLE airports (iata TEXT PRIMARY KEY, feet TEXT, opened TEXT, score TEXT)",
        "INSERT INTO airports VALUES ('JFK', 'low', 'long ago', 'fine')",
    )
    assert airports.ask(RelationalGet("airports", "JFK")).rows == [("JFK", "low", "long ago", "fine")]
    assert set(airports.types("airports").values()) == {"string"}


def test_other_programs_are_kept_to_the_stored_forms(airports: Opened) -> None:
    for wrong in (
        "INSERT INTO airports (iata, feet) VALUES ('A', 'high')",
        "INSERT INTO airports (iata, feet) VALUES ('A', 40000)",
        "INSERT INTO airports (iata, opened) VALUES ('A', '1.7.1948')",
        "INSERT INTO airports (iata, score) VALUES ('A', 'much')",
    ):
        with pytest.raises(sqlite3.IntegrityError):
            foreign(airports.path, wrong)
    foreign(airports.path, "INSERT INTO airports (iata, opened) VALUES ('A', '0000-99-99')")
    with pytest.raises(PolyrouteError, match="column 'opened' of 'airports' holds a value that is no date32") as caught:
        airports.ask(RelationalGet("airports", "A"))
    assert "0000" not in str(caught.value)
    assert caught.value.code == "QUERY_EXECUTION_FAILED"
    with pytest.raises(PolyrouteError, match="opened"):
        airports.table(Scan("airports"))


def test_a_duplicate_key_changes_nothing(airports: Opened) -> None:
    twice = pa.concat_tables([AIRPORTS, AIRPORTS.slice(0, 1)])
    with pytest.raises(PolyrouteError) as caught:
        airports.load("again", twice, key=["iata"])
    assert caught.value.code == "CONSISTENCY_VIOLATION"
    assert "JFK" not in str(caught.value)
    assert set(airports.engine.datasets()) == {"airports"}
    with pytest.raises(PolyrouteError) as caught:
        airports.load("airports", AIRPORTS.slice(1, 1), mode="append")
    assert caught.value.code == "CONSISTENCY_VIOLATION"
    assert len(airports.rows("airports")) == 3


def test_a_load_that_fails_half_way_leaves_nothing(airports: Opened) -> None:
    def batches() -> Iterator[pa.RecordBatch]:
        yield from AIRPORTS.set_column(0, "iata", pa.array(["A", "B", "C"])).to_batches()
        raise OSError("the source broke")

    dataset = airports.engine.dataset("airports")
    for mode in ("replace", "upsert", "append"):
        with pytest.raises(OSError, match="broke"):
            airports.engine.load(LoadSpec(dataset, mode, batches), Call(timeout_s=30))
    assert len(airports.rows("airports")) == 3
    assert airports.ask(RelationalGet("airports", "JFK")).rows[0][1] == 13


def test_a_load_past_its_deadline_leaves_nothing(airports: Opened) -> None:
    def batches() -> Iterator[pa.RecordBatch]:
        while True:
            yield from AIRPORTS.to_batches()

    dataset = airports.engine.dataset("airports")
    with pytest.raises(PolyrouteError) as caught:
        airports.engine.load(LoadSpec(dataset, "upsert", batches), Call(timeout_s=0.05))
    assert caught.value.code == "QUERY_TIMEOUT"
    assert len(airports.rows("airports")) == 3


def test_values_that_cannot_be_stored_are_refused_by_column(db: Opened) -> None:
    table = pa.table({"id": [1, 2], "n": pa.array([1, 2**63], pa.uint64())})
    with pytest.raises(PolyrouteError, match="column 'n'") as caught:
        db.load("t", table)
    assert caught.value.code == "QUERY_INVALID"
    assert "9223372036854775808" not in str(caught.value)
    assert db.engine.datasets() == {}
    with pytest.raises(PolyrouteError, match="column 'd'"):
        db.load("t", pa.table({"d": pa.array([2_932_897], pa.int32()).cast(pa.date32())}))
    with pytest.raises(PolyrouteError, match="nanoseconds"):
        db.load("t", pa.table({"d": pa.array([[1]], pa.list_(pa.timestamp("ns")))}))


HOSTILE = [
    'a"b',
    "a`b",
    "a'b",
    "a]b",
    "Zürich 🚂",
    "select",
    "a b",
    "--",
    "rowid",
    "x; DROP TABLE y",
    "a.b",
    "?1",
    "$a",
]


def test_hostile_names_are_names(db: Opened) -> None:
    table = pa.table({"id": [1, 2], **{name: [f"{name}'s", None] for name in HOSTILE}})
    for name in HOSTILE:
        db.load(name, table, key=["id"])
        db.engine.create_index(name, [HOSTILE[0], name], Call(timeout_s=30))
        assert db.table(Scan(name, order="id")).equals(table)
        assert db.ask(RelationalGet(name, 1, (name,))).rows == [(f"{name}'s",)]
        quoted = '"' + name.replace('"', '""') + '"'
        assert db.rows(name, ["id"], where=f"{quoted} = $v", params={"v": f"{name}'s"}) == [{"id": 1}]
        assert db.ask(RelationalDelete(name, where=f"{quoted} IS NULL")).affected == 1
    assert len(db.engine.datasets()) == len(HOSTILE)
    for name in HOSTILE:
        db.engine.drop(name, Call(timeout_s=30))
    assert db.engine.datasets() == {}


@pytest.mark.parametrize("name", ["sqlite_x", "a\0b", "bad\udc80", "_polyroute_x"])
def test_names_that_sqlite_has_not_are_refused(db: Opened, name: str) -> None:
    with pytest.raises(PolyrouteError) as caught:
        db.load(name, AIRPORTS)
    assert caught.value.code == "QUERY_INVALID"
    assert db.engine.datasets() == {}


def test_names_that_differ_by_case_only_are_one_name(airports: Opened) -> None:
    with pytest.raises(PolyrouteError, match="taken"):
        airports.load("Airports", AIRPORTS)
    with pytest.raises(PolyrouteError, match="already"):
        airports.load("airports", AIRPORTS)


def test_replace_keeps_indexes_and_readers_see_the_old_or_the_new(airports: Opened) -> None:
    airports.engine.create_index("airports", ["feet"], Call(timeout_s=30))
    airports.engine.create_index("airports", ["feet"], Call(timeout_s=30))
    airports.engine.create_index("airports", ["score"], Call(timeout_s=30))
    seen: list[int] = []

    def look() -> None:
        seen.append(len(airports.rows("airports")))

    dataset = airports.engine.dataset("airports")
    table = AIRPORTS.slice(0, 1).drop_columns(["score"])
    spec = LoadSpec(
        type(dataset)("airports", "relational", table.schema, ("iata",)), "replace", table.to_batches, None, None, look
    )
    assert airports.engine.load(spec, Call(timeout_s=30)) == 1
    assert seen == [3]
    assert airports.rows("airports") == table.to_pylist()
    indexes = airports.ask(RelationalQuery(None, "PRAGMA index_list(airports)", dialect="native")).rows
    assert sorted(row[1] for row in indexes if row[3] == "c") == ["airports by feet"]


def test_before_commit_can_undo_the_load(db: Opened) -> None:
    def refuse() -> None:
        raise ValueError("the other engine failed")

    from polyroute.engines.contract import Dataset

    spec = LoadSpec(Dataset("t", "relational", AIRPORTS.schema), "create", AIRPORTS.to_batches, None, None, refuse)
    with pytest.raises(ValueError, match="other engine"):
        db.engine.load(spec, Call(timeout_s=30))
    assert db.engine.datasets() == {}


def test_keys_of_every_kind_find_their_row(db: Opened) -> None:
    keys: dict[str, tuple[pa.Array, object]] = {
        "int": (pa.array([1, 2], pa.int16()), 2),
        "text": (pa.array(["a", "A"]), "A"),
        "day": (pa.array([dt.date(2020, 1, 1), dt.date(2020, 1, 2)]), dt.date(2020, 1, 2)),
        "at": (
            pa.array([dt.datetime(2020, 1, 1), dt.datetime(2020, 1, 1, 5)], pa.timestamp("ns")),
            dt.datetime(2020, 1, 1, 5),
        ),
        "price": (pa.array([Decimal("1.50"), Decimal("2.00")], pa.decimal128(9, 2)), Decimal("2")),
        "x": (pa.array([0.5, math.nan]), math.nan),
        "flag": (pa.array([True, False]), False),
        "blob": (pa.array([b"", b"\0"]), b"\0"),
        "big": (pa.array([1, 2**63 - 1], pa.uint64()), 2**63 - 1),
    }
    for name, (array, key) in keys.items():
        db.load(name, pa.table({"k": array, "n": [1, 2]}), key=["k"])
        assert db.ask(RelationalGet(name, key, ("n",))).rows == [(2,)], name
    db.load("pair", pa.table({"a": ["x", "x"], "b": [1, 2], "n": [1, 2]}), key=["a", "b"])
    assert db.ask(RelationalGet("pair", ("x", 2), ("n",))).rows == [(2,)]
    assert db.ask(RelationalGet("big", 2**64 - 1)).rows == []
    assert db.ask(RelationalGet("int", 3)).rows == []
    with pytest.raises(PolyrouteError, match="key 'l' is of type list"):
        db.load("list", pa.table({"l": pa.array([[1]])}), key=["l"])


def test_upsert_and_delete(airports: Opened) -> None:
    new = [{"iata": "JFK", "feet": 14}, {"iata": "LHR", "feet": 83}, {"iata": "LHR", "feet": 84}]
    assert airports.ask(RelationalUpsert("airports", new)).affected == 3
    assert airports.ask(RelationalGet("airports", "JFK")).rows == [("JFK", 14, None, None)]
    assert airports.ask(RelationalGet("airports", "LHR")).rows[0][1] == 84
    assert airports.ask(RelationalDelete("airports", keys=["LHR", "XXX"])).affected == 1
    assert airports.ask(RelationalDelete("airports", where="iata LIKE 'Z%' AND feet > 1000")).affected == 1
    assert [r["iata"] for r in airports.rows("airports", order="iata")] == ["GVA", "JFK"]


def test_native_statements(airports: Opened) -> None:
    def run(sql: str, params: object = None) -> Rows:
        found = airports.ask(RelationalExecute(None, sql, params, dialect="native"))  # type: ignore[arg-type]
        assert isinstance(found, Rows)
        return found

    assert run("CREATE TABLE log (id INTEGER PRIMARY KEY, at TEXT, note)").affected == 0
    made = run("INSERT INTO log (at, note) VALUES (?, ?), (?, ?)", (dt.date(2020, 1, 1), 1, None, math.nan))
    assert (made.affected, made.keys) == (2, [2])
    assert run("DELETE FROM log WHERE id = :id", {"id": 1}).affected == 1
    returned = run("INSERT INTO log (note) VALUES ($n) RETURNING id, note", {"n": Decimal("1.5")})
    assert (returned.rows, returned.affected, returned.keys) == ([(3, "1.5")], 1, [3])
    assert run("UPDATE log SET note = 'x'").affected == 2
    assert run("VACUUM").affected == 0
    assert run("CREATE TABLE plain (a TEXT PRIMARY KEY) WITHOUT ROWID").keys is None
    assert run("INSERT INTO plain VALUES ('a')").keys is None
    for refused in (
        "BEGIN",
        "-- now\n COMMIT",
        "/**/ ; ROLLBACK",
        "SAVEPOINT s",
        "ATTACH 'x.db' AS x",
        "DELETE FROM log; SELECT 1",
    ):
        with pytest.raises(PolyrouteError) as caught:
            run(refused)
        assert caught.value.code == "QUERY_INVALID", refused
    assert len(airports.rows("log")) == 2
    assert not (airports.path.parent / "x.db").exists()


def test_native_queries(airports: Opened) -> None:
    def query(sql: str, params: object = None) -> Rows:
        found = airports.ask(RelationalQuery(None, sql, params, dialect="native"))  # type: ignore[arg-type]
        assert isinstance(found, Rows)
        return found

    assert query("SELECT iata FROM airports WHERE feet > :f ORDER BY 1", {"f": 1400}).rows == [("GVA",), ("ZRH",)]
    mixed = query("SELECT 1 AS a, 1 AS b, NULL AS c UNION ALL SELECT 'x', 1.5, NULL")
    assert mixed.rows == [("1", 1.0, None), ("x", 1.5, None)]
    assert [str(t) for t in mixed.schema.types] == ["string", "double", "null"]  # type: ignore[union-attr]
    assert query("SELECT 1 AS a, 2 AS a").columns == ("a", "a")
    for refused in ("DELETE FROM airports", "CREATE TABLE x (a)", "BEGIN", "SELECT nothing FROM airports", "SELECT ?"):
        with pytest.raises(PolyrouteError) as caught:
            query(refused)
        assert caught.value.code == "QUERY_INVALID", refused
    assert len(airports.rows("airports")) == 3


def test_a_read_only_file_is_read_and_not_written(airports: Opened) -> None:
    airports.engine.close()
    reading = Opened(airports.path, read_only=True)
    assert len(reading.rows("airports")) == 3
    for op in (
        RelationalUpsert("airports", [{"iata": "X"}]),
        RelationalDelete("airports", keys=["JFK"]),
        RelationalExecute(None, "DELETE FROM airports"),
        RelationalExecute(None, "DELETE FROM airports", dialect="native"),
    ):
        with pytest.raises(PolyrouteError, match="read-only"):
            reading.ask(op)
    reading.engine.close()


@pytest.mark.parametrize(
    "op",
    [
        RelationalQuery(None, ENDLESS.replace("SELECT x FROM", "SELECT count(*) FROM"), dialect="native"),
        RelationalQuery(None, ENDLESS, dialect="native"),
        RelationalExecute(None, f"INSERT INTO airports (iata) {ENDLESS}", dialect="native"),
    ],
    ids=["counting", "growing", "writing"],
)
def test_a_slow_statement_stops_and_the_engine_goes_on(airports: Opened, op: RelationalQuery) -> None:
    started = time.monotonic()
    with pytest.raises(PolyrouteError) as caught:
        airports.ask(op, Call(timeout_s=0.1))
    assert caught.value.code == "QUERY_TIMEOUT"
    assert time.monotonic() - started < 5
    assert len(airports.rows("airports")) == 3
    assert airports.ask(RelationalUpsert("airports", [{"iata": "X"}])).affected == 1


def test_a_cancelled_statement_stops(airports: Opened) -> None:
    call = Call()
    threading.Timer(0.05, call.cancel).start()
    with pytest.raises(PolyrouteError, match="cancelled"):
        airports.ask(RelationalQuery(None, ENDLESS, dialect="native"), call)


def test_threads_read_and_write_at_once(airports: Opened) -> None:
    def work(number: int) -> int:
        for i in range(15):
            airports.ask(RelationalUpsert("airports", [{"iata": f"{number}-{i}", "feet": i}]))
            assert airports.ask(RelationalGet("airports", f"{number}-{i}", ("feet",))).rows == [(i,)]
            assert airports.rows("airports", ["feet"], where="iata = 'JFK'") == [{"feet": 13}]
        return number

    with ThreadPoolExecutor(5) as pool:
        list(pool.map(work, range(5)))
    assert len(airports.rows("airports")) == 3 + 5 * 15


def test_statistics_count_rows(airports: Opened) -> None:
    assert airports.engine.statistics("airports").row_count == 3
    foreign(airports.path, "CREATE VIEW v AS SELECT * FROM airports", "CREATE TABLE w (a PRIMARY KEY) WITHOUT ROWID")
    assert airports.engine.statistics("v").row_count is None
    assert airports.engine.statistics("w").row_count == 0


def test_a_scan_without_columns_counts(airports: Opened) -> None:
    from polyroute.engines.contract import BoundScan

    found = airports.engine.scan(BoundScan(airports.engine.dataset("airports"), None, ()), Call(timeout_s=30))
    assert (found.num_rows, found.num_columns) == (3, 0)  # type: ignore[union-attr]


def test_closing_twice_is_harmless(tmp_path: Path) -> None:
    opened = Opened(tmp_path / "a.db")
    opened.engine.close()
    opened.engine.close()
    with pytest.raises(PolyrouteError) as caught:
        opened.ask(RelationalQuery(None, "SELECT 1", dialect="native"))
    assert caught.value.code == "ENGINE_CONNECTION_FAILED"

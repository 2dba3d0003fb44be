"""Files made by sqlite3 alone: asked at once, typed by what they hold, never a value changed."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polyroute.engines.call import Call
from polyroute.engines.contract import SchemaChanged
from polyroute.engines.relational.sqlite_foreign import affinity, class_of, fitting, shape
from polyroute.errors import PolyrouteError
from polyroute.operations import RelationalDelete, RelationalExecute, RelationalGet, RelationalUpsert, Scan
from tests.engines.relational.sqlite_cases import Opened, foreign


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "foreign.db"


@pytest.fixture
def opening(path: Path) -> Iterator[Any]:
    held: list[Opened] = []

    def make(*statements: str) -> Opened:
        foreign(path, *statements)
        held.append(Opened(path))
        return held[-1]

    yield make
    for opened in held:
        opened.engine.close()


PEOPLE = (
    "CREATE TABLE people"
    " (id INTEGER PRIMARY KEY, name TEXT NOT NULL, born DATE, height REAL, photo BLOB, rank NUMERIC, extra)",
    "INSERT INTO people VALUES (1, 'Ann', '1990-01-31', 1.7, x'00ff', 3, 'x'), (2, 'Bob', NULL, 2, NULL, 4, NULL)",
)


def test_a_file_is_asked_at_once(opening: Any) -> None:
    db = opening(*PEOPLE)
    dataset = db.engine.dataset("people")
    assert dataset.key == ("id",)
    assert db.types("people") == {
        "id": "int64",
        "name": "string",
        "born": "string",
        "height": "double",
        "photo": "binary",
        "rank": "int64",
        "extra": "string",
    }
    assert db.ask(RelationalGet("people", 2)).rows == [(2, "Bob", None, 2.0, None, 4, None)]
    assert db.rows("people", ["name"], where="born > '1990-01-30'") == [{"name": "Ann"}]
    assert db.rows("people", ["name"], where="rank >= 4 AND height = 2.0") == [{"name": "Bob"}]


def test_empty_tables_have_the_types_they_declare(opening: Any) -> None:
    db = opening("CREATE TABLE t (a INT, b VARCHAR(3), c DOUBLE, d BLOB, e DECIMAL(9, 2), f DATETIME, g BOOLEAN, h)")
    assert list(db.types("t").values()) == [
        "int64",
        "string",
        "double",
        "binary",
        "double",
        "string",
        "int64",
        "string",
    ]
    assert db.rows("t") == []


WIDENED = {
    "INTEGER": [
        (["1.5"], "double", [7.0, 1.5]),
        (["1.5", "9007199254740993"], "string", ["7", "1.5", "9007199254740993"]),
        (["'many'"], "string", ["7", "many"]),
        (["'many'", "x'ff'"], "binary", [b"7", b"many", b"\xff"]),
    ],
    "TEXT": [(["x'ff'"], "binary", [b"7", b"\xff"])],
    "REAL": [(["'much'"], "string", ["7.0", "much"])],
    "": [(["1.5"], "double", [7.0, 1.5]), (["'a'"], "string", ["7", "a"])],
}


@pytest.mark.parametrize(
    ("declared", "values", "arrow_type", "expected"),
    [(d, *case) for d, cases in WIDENED.items() for case in cases],
)
def test_a_value_met_later_widens_the_type(
    opening: Any, path: Path, declared: str, values: list[str], arrow_type: str, expected: list[object]
) -> None:
    db = opening(f"CREATE TABLE t (id INTEGER PRIMARY KEY, v {declared})", "INSERT INTO t VALUES (1, 7)")
    before = db.types("t")["v"]
    foreign(path, *[f"INSERT INTO t (v) VALUES ({v})" for v in values])
    assert db.types("t")["v"] == before
    assert [row["v"] for row in db.rows("t", ["v"], order="id")] == expected
    assert db.types("t")["v"] == arrow_type
    assert [db.ask(RelationalGet("t", i + 1, ("v",))).rows[0][0] for i in range(len(expected))] == expected


def test_a_point_read_widens_too(opening: Any, path: Path) -> None:
    db = opening("CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER)", "INSERT INTO t VALUES (1, 7)")
    assert db.ask(RelationalGet("t", 1)).rows == [(1, 7)]
    foreign(path, "INSERT INTO t VALUES (2, 'seven')")
    found = db.ask(RelationalGet("t", 2))
    assert found.rows == [(2, "seven")]
    assert str(found.schema.field("v").type) == "string"
    assert db.ask(RelationalGet("t", 1)).rows == [(1, "7")]


def test_values_beyond_the_sample_are_met(opening: Any, path: Path) -> None:
    db = opening(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER)",
        "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c LIMIT 3000) INSERT INTO t SELECT x, x FROM c",
        "UPDATE t SET v = 'late' WHERE id = 2999",
    )
    assert db.types("t")["v"] == "int64"
    # below 5 lies no text for SQLite; that the column is not of numbers is found all the same
    with pytest.raises(PolyrouteError):
        db.rows("t", ["id"], where="v < 5")
    assert db.types("t")["v"] == "string"
    assert db.rows("t", ["id"], where="v = 'late'") == [{"id": 2999}]


def test_what_was_bound_before_is_bound_anew(opening: Any, path: Path) -> None:
    from polyroute.engines.binding import bind

    db = opening("CREATE TABLE t (v INTEGER)", "INSERT INTO t VALUES (1)")
    bound = bind(db.engine.dataset("t"), Scan("t"))
    foreign(path, "INSERT INTO t VALUES ('x')")
    with pytest.raises(SchemaChanged):
        db.engine.scan(bound, Call(timeout_s=30))
    assert db.rows("t") == [{"v": "1"}, {"v": "x"}]


def test_keys_without_row_ids_and_of_several_columns(opening: Any) -> None:
    db = opening(
        "CREATE TABLE w (b TEXT, a INTEGER, v TEXT, PRIMARY KEY (a, b)) WITHOUT ROWID",
        "INSERT INTO w VALUES ('x', 1, 'v')",
        "CREATE TABLE s (k ANY PRIMARY KEY, n INT, r REAL, t TEXT) STRICT",
        "INSERT INTO s VALUES ('k', 1, 2, 't')",
        "CREATE TABLE d (k INTEGER PRIMARY KEY DESC, v)",
        "INSERT INTO d VALUES (NULL, 1), (5, 2)",
    )
    assert db.engine.dataset("w").key == ("a", "b")
    assert db.ask(RelationalGet("w", (1, "x"))).rows == [("x", 1, "v")]
    assert db.ask(RelationalUpsert("w", [{"a": 1, "b": "x", "v": "new"}, {"a": 2, "b": "y"}])).affected == 2
    assert db.ask(RelationalExecute(None, "UPDATE w SET v = v || '!' WHERE a = 1")).affected == 1
    assert db.ask(RelationalGet("w", (1, "x"))).rows == [("x", 1, "new!")]
    assert db.ask(RelationalExecute(None, "DELETE FROM w WHERE length(b) = 1 AND a < 2")).affected == 1
    assert db.ask(RelationalGet("s", "k")).rows == [("k", 1, 2.0, "t")]
    assert db.ask(RelationalUpsert("s", [{"k": "1e3", "t": "5"}])).affected == 1
    assert db.ask(RelationalGet("s", "1e3")).rows == [("1e3", None, None, "5")]
    assert db.ask(RelationalGet("d", 5)).rows == [(5, 2)]


def test_collations_do_not_change_answers(opening: Any) -> None:
    db = opening(
        "CREATE TABLE c (k TEXT COLLATE NOCASE PRIMARY KEY, v TEXT COLLATE RTRIM)",
        "INSERT INTO c VALUES ('Abc', 'x '), ('b', 'x'), ('B2', 'X')",
        "CREATE VIEW cv AS SELECT k AS kk FROM c",
    )
    assert db.ask(RelationalGet("c", "abc")).rows == []
    assert db.ask(RelationalGet("c", "Abc")).rows == [("Abc", "x ")]
    assert db.rows("c", ["k"], where="v = 'x'") == [{"k": "b"}]
    assert db.rows("c", ["k"], where="k IN ('abc', 'b')") == [{"k": "b"}]
    assert [r["k"] for r in db.rows("c", ["k"], order="k")] == ["Abc", "B2", "b"]
    assert [r["kk"] for r in db.rows("cv", order="kk", limit=2)] == ["Abc", "B2"]
    assert db.rows("cv", where="kk > 'C'") == [{"kk": "b"}]
    assert db.ask(RelationalDelete("c", keys=["ABC"])).affected == 0
    assert db.ask(RelationalUpsert("c", [{"k": "ABC", "v": "new"}])).affected == 1
    assert db.ask(RelationalGet("c", "ABC")).rows == [("ABC", "new")]


def test_texts_that_look_like_numbers_stay_texts(opening: Any) -> None:
    db = opening(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, day DATE, code TEXT)",
        "INSERT INTO t VALUES (1, '2013-01-01', '007'), (2, 'soon', '7'), (3, '20x', '1e3')",
    )
    assert db.types("t")["day"] == "string"
    for where, ids in {
        "day < '3'": [1, 3],
        "day > '2'": [1, 2, 3],
        "day BETWEEN '1' AND '3'": [1, 3],
        "code = '7'": [2],
        "code < '1'": [1],
        "day > code": [1, 2, 3],
        "day >= '2013'": [1, 2, 3],
    }.items():
        assert [r["id"] for r in db.rows("t", ["id"], where=where, order="id")] == ids, where
    assert db.ask(RelationalGet("t", 1, ("code",))).rows == [("007",)]
    for wrong in ("1e3", " 5", "005", "1.0"):
        with pytest.raises(PolyrouteError, match="column 'day'"):
            db.ask(RelationalUpsert("t", [{"id": 9, "day": wrong}]))
    assert db.ask(RelationalUpsert("t", [{"id": 9, "day": "5", "code": "1e3"}])).affected == 1
    assert db.rows("t", ["day", "code"], where="id = 9") == [{"day": "5", "code": "1e3"}]


def test_views_are_read_and_not_written(opening: Any) -> None:
    db = opening(
        *PEOPLE,
        "CREATE VIEW tall AS SELECT name, height * 2 AS twice FROM people WHERE height > 1.8",
        "CREATE VIEW broken AS SELECT * FROM nowhere",
    )
    assert db.rows("tall") == [{"name": "Bob", "twice": 4.0}]
    assert "broken" not in db.engine.datasets()
    for op in (
        RelationalExecute(None, "DELETE FROM tall"),
        RelationalExecute(None, "UPDATE tall SET name = 'x'"),
        RelationalExecute(None, "INSERT INTO tall (name) VALUES ('x')"),
        RelationalDelete("tall", where="twice > 1"),
    ):
        with pytest.raises(PolyrouteError, match="view") as caught:
            db.ask(op)
        assert caught.value.code == "QUERY_INVALID"
    db.engine.drop("tall", Call(timeout_s=30))
    assert set(db.engine.datasets()) == {"people"}


def test_a_view_without_end_stops_nobody(opening: Any) -> None:
    db = opening(
        "CREATE TABLE t (a)",
        "CREATE VIEW endless AS"
        " WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT max(x) AS m FROM c",
    )
    assert set(db.engine.datasets()) == {"t", "endless"}
    with pytest.raises(PolyrouteError) as caught:
        db.ask(Scan("endless"), Call(timeout_s=0.1))
    assert caught.value.code == "QUERY_TIMEOUT"
    assert db.rows("t") == []


def test_generated_columns_are_read_and_not_written(opening: Any) -> None:
    db = opening(
        "CREATE TABLE g (id INTEGER PRIMARY KEY, a INT, twice INT AS (a * 2), kept TEXT AS ('n' || a) STORED)",
        "INSERT INTO g (id, a) VALUES (1, 4)",
    )
    assert db.rows("g", where="twice = 8") == [{"id": 1, "a": 4, "twice": 8, "kept": "n4"}]
    db.ask(RelationalUpsert("g", [{"id": 1, "a": 5}]))
    assert db.ask(RelationalExecute(None, "INSERT INTO g VALUES (2, 6)")).affected == 1
    assert [r["twice"] for r in db.rows("g", order="id")] == [10, 12]
    for op in (
        RelationalUpsert("g", [{"id": 1, "twice": 5}]),
        RelationalExecute(None, "UPDATE g SET twice = 1"),
        RelationalExecute(None, "INSERT INTO g (id, kept) VALUES (3, 'x')"),
    ):
        with pytest.raises(PolyrouteError, match="computed by SQLite"):
            db.ask(op)


def test_virtual_tables_are_read(opening: Any) -> None:
    db = opening("CREATE VIRTUAL TABLE f USING fts5(title, body)", "INSERT INTO f VALUES ('hi', 'hello world')")
    assert set(db.engine.datasets()) == {"f"}
    assert db.rows("f") == [{"title": "hi", "body": "hello world"}]
    found = db.ask(RelationalExecute(None, "INSERT INTO f VALUES ('a', 'b')", dialect="native"))
    assert found.affected == 1


def test_names_of_every_kind(opening: Any) -> None:
    db = opening(
        'CREATE TABLE "my table" ("a ""b" TEXT, [c d] INT, `é` REAL, "rowid" TEXT)',
        """INSERT INTO "my table" VALUES ('x', 1, 2, 'r')""",
    )
    assert db.rows("my table") == [{'a "b': "x", "c d": 1, "é": 2.0, "rowid": "r"}]
    assert (
        db.ask(RelationalExecute(None, 'UPDATE "my table" SET "c d" = "c d" + 1 WHERE "rowid" = \'r\'')).affected == 1
    )
    assert db.rows("my table", ["c d"]) == [{"c d": 2}]


def test_triggers_and_references_are_obeyed(opening: Any) -> None:
    db = opening(
        "CREATE TABLE p (id INTEGER PRIMARY KEY)",
        "CREATE TABLE c (id INTEGER PRIMARY KEY, p INTEGER REFERENCES p)",
        "CREATE TABLE log (what)",
        "CREATE TRIGGER t AFTER INSERT ON p BEGIN INSERT INTO log VALUES (new.id); END",
    )
    db.ask(RelationalUpsert("p", [{"id": 1}, {"id": 2}]))
    assert db.rows("log") == [{"what": 1}, {"what": 2}]
    db.ask(RelationalUpsert("c", [{"id": 1, "p": 1}]))
    for op in (RelationalUpsert("c", [{"id": 2, "p": 9}]), RelationalDelete("p", keys=[1])):
        with pytest.raises(PolyrouteError) as caught:
            db.ask(op)
        assert caught.value.code == "CONSISTENCY_VIOLATION"
    assert len(db.rows("p")) == 2


def test_nan_cannot_be_given_back_by_a_foreign_table(opening: Any) -> None:
    db = opening("CREATE TABLE t (id INTEGER PRIMARY KEY, x REAL)")
    with pytest.raises(PolyrouteError, match="column 'x' holds NaN"):
        db.ask(RelationalUpsert("t", [{"id": 1, "x": float("nan")}]))
    assert db.ask(RelationalUpsert("t", [{"id": 1, "x": float("inf")}])).affected == 1
    assert db.rows("t") == [{"id": 1, "x": float("inf")}]


def test_a_text_that_is_not_utf8_is_told_without_showing_it(opening: Any) -> None:
    db = opening("CREATE TABLE t (id INTEGER PRIMARY KEY, s TEXT)", "INSERT INTO t VALUES (1, CAST(x'66ff6f' AS TEXT))")
    for op in (Scan("t"), RelationalGet("t", 1)):
        with pytest.raises(PolyrouteError, match="not UTF-8") as caught:
            db.ask(op)
        assert caught.value.code == "QUERY_EXECUTION_FAILED"
    assert db.rows("t", ["id"]) == [{"id": 1}]


def test_appending_to_a_foreign_table(opening: Any) -> None:
    db = opening(*PEOPLE)
    more = pa.table({"id": [3], "name": ["Cyd"], "born": ["2001-02-03"]})
    db.load("people", more, mode="append")
    assert db.ask(RelationalGet("people", 3, ("name", "born", "height"))).rows == [("Cyd", "2001-02-03", None)]
    db.load("people", more, mode="replace", key=["id"])
    assert len(db.rows("people")) == 1


def test_a_column_that_disappears_is_no_text(opening: Any, path: Path) -> None:
    db = opening("CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b TEXT)", "INSERT INTO t VALUES (1, 'x', 'y')")
    assert db.ask(RelationalGet("t", 1, ("a",))).rows == [("x",)]
    foreign(path, "ALTER TABLE t DROP COLUMN a")
    with pytest.raises(PolyrouteError, match="no column of 't' 'a'"):
        db.ask(RelationalGet("t", 1, ("a",)))
    with pytest.raises(PolyrouteError):
        db.engine.relational_get(RelationalGet("t", (1,), ("a",)), Call(timeout_s=30))


def test_a_table_that_is_locked_is_waited_for(opening: Any, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from polyroute.engines.resources import sqlite as module

    db = opening("CREATE TABLE t (id INTEGER PRIMARY KEY)", "INSERT INTO t VALUES (1)")
    assert db.rows("t") == [{"id": 1}]
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(PolyrouteError) as caught:
            db.engine.relational_get(RelationalGet("t", (1,)), Call(timeout_s=0.1))
        assert caught.value.code == "QUERY_TIMEOUT"
        monkeypatch.setattr(module, "PATIENCE_S", 0.1)
        with pytest.raises(PolyrouteError) as caught:
            db.ask(RelationalDelete("t", keys=[1]))
        assert caught.value.code == "ENGINE_OVERLOADED"
        other.execute("ROLLBACK")
    assert db.ask(RelationalGet("t", 1)).rows == [(1,)]


def test_a_key_of_texts_and_numbers_is_no_key(opening: Any, path: Path) -> None:
    db = opening(
        "CREATE TABLE t (k PRIMARY KEY, v INT)",
        "INSERT INTO t VALUES (5, 1)",
        "CREATE TABLE u (k PRIMARY KEY, v INT)",
        "INSERT INTO u VALUES ('a', 1)",
    )
    assert db.ask(RelationalGet("t", 5, ("v",))).rows == [(1,)]
    foreign(path, "INSERT INTO t VALUES ('5', 2)", "INSERT INTO u VALUES (5, 2)")
    assert len(db.rows("u")) == 2
    assert (db.types("u")["k"], db.engine.dataset("u").key) == ("string", ())
    assert sorted(r["v"] for r in db.rows("t", where="k = '5'")) == [1, 2]
    assert db.engine.dataset("t").key == ()
    with pytest.raises(PolyrouteError, match="no key"):
        db.ask(RelationalGet("t", "5"))


def test_an_update_reads_what_other_programs_stored(opening: Any, path: Path) -> None:
    db = opening("CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER, w)", "INSERT INTO t VALUES (1, 7, NULL)")
    foreign(path, "INSERT INTO t VALUES (2, 'x', NULL)")
    assert db.ask(RelationalExecute(None, "UPDATE t SET w = v || '!'")).affected == 2
    assert db.rows("t", ["w"], order="id") == [{"w": "7!"}, {"w": "x!"}]


VALUES = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.text(st.characters(exclude_categories=("Cs",))),
    st.binary(max_size=5),
)
DECLARED = st.sampled_from(["INTEGER", "TEXT", "REAL", "NUMERIC", "BLOB", "", "DATE", "BOOLEAN", "VARCHAR(5)"])


@settings(max_examples=60, deadline=None)
@given(declared=DECLARED, values=st.lists(VALUES, max_size=6))
def test_what_is_read_is_what_is_stored(
    tmp_path_factory: pytest.TempPathFactory, declared: str, values: list[object]
) -> None:
    path = tmp_path_factory.mktemp("f") / "a.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"CREATE TABLE t (id INTEGER PRIMARY KEY, v {declared})")
        connection.executemany("INSERT INTO t (v) VALUES (?)", [(v,) for v in values])
        stored = [row[0] for row in connection.execute("SELECT v FROM t ORDER BY id")]
        connection.commit()
    db = Opened(path)
    read = [row["v"] for row in db.rows("t", ["v"], order="id")]
    db.engine.close()
    for was, now in zip(stored, read, strict=True):
        assert (
            now == was or now in (str(was), repr(was)) or now == (was if isinstance(was, bytes) else str(was).encode())
        )
    if len({type(v) for v in stored} - {type(None)}) == 1:
        assert read == stored
        assert {type(v) for v in read} == {type(v) for v in stored}


@given(seen=st.sets(st.sampled_from(["integer", "bigint", "real", "text", "blob"])), declared=DECLARED)
def test_what_fits_changes_nothing(seen: set[str], declared: str) -> None:
    held = frozenset(seen)
    for storage_class in fitting(held, declared):
        assert shape(held | {storage_class}, declared) == shape(held, declared)
    assert held <= fitting(held, declared)


def test_affinities_and_classes_are_sqlites_own() -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        for declared in (
            "INT",
            "POINT",
            "CHARINT",
            "TEXT",
            "CLOB",
            "BLOB",
            "",
            "DOUBLE",
            "FLOAT",
            "REAL",
            "DATE",
            "XBLOBREAL",
        ):
            connection.execute(f"CREATE TABLE t (v {declared})")
            connection.execute("INSERT INTO t VALUES ('500')")
            connection.execute("INSERT INTO t VALUES (500.0)")
            classes = [r[0] for r in connection.execute("SELECT typeof(v) FROM t ORDER BY rowid")]
            expected = {
                "INTEGER": ["integer", "integer"],
                "NUMERIC": ["integer", "integer"],
                "REAL": ["real", "real"],
                "TEXT": ["text", "text"],
                "BLOB": ["text", "real"],
            }
            assert classes == expected[affinity(declared)], declared
            connection.execute("DROP TABLE t")
    assert [class_of(v) for v in (1, 2**53 + 1, 1.5, "x", b"")] == ["integer", "bigint", "real", "text", "blob"]

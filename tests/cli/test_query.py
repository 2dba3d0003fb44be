from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Invoke

HIGH = "SELECT iata, city FROM airports WHERE elevation_ft > $floor"


def test_table(invoke: Invoke, config: Path) -> None:
    done = invoke("query", "--config", str(config), "-c", HIGH, "--param", "floor=1000")
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.splitlines() == ["iata | city", "-----+-------", "DEN  | Denver", "(1 row)"]


def test_json_from_a_file(invoke: Invoke, config: Path, tmp_path: Path) -> None:
    statement = tmp_path / "q.sql"
    statement.write_text("SELECT * FROM airports ORDER BY iata DESC LIMIT 1")
    done = invoke("query", "--config", str(config), "-f", str(statement), "--json")
    assert json.loads(done.stdout) == [{"iata": "XXX", "city": None, "elevation_ft": None}]


def test_csv_from_standard_input(invoke: Invoke, air: Path) -> None:
    statement = "SELECT city, iata FROM airports ORDER BY iata"
    done = invoke("query", "--engine", f"rel=sqlite:///{air}", "-f", "-", "--csv", stdin=statement)
    assert done.stdout == "city,iata\nDenver,DEN\nNew York,JFK\n,XXX\n"


def test_parameters_are_json_or_text(invoke: Invoke, config: Path) -> None:
    sql = "SELECT $n + 1 AS n, $code AS code, $text AS text, $items[2] AS item, $nothing IS NULL AS nothing"
    params = ("n=41", "code=JFK", 'text="41"', "items=[1, 2]", "nothing=null")
    given = [part for text in params for part in ("--param", text)]
    done = invoke("query", "--config", str(config), "-c", sql, "--json", *given)
    assert json.loads(done.stdout) == [{"n": 42, "code": "JFK", "text": "41", "item": 2, "nothing": True}]


def test_the_environment_names_the_configuration(invoke: Invoke, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLYROUTE_CONFIG", str(config))
    assert "(3 rows)" in invoke("query", "-c", "SELECT * FROM airports").stdout


def test_configuration_and_addresses_add_up(invoke: Invoke, config: Path, tmp_path: Path) -> None:
    done = invoke("engines", "--config", str(config), "--engine", f"more=sqlite:///{tmp_path}/more.db", "--json")
    assert [e["engine"] for e in json.loads(done.stdout)] == ["rel", "graph", "more"]


def test_explain_shows_the_plan_and_does_not_run(invoke: Invoke, config: Path) -> None:
    done = invoke("query", "--config", str(config), "-c", HIGH, "--param", "floor=1000", "--explain")
    assert done.exit_code == 0
    assert "select on rel" in done.stdout
    assert "moved" not in done.stdout
    analysed = invoke("query", "--config", str(config), "-c", "SELECT * FROM airports", "--explain", "--analyze")
    assert "3 rows" in analysed.stdout
    as_json = invoke("query", "--config", str(config), "-c", "SELECT * FROM airports", "--explain", "--json")
    assert json.loads(as_json.stdout)["fragments"][0]["engine"] == "rel"


def test_a_write_tells_how_many_rows(invoke: Invoke, config: Path) -> None:
    done = invoke("query", "--config", str(config), "-c", "DELETE FROM airports WHERE city IS NULL")
    assert done.stdout == "(1 row written)\n"
    assert "(2 rows)" in invoke("query", "--config", str(config), "-c", "SELECT * FROM airports").stdout


def test_read_only_refuses_a_write(invoke: Invoke, air: Path) -> None:
    engine = ["query", "--engine", f"rel=sqlite:///{air}", "--read-only"]
    done = invoke(*engine, "-c", "DELETE FROM airports")
    assert done.exit_code == 1
    assert "QUERY_INVALID" in done.stderr
    assert "(3 rows)" in invoke(*engine, "-c", "SELECT * FROM airports").stdout


def test_read_only_makes_no_store(invoke: Invoke, config: Path) -> None:
    done = invoke("query", "--config", str(config), "--read-only", "-c", "SELECT * FROM airports")
    assert done.exit_code == 3
    assert not (config.parent / "graphs").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["query"],
        ["query", "-c", "SELECT 1"],
        ["query", "-c", " ", "--engine", "rel=sqlite://"],
        ["query", "-c", "SELECT 1", "-f", "-", "--engine", "rel=sqlite://"],
        ["query", "-c", "SELECT 1", "--engine", "sqlite://"],
        ["query", "-c", "SELECT 1", "--engine", "a=sqlite://", "--engine", "a=duckdb://"],
        ["query", "-c", "SELECT 1", "--engine", "a=sqlite://", "--param", "1"],
        ["query", "-c", "SELECT 1", "--engine", "a=sqlite://", "--param", "x=1", "--param", "x=2"],
        ["query", "-c", "SELECT 1", "--engine", "a=sqlite://", "--timeout", "0"],
        ["query", "-c", "SELECT 1", "--engine", "a=sqlite://", "--analyze"],
        ["query", "-c", "SELECT 1", "--config", "no_such.toml"],
        ["quary"],
    ],
)
def test_usage_errors(invoke: Invoke, arguments: list[str]) -> None:
    done = invoke(*arguments)
    assert done.exit_code == 2
    assert "Error: " in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("SELECT * FROM airport", "did you mean 'airports'?"),
        ("SELECT citi FROM airports", "citi"),
        ("SELEC 1", "QUERY_INVALID"),
        ("SELECT 1; SELECT 2", "QUERY_INVALID"),
        ("SELECT $x", "$x"),
    ],
)
def test_query_errors(invoke: Invoke, config: Path, sql: str, told: str) -> None:
    done = invoke("query", "--config", str(config), "-c", sql)
    assert done.exit_code == 1
    assert done.stderr.startswith("error: QUERY_INVALID")
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_broken_engine_is_exit_code_3(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "bad.db").write_bytes(b"this is no database" * 100)
    done = invoke("query", "--engine", f"rel=sqlite:///{tmp_path}/bad.db", "-c", "SELECT 1")
    assert done.exit_code == 3
    assert "ENGINE_UNAVAILABLE" in done.stderr


def test_a_time_out_is_exit_code_4(invoke: Invoke, config: Path) -> None:
    slow = "SELECT sum(a.range * b.range * c.range) FROM range(3000) a, range(3000) b, range(3000) c"
    done = invoke("query", "--config", str(config), "-c", slow, "--timeout", "0.2")
    assert done.exit_code == 4
    assert "QUERY_TIMEOUT" in done.stderr

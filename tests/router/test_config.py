"""The configuration: what it may say, what it refuses, where state lies."""

from __future__ import annotations

from pathlib import Path

import pytest

import polyroute
from polyroute import PolyrouteError
from polyroute.router.config import configuration_from


def test_a_toml_file_opens_engines_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIR_DB", "air.db")
    (tmp_path / "polyroute.toml").write_text(
        """
        [engines.rel]
        url = "sqlite:///${AIR_DB}"
        [engines.olap]
        url = "duckdb:///${OLAP_DB:olap.duckdb}"
        [routing]
        load_balancing = "round_robin"
        [limits]
        max_rows = 3
        [resilience]
        max_attempts = 5
        """
    )
    with polyroute.connect(tmp_path / "polyroute.toml") as db:
        assert sorted(db.engines) == ["olap", "rel"]
        db.load("t", [{"a": n} for n in range(9)], engine=("rel", "olap"))
        assert len(db.scan("t")) == 3
    assert (tmp_path / "air.db").exists()
    assert (tmp_path / ".polyroute" / "placements.json").exists()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ({"engine": {}}, "did you mean 'engines'?"),
        ({"engines": {"rel": {}}}, "no address"),
        ({"limits": {"max_row": 1}}, "did you mean 'max_rows'?"),
        ({"limits": {"max_rows": 0}}, "more than zero"),
        ({"limits": {"max_rows": "many"}}, "max_rows"),
        ({"routing": {"load_balancing": "random"}}, "round_robin"),
        ({"resilience": {"max_attempts": 0}}, "max_attempts"),
        ({"engines": {"rel": "sqlite:///${NOT_SET_ANYWHERE}"}}, "NOT_SET_ANYWHERE"),
    ],
)
def test_wrong_configurations_name_what_is_wrong(content: dict[str, object], told: str) -> None:
    with pytest.raises(PolyrouteError) as caught:
        configuration_from(content)
    assert caught.value.code == "QUERY_INVALID"
    assert told in str(caught.value)


def test_a_missing_or_broken_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(PolyrouteError, match="cannot be read"):
        polyroute.connect(tmp_path / "none.toml")
    (tmp_path / "broken.toml").write_text("engines = [")
    with pytest.raises(PolyrouteError, match="not TOML"):
        polyroute.connect(tmp_path / "broken.toml")


def test_one_engine_that_cannot_be_opened_closes_the_others(tmp_path: Path) -> None:
    (tmp_path / "bad.db").write_bytes(b"this is no database" * 100)
    with pytest.raises(PolyrouteError):
        polyroute.connect({"rel": f"sqlite:///{tmp_path}/good.db", "bad": f"sqlite:///{tmp_path}/bad.db"})
    assert (tmp_path / "bad.db").read_bytes() == b"this is no database" * 100
    with polyroute.connect({"rel": f"sqlite:///{tmp_path}/good.db"}, read_only=True) as db:
        assert db.catalog.names() == []

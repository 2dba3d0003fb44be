"""Addresses and schemes."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from polyroute import PolyrouteError
from polyroute.engines import EngineURL, engine_class, open_engine, schemes
from polyroute.engines.registry import ENGINES


def test_three_slashes_are_relative_and_four_absolute(tmp_path: Path) -> None:
    assert EngineURL.parse("sqlite:///a/b.db").path == Path.cwd() / "a/b.db"
    assert EngineURL.parse("sqlite:///b.db", base=tmp_path).path == tmp_path / "b.db"
    assert EngineURL.parse("sqlite:////a/b.db").path == Path("/a/b.db")
    assert EngineURL.parse("sqlite://").path is None
    assert EngineURL.parse("duckdb:///a%20b.duckdb?threads=2").options == {"threads": "2"}


def test_a_password_does_not_show() -> None:
    url = EngineURL.parse("postgresql://ann:secret@host:5432/db")
    assert (url.user, url.password, url.host, url.port) == ("ann", "secret", "host", 5432)
    assert "secret" not in repr(url) + str(url)


def test_wrong_addresses_tell_the_way_out() -> None:
    for text, told in (
        ("air.db", "scheme"),
        ("sqlite//air.db", "scheme"),
        ("sqllite:///a.db", "did you mean 'sqlite'?"),
    ):
        with pytest.raises(PolyrouteError) as caught:
            open_engine(text)
        assert caught.value.code == "QUERY_INVALID"
        assert told in str(caught.value)


def test_a_missing_library_is_named_with_its_install_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ENGINES, "odd", "no_such_library_anywhere:Engine")
    with pytest.raises(PolyrouteError, match="pip install no_such_library_anywhere"):
        engine_class("odd")


def test_a_plugin_is_found_by_its_entry_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "odd_engine.py").write_text(
        "from polyroute.engines.relational.memory import MemoryEngine as OddEngine\n"
    )
    info = tmp_path / "odd_engine-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: odd-engine\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[polyroute.engines]\nodd = odd_engine:OddEngine\nwrong = pathlib:Path\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    try:
        assert "odd" in schemes()
        engine = open_engine("odd://")
        assert engine.kind == "relational"
        with pytest.raises(PolyrouteError, match="not an Engine"):
            open_engine("wrong://")
    finally:
        sys.modules.pop("odd_engine", None)

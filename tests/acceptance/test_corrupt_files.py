"""Damaged files of every engine: ENGINE_UNAVAILABLE with a way out, never an empty answer, not a byte changed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import polyroute
from polyroute import PolyrouteError
from tests.acceptance.world import PLACES, Place, connect, fill


def overwritten(data: bytes) -> bytes:
    return b"this is no database, whatever its name says\n" * 50


def beginning_lost(data: bytes) -> bytes:
    return b"garbage " * 64 + data[512:]


def cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


def flipped(data: bytes) -> bytes:
    third = len(data) // 3
    return data[:third] + bytes(b ^ 0xA5 for b in data[third : third + 4096]) + data[third + 4096 :]


FILES = {
    "rel": "rel.db",
    "olap": "olap.duckdb",
    "vec": "vectors/passages.lance/data/*.lance",
    "vec manifest": "vectors/passages.lance/_versions/18446744073709551613.manifest",
    "graph": "graphs/*/base-*.arrow",
    "graph manifest": "graphs/manifest.json",
    "docs": "docs.json",
    "json": "docs.db",
    "ts": "ts.duckdb",
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    with connect(folder) as db:
        fill(db)
    return folder


@pytest.mark.parametrize("damage", [overwritten, beginning_lost, cut, flipped])
@pytest.mark.parametrize("what", FILES)
def test_a_damaged_file(tmp_path: Path, whole: Path, what: str, damage: Callable[[bytes], bytes]) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(whole, folder)
    place = next(p for p in PLACES if p.engine == what.split()[0])
    victims = list(folder.glob(FILES[what]))
    assert victims
    for victim in victims:
        victim.write_bytes(damage(victim.read_bytes()))
    damaged = {victim: victim.read_bytes() for victim in victims}
    with pytest.raises(PolyrouteError) as caught:
        read_all(folder, place)
    assert caught.value.code == "ENGINE_UNAVAILABLE", str(caught.value)
    assert caught.value.hint
    assert str(tmp_path) not in str(caught.value)
    assert {victim: victim.read_bytes() for victim in victims} == damaged


@pytest.mark.parametrize("what", FILES)
def test_a_create_does_not_replace_what_cannot_be_read(tmp_path: Path, whole: Path, what: str) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(whole, folder)
    place = next(p for p in PLACES if p.engine == what.split()[0])
    victims = list(folder.glob(FILES[what]))
    for victim in victims:
        victim.write_bytes(cut(victim.read_bytes()))
    damaged = {victim: victim.read_bytes() for victim in victims}
    with pytest.raises(PolyrouteError), polyroute.connect({place.engine: place.url.format(folder)}) as db:
        db.load(place.dataset, place.rows, engine=place.engine, show_progress=False, **place.options)  # type: ignore[arg-type]
    assert {victim: victim.read_bytes() for victim in victims} == damaged


def test_the_other_engines_answer_on(tmp_path: Path, whole: Path) -> None:
    """A file that is damaged while it is connected costs its own datasets only."""
    folder = tmp_path / "copy"
    shutil.copytree(whole, folder)
    (folder / "graphs/manifest.json").write_bytes(b"{}x")
    urls = {p.engine: p.url.format(folder) for p in PLACES if p.engine != "graph"}
    with polyroute.connect(urls) as db:
        with pytest.raises(PolyrouteError) as caught:
            db.register_engine(f"networkx:///{folder}/graphs", "graph")
        assert caught.value.code == "ENGINE_UNAVAILABLE"
        for place in PLACES:
            if place.engine != "graph":
                assert len(db.scan(place.dataset)) == len(place.rows)


def read_all(folder: Path, place: Place) -> None:
    with polyroute.connect({place.engine: place.url.format(folder)}) as db:
        db.scan(place.dataset).fetchall()

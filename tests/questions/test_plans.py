"""The plans of the developer questions, as explain shows them before anything has run.

A plan that changes on purpose is written anew with POLYROUTE_WRITE_PLANS=1; read the difference before it is committed.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import polyroute
from tests.questions import air_travel

PLANS = Path(__file__).parent / "plans"

pytestmark = [
    pytest.mark.skipif(not air_travel.DATA.is_dir(), reason="the shared data is not here"),
    pytest.mark.xdist_group("plans"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("plans")
    with polyroute.connect(air_travel.engines(made), state_dir=made / "state") as db:
        air_travel.load(db)
    return made


@pytest.mark.parametrize("name", air_travel.QUESTIONS)
def test_a_plan_is_as_it_was(folder: Path, name: str) -> None:
    # a connection of its own: what one question teaches would show in the plan of the next
    with polyroute.connect(air_travel.engines(folder), state_dir=folder / "state") as db:
        shown = f"{db.explain(*air_travel.question(name))}\n"
    kept = PLANS / f"{name}.txt"
    if os.environ.get("POLYROUTE_WRITE_PLANS"):
        kept.parent.mkdir(exist_ok=True)
        kept.write_text(shown, encoding="utf-8")
    assert shown == kept.read_text(encoding="utf-8")

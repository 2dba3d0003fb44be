"""The eight developer questions, asked in polyroute SQL over five engine kinds, and asked again by a new process."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

import polyroute
from tests.questions import air_travel

pytestmark = [
    pytest.mark.skipif(not air_travel.DATA.is_dir(), reason="the shared air-travel data is not here"),
    pytest.mark.xdist_group("air_travel"),
]


@pytest.fixture(scope="module", params=air_travel.CASTS)
def cast(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, cast: str) -> Path:
    return tmp_path_factory.mktemp(f"air_{cast}")


@pytest.fixture(scope="module")
def db(folder: Path, cast: str) -> Iterator[polyroute.DatabaseCoordinator]:
    with polyroute.connect(air_travel.engines(folder, cast)) as made:
        air_travel.load(made)
        yield made


def equal(given: object, expected: object, tolerance: float) -> bool:
    if isinstance(expected, int | float) and not isinstance(expected, bool) and isinstance(given, int | float):
        return abs(given - expected) <= max(tolerance, 1e-9)
    return given == expected


def check(name: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    wanted = air_travel.answer(name)
    assert list(columns) == wanted["columns"]
    assert len(rows) == wanted["n_rows"]
    for given, expected in zip(rows, wanted["rows"], strict=True):
        for column, value, truth in zip(columns, given, expected, strict=True):
            assert equal(value, truth, wanted["tolerance"].get(column, 0.0)), (column, given, expected)


@pytest.mark.parametrize("name", air_travel.QUESTIONS)
def test_answers_as_computed_by_hand(db: polyroute.DatabaseCoordinator, name: str) -> None:
    sql, params = air_travel.question(name)
    result = db.sql(sql, params)
    check(name, result.columns, result.fetchall())


AGAIN = """
import json, sys
from pathlib import Path
import polyroute
from tests.questions import air_travel
with polyroute.connect(air_travel.engines(Path(sys.argv[1]), sys.argv[2])) as db:
    answers = {}
    for name in air_travel.QUESTIONS:
        result = db.sql(*air_travel.question(name))
        answers[name] = [list(result.columns), [list(row) for row in result]]
print(json.dumps(answers))
"""


def test_a_new_process_answers_again(db: polyroute.DatabaseCoordinator, folder: Path, cast: str) -> None:
    db.close()
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", AGAIN, str(folder), cast], cwd=root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout)
    for name in air_travel.QUESTIONS:
        check(name, *answers[name])

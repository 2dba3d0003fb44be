"""The developer questions with their Nth engine call failing, over five engine kinds: the right answer or the right
error.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from polyroute import DatabaseCoordinator, PolyrouteError
from polyroute.errors import DatabaseErrorCode
from tests.questions import air_travel
from tests.router.guard.sweeping import Nth, connect_faulty, once_and_for_ever

pytestmark = [
    pytest.mark.skipif(not air_travel.DATA.is_dir(), reason="the shared air-travel data is not here"),
    pytest.mark.xdist_group("air_travel_faults"),
]

_MOST = 40


@pytest.fixture(scope="module")
def nth() -> Nth:
    return Nth()


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory, nth: Nth) -> Iterator[DatabaseCoordinator]:
    with connect_faulty(air_travel.engines(tmp_path_factory.mktemp("air_faults")), nth) as made:
        air_travel.load(made)
        yield made


@pytest.mark.parametrize("name", air_travel.QUESTIONS)
def test_the_right_answer_or_the_right_error(db: DatabaseCoordinator, nth: Nth, name: str) -> None:
    sql, params = air_travel.question(name)
    nth.start()
    expected = db.sql(sql, params)
    nth.start()
    again = db.sql(sql, params)
    calls = nth.calls
    assert calls > 0
    assert again.to_arrow().equals(expected.to_arrow())
    for n, lasting, failing in once_and_for_ever(min(calls, _MOST)):
        nth.start(failing)
        if lasting:
            with pytest.raises(PolyrouteError) as caught:
                db.sql(sql, params)
            assert caught.value.code == DatabaseErrorCode.ENGINE_UNAVAILABLE, n
            assert caught.value.engine in db.engines, n
        else:
            assert db.sql(sql, params).to_arrow().equals(expected.to_arrow()), n
    nth.start()
    assert db.sql(sql, params).to_arrow().equals(expected.to_arrow())

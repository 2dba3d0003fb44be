"""EngineSuite is sharp: every broken engine is red on the tests that name its fault, and every test of the suite is red
for some broken engine.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engines.reference import broken
from tests.engines.reference.faults import FAULTS, Fault, names_of_all_tests, redness

_TRIES = 5


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_broken_engine_is_red(fault: Fault, tmp_path: Path) -> None:
    assert fault.caught_by
    for test in fault.caught_by:
        assert _is_red(fault, test, tmp_path), f"{test} does not see that it {fault.engine.__name__}"


def _is_red(fault: Fault, test: str, tmp_path: Path) -> bool:
    """Tell whether a test sees a fault; one that shows only between threads may need another try on a busy machine."""
    for attempt in range(_TRIES):
        folder = tmp_path / f"{test}-{attempt}"
        folder.mkdir()
        if redness(fault.engine, test, folder) is not None:
            return True
    return False


def test_every_test_is_red_for_some_broken_engine() -> None:
    assert names_of_all_tests() == {test for fault in FAULTS for test in fault.caught_by}


def test_every_area_has_broken_engines() -> None:
    modules = {fault.engine.__mro__[1].__module__ for fault in FAULTS} | {f.engine.__module__ for f in FAULTS}
    assert {f"{broken.__name__}.{area}" for area in broken.__all__} <= modules

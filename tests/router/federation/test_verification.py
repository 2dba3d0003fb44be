"""The run-time check: what is held against pushdown, what is not, and what the caller gets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pyarrow as pa
import pytest

from polyroute.errors import DatabaseErrorCode, PolyrouteError, make_error
from polyroute.result import QueryResult
from polyroute.router.federation.verification import Pushdown, Quarantine, Quarantined, Verified, verify

FILTER = Pushdown("rel", "filter", "airports", "city < ?")
LIMIT = Pushdown("rel", "limit", "airports", "?")
RIGHT, WRONG, OTHER = [1, 2, 3], [1, 2], [9]

Outcome = list[int] | PolyrouteError


def failing(code: DatabaseErrorCode) -> PolyrouteError:
    """Return an error as a run raises it."""
    return make_error(code, "no")


def runs(outcomes: Iterable[Outcome]) -> Callable[[], QueryResult]:
    """Return a run that gives one outcome after the other, the last one for ever."""
    left = list(outcomes)

    def run() -> QueryResult:
        outcome = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(outcome, PolyrouteError):
            raise outcome
        return QueryResult(pa.table({"a": outcome}))

    return run


def steady() -> Mapping[str, object]:
    """Return versions that do not move."""
    return {"airports": 1}


@dataclass
class Case:
    """A check with what it runs; `checked` performs it."""

    pushed: list[Outcome]
    plain: list[Outcome] = field(default_factory=lambda: [RIGHT])
    versions: Callable[[], Mapping[str, object]] = steady
    quarantine: Quarantine = field(default_factory=Quarantine)

    def checked(self, **options: object) -> Verified[QueryResult]:
        """Verify with these runs."""
        return verify(
            runs(self.pushed),
            runs(self.plain),
            self.versions,
            [FILTER, LIMIT],
            self.quarantine,
            **options,  # type: ignore[arg-type]
        )


def values(verified: Verified[QueryResult]) -> list[int]:
    """Return the answer that the caller gets."""
    return [row[0] for row in verified.answer.rows()]  # type: ignore[misc]


def test_equal_answers_pass() -> None:
    case = Case([[3, 2, 1]])
    verified = case.checked()
    assert values(verified) == [3, 2, 1]
    assert (verified.difference, verified.quarantined, verified.inconclusive) == (None, (), None)
    assert case.checked(ordered=True).difference == "column 'a' differs in 2 of 3 rows, first in row 1"


def test_a_difference_that_repeats_is_held() -> None:
    case = Case([WRONG])
    verified = case.checked()
    assert values(verified) == RIGHT
    assert verified.difference == "there are 2 rows and 3"
    assert verified.quarantined == (FILTER, LIMIT)
    assert case.quarantine.blocks("rel", "limit", "airports", "?")
    assert not case.quarantine.blocks("olap", "limit", "airports", "?")


@pytest.mark.parametrize(
    ("pushed", "plain", "why"),
    [
        ([WRONG, RIGHT], [RIGHT], "the difference did not show again"),
        ([WRONG], [RIGHT, OTHER], "the plain form differs from itself"),
        ([WRONG, failing(DatabaseErrorCode.QUERY_TIMEOUT)], [RIGHT], "the second run failed with QUERY_TIMEOUT"),
        (
            [WRONG],
            [RIGHT, failing(DatabaseErrorCode.ENGINE_UNAVAILABLE)],
            "the second run failed with ENGINE_UNAVAILABLE",
        ),
    ],
)
def test_what_does_not_repeat_is_not_held(pushed: list[Outcome], plain: list[Outcome], why: str) -> None:
    case = Case(pushed, plain)
    verified = case.checked()
    assert values(verified) == RIGHT
    assert verified.inconclusive == why
    assert verified.difference is not None
    assert case.quarantine.report() == []


@pytest.mark.parametrize("reads_before_the_change", [1, 2, 3])
def test_data_that_changed_meanwhile_proves_nothing(reads_before_the_change: int) -> None:
    seen: list[int] = []

    def versions() -> Mapping[str, object]:
        seen.append(1)
        return {"airports": len(seen) > reads_before_the_change}

    case = Case([WRONG], versions=versions)
    verified = case.checked(without=lambda pushdown: QueryResult(pa.table({"a": WRONG})))
    assert values(verified) == RIGHT
    assert verified.inconclusive == "the data changed meanwhile"
    assert case.quarantine.report() == []


def test_an_engine_that_tells_no_version_counts_as_unchanged() -> None:
    case = Case([WRONG], versions=lambda: {"airports": None})
    assert case.checked().quarantined == (FILTER, LIMIT)


def test_a_pushed_form_that_fails_on_the_query_is_a_difference() -> None:
    case = Case([failing(DatabaseErrorCode.QUERY_EXECUTION_FAILED)])
    verified = case.checked()
    assert values(verified) == RIGHT
    assert verified.difference == "pushed, it fails with QUERY_EXECUTION_FAILED"
    assert verified.quarantined == (FILTER, LIMIT)


@pytest.mark.parametrize("required", [True, False])
def test_a_time_out_is_no_difference(required: bool) -> None:
    case = Case([failing(DatabaseErrorCode.QUERY_TIMEOUT)])
    with pytest.raises(PolyrouteError) as caught:
        case.checked(required=required)
    assert caught.value.code == DatabaseErrorCode.QUERY_TIMEOUT


def test_a_plain_form_that_fails_is_told_when_the_check_was_asked_for() -> None:
    late = failing(DatabaseErrorCode.QUERY_TIMEOUT)
    with pytest.raises(PolyrouteError) as caught:
        Case([RIGHT], [late]).checked()
    assert caught.value is late
    verified = Case([RIGHT], [late]).checked(required=False)
    assert values(verified) == RIGHT
    assert verified.inconclusive == "the plain form failed with QUERY_TIMEOUT"


def test_when_both_fail_the_plain_error_is_raised() -> None:
    wrong, right = failing(DatabaseErrorCode.QUERY_EXECUTION_FAILED), failing(DatabaseErrorCode.QUERY_INVALID)
    for required in (True, False):
        with pytest.raises(PolyrouteError) as caught:
            Case([wrong], [right]).checked(required=required)
        assert caught.value is right


@pytest.mark.parametrize(
    ("right_without", "guilty"),
    [({LIMIT}, (LIMIT,)), ({FILTER, LIMIT}, (FILTER, LIMIT)), (set(), (FILTER, LIMIT))],
)
def test_the_guilty_one_is_found(right_without: set[Pushdown], guilty: tuple[Pushdown, ...]) -> None:
    def without(pushdown: Pushdown) -> QueryResult:
        return QueryResult(pa.table({"a": RIGHT if pushdown in right_without else WRONG}))

    assert Case([WRONG]).checked(without=without).quarantined == guilty


def test_when_looking_for_the_guilty_one_fails_all_are_held() -> None:
    def without(pushdown: Pushdown) -> QueryResult:
        raise failing(DatabaseErrorCode.QUERY_TIMEOUT)

    assert Case([WRONG]).checked(without=without).quarantined == (FILTER, LIMIT)


def test_a_new_quarantine_is_signalled_once_and_reported() -> None:
    told: list[Quarantined] = []
    quarantine = Quarantine(told.append)
    assert quarantine.epoch == 0
    Case([WRONG], quarantine=quarantine).checked()
    Case([WRONG], quarantine=quarantine).checked()
    assert [q.pushdown for q in told] == [FILTER, LIMIT]
    assert quarantine.report() == told
    assert quarantine.epoch == 2
    assert str(told[0]) == (
        "rel answers otherwise with the filter of 'airports' pushed than without: there are 2 rows and 3; "
        "it is not pushed any more (city < ?)"
    )


def test_threads_lose_nothing_and_signal_once() -> None:
    told: list[Quarantined] = []
    quarantine = Quarantine(told.append)
    names = [f"d{i}" for i in range(50)]
    with ThreadPoolExecutor(8) as pool:
        jobs = [pool.submit(quarantine.add, [Pushdown("rel", "filter", n, "f")], "x") for n in names * 4]
    assert all(job.exception() is None for job in jobs)
    assert quarantine.epoch == len(told) == 50
    assert all(quarantine.blocks("rel", "filter", n, "f") for n in names)

"""The order of look-up in one error table."""

from __future__ import annotations

import pytest

from polyroute.errors import DatabaseErrorCode, ErrorTable, Outcome, Verdict
from polyroute.errors.tables import qualified_names

EXACT = Verdict(DatabaseErrorCode.DEADLOCK_DETECTED, Outcome.ROLLED_BACK)
PREFIX = Verdict(DatabaseErrorCode.TRANSACTION_FAILED, Outcome.ROLLED_BACK)
LONGER = Verdict(DatabaseErrorCode.TRANSACTION_TIMEOUT, Outcome.ROLLED_BACK)
WORDS = Verdict(DatabaseErrorCode.ENGINE_UNAVAILABLE, Outcome.UNKNOWN)
NEAR = Verdict(DatabaseErrorCode.QUERY_INVALID, Outcome.NOT_EXECUTED)
FAR = Verdict(DatabaseErrorCode.QUERY_EXECUTION_FAILED, Outcome.UNKNOWN)


class Native(Exception):
    code: str | int | None = None


class Narrow(Native):
    pass


def name_of(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


TABLE = ErrorTable(
    code_of=lambda exc: getattr(exc, "code", None),
    exact={"40P01": EXACT, 5: EXACT},
    prefixes={"40": PREFIX, "40X": LONGER},
    texts=((name_of(Narrow), "locked", WORDS),),
    types={name_of(Native): FAR, name_of(Narrow): NEAR},
)


def raised(kind: type[Native], message: str = "", code: str | int | None = None) -> Native:
    exc = kind(message)
    exc.code = code
    return exc


@pytest.mark.parametrize(
    ("exc", "verdict"),
    [
        (raised(Narrow, "locked", "40P01"), EXACT),
        (raised(Narrow, "locked", 5), EXACT),
        (raised(Narrow, "locked", "40999"), PREFIX),
        (raised(Narrow, "locked", "40X01"), LONGER),
        (raised(Narrow, "it is LOCKED now", "99999"), WORDS),
        (raised(Narrow, "it is LOCKED now", 6), WORDS),
        (raised(Narrow, "it is open", "99999"), NEAR),
        (raised(Native, "it is locked now"), FAR),
    ],
)
def test_code_before_prefix_before_words_before_type(exc: Native, verdict: Verdict) -> None:
    match = TABLE.look_up(exc)
    assert match is not None
    assert match.verdict is verdict


def test_an_unknown_exception_matches_nothing() -> None:
    assert TABLE.look_up(ValueError("locked")) is None
    assert ErrorTable().look_up(ValueError("locked")) is None


def test_a_row_on_a_built_in_class_is_generic() -> None:
    table = ErrorTable(types={"builtins.ValueError": NEAR}, texts=(("builtins.OSError", "locked", WORDS),))
    by_type, by_words = table.look_up(UnicodeError("x")), table.look_up(OSError("locked"))
    assert by_type is not None
    assert by_words is not None
    assert (by_type.generic, by_words.generic) == (True, True)
    narrow = TABLE.look_up(raised(Narrow))
    assert narrow is not None
    assert not narrow.generic


def test_names_follow_the_method_resolution_order() -> None:
    assert qualified_names(ConnectionResetError) == (
        "builtins.ConnectionResetError",
        "builtins.ConnectionError",
        "builtins.OSError",
        "builtins.Exception",
        "builtins.BaseException",
        "builtins.object",
    )

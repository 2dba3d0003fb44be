"""The exceptions: their classes, their words, and that they survive a pickle."""

from __future__ import annotations

import copy
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyroute import errors
from polyroute.errors import (
    POLICIES,
    Category,
    DatabaseErrorCode,
    Outcome,
    PolyrouteError,
    QueryError,
    invalid,
    make_error,
    unknown_name,
)

CLASSES = {
    Category.COORDINATION: errors.CoordinationError,
    Category.ENGINE: errors.EngineError,
    Category.QUERY: errors.QueryError,
    Category.TRANSACTION: errors.TransactionError,
    Category.PERFORMANCE: errors.PerformanceError,
    Category.RESOURCE: errors.ResourceError,
}
TIMEOUTS = {
    DatabaseErrorCode.ENGINE_TIMEOUT: errors.EngineTimeoutError,
    DatabaseErrorCode.QUERY_TIMEOUT: errors.QueryTimeoutError,
    DatabaseErrorCode.TRANSACTION_TIMEOUT: errors.TransactionTimeoutError,
}


@pytest.mark.parametrize("code", DatabaseErrorCode)
def test_the_class_belongs_to_the_code(code: DatabaseErrorCode) -> None:
    error = make_error(code, "it failed")
    assert type(error) is TIMEOUTS.get(code, CLASSES[POLICIES[code].category])
    assert isinstance(error, CLASSES[POLICIES[code].category])
    assert isinstance(error, TimeoutError) == (code in TIMEOUTS)


def test_a_timeout_is_caught_as_the_standard_library_s() -> None:
    with pytest.raises(TimeoutError, match="stopped") as caught:
        raise make_error(DatabaseErrorCode.QUERY_TIMEOUT, "stopped after 0.2 s", engine="rel", hint="raise timeout_s")
    assert str(caught.value) == "stopped after 0.2 s\nhint: raise timeout_s"
    assert caught.value.engine == "rel"  # type: ignore[attr-defined]


optional_text = st.none() | st.text()


@given(
    code=st.sampled_from(DatabaseErrorCode),
    message=st.text(),
    engine=optional_text,
    query_id=optional_text,
    hint=optional_text,
    outcome=st.sampled_from(Outcome),
    protocol=st.integers(2, pickle.HIGHEST_PROTOCOL),
)
def test_every_attribute_survives_pickling(
    code: DatabaseErrorCode,
    message: str,
    engine: str | None,
    query_id: str | None,
    hint: str | None,
    outcome: Outcome,
    protocol: int,
) -> None:
    error = make_error(code, message, engine=engine, query_id=query_id, hint=hint, outcome=outcome)
    error.add_note("seen on a Tuesday")
    for copied in (pickle.loads(pickle.dumps(error, protocol)), copy.copy(error), copy.deepcopy(error)):
        assert type(copied) is type(error)
        assert (copied.code, copied.message, copied.engine) == (code, message, engine)
        assert (copied.query_id, copied.hint, copied.outcome) == (query_id, hint, outcome)
        assert (str(copied), copied.args, copied.__notes__) == (str(error), (message,), ["seen on a Tuesday"])


def test_a_code_may_be_given_by_its_name_but_must_exist() -> None:
    assert PolyrouteError("QUERY_INVALID", "no").code is DatabaseErrorCode.QUERY_INVALID  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="NO_SUCH_CODE"):
        PolyrouteError("NO_SUCH_CODE", "no")  # type: ignore[arg-type]


def test_the_words_are_the_message_and_the_hint() -> None:
    assert str(invalid("k must be at least 1")) == "k must be at least 1"
    assert str(invalid("k must be at least 1", hint="leave it out for 10")) == (
        "k must be at least 1\nhint: leave it out for 10"
    )
    assert "k must be" in repr(invalid("k must be at least 1", engine="vec"))


@pytest.mark.parametrize(
    ("name", "valid", "words"),
    [
        ("airport", ["airports", "routes"], "no dataset 'airport'; did you mean 'airports'?"),
        ("AIRPORTS", ["airports", "routes"], "no dataset 'AIRPORTS'; did you mean 'airports'?"),
        ("aiports", ["Airports"], "no dataset 'aiports'; did you mean 'Airports'?"),
        ("zzz", ["airports", "routes"], "no dataset 'zzz'; there are 'airports', 'routes'"),
        ("zzz", [], "no dataset 'zzz'; there are none"),
        ("", ["airports"], "no dataset ''; there are 'airports'"),
        ("zzz", [f"d{i}" for i in range(12)], "no dataset 'zzz'; there are " + ", ".join(f"'d{i}'" for i in range(10))),
    ],
)
def test_an_unknown_name_comes_with_the_way_out(name: str, valid: list[str], words: str) -> None:
    error = unknown_name("dataset", name, valid, engine="rel")
    assert str(error).startswith(words)
    assert str(error).removeprefix(words) in ("", " and 2 more")
    assert isinstance(error, QueryError)
    assert (error.code, error.engine, error.outcome) == (DatabaseErrorCode.QUERY_INVALID, "rel", Outcome.NOT_EXECUTED)


def test_an_endless_name_is_cut() -> None:
    assert len(str(unknown_name("dataset", "x" * 100_000, ["airports"]))) < 200


@given(name=st.text(), valid=st.lists(st.text()))
def test_whatever_is_suggested_exists(name: str, valid: list[str]) -> None:
    message = str(unknown_name("column", name, valid))
    if "did you mean" in message:
        assert any(message.endswith(f"did you mean {candidate!r}?") for candidate in valid)

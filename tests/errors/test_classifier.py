"""The classifier's own rules: what it lets through, whose word it takes, which table wins."""

from __future__ import annotations

import asyncio
import concurrent.futures
import json
import sqlite3
import subprocess
import sys

import duckdb
import pyarrow as pa
import pytest

from polyroute.errors import (
    POLICIES,
    DatabaseErrorClassifier,
    DatabaseErrorCode,
    ErrorTable,
    Outcome,
    RetryStrategy,
    Verdict,
    make_error,
)

CLASSIFIER = DatabaseErrorClassifier()


def native(statement: str) -> duckdb.Error:
    try:
        duckdb.sql(statement).fetchall()
    except duckdb.Error as exc:
        return exc
    raise AssertionError(statement)


@pytest.mark.parametrize("code", DatabaseErrorCode)
@pytest.mark.parametrize("outcome", Outcome)
def test_a_polyroute_error_classifies_as_itself(code: DatabaseErrorCode, outcome: Outcome) -> None:
    found = CLASSIFIER.classify(make_error(code, "it failed", outcome=outcome), engine="sqlite")
    policy = POLICIES[code]
    assert (found.code, found.outcome) == (code, outcome)
    assert (found.category, found.severity, found.retry_strategy) == (policy.category, policy.severity, policy.strategy)
    assert found.recoverable == (policy.strategy is not RetryStrategy.NONE)
    assert found.suggested_actions == policy.suggested_actions
    assert found.action_required == policy.action_required


@pytest.mark.parametrize(
    "exc",
    [
        KeyboardInterrupt(),
        SystemExit(1),
        GeneratorExit(),
        asyncio.CancelledError(),
        concurrent.futures.CancelledError(),
    ],
)
def test_cancellation_and_exit_pass_through(exc: BaseException) -> None:
    with pytest.raises(type(exc)) as classified:
        CLASSIFIER.classify(exc, "sqlite")
    with pytest.raises(type(exc)) as translated:
        CLASSIFIER.translate(exc, engine="sqlite")
    assert classified.value is exc
    assert translated.value is exc


def test_a_timeout_is_tested_before_the_oserror_that_it_is() -> None:
    assert CLASSIFIER.classify(TimeoutError(), "tinydb").code is DatabaseErrorCode.ENGINE_TIMEOUT
    assert CLASSIFIER.classify(OSError(), "tinydb").code is DatabaseErrorCode.ENGINE_UNAVAILABLE
    assert CLASSIFIER.classify(OSError(110, "timed out"), "tinydb").code is DatabaseErrorCode.ENGINE_TIMEOUT


def test_the_more_specific_of_two_tables_wins() -> None:
    with pytest.raises(pa.ArrowInvalid) as arrow:
        pa.array(["x"], pa.int64())
    mine = Verdict(DatabaseErrorCode.CONSISTENCY_VIOLATION, Outcome.ROLLED_BACK)
    broad = DatabaseErrorClassifier({"mine": ErrorTable(types={"builtins.ValueError": mine})})
    narrow = DatabaseErrorClassifier({"mine": ErrorTable(types={"pyarrow.lib.ArrowInvalid": mine})})
    assert broad.classify(arrow.value, "mine").code is DatabaseErrorCode.QUERY_INVALID
    assert narrow.classify(arrow.value, "mine").code is DatabaseErrorCode.CONSISTENCY_VIOLATION


def test_another_engine_s_error_is_known_too_but_not_its_reading_of_built_in_classes() -> None:
    # A document engine that keeps its documents in DuckDB, say.
    assert CLASSIFIER.classify(native("selec 1"), "tinydb").code is DatabaseErrorCode.QUERY_INVALID
    assert CLASSIFIER.classify(ValueError("x"), "lancedb").code is DatabaseErrorCode.QUERY_INVALID
    assert CLASSIFIER.classify(ValueError("x"), "duckdb").code is DatabaseErrorCode.QUERY_EXECUTION_FAILED


def test_the_same_exception_means_what_its_engine_says() -> None:
    with pytest.raises(json.JSONDecodeError) as caught:
        json.loads("{")
    assert CLASSIFIER.classify(caught.value, "tinydb").code is DatabaseErrorCode.ENGINE_UNAVAILABLE
    assert CLASSIFIER.classify(caught.value, "sqlite").code is DatabaseErrorCode.QUERY_INVALID


def test_an_unknown_exception_is_an_execution_failure_of_unknown_outcome() -> None:
    found = CLASSIFIER.classify(ZeroDivisionError("x"), "sqlite")
    assert (found.code, found.outcome) == (DatabaseErrorCode.QUERY_EXECUTION_FAILED, Outcome.UNKNOWN)
    assert not found.recoverable


def test_an_unknown_exception_is_judged_by_its_cause() -> None:
    wrapper = type("WrapperError", (Exception,), {})("it failed")
    wrapper.__cause__ = native("selec 1")
    assert CLASSIFIER.classify(wrapper, "duckdb").code is DatabaseErrorCode.QUERY_INVALID


def test_causes_in_a_circle_end() -> None:
    first, second = Exception("a"), Exception("b")
    first.__cause__, second.__cause__ = second, first
    assert CLASSIFIER.classify(first).code is DatabaseErrorCode.QUERY_EXECUTION_FAILED


def test_a_registered_table_is_used_and_replaced() -> None:
    classifier = DatabaseErrorClassifier()
    overloaded = Verdict(DatabaseErrorCode.ENGINE_OVERLOADED, Outcome.NOT_EXECUTED)
    timeout = Verdict(DatabaseErrorCode.ENGINE_TIMEOUT, Outcome.UNKNOWN)
    classifier.register("mine", ErrorTable(types={"builtins.ArithmeticError": overloaded}))
    assert classifier.classify(ZeroDivisionError(), "mine").code is DatabaseErrorCode.ENGINE_OVERLOADED
    classifier.register("mine", ErrorTable(types={"builtins.ArithmeticError": timeout}))
    assert classifier.classify(ZeroDivisionError(), "mine").code is DatabaseErrorCode.ENGINE_TIMEOUT
    assert CLASSIFIER.classify(ZeroDivisionError(), "mine").code is DatabaseErrorCode.QUERY_EXECUTION_FAILED


def test_a_refused_password_keeps_its_narrower_strategy_after_translation() -> None:
    refused = type("InvalidPassword", (Exception,), {"sqlstate": "28P01"})('authentication failed for user "ann"')
    assert CLASSIFIER.classify(refused, "postgresql").retry_strategy is RetryStrategy.NONE
    try:
        raise CLASSIFIER.translate(refused, engine="postgresql") from refused
    except Exception as exc:
        found = CLASSIFIER.classify(exc)
    assert (found.code, found.retry_strategy) == (DatabaseErrorCode.ENGINE_CONNECTION_FAILED, RetryStrategy.NONE)


def test_translation_carries_engine_query_hint_and_outcome() -> None:
    error = CLASSIFIER.translate(sqlite3.ProgrammingError("Cannot operate on a closed database."), engine="sqlite")
    assert (error.code, error.engine) == (DatabaseErrorCode.ENGINE_CONNECTION_FAILED, "sqlite")
    assert error.outcome is Outcome.NOT_EXECUTED
    assert error.hint == POLICIES[error.code].suggested_actions[0]
    assert CLASSIFIER.translate(ValueError(), engine="vec", query_id="q7").query_id == "q7"


def test_translation_leaves_a_polyroute_error_as_it_is_and_fills_in_where_it_was() -> None:
    error = make_error(DatabaseErrorCode.QUERY_INVALID, "no", engine="inner")
    assert CLASSIFIER.translate(error, engine="outer", query_id="q7") is error
    assert (error.engine, error.query_id) == ("inner", "q7")


def test_duckdb_s_suggestions_stay_and_its_excerpts_go() -> None:
    duckdb.sql("create or replace temp table flights(origin varchar)")
    error = CLASSIFIER.translate(native("select orign from flights where orign = 's3cret'"), engine="duckdb")
    assert 'Candidate bindings: "origin"' in error.message
    assert "s3cret" not in error.message
    error = CLASSIFIER.translate(native("select * from flight"), engine="duckdb")
    assert 'Did you mean "flights"?' in error.message


def test_a_missing_key_shows_the_column_but_no_value() -> None:
    with pytest.raises(KeyError) as column:
        pa.table({"a": [1]})["nope"]
    assert 'Field "nope" does not exist in schema' in CLASSIFIER.translate(column.value, engine="lancedb").message
    assert "s3cret" not in str(CLASSIFIER.translate(KeyError("s3cret value"), engine="networkx"))


def test_importing_the_floor_loads_no_engine_and_nothing_heavy() -> None:
    heavy = (
        "pyarrow",
        "duckdb",
        "_duckdb",
        "lancedb",
        "networkx",
        "numpy",
        "sqlglot",
        "sqlite3",
        "apsw",
        "asyncio",
        "logging",
    )
    source = f"import sys, polyroute.errors; print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_everything_exported_exists() -> None:
    from polyroute import errors

    assert sorted(set(errors.__all__)) == sorted(errors.__all__)
    assert all(hasattr(errors, name) for name in errors.__all__)

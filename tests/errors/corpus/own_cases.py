"""Every code as polyroute raises it itself; the coordination and performance codes have no native exception at all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from polyroute.errors import DatabaseErrorCode, Outcome, make_error

from .case import Case, Code

WRITE_MAY_BE_REPEATED = {
    Code.ENGINE_UNAVAILABLE,
    Code.ENGINE_OVERLOADED,
    Code.ENGINE_TIMEOUT,
    Code.ENGINE_CONNECTION_FAILED,
    Code.QUERY_OPTIMIZATION_FAILED,
    Code.TRANSACTION_FAILED,
    Code.TRANSACTION_TIMEOUT,
    Code.DEADLOCK_DETECTED,
    Code.RESOURCE_EXHAUSTED,
}
"""Where nothing was left behind, one placement is all there is, and a first attempt has failed."""


def raising(code: DatabaseErrorCode, outcome: Outcome) -> Callable[[Path], object]:
    def act(directory: Path) -> object:
        raise make_error(code, f"raised as {code.value}", engine="rel", outcome=outcome)

    return act


CASES = tuple(
    Case(
        id=f"own-{code.value.lower()}-{outcome.value}",
        engine="rel",
        act=raising(code, outcome),
        code=code,
        outcome=outcome,
        write_retryable=code in WRITE_MAY_BE_REPEATED and outcome is Outcome.NOT_EXECUTED,
    )
    for code in DatabaseErrorCode
    for outcome in (Outcome.NOT_EXECUTED, Outcome.UNKNOWN)
)

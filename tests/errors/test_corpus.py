"""The classifier against the labelled corpus of native exceptions."""

from __future__ import annotations

import random
import warnings
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from polyroute.errors import DatabaseErrorClassifier, DatabaseErrorCode, Outcome, PolyrouteError, RetryPolicy

from .corpus import CASES, SENTINEL, Case

POLICY = RetryPolicy()
UNSAFE = {Outcome.UNKNOWN, Outcome.COMMITTED}


@dataclass(frozen=True, slots=True)
class Seen:
    case: Case
    exc: BaseException
    code: DatabaseErrorCode
    outcome: Outcome
    write_retryable: bool
    translated: PolyrouteError
    directory: Path

    @property
    def right(self) -> bool:
        return (self.code, self.outcome, self.write_retryable) == (
            self.case.code,
            self.case.outcome,
            self.case.write_retryable,
        )


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> list[Seen]:
    classifier = DatabaseErrorClassifier()
    root = tmp_path_factory.mktemp("a private place")
    return [_see(case, root, classifier) for case in CASES]


def _see(case: Case, root: Path, classifier: DatabaseErrorClassifier) -> Seen:
    directory = root / f"of {case.id}"
    directory.mkdir()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exc = case.caught(directory)
    found = classifier.classify(exc, case.engine)
    step = POLICY.next_step(
        found, write=True, idempotent=False, attempt=1, time_left_s=None, alternative=False, rng=random.Random(0)
    )
    translated = classifier.translate(exc, engine=case.engine)
    return Seen(case, exc, found.code, found.outcome, step.kind != "give_up", translated, directory)


def test_it_is_large_and_covers_every_code_and_engine() -> None:
    assert len({case.id for case in CASES}) == len(CASES)
    assert sum(not case.id.startswith("own-") for case in CASES) >= 150
    assert {case.code for case in CASES} == set(DatabaseErrorCode)
    engines = Counter(case.engine for case in CASES)
    assert all(engines[engine] >= 25 for engine in ("sqlite", "duckdb", "lancedb", "networkx", "tinydb"))


def test_nearly_all_are_right(seen: list[Seen]) -> None:
    wrong = [
        f"{s.case.id}: {s.code}, {s.outcome}, {s.write_retryable} for {s.exc!r}"[:300] for s in seen if not s.right
    ]
    assert len(wrong) <= 0.05 * len(seen), "\n".join(wrong)
    assert not wrong, "\n".join(wrong)


def test_no_unsafe_write_is_retryable(seen: list[Seen]) -> None:
    unsafe = [s.case.id for s in seen if s.case.outcome in UNSAFE and s.write_retryable]
    assert not unsafe


def test_no_message_shows_a_value_or_a_place(seen: list[Seen]) -> None:
    leaks = [
        f"{s.case.id}: {s.translated}"
        for s in seen
        if SENTINEL in str(s.translated) or "private place" in str(s.translated)
    ]
    assert not leaks, "\n\n".join(leaks)


def test_every_translation_says_what_to_do(seen: list[Seen]) -> None:
    mute = [
        s.case.id for s in seen if not s.translated.message or (s.exc is not s.translated and not s.translated.hint)
    ]
    assert not mute


def test_native_exceptions_need_no_engine_where_their_class_tells(seen: list[Seen]) -> None:
    classifier = DatabaseErrorClassifier()
    telling = ("sqlite3", "apsw", "_duckdb", "networkx", "psycopg", "redis")
    wrong = [
        s.case.id
        for s in seen
        if type(s.exc).__module__.startswith(telling) and classifier.classify(s.exc).code is not s.case.code
    ]
    assert not wrong
